package service

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestFilesEqualTheTable(t *testing.T) {
	for path, want := range map[string]string{
		"../../.env.example":     EnvExample(),
		"../../docs/settings.md": SettingsPage(),
	} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is out of date: run go generate ./pkg/service", path)
		}
	}
}

func TestTableIsComplete(t *testing.T) {
	var keys []string
	for _, g := range groups() {
		keys = append(keys, g.key)
	}
	names := map[string]bool{}
	for _, row := range table() {
		if names[row.name] {
			t.Errorf("%s is there twice", row.name)
		}
		names[row.name] = true
		if strings.Count(row.doc, ". ") != 0 || !strings.HasSuffix(row.doc, ".") || !strings.HasSuffix(row.zh, "。") {
			t.Errorf("%s needs one sentence in English and one in Chinese: %q, %q", row.name, row.doc, row.zh)
		}
		if !slices.Contains(keys, row.group) {
			t.Errorf("%s has no group: %q", row.name, row.group)
		}
		for _, by := range row.by {
			if by != "all" && by != "up" && !slices.Contains(Services(), by) {
				t.Errorf("%s is read by %q", row.name, by)
			}
		}
		if row.secret && row.kind.Kind() != reflect.String {
			t.Errorf("%s is secret and no text", row.name)
		}
	}
}

// TestOriginalSettings holds the names of the original system.
func TestOriginalSettings(t *testing.T) {
	want := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_]+)=`).FindAllStringSubmatch(originalEnv, -1) {
		want[m[1]] = true
	}
	for _, row := range table() {
		if row.original != want[row.name] {
			t.Errorf("%s: original is %v", row.name, row.original)
		}
		delete(want, row.name)
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestEnvExampleIsTheDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	want := Defaults()
	want.LogFilePaths = "./testLog/*"
	if got := load(t, nil, writeEnv(t, EnvExample())); !reflect.DeepEqual(got, want) {
		t.Errorf("as it is: got %+v", got)
	}
	// With every commented line in use only METRICS_PORT counts as set.
	open := regexp.MustCompile(`(?m)^# ([A-Z_]+=)`).ReplaceAllString(EnvExample(), "$1")
	if n := len(regexp.MustCompile(`(?m)^[A-Z_]+=`).FindAllString(open, -1)); n != len(table()) {
		t.Errorf("%d lines for %d settings", n, len(table()))
	}
	want.MetricsPort = 2112
	if got := load(t, nil, writeEnv(t, open)); !reflect.DeepEqual(got, want) {
		t.Errorf("all in use: got %+v", got)
	}
}

func TestEnvExampleBeginsWithTheOriginalSettings(t *testing.T) {
	text := EnvExample()
	last, first := 0, len(text)
	for _, row := range table() {
		at := strings.Index(text, row.name+"=")
		if row.original {
			last = max(last, at)
		} else {
			first = min(first, at)
		}
	}
	if last > first {
		t.Error("a setting of ours stands before one of the original")
	}
	if !strings.Contains(text, "\n# METRICS_PORT=2112\n") {
		t.Error("METRICS_PORT must be commented out")
	}
}

func TestGroupsAreUsed(t *testing.T) {
	for _, g := range groups() {
		if !strings.Contains(SettingsPage(), "\n## "+g.title+" "+g.zh+"\n") {
			t.Errorf("no section %s", g.title)
		}
		if !slices.ContainsFunc(table(), func(r setting) bool { return r.group == g.key }) {
			t.Errorf("group %s is empty", g.key)
		}
	}
}
