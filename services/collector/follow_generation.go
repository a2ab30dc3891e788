package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// generation is one life of a file, read through one descriptor.
type generation struct {
	f    *follower
	file *os.File
	id   fileID
	kept generationState

	reader *lineReader
	// off is up to where the file is read, for those who look from outside.
	off atomic.Int64
	asm *assembler
	// written is the file's modification time when it was last read.
	written time.Time
	// grown is when a complete line was last read, by the collector's clock.
	grown time.Time
	// gone is since when the file is not at its path.
	gone time.Time
}

// openGeneration reads on where the state says.
func openGeneration(f *follower, file *os.File, id fileID, state generationState) (*generation, error) {
	p := state.point()
	r, err := newLineReader(file, f.s.buffers, p.Context, p.ContextLine)
	if err != nil {
		return nil, err
	}
	info := fileInfo{path: f.path, generation: state.Generation, mod: state.Modified, backlog: state.BacklogEnd, opened: state.OpenedSize}
	g := &generation{
		f: f, file: file, id: id, kept: state, reader: r, gone: state.GoneSince, grown: f.s.o.Now(),
		asm: newAssembler(f.s.env, info, p, state.PublishedOffset, state.QuietCut),
	}
	g.off.Store(p.Context)
	if !f.s.claim(g) {
		return nil, fmt.Errorf("cannot read %s: it is being read already", file.Name())
	}
	return g, nil
}

func (g *generation) close() {
	g.f.s.release(g)
	g.file.Close()
}

// left is how many bytes are not read yet. Any goroutine may ask while the file
// is claimed.
func (g *generation) left() int64 {
	size, _, err := sizeOf(g.file)
	if err != nil {
		return 0
	}
	return max(0, size-g.off.Load())
}

// state is what a restart needs now. The evidence is taken only from a file
// that still holds what was read: a file written anew would be taken for it.
func (g *generation) state() generationState {
	p, published := g.asm.restart()
	g.kept.set(p, published)
	if g.reader.intact() {
		g.kept.note(g.file, g.id, p.Off)
	}
	g.kept.GoneSince, g.kept.Saved = g.gone, g.f.s.o.Now().UTC()
	return g.kept
}

// step reads one chunk and publishes what is complete; false if there is
// nothing new. Silence ends what is open.
func (g *generation) step() (bool, error) {
	from := g.reader.off
	n, err := g.read()
	if errors.Is(err, errTruncated) {
		if err := g.end(); err != nil {
			return false, err
		}
	}
	if err != nil {
		return false, err
	}
	if n > 0 {
		g.f.s.metrics.bytes.Add(float64(n))
		g.off.Store(g.reader.pos())
	}
	if g.reader.off > from {
		g.f.dirty = true
		err := g.publish()
		g.grown = g.f.s.o.Now()
		return true, err
	}
	if g.asm.pending() && g.f.s.o.Now().Sub(g.grown) >= g.f.s.o.EventQuiet {
		return n > 0, g.quiet()
	}
	return n > 0, nil
}

// read reads one chunk if there is one. A file that was written to but is no
// longer than before may hold other bytes.
func (g *generation) read() (int64, error) {
	size, written, err := sizeOf(g.file)
	if err != nil {
		return 0, err
	}
	same := written.Equal(g.written)
	g.written = written
	switch pos := g.reader.pos(); {
	case size > pos:
		return g.reader.read(g.line)
	case size < pos || !same && !g.reader.intact():
		return 0, errTruncated
	}
	return 0, nil
}

// line takes one line from the reader.
func (g *generation) line(l line) {
	s := g.f.s
	s.metrics.linesRead.Inc()
	if l.cut > 0 {
		s.metrics.errors.Inc()
		s.said.warn("long "+g.kept.Generation, "a line is too long, the rest of it is cut", "file", g.f.path, "offset", l.off, "bytes", int64(len(l.text))+l.cut)
	}
	if isJSON(l.text) && l.cut == 0 && !json.Valid(l.text) {
		s.metrics.errors.Inc()
		s.said.warn("json "+g.kept.Generation, "a JSON line is broken, it is read as text", "file", g.f.path, "offset", l.off)
	}
	g.asm.feed(l)
}

// quiet ends what is open because nothing more came. Where it ended is on disk
// before anything is published: a restart must end it at the same place, though
// more lines may have come by then.
func (g *generation) quiet() error {
	g.kept.QuietCut = g.asm.pos
	if err := g.f.save(); err != nil {
		return err
	}
	g.asm.flush()
	return g.publish()
}

// publish sends what is complete and saves the offset behind it.
func (g *generation) publish() error {
	list := g.asm.unsent()
	if len(list) == 0 {
		return nil
	}
	if err := g.f.s.out.send(list); err != nil {
		return err
	}
	g.asm.sent()
	return g.f.save()
}

// last ends a generation that left its path: the line without newline counts.
func (g *generation) last() error {
	size, _, err := sizeOf(g.file)
	if err != nil {
		return err
	}
	if err := g.reader.rest(size, g.line); err != nil {
		return err
	}
	return g.end()
}

// end completes what is open.
func (g *generation) end() error {
	g.asm.flush()
	return g.publish()
}
