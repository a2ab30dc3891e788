package mask

// hitFlag marks a state in which a literal ends.
const hitFlag = 1 << 31

// automaton finds all literals in one pass over the bytes of a text, ASCII
// letters in either case: an Aho-Corasick automaton with every transition
// written out, its columns being classes of bytes that no literal tells apart.
type automaton struct {
	class [256]uint8
	width uint32
	// next is indexed by state × width + class; states are kept multiplied.
	next []uint32
	// hits are the literals that end in a state, by their index.
	hits [][]uint16
}

func newAutomaton(literals []string) *automaton {
	a := &automaton{width: 1}
	for _, l := range literals {
		for i := range len(l) {
			c := lower(l[i])
			if a.class[c] == 0 {
				a.class[c] = uint8(a.width)
				a.width++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[lower(c)]
	}
	a.addState()
	for n, l := range literals {
		state := uint32(0)
		for i := range len(l) {
			at := state*a.width + uint32(a.class[lower(l[i])])
			if a.next[at] == 0 {
				to := a.addState() // may move a.next
				a.next[at] = to
			}
			state = a.next[at]
		}
		a.hits[state] = append(a.hits[state], uint16(n))
	}
	a.close()
	return a
}

func (a *automaton) addState() uint32 {
	a.next = append(a.next, make([]uint32, a.width)...)
	a.hits = append(a.hits, nil)
	return uint32(len(a.hits) - 1)
}

// close writes out the transitions that the literals leave open: those of the
// longest suffix that begins a literal, breadth first.
func (a *automaton) close() {
	fail := make([]uint32, len(a.hits))
	queue := []uint32{}
	for c := range a.width {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.hits[s] = append(a.hits[s], a.hits[fail[s]]...)
		for c := range a.width {
			to, back := a.next[s*a.width+c], a.next[fail[s]*a.width+c]
			if to == 0 {
				a.next[s*a.width+c] = back
				continue
			}
			fail[to] = back
			queue = append(queue, to)
		}
	}
	for i, s := range a.next {
		a.next[i] = s * a.width
		if len(a.hits[s]) > 0 {
			a.next[i] |= hitFlag
		}
	}
}
