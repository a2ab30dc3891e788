package analyzer

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"tocsin/pkg/events"
)

func TestDecodeAnswer(t *testing.T) {
	whole := events.Analysis{
		RootCause: "the disk is full", Impact: "no writes", Fix: []string{"clean up", "add a disk"}, Commands: []string{"df -h"},
		Category: "disk", Confidence: 85, Claims: []events.Claim{{Text: "no space left", Lines: []int{2, 3}}},
	}
	const plain = `{"root_cause":"the disk is full","impact":"no writes","fix":["clean up","add a disk"],"commands":["df -h"],"category":"disk","severity":7,"confidence":85,"claims":[{"text":"no space left","lines":[2,3]}]}`
	for name, c := range map[string]struct {
		text string
		want events.Analysis
	}{
		"as asked":             {plain, whole},
		"fenced":               {"```json\n" + plain + "\n```", whole},
		"with words around":    {"Sure! Here it is:\n" + plain + "\nAnything else {or} more?", whole},
		"second object":        {plain + `{"root_cause":"another"}`, whole},
		"nested":               {`{"analysis":` + plain + `}`, whole},
		"braces before":        {"In {braces}: " + plain, whole},
		"other spelling":       {strings.NewReplacer("root_cause", "Root Cause", "impact", "IMPACT").Replace(plain), whole},
		"confidence as text":   {strings.Replace(plain, ":85", `:"85 %"`, 1), whole},
		"confidence as part":   {strings.Replace(plain, ":85", `:0.85`, 1), whole},
		"lines as text":        {strings.Replace(plain, "[2,3]", `"2-3"`, 1), whole},
		"lines as texts":       {strings.Replace(plain, "[2,3]", `["2", "line", "3"]`, 1), whole},
		"fix as text":          {strings.Replace(plain, `["clean up","add a disk"]`, `"clean up\nadd a disk"`, 1), whole},
		"a claim alone":        {strings.Replace(strings.Replace(plain, "[{", "{", 1), "}]", "}", 1), whole},
		"raw newline":          {"{\"root_cause\":\"a\nb\"}", events.Analysis{RootCause: "a\nb"}},
		"list where text":      {`{"root_cause":["a","b"]}`, events.Analysis{RootCause: "a\nb"}},
		"object where text":    {`{"root_cause":{"b":1,"a":true}}`, events.Analysis{RootCause: "a: true\nb: 1"}},
		"object where list":    {`{"root_cause":"x","fix":{"2":"b","1":["a","c"]}}`, events.Analysis{RootCause: "x", Fix: []string{"1: a; c", "2: b"}}},
		"claim as text":        {`{"root_cause":"x","claims":["y"]}`, events.Analysis{RootCause: "x", Claims: []events.Claim{{Text: "y"}}}},
		"confidence too high":  {`{"root_cause":"x","confidence":1e9}`, events.Analysis{RootCause: "x", Confidence: 1}},
		"confidence 250":       {`{"root_cause":"x","confidence":250}`, events.Analysis{RootCause: "x", Confidence: 100}},
		"confidence below 0":   {`{"root_cause":"x","confidence":-3}`, events.Analysis{RootCause: "x"}},
		"confidence in words":  {`{"root_cause":"x","confidence":"high"}`, events.Analysis{RootCause: "x"}},
		"nulls":                {`{"root_cause":"x","impact":null,"fix":null,"claims":null,"confidence":null}`, events.Analysis{RootCause: "x"}},
		"empty items":          {`{"root_cause":"x","fix":[""," "],"claims":[{},{"text":""}]}`, events.Analysis{RootCause: "x"}},
		"cut in a list":        {`{"root_cause":"x","impact":"y","fix":["a",`, events.Analysis{RootCause: "x", Impact: "y"}},
		"cut in a text":        {`{"root_cause":"the disk is fu`, events.Analysis{RootCause: "the disk is fu"}},
		"cut in an escape":     {`{"root_cause":"the disk\u00`, events.Analysis{RootCause: "the disk"}},
		"cut in a key":         {`{"root_cause":"x","imp`, events.Analysis{RootCause: "x"}},
		"no JSON":              {"The disk is full.", events.Analysis{RootCause: "The disk is full."}},
		"no JSON, fenced":      {"```\nThe disk is full.\n```", events.Analysis{RootCause: "The disk is full."}},
		"other JSON":           {`{"answer":42}`, events.Analysis{RootCause: `{"answer":42}`}},
		"no root cause":        {`{"impact":"y","confidence":90}`, events.Analysis{RootCause: `{"impact":"y","confidence":90}`, Impact: "y"}},
		"escapes of terminals": {`{"root_cause":"a\u001b[2Jb\u202ec","commands":["ls\u0007"]}`, events.Analysis{RootCause: "a[2Jbc", Commands: []string{"ls"}}},
	} {
		if got := decodeAnswer(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestAnswerIsBounded(t *testing.T) {
	long := strings.Repeat("银行", 2000)
	items := make([]any, 100)
	for i := range items {
		items[i] = map[string]any{"text": long, "lines": []int{1, 2}}
	}
	text, err := json.Marshal(map[string]any{"root_cause": long, "impact": long, "fix": items, "commands": items, "category": long, "claims": items})
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]string{"JSON": string(text), "text": long} {
		data, err := json.Marshal(decodeAnswer(answer))
		if err != nil || len(data) > 100<<10 || len(data) < 1000 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}

func TestGrounded(t *testing.T) {
	ev := newEvidence(&events.Event{Body: "write /var/lib/db: No space left on device\nkworker/1:2 blocked\n用户余额查询失败\nexit status 137"})
	for name, c := range map[string]struct {
		text  string
		lines []int
		want  bool
	}{
		"says so":                 {"There is no space on the device.", []int{1}, true},
		"a name":                  {"The kworker thread hangs", []int{2}, true},
		"one of its lines":        {"There is no space", []int{1, 2}, true},
		"another line":            {"There is no space on the device.", []int{2}, false},
		"no line":                 {"There is no space on the device.", nil, false},
		"a line that is not":      {"There is no space on the device.", []int{1, 9}, false},
		"line 0":                  {"There is no space on the device.", []int{0}, false},
		"plain words alone":       {"This line shows a failure with an error", []int{1}, false},
		"Chinese":                 {"余额的查询出错", []int{3}, true},
		"Chinese, another":        {"磁盘已满", []int{3}, false},
		"Latin inside Chinese":    {"磁盘device已满", []int{1}, true},
		"a number":                {"Killed (137)", []int{4}, true},
		"short words say nothing": {"of on it", []int{1}, false},
	} {
		if got := grounded(events.Claim{Text: c.text, Lines: c.lines}, ev); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Whatever a model writes, the analysis is bounded, printable and encodable.
func FuzzDecodeAnswer(f *testing.F) {
	for _, s := range []string{`{"root_cause":"a","claims":[{"text":"b","lines":["1-9999999999999999999", 3]}]}`, "```json\n{\"fix\":{}}", `{"root_cause":"\ud83d`, "{{{{", `{"confidence":"+.-"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := decodeAnswer(text)
		a.Claims = ground(a.Claims, newEvidence(&events.Event{Message: text}))
		if a.Confidence < 0 || a.Confidence > 100 || len(a.RootCause) > maxText || len(a.Claims) > maxClaims || len(a.Fix) > maxItems {
			t.Fatalf("out of bounds: %+v", a)
		}
		if strings.ContainsAny(a.RootCause, "\x1b\x07\r") {
			t.Fatal("control characters stay")
		}
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
	})
}
