package events

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden pins the encoding of each kind of event: what is in the file is
// what other programs read.
func TestGolden(t *testing.T) {
	schema := compileSchema(t)
	for name, e := range map[string]*Event{"log": logEvent(), "stack": stackEvent(), "kernel": kernelEvent()} {
		t.Run(name, func(t *testing.T) {
			if string(e.Kind) != name {
				t.Fatalf("the event is of kind %s", e.Kind)
			}
			data, err := Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden = bytes.TrimSuffix(golden, []byte{'\n'})
			if !bytes.Equal(data, golden) {
				t.Errorf("%s does not match (go test ./pkg/events -update writes it anew):\n%s", path, data)
			}
			if err := validate(t, schema, golden); err != nil {
				t.Errorf("%s breaks the schema: %v", path, err)
			}
			decoded, err := Decode(golden)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Encode(decoded)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, golden) {
				t.Errorf("decoded and encoded again it is another text:\n%s", again)
			}
		})
	}
}

// TestGoldenIsComplete: every field of the event stands in one golden file at
// least.
func TestGoldenIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range []*Event{logEvent(), stackEvent(), kernelEvent()} {
		data, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		unmarshal(t, data, &value)
		collectKeys("", value, seen)
	}
	for _, path := range fieldPaths("", reflect.TypeFor[Event]()) {
		if !seen[path] {
			t.Errorf("%s is in no golden file", path)
		}
	}
}

func collectKeys(path string, value any, seen map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			seen[path+"."+key] = true
			collectKeys(path+"."+key, inner, seen)
		}
	case []any:
		for _, inner := range v {
			collectKeys(path, inner, seen)
		}
	}
}

// fieldPaths lists the names in JSON of a struct's fields, all the way down.
func fieldPaths(path string, typ reflect.Type) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
		return nil
	}
	var paths []string
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		paths = append(paths, path+"."+name)
		paths = append(paths, fieldPaths(path+"."+name, typ.Field(i).Type)...)
	}
	return paths
}

func logEvent() *Event {
	e := identified("/var/log/syslog", "5c1d8ea0f3b94c7d", 81342)
	e.Host, e.Length, e.FirstLine, e.LastLine = "db-02", 94, 913, 913
	e.Kind, e.Level, e.Severity, e.SeverityReason, e.Rule = KindLog, "error", 6.04, "filesystem error", "ext4-error"
	e.Tags = []string{"filesystem", "disk"}
	e.Message = "EXT4-fs error (device sdb1): ext4_lookup:1855: inode #2621444: comm mysqld: deleted inode referenced"
	e.Body = "Nov 20 03:12:44 db-02 kernel: " + e.Message
	e.Before = []string{"Nov 20 03:12:40 db-02 systemd[1]: Started 备份服务."}
	e.After = []string{"Nov 20 03:12:45 db-02 cron[911]: (root) CMD (run-parts <hourly> & wait)"}
	e.Fields = map[string]string{"program": "kernel", "facility": "kern"}
	e.Masked = map[string]int{"ip": 2, "email": 1}
	e.Backlog = true
	return grouped(e, "log\n1\next4-fs error (device <dev>): ext4_lookup")
}

func stackEvent() *Event {
	e := identified("/srv/shop/app.log", "9f02b7716d3e4a55", 0)
	e.Host, e.Length, e.FirstLine, e.LastLine = "app-01", 412, 1, 6
	e.Kind, e.Level, e.Severity, e.Rule = KindStack, "ERROR", 5, "java-exception"
	e.Language, e.Class = "java", "com.acme.shop.OrderException"
	e.Message = "com.acme.shop.OrderException: order 7 cannot be stored"
	e.Body = e.Message + "\n\tat com.acme.shop.OrderService.store(OrderService.java:88)\nCaused by: java.sql.SQLException: \"余额\" is <null>\n\t... 12 more"
	e.Frames = []Frame{
		{Function: "com.acme.shop.OrderService.store", File: "OrderService.java", Line: 88},
		{Function: "java.lang.Thread.run", File: "Thread.java", Line: 840, Module: "java.base"},
	}
	e.TruncatedBytes = 1024
	e.Revision = 1
	e.Analysis = &Analysis{
		RootCause: "余额字段为空", Impact: "Orders are not stored.",
		Fix: []string{"Give the column a default."}, Commands: []string{"psql -c '\\d account'"},
		Category: "database", Confidence: 82,
		Claims: []Claim{{Text: "The balance is null.", Lines: []int{3}, Grounded: true}, {Text: "It began today."}},
		Model:  "gpt-4o-mini", Provider: "openai", Tokens: &Tokens{Prompt: 913, Completion: 212},
		Seconds: 3.25, Cached: true, Language: "zh",
	}
	return grouped(e, "stack\n1\njava.sql.SQLException\nOrderService.store")
}

func kernelEvent() *Event {
	cpu, pid := 0, 8127
	e := identified("/var/log/kern.log", "77a0c4de19b2f638", 1<<40)
	e.Host, e.Length, e.FirstLine, e.LastLine = "node-07", 1893, 40, 68
	e.Kind, e.Level, e.Severity, e.Rule = KindKernel, "crit", 8.5, "hung-task"
	e.Message = "INFO: task kworker/u16:3:8127 blocked for more than 120 seconds."
	e.Body = e.Message + "\nCall Trace:\n <TASK>\n __schedule+0x2d0/0x8a0\n ? xfs_ilock+0x1a/0x120 [xfs]\n </TASK>"
	e.Frames = []Frame{
		{Function: "__schedule", Offset: "0x2d0", Size: "0x8a0"},
		{Function: "xfs_ilock", Offset: "0x1a", Size: "0x120", Module: "xfs", Unreliable: true},
	}
	e.Kernel = &Kernel{
		Title: e.Message, Type: "hung task", CPU: &cpu, PID: &pid, Comm: "kworker/u16:3", Tainted: "G        W",
		Version: "6.8.0-48-generic", Hardware: "QEMU Standard PC (Q35 + ICH9, 2009)",
		Registers:  map[string]string{"RIP": "0010:native_queued_spin_lock_slowpath+0x2a3/0x300", "RAX": "0000000000000101"},
		BlockedFor: 120, Corrupted: true, Locks: []string{"#0: ffff9a0c81b2d948 (&sb->s_type->i_mutex_key){++++}-{3:3}"},
		Code: "89 c1 <8b> 07",
		Traces: []Trace{{Title: "NMI backtrace for cpu 1", Frames: []Frame{
			{Function: "rest_init", Offset: "0xc0", Size: "0xd0", File: "init/main.c", Line: 731, Unreliable: true}}}},
	}
	e.Analysis = &Analysis{UnanalysedReason: "the model is switched off"}
	return grouped(e, "kernel\n1\nhung task\n__schedule")
}

// identified gives an event with its place and times filled in.
func identified(file, generation string, offset int64) *Event {
	return &Event{
		ID: NewID(generation, offset), File: file, Generation: generation, Offset: offset,
		Time:       time.Date(2026, 11, 20, 3, 12, 44, 120_000_000, time.FixedZone("", 8*3600)),
		ObservedAt: time.Date(2026, 11, 19, 19, 12, 44, 981_250_000, time.UTC),
	}
}

func grouped(e *Event, fingerprint string) *Event {
	e.Fingerprint, e.Group = fingerprint, NewGroup(fingerprint)
	return e
}
