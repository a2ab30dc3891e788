package analyzer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

// cached is what KV analyses holds of a problem.
type cached struct {
	Analysis events.Analysis `json:"analysis"`
	// Time is when the model answered.
	Time time.Time `json:"time"`
}

// cache keeps the analysis of a problem for all replicas and restarts. Another
// model, prompt or language is another answer.
type cache struct {
	kv      *bus.KV
	variant string
}

func newCache(kv *bus.KV, model, language string) *cache {
	sum := sha256.Sum256([]byte(model + "\x00" + promptVersion + "\x00" + language))
	return &cache{kv: kv, variant: hex.EncodeToString(sum[:8])}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// key of a problem in KV analyses: "problem.<group>.<model, prompt, language>".
func (c *cache) key(group string) string {
	if !plainKey.MatchString(group) {
		group = events.NewGroup(group)
	}
	return "problem." + group + "." + c.variant
}

// get gives the analysis of a problem, nil if there is none. A value that can't
// be read counts as none and is written anew.
func (c *cache) get(ctx context.Context, key string) (*events.Analysis, error) {
	entry, err := c.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var v cached
	if json.Unmarshal(entry.Value, &v) != nil {
		return nil, nil
	}
	return &v.Analysis, nil
}

func (c *cache) put(ctx context.Context, key string, a events.Analysis, now time.Time) error {
	value, err := json.Marshal(cached{Analysis: a, Time: now.UTC()})
	if err != nil {
		return fmt.Errorf("cannot encode an analysis: %w", err)
	}
	return c.kv.Put(ctx, key, value)
}
