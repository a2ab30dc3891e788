package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tocsin/pkg/events"
	"tocsin/pkg/fingerprint"
	"tocsin/pkg/service"
	"tocsin/services/collector"
	"tocsin/services/masker/mask"
)

type scanCommand struct {
	Files  []string `arg:"" name:"file" help:"Log files, also .gz and .zst; - is standard input."`
	Format string   `enum:"text,jsonl" default:"text" help:"text: a summary for people, the worst problem first. jsonl: one event a line, in the order of the file."`
	All    bool     `help:"Every line an event, no assembling."`
	NoMask bool     `help:"Show secrets and personal data as they are."`
	FailOn string   `placeholder:"N" help:"Exit with 1 if something of severity N (0 to 10) or more was found."`
}

// Help is shown by `tocsin scan --help`.
func (scanCommand) Help() string {
	return "MASK_LEVELS, MASK_MODE, HOST_NAME and TZ count as for `tocsin up`; nothing is stored and no broker is needed.\n\n" +
		"Exit codes: 0 done, whatever was found; 1 a file cannot be read or an event not masked (it is named, the rest goes on) or --fail-on found something; 2 command line or settings."
}

// Run scans the files one after the other.
func (c *scanCommand) Run(std stdio) error {
	threshold, err := c.threshold()
	if err != nil {
		return err
	}
	settings, err := loadSettings(std)
	if err != nil {
		return err
	}
	masker, err := newMask(settings)
	if err != nil {
		return err
	}
	s := &scan{command: c, masker: masker, stderr: std.err, out: bufio.NewWriterSize(std.out, 64<<10), problems: newSummary()}
	for _, file := range c.Files {
		err := s.file(settings, file, std.in)
		if errors.Is(err, errOutput) {
			return err
		}
		if err != nil {
			s.fail(err)
		}
	}
	if c.Format == "text" {
		if err := s.problems.write(s.out); err != nil {
			return err
		}
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("cannot write what was found: %w", err)
	}
	if s.failed > 0 || s.worst >= threshold {
		return &exitError{code: service.ExitFailed}
	}
	return nil
}

// never is a threshold that no severity reaches.
const never = 11

func (c *scanCommand) threshold() (float64, error) {
	if c.FailOn == "" {
		return never, nil
	}
	n, err := strconv.ParseFloat(c.FailOn, 64)
	if err != nil || !(n >= 0 && n <= 10) {
		return 0, usage(fmt.Errorf("--fail-on=%q: it must be a severity from 0 to 10", c.FailOn))
	}
	return n, nil
}

// errOutput marks that nothing more can be written: no further file is read.
var errOutput = errors.New("cannot write what was found")

// scan is what one run over the files gathers.
type scan struct {
	command  *scanCommand
	masker   *mask.Masker
	out      *bufio.Writer
	stderr   io.Writer
	problems *summary
	worst    float64
	failed   int
}

// fail says what could not be done; the rest goes on.
func (s *scan) fail(err error) {
	s.failed++
	fmt.Fprintf(s.stderr, "tocsin: %s\n", err)
}

// file scans one file; - is standard input.
func (s *scan) file(settings service.Settings, name string, stdin io.Reader) error {
	options := collector.ScanOptions{
		Host: settings.Hostname(), Location: settings.Location(),
		CellTrace: settings.EnableCellTrace, All: s.command.All,
	}
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("cannot read the log: %w", err)
		}
		defer f.Close()
		in = f
	}
	// Standard input may be a file too; that of a pipe is when it was opened,
	// which at least tells the year of a time without one.
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			options.ModTime = info.ModTime()
		}
	}
	text, release, err := unpacked(in)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	defer release()
	return collector.Scan(context.Background(), options, text, name, s.take)
}

// unpacked gives what a .gz or .zst holds, and anything else as it is; which it
// is tell the first bytes (RFC 1952 and RFC 8878), as standard input has no name.
func unpacked(in io.Reader) (text io.Reader, release func(), err error) {
	start := bufio.NewReader(in)
	magic, err := start.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(start)
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(start, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	}
	return start, func() {}, nil
}

// take masks an event, tells which problem it is, and shows it.
func (s *scan) take(e *events.Event) error {
	shown, err := s.identify(e)
	if err != nil {
		s.fail(err)
		return nil
	}
	s.worst = max(s.worst, shown.Severity)
	if s.command.Format == "text" {
		s.problems.add(shown)
		return nil
	}
	if err := writeEvent(s.out, shown); err != nil {
		return errors.Join(errOutput, err)
	}
	return nil
}

// identify gives the event as it is shown. Fingerprint and group are always
// those of the masked event, or --no-mask would tell other problems than `up`.
func (s *scan) identify(e *events.Event) (*events.Event, error) {
	shown := e
	if s.command.NoMask {
		line, err := events.Encode(e)
		if err != nil {
			return nil, err
		}
		if shown, err = events.Decode(line); err != nil {
			return nil, err
		}
	}
	if err := s.masker.Event(e); err != nil {
		return nil, fmt.Errorf("cannot mask the event at %s:%d: %w", e.File, e.Offset, err)
	}
	shown.Fingerprint = fingerprint.Of(e)
	shown.Group = events.NewGroup(shown.Fingerprint)
	return shown, nil
}
