package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tocsin/pkg/events"
	"tocsin/pkg/store/sqlite"
)

type exportCommand struct {
	Format string `enum:"jsonl" default:"jsonl" help:"jsonl: one event a line."`
}

// Help is shown by `tocsin export --help`.
func (exportCommand) Help() string {
	return "Needs only DATA_DIR, and works while `tocsin up` runs, after it stopped and after it was killed.\n\n" +
		"Exit codes: 0 done, also where nothing is stored; 1 the store, or some of its events, cannot be read (the others are written); 2 command line or settings, also a DATA_DIR that is not there."
}

// Run writes every stored event, oldest first.
func (c *exportCommand) Run(std stdio) (err error) {
	settings, err := loadSettings(std)
	if err != nil {
		return err
	}
	if _, err := os.Stat(settings.DataDir); err != nil {
		return usage(fmt.Errorf("cannot find DATA_DIR: %w; set DATA_DIR to the folder that `tocsin up` works on", err))
	}
	path := sqlite.Path(settings.DataDir)
	store, err := sqlite.OpenReadOnly(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever stored there
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	out := bufio.NewWriterSize(std.out, 64<<10)
	var broken []error // the iteration goes on after a row that can't be read
	for e, err := range store.All(context.Background()) {
		if err != nil {
			broken = append(broken, err)
		} else if err := writeEvent(out, e); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write the events: %w", err)
	}
	if len(broken) > 0 {
		return fmt.Errorf("cannot read %s of %s: %w", counted(len(broken), "event"), path, broken[0])
	}
	return nil
}

// writeEvent writes an event as one line of JSON.
func writeEvent(out *bufio.Writer, e *events.Event) error {
	line, err := events.Encode(e)
	if err != nil {
		return err
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write event %s: %w", e.ID, err)
	}
	return nil
}
