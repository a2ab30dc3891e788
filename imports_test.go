package tocsin_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImportRules holds the structure of the repository: who may import whom.
func TestImportRules(t *testing.T) {
	imports := 0
	for _, path := range goFiles(t) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("cannot parse %s: %v", path, err)
			continue
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			imports++
			if rule := brokenRule(path, imported); rule != "" {
				t.Errorf("%s imports %s: %s", path, imported, rule)
			}
		}
	}
	if imports < 50 {
		t.Errorf("only %d imports were checked: the walk does not see the repository", imports)
	}
}

// TestBrokenRule shows that every rule forbids something and leaves the rest
// alone.
func TestBrokenRule(t *testing.T) {
	f := func(path, imported string, allowed bool) {
		t.Helper()
		if rule := brokenRule(path, imported); (rule == "") != allowed {
			t.Errorf("%s imports %s: allowed should be %v, the rule is %q", path, imported, allowed, rule)
		}
	}
	f("services/masker/mask.go", "tocsin/pkg/bus", true)
	f("services/masker/mask.go", "tocsin/services/masker/rules", true)
	f("services/masker/mask.go", "tocsin/services/collector", false)
	f("services/masker/mask_test.go", "tocsin/services/maskerx", false)
	f("services/masker/mask.go", "tocsin/cmd/tocsin", false)
	f("pkg/service/main.go", "tocsin/pkg/bus", true)
	f("pkg/service/main.go", "tocsin/services/masker", false)
	f("rules/rules.go", "tocsin/services/masker", false)
	f("pkg/events/event.go", "time", true)
	f("pkg/events/event.go", "tocsin/pkg/bus", false)
	f("pkg/events/event_test.go", "tocsin/pkg/bus", false)
	f("pkg/events/event_test.go", "tocsin/pkg/events", true)
	f("pkg/events/event.go", "pgregory.net/rapid", false)
	f("pkg/events/event_test.go", "pgregory.net/rapid", true)
	f("pkg/bus/embedded/server.go", "github.com/nats-io/nats-server/v2/server", true)
	f("pkg/busy/x.go", "github.com/nats-io/nats.go", false)
	f("cmd/tocsin/up_test.go", "github.com/nats-io/nats.go/jetstream", false)
	f("services/indexer/write.go", "github.com/synadia-io/orbit.go/jetstreamext", false)
	f("pkg/store/sqlite/open.go", "modernc.org/sqlite", true)
	f("pkg/store/sqlite/open.go", "database/sql", true)
	f("pkg/store/store.go", "database/sql/driver", false)
	f("cmd/tocsin/export.go", "modernc.org/sqlite", false)
	f("pkg/store/elastic/bulk.go", "github.com/elastic/go-elasticsearch/v8/esapi", true)
	f("services/indexer/write.go", "github.com/elastic/go-elasticsearch/v8/esapi", false)
	f("cmd/tocsin/up.go", "tocsin/services/masker", true)
	f("services/masker/cmd/masker/main.go", "tocsin/services/masker", true)
	f("services/masker/cmd/masker/main.go", "tocsin/pkg/service", true)
	f("services/masker/cmd/masker/main.go", "context", true)
	f("services/masker/cmd/masker/main.go", "tocsin/pkg/bus", false)
	f("services/masker/cmd/masker/main.go", "github.com/alecthomas/kong", false)
}

// brokenRule names the rule that forbids the file to import a package; empty if
// none does.
func brokenRule(path, imported string) string {
	path = filepath.ToSlash(path)
	ours := isWithin(imported, "tocsin")
	test := strings.HasSuffix(path, "_test.go")
	own := serviceOf(path)

	for _, only := range []struct{ prefix, home string }{
		{"github.com/nats-io", "pkg/bus"},
		{"github.com/synadia-io", "pkg/bus"},
		{"modernc.org/sqlite", "pkg/store/sqlite"},
		{"database/sql", "pkg/store/sqlite"},
		{"github.com/elastic", "pkg/store/elastic"},
	} {
		if isWithin(imported, only.prefix) && !isWithin(path, only.home) {
			return fmt.Sprintf("only %s may", only.home)
		}
	}
	switch {
	case isWithin(imported, "tocsin/cmd"):
		return "nothing imports a program"
	case isWithin(path, "pkg/events") && ours && imported != "tocsin/pkg/events":
		return "pkg/events imports nothing of ours"
	case isWithin(path, "pkg/events") && !test && thirdParty(imported):
		return "pkg/events imports the standard library alone"
	case isWithin(imported, "tocsin/services") && own == "" && !isWithin(path, "cmd/tocsin"):
		return "only cmd/tocsin imports services"
	case isWithin(imported, "tocsin/services") && own != "" && !isWithin(imported, "tocsin/services/"+own):
		return "services never import each other"
	case own != "" && isWithin(path, "services/"+own+"/cmd") && !test &&
		(ours || thirdParty(imported)) && imported != "tocsin/services/"+own && imported != "tocsin/pkg/service":
		return "a service's main imports its service and pkg/service alone"
	}
	return ""
}

// isWithin tells whether a slash-separated path is root or lies in it.
func isWithin(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// serviceOf gives "masker" for services/masker/…, else nothing.
func serviceOf(path string) string {
	rest, found := strings.CutPrefix(path, "services/")
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// thirdParty tells whether an import path begins with a domain.
func thirdParty(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".")
}
