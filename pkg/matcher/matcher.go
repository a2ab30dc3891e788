// Package matcher finds many literals in a text at once, whatever the case of
// their ASCII letters: an Aho-Corasick automaton as one dense table, one step a
// byte, no allocation.
package matcher

// Matcher is safe for concurrent use; it never changes after New.
type Matcher struct {
	// class folds a byte to its column: bytes that no literal holds share
	// column 0, upper and lower case of a letter share one.
	class [256]uint8
	// next is the table: state*width + class gives the next state, already
	// multiplied by width.
	next []uint32
	// firstMatch is the lowest state (times width) in which a literal ends.
	firstMatch uint32
	// ends lists the literals that end in a matching state.
	ends  [][]int32
	width uint32
	count int
}

// New builds the automaton over the literals; a literal's index is its number.
// Empty literals are never found. Memory is about 4 bytes a state and class:
// 1,000 literals of 15 bytes take some 3 MB.
func New(literals []string) *Matcher {
	m := &Matcher{count: len(literals)}
	m.buildClasses(literals)
	t := newTrie(int(m.width))
	for i, lit := range literals {
		if lit != "" {
			t.add(m.classes(lit), int32(i))
		}
	}
	t.link()
	m.layOut(t)
	return m
}

// Len is the number of literals.
func (m *Matcher) Len() int { return m.count }

// Contains tells whether any literal is in the text.
func (m *Matcher) Contains(text []byte) bool {
	next, first := m.next, m.firstMatch
	s := uint32(0)
	for _, b := range text {
		s = next[s+uint32(m.class[b])]
		if s >= first {
			return true
		}
	}
	return false
}

// Find notes in found which literals are in the text (each once, in the order
// of their first end) and tells whether there was any. It allocates nothing
// unless found has to grow for the first time.
func (m *Matcher) Find(text []byte, found *Set) bool {
	found.reset(m.count)
	next, first := m.next, m.firstMatch
	s := uint32(0)
	for _, b := range text {
		s = next[s+uint32(m.class[b])]
		if s >= first {
			for _, lit := range m.ends[(s-first)/m.width] {
				found.add(lit)
			}
		}
	}
	return len(found.list) > 0
}

// Set is what Find found. The zero value is ready; reuse it, by one goroutine.
type Set struct {
	list []int32
	bits []uint64
}

// Literals gives the numbers of the literals found. The slice is valid until
// the next Find.
func (s *Set) Literals() []int32 { return s.list }

// Has tells whether a literal was found.
func (s *Set) Has(literal int32) bool {
	return int(literal)>>6 < len(s.bits) && s.bits[literal>>6]&(1<<(literal&63)) != 0
}

func (s *Set) reset(n int) {
	for _, lit := range s.list {
		s.bits[lit>>6] = 0
	}
	s.list = s.list[:0]
	if words := (n + 63) / 64; len(s.bits) < words {
		s.bits = make([]uint64, words)
	}
}

func (s *Set) add(lit int32) {
	if s.Has(lit) {
		return
	}
	s.bits[lit>>6] |= 1 << (lit & 63)
	s.list = append(s.list, lit)
}

func fold(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

func (m *Matcher) buildClasses(literals []string) {
	var used [256]bool
	for _, lit := range literals {
		for i := range len(lit) {
			used[fold(lit[i])] = true
		}
	}
	n := uint32(1)
	var column [256]uint8
	for b, is := range used {
		if is && n < 256 {
			column[b] = uint8(n)
			n++
		}
	}
	for b := range 256 {
		m.class[b] = column[fold(byte(b))]
	}
	m.width = n
}

func (m *Matcher) classes(lit string) []uint8 {
	out := make([]uint8, len(lit))
	for i := range len(lit) {
		out[i] = m.class[lit[i]]
	}
	return out
}

// layOut numbers the states so that the matching ones come last, and writes
// the table.
func (m *Matcher) layOut(t *trie) {
	place := make([]uint32, len(t.ends))
	n := uint32(0)
	for s := range t.ends {
		if len(t.ends[s]) == 0 {
			place[s] = n
			n++
		}
	}
	m.firstMatch = n * m.width
	for s := range t.ends {
		if len(t.ends[s]) > 0 {
			place[s] = n
			n++
			m.ends = append(m.ends, t.ends[s])
		}
	}
	m.next = make([]uint32, uint32(len(t.ends))*m.width)
	for s := range t.ends {
		row := place[s] * m.width
		for c := range m.width {
			m.next[row+c] = place[t.next[uint32(s)*m.width+c]] * m.width
		}
	}
}
