package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/masker/mask"
)

type maskCommand struct {
	File   string `arg:"" optional:"" help:"The text to mask; standard input when absent or -."`
	Format string `enum:"text,jsonl" default:"text" help:"text: the whole input is one text, masked text out. jsonl: {\"id\", \"text\"} a line in; {\"id\", \"masked\", \"spans\":[{\"start\", \"end\", \"kind\"}]} a line out, with byte offsets into text."`
}

// Help is shown by `tocsin mask --help`.
func (maskCommand) Help() string {
	return "MASK_LEVELS, MASK_MODE and MASK_KEY say what is masked and how. Without MASK_KEY the key in DATA_DIR is used, " +
		"so that pseudonyms are those of `tocsin up`; without either a random one for this run.\n\n" +
		"Exit codes: 0 done; 1 the input cannot be read, or a line of jsonl is broken (it is named on stderr, the others are answered); 2 command line or settings."
}

// Run masks one text, or one text a line.
func (c *maskCommand) Run(std stdio) error {
	settings, err := loadSettings(std)
	if err != nil {
		return err
	}
	m, err := newMask(settings)
	if err != nil {
		return err
	}
	in := std.in
	if c.File != "" && c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("cannot read the text: %w", err)
		}
		defer f.Close()
		in = f
	}
	if c.Format == "jsonl" {
		return maskLines(m, in, std)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("cannot read the text: %w", err)
	}
	masked, _ := m.Text(string(text))
	_, err = io.WriteString(std.out, masked)
	return err
}

// maskQuestion and maskAnswer are the lines of --format jsonl. The id is given
// back as it came.
type maskQuestion struct {
	ID   json.RawMessage `json:"id"`
	Text *string         `json:"text"`
}

type maskAnswer struct {
	ID     json.RawMessage `json:"id"`
	Masked string          `json:"masked"`
	Spans  []maskSpan      `json:"spans"`
}

type maskSpan struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Kind  string `json:"kind"`
}

// maskLines answers line by line. A broken line is named by its number alone,
// for it may hold a secret, and has no answer.
func maskLines(m *mask.Masker, in io.Reader, std stdio) error {
	out := bufio.NewWriter(std.out)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	reader := bufio.NewReader(in)
	broken := 0
	for number := 1; ; number++ {
		line, readErr := reader.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return errors.Join(out.Flush(), fmt.Errorf("cannot read the text after line %d: %w", number-1, readErr))
		}
		if !blank(line) {
			var q maskQuestion
			if json.Unmarshal(line, &q) != nil || q.Text == nil {
				broken++
				fmt.Fprintf(std.err, "tocsin: line %d is not a JSON object with the string \"text\"\n", number)
			} else if err := encoder.Encode(maskOne(m, q)); err != nil {
				return fmt.Errorf("cannot write the answer to line %d: %w", number, err)
			}
		}
		if readErr != nil {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write the answers: %w", err)
	}
	if broken > 0 {
		return fmt.Errorf("cannot mask %s of the input", counted(broken, "line"))
	}
	return nil
}

func maskOne(m *mask.Masker, q maskQuestion) maskAnswer {
	masked, spans := m.Text(*q.Text)
	a := maskAnswer{ID: q.ID, Masked: masked, Spans: []maskSpan{}}
	for _, s := range spans {
		a.Spans = append(a.Spans, maskSpan{Start: s.Start, End: s.End, Kind: s.Kind})
	}
	return a
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// newMask makes the masker of the one-shot commands.
func newMask(settings service.Settings) (*mask.Masker, error) {
	key := settings.MaskKey
	if key == "" {
		var err error
		if key, err = readMaskKey(settings.DataDir); err != nil {
			return nil, usage(err)
		}
	}
	if key == "" {
		key = randomHex(32)
	}
	levels, err := mask.ParseLevels(settings.MaskLevels)
	if err != nil {
		return nil, usage(err)
	}
	m, err := mask.New(mask.Options{Levels: levels, Mode: settings.MaskMode, Key: []byte(key)})
	if err != nil {
		return nil, usage(err)
	}
	return m, nil
}
