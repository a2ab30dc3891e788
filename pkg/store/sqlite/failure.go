package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errDamaged is what the check of a file that can still be read found.
var errDamaged = errors.New("the file is damaged")

// code gives SQLite's primary result code, 0 for an error of something else.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isCorrupt(err error) bool {
	c := code(err)
	return errors.Is(err, errDamaged) || c == sqlite3.SQLITE_CORRUPT || c == sqlite3.SQLITE_NOTADB
}

// isRefusal tells errors that lie in the event alone.
func isRefusal(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}

// isEmptyFile tells that a reader came before the writer had made the tables.
func isEmptyFile(err error) bool {
	return code(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
}

// explain says in plain words what somebody can do something about.
func explain(err error) error {
	what := map[int]string{
		sqlite3.SQLITE_FULL:     "the disk is full",
		sqlite3.SQLITE_READONLY: "file or folder is read-only",
		sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
		sqlite3.SQLITE_PERM:     "no permission",
		sqlite3.SQLITE_IOERR:    "the disk fails",
		sqlite3.SQLITE_BUSY:     "another process holds it",
	}[code(err)]
	if what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// setAside renames a damaged file, and the log that belongs to it, so that
// what can be read in it may be saved by hand. The file must be closed.
func (s *Store) setAside() error {
	aside := s.path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(s.path, aside); err != nil {
		return fmt.Errorf("cannot set the damaged file aside: %w", err)
	}
	if err := os.Rename(s.path+"-wal", aside+"-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot set the damaged file's log aside: %w", err)
	}
	if err := os.Remove(s.path + "-shm"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot remove the damaged file's index: %w", err)
	}
	s.log.Warn("the store's file is damaged: it was set aside and an empty one takes its place", "file", s.path, "set_aside", aside)
	return nil
}

// replace exchanges a file in which a write met damage for an empty one, and
// gives the error of that write. Only the first of several that met it acts.
func (s *Store) replace(damaged *sql.DB, met error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.writer != damaged {
		return met
	}
	err := s.closeFile()
	if err == nil {
		err = s.setAside()
	}
	if err == nil {
		err = s.open()
	}
	return errors.Join(met, err)
}
