package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// follower follows one path: the file there, and those that were there until
// they are read to their end and no longer waited for.
type follower struct {
	s    *Service
	path string
	// generations are being read, oldest first; the last may be at the path.
	generations []*generation
	// finished are kept to be known again.
	finished []generationState
	saved    time.Time
	dirty    bool
}

func newFollower(s *Service, path string) *follower { return &follower{s: s, path: path} }

// run follows until ctx is done.
func (f *follower) run(ctx context.Context) {
	delay := minPoll
	for {
		grew := f.step(ctx)
		if grew {
			delay = minPoll
		}
		if ctx.Err() != nil {
			break
		}
		if !grew {
			if f.s.o.Waker.Wait(ctx, f.sleep(delay)) != nil {
				break
			}
			delay = min(2*delay, maxPoll)
		}
	}
	if f.dirty {
		if err := f.save(); err != nil {
			f.s.o.Log.Error("cannot save offsets at the stop", "file", f.path, "error", err)
		}
	}
	for _, g := range f.generations {
		g.close()
	}
}

// sleep is how long to wait: the back-off, or less where silence would end an
// event before.
func (f *follower) sleep(delay time.Duration) time.Duration {
	now := f.s.o.Now()
	for _, g := range f.generations {
		if g.asm.pending() {
			if left := g.grown.Add(f.s.o.EventQuiet).Sub(now); left < delay {
				delay = max(left, time.Millisecond)
			}
		}
	}
	return delay
}

// step looks at the path and reads one chunk; false if there was nothing new.
func (f *follower) step(ctx context.Context) bool {
	if err := f.look(false); err != nil {
		f.s.said.fault("open "+f.path, "cannot follow a file", "file", f.path, "error", err)
	}
	grew := false
	for _, g := range slices.Clone(f.generations) {
		if ctx.Err() != nil {
			return false
		}
		more, err := g.step()
		if err != nil {
			f.failed(g, err)
			continue
		}
		if more {
			grew = true
			break // an older one is read to its end before the next
		}
		f.retire(g)
	}
	if f.dirty && f.s.o.Now().Sub(f.saved) >= time.Second {
		if err := f.save(); err != nil {
			f.s.said.fault("save "+f.path, "cannot save offsets, reading goes on", "file", f.path, "error", err)
		}
	}
	return grew
}

// failed deals with a generation that cannot be read on.
func (f *follower) failed(g *generation, err error) {
	if errors.Is(err, errTruncated) {
		f.s.o.Log.Info("a file was truncated, reading it from its start", "file", f.path)
		f.finish(g)
		f.finished[len(f.finished)-1].Inode = 0 // it holds other bytes now
		if err := f.save(); err != nil {
			f.s.said.fault("save "+f.path, "cannot save offsets, reading goes on", "file", f.path, "error", err)
		}
		if err := f.look(false); err != nil {
			f.s.said.fault("open "+f.path, "cannot follow a file", "file", f.path, "error", err)
		}
		return
	}
	if f.s.out.ctx.Err() == nil {
		f.s.said.fault("read "+f.path, "cannot read a file, trying again", "file", f.path, "error", err)
	}
}

// look opens the file at the path if it is another one than before; first: it
// was there when its source was first followed.
func (f *follower) look(first bool) error {
	info, err := os.Stat(f.path)
	now := f.s.o.Now()
	if err != nil || !info.Mode().IsRegular() {
		f.leave(now, fileID{})
		return nil
	}
	id := idOf(info)
	for _, g := range f.generations {
		if g.id == id {
			if !g.gone.IsZero() {
				g.gone, f.dirty = time.Time{}, true
			}
			f.leave(now, id)
			return nil
		}
	}
	f.leave(now, id)
	if f.s.isOpen(id) {
		return nil // another path reads this file
	}
	return f.openLive(first)
}

// leave notes since when the generations other than id are not at the path.
func (f *follower) leave(now time.Time, id fileID) {
	for _, g := range f.generations {
		if g.id != id && g.gone.IsZero() {
			g.gone, f.dirty = now.UTC(), true
		}
	}
}

// openLive opens the file at the path, as a generation that is known or as a
// new one.
func (f *follower) openLive(first bool) error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("cannot open it: %w", err)
	}
	g, err := f.begin(file, first)
	if err != nil || g == nil {
		file.Close()
		return err
	}
	f.generations = append(f.generations, g)
	f.s.said.forget("open " + f.path)
	return f.save()
}

// begin makes the generation of an open file; nil if it is not to be read.
func (f *follower) begin(file *os.File, first bool) (*generation, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot stat it: %w", err)
	}
	from := int64(0)
	head, err := readHead(file, headBytes, 0)
	if err == nil && len(head) > 0 && head[0] == 0 {
		if from, err = holeEnd(f.s.ctx, file); err == nil {
			head, err = readHead(file, headBytes, from)
		}
	}
	if err != nil {
		return nil, err
	}
	if why := notText(head); why != "" {
		f.s.said.fault("binary "+f.path, "file is not followed: "+why, "file", f.path)
		return nil, nil
	}
	if len(head) == 0 && first {
		f.s.said.fault("empty "+f.path, "file is empty, waiting for lines", "file", f.path)
	}
	if state := f.s.known(file, idOf(info)); state != nil && state.CheckEnd <= info.Size() {
		state.Path, state.Finished = f.path, false
		f.finished = slices.DeleteFunc(f.finished, func(s generationState) bool { return s.Generation == state.Generation })
		return openGeneration(f, file, idOf(info), *state)
	}
	state := generationState{
		Generation: mint(f.s.o.Host, f.path, f.former(), idOf(info).inode, info.ModTime(), head),
		Path:       f.path, Modified: info.ModTime().UTC(), OpenedSize: info.Size(),
	}
	state.set(point{Context: from, ContextLine: 1, Off: from}, from)
	if first {
		if err := f.mark(&state, file, info); err != nil {
			return nil, err
		}
	}
	return openGeneration(f, file, idOf(info), state)
}

// former is the generation that was at the path before.
func (f *follower) former() string {
	if n := len(f.generations); n > 0 {
		return f.generations[n-1].kept.Generation
	}
	if n := len(f.finished); n > 0 {
		return f.finished[n-1].Generation
	}
	return ""
}

// mark notes the backlog of a file and where START_AT lets reading begin.
func (f *follower) mark(state *generationState, file *os.File, info os.FileInfo) error {
	state.BacklogEnd = info.Size()
	begin := state.point()
	st, err := parseStart(f.s.o.StartAt)
	if err != nil {
		return err
	}
	if !st.end && st.since == 0 {
		return nil
	}
	r, err := newLineReader(file, f.s.buffers, begin.Off, begin.ContextLine)
	if err != nil {
		return err
	}
	from := point{Context: -1}
	oldest, last := f.s.o.Now().Add(-st.since), time.Time{}
	for from.Context < 0 {
		n, err := r.read(func(l line) {
			if st.end || from.Context >= 0 {
				return
			}
			if t, ok := lineTime(l.text, yearReference(last, state.Modified, true), f.s.o.Location); ok {
				last = t
				if !t.Before(oldest) {
					from = point{Context: l.off, ContextLine: l.num, Off: l.off}
				}
			}
		})
		if err == nil {
			err = f.s.ctx.Err() // nothing is noted of the file: the next start looks for its begin again
		}
		if err != nil {
			return err
		}
		if n == 0 && from.Context < 0 {
			from = point{Context: r.off, ContextLine: r.num, Off: r.off}
		}
	}
	state.set(from, from.Off)
	return nil
}

// resume opens again what an earlier run was reading: at its path, or under a
// name it was given by a rotation.
func (f *follower) resume(saved *offsetFile) {
	for _, state := range saved.Generations {
		if state.Finished {
			f.finished = append(f.finished, state)
			continue
		}
		file, id, path := f.find(&state)
		if file == nil {
			state.Finished, f.dirty = true, true // told once
			f.finished = append(f.finished, state)
			if state.CheckEnd > 0 {
				f.s.said.fault("lost "+state.Generation, "a file that was being read is gone or was written anew; what it had behind the offset is lost", "file", state.Path, "offset", state.AssembleOffset)
			}
			continue
		}
		g, err := openGeneration(f, file, id, state)
		if err != nil {
			file.Close()
			f.s.said.fault("resume "+f.path, "cannot read on", "file", path, "error", err)
			state.Finished = true // what tells it again stays, so that the next look reads on
			f.finished = append(f.finished, state)
			continue
		}
		if path != f.path && g.gone.IsZero() {
			g.gone = f.s.o.Now().UTC()
		}
		f.generations = append(f.generations, g)
	}
}

// find looks for a generation's file at its path and beside it: the same inode
// and the same bytes, else at the path the same bytes.
func (f *follower) find(state *generationState) (*os.File, fileID, string) {
	if state.CheckEnd != state.AssembleOffset {
		return nil, fileID{}, "" // it was written anew before the offset was saved
	}
	paths := append([]string{f.path}, renamed(f.path, state.Inode)...)
	for _, sameInode := range []bool{true, false} {
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() || (idOf(info).inode == state.Inode) != sameInode || info.Size() < state.CheckEnd {
				continue
			}
			if !sameInode && state.HeadBytes < headBytes {
				continue // too little evidence without the inode
			}
			file, err := os.Open(path)
			if err != nil {
				continue
			}
			if state.matches(file) && !f.s.isOpen(idOf(info)) {
				return file, idOf(info), path
			}
			file.Close()
		}
	}
	return nil, fileID{}, ""
}

// renamed gives the files beside path that have an inode: what a rotation made
// of it.
func renamed(path string, inode uint64) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && idOf(info).inode == inode && e.Name() != filepath.Base(path) {
			out = append(out, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return out
}

// retire ends a generation that left its path and is no longer waited for.
func (f *follower) retire(g *generation) {
	if g.gone.IsZero() || f.s.o.Now().Sub(g.gone) < f.s.o.RotatedWait {
		return
	}
	if err := g.last(); err != nil {
		f.failed(g, err)
		return
	}
	f.finish(g)
}

// finish drops a generation and keeps what tells it again.
func (f *follower) finish(g *generation) {
	state := g.state()
	state.Finished = true
	g.close()
	f.generations = slices.DeleteFunc(f.generations, func(o *generation) bool { return o == g })
	f.finished = append(f.finished, state)
	if over := len(f.finished) - maxFinished; over > 0 {
		f.finished = f.finished[over:]
	}
	f.dirty = true
}

// save writes the offsets of all generations of the path.
func (f *follower) save() error {
	file := &offsetFile{Version: offsetVersion, Path: f.path, Generations: slices.Clone(f.finished)}
	for _, g := range f.generations {
		file.Generations = append(file.Generations, g.state())
	}
	if err := f.s.offsets.save(file); err != nil {
		return err
	}
	f.s.remember(file)
	f.saved, f.dirty = f.s.o.Now(), false
	return nil
}
