package engine

// EventKind is the kind of an Event.
type EventKind uint8

const (
	EventStart     EventKind = iota // ID, Model
	EventText                       // Choice, Text
	EventReasoning                  // Choice, Text
	EventRefusal                    // Choice, Text
	EventToolCall                   // Choice, Tool, ID, Name: a call begins
	EventToolArgs                   // Choice, Tool, Text: JSON of its arguments, in pieces
	EventFinish                     // Choice, Finish
	EventUsage                      // Usage, totals so far
	EventError                      // Code, Text: the upstream reported a failure in its stream
	EventEnd                        // the upstream's end marker
)

// Finish reasons, in OpenAI's words.
const (
	FinishStop   = "stop"
	FinishLength = "length"
	FinishTools  = "tool_calls"
	FinishFilter = "content_filter"
)

// Event is one step of a reply, in no dialect.
type Event struct {
	Kind   EventKind
	Choice int    // ordinal of the alternative answer
	Tool   int    // ordinal of the tool call within its choice
	ID     string // of the reply or the tool call
	Name   string // of the tool
	Model  string
	Text   string
	Finish string
	Code   string
	Usage  Usage
}

// Frame is one unit of an upstream's reply: the payload of one SSE data field,
// one line of NDJSON, or a whole unary body, with its meaning. Raw and Events
// are valid until the sink returns.
type Frame struct {
	Dialect Dialect
	Raw     []byte // nil: written by this program, has no upstream bytes
	Events  []Event
}

// Sink takes a reply on its way to the client. Its methods are called in order,
// from one goroutine. An error means the client is gone: stop.
type Sink interface {
	// Start is called once, when the first frame is about to follow: from here on
	// no other target can be tried.
	Start(h ReplyHead) error
	Frame(f *Frame) error
}

// ReplyHead is what is known when a reply begins.
type ReplyHead struct {
	DecisionID string
	Attempt    Attempt
	Disclose   bool // policy lets the client see the target's name
	Timings    Timings
	BudgetLeft int64 // milliseconds of the total budget; -1: no limit
}
