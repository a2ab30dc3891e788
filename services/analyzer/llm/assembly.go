package llm

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// chunk is one event of the stream, or the whole answer of a server that does
// not stream. Thoughts are read only to see that the model is at work.
type chunk struct {
	Choices []struct {
		Index        int    `json:"index"`
		Delta        piece  `json:"delta"`
		Message      piece  `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
	Code  json.RawMessage `json:"code"`
}

type piece struct {
	Content          string `json:"content"`
	ReasoningContent string `json:"reasoning_content"`
	Reasoning        string `json:"reasoning"`
}

// assembly is the answer as far as it has come.
type assembly struct {
	text               strings.Builder
	finish             string
	done               bool
	prompt, completion int
}

// complete tells whether the answer may end here.
func (a *assembly) complete() bool { return a.done || a.finish != "" }

// add takes the data of one event and tells whether the model wrote something.
func (a *assembly) add(data []byte, c *Client) (progress bool, err error) {
	if bytes.Equal(data, doneMark) {
		a.done = true
		return false, nil
	}
	if bytes.HasPrefix(data, []byte("<")) {
		return false, c.temporary("a web page came instead of an answer: check AI_API_URL and any proxy")
	}
	var ch chunk
	if err := json.Unmarshal(data, &ch); err != nil {
		if !json.Valid(data) {
			return false, c.temporary("the stream was cut or is not JSON")
		}
		return false, c.temporary("the stream is not that of chat completions: check AI_API_URL")
	}
	if e := c.streamError(ch); e != nil {
		return false, e
	}
	if u := ch.Usage; u != nil {
		a.prompt, a.completion = max(0, u.PromptTokens), max(0, u.CompletionTokens)
	}
	for _, choice := range ch.Choices {
		if choice.Index != 0 {
			continue
		}
		for _, p := range []piece{choice.Delta, choice.Message} {
			a.text.WriteString(p.Content)
			progress = progress || p.Content+p.ReasoningContent+p.Reasoning != ""
		}
		if choice.FinishReason != "" {
			a.finish = choice.FinishReason
			progress = true
		}
	}
	if a.text.Len() > maxAnswer {
		a.finish, a.done = "length", true
	}
	return progress, nil
}

// streamError finds an error inside a stream that began with status 200: an
// error object, or a code at the top that is neither 0 nor 200.
func (c *Client) streamError(ch chunk) *Error {
	code := c.word(ch.Code)
	if len(ch.Error) > 0 && string(ch.Error) != "null" {
		code = c.code(ch.Error)
	} else if code == "" || code == "200" {
		return nil
	}
	e := &Error{Code: code, host: c.host}
	status, err := strconv.Atoi(code)
	if err != nil || status < 400 || status > 599 {
		status = 0
	}
	e.Class, e.What = classify(status, code)
	return e
}

// answer judges the assembled text.
func (a *assembly) answer(host string) (Answer, error) {
	text := dropThoughts(a.text.String())
	switch {
	case a.finish == "content_filter":
		return Answer{}, &Error{Class: Refused, Code: a.finish, What: "the provider's content filter stopped it", host: host}
	case text == "" && a.finish == "length":
		return Answer{}, &Error{Class: Refused, Code: a.finish, What: "it came to its length limit before it answered", host: host}
	case text == "":
		return Answer{}, &Error{Class: Refused, Code: "empty_answer", What: "the answer is empty", host: host}
	}
	return Answer{Text: text, Truncated: a.finish == "length", PromptTokens: a.prompt, CompletionTokens: a.completion}, nil
}

// dropThoughts takes out what a reasoning model wrote before its answer. Some
// chat templates open the thoughts themselves, so that only the end is seen.
func dropThoughts(text string) string {
	const open, end = "<think>", "</think>"
	text = strings.TrimSpace(text)
	at := strings.Index(text, end)
	switch {
	case strings.HasPrefix(text, open) && at < 0:
		return ""
	case strings.HasPrefix(text, open), at >= 0 && !strings.Contains(text[:at], "{"):
		return strings.TrimSpace(text[at+len(end):])
	}
	return text
}
