// Package events is the contract between the services: the event that travels
// from the collector to the store and the alerts, its stable identity and its
// encoding. It imports nothing else of Tocsin.
package events

import "time"

// SchemaVersion is the version of the encoding, carried in the header
// Tocsin-Schema of every message. It grows only when an older reader would
// misread a newer event.
const SchemaVersion = 1

// Sizes of one encoded event in bytes.
const (
	// MaxCollected is the most an event may have when it leaves the collector.
	MaxCollected = 512 << 10
	// MaxEncoded is the most it may have after masking and analysis.
	MaxEncoded = MaxCollected + 128<<10
)

// Kind says what sort of thing was recognised.
type Kind string

const (
	// KindLog is a single line (with its tables, for an OOM kill).
	KindLog Kind = "log"
	// KindStack is an exception or crash of an application with its stack.
	KindStack Kind = "stack"
	// KindKernel is a report of the Linux kernel with its call trace.
	KindKernel Kind = "kernel"
)

// Event is one thing that went wrong, with all its lines. It grows along the
// path: the collector fills identity, place and what was found; the masker
// masks every text in it and adds Masked, Fingerprint and Group; the analyzer
// adds Analysis. An absent field is not known.
type Event struct {
	// ID is the hash of Generation and Offset: the same bytes of the same file
	// always give the same id.
	ID string `json:"id"`
	// Host is the host named in the line, else HOST_NAME.
	Host string `json:"host,omitempty"`
	// Time is the time in the line, else the last one seen in the file, else
	// the file's modification time when it was first opened. Never now.
	Time time.Time `json:"time,omitzero"`
	// ObservedAt is when the collector read the line.
	ObservedAt time.Time `json:"observed_at,omitzero"`
	File       string    `json:"file,omitempty"`
	// Generation names one life of a file, whatever its path becomes.
	Generation string `json:"generation,omitempty"`
	// Offset and Length are the event's bytes in the file, first line to last.
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
	// FirstLine and LastLine count from 1, inclusive.
	FirstLine int64 `json:"first_line,omitempty"`
	LastLine  int64 `json:"last_line,omitempty"`

	Kind  Kind   `json:"kind"`
	Level string `json:"level,omitempty"`
	// Severity runs from 0 (nothing) to 10 (the machine is lost), one decimal.
	Severity       float64  `json:"severity"`
	SeverityReason string   `json:"severity_reason,omitempty"`
	Rule           string   `json:"rule,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	// Message is the headline, Body all lines of the event.
	Message string   `json:"message"`
	Body    string   `json:"body,omitempty"`
	Before  []string `json:"before,omitempty"`
	After   []string `json:"after,omitempty"`

	Language string            `json:"language,omitempty"`
	Class    string            `json:"class,omitempty"`
	Frames   []Frame           `json:"frames,omitempty"`
	Kernel   *Kernel           `json:"kernel,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`

	// Masked counts what was replaced, by kind.
	Masked map[string]int `json:"masked,omitempty"`
	// TruncatedBytes is how much was cut out of the body for its size.
	TruncatedBytes int64 `json:"truncated_bytes,omitempty"`
	// Backlog marks bytes that were there when their source was first followed.
	Backlog bool `json:"backlog,omitempty"`
	// Revision is 2 × run (+ 1 when analysed); run 0 is live. The store keeps
	// the highest.
	Revision int64 `json:"revision"`
	// Fingerprint is the text that is compared, Group its hash: of content
	// alone, equal = the same problem.
	Fingerprint string `json:"fingerprint,omitempty"`
	Group       string `json:"group,omitempty"`

	Analysis *Analysis `json:"analysis,omitempty"`
}

// Frame is one call of a stack, the innermost first.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	// Module is null where there is none, as for a symbol of vmlinux itself.
	Module NullString `json:"module"`
	// Offset and Size are as printed, such as "0x1a".
	Offset string `json:"offset,omitempty"`
	Size   string `json:"size,omitempty"`
	// Unreliable marks a frame the kernel printed with a question mark.
	Unreliable bool `json:"unreliable,omitempty"`
}

// Kernel is what a kernel report tells beside its frames.
type Kernel struct {
	Title    string `json:"title,omitempty"`
	Type     string `json:"type,omitempty"`
	CPU      *int   `json:"cpu,omitempty"`
	PID      *int   `json:"pid,omitempty"`
	Comm     string `json:"comm,omitempty"`
	Tainted  string `json:"tainted,omitempty"`
	Version  string `json:"version,omitempty"`
	Hardware string `json:"hardware,omitempty"`
	// Registers are as printed, by name in capitals.
	Registers map[string]string `json:"registers,omitempty"`
	// BlockedFor is how long a task has hung, in seconds.
	BlockedFor int `json:"blocked_for,omitempty"`
	// Corrupted marks a report that is cut off or mixed up.
	Corrupted bool     `json:"corrupted,omitempty"`
	Locks     []string `json:"locks,omitempty"`
	Code      string   `json:"code,omitempty"`
	// Traces are the call traces after the first, which is Event.Frames.
	Traces []Trace `json:"traces,omitempty"`
}

// Trace is a further call trace of a kernel report.
type Trace struct {
	Title  string  `json:"title,omitempty"`
	Frames []Frame `json:"frames,omitempty"`
}

// Analysis is what the language model made of a problem, or why there is none.
type Analysis struct {
	RootCause  string   `json:"root_cause,omitempty"`
	Impact     string   `json:"impact,omitempty"`
	Fix        []string `json:"fix,omitempty"`
	Commands   []string `json:"commands,omitempty"`
	Category   string   `json:"category,omitempty"`
	Confidence int      `json:"confidence,omitempty"` // 0–100
	Claims     []Claim  `json:"claims,omitempty"`
	Model      string   `json:"model,omitempty"`
	Provider   string   `json:"provider,omitempty"`
	Tokens     *Tokens  `json:"tokens,omitempty"`
	Seconds    float64  `json:"seconds,omitempty"`
	Cached     bool     `json:"cached,omitempty"`
	Language   string   `json:"language,omitempty"`
	// UnanalysedReason is set, alone, where no model was asked or none answered.
	UnanalysedReason string `json:"unanalysed_reason,omitempty"`
}

// Claim is one statement of the model and the lines it rests on.
type Claim struct {
	Text     string `json:"text"`
	Lines    []int  `json:"lines,omitempty"`
	Grounded bool   `json:"grounded"`
}

// Tokens counts what a model call cost.
type Tokens struct {
	Prompt     int `json:"prompt"`
	Completion int `json:"completion"`
}

// NullString is a string that is null in JSON when it is empty.
type NullString string

// MarshalJSON writes null for the empty string.
func (s NullString) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return marshalText(string(s))
}
