// Package rules holds the built-in rule packs and reads packs of the same form:
// what a line must hold to be an event, and what the event is then called.
package rules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// FS holds the built-in packs, one YAML file each.
//
//go:embed *.yaml
var FS embed.FS

// Rule says which lines are an event. A line hits a rule if it holds one of the
// keywords (where there are any), matches the regex (where there is one), is of
// one of the levels, and matches none of the exclusions.
type Rule struct {
	// ID is unique over all packs, such as "kernel.oom-kill".
	ID string `yaml:"id"`
	// Keywords are literals, found whatever the case of their ASCII letters.
	Keywords []string `yaml:"keywords"`
	// Regex is RE2; its named groups become fields of the event. A rule with a
	// regex alone is tried on every line, which costs.
	Regex string `yaml:"regex"`
	// Levels are those a line may state of itself: none (it states none), trace,
	// debug, info, notice, warn, error, critical, fatal. Without a list: none,
	// warn and everything above.
	Levels []string `yaml:"levels"`
	// Exclude are regular expressions of lines that are meant otherwise.
	Exclude []string `yaml:"exclude"`
	// Level is that of the event where the line states none.
	Level string `yaml:"level"`
	// Severity runs from 0 to 10.
	Severity float64  `yaml:"severity"`
	Tags     []string `yaml:"tags"`
	// Before and After count the lines of context kept, at most MaxContext;
	// without them the pack's defaults hold.
	Before   *int     `yaml:"before"`
	After    *int     `yaml:"after"`
	Examples Examples `yaml:"examples"`
}

// Examples are lines that must and must not hit the rule.
type Examples struct {
	Match []string `yaml:"match"`
	Not   []string `yaml:"not"`
}

// MaxContext is the most lines of context a rule may ask for, each way.
const MaxContext = 20

// LevelNames are the levels a line can state, lowest first; "none" stands for
// a line that states no level.
var LevelNames = []string{"none", "trace", "debug", "info", "notice", "warn", "error", "critical", "fatal"}

type pack struct {
	Defaults struct {
		Before int `yaml:"before"`
		After  int `yaml:"after"`
	} `yaml:"defaults"`
	Rules []Rule `yaml:"rules"`
}

// Load reads every *.yaml file at the top of fsys, in the order of their names.
// All faults are reported at once, each with file, line and column.
func Load(fsys fs.FS) ([]Rule, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("cannot list rule packs: %w", err)
	}
	var all []Rule
	var faults []error
	seen := map[string]string{}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("cannot read rule pack %s: %w", name, err))
			continue
		}
		list, err := parse(name, data, seen)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, list...)
	}
	return all, errors.Join(faults...)
}

// parse reads one pack; seen tells in which pack an id already stands.
func parse(name string, data []byte, seen map[string]string) ([]Rule, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, at(name, err)
	}
	var p pack
	if err := yaml.UnmarshalWithOptions(data, &p, yaml.Strict()); err != nil {
		return nil, at(name, err)
	}
	var faults []error
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Before == nil {
			r.Before = &p.Defaults.Before
		}
		if r.After == nil {
			r.After = &p.Defaults.After
		}
		if field, err := r.check(seen); err != nil {
			faults = append(faults, fmt.Errorf("rule pack %s: rule %q: %w", place(file, name, i, field), r.ID, err))
		}
		seen[r.ID] = name
	}
	return p.Rules, errors.Join(faults...)
}

// check tells the first field that is wrong.
func (r *Rule) check(seen map[string]string) (string, error) {
	if r.ID == "" {
		return "", errors.New("it has no id")
	}
	if other, ok := seen[r.ID]; ok {
		return "id", fmt.Errorf("the id is already taken in %s", other)
	}
	if len(r.Keywords) == 0 && r.Regex == "" {
		return "id", errors.New("it needs keywords or a regex")
	}
	for i, k := range r.Keywords {
		if k == "" {
			return fmt.Sprintf("keywords[%d]", i), errors.New("a keyword is empty, which every line holds")
		}
	}
	if _, err := regexp.Compile(r.Regex); err != nil {
		return "regex", err
	}
	for i, e := range r.Exclude {
		if _, err := regexp.Compile(e); err != nil {
			return fmt.Sprintf("exclude[%d]", i), err
		}
	}
	for i, l := range r.Levels {
		if !slices.Contains(LevelNames, l) {
			return fmt.Sprintf("levels[%d]", i), fmt.Errorf("%q is no level; levels are %s", l, strings.Join(LevelNames, ", "))
		}
	}
	if r.Severity < 0 || r.Severity > 10 {
		return "severity", fmt.Errorf("severity %v is not between 0 and 10", r.Severity)
	}
	for field, n := range map[string]int{"before": *r.Before, "after": *r.After} {
		if n < 0 || n > MaxContext {
			return field, fmt.Errorf("%s is %d, it must be from 0 to %d", field, n, MaxContext)
		}
	}
	return "", nil
}

// at puts file, line and column before an error of the YAML reader.
func at(name string, err error) error {
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		pos := ye.GetToken().Position
		return fmt.Errorf("cannot read rule pack %s:%d:%d: %s", name, pos.Line, pos.Column, ye.GetMessage())
	}
	return fmt.Errorf("cannot read rule pack %s: %w", name, err)
}

// place gives file:line:column of a field of the rule with that index, or of
// the rule itself.
func place(file *ast.File, name string, rule int, field string) string {
	for _, f := range []string{"." + field, ""} {
		if f == "." {
			continue
		}
		path, err := yaml.PathString(fmt.Sprintf("$.rules[%d]%s", rule, f))
		if err != nil {
			continue
		}
		if node, err := path.FilterFile(file); err == nil && node != nil && node.GetToken() != nil {
			pos := node.GetToken().Position
			return fmt.Sprintf("%s:%d:%d", name, pos.Line, pos.Column)
		}
	}
	return name
}
