package matcher

// trie is the automaton while it is built: state 0 is the root, and next is
// complete after link.
type trie struct {
	width int
	next  []int32
	ends  [][]int32
}

func newTrie(width int) *trie {
	t := &trie{width: width}
	t.grow()
	return t
}

func (t *trie) grow() int32 {
	for range t.width {
		t.next = append(t.next, -1)
	}
	t.ends = append(t.ends, nil)
	return int32(len(t.ends) - 1)
}

func (t *trie) add(classes []uint8, literal int32) {
	s := int32(0)
	for _, c := range classes {
		i := int(s)*t.width + int(c)
		if t.next[i] < 0 {
			n := t.grow()
			t.next[i] = n
		}
		s = t.next[i]
	}
	t.ends[s] = append(t.ends[s], literal)
}

// link turns the trie into the automaton, level by level: a missing step goes
// where the longest proper suffix would go, and a state ends all that its
// suffix ends.
func (t *trie) link() {
	suffix := make([]int32, len(t.ends))
	queue := make([]int32, 0, len(t.ends))
	for c := range t.width {
		if n := t.next[c]; n < 0 {
			t.next[c] = 0
		} else {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		t.ends[s] = append(t.ends[s], t.ends[suffix[s]]...)
		for c := range t.width {
			i := int(s)*t.width + c
			fallback := t.next[int(suffix[s])*t.width+c]
			if n := t.next[i]; n < 0 {
				t.next[i] = fallback
			} else {
				suffix[n] = fallback
				queue = append(queue, n)
			}
		}
	}
}
