package collector

// contextWindow is a little more of a line than is shown, enough to see that it
// has to be cut and where.
const contextWindow = maxContextBytes + 16

// contextRing keeps the last lines of a file, so that an event can show what
// came before it. Its buffers are used again: a line costs a copy, nothing more.
type contextRing struct {
	lines []contextLine
	// next is where the next line goes, count how many lines are held.
	next, count int
}

type contextLine struct {
	off, num int64
	text     []byte
}

func (r *contextRing) init(before int) {
	r.lines = make([]contextLine, before+maxHeldLines)
}

func (r *contextRing) add(l line) {
	c := &r.lines[r.next]
	c.off, c.num = l.off, l.num
	c.text = append(c.text[:0], l.text[:min(len(l.text), contextWindow)]...)
	r.next = (r.next + 1) % len(r.lines)
	r.count = min(r.count+1, len(r.lines))
}

// back gives the line n lines back from the end, or the oldest there is.
func (r *contextRing) back(n int) (contextLine, bool) {
	n = min(n, r.count)
	if n == 0 {
		return contextLine{}, false
	}
	return r.lines[(r.next-n+len(r.lines))%len(r.lines)], true
}

// before gives the text of the last n lines that start before off.
func (r *contextRing) before(off int64, n int) []string {
	var out []string
	for back := r.count; back > 0; back-- {
		if c := r.lines[(r.next-back+len(r.lines))%len(r.lines)]; c.off < off {
			out = append(out, contextText(c.text))
			if len(out) > n {
				out = out[1:]
			}
		}
	}
	return out
}

// contextText is a line as context: shortened. One that fills the window was
// cut already.
func contextText(text []byte) string {
	clean := cleanText(text[:min(len(text), contextWindow)])
	if len(text) < contextWindow {
		return shorten(clean, maxContextBytes)
	}
	return shorten(clean, min(maxContextBytes, len(clean)-1))
}
