package alerter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const channelWecom = "wecom"

// Limits of a WeCom robot, from its documentation
// (https://developer.work.weixin.qq.com/document/path/91770): 20 messages a
// minute, 4096 bytes of markdown.
const (
	wecomBytes   = 4096
	wecomMinute  = 18 // two are left for whoever else uses the robot
	wecomRefused = 65 * time.Second
	wecomTimeout = 10 * time.Second
)

// wecom sends markdown to a robot of a WeCom group. The webhook holds the
// robot's key: it appears in no error.
type wecom struct {
	webhook string
	client  *http.Client
	labels  labels
	budget  budget
}

func newWecom(webhook string, l labels, now func() time.Time) *wecom {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// A kept connection that the other side has closed takes a whole request
	// before it fails, which would leave open whether that has arrived.
	transport.DisableKeepAlives = true
	return &wecom{
		webhook: webhook,
		client: &http.Client{
			Transport:     transport,
			Timeout:       wecomTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		labels: l,
		budget: budget{limit: wecomMinute, window: time.Minute, now: now},
	}
}

func (w *wecom) Name() string { return channelWecom }

func (w *wecom) Slot(ctx context.Context) error { return w.budget.slot(ctx) }

func (w *wecom) Restore(sent []time.Time) { w.budget.sent = sent }

// Send posts the notification, and a shorter form of it if the robot finds it
// too long.
func (w *wecom) Send(ctx context.Context, n *Notification) error {
	var err error
	for _, limit := range []int{wecomBytes, wecomBytes / 2} {
		text := fit(newView(n, w.labels), w.labels, limit, w.markdown)
		var long *TooLongError
		if err = w.post(ctx, text); !errors.As(err, &long) {
			return err
		}
		if err := w.Slot(ctx); err != nil {
			return err
		}
	}
	return err
}

// markdown renders a view in the robot's dialect.
func (w *wecom) markdown(v view, shortened string) string {
	var b strings.Builder
	colour := "warning" // orange; the dialect has info, comment and warning
	if v.tier == tierCount-1 {
		colour = "comment"
	}
	fmt.Fprintf(&b, "<font color=\"%s\">**%s**</font> **%s**\n%s\n", colour, v.severity, markdownText(v.host), markdownText(v.title))
	field := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "**%s** %s\n", label, markdownText(text))
		}
	}
	field(w.labels.where, v.place)
	field(w.labels.count, v.count)
	for _, note := range v.notes {
		field(w.labels.note, note)
	}
	for _, list := range [][]string{v.before, v.lines, v.after} {
		for _, text := range list {
			b.WriteString("> " + markdownText(text) + "\n")
		}
	}
	field(w.labels.cause, v.cause)
	field(w.labels.impact, v.impact)
	for i, step := range v.fix {
		field(w.labels.fix, strconv.Itoa(i+1)+". "+step)
	}
	if shortened != "" {
		b.WriteString("<font color=\"comment\">" + shortened + "</font>\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// markdownText keeps log text from mentioning people (<@all>), colouring or
// linking: a zero-width space breaks the marks and leaves them to be read.
func markdownText(s string) string {
	return strings.NewReplacer("<@", "<\u200b@", "<font", "<\u200bfont", "](", "]\u200b(").Replace(s)
}

// post sends one request and reads its answer.
func (w *wecom) post(ctx context.Context, text string) error {
	body, err := encodeJSON(map[string]any{"msgtype": "markdown", "markdown": map[string]string{"content": text}})
	if err != nil {
		return fmt.Errorf("cannot encode it: %w", err)
	}
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { written.Store(info.Err == nil) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.webhook, bytes.NewReader(body))
	if err != nil {
		return &PermanentError{Err: errors.New("AI_WECHAT_WEBHOOK is not a URL")}
	}
	req.Header.Set("Content-Type", "application/json")
	w.budget.note(w.budget.now())
	resp, err := w.client.Do(req)
	if err != nil {
		err = withoutURL(err)
		if written.Load() {
			return &UnknownError{Code: "no answer", Err: fmt.Errorf("the robot got it and did not answer: %w", err)}
		}
		return &RetryError{Code: "unreachable", Err: fmt.Errorf("the robot is out of reach: %w", err)}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return w.httpError(resp)
	}
	if err != nil {
		return &UnknownError{Code: "no answer", Err: fmt.Errorf("the robot's answer broke off: %w", err)}
	}
	return w.verdict(answer)
}

// withoutURL takes the webhook out of an error of the HTTP client.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// httpError reads an answer other than 200.
func (w *wecom) httpError(resp *http.Response) error {
	code := "http " + strconv.Itoa(resp.StatusCode)
	err := fmt.Errorf("the robot answered HTTP %d", resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		after := wecomRefused
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			after = min(time.Duration(s)*time.Second, time.Hour)
		}
		w.budget.shut(after)
		return &RetryError{After: after, Code: code, Err: err}
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusRequestTimeout:
		return &RetryError{Code: code, Err: err}
	default:
		return &PermanentError{Code: code, Err: err}
	}
}

// verdict reads the errcode in HTTP 200
// (https://developer.work.weixin.qq.com/document/path/90313).
func (w *wecom) verdict(answer []byte) error {
	var a struct {
		Code *int `json:"errcode"`
	}
	if json.Unmarshal(answer, &a) != nil || a.Code == nil {
		return &RetryError{Code: "no errcode", Err: errors.New("what answered is no WeCom robot: its answer has no errcode")}
	}
	code := "errcode " + strconv.Itoa(*a.Code)
	err := errors.New("the robot answered " + code)
	switch *a.Code {
	case 0:
		return nil
	case 45009: // too many messages
		w.budget.shut(wecomRefused)
		return &RetryError{After: wecomRefused, Code: code, Err: err}
	case -1, 45033, 50001, 50002: // busy
		return &RetryError{Code: code, Err: err}
	case 40058, 45002: // too long
		return &TooLongError{Code: code, Err: err}
	case 93000, 93004, 93008, 40001, 40013, 40014, 41001, 42001, 60020: // key, robot or address refused
		return &PermanentError{Code: code, Err: fmt.Errorf("%w: check AI_WECHAT_WEBHOOK", err)}
	default:
		return fmt.Errorf("%w, which refuses this message", err)
	}
}
