package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// offsetVersion is the version of the offset file's form.
const offsetVersion = 1

// offsetFile is what is kept of one source file, in a file of its own under
// DATA_DIR/offsets.
type offsetFile struct {
	Version int    `json:"version"`
	Path    string `json:"path"`
	// Generations are oldest first; the last one that is not finished is the
	// file at the path.
	Generations []generationState `json:"generations"`
}

// generationState is what a restart needs to go on with a generation.
type generationState struct {
	Generation string `json:"generation"`
	// Path is where the file was last seen.
	Path string `json:"path"`
	evidence
	// Modified is the file's modification time at its first opening.
	Modified time.Time `json:"modified"`
	// OpenedSize is the file's size then.
	OpenedSize int64 `json:"opened_size"`
	// BacklogEnd is up to where the bytes were there when the source was first
	// followed.
	BacklogEnd int64 `json:"backlog_end"`
	// ContextOffset is where reading starts again, at line ContextLine, for the
	// context; events are put together from AssembleOffset on; those that start
	// before PublishedOffset are on the broker.
	ContextOffset   int64 `json:"context_offset"`
	ContextLine     int64 `json:"context_line"`
	AssembleOffset  int64 `json:"assemble_offset"`
	PublishedOffset int64 `json:"published_offset"`
	// QuietCut is where silence ended an event.
	QuietCut int64 `json:"quiet_cut,omitempty"`
	// LastTime is the last time seen before AssembleOffset.
	LastTime time.Time `json:"last_time,omitzero"`
	// GoneSince is when the file left its path.
	GoneSince time.Time `json:"gone_since,omitzero"`
	// Finished: it is read to its end and watched no longer.
	Finished bool      `json:"finished,omitempty"`
	Saved    time.Time `json:"saved"`
}

func (s *generationState) point() point {
	return point{Context: s.ContextOffset, ContextLine: s.ContextLine, Off: s.AssembleOffset, Last: s.LastTime}
}

func (s *generationState) set(p point, published int64) {
	s.ContextOffset, s.ContextLine, s.AssembleOffset, s.LastTime = p.Context, p.ContextLine, p.Off, p.Last
	s.PublishedOffset = published
}

// check tells what of a state read from disk cannot be.
func (s *generationState) check() error {
	switch {
	case s.Generation == "":
		return errors.New("a generation has no name")
	case s.ContextOffset < 0 || s.AssembleOffset < s.ContextOffset || s.PublishedOffset < 0 || s.HeadBytes < 0 || s.HeadBytes > headBytes,
		s.CheckFrom < 0 || s.CheckEnd < s.CheckFrom || s.CheckEnd-s.CheckFrom > checkBytes:
		return fmt.Errorf("the offsets of generation %s contradict each other", s.Generation)
	}
	return nil
}

// maxFinished is how many finished generations a file's state keeps, so that
// they are known again under another name.
const maxFinished = 20

// offsetStore reads and writes the offset files.
type offsetStore struct{ dir string }

// openOffsets makes the folder.
func openOffsets(dataDir string) (*offsetStore, error) {
	dir := filepath.Join(dataDir, "offsets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of the offsets: %w", err)
	}
	return &offsetStore{dir: dir}, nil
}

const sourcesName = "sources.json"

// nameFor is the name of a path's offset file: readable, and unique by a hash.
func (o *offsetStore) nameFor(path string) string {
	short := strings.Map(func(r rune) rune {
		if r == '/' || r == os.PathSeparator {
			return '_'
		}
		if r < ' ' || r > '~' {
			return '-'
		}
		return r
	}, strings.TrimPrefix(path, "/"))
	if len(short) > 100 {
		short = short[len(short)-100:]
	}
	return short + "." + mint("", path, "", 0, time.Time{}, nil)[:8] + ".json"
}

// load reads all offset files. One that is torn or not ours is set aside and
// named in the errors; the others are given.
func (o *offsetStore) load() ([]*offsetFile, []error) {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, []error{fmt.Errorf("cannot list the offsets: %w", err)}
	}
	var files []*offsetFile
	var faults []error
	for _, e := range entries {
		name := e.Name()
		if name == sourcesName || !strings.HasSuffix(name, ".json") {
			if strings.HasSuffix(name, ".tmp") {
				os.Remove(filepath.Join(o.dir, name)) // what a crash left half written
			}
			continue
		}
		f, err := o.read(name)
		if err != nil {
			faults = append(faults, o.setAside(name, err))
			continue
		}
		files = append(files, f)
	}
	return files, faults
}

func (o *offsetStore) read(name string) (*offsetFile, error) {
	data, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		return nil, err
	}
	var f offsetFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.Version != offsetVersion {
		return nil, fmt.Errorf("its version is %d, this program reads %d", f.Version, offsetVersion)
	}
	if f.Path == "" || o.nameFor(f.Path) != name {
		return nil, errors.New("it does not belong to the path it names")
	}
	for i := range f.Generations {
		if err := f.Generations[i].check(); err != nil {
			return nil, err
		}
	}
	return &f, nil
}

// setAside renames a file that cannot be used, so that it can be looked at.
func (o *offsetStore) setAside(name string, cause error) error {
	from := filepath.Join(o.dir, name)
	to := from + ".broken"
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("cannot use offset file %s (%w) nor set it aside: %w", from, cause, err)
	}
	return fmt.Errorf("cannot use offset file %s, set aside as %s, its log is read from the start: %w", from, to, cause)
}

// save writes the offsets of one file: after it returns they are on disk.
func (o *offsetStore) save(f *offsetFile) error {
	return o.write(o.nameFor(f.Path), f)
}

// sources notes when each path or glob was first followed.
type sources map[string]time.Time

func (o *offsetStore) loadSources() (sources, error) {
	data, err := os.ReadFile(filepath.Join(o.dir, sourcesName))
	if errors.Is(err, fs.ErrNotExist) {
		return sources{}, nil
	}
	var s sources
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return sources{}, o.setAside(sourcesName, err)
	}
	if s == nil {
		s = sources{}
	}
	return s, nil
}

func (o *offsetStore) saveSources(s sources) error { return o.write(sourcesName, s) }

// write replaces a file in one step: temporary file, fsync, rename, fsync of
// the folder.
func (o *offsetStore) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode offset file %s: %w", name, err)
	}
	path := filepath.Join(o.dir, name)
	if err := writeSynced(path+".tmp", append(data, '\n')); err != nil {
		return fmt.Errorf("cannot write offset file %s: %w", path, err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("cannot replace offset file %s: %w", path, err)
	}
	d, err := os.Open(o.dir)
	if err != nil {
		return fmt.Errorf("cannot sync the folder of the offsets: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot sync the folder of the offsets: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
