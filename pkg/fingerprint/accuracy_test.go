package fingerprint

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGrouping measures groups against labelled logs (the folder loghub in
// CORPUS_DIR). GA is the share of lines in groups that are exactly right, FGA
// the F1 over groups.
func TestAccuracyGrouping(t *testing.T) {
	dir := os.Getenv("CORPUS_DIR")
	if dir == "" {
		t.Skip("CORPUS_DIR is not set")
	}
	file, err := os.Open(filepath.Join(dir, "loghub", "truth.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var ga, fga, systems float64
	in := bufio.NewScanner(file)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var truth struct {
			System  string
			Content string `json:"content_file"`
			Events  []string
		}
		if err := json.Unmarshal(in.Bytes(), &truth); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, truth.Content))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
			got = append(got, Of(logEvent(line)))
		}
		if len(got) != len(truth.Events) {
			t.Fatalf("%s has %d lines and %d labels", truth.System, len(got), len(truth.Events))
		}
		g, f := accuracy(truth.Events, got)
		t.Logf("%-12s GA %.3f FGA %.3f", truth.System, g, f)
		ga, fga, systems = ga+g, fga+f, systems+1
	}
	if err := in.Err(); err != nil || systems == 0 {
		t.Fatalf("%v systems, %v", systems, err)
	}
	t.Logf("mean         GA %.3f FGA %.3f", ga/systems, fga/systems)
	if ga/systems < 0.90 || fga/systems < 0.87 {
		t.Errorf("GA %.3f and FGA %.3f, want 0.90 and 0.87", ga/systems, fga/systems)
	}
}

// accuracy compares two groupings of the same lines.
func accuracy(want, got []string) (ga, fga float64) {
	wanted, found := groups(want), groups(got)
	lines, right := 0, 0
	for _, g := range found {
		if slices.Equal(wanted[want[g[0]]], g) {
			lines += len(g)
			right++
		}
	}
	return float64(lines) / float64(len(want)), 2 * float64(right) / float64(len(wanted)+len(found))
}

// groups gives the lines of each name.
func groups(names []string) map[string][]int {
	m := map[string][]int{}
	for i, name := range names {
		m[name] = append(m[name], i)
	}
	return m
}
