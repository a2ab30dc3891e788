package events

import (
	"testing"

	"pgregory.net/rapid"
)

// The values are pinned: they are Msg-Ids and document ids of stored events, so
// another value would store every event twice.
func TestNewID(t *testing.T) {
	f := func(generation string, offset int64, want string) {
		t.Helper()
		if got := NewID(generation, offset); got != want {
			t.Errorf("NewID(%q, %d) = %s, want %s", generation, offset, got, want)
		}
	}
	f("", 0, "f78b037f6d1ecfc5a00bc7d96858bdc7")
	f("5c1d8ea0f3b94c7d", 0, "e08c042c56e28a13dc815c8227b477d2")
	f("5c1d8ea0f3b94c7d", 81342, "11e059d7b51be3d18ee1d2f622edff4f")
	f("5c1d8ea0f3b94c7d8", 1342, "ec3abfbfb97569fad1ba571938e8b820")
	f("5c1d8ea0f3b94c7d", 1<<40, "e358b393f7e81c508aca255d55909a5a")
}

func TestNewGroup(t *testing.T) {
	f := func(fingerprint, want string) {
		t.Helper()
		if got := NewGroup(fingerprint); got != want {
			t.Errorf("NewGroup(%q) = %s, want %s", fingerprint, got, want)
		}
	}
	f("", "d220160e7085cfcfcfeb6b52c44e6b20")
	f("connection to ‹ip› refused", "14106947c870b0220137804a4c4e0caf")
	f("connection to ‹ip› reset", "235b19ba2dea5235b4963f09c199deb4")
}

func TestIDsDifferByPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9a-f]{0,6}`)
		offset := rapid.Int64Range(0, 200)
		g1, g2 := text.Draw(t, "generation"), text.Draw(t, "other generation")
		o1, o2 := offset.Draw(t, "offset"), offset.Draw(t, "other offset")
		if same := g1 == g2 && o1 == o2; (NewID(g1, o1) == NewID(g2, o2)) != same {
			t.Fatalf("%q %d and %q %d: equal ids should be %v", g1, o1, g2, o2, same)
		}
	})
}
