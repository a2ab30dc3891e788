package collector

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestCrashSendsTheSameAgain puts back the offsets of before, as a crash leaves
// them whose last saves did not happen: the same events go out again, under
// the same ids and with the same text.
func TestCrashSendsTheSameAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\nfine\n")
		s.start("a.log")
		s.stop()
		dir := filepath.Join(s.o.DataDir, "offsets")
		before := map[string][]byte{}
		names, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(names) != 2 {
			t.Fatalf("offset files %v, error %v", names, err)
		}
		for _, n := range names {
			if before[n], err = os.ReadFile(n); err != nil {
				t.Fatal(err)
			}
		}
		s.append("a.log", "more\nERROR two\n"+javaText+warnText+"ERROR three\nfine\n")
		s.start("a.log")
		s.stop()
		first := slices.Clone(s.broker.events)
		if len(first) != 4 {
			t.Fatalf("%d events, want 4: %q", len(first), s.broker.messages())
		}
		for n, data := range before {
			if err := os.WriteFile(n, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.broker.events, s.broker.ids = s.broker.events[:1:1], map[string]bool{first[0].ID: true}
		s.start("a.log")
		s.stop()
		if len(s.broker.events) != len(first) || s.broker.doubly != 0 {
			t.Fatalf("%d events, %d doubly; want %d", len(s.broker.events), s.broker.doubly, len(first))
		}
		for i, e := range s.broker.events {
			if told(e) != told(first[i]) {
				t.Errorf("event %d\n got %s\nwant %s", i, told(e), told(first[i]))
			}
		}
	})
}
