// Package llm asks a language model over the OpenAI-compatible chat completions
// API with a streamed answer. It is the only part of Tocsin that knows how a
// model is talked to. It never retries and never sleeps: a failure comes back
// at once as an Error whose Class says what may be done next.
package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say which model is asked and how long an answer may take.
type Options struct {
	// URL is the full address of the endpoint or a base such as
	// "https://api.deepseek.com" or "http://localhost:11434/v1".
	URL string
	// Key is sent as a Bearer token; empty for servers that need none.
	Key   string
	Model string
	// Timeout bounds a whole call, default 120 s.
	Timeout time.Duration
	// IdleTimeout is the longest silence, default 30 s. Only what the model
	// writes breaks it (its thoughts included): keep-alives do not.
	IdleTimeout time.Duration
}

// Client asks one model at one address; several goroutines may share it.
type Client struct {
	endpoint      string
	host          string
	key, model    string
	timeout, idle time.Duration
	jsonMode      bool
	http          *http.Client
}

// Request is one question.
type Request struct {
	System, User string
	// JSON asks the provider to hold the model to a JSON object, where the
	// provider is known to understand that.
	JSON bool
}

// Answer is what the model wrote, without its thoughts.
type Answer struct {
	Text string
	// Truncated: the model ran into its length limit, the text ends somewhere.
	Truncated bool
	// PromptTokens and CompletionTokens are 0 where the provider did not say.
	PromptTokens, CompletionTokens int
}

const (
	// maxAnswer bounds the text of one answer, in bytes; a model that repeats
	// itself for ever is cut off there.
	maxAnswer = 256 << 10
	// usageGrace is how long a finished answer waits for its token counts.
	usageGrace = 2 * time.Second
)

// New checks the address. The connection is made by the first call.
func New(o Options) (*Client, error) {
	u, err := endpoint(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = 120 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 30 * time.Second
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Client{
		endpoint: u.String(),
		host:     u.Host,
		key:      o.Key,
		model:    o.Model,
		timeout:  o.Timeout,
		idle:     o.IdleTimeout,
		jsonMode: knowsJSONMode(u.Hostname(), o.Model),
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the evidence to an address nobody chose.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Model is the name of the model that is asked.
func (c *Client) Model() string { return c.model }

// Provider is the host (and port) that is asked.
func (c *Client) Provider() string { return c.host }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// endpoint completes a base address to that of chat completions. Its errors do
// not quote the address, which may hold a key.
func endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("cannot use the model's address: it must be an http:// or https:// URL")
	}
	path := strings.TrimRight(u.Path, "/")
	switch {
	case path == "":
		path = "/v1/chat/completions"
	case !strings.HasSuffix(path, "/chat/completions"):
		path += "/chat/completions"
	}
	u.Path, u.RawPath = path, ""
	return u, nil
}

// knowsJSONMode tells where response_format json_object is understood. An
// unknown server may answer 400 to it, so it is asked without.
func knowsJSONMode(host, model string) bool {
	switch host {
	case "api.deepseek.com":
		return true
	case "api.openai.com":
		for _, prefix := range []string{"gpt-4o", "gpt-4.1", "gpt-5", "o3", "o4"} {
			if strings.HasPrefix(model, prefix) {
				return true
			}
		}
	}
	return false
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type requestBody struct {
	Model          string            `json:"model"`
	Messages       []message         `json:"messages"`
	Stream         bool              `json:"stream"`
	StreamOptions  map[string]bool   `json:"stream_options"`
	ResponseFormat map[string]string `json:"response_format,omitempty"`
}

func (c *Client) body(r Request) ([]byte, error) {
	b := requestBody{
		Model:         c.model,
		Messages:      []message{{"system", r.System}, {"user", r.User}},
		Stream:        true,
		StreamOptions: map[string]bool{"include_usage": true},
	}
	if r.JSON && c.jsonMode {
		b.ResponseFormat = map[string]string{"type": "json_object"}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, fmt.Errorf("cannot encode the question: %w", err)
	}
	return buf.Bytes(), nil
}

// Complete asks and waits for the whole answer. It fails with an *Error, or
// with the context's error when ctx ends, which closes the connection.
func (c *Client) Complete(ctx context.Context, r Request) (Answer, error) {
	body, err := c.body(r)
	if err != nil {
		return Answer{}, err
	}
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	total := time.AfterFunc(c.timeout, func() { cancel(errTotal) })
	defer total.Stop()
	idle := time.AfterFunc(c.idle, func() { cancel(errIdle) })
	defer idle.Stop()

	req, err := http.NewRequestWithContext(call, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("cannot make the request to the model")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream, application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.broken(ctx, call, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		head, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil && call.Err() != nil {
			return Answer{}, c.broken(ctx, call, err)
		}
		return Answer{}, c.refusal(resp.StatusCode, resp.Header, head)
	}
	a, err := c.read(resp, idle)
	if err != nil {
		return Answer{}, c.broken(ctx, call, err)
	}
	return a.answer(c.host)
}

// read assembles the stream. Every piece of text puts the idle time-out back.
func (c *Client) read(resp *http.Response, idle *time.Timer) (*assembly, error) {
	a := &assembly{}
	events := newEventReader(resp.Body)
	for {
		data, err := events.next()
		if err != nil {
			if a.complete() {
				return a, nil
			}
			if errors.Is(err, io.EOF) {
				err = &Error{Class: Temporary, What: "the stream ended before the answer did", host: c.host}
			}
			return nil, err
		}
		progress, err := a.add(data, c)
		switch {
		case err != nil:
			return nil, err
		case a.done:
			return a, nil
		case a.finish != "" && progress:
			idle.Reset(min(c.idle, usageGrace))
		case progress:
			idle.Reset(c.idle)
		}
	}
}
