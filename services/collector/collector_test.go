package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

// broker keeps what is published, once an id, and can refuse.
type broker struct {
	mu     sync.Mutex
	events []*events.Event
	ids    map[string]bool
	doubly int
	fail   error
	block  bool
}

func (b *broker) Publish(ctx context.Context, msgs ...bus.Message) error {
	b.mu.Lock()
	fail, block := b.fail, b.block
	b.mu.Unlock()
	if block {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail != nil {
		return fail
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range msgs {
		e, err := events.Decode(m.Data)
		if err != nil {
			return err
		}
		if m.Subject != bus.SubjectRaw || m.ID != e.ID {
			return fmt.Errorf("message %q on %q", m.ID, m.Subject)
		}
		if b.ids[e.ID] {
			b.doubly++
			continue
		}
		b.ids[e.ID] = true
		b.events = append(b.events, e)
	}
	return nil
}

func (b *broker) set(fail error, block bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail, b.block = fail, block
}

// messages gives the headlines in order, and whether they are backlog.
func (b *broker) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		m := e.Message
		if e.Backlog {
			m += " (backlog)"
		}
		out = append(out, m)
	}
	return out
}

// stand is a folder with logs and one with data, and the broker beside them.
type stand struct {
	t      *testing.T
	dir    string
	broker *broker
	log    *bytes.Buffer
	reg    *prometheus.Registry
	o      Options
	s      *Service
	stop   func()
}

func newStand(t *testing.T) *stand {
	return &stand{t: t, dir: t.TempDir(), broker: &broker{ids: map[string]bool{}}, log: &bytes.Buffer{}, o: Options{
		StartAt: "beginning", DataDir: t.TempDir(), Host: "h1", Location: time.UTC, EventQuiet: 300 * time.Millisecond,
		RotatedWait: 10 * time.Second, CellTrace: true,
	}}
}

func (s *stand) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stand) append(name, text string) {
	s.t.Helper()
	f, err := os.OpenFile(s.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	f.Close()
}

func (s *stand) rename(from, to string) {
	s.t.Helper()
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.t.Fatal(err)
	}
}

// start runs a collector over names (paths or globs) and waits until all that
// is there is read; call it within synctest.
func (s *stand) start(names ...string) {
	s.t.Helper()
	o := s.o
	for _, n := range names {
		o.Paths = append(o.Paths, s.path(n))
	}
	s.reg = prometheus.NewRegistry()
	ready := false
	o.Publisher, o.Registry, o.Log, o.Ready = s.broker, s.reg, slog.New(slog.NewTextHandler(s.log, nil)), func() { ready = true }
	svc, err := New(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.s = svc
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	s.stop = func() {
		s.t.Helper()
		cancel()
		begun := time.Now()
		if err := <-done; err != nil {
			s.t.Errorf("Run ended with %v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			s.t.Errorf("the stop took %v", took)
		}
	}
	s.settle()
	if !ready {
		s.t.Error("Ready was not called")
	}
}

// settle lets time pass until everything written is read and published.
func (s *stand) settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (s *stand) want(messages ...string) {
	s.t.Helper()
	if got := s.broker.messages(); !slices.Equal(got, messages) {
		s.t.Errorf("events\n got %q\nwant %q", got, messages)
	}
	if s.broker.doubly > 0 {
		s.t.Errorf("%d events were sent twice", s.broker.doubly)
	}
}

func (s *stand) metric(name string) float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			if f.GetType().String() == "COUNTER" {
				return m.GetCounter().GetValue()
			}
			return m.GetGauge().GetValue()
		}
	}
	s.t.Fatalf("no metric %s", name)
	return 0
}

func bubble(t *testing.T, f func(t *testing.T, s *stand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newStand(t)) })
}

func TestBacklogThenLiveThenRestart(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\nfine\nERROR two\n")
		s.start("a.log")
		s.want("ERROR one (backlog)", "ERROR two (backlog)")
		s.append("a.log", "ERROR three\n")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two (backlog)", "ERROR three")
		if n := s.metric("log_events_collected_total"); n != 3 {
			t.Errorf("log_events_collected_total = %v", n)
		}
		if n := s.metric("tocsin_lines_read_total"); n != 4 {
			t.Errorf("tocsin_lines_read_total = %v", n)
		}
		s.stop()
		s.append("a.log", "ERROR four\n")
		s.start("a.log")
		s.want("ERROR one (backlog)", "ERROR two (backlog)", "ERROR three", "ERROR four")
		s.stop()
		first := s.broker.events[3]
		if first.FirstLine != 5 || len(first.Before) == 0 || first.Before[len(first.Before)-1] != "ERROR three" {
			t.Errorf("after a restart: line %d, before %q", first.FirstLine, first.Before)
		}
	})
}

func TestStartAt(t *testing.T) {
	old := "2000-01-01 00:00:00 ERROR old\n"
	for _, c := range []struct {
		at   string
		want []string
	}{
		{"beginning", []string{"ERROR old (backlog)", "ERROR young (backlog)", "ERROR live", "ERROR later"}},
		{"end", []string{"ERROR live", "ERROR later"}},
		{"1h", []string{"ERROR young (backlog)", "ERROR live", "ERROR later"}},
	} {
		t.Run(c.at, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stand) {
				s.o.StartAt = c.at
				time.Sleep(10 * time.Hour)
				s.append("a.log", old+"2000-01-01 09:59:00 ERROR young\n")
				s.start("a.log", "b.log")
				s.append("a.log", "ERROR live\n")
				s.settle()
				s.append("b.log", "ERROR later\n")
				s.settle()
				s.want(c.want...)
				s.stop()
				if last := s.broker.events[len(s.broker.events)-2]; last.FirstLine != 3 {
					t.Errorf("the live line has number %d, want 3", last.FirstLine)
				}
			})
		})
	}
}

func TestRotationByRename(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.start("*.log*")
		s.append("a.log", "ERROR two\n")
		s.rename("a.log", "a.log.1")
		s.append("a.log", "ERROR new\n")
		s.settle()
		s.append("a.log.1", "ERROR late\n")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two", "ERROR new", "ERROR late")
		time.Sleep(time.Minute) // beyond ROTATED_WAIT
		s.append("a.log", "ERROR newer\n")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two", "ERROR new", "ERROR late", "ERROR newer")
		s.stop()
		s.start("*.log*")
		s.want("ERROR one (backlog)", "ERROR two", "ERROR new", "ERROR late", "ERROR newer")
		s.stop()
	})
}

func TestRotationWhileStopped(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.start("a.log")
		s.stop()
		s.append("a.log", "ERROR two\n")
		s.rename("a.log", "a.log.1")
		s.append("a.log", "ERROR new\n")
		s.start("a.log")
		s.want("ERROR one (backlog)", "ERROR two", "ERROR new")
		s.stop()
	})
}

func TestTruncation(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"shorter", "ERROR new\n"},
		{"regrown beyond the offset", "ERROR new\n" + strings.Repeat("filler line of the new content\n", 10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stand) {
				s.append("a.log", "ERROR one\nsome more text here\n")
				s.start("a.log")
				if err := os.WriteFile(s.path("a.log"), []byte(c.text), 0o644); err != nil {
					t.Fatal(err)
				}
				s.settle()
				s.want("ERROR one (backlog)", "ERROR new")
				s.stop()
				if s.broker.events[0].Generation == s.broker.events[1].Generation {
					t.Error("the truncated file kept its generation")
				}
			})
		})
	}
}

func TestTruncationWhileStopped(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\nsome more text here\n")
		s.start("a.log")
		s.stop()
		if err := os.WriteFile(s.path("a.log"), []byte("ERROR new\n"+strings.Repeat("filler\n", 20)), 0o644); err != nil {
			t.Fatal(err)
		}
		s.start("a.log")
		s.want("ERROR one (backlog)", "ERROR new")
		s.stop()
	})
}

func TestTwoPathsToOneFile(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		if err := os.Symlink(s.path("a.log"), s.path("b.log")); err != nil {
			t.Fatal(err)
		}
		s.start("a.log", "b.log", "*.log")
		s.want("ERROR one (backlog)")
		if n := len(s.s.Overview().Files); n != 1 {
			t.Errorf("%d files are followed, want 1", n)
		}
		s.stop()
	})
}

func TestBadSources(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		if err := os.Mkdir(s.path("folder"), 0o755); err != nil {
			t.Fatal(err)
		}
		s.append("binary", "\x7fELF\x00\x01\x02")
		s.append("empty", "")
		s.append("good", "ERROR one\n")
		s.append("utf16", "\xff\xfeE\x00R\x00")
		if err := os.Symlink(s.path("loop"), s.path("loop")); err != nil {
			t.Fatal(err)
		}
		s.start("folder", "binary", "empty", "missing", "good", "utf16", "loop", "no*match")
		s.settle()
		s.want("ERROR one (backlog)")
		for _, c := range []string{"a directory is not followed", "it is binary", "file is empty", "file is not there", "UTF-16", "cannot look at a file", "no file matches yet"} {
			if n := strings.Count(s.log.String(), c); n != 1 {
				t.Errorf("%q is said %d times, want once:\n%s", c, n, s.log)
			}
		}
		if n := s.metric("log_collect_errors_total"); n != 6 {
			t.Errorf("log_collect_errors_total = %v, want 6", n)
		}
		s.append("missing", "ERROR here\n")
		s.append("empty", "ERROR filled\n")
		s.settle()
		got := s.broker.messages()
		slices.Sort(got)
		if !slices.Equal(got, []string{"ERROR filled", "ERROR here", "ERROR one (backlog)"}) {
			t.Errorf("events %q", got)
		}
		s.stop()
	})
}

func TestBrokenLines(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "{\"level\":\"error\", broken\n{\"level\":\"error\" also\n\xff\xfe ERROR bytes\x00\r\n\n"+
			strings.Repeat("x", maxLine+100)+"\nERROR after\n")
		s.start("a.log")
		if got := len(s.broker.messages()); got < 2 {
			t.Errorf("%d events, want at least 2: %q", got, s.broker.messages())
		}
		last := s.broker.events[len(s.broker.events)-1]
		if last.Message != "ERROR after" || last.FirstLine != 6 {
			t.Errorf("the line behind the long one: %q at %d", last.Message, last.FirstLine)
		}
		for _, c := range []string{"JSON line is broken", "line is too long"} {
			if n := strings.Count(s.log.String(), c); n != 1 {
				t.Errorf("%q is said %d times, want once", c, n)
			}
		}
		if strings.Contains(s.log.String(), "also") {
			t.Error("the log quotes a line")
		}
		if n := s.metric("log_collect_errors_total"); n != 3 {
			t.Errorf("log_collect_errors_total = %v, want 3", n)
		}
		s.stop()
	})
}

func TestLineWithoutNewlineWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\nERROR tw")
		s.start("a.log")
		s.want("ERROR one (backlog)")
		s.append("a.log", "o\nERROR end")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two (backlog)")
		s.rename("a.log", "gone")
		s.settle()
		s.want("ERROR one (backlog)", "ERROR two (backlog)")
		time.Sleep(time.Minute)
		synctest.Wait()
		s.want("ERROR one (backlog)", "ERROR two (backlog)", "ERROR end")
		s.stop()
	})
}

func TestQuietClosesAStack(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "")
		s.start("a.log")
		s.append("a.log", "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\n")
		time.Sleep(time.Second + 200*time.Millisecond)
		synctest.Wait()
		s.append("a.log", "\tat a.B.d(B.java:2)\n")
		s.settle()
		s.want("java.lang.IllegalStateException: x")
		if e := s.broker.events[0]; e.Kind != events.KindStack || e.LastLine != 2 {
			t.Errorf("kind %s, last line %d", e.Kind, e.LastLine)
		}
		s.stop()
	})
}

func TestBrokerAway(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.broker.set(errors.New("refused"), false)
		s.start("a.log")
		s.want()
		if !strings.Contains(s.log.String(), "cannot publish events") {
			t.Error("the failure is not said")
		}
		s.broker.set(nil, true)
		time.Sleep(time.Minute)
		s.append("a.log", "ERROR two\n")
		s.stop() // must not wait for the broker
		s.broker.set(nil, false)
		s.start("a.log")
		s.want("ERROR one (backlog)", "ERROR two")
		s.stop()
	})
}

func TestOverviewAndLag(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.broker.set(nil, true)
		s.start("a.log")
		s.append("a.log", "more text\n")
		o := s.s.Overview()
		if len(o.Files) != 1 || o.Files[0].Path != s.path("a.log") || o.Bytes != 10 || o.Rules < 30 {
			t.Errorf("overview %+v", o)
		}
		if n := s.metric("tocsin_read_lag_bytes"); n != 10 {
			t.Errorf("lag %v, want 10", n)
		}
		s.stop()
	})
}

func TestKernelMetrics(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "[ 1.000001] BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:55]\n")
		s.start("a.log")
		if a, b := s.metric("cell_trace_errors_total"), s.metric("cell_trace_error_severity"); a != 1 || b != 9 {
			t.Errorf("cell_trace_errors_total %v, cell_trace_error_severity %v", a, b)
		}
		s.stop()
	})
}
