package collector

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// start says what is read of the bytes that are there when a source is first
// followed.
type start struct {
	end bool
	// since, if above 0, is how far back lines may be.
	since time.Duration
}

func parseStart(s string) (start, error) {
	switch strings.ToLower(s) {
	case "beginning":
		return start{}, nil
	case "end":
		return start{end: true}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return start{}, fmt.Errorf("START_AT is %q; it must be beginning, end, or a duration such as 24h", s)
	}
	return start{since: d}, nil
}

func sortedPaths[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// discover looks at every path and glob, starts to follow what is new and
// gives all followers. A source that was never followed before is noted only
// after the offsets of its files are on disk.
func (s *Service) discover() []*follower {
	var fresh []string
	for _, pattern := range s.o.Paths {
		key := absolute(pattern)
		first := s.sources[key].IsZero()
		for _, path := range s.expand(pattern) {
			if s.ctx.Err() == nil {
				s.follow(path, first)
			}
		}
		if first {
			fresh = append(fresh, key)
		}
	}
	if len(fresh) > 0 && s.ctx.Err() == nil { // else not all their files are opened
		s.noteSources(fresh)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*follower, 0, len(s.followers))
	for _, p := range sortedPaths(s.followers) {
		out = append(out, s.followers[p])
	}
	return out
}

// noteSources writes down that these sources are followed from now on.
func (s *Service) noteSources(fresh []string) {
	for _, key := range fresh {
		s.sources[key] = s.o.Now().UTC()
	}
	if err := s.offsets.saveSources(s.sources); err != nil {
		for _, key := range fresh {
			delete(s.sources, key) // try again at the next look
		}
		s.said.fault("sources", "cannot note which sources are followed", "error", err)
	}
}

// absolute makes one name of the spellings of a path.
func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	return abs
}

// expand gives the paths of a source. A plain path is given even if there is
// nothing yet, and a glob that finds nothing is said once.
func (s *Service) expand(pattern string) []string {
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{absolute(pattern)}
	}
	if _, err := os.Lstat(pattern); err == nil {
		return []string{absolute(pattern)} // a file whose name looks like a glob
	}
	found, err := filepath.Glob(pattern)
	for i := range found {
		found[i] = absolute(found[i])
	}
	found = append(found, s.left(absolute(pattern), found)...)
	if err != nil || len(found) == 0 {
		s.said.note("glob "+pattern, "no file matches yet, waiting", "glob", pattern)
	}
	return found
}

// left gives the paths of a glob whose file an earlier run was reading and that
// a rotation while we were stopped left empty.
func (s *Service) left(pattern string, found []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, path := range sortedPaths(s.saved) {
		unfinished := slices.ContainsFunc(s.saved[path].Generations, func(g generationState) bool { return !g.Finished })
		if unfinished && s.followers[path] == nil && !slices.Contains(found, path) {
			if ok, err := filepath.Match(pattern, path); err == nil && ok {
				out = append(out, path)
			}
		}
	}
	return out
}

// follow makes a follower for a path that has a file worth following, or had
// one in an earlier run; first: its source was never followed before.
func (s *Service) follow(path string, first bool) {
	s.mu.Lock()
	_, known := s.followers[path]
	saved := s.saved[path]
	s.mu.Unlock()
	if known {
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		if saved == nil {
			s.sayMissing(path, err)
			return
		}
	} else if !s.readable(path, info) || saved == nil && s.isOpen(idOf(info)) {
		return
	}
	f := newFollower(s, path)
	if saved != nil {
		f.resume(saved)
	}
	if err := f.look(first); err != nil && s.ctx.Err() == nil {
		s.said.fault("open "+path, "cannot follow a file", "file", path, "error", err)
	}
	if len(f.generations) == 0 && len(f.finished) == 0 {
		return
	}
	s.mu.Lock()
	s.followers[path] = f
	s.mu.Unlock()
}

func (s *Service) sayMissing(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		s.said.fault("missing "+path, "file is not there, waiting for it", "file", path)
		return
	}
	s.said.fault("stat "+path, "cannot look at a file", "file", path, "error", err)
}

// readable tells whether a path is a regular file, and says once if not.
func (s *Service) readable(path string, info os.FileInfo) bool {
	switch {
	case info.IsDir():
		s.said.fault("dir "+path, "a directory is not followed; name its files, for example with /*", "file", path)
	case !info.Mode().IsRegular():
		s.said.fault("special "+path, "not a regular file, not followed", "file", path, "mode", info.Mode().String())
	default:
		return true
	}
	return false
}

func (s *Service) isOpen(id fileID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id] != nil
}

// claim takes a file for a generation; false if another one reads it.
func (s *Service) claim(g *generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.open[g.id]; other != nil && other != g {
		return false
	}
	s.open[g.id] = g
	return true
}

func (s *Service) release(g *generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[g.id] == g {
		delete(s.open, g.id)
	}
}

// known finds the generation of a file that some path followed before, by its
// inode and its bytes.
func (s *Service) known(f *os.File, id fileID) *generationState {
	s.mu.Lock()
	var candidates []generationState
	for _, saved := range s.saved {
		for _, g := range saved.Generations {
			if g.Inode == id.inode && g.CheckEnd > 0 && g.CheckEnd == g.AssembleOffset {
				candidates = append(candidates, g)
			}
		}
	}
	s.mu.Unlock()
	slices.SortFunc(candidates, func(a, b generationState) int { return cmp.Compare(b.PublishedOffset, a.PublishedOffset) })
	for i := range candidates {
		if candidates[i].matches(f) {
			return &candidates[i]
		}
	}
	return nil
}

// remember keeps what was saved of a file for known.
func (s *Service) remember(f *offsetFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved[f.Path] = f
}
