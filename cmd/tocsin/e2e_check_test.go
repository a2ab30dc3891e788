package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/pkg/events"
	"tocsin/pkg/store/sqlite"
)

// exported gives what `tocsin export` writes, as text and as events.
func exported(t testing.TB, env []string) (string, []*events.Event) {
	t.Helper()
	cmd := exec.Command(tocsinBinary(t), "export", "--format", "jsonl")
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("tocsin export: %s\n%s", err, errs.String())
	}
	var list []*events.Event
	lines := bufio.NewScanner(bytes.NewReader(out.Bytes()))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		e, err := events.Decode(lines.Bytes())
		if err != nil {
			t.Fatalf("tocsin export: %s", err)
		}
		list = append(list, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String(), list
}

// storedCount gives how many events are stored right now; 0 while there is no
// store.
func storedCount(dataDir string) int {
	store, err := sqlite.OpenReadOnly(sqlite.Path(dataDir))
	if err != nil {
		return 0
	}
	defer store.Close()
	n := 0
	for _, err := range store.All(context.Background()) {
		if err != nil {
			return 0
		}
		n++
	}
	return n
}

// checkStored holds that exactly these events are stored, each once.
func checkStored(t testing.TB, list []*events.Event, want []place) {
	t.Helper()
	seen := map[place]int{}
	ids := map[string]int{}
	generations := map[string]string{}
	for _, e := range list {
		file := filepath.Base(e.File)
		seen[place{file, e.Offset}]++
		ids[e.ID]++
		if g, known := generations[file]; known && g != e.Generation {
			t.Errorf("%s has two generations: a restart took it for another file", file)
		}
		generations[file] = e.Generation
		if e.ID != events.NewID(e.Generation, e.Offset) {
			t.Errorf("event at %s:%d has an id that is not that of its place", file, e.Offset)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("event %s is stored %d times", id, n)
		}
	}
	missing, others := 0, len(seen)
	for _, p := range want {
		if seen[p] == 0 {
			if missing++; missing <= 10 {
				t.Errorf("the event at %s:%d is not stored", p.file, p.offset)
			}
			continue
		}
		others--
	}
	if missing > 0 || others > 0 {
		t.Errorf("%d of %d events are missing, %d others are stored", missing, len(want), others)
	}
	wanted := map[place]bool{}
	for _, p := range want {
		wanted[p] = true
	}
	shown := 0
	for _, e := range list {
		if p := (place{filepath.Base(e.File), e.Offset}); !wanted[p] && shown < 10 {
			shown++
			t.Errorf("nobody wrote the event at %s:%d: %s", p.file, p.offset, e.Message)
		}
	}
}

// alert is what the tests compare of a line of --alerts jsonl.
type alert struct {
	ID       string `json:"id"`
	Repeated bool   `json:"repeated"`
}

// alertsOf reads the stdout of `up --alerts jsonl`. A last line without its end
// was cut by a kill, and nobody has read it.
func alertsOf(t testing.TB, stdout string) []alert {
	t.Helper()
	var list []alert
	for line := range strings.Lines(stdout) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var a alert
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("stdout has a line that is no JSON: %s", err)
		}
		list = append(list, a)
	}
	return list
}

// differences tells in words where two counts differ, at most ten lines.
func differences(got, want map[string]int) []string {
	var lines []string
	for k, n := range want {
		if got[k] != n {
			lines = append(lines, fmt.Sprintf("%q: %d, want %d", k, got[k], n))
		}
	}
	for k, n := range got {
		if _, ok := want[k]; !ok {
			lines = append(lines, fmt.Sprintf("%q: %d, want none", k, n))
		}
	}
	slices.Sort(lines)
	return lines[:min(len(lines), 10)]
}
