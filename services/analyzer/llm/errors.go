package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Class says whose fault a failure is.
type Class string

const (
	// Permanent: address, key, model or balance are wrong, so no question will
	// be answered until somebody changes that.
	Permanent Class = "permanent"
	// Refused: the model will not answer this question, others it may.
	Refused Class = "refused"
	// Temporary: the model is out of reach or too busy, and may be asked again.
	Temporary Class = "temporary"
)

// Error is a failed call. Its text names the provider, the status and the
// provider's own code; it never holds the key or any text of the question.
type Error struct {
	Class Class
	// Status is that of HTTP, 0 where there was none.
	Status int
	// Code is the provider's, such as "insufficient_quota".
	Code string
	// RetryAfter is how long the provider wants to be left alone, 0 = not said.
	RetryAfter time.Duration
	// What says what happened and, where somebody must act, what to check.
	What string

	host string
}

func (e *Error) Error() string {
	var reply []string
	if e.Status != 0 {
		reply = append(reply, strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		reply = append(reply, e.Code)
	}
	if len(reply) == 0 {
		return fmt.Sprintf("model at %s: %s", e.host, e.What)
	}
	return fmt.Sprintf("model at %s answered %s: %s", e.host, strings.Join(reply, " "), e.What)
}

// ClassOf gives the class of an error of Complete; "" for one that is none,
// such as a cancelled context.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

var (
	errIdle  = errors.New("idle time-out")
	errTotal = errors.New("time-out")
)

// broken tells why a call that was under way failed: an Error of the stream
// itself, the caller's context, a time-out of ours, or the network.
func (c *Client) broken(ctx, call context.Context, err error) error {
	var e *Error
	switch cause := context.Cause(call); {
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return fmt.Errorf("cannot ask the model at %s: %w", c.host, ctx.Err())
	case cause == errIdle:
		return c.temporary(fmt.Sprintf("it wrote nothing for %s (AI_IDLE_TIMEOUT)", c.idle))
	case cause == errTotal:
		return c.temporary(fmt.Sprintf("it was not done after %s (AI_TIMEOUT)", c.timeout))
	}
	var u *url.Error // quotes the whole address, which may hold a key
	if errors.As(err, &u) {
		err = u.Err
	}
	return c.temporary(c.scrub("connection: " + err.Error()))
}

func (c *Client) temporary(what string) *Error {
	return &Error{Class: Temporary, What: what, host: c.host}
}

var userinfo = regexp.MustCompile(`//[^/@\s]+@`)

// scrub takes the key, and names and passwords in addresses, out of a text.
func (c *Client) scrub(s string) string {
	if c.key != "" {
		s = strings.ReplaceAll(s, c.key, "…")
	}
	return userinfo.ReplaceAllString(s, "//…@")
}

// refusal classifies an answer that is not 2xx.
func (c *Client) refusal(status int, h http.Header, body []byte) *Error {
	e := &Error{Status: status, host: c.host, RetryAfter: retryAfter(h, time.Now())}
	var reply struct {
		Error json.RawMessage `json:"error"`
		Code  json.RawMessage `json:"code"`
	}
	if json.Unmarshal(body, &reply) == nil {
		e.Code = c.code(reply.Error)
		if e.Code == "" {
			e.Code = c.word(reply.Code)
		}
	}
	e.Class, e.What = classify(status, e.Code)
	return e
}

// code finds the short code in an error object: its code, or its type where
// there is no code or the type says more. The message is left out, since
// providers quote key and question in it.
func (c *Client) code(raw json.RawMessage) string {
	var o struct{ Code, Type json.RawMessage }
	if json.Unmarshal(raw, &o) != nil {
		return ""
	}
	code, kind := c.word(o.Code), c.word(o.Type)
	if code == "" || codeClasses[kind].class == Permanent {
		return kind
	}
	return code
}

var codeWord = regexp.MustCompile(`^[A-Za-z0-9_.\-]{1,64}$`)

// word gives a JSON string or number that looks like a code, else "".
func (c *Client) word(raw json.RawMessage) string {
	s := strings.Trim(string(raw), `"`)
	if s == "null" || s == "0" || !codeWord.MatchString(s) {
		return ""
	}
	if c.key != "" && strings.Contains(s, c.key) {
		return ""
	}
	return s
}

// Codes that mean the same whatever the status is: those of OpenAI, and the
// numbers of iFlytek Spark, which come with status 200.
var codeClasses = map[string]struct {
	class Class
	what  string
}{
	"insufficient_quota":         {Permanent, "the account has no quota left: check plan and billing"},
	"billing_hard_limit_reached": {Permanent, "the account's spending limit is reached"},
	"invalid_api_key":            {Permanent, "the key is not accepted: check AI_API_KEY"},
	"authentication_error":       {Permanent, "the key is not accepted: check AI_API_KEY"},
	"model_not_found":            {Permanent, "there is no such model: check AI_MODEL_NAME"},
	"context_length_exceeded":    {Refused, "the question is too long for the model"},
	"content_filter":             {Refused, "the provider's content filter stopped it"},
	"invalid_request_error":      {Refused, "the request was refused"},

	"10013": {Refused, "the provider's content filter stopped the question"},
	"10014": {Refused, "the provider's content filter stopped the answer"},
	"10019": {Refused, "the provider's content filter stopped it"},
	"10021": {Refused, "the provider's content filter stopped it"},
	"10907": {Refused, "the question is too long for the model"},
	"10016": {Permanent, "the account may not use this model: check AI_API_KEY and AI_MODEL_NAME"},
	"11200": {Permanent, "the account may not use this model, or has no quota left"},
	"11201": {Permanent, "the account's daily quota is used up"},
}

// classify gives class and advice for a status and code. A status of 401 to
// 404 outweighs any code but a more exact one of the same class.
func classify(status int, code string) (Class, string) {
	known, ok := codeClasses[code]
	switch {
	case ok && (known.class == Permanent || status == 0):
		return known.class, known.what
	case status == 401:
		return Permanent, "the key is not accepted: check AI_API_KEY"
	case status == 402:
		return Permanent, "the account has no balance left"
	case status == 403:
		return Permanent, "the key may not use this model: check AI_API_KEY and AI_MODEL_NAME"
	case status == 404:
		return Permanent, "there is no such address or model: check AI_API_URL and AI_MODEL_NAME"
	case status == 405, status == 410:
		return Permanent, "this is no address for questions: check AI_API_URL"
	case status == 301, status == 308:
		return Permanent, "the address has moved: check AI_API_URL"
	case status == 429:
		return Temporary, "too many requests"
	case status == 408, status == 409, status == 425, status >= 500:
		return Temporary, "it can't answer at the moment"
	case status >= 400:
		if ok {
			return known.class, known.what
		}
		return Refused, "the request was refused"
	}
	return Temporary, "it can't answer at the moment"
}

// retryAfter reads how long to wait: Retry-After-Ms, or Retry-After as seconds
// or a date (RFC 9110, 10.2.3). At most one hour.
func retryAfter(h http.Header, now time.Time) time.Duration {
	var d time.Duration
	v := strings.TrimSpace(h.Get("Retry-After"))
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		d = seconds(ms / 1000)
	} else if s, err := strconv.ParseFloat(v, 64); err == nil {
		d = seconds(s)
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, time.Hour))
}

// seconds turns a number into a duration without overflow; not a number is 0.
func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, 3600) * float64(time.Second))
}
