package matcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func found(m *Matcher, text string) []int32 {
	var s Set
	m.Find([]byte(text), &s)
	return slices.Sorted(slices.Values(s.Literals()))
}

func TestFind(t *testing.T) {
	m := New([]string{"error", "err", "OOM", "磁盘已满", "rr", "", "a\tb"})
	for _, c := range []struct {
		text string
		want []int32
	}{
		{"", nil},
		{"all is well", nil},
		{"an ERROR here", []int32{0, 1, 4}},
		{"eRr", []int32{1, 4}},
		{"carry", []int32{4}},
		{"oom-killer", []int32{2}},
		{"警告: 磁盘已满!", []int32{3}},
		{"磁盘", nil},
		{"a\tB", []int32{6}},
		{"errerrerror", []int32{0, 1, 4}},
	} {
		if got := found(m, c.text); !slices.Equal(got, c.want) {
			t.Errorf("Find(%q) = %v, want %v", c.text, got, c.want)
		}
		if got := m.Contains([]byte(c.text)); got != (len(c.want) > 0) {
			t.Errorf("Contains(%q) = %v", c.text, got)
		}
	}
}

func TestSetHas(t *testing.T) {
	lits := make([]string, 200)
	for i := range lits {
		lits[i] = fmt.Sprintf("<%d>", i)
	}
	m := New(lits)
	var s Set
	m.Find([]byte("<3> <199>"), &s)
	if !s.Has(3) || !s.Has(199) || s.Has(4) {
		t.Error("Has is wrong after Find")
	}
	m.Find([]byte("<4>"), &s)
	if s.Has(3) || !s.Has(4) {
		t.Error("Has remembers an earlier Find")
	}
}

func lower(s string) string { return string(foldAll([]byte(s))) }

func foldAll(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = fold(b[i])
	}
	return out
}

func TestFindEqualsContains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abAB界")), 0, 4, -1)
		lits := rapid.SliceOfN(word, 0, 8).Draw(t, "literals")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abAB界x")), 0, 30, -1).Draw(t, "text")
		var want []int32
		for i, lit := range lits {
			if lit != "" && strings.Contains(lower(text), lower(lit)) {
				want = append(want, int32(i))
			}
		}
		if got := found(New(lits), text); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestFindAllocatesNothing(t *testing.T) {
	m := New(benchLiterals)
	var s Set
	m.Find([]byte("connection refused"), &s)
	for _, line := range []string{"GET /index.html 200 1234", "ERROR connection refused"} {
		text := []byte(line)
		if n := testing.AllocsPerRun(100, func() { m.Find(text, &s) }); n != 0 {
			t.Errorf("Find(%q) allocates %v times", line, n)
		}
	}
}
