package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "sk-test-5f1e7c0a9b"

// server plays one script and gives a client for it.
func server(t *testing.T, script http.HandlerFunc) *Client {
	t.Helper()
	return clientOf(t, script, Options{Key: testKey, Model: "m", Timeout: 5 * time.Second, IdleTimeout: 5 * time.Second})
}

func clientOf(t *testing.T, script http.HandlerFunc, o Options) *Client {
	t.Helper()
	s := httptest.NewServer(script)
	o.URL = s.URL
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c
}

// stream writes parts, each flushed by itself.
func stream(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range parts {
			io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}
}

func delta(s string) string {
	b, _ := json.Marshal(s)
	return `data: {"choices":[{"index":0,"delta":{"content":` + string(b) + `}}]}` + "\n\n"
}

const (
	stop  = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usage = `data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}` + "\n\n"
	done  = "data: [DONE]\n\n"
)

func TestStreams(t *testing.T) {
	big := strings.Repeat("a", 100<<10)
	whole := delta("银行余额") + stop + done
	inside := strings.Index(whole, "银") + 1
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"plain":                   {[]string{delta("Hello "), delta("world"), stop, usage, done}, "Hello world"},
		"CRLF":                    {[]string{strings.ReplaceAll(delta("a")+delta("b")+stop+done, "\n", "\r\n")}, "ab"},
		"no space after data":     {[]string{strings.ReplaceAll(delta("a")+stop+done, "data: ", "data:")}, "a"},
		"several events a write":  {[]string{delta("a") + delta("b") + delta("c") + stop + done}, "abc"},
		"no blank lines":          {[]string{strings.ReplaceAll(delta("a")+delta("b")+stop+done, "\n\n", "\n")}, "ab"},
		"cut inside a character":  {[]string{whole[:inside], whole[inside:]}, "银行余额"},
		"cut inside a key":        {[]string{whole[:10], whole[10:]}, "银行余额"},
		"comments":                {[]string{": keep-alive\n\n", delta("a"), ": keep-alive\n", "event: x\nid: 3\nretry: 5\n", stop, done}, "a"},
		"event over 64 KiB":       {[]string{delta(big), stop, done}, big},
		"byte order mark":         {[]string{"\ufeff" + delta("a"), stop, done}, "a"},
		"data over two lines":     {[]string{"data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"a\"}}]}\n\n", stop, done}, "a"},
		"no [DONE]":               {[]string{delta("a"), stop}, "a"},
		"no finish_reason":        {[]string{delta("a"), done}, "a"},
		"empty finish_reason":     {[]string{`data: {"choices":[{"delta":{"content":"a"},"finish_reason":""}]}` + "\n\n", done}, "a"},
		"null choices with usage": {[]string{delta("a"), stop, `data: {"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":1}}` + "\n\n", done}, "a"},
		"code 0":                  {[]string{`data: {"code":0,"message":"Success","sid":"x","choices":[{"delta":{"content":"a"},"index":0}]}` + "\n\n", done}, "a"},
		"other choices":           {[]string{`data: {"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}` + "\n\n", stop, done}, "a"},
		"reasoning first":         {[]string{`data: {"choices":[{"delta":{"reasoning_content":"hm","content":null}}]}` + "\n\n", `data: {"choices":[{"delta":{"reasoning":"hm"}}]}` + "\n\n", delta("a"), stop, done}, "a"},
		"think in content":        {[]string{delta("<thi"), delta("nk>{}</th"), delta("ink>\n\n{\"x\":1}"), stop, done}, `{"x":1}`},
		"think without its start": {[]string{delta("so it is\n</think>\n{}"), stop, done}, "{}"},
		"think inside the answer": {[]string{delta(`{"a":"</think>"}`), stop, done}, `{"a":"</think>"}`},
		"last line without end":   {[]string{delta("a"), strings.TrimSpace(stop)}, "a"},
		"bytes after [DONE]":      {[]string{delta("a"), stop, done, delta("b")}, "a"},
		"whole body, indented":    {[]string{"{\n  \"choices\": [\n\n {\"message\": {\"content\": \"a\"}, \"finish_reason\": \"stop\"}]\n}\n"}, "a"},
		"whole body":              {[]string{`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := server(t, stream(c.parts...)).Complete(t.Context(), Request{User: "?"})
			if err != nil || a.Text != c.want || a.Truncated {
				t.Fatalf("got %.80q (truncated %v), %v; want %.80q", a.Text, a.Truncated, err, c.want)
			}
		})
	}
}

func TestTokensAndLength(t *testing.T) {
	a, err := server(t, stream(delta(`{"root_cause":"x`), `data: {"choices":[{"delta":{},"finish_reason":"length"}]}`+"\n\n", usage, done)).Complete(t.Context(), Request{})
	if err != nil || !a.Truncated || a.PromptTokens != 11 || a.CompletionTokens != 7 {
		t.Fatalf("got %+v, %v", a, err)
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		piece := delta(strings.Repeat("la ", 1000))
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
	a, err := server(t, endless).Complete(t.Context(), Request{})
	if err != nil || !a.Truncated || len(a.Text) > maxAnswer+4000 {
		t.Fatalf("got %d bytes, truncated %v, %v", len(a.Text), a.Truncated, err)
	}
}

func TestBrokenStreams(t *testing.T) {
	length := `data: {"choices":[{"delta":{},"finish_reason":"length"}]}` + "\n\n"
	for name, c := range map[string]struct {
		parts []string
		class Class
		code  string
	}{
		"nothing":                    {nil, Temporary, ""},
		"end without finish_reason":  {[]string{delta("a")}, Temporary, ""},
		"cut inside a key":           {[]string{delta("a"), `data: {"cho`}, Temporary, ""},
		"cut inside a character":     {[]string{delta("a"), delta("银")[:50]}, Temporary, ""},
		"not JSON":                   {[]string{"data: hello\n\n"}, Temporary, ""},
		"other JSON":                 {[]string{`data: {"choices":"none"}` + "\n\n"}, Temporary, ""},
		"web page":                   {[]string{"<!DOCTYPE html>\n<html>sign in</html>"}, Temporary, ""},
		"error object":               {[]string{delta("a"), `data: {"error":{"message":"` + testKey + ` secret","type":"server_error","code":null}}` + "\n\n"}, Temporary, "server_error"},
		"error text":                 {[]string{`{"error":"` + testKey + ` is busy"}`}, Temporary, ""},
		"error object, rate":         {[]string{`data: {"error":{"code":429}}` + "\n\n"}, Temporary, "429"},
		"error object, quota":        {[]string{`data: {"error":{"type":"insufficient_quota","code":"x"}}` + "\n\n"}, Permanent, "insufficient_quota"},
		"error object, key":          {[]string{`data: {"error":{"code":401}}` + "\n\n"}, Permanent, "401"},
		"error object, request":      {[]string{`data: {"error":{"type":"invalid_request_error"}}` + "\n\n"}, Refused, "invalid_request_error"},
		"code at the top, busy":      {[]string{`data: {"code":10008,"message":"busy","sid":"x"}` + "\n\n"}, Temporary, "10008"},
		"code at the top, censored":  {[]string{`data: {"code":10013}` + "\n\n"}, Refused, "10013"},
		"code at the top, quota":     {[]string{`data: {"code":11200}` + "\n\n"}, Permanent, "11200"},
		"code that is the key":       {[]string{`data: {"code":"` + testKey + `"}` + "\n\n"}, Temporary, ""},
		"content filter":             {[]string{delta("a"), `data: {"choices":[{"finish_reason":"content_filter"}]}` + "\n\n", done}, Refused, "content_filter"},
		"blank answer":               {[]string{delta(" \n "), stop, done}, Refused, "empty_answer"},
		"thoughts only":              {[]string{delta("<think>and so on"), length, done}, Refused, "length"},
		"event longer than the most": {[]string{"data: " + strings.Repeat("x", maxEvent+1)}, Temporary, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := server(t, stream(c.parts...)).Complete(t.Context(), Request{User: "?"})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an Error", err)
			}
			if e.Class != c.class || e.Code != c.code {
				t.Fatalf("got %s %q (%v), want %s %q", e.Class, e.Code, err, c.class, c.code)
			}
			noSecret(t, err)
		})
	}
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); strings.Contains(s, testKey) || strings.Contains(s, "secret") {
		t.Fatalf("the error tells a secret: %s", s)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		class  Class
		code   string
		wait   time.Duration
	}{
		"400":                      {400, nil, `{"error":{"message":"secret","code":"bad_thing"}}`, Refused, "bad_thing", 0},
		"400 too long":             {400, nil, `{"error":{"code":"context_length_exceeded"}}`, Refused, "context_length_exceeded", 0},
		"401":                      {401, nil, `{"error":{"message":"Incorrect key ` + testKey + `","code":"invalid_api_key"}}`, Permanent, "invalid_api_key", 0},
		"401 with the key as code": {401, nil, `{"error":{"code":"` + testKey + `"}}`, Permanent, "", 0},
		"402":                      {402, nil, `{"error":{"type":"unknown_error"}}`, Permanent, "unknown_error", 0},
		"403":                      {403, nil, "", Permanent, "", 0},
		"404":                      {404, nil, `{"error":{"type":"invalid_request_error","code":"model_not_found"}}`, Permanent, "model_not_found", 0},
		"404 web page":             {404, nil, "<html>secret</html>", Permanent, "", 0},
		"405":                      {405, nil, "", Permanent, "", 0},
		"408":                      {408, nil, "", Temporary, "", 0},
		"409":                      {409, nil, "", Temporary, "", 0},
		"413":                      {413, nil, "", Refused, "", 0},
		"422":                      {422, nil, "", Refused, "", 0},
		"429":                      {429, http.Header{"Retry-After": {"7"}}, `{"error":{"code":"rate_limit_exceeded"}}`, Temporary, "rate_limit_exceeded", 7 * time.Second},
		"429 in milliseconds":      {429, http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"9"}}, "", Temporary, "", 1500 * time.Millisecond},
		"429 for a year":           {429, http.Header{"Retry-After": {"31536000"}}, "", Temporary, "", time.Hour},
		"429 nonsense":             {429, http.Header{"Retry-After": {"NaN"}}, "", Temporary, "", 0},
		"429 a past date":          {429, http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, "", Temporary, "", 0},
		"429 quota":                {429, nil, `{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}`, Permanent, "insufficient_quota", 0},
		"500":                      {500, nil, "secret", Temporary, "", 0},
		"503":                      {503, http.Header{"Retry-After": {"2.5"}}, "", Temporary, "", 2500 * time.Millisecond},
		"529":                      {529, nil, `{"error":{"type":"overloaded_error"}}`, Temporary, "overloaded_error", 0},
		"302":                      {302, http.Header{"Location": {"https://elsewhere.example/"}}, "", Temporary, "", 0},
		"308":                      {308, http.Header{"Location": {"https://elsewhere.example/"}}, "", Permanent, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			_, err := server(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				for k, v := range c.header {
					w.Header()[k] = v
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}).Complete(t.Context(), Request{User: "?"})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an Error", err)
			}
			if e.Class != c.class || e.Code != c.code || e.RetryAfter != c.wait || e.Status != c.status || ClassOf(err) != c.class {
				t.Fatalf("got %+v", e)
			}
			if calls != 1 {
				t.Fatalf("asked %d times: a client must not retry", calls)
			}
			noSecret(t, err)
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	h := http.Header{"Retry-After": {"Fri, 01 May 2026 12:00:42 GMT"}}
	if got := retryAfter(h, now); got != 42*time.Second {
		t.Fatalf("got %s", got)
	}
}

// closing waits until the server sees that the client has gone.
func closing(t *testing.T, gone chan struct{}) {
	t.Helper()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Fatal("the connection stayed open")
	}
}

func TestTimeouts(t *testing.T) {
	tick := func(w http.ResponseWriter, r *http.Request, what string) {
		for {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
				io.WriteString(w, what)
				w.(http.Flusher).Flush()
			}
		}
	}
	for name, c := range map[string]struct {
		idle, total time.Duration
		script      http.HandlerFunc
		says        string
	}{
		"no headers ever":       {50 * time.Millisecond, time.Minute, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "AI_IDLE_TIMEOUT"},
		"silence after a chunk": {50 * time.Millisecond, time.Minute, func(w http.ResponseWriter, r *http.Request) { stream(delta("a"))(w, r); <-r.Context().Done() }, "AI_IDLE_TIMEOUT"},
		"keep-alives for ever":  {50 * time.Millisecond, time.Minute, func(w http.ResponseWriter, r *http.Request) { tick(w, r, ": keep-alive\n\n") }, "AI_IDLE_TIMEOUT"},
		"empty chunks for ever": {50 * time.Millisecond, time.Minute, func(w http.ResponseWriter, r *http.Request) { tick(w, r, delta("")) }, "AI_IDLE_TIMEOUT"},
		"an answer for ever":    {time.Minute, 80 * time.Millisecond, func(w http.ResponseWriter, r *http.Request) { tick(w, r, delta("a")) }, "AI_TIMEOUT"},
		"thoughts for ever": {time.Minute, 80 * time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
			tick(w, r, `data: {"choices":[{"delta":{"reasoning_content":"a"}}]}`+"\n\n")
		}, "AI_TIMEOUT"},
		"a refusal without body": {50 * time.Millisecond, time.Minute, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(500)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "AI_IDLE_TIMEOUT"},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				io.Copy(io.Discard, r.Body) // so that the server notices a client that goes
				c.script(w, r)
			}, Options{Timeout: c.total, IdleTimeout: c.idle})
			_, err := client.Complete(t.Context(), Request{})
			if ClassOf(err) != Temporary || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want a temporary failure that names %s", err, c.says)
			}
			closing(t, gone)
		})
	}
}

// Reasoning is no content, but it is work: a slow thinker is not idle.
func TestThoughtsKeepTheCallAlive(t *testing.T) {
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		for range 20 {
			stream(`data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}`+"\n\n")(w, r)
			select {
			case <-r.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		stream(delta("a"), stop, done)(w, r)
	}, Options{IdleTimeout: 200 * time.Millisecond})
	if a, err := client.Complete(t.Context(), Request{}); err != nil || a.Text != "a" {
		t.Fatalf("got %q, %v", a.Text, err)
	}
}

// An answer that is finished does not hang on a server that never closes.
func TestFinishedAnswerOnAnOpenConnection(t *testing.T) {
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		stream(delta("a"), stop)(w, r)
		<-r.Context().Done()
	}, Options{IdleTimeout: 100 * time.Millisecond, Timeout: time.Minute})
	if a, err := client.Complete(t.Context(), Request{}); err != nil || a.Text != "a" {
		t.Fatalf("got %q, %v", a.Text, err)
	}
}

func TestCancellationClosesTheConnection(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		io.Copy(io.Discard, r.Body)
		stream(delta("a"))(w, r)
		close(begun)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := client.Complete(ctx, Request{})
	if !errors.Is(err, context.Canceled) || ClassOf(err) != "" {
		t.Fatalf("got %v, want the context's error", err)
	}
	closing(t, gone)
}

func TestReset(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		stream(delta("a"))(w, r)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	_, err := client.Complete(t.Context(), Request{})
	if ClassOf(err) != Temporary {
		t.Fatalf("got %v, want a temporary failure", err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c, err := New(Options{URL: "http://name:secret@" + address + "/v1?key=" + testKey, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Complete(t.Context(), Request{})
	if ClassOf(err) != Temporary || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("got %v, want a temporary failure that says why", err)
	}
	noSecret(t, err)
}

func TestWhatIsSent(t *testing.T) {
	var got struct {
		Model          string
		Messages       []message
		Stream         bool
		StreamOptions  map[string]bool   `json:"stream_options"`
		ResponseFormat map[string]string `json:"response_format"`
	}
	var path, auth, raw string
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		path, auth = r.URL.Path, r.Header.Get("Authorization")
		body, _ := io.ReadAll(r.Body)
		raw = string(body)
		json.Unmarshal(body, &got)
		stream(delta("a"), stop, done)(w, r)
	})
	if _, err := c.Complete(t.Context(), Request{System: "you <are>", User: "why?", JSON: true}); err != nil {
		t.Fatal(err)
	}
	want := []message{{"system", "you <are>"}, {"user", "why?"}}
	if path != "/v1/chat/completions" || auth != "Bearer "+testKey || !got.Stream || !got.StreamOptions["include_usage"] ||
		got.Model != "m" || fmt.Sprint(got.Messages) != fmt.Sprint(want) || got.ResponseFormat != nil || !strings.Contains(raw, "<are>") {
		t.Fatalf("got %s %s %s", path, auth, raw)
	}
}

func TestNoKeyNoHeader(t *testing.T) {
	var auth []string
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header.Values("Authorization")
		stream(delta("a"), stop, done)(w, r)
	}, Options{})
	if _, err := c.Complete(t.Context(), Request{}); err != nil || auth != nil {
		t.Fatalf("sent %q, %v", auth, err)
	}
}

func TestEndpoint(t *testing.T) {
	for in, want := range map[string]string{
		"https://api.openai.com/v1/chat/completions": "https://api.openai.com/v1/chat/completions",
		"https://api.openai.com/v1":                  "https://api.openai.com/v1/chat/completions",
		"https://api.openai.com/v1/":                 "https://api.openai.com/v1/chat/completions",
		"https://api.deepseek.com":                   "https://api.deepseek.com/v1/chat/completions",
		"http://localhost:11434/":                    "http://localhost:11434/v1/chat/completions",
		"https://spark-api-open.xf-yun.com/v2":       "https://spark-api-open.xf-yun.com/v2/chat/completions",
		" https://h/compatible-mode/v1 ":             "https://h/compatible-mode/v1/chat/completions",
		"https://h/d/chat/completions?api-version=2": "https://h/d/chat/completions?api-version=2",
		"ftp://h/v1": "", "localhost:11434/v1": "", "h/v1": "", "": "", "http://": "", "http://h:x": "",
	} {
		u, err := endpoint(in)
		if want == "" {
			if err == nil {
				t.Errorf("endpoint(%q) = %s, want an error", in, u)
			}
			continue
		}
		if err != nil || u.String() != want {
			t.Errorf("endpoint(%q) = %v, %v; want %s", in, u, err, want)
		}
	}
	if _, err := New(Options{URL: "://" + testKey}); err == nil || strings.Contains(err.Error(), testKey) {
		t.Errorf("New with a bad address: %v", err)
	}
}

func TestJSONMode(t *testing.T) {
	for name, c := range map[string]struct {
		host, model string
		want        bool
	}{
		"openai":       {"api.openai.com", "gpt-4o-mini", true},
		"openai, old":  {"api.openai.com", "gpt-4", false},
		"deepseek":     {"api.deepseek.com", "deepseek-chat", true},
		"unknown":      {"llm.example.com", "gpt-4o-mini", false},
		"local server": {"127.0.0.1", "qwen", false},
	} {
		if got := knowsJSONMode(c.host, c.model); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	b, err := (&Client{jsonMode: true}).body(Request{JSON: true})
	if err != nil || !strings.Contains(string(b), `"response_format":{"type":"json_object"}`) {
		t.Errorf("body %s, %v", b, err)
	}
	if c, err := New(Options{URL: "https://api.deepseek.com", Model: "m"}); err != nil || !c.jsonMode || c.Provider() != "api.deepseek.com" || c.Model() != "m" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// Whatever a server sends, reading ends with an answer or a classed failure.
func FuzzStream(f *testing.F) {
	f.Add([]byte(delta("a") + stop + done))
	f.Add([]byte("{\n\"error\":{\"code\":429}}"))
	f.Add([]byte("data: {\"choices\":[{\"finish_reason\":\"stop\"\r\ndata:}]}\r\n\r\n"))
	f.Add([]byte("\ufeff<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Client{host: "h", key: testKey, idle: time.Minute}
		idle := time.NewTimer(time.Minute)
		defer idle.Stop()
		a, err := c.read(&http.Response{Body: io.NopCloser(strings.NewReader(string(data)))}, idle)
		if err == nil {
			if !a.complete() {
				t.Fatal("an answer that is not complete")
			}
			_, err = a.answer(c.host)
		}
		if err != nil && ClassOf(err) == "" && !errors.Is(err, errEventTooLong) {
			t.Fatalf("a failure without class: %v", err)
		}
	})
}
