// Command tocsin is the all-in-one and the tools: `up` runs the five services
// in one process, the other commands look at files, the store and the broker.
// It composes the services and holds no logic of theirs.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"tocsin/pkg/service"
)

// commands is the command line; its tags are the help.
type commands struct {
	Up      upCommand      `cmd:"" help:"Read the log files and ring: all five services in this process until SIGINT or SIGTERM."`
	Scan    scanCommand    `cmd:"" help:"Read files once and tell what is wrong in them; no broker, nothing stored."`
	Mask    maskCommand    `cmd:"" help:"Mask the secrets and personal data of a text."`
	Export  exportCommand  `cmd:"" help:"Write all stored events, oldest first."`
	Bus     busCommand     `cmd:"" help:"The broker's streams."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends a command with a code; a nil err has nothing more to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error of the command line or the settings.
func usage(err error) error { return &exitError{service.ExitSettings, err} }

func main() {
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run is one command from its arguments to its exit code.
func run(args []string, std stdio) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("tocsin"),
		kong.Description("Tocsin reads log files, recognises what is wrong in them, masks secrets, stores the events and rings once a problem.\n\n"+
			"Settings come from the environment and from .env. Exit codes: 0 done, 1 found or failed as the command documents, 2 command line or settings."),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.Exit(os.Exit),
	)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin: %s\n", err)
		return service.ExitFailed
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin: %s; `tocsin --help` lists the commands\n", err)
		return service.ExitSettings
	}
	return exitCode(ctx.Run(std), std.err)
}

// exitCode says what went wrong, once, and gives the code for it.
func exitCode(err error, stderr io.Writer) int {
	code := service.ExitCode(err)
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
	}
	if err != nil && (exit == nil || exit.err != nil) {
		fmt.Fprintf(stderr, "tocsin: %s\n", err)
	}
	return code
}

// loadSettings reads the settings from the environment and .env, and says what
// is odd about them.
func loadSettings(std stdio) (service.Settings, error) {
	settings, err := service.Load(os.Environ(), ".env")
	if err != nil {
		return settings, err
	}
	for _, warning := range settings.Warnings() {
		fmt.Fprintf(std.err, "tocsin: %s\n", warning)
	}
	return settings, nil
}

type versionCommand struct{}

// Run prints the version the binary was built as.
func (versionCommand) Run(std stdio) error {
	_, err := fmt.Fprintf(std.out, "tocsin %s\n", service.Version())
	return err
}
