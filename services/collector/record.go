package collector

import (
	"strings"
	"time"
)

// record is an event while its lines come in.
type record struct {
	// idle is the point from which a restart finds this event again.
	idle point
	// start and end are its bytes, first and last its lines.
	start, end, first, last int64
	// seenLine is the last line that belonged to it or was held.
	seenLine int64
	time     time.Time
	head     *decoded
	match    Match
	hit      bool
	block    block
	// onKernel: its lines are the kernel's; bare: they carry no prefix, so every
	// line may be one of them.
	onKernel, bare bool
	body           body
	cut            int64
	held           []line
	heldBytes      int
	before, after  []string
	closed         bool
	afterLeft      int
	afterFrom      int64
}

// newRecord begins an event with a line; nil if the line is none.
func newRecord(l line, d *decoded, f *Found, e *env) *record {
	r := &record{start: l.off, end: l.end(), first: l.num, last: l.num, seenLine: l.num, head: d, cut: l.cut, afterFrom: l.next}
	stripped, kernel := kernelText(d.text)
	if !d.json {
		if f.heads&headKernel != 0 && kernelTitle.MatchString(stripped) && (kernel || !strings.HasPrefix(stripped, "WARNING: at ")) {
			if !e.cellTrace {
				return nil
			}
			r.block = newKernelBlock(stripped, kernel)
			r.onKernel, r.bare = true, !kernel
		} else if kernel {
			r.onKernel = true
			if strings.Contains(stripped, "invoked oom-killer") {
				r.block = &oomBlock{}
			}
		} else {
			r.block = stackHead(f.heads, d.content)
		}
	}
	r.match, r.hit = e.recogniser.Recognise(f, d)
	if !r.hit && r.block == nil {
		if d.stack == "" || d.level != "error" && d.level != "critical" && d.level != "fatal" {
			return nil
		}
	}
	if !r.hit {
		r.match.Before, r.match.After = defaultContext, defaultContext
	}
	r.afterLeft = r.match.After
	r.body.add(d.text)
	return r
}

// add judges a line, by the text behind the kernel's prefix for a kernel event.
func (r *record) add(l line, text string) verdict {
	if r.head.json {
		return outside
	}
	content := text
	if !r.onKernel {
		content = withoutHeader(text)
	}
	if r.block == nil {
		if r.onKernel {
			return outside
		}
		if r.block = stackAfter(content); r.block == nil {
			return outside
		}
		r.absorb(l)
		return belongs
	}
	v := r.block.add(content)
	if v == belongs || v == closes {
		for _, h := range r.held {
			r.absorb(h)
		}
		r.held, r.heldBytes = nil, 0
		r.absorb(l)
	}
	return v
}

func (r *record) absorb(l line) {
	r.body.add(cleanText(l.text))
	r.cut += l.cut
	r.end, r.last, r.seenLine = l.end(), l.num, l.num
	r.afterFrom = l.next
}

// hold keeps a line that belongs if a later one does; false if too many wait.
func (r *record) hold(l line) bool {
	if len(r.held) >= maxHeldLines || r.heldBytes+len(l.text) > maxHeldBytes {
		return false
	}
	l.text = append([]byte(nil), l.text...)
	r.held = append(r.held, l)
	r.heldBytes += len(l.text)
	r.seenLine = l.num
	return true
}

// isEvent tells whether what was put together is an event.
func (r *record) isEvent() bool {
	return r.hit || r.head.stack != "" || r.block != nil && r.block.certain()
}
