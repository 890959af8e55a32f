// Package wire turns bytes of the dialects that clients and targets speak into
// engine.Request and engine.Event and back. One reader and one writer a dialect
// and direction, never a translator for a pair; no I/O.
//
// It hides JSON, SSE and NDJSON framing, each dialect's field names, and two
// rules. A request relayed in its own dialect keeps every byte that nothing
// required to change. And every string and long number of a client's body is a
// text of the request unless its reader consumed it as a field that cannot carry
// one (a role, a type, an identifier, base64), so that nothing reaches a target
// uninspected: what a reader does not know of is a text.
//
// Clients' bodies and upstreams' replies are read strictly, duplicate names and
// invalid UTF-8 refused: what two parsers could read in two ways is no fact.
package wire

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// Limits bound what a request reader accepts.
type Limits struct {
	MaxDepth int // of JSON nesting; 0: 128
}

// Ingress is a client's side of a dialect.
type Ingress interface {
	// ReadRequest parses a client's body. The request owns body from then on, and
	// its documents are slices of it. The error is an *engine.RequestError that
	// names the field and repeats nothing else of the body.
	ReadRequest(body []byte, lim Limits) (*engine.Request, error)
	// NewReply returns a writer of one reply to req.
	NewReply(req *engine.Request) Reply
	// Error is the dialect's error envelope for an answer that has not begun.
	Error(o *engine.Outcome) []byte
}

// Reply turns frames into the client's bytes. It is used by one goroutine.
type Reply interface {
	ContentType() string
	// Frame appends the client's bytes for f to dst. For a unary reply it appends
	// nothing until End.
	Frame(dst []byte, f *engine.Frame) ([]byte, error)
	// End appends what completes the reply: the unary body, or a stream's end
	// marker.
	End(dst []byte) ([]byte, error)
	// Fail appends the dialect's in-stream error event; the stream then ends
	// without its end marker, so that no client takes it for a whole answer.
	Fail(dst []byte, o *engine.Outcome) []byte
	// KeepAlive appends what tells a client that the stream lives, nothing where
	// the dialect has no safe form.
	KeepAlive(dst []byte) []byte
}

// Upstream is what a target's side needs to know beside the request.
type Upstream struct {
	Model           string // the target's name for the model
	MaxOutputTokens int    // cap to send; 0: what the client stated
}

// UpstreamRequest is a request in a target's dialect.
type UpstreamRequest struct {
	Path   string // to append to the target's base URL, such as "/chat/completions"
	Body   []byte
	Stream bool
}

// Egress is a target's side of a dialect.
type Egress interface {
	// Supports says whether the dialect can carry the operation.
	Supports(op engine.Operation) bool
	// WriteRequest renders req, obligations applied, for the target, and does not
	// change it. A request it cannot represent is an *engine.RequestError that
	// names the field; what only hints, such as a seed, may be left out.
	WriteRequest(req *engine.Request, up Upstream) (*UpstreamRequest, error)
	// NewReader returns a reader of the reply to that request.
	NewReader(req *engine.Request) ReplyReader
	// ReadError takes the upstream's message and code out of an error body; both
	// are "" where it has none. The message may repeat the prompt.
	ReadError(status int, body []byte) (code, message string)
}

// ReplyReader turns an upstream's bytes into frames. It is used by one
// goroutine.
type ReplyReader interface {
	// Read takes the next bytes of the body, however they are cut, and calls emit
	// for each complete frame. An error of emit is returned as it is.
	Read(p []byte, emit func(*engine.Frame) error) error
	// Close ends the body: it emits what is left and reports a body that lacks its
	// end marker, or is malformed, as an error.
	Close(emit func(*engine.Frame) error) error
}

// IngressFor returns the client's side of a dialect.
func IngressFor(d engine.Dialect) (Ingress, bool) {
	switch d {
	case engine.DialectOpenAIChat:
		return OpenAIChat{}, true
	case engine.DialectOpenAICompletions:
		return OpenAICompletions{}, true
	case engine.DialectOpenAIEmbeddings:
		return OpenAIEmbeddings{}, true
	}
	return nil, false
}

// EgressFor returns the target's side of a dialect.
func EgressFor(d engine.Dialect) (Egress, bool) {
	switch d {
	case engine.DialectOpenAI:
		return OpenAI{}, true
	case engine.DialectAnthropic:
		return Anthropic{}, true
	case engine.DialectGemini:
		return Gemini{}, true
	case engine.DialectOllama:
		return Ollama{}, true
	}
	return nil, false
}
