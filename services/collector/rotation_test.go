package collector

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// rewrite replaces what a file holds and leaves its inode.
func (s *stand) rewrite(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// TestRewrittenWhileAnEventWaits: the end of the old event is published, and
// its offset saved, when the file already holds other bytes; they must not be
// taken for those that were read.
func TestRewrittenWhileAnEventWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.o.EventQuiet = 30 * time.Second
		s.append("a.log", "")
		s.start("a.log")
		s.append("a.log", "ERROR one\n")
		s.settle()
		s.rewrite("a.log", "ERROR new\n"+strings.Repeat("filler\n", 20))
		s.settle()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.want("ERROR one", "ERROR new")
		s.stop()
	})
}

// TestRewrittenJustBeforeTheStop: the offsets that are saved at the stop do
// not take the new bytes for those that were read.
func TestRewrittenJustBeforeTheStop(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "")
		s.start("a.log")
		s.append("a.log", "ERROR one\n")
		time.Sleep(600 * time.Millisecond)
		synctest.Wait()
		s.rewrite("a.log", "ERROR new\n"+strings.Repeat("filler\n", 20))
		s.stop()
		s.start("a.log")
		s.want("ERROR one", "ERROR new")
		s.stop()
	})
}

func TestRewrittenWithTheSameLength(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR run 1\n")
		s.start("a.log")
		s.rewrite("a.log", "ERROR run 2\n")
		s.settle()
		s.want("ERROR run 1 (backlog)", "ERROR run 2")
		s.stop()
	})
}

// TestRenamedWhileStoppedUnderAGlob: nothing is at the old path, so the glob
// does not find it any more.
func TestRenamedWhileStoppedUnderAGlob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.start("*.log")
		s.stop()
		s.append("a.log", "ERROR two\n")
		s.rename("a.log", "a.log.1")
		s.start("*.log")
		s.want("ERROR one (backlog)", "ERROR two")
		s.append("a.log", "ERROR new\n")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two", "ERROR new")
		s.stop()
	})
}

// TestTruncatedUnderAWriter: a writer that does not append goes on at its old
// offset, so that the file begins with a hole, which reads as NUL.
func TestTruncatedUnderAWriter(t *testing.T) {
	for _, size := range []int64{5000, 3 << 20} {
		bubble(t, func(t *testing.T, s *stand) {
			s.append("a.log", "ERROR one\n"+strings.Repeat("x", int(size)-11)+"\n")
			s.start("a.log")
			f, err := os.OpenFile(s.path("a.log"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(0); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte("ERROR two\nERROR three\n"), size); err != nil {
				t.Fatal(err)
			}
			s.settle()
			s.want("ERROR one (backlog)", "ERROR two", "ERROR three")
			if e := s.broker.events[len(s.broker.events)-2]; e.Offset != size || e.FirstLine != 1 {
				t.Errorf("the first line behind the hole is at %d, line %d", e.Offset, e.FirstLine)
			}
			s.stop()
		})
	}
}

// TestTruncatedInALongLine: the part of the line that was read is gone.
func TestTruncatedInALongLine(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"shorter", "ERROR new\n"},
		{"regrown", "ERROR new\n" + strings.Repeat("filler line\n", 300_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stand) {
				s.append("a.log", strings.Repeat("x", 2<<20))
				s.start("a.log")
				s.rewrite("a.log", c.text)
				s.settle()
				s.want("ERROR new")
				s.stop()
			})
		})
	}
}

// TestEndlessLineDoesNotHoldAnEvent: a progress bar without newlines grows
// behind an error.
func TestEndlessLineDoesNotHoldAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "")
		s.start("a.log")
		s.append("a.log", "ERROR one\n"+strings.Repeat("#", 2<<20))
		for range 40 {
			time.Sleep(50 * time.Millisecond)
			s.append("a.log", "####")
		}
		synctest.Wait()
		s.want("ERROR one")
		s.stop()
	})
}

// TestRewrittenAfterItsRename: bytes of another text are no late lines.
func TestRewrittenAfterItsRename(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.start("a.log")
		s.rename("a.log", "gone")
		s.settle()
		s.rewrite("gone", "other text ERROR other\nERROR x\n")
		s.settle()
		s.want("ERROR one (backlog)")
		s.stop()
	})
}

// TestStartAtInJSON: the times of JSON lines count as those of text.
func TestStartAtInJSON(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.o.StartAt = "1h"
		time.Sleep(10 * time.Hour)
		s.append("a.log", `{"level":"error","time":"2000-01-01T00:00:00Z","msg":"old"}`+"\n"+`{"level":"error","ts":"2000-01-01T09:59:00Z","msg":"young"}`+"\n")
		s.start("a.log")
		s.want("young (backlog)")
		s.stop()
	})
}

// TestStopWhileTheStartIsLookedFor: a source whose files are not all opened
// does not count as followed, or the next start would take its old bytes for
// live ones.
func TestStopWhileTheStartIsLookedFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.o.StartAt = "1h"
		time.Sleep(10 * time.Hour)
		s.append("a.log", "2000-01-01 00:00:00 ERROR old\n2000-01-01 09:59:00 ERROR young\n")
		ctx, cancel := context.WithCancel(t.Context())
		o := s.o
		o.Now = func() time.Time { cancel(); return time.Now() }
		o.Paths, o.Publisher, o.Registry, o.Log = []string{s.path("a.log")}, s.broker, prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
		svc, err := New(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := svc.Run(ctx); err != nil {
			t.Fatal(err)
		}
		s.want()
		s.start("a.log")
		s.want("ERROR young (backlog)")
		s.stop()
	})
}
