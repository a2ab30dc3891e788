package tocsin_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxLines of a Go file: one that needs more is two files.
const maxLines = 999

func TestNoLongGoFile(t *testing.T) {
	for _, path := range goFiles(t) {
		if n := bytes.Count(read(t, path), []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines: at most %d, split it", path, n, maxLines)
		}
	}
}

// TestNoForeignWords keeps out what is true on one machine only: folders of a
// build machine and addresses of package caches. Each word is put together
// here so that this file does not hold it.
func TestNoForeignWords(t *testing.T) {
	words := []string{
		"/wo" + "rk/", "/root" + "/go", "/tmp" + "/brief", "/opt" + "/wheels",
		"GOPRO" + "XY", "gopro" + "xy.", "proxy.golang" + ".org", "index" + "-url", "mirr" + "ors.", "npm" + "mirror", "artifac" + "tory",
	}
	texts := 0
	for _, path := range files(t) {
		data := read(t, path)
		if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
			continue
		}
		texts++
		for _, word := range words {
			if i := bytes.Index(data, []byte(word)); i >= 0 {
				t.Errorf("%s:%d holds %q", path, 1+bytes.Count(data[:i], []byte("\n")), word)
			}
		}
	}
	if texts < 20 {
		t.Errorf("only %d files were read: the walk does not see the repository", texts)
	}
}

// TestPlantedSecrets: the list that other tests look for is the list of what
// testLog holds.
func TestPlantedSecrets(t *testing.T) {
	var logs []byte
	for _, path := range files(t) {
		if filepath.Dir(path) == "testLog" {
			logs = append(logs, read(t, path)...)
		}
	}
	for _, secret := range strings.Fields(string(read(t, "cmd/tocsin/testdata/secrets.txt"))) {
		if !bytes.Contains(logs, []byte(secret)) {
			t.Errorf("testLog does not hold %s", secret)
		}
	}
}

// TestLinks: what a page links to is in the repository.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	for _, path := range files(t) {
		if filepath.Ext(path) != ".md" {
			continue
		}
		for _, match := range link.FindAllSubmatch(read(t, path), -1) {
			target := string(match[1])
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, target)
			}
		}
	}
}

// files lists the repository's files, relative to its root, without what git
// ignores and its own folder.
func files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch path {
			case ".git", "data", "bin":
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() && d.Name() != ".env" {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("cannot list the repository: %v", err)
	}
	return list
}

func goFiles(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, path := range files(t) {
		if strings.HasSuffix(path, ".go") {
			list = append(list, path)
		}
	}
	return list
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
