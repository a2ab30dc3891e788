package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v10"
)

// Defaults are the settings without environment and .env.
func Defaults() Settings {
	s, err := Load(nil, "")
	if err != nil {
		panic(err) // the table contradicts its own checks
	}
	return s
}

// Load reads the settings from environ ("NAME=value", as os.Environ gives
// them), then from the .env file of that path, which need not be there, then
// from the defaults. The error is a *SettingsError with everything that is
// wrong at once; the Settings then hold what could be read, enough to log with.
func Load(environ []string, dotenv string) (Settings, error) {
	l := &loader{values: map[string]given{}, environment: map[string]string{}}
	l.readFile(dotenv)
	l.readEnvironment(environ)
	for _, row := range table() {
		l.take(row)
	}
	s := l.parse()
	s.normalise()
	l.validate(s)
	s.warnings = l.warnings
	if len(l.problems) == 0 {
		return s, nil
	}
	return s, l.error(s)
}

// given is a value as somebody set it.
type given struct {
	value, source string
}

// fromEnvironment is the source of a value of the environment.
const fromEnvironment = "environment"

type loader struct {
	values      map[string]given  // by variable, as given
	environment map[string]string // by setting, what env parses
	off         []int             // fields that were set to empty
	warnings    []string
	problems    []Problem
}

// readFile reads the .env file; what is broken in it is a problem.
func (l *loader) readFile(path string) {
	if path == "" {
		return
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.problems = append(l.problems, Problem{Name: path, Want: "it must be a readable file: " + reason(err)})
		return
	}
	found, broken := parseDotenv(data)
	for _, a := range found {
		l.values[a.name] = given{a.value, fmt.Sprintf("%s line %d", path, a.line)}
	}
	for _, b := range broken {
		p := Problem{Name: b.name, Source: fmt.Sprintf("%s line %d", path, b.line), Want: b.want}
		if p.Name == "" {
			p.Name, p.Source = path, fmt.Sprintf("line %d", b.line)
		}
		l.problems = append(l.problems, p)
	}
}

// readEnvironment takes the settings among the variables; they win over .env.
func (l *loader) readEnvironment(environ []string) {
	original := map[string]bool{}
	for _, row := range table() {
		original[row.name], original[row.name+"_FILE"] = row.original, row.original
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		isOriginal, known := original[name]
		switch {
		case !known:
			continue
		case isOriginal:
			value = environmentValue(value)
		default:
			value = strings.TrimSpace(value)
		}
		l.values[name] = given{value, fromEnvironment}
	}
}

// take notes the value of one setting for env: as given, or from the file that
// NAME_FILE names; a placeholder is empty.
func (l *loader) take(row setting) {
	value, set := l.values[row.name]
	value.value = l.dropPlaceholder(row.name, value)
	if row.secret {
		value.value = l.takeSecret(row.name, value)
	}
	if value.value != "" {
		l.environment[row.name] = value.value
	} else if set && row.emptyIsOff {
		l.off = append(l.off, row.index)
	}
}

// takeSecret gives the secret itself or, where NAME_FILE is set, the content of
// that file. Where both are set the environment wins over .env; both from one
// place are a problem.
func (l *loader) takeSecret(name string, secret given) string {
	path := l.values[name+"_FILE"]
	path.value = l.dropPlaceholder(name+"_FILE", path)
	if path.value == "" {
		return secret.value
	}
	if secret.value != "" {
		inEnvironment := secret.source == fromEnvironment
		if inEnvironment == (path.source == fromEnvironment) {
			l.problems = append(l.problems, Problem{Name: name + "_FILE", Value: path.value, Source: path.source,
				Want: "set only one of " + name + " and " + name + "_FILE"})
			return ""
		}
		if inEnvironment {
			return secret.value
		}
	}
	data, err := os.ReadFile(path.value)
	if err != nil {
		l.problems = append(l.problems, Problem{Name: name + "_FILE", Value: path.value, Source: path.source,
			Want: "it must be the path of a readable file: " + reason(err)})
		return ""
	}
	content := strings.TrimRight(string(data), "\r\n")
	return l.dropPlaceholder(name, given{content, path.value})
}

// dropPlaceholder gives the value, or nothing and a warning where it is one that
// still waits to be filled in.
func (l *loader) dropPlaceholder(name string, v given) string {
	if !isPlaceholder(v.value) {
		return v.value
	}
	l.warnings = append(l.warnings, fmt.Sprintf("%s (%s) still holds a placeholder and counts as empty", name, v.source))
	return ""
}

// parse turns the texts into Settings; what does not parse keeps its default.
func (l *loader) parse() Settings {
	var s Settings
	rows := table()
	for {
		s = Settings{}
		err := env.ParseWithOptions(&s, env.Options{Environment: l.environment})
		var all env.AggregateError
		if !errors.As(err, &all) {
			break
		}
		for _, one := range all.Errors {
			var bad env.ParseError
			if !errors.As(one, &bad) {
				panic(one) // a fault of the table, not of a value
			}
			row := rows[slices.IndexFunc(rows, func(r setting) bool { return r.field == bad.Name })]
			l.wrong(row, wantedKind(row.kind))
			delete(l.environment, row.name)
		}
	}
	for _, index := range l.off {
		reflect.ValueOf(&s).Elem().Field(index).SetZero()
	}
	return s
}

// wrong notes a setting with a wrong value. An address that can't be read may
// hold its password anywhere, so it is not quoted.
func (l *loader) wrong(row setting, want string) {
	v := l.values[row.name]
	if row.secret || strings.Contains(v.value, "@") || strings.Contains(v.value, "?") && strings.Contains(v.value, "=") {
		v.value = ""
	}
	l.problems = append(l.problems, Problem{Name: row.name, Value: v.value, Source: v.source, Want: "it must be " + want})
}

// error gives the problems in the order of the table, without secrets.
func (l *loader) error(s Settings) error {
	place := map[string]int{}
	for i, row := range table() {
		place[row.name], place[row.name+"_FILE"] = i+1, i+1
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return place[a.Name] - place[b.Name] })
	secrets := NewRedactor(s)
	for _, v := range l.values {
		secrets.Add(urlSecrets(v.value)...)
	}
	for i := range l.problems {
		l.problems[i].Value = secrets.String(l.problems[i].Value)
	}
	return &SettingsError{l.problems}
}

// wantedKind says what a value of that type looks like.
func wantedKind(kind reflect.Type) string {
	switch {
	case kind == reflect.TypeFor[time.Duration]():
		return "a duration such as 300ms, 15s, 5m or 168h"
	case kind == reflect.TypeFor[Bytes]():
		return "a size such as 512MiB, 1GiB or 8GB"
	case kind.Kind() == reflect.Bool:
		return "true or false"
	case kind.Kind() == reflect.Int:
		return "a whole number"
	default:
		return "a number"
	}
}

// reason gives what went wrong with a file without repeating its path.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
