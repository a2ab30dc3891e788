package collector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOffsetsRoundTrip(t *testing.T) {
	o, err := openOffsets(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	state := generationState{Generation: "g1", Path: "/var/log/a b.log", ContextOffset: 10, ContextLine: 2, AssembleOffset: 20, PublishedOffset: 30,
		QuietCut: 40, BacklogEnd: 50, LastTime: time.Unix(1763892672, 0).UTC(), Modified: time.Unix(1763892000, 0).UTC()}
	if err := o.save(&offsetFile{Version: offsetVersion, Path: "/var/log/a b.log", Generations: []generationState{state}}); err != nil {
		t.Fatal(err)
	}
	if err := o.saveSources(sources{"/var/log/*": time.Unix(1, 0).UTC()}); err != nil {
		t.Fatal(err)
	}
	files, faults := o.load()
	if len(faults) > 0 || len(files) != 1 || len(files[0].Generations) != 1 || files[0].Generations[0] != state {
		t.Errorf("loaded %+v, faults %v", files, faults)
	}
	if s, err := o.loadSources(); err != nil || len(s) != 1 {
		t.Errorf("sources %v, error %v", s, err)
	}
}

func TestOffsetsSetAside(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"torn", `{"version": 1, "path": "/a.l`, "unexpected end of JSON"},
		{"empty", ``, "unexpected end of JSON"},
		{"newer", `{"version": 7, "path": "/a.log"}`, "its version is 7"},
		{"alien", `{"version": 1, "path": "/other.log"}`, "does not belong to the path it names"},
		{"nameless", `{"version": 1, "path": "/a.log", "generations": [{}]}`, "has no name"},
		{"impossible", `{"version": 1, "path": "/a.log", "generations": [{"generation": "g", "context_offset": 9, "assemble_offset": 3}]}`, "contradict"},
		{"huge check", `{"version": 1, "path": "/a.log", "generations": [{"generation": "g", "check_end": 99999999999}]}`, "contradict"},
	} {
		o, err := openOffsets(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(o.dir, o.nameFor("/a.log"))
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		files, faults := o.load()
		if len(files) != 0 || len(faults) != 1 || !strings.Contains(faults[0].Error(), c.want) || !strings.Contains(faults[0].Error(), path) {
			t.Errorf("%s: files %v, faults %v", c.name, files, faults)
		}
		if _, err := os.Stat(path + ".broken"); err != nil {
			t.Errorf("%s is not set aside: %v", c.name, err)
		}
		if _, faults := o.load(); len(faults) != 0 {
			t.Errorf("%s is told of twice", c.name)
		}
	}
}

func TestTornSources(t *testing.T) {
	o, err := openOffsets(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.dir, sourcesName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := o.loadSources(); err == nil || s == nil || !strings.Contains(err.Error(), "sources.json.broken") {
		t.Errorf("sources %v, error %v", s, err)
	}
}

func TestOffsetErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openOffsets(file); err == nil {
		t.Error("a file as DATA_DIR is taken")
	}
	o := &offsetStore{dir: filepath.Join(t.TempDir(), "gone")}
	if err := o.save(&offsetFile{Path: "/a"}); err == nil || !strings.Contains(err.Error(), "cannot write offset file") {
		t.Errorf("error %v", err)
	}
	if _, faults := o.load(); len(faults) != 1 {
		t.Errorf("faults %v", faults)
	}
}

func TestNameForIsUnique(t *testing.T) {
	o := &offsetStore{}
	seen := map[string]bool{}
	for _, p := range []string{"/a/b", "/a_b", "/a-b", "/a\x01b", "/" + strings.Repeat("x", 200), "/y" + strings.Repeat("x", 200)} {
		n := o.nameFor(p)
		if seen[n] || strings.ContainsAny(n, "/\x01") || len(n) > 200 {
			t.Errorf("name %q for %q", n, p)
		}
		seen[n] = true
	}
}

func TestStandTornOffsetFile(t *testing.T) {
	bubble(t, func(t *testing.T, s *stand) {
		s.append("a.log", "ERROR one\n")
		s.start("a.log")
		s.stop()
		o := &offsetStore{dir: filepath.Join(s.o.DataDir, "offsets")}
		name := filepath.Join(o.dir, o.nameFor(s.path("a.log")))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data[:len(data)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		s.append("a.log", "ERROR two\n")
		s.start("a.log")
		if !strings.Contains(s.log.String(), "offset file set aside") || !strings.Contains(s.log.String(), name) {
			t.Errorf("the torn file is not named:\n%s", s.log)
		}
		if got := s.broker.messages(); got[len(got)-1] != "ERROR two" {
			t.Errorf("events %q", got)
		}
		s.stop()
	})
}
