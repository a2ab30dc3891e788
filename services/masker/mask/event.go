package mask

import (
	"context"
	"fmt"
	"strings"

	"tocsin/pkg/events"
)

// Event masks every text of an event that came from a log and counts in Masked
// what it replaced. An error means that the event may still hold secrets.
func (m *Masker) Event(e *events.Event) error {
	return m.EventContext(context.Background(), e)
}

// EventContext is Event with an end: where ctx is over before the event is
// masked, the error is that of ctx.
func (m *Masker) EventContext(ctx context.Context, e *events.Event) error {
	w := walker{m: m, ctx: ctx, masked: e.Masked}
	w.text(&e.Message)
	w.text(&e.Body)
	w.lines(&e.Before)
	w.lines(&e.After)
	w.fields(&e.Fields)
	w.text(&e.File)
	w.text(&e.Host)
	w.text(&e.Level)
	w.text(&e.SeverityReason)
	w.text(&e.Rule)
	w.text(&e.Language)
	w.text(&e.Class)
	w.each(e.Tags)
	w.frames(e.Frames)
	if k := e.Kernel; k != nil {
		w.kernel(k)
	}
	if a := e.Analysis; a != nil {
		w.analysis(a)
	}
	if w.err != nil {
		return fmt.Errorf("cannot mask event %s: %w", e.ID, w.err)
	}
	e.Masked = w.masked
	return nil
}

// walker masks texts one after another until one fails.
type walker struct {
	m      *Masker
	ctx    context.Context
	masked map[string]int
	err    error
}

func (w *walker) mask(s string) string {
	if w.err != nil || s == "" {
		return s
	}
	out, spans, err := w.m.text(w.ctx, s)
	if err != nil {
		w.err = err
		return ""
	}
	for _, span := range spans {
		w.count(span.Kind)
	}
	return out
}

func (w *walker) count(kind string) {
	if w.masked == nil {
		w.masked = map[string]int{}
	}
	w.masked[kind]++
}

func (w *walker) text(s *string) { *s = w.mask(*s) }

func (w *walker) each(list []string) {
	for i := range list {
		w.text(&list[i])
	}
}

// lines masks lines that follow each other as one text: a private key has many.
func (w *walker) lines(list *[]string) {
	if len(*list) > 0 {
		*list = strings.Split(w.mask(strings.Join(*list, "\n")), "\n")
	}
}

// fields masks the whole value of a field whose name is that of a secret,
// whatever the value is.
func (w *walker) fields(fields *map[string]string) {
	if len(*fields) == 0 {
		return
	}
	masked := make(map[string]string, len(*fields))
	for name, value := range *fields {
		kind, secret := secretName(name, w.m.secretNames)
		if n, ok := tokenLen(value); secret && value != "" && !(ok && n == len(value)) {
			value = w.m.token(kind, value)
			w.count(kind)
		} else {
			value = w.mask(value)
		}
		masked[w.mask(name)] = value
	}
	*fields = masked
}

func (w *walker) frames(frames []events.Frame) {
	for i := range frames {
		f := &frames[i]
		w.text(&f.Function)
		w.text(&f.File)
		f.Module = events.NullString(w.mask(string(f.Module)))
		w.text(&f.Offset)
		w.text(&f.Size)
	}
}

func (w *walker) kernel(k *events.Kernel) {
	for _, s := range []*string{&k.Title, &k.Type, &k.Comm, &k.Tainted, &k.Version, &k.Hardware, &k.Code} {
		w.text(s)
	}
	w.fields(&k.Registers)
	w.each(k.Locks)
	for i := range k.Traces {
		w.text(&k.Traces[i].Title)
		w.frames(k.Traces[i].Frames)
	}
}

func (w *walker) analysis(a *events.Analysis) {
	for _, s := range []*string{&a.RootCause, &a.Impact, &a.Category, &a.Model, &a.Provider, &a.Language, &a.UnanalysedReason} {
		w.text(s)
	}
	w.each(a.Fix)
	w.each(a.Commands)
	for i := range a.Claims {
		w.text(&a.Claims[i].Text)
	}
}
