package engine

import (
	"bytes"
	"slices"
	"strings"
)

// EventKind is the kind of an Event.
type EventKind uint8

const (
	EventStart     EventKind = iota // ID, Model
	EventText                       // Choice, Text
	EventReasoning                  // Choice, Text
	EventRefusal                    // Choice, Text
	EventToolCall                   // Choice, Tool, ID, Name, Custom: a call begins
	EventToolArgs                   // Choice, Tool, Text: its arguments, in pieces: JSON, unless the call is Custom
	EventFinish                     // Choice, Finish
	EventUsage                      // Usage, totals so far
	EventError                      // Code, Text: the upstream reported a failure in its stream
	EventEnd                        // the upstream's end marker
	EventSignature                  // Choice, Tool, Seal: of the call Tool, or of the reasoning that ends here where Tool is -1
	EventRedacted                   // Choice, Seal: reasoning without a text
	EventCitation                   // Choice, Citation: of the choice's text so far
	EventImage                      // Choice, Name (its media type), Data (base64): an image in the answer
	EventLogprobs                   // Choice, Logprobs: of the text event before it
	EventVector                     // Choice (index of the input), Vector: an embedding
	EventOther                      // Choice, Name: an item that has no neutral form, in a frame with Raw
)

// Finish reasons, in OpenAI's words.
const (
	FinishStop   = "stop"
	FinishLength = "length"
	FinishTools  = "tool_calls"
	FinishFilter = "content_filter"
	// FinishPause is no end: the target wants the reply sent back to go on (Anthropic's
	// pause_turn). To a client of another API that is a failure.
	FinishPause = "pause"
)

// Event is one step of a reply, in no dialect. Text and Data are valid until the
// sink returns, and whoever keeps one clones it; all else is the event's own.
type Event struct {
	Kind     EventKind
	Choice   int    // ordinal of the alternative answer
	Tool     int    // ordinal of the tool call within its choice
	ID       string // of the reply or the tool call
	Name     string // of the tool
	Model    string
	Text     string
	Finish   string
	Code     string
	Usage    Usage
	Seal     *Opaque
	Citation *Citation
	Logprobs []TokenLogprob
	Vector   []float32
	Data     []byte
	Custom   bool // of a tool call: its arguments are a text
}

// Content says whether the event is a part of the answer, its end included: once
// the client has one, no other target can answer.
func (e *Event) Content() bool {
	switch e.Kind {
	case EventStart, EventUsage, EventError, EventSignature, EventOther:
		return false
	case EventText, EventReasoning, EventRefusal:
		return e.Text != ""
	}
	return true
}

// Citation says where a piece of an answer comes from.
type Citation struct {
	Kind      string // url, char, page, block, search: what Source counts
	URL       string
	Title     string
	CitedText string
	DocIndex  int  // of the document in the request, from 0
	Source    Span // in the document
	Out       Span // in the bytes of the choice's text; End 0: not known
}

// TokenLogprob is the probability of a token.
type TokenLogprob struct {
	Token   string
	Bytes   []byte // nil: those of Token
	Logprob float64
	Top     []TokenLogprob // alternatives, without Top of their own
}

// Frame is one unit of an upstream's reply: the payload of one SSE data field,
// one line of NDJSON, or a whole unary body, with its meaning. Raw and Events
// are valid until the sink returns.
type Frame struct {
	Dialect Dialect // the API that Raw is of, such as DialectOpenAIChat
	Raw     []byte  // nil: written by this program, has no upstream bytes
	Events  []Event
	// Was and Now are set where this program changed nothing of a frame but texts:
	// the upstream's bytes, and what the texts in them say now, those of text,
	// reasoning, refusals and arguments, in the order of their events. A writer of the
	// same API can put the one into the other, and keep what Events do not say.
	Was []byte
	Now []string
}

// Clone is a copy of f that shares nothing which is valid only until a sink
// returns.
func (f *Frame) Clone() Frame {
	c := Frame{Dialect: f.Dialect, Raw: bytes.Clone(f.Raw), Events: slices.Clone(f.Events)}
	for i := range c.Events {
		e := &c.Events[i]
		e.Text, e.Data = strings.Clone(e.Text), bytes.Clone(e.Data)
	}
	return c
}

// Sink takes a reply on its way to the client. Its methods are called in order,
// from one goroutine. An error means the client is gone: stop.
type Sink interface {
	// Start is called once, when the first frame is about to follow: from here on
	// no other target can be tried.
	Start(h ReplyHead) error
	Frame(f *Frame) error
}

// Finisher is a Sink that wants to be told when a reply is complete, before what
// came of it is recorded. Finish is called once, after the last frame, and says
// what of the reply could not be written for the client. Its error is as those of
// Sink.
type Finisher interface {
	Finish() ([]Loss, error)
}

// ReplyHead is what is known when a reply begins.
type ReplyHead struct {
	DecisionID string
	Attempt    Attempt
	Disclose   bool // policy lets the client see the target's name
	Timings    Timings
	BudgetLeft int64  // milliseconds of the total budget; -1: no limit
	Losses     []Loss // of the request on its way to the target
}
