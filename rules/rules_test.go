package rules

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLoadBuiltIn(t *testing.T) {
	list, err := Load(FS)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 30 {
		t.Errorf("%d rules, want at least 30", len(list))
	}
	for _, r := range list {
		if len(r.Examples.Match) == 0 || len(r.Examples.Not) == 0 {
			t.Errorf("rule %s needs examples.match and examples.not", r.ID)
		}
		if r.Severity == 0 || r.Level == "" {
			t.Errorf("rule %s has no severity or no level", r.ID)
		}
	}
}

func TestLoadFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"syntax", "rules:\n  - id: [a\n", "cannot read rule pack p.yaml:"},
		{"unknown field", "rules:\n  - id: a\n    keyword: [x]\n", `p.yaml:3:5: unknown field "keyword"`},
		{"wrong type", "rules:\n  - id: a\n    severity: high\n", "p.yaml:3:15"},
		{"no id", "rules:\n  - keywords: [x]\n", "p.yaml:2:13: rule \"\": it has no id"},
		{"nothing to match", "rules:\n  - id: a\n", "p.yaml:2:9: rule \"a\": it needs keywords or a regex"},
		{"empty keyword", "rules:\n  - id: a\n    keywords: [x, '']\n", "p.yaml:3:19"},
		{"bad regex", "rules:\n  - id: a\n    regex: 'a('\n", "p.yaml:3:12: rule \"a\": error parsing regexp"},
		{"bad exclusion", "rules:\n  - id: a\n    keywords: [x]\n    exclude: ['a(']\n", "p.yaml:4:15"},
		{"bad level", "rules:\n  - id: a\n    keywords: [x]\n    levels: [bad]\n", `"bad" is no level`},
		{"severity", "rules:\n  - id: a\n    keywords: [x]\n    severity: 11\n", "p.yaml:4:15: rule \"a\": severity 11 is not between 0 and 10"},
		{"context", "rules:\n  - id: a\n    keywords: [x]\n    before: 99\n", "before is 99, it must be from 0 to 20"},
		{"twice", "rules:\n  - id: a\n    keywords: [x]\n  - id: a\n    keywords: [y]\n", "p.yaml:4:9: rule \"a\": the id is already taken in p.yaml"},
	} {
		_, err := Load(fstest.MapFS{"p.yaml": {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to hold %q", c.name, err, c.want)
		}
	}
}

func TestLoadReportsAllPacks(t *testing.T) {
	_, err := Load(fstest.MapFS{"a.yaml": {Data: []byte("rules: [")}, "b.yaml": {Data: []byte("rules:\n  - id: x\n")}})
	if err == nil || !strings.Contains(err.Error(), "a.yaml") || !strings.Contains(err.Error(), "b.yaml:2:9") {
		t.Errorf("error %v does not name both packs", err)
	}
}
