package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/pkg/events"
	"tocsin/pkg/store"
	"tocsin/pkg/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("TOCSIN_TEST_WRITER"); path != "" {
		writeForEver(path)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, Path(t.TempDir())) })
}

func TestPermissions(t *testing.T) {
	path := Path(filepath.Join(t.TempDir(), "data"))
	storetest.Put(t, open(t, path), storetest.Event(1, 0))
	for _, c := range []struct {
		path string
		mode fs.FileMode
	}{{filepath.Dir(path), 0o700}, {path, 0o600}, {path + "-wal", 0o600}, {path + "-shm", 0o600}} {
		info, err := os.Stat(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != c.mode {
			t.Errorf("%s has mode %o, want %o", c.path, info.Mode().Perm(), c.mode)
		}
	}
}

func TestSettingsOfTheFile(t *testing.T) {
	s := open(t, Path(t.TempDir()))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "user_version": "1", "busy_timeout": "5000"} {
		var got string
		if err := s.writer.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
		}
	}
}

// Every name of a folder must lead to that folder.
func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?b=c&mode=memory", "a#b", "a%20b", "警钟", "a;b'c\"d", "+"} {
		path := Path(filepath.Join(t.TempDir(), name))
		s := open(t, path)
		storetest.Put(t, s, storetest.Event(1, 0))
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
			t.Errorf("%q: nothing is written there: %v", name, err)
		}
		r, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(storetest.IDs(t, r)); n != 1 {
			t.Errorf("%q: got %d events", name, n)
		}
		r.Close()
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	storetest.Put(t, open(t, Path("./data")), storetest.Event(1, 0))
	if _, err := os.Stat("data/store/events.db"); err != nil {
		t.Fatal(err)
	}
}

func TestTimesAtTheEdges(t *testing.T) {
	for name, c := range map[string]struct {
		in   time.Time
		want int64
	}{
		"none":        {time.Time{}, 0},
		"1970":        {time.Unix(0, 1), 1},
		"before 1678": {time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), math.MinInt64},
		"after 2262":  {time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
	} {
		if got := nanoseconds(c.in); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := Path(t.TempDir())
	if _, err := OpenReadOnly(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want one that says there is nothing", err)
	}
	s := open(t, path)
	storetest.Put(t, s, storetest.Event(1, 0), storetest.Event(2, 0))

	read := func(when string, want int) {
		t.Helper()
		r, err := OpenReadOnly(path)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		defer r.Close()
		if n := len(storetest.IDs(t, r)); n != want {
			t.Errorf("%s: got %d events, want %d", when, n, want)
		}
		for _, err := range r.Put(t.Context(), []*events.Event{storetest.Event(9, 0)}) {
			if err == nil {
				t.Errorf("%s: it writes", when)
			}
		}
	}
	read("while another writes", 2)
	storetest.Put(t, s, storetest.Event(3, 0))
	read("after a further write", 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read("after it stopped", 3)
	read("again", 3)
}

// A reader may come between the making of the file and that of its tables.
func TestReadOnlyOfAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if ids := storetest.IDs(t, r); ids != nil {
		t.Fatalf("got %v", ids)
	}
	if _, err := r.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

func TestUndecodableRowDoesNotEndTheExport(t *testing.T) {
	s := open(t, Path(t.TempDir()))
	storetest.Put(t, s, storetest.Event(1, 0), storetest.Event(2, 0), storetest.Event(3, 0))
	if _, err := s.writer.Exec(`UPDATE events SET json = CAST('{"secret' AS BLOB) WHERE id = ?`, storetest.Event(2, 0).ID); err != nil {
		t.Fatal(err)
	}
	var good, bad int
	for e, err := range s.All(t.Context()) {
		switch {
		case err == nil && e != nil:
			good++
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("the error quotes the event: %v", err)
		default:
			bad++
		}
	}
	if good != 2 || bad != 1 {
		t.Fatalf("got %d good, %d bad", good, bad)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	path := Path(t.TempDir())
	s := open(t, path)
	storetest.Put(t, s, storetest.Event(1, 0))
	if _, err := s.writer.Exec(`PRAGMA user_version = 99`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(path, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("Open: got %v, want ErrNewer", err)
	}
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrNewer) {
		t.Errorf("OpenReadOnly: got %v, want ErrNewer", err)
	}
	if left, _ := filepath.Glob(path + ".corrupt-*"); left != nil {
		t.Errorf("the file was set aside: %v", left)
	}
}

// damaged fills a file with events and breaks it in one way.
func damaged(t *testing.T, how func(data []byte) []byte) string {
	t.Helper()
	path := Path(t.TempDir())
	s := open(t, path)
	for n := range 200 {
		storetest.Put(t, s, storetest.Event(n, 0))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func overwrite(from, to int) func([]byte) []byte {
	return func(data []byte) []byte {
		for i := from; i < to && i < len(data); i++ {
			data[i] = 0xa5
		}
		return data
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, how := range map[string]func([]byte) []byte{
		"header":      overwrite(0, 16),
		"schema page": overwrite(100, 4096),
		"inner pages": overwrite(8192, 20480),
		"text":        func([]byte) []byte { return bytes.Repeat([]byte("not a database\n"), 1000) },
		"cut off":     func(data []byte) []byte { return data[:len(data)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			path := damaged(t, how)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := Open(path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			storetest.Put(t, s, storetest.Event(1, 0))
			if n := len(storetest.IDs(t, s)); n != 1 {
				t.Errorf("got %d events in the new file", n)
			}
			aside, _ := filepath.Glob(path + ".corrupt-*Z")
			if len(aside) != 1 {
				t.Fatalf("set aside: %v", aside)
			}
			if after, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file set aside is another: %v", err)
			}
			if !strings.Contains(log.String(), aside[0]) {
				t.Errorf("it is not named: %s", log.String())
			}
		})
	}
}

// Damage that is met only by a write costs one more try of that batch.
func TestDamageUnderTheRunningStore(t *testing.T) {
	path := damaged(t, func(data []byte) []byte { return data })
	s := open(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, overwrite(4096, len(data))(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec(`PRAGMA shrink_memory`); err != nil { // pages in memory hide the damage
		t.Fatal(err)
	}
	e := storetest.Event(5, 3)
	verdict := s.Put(t.Context(), []*events.Event{e})[0]
	if verdict == nil || errors.Is(verdict, store.ErrRefused) {
		t.Fatalf("got %v, want an error that lets the event be tried again", verdict)
	}
	storetest.Put(t, s, e)
	if got := storetest.IDs(t, s); !slices.Equal(got, []string{e.ID}) {
		t.Fatalf("got %v", got)
	}
	if aside, _ := filepath.Glob(path + ".corrupt-*Z"); len(aside) != 1 {
		t.Fatalf("set aside: %v", aside)
	}
}

func TestDiskErrors(t *testing.T) {
	for name, c := range map[string]struct{ pragma, says string }{
		"full":      {"max_page_count = 8", "the disk is full"},
		"read-only": {"query_only = 1", "read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Path(t.TempDir()))
			if _, err := s.writer.Exec("PRAGMA " + c.pragma); err != nil {
				t.Fatal(err)
			}
			big := storetest.Event(1, 0)
			big.Body = strings.Repeat("x", 64<<10)
			noID := storetest.Event(2, 0)
			noID.ID = ""
			verdicts := s.Put(t.Context(), []*events.Event{storetest.Event(3, 0), big, noID})
			for _, err := range verdicts[:2] {
				if err == nil || errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), s.path) {
					t.Errorf("got %v, want an error of the disk that says %q and where", err, c.says)
				}
			}
			if ids := storetest.IDs(t, s); ids != nil {
				t.Errorf("half a batch was stored: %v", ids)
			}
			for _, undo := range []string{"max_page_count = 1073741823", "query_only = 0"} {
				if _, err := s.writer.Exec("PRAGMA " + undo); err != nil {
					t.Fatal(err)
				}
			}
			storetest.Put(t, s, storetest.Event(3, 0), big)
		})
	}
}

func TestFolderOutOfReach(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a file in the way": Path(file), "a folder in the way": filepath.Dir(file)} {
		if s, err := Open(path, Options{}); err == nil || errors.Is(err, ErrNewer) {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
}

func TestLockedByAnother(t *testing.T) {
	s := open(t, Path(t.TempDir()))
	other, err := connect(s.path, "rwc", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec("PRAGMA busy_timeout = 20"); err != nil {
		t.Fatal(err)
	}
	verdict := s.Put(t.Context(), []*events.Event{storetest.Event(1, 0)})[0]
	if verdict == nil || !strings.Contains(verdict.Error(), "another process holds it") {
		t.Errorf("got %v", verdict)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	storetest.Put(t, s, storetest.Event(1, 0))
}

func TestClosed(t *testing.T) {
	s := open(t, Path(t.TempDir()))
	s.Close()
	if err := s.Put(context.Background(), []*events.Event{storetest.Event(1, 0)})[0]; !errors.Is(err, errClosed) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Get(t.Context(), "x"); !errors.Is(err, errClosed) {
		t.Errorf("Get: %v", err)
	}
	for _, err := range s.All(t.Context()) {
		if !errors.Is(err, errClosed) {
			t.Errorf("All: %v", err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	for name, size := range map[string]int{"10": 10, "200": 200} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(Path(b.TempDir()), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			body := strings.Repeat("log line ", 80)
			n := 0
			for b.Loop() {
				batch := make([]*events.Event, size)
				for i := range batch {
					n++
					batch[i] = storetest.Event(n, 0)
					batch[i].Body = body
				}
				storetest.Put(b, s, batch...)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
