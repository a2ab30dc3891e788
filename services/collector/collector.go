// Package collector reads log files, recognises what is wrong in them and
// publishes it as events: source, reader, decode, assemble, recognise, publish.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
)

// Options are what a collector needs.
type Options struct {
	// Paths are the files and globs to follow.
	Paths []string
	// StartAt is "beginning", "end" or a duration: what is read of the bytes
	// that are there when a path or glob is first followed.
	StartAt string
	// DataDir is where the folder offsets/ is kept.
	DataDir string
	// Host of the events whose lines name none.
	Host string
	// Location of times that name no zone.
	Location *time.Location
	// EventQuiet ends an event whose end no line tells.
	EventQuiet time.Duration
	// RotatedWait is how long a file that left its path is watched.
	RotatedWait time.Duration
	// CellTrace: kernel reports are recognised.
	CellTrace bool
	// Publisher takes the events. The collector closes one that has a Close.
	Publisher Publisher
	Registry  prometheus.Registerer
	Log       *slog.Logger
	// Ready is called when all files are opened. May be nil.
	Ready func()
	// Waker and Now may be set by tests; without them time is the machine's.
	Waker Waker
	Now   func() time.Time
}

// OptionsFrom takes them from the settings. It starts a publisher on the
// runtime's broker, which Run closes.
func OptionsFrom(rt *service.Runtime) Options {
	s := rt.Settings
	o := Options{
		Paths: splitPaths(s.LogFilePaths), StartAt: s.StartAt, DataDir: s.DataDir, Host: s.Hostname(), Location: s.Location(),
		EventQuiet: s.EventQuiet, RotatedWait: s.RotatedWait, CellTrace: s.EnableCellTrace, Registry: rt.Registry, Log: rt.Log,
		Ready: func() { rt.Health.Ready("collector") },
	}
	if rt.Bus != nil {
		o.Publisher = rt.Bus.NewPublisher()
	}
	return o
}

var _ Publisher = (*bus.Publisher)(nil)

func splitPaths(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (o *Options) validate() error {
	switch {
	case len(o.Paths) == 0:
		return errors.New("LOG_FILE_PATHS is empty; name files or globs, separated by commas")
	case o.DataDir == "":
		return errors.New("DATA_DIR is empty")
	case o.Publisher == nil:
		return errors.New("the collector needs a publisher")
	case o.Registry == nil || o.Log == nil:
		return errors.New("the collector needs a registry and a log")
	case o.EventQuiet <= 0:
		return fmt.Errorf("EVENT_QUIET is %v, it must be above 0", o.EventQuiet)
	case o.RotatedWait < 0:
		return fmt.Errorf("ROTATED_WAIT is %v, it must not be below 0", o.RotatedWait)
	}
	for _, p := range o.Paths {
		if _, err := filepath.Match(p, ""); err != nil {
			return fmt.Errorf("LOG_FILE_PATHS: %q is no glob: %w", p, err)
		}
	}
	if o.StartAt == "" {
		o.StartAt = "beginning"
	}
	if _, err := parseStart(o.StartAt); err != nil {
		return err
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Waker == nil {
		o.Waker = pollWaker{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Service follows log files.
type Service struct {
	o       Options
	env     *env
	offsets *offsetStore
	metrics *metrics
	buffers *sync.Pool
	out     *publishing
	said    onceLog

	mu        sync.Mutex
	followers map[string]*follower
	// open are the files being read, by whom.
	open map[fileID]*generation
	// saved is what earlier runs left, by path.
	saved   map[string]*offsetFile
	sources sources
	// ctx is that of Run.
	ctx context.Context
}

// New reads rules and offsets; it opens no log file.
func New(_ context.Context, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("cannot start the collector: %w", err)
	}
	e, err := newEnv(o.Host, o.Location, o.CellTrace, o.Now)
	if err != nil {
		return nil, fmt.Errorf("cannot start the collector: %w", err)
	}
	offsets, err := openOffsets(o.DataDir)
	if err != nil {
		return nil, fmt.Errorf("cannot start the collector: %w", err)
	}
	s := &Service{o: o, env: e, offsets: offsets, buffers: newBuffers(), followers: map[string]*follower{}, open: map[fileID]*generation{}, saved: map[string]*offsetFile{}}
	s.metrics = newMetrics(o.Registry, s.lag)
	s.said = onceLog{log: o.Log, errors: s.metrics.errors, seen: map[string]bool{}}
	s.out = &publishing{to: o.Publisher, metrics: s.metrics, log: o.Log, wait: o.Waker}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("cannot start the collector: %w", err)
	}
	return s, nil
}

// load reads what earlier runs left; a file that cannot be used is told of.
func (s *Service) load() error {
	files, faults := s.offsets.load()
	src, err := s.offsets.loadSources()
	if err != nil {
		faults = append(faults, err)
	}
	s.sources = src
	for _, err := range faults {
		s.metrics.errors.Inc()
		s.o.Log.Error("offset file set aside", "error", err)
	}
	for _, f := range files {
		s.saved[f.Path] = f
	}
	return nil
}

// Run follows the files until ctx is done; then it publishes what is complete,
// saves the offsets and returns nil, within two seconds.
func (s *Service) Run(ctx context.Context) error {
	if c, ok := s.o.Publisher.(interface{ Close() }); ok {
		defer c.Close()
	}
	sendCtx, stop := outlive(ctx, stopTime)
	defer stop()
	s.ctx, s.out.ctx = ctx, sendCtx
	var wg sync.WaitGroup
	started := map[*follower]bool{}
	ready := false
	for ctx.Err() == nil {
		for _, f := range s.discover() {
			if !started[f] {
				started[f] = true
				wg.Go(func() { f.run(ctx) })
			}
		}
		if !ready && s.o.Ready != nil {
			s.o.Ready()
		}
		ready = true
		if s.o.Waker.Wait(ctx, sourcePoll) != nil {
			break
		}
	}
	wg.Wait()
	return nil
}

// stopTime is how long what is complete may take to be published at the end.
const stopTime = 1500 * time.Millisecond

// outlive gives a context that ends d after ctx.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return late, func() { stop(); cancel() }
}

// Overview is what the collector found.
type Overview struct {
	Files []FileOverview
	// Bytes are to be read, over all files.
	Bytes int64
	// Rules is the number of rules in use.
	Rules int
}

// FileOverview is one followed file and its bytes to be read.
type FileOverview struct {
	Path  string
	Bytes int64
}

// Overview tells what is followed; it is complete once Ready has been called.
func (s *Service) Overview() Overview {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := map[string]int64{}
	for _, g := range s.open {
		bytes[g.f.path] += g.left()
	}
	o := Overview{Rules: s.env.ruleCount}
	for _, path := range sortedPaths(bytes) {
		o.Files = append(o.Files, FileOverview{Path: path, Bytes: bytes[path]})
		o.Bytes += bytes[path]
	}
	return o
}

func (s *Service) lag() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := int64(0)
	for _, g := range s.open {
		total += g.left()
	}
	return float64(total)
}

// onceLog says a thing once, and counts it once.
type onceLog struct {
	log    *slog.Logger
	errors prometheus.Counter
	mu     sync.Mutex
	seen   map[string]bool
}

// fault says and counts something that keeps a file or a line from being read.
func (o *onceLog) fault(key, message string, args ...any) {
	if o.first(key) {
		o.errors.Inc()
		o.log.Warn(message, args...)
	}
}

// warn says a thing once; whoever calls counts.
func (o *onceLog) warn(key, message string, args ...any) {
	if o.first(key) {
		o.log.Warn(message, args...)
	}
}

// note says something that is no error.
func (o *onceLog) note(key, message string, args ...any) {
	if o.first(key) {
		o.log.Info(message, args...)
	}
}

func (o *onceLog) first(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen[key] {
		return false
	}
	o.seen[key] = true
	return true
}

// forget lets a thing be said again.
func (o *onceLog) forget(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.seen, key)
}
