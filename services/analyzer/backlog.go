package analyzer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/pkg/bus"
)

// backlog counts the problems of a backlog for which the model is asked, over
// all replicas and restarts. The backlog of a day (in UTC, when it was read) is
// one: a folder that is added next week has its own. Each of the places is a
// key in KV analyses that holds the problem which took it.
type backlog struct {
	kv  *bus.KV
	max int

	mu    sync.Mutex
	day   string
	taken []string // problems by place, as far as they are known here
}

// take tells whether a problem may be asked about. One that was allowed once
// stays allowed: problems are counted, not tries.
func (b *backlog) take(ctx context.Context, problem string, observed time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if day := observed.UTC().Format(time.DateOnly); day != b.day {
		b.day, b.taken = day, nil // what was taken that day is learned again
	}
	if slices.Contains(b.taken, problem) {
		return true, nil
	}
	for len(b.taken) < b.max {
		key := fmt.Sprintf("backlog.%s.%d", b.day, len(b.taken))
		err := b.kv.Create(ctx, key, []byte(problem))
		if err == nil {
			b.taken = append(b.taken, problem)
			return true, nil
		}
		if !errors.Is(err, bus.ErrConflict) {
			return false, err
		}
		entry, err := b.kv.Get(ctx, key)
		if err != nil {
			return false, err
		}
		b.taken = append(b.taken, string(entry.Value))
		if string(entry.Value) == problem {
			return true, nil
		}
	}
	return false, nil
}
