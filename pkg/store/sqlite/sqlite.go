// Package sqlite keeps events in one SQLite file: the store that needs nothing
// installed. It is the only package that holds SQL.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	driver "modernc.org/sqlite"

	"tocsin/pkg/events"
	"tocsin/pkg/store"
)

// Path is where the events of a data folder are kept.
func Path(dataDir string) string { return filepath.Join(dataDir, "store", "events.db") }

// Options of Open.
type Options struct {
	// Log is told when a damaged file is set aside; may be nil.
	Log *slog.Logger
}

// Store keeps events in one file. One process writes through one connection;
// any number may read at the same time.
type Store struct {
	path     string
	log      *slog.Logger
	readOnly bool

	// mu is held for writing only while the file is opened, exchanged or closed.
	mu             sync.RWMutex
	writer, reader *sql.DB // nil after a damaged file could not be exchanged
	closed         bool
}

var _ store.Store = (*Store)(nil)

// Open opens the file, making it (0600) and its folder (0700) if they are not
// there. A damaged file is set aside as <name>.corrupt-<time> and an empty one
// takes its place. ErrNewer means that no later try will help; any other error
// is one of the disk.
func Open(path string, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the store: %w", err)
	}
	s := &Store{path: path, log: o.Log}
	err = s.open()
	if isCorrupt(err) {
		if err = s.setAside(); err == nil {
			err = s.open()
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenReadOnly opens a file that another process may be writing, or that one
// left behind when it was killed. It fails with fs.ErrNotExist where no event
// was ever stored; Put fails on what it gives.
func OpenReadOnly(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the store: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("cannot open the store: %w", err)
	}
	db, err := connect(path, "ro", 2)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, readOnly: true, reader: db, log: slog.New(slog.DiscardHandler)}
	if _, err := knownSchema(db); err != nil {
		s.Close()
		return nil, fmt.Errorf("cannot open %s: %w", path, explain(err))
	}
	return s, nil
}

// connect gives a pool of at most n connections.
func connect(path, mode string, n int) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)"}}
	if mode == "rwc" {
		// Full: a transaction is on disk when it is committed.
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(67108864)")
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	c, err := driver.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(n)
	return db, nil
}

// open opens or makes the file.
func (s *Store) open() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("cannot make the folder of the store: %w", err)
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	if s.writer, err = connect(s.path, "rwc", 1); err != nil {
		return err
	}
	if err = migrate(s.writer); err == nil {
		err = check(s.writer, s.path)
	}
	if err == nil {
		s.reader, err = connect(s.path, "ro", 4)
	}
	if err != nil {
		s.closeFile()
		return fmt.Errorf("cannot open %s: %w", s.path, explain(err))
	}
	return nil
}

func (s *Store) closeFile() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	s.reader, s.writer = nil, nil
	return errors.Join(errs...)
}

// Close closes the file. An iteration that is under way ends with an error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.closeFile(); err != nil {
		return fmt.Errorf("cannot close %s: %w", s.path, err)
	}
	return nil
}

const upsert = `INSERT INTO events (id, revision, time, host, kind, severity, "group", json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, time = excluded.time, host = excluded.host, kind = excluded.kind,
	severity = excluded.severity, "group" = excluded."group", json = excluded.json
WHERE excluded.revision > events.revision`

// Put writes the batch as one transaction, synced to disk. An event that can't
// be stored is refused alone; an error of the disk is that of every other.
func (s *Store) Put(ctx context.Context, batch []*events.Event) []error {
	verdicts := make([]error, len(batch))
	if len(batch) == 0 {
		return verdicts
	}
	writer, err := s.forWriting()
	if err == nil {
		err = put(ctx, writer, batch, verdicts)
	}
	if err == nil {
		return verdicts
	}
	if isCorrupt(err) {
		err = s.replace(writer, err)
	}
	err = fmt.Errorf("cannot write to %s: %w", s.path, explain(err))
	for i := range verdicts {
		if !errors.Is(verdicts[i], store.ErrRefused) {
			verdicts[i] = err
		}
	}
	return verdicts
}

func put(ctx context.Context, writer *sql.DB, batch []*events.Event, verdicts []error) error {
	tx, err := writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	stmt, err := tx.PrepareContext(ctx, upsert)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i, e := range batch {
		if e == nil || e.ID == "" {
			verdicts[i] = fmt.Errorf("cannot store an event without id: %w", store.ErrRefused)
			continue
		}
		data, err := events.Encode(e)
		if err != nil {
			verdicts[i] = fmt.Errorf("%w: %w", err, store.ErrRefused)
			continue
		}
		_, err = stmt.ExecContext(ctx, e.ID, e.Revision, nanoseconds(e.Time), e.Host, string(e.Kind), e.Severity, e.Group, data)
		if isRefusal(err) {
			verdicts[i] = fmt.Errorf("cannot store event %s: %w: %w", e.ID, err, store.ErrRefused)
		} else if err != nil {
			return err
		}
	}
	return tx.Commit()
}

var errClosed = errors.New("it is closed")

// forWriting gives the writing connection, opening the file again where that
// failed after it had been set aside.
func (s *Store) forWriting() (*sql.DB, error) {
	s.mu.RLock()
	writer, closed := s.writer, s.closed
	s.mu.RUnlock()
	switch {
	case s.readOnly:
		return nil, errors.New("it was opened for reading only")
	case closed:
		return nil, errClosed
	case writer != nil:
		return writer, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.writer == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	return s.writer, nil
}

func (s *Store) forReading() (*sql.DB, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.reader == nil {
		return nil, errClosed
	}
	return s.reader, nil
}

// nanoseconds since 1970, within what they can hold (1678 to 2262); 0 for a
// time that is not known.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Get reads one event; store.ErrNotFound if there is none.
func (s *Store) Get(ctx context.Context, id string) (*events.Event, error) {
	var data []byte
	reader, err := s.forReading()
	if err == nil {
		err = reader.QueryRowContext(ctx, `SELECT json FROM events WHERE id = ?`, id).Scan(&data)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows), isEmptyFile(err):
		return nil, fmt.Errorf("cannot read event %s: %w", id, store.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("cannot read event %s from %s: %w", id, s.path, explain(err))
	}
	return events.Decode(data)
}

// page is how many events All reads in one query: a read that is open for
// long would keep the writer's log from being emptied.
const page = 500

// All gives every event, oldest first by time, then id. It may run for hours
// while another process writes: what is written behind its place meanwhile is
// left out. A row that can't be decoded gives an error and the iteration goes
// on; any other error ends it.
func (s *Store) All(ctx context.Context) iter.Seq2[*events.Event, error] {
	return func(yield func(*events.Event, error) bool) {
		at := place{time: math.MinInt64}
		for {
			n, more, err := s.readPage(ctx, &at, yield)
			if err != nil && !isEmptyFile(err) {
				yield(nil, fmt.Errorf("cannot read %s: %w", s.path, explain(err)))
				return
			}
			if !more || n < page {
				return
			}
		}
	}
}

// place is the last event that was given.
type place struct {
	time int64
	id   string
}

// readPage gives the events after a place and moves it.
func (s *Store) readPage(ctx context.Context, at *place, yield func(*events.Event, error) bool) (n int, more bool, err error) {
	reader, err := s.forReading()
	if err != nil {
		return 0, false, err
	}
	rows, err := reader.QueryContext(ctx, `SELECT time, id, json FROM events WHERE (time, id) > (?, ?) ORDER BY time, id LIMIT ?`, at.time, at.id, page)
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&at.time, &at.id, &data); err != nil {
			return n, false, err
		}
		n++
		if !yield(events.Decode(data)) {
			return n, false, nil
		}
	}
	return n, true, rows.Err()
}
