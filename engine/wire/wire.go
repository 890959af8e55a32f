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

// Inbound is a client's request as it came over HTTP, as far as a dialect reads it.
type Inbound struct {
	Body []byte
	// Model and Verb are of a path such as /v1beta/models/{model}:{verb}, decoded
	// once; "" where the path has none. A dialect whose path names the model takes
	// the body's member "model" where Model is "", for a request may come without a
	// path (to /v1/decisions, or offline).
	Model, Verb string
	Query       string              // as it was sent, without its "?"
	Header      func(string) string // a header by its name, "" where there is none; nil: there are none
}

// header is the value of a header, "" where there is none.
func (in *Inbound) header(name string) string {
	if in.Header == nil {
		return ""
	}
	return in.Header(name)
}

// Ingress is a client's side of a dialect.
type Ingress interface {
	// ReadRequest parses a client's request. The request owns in.Body from then on,
	// and its documents are slices of it. The error is an *engine.RequestError that
	// names the field and repeats nothing else of the body.
	ReadRequest(in *Inbound, lim Limits) (*engine.Request, error)
	// NewReply returns a writer of one reply to req.
	NewReply(req *engine.Request) Reply
	// Error is the dialect's error envelope for an answer that has not begun.
	Error(o *engine.Outcome) []byte
}

// Reply turns frames into the client's bytes. It is used by one goroutine.
type Reply interface {
	ContentType() string
	// Frame appends the client's bytes for f to dst. For a unary reply it appends
	// nothing until End. It keeps nothing of f without a copy.
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
	// Losses are what of the reply could not be written so far, all of it after
	// End; their fields are named as the client would know them.
	Losses() []engine.Loss
}

// Upstream is what a target's side needs to know beside the request.
type Upstream struct {
	Model            string // the target's name for the model
	MaxOutputTokens  int    // cap to send; 0: what the client stated
	DefaultMaxTokens int    // to send to an API that demands a limit where nobody stated one; 0: the writer's own
	Version          string // of the target's API, from its configuration; "": the writer's own
	Server           Server // what is peculiar to the program that serves the API
	// NoReasoning: the model is known not to reason, and its server refuses to be
	// asked for it. What the client said of it is a loss then.
	NoReasoning bool
}

// UpstreamRequest is a request in a target's dialect.
type UpstreamRequest struct {
	Path   string      // to append to the target's base URL, percent-encoded, such as "/chat/completions"
	Query  string      // encoded, without a "?"; "": none
	Header [][2]string // beside those that every request has and the target's credentials
	Accept string      // "": JSON, or an event stream where Stream is set
	Body   []byte
	Stream bool
	// Local: nothing is sent. The target's side counts the tokens of the request
	// itself, for its API cannot (engine.OpCountTokens).
	Local  bool
	Losses []engine.Loss // what of the client's request is not in Body as it was
}

// Egress is a target's side of a dialect.
type Egress interface {
	// Supports says whether the dialect can carry the operation.
	Supports(op engine.Operation) bool
	// API is the API that the target will answer req in: the Dialect of the frames
	// of that reply. Where it is the request's own, the request is relayed.
	API(req *engine.Request, up *Upstream) engine.Dialect
	// WriteRequest renders req, obligations applied, for the target, and does not
	// change it. A request it cannot represent is an *engine.RequestError that
	// names the field; what only hints, such as a seed, may be left out or
	// approximated, which is a Loss and never silent.
	WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error)
	// NewReader returns a reader of the reply to that request.
	NewReader(req *engine.Request, up *Upstream) ReplyReader
	// ReadError takes the upstream's message and code out of an error body; both
	// are "" where it has none. The message may repeat the prompt.
	ReadError(status int, body []byte) (code, message string)
}

// ReplyReader turns an upstream's bytes into frames. It is used by one
// goroutine.
type ReplyReader interface {
	// Read takes the next bytes of the body, however they are cut, and calls emit
	// for each complete frame, which is valid until emit returns. An error of emit is
	// returned as it is.
	Read(p []byte, emit func(*engine.Frame) error) error
	// Close ends the body: it emits what is left and reports a body that lacks its
	// end marker, or is malformed, as an error.
	Close(emit func(*engine.Frame) error) error
}

// IngressDialects are the dialects in which requests are read, in the order in
// which they are told to people.
func IngressDialects() []engine.Dialect {
	var out []engine.Dialect
	for _, d := range []engine.Dialect{
		engine.DialectOpenAIChat, engine.DialectOpenAICompletions, engine.DialectOpenAIEmbeddings, engine.DialectOpenAIResponses,
		engine.DialectAnthropicMessages, engine.DialectGeminiContent, engine.DialectGeminiEmbed,
		engine.DialectOllamaChat, engine.DialectOllamaGenerate, engine.DialectOllamaEmbed,
	} {
		if _, ok := IngressFor(d); ok {
			out = append(out, d)
		}
	}
	return out
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
	case engine.DialectOllamaChat:
		return OllamaChat{}, true
	case engine.DialectOllamaGenerate:
		return OllamaGenerate{}, true
	case engine.DialectOllamaEmbed:
		return OllamaEmbed{}, true
	case engine.DialectOpenAIResponses:
		return OpenAIResponses{}, true
	case engine.DialectAnthropicMessages:
		return AnthropicMessages{}, true
	case engine.DialectGeminiContent:
		return GeminiContent{}, true
	case engine.DialectGeminiEmbed:
		return GeminiEmbed{}, true
	}
	return nil, false
}

// EgressFor returns the target's side of a dialect.
func EgressFor(d engine.Dialect) (Egress, bool) {
	switch d {
	case engine.DialectOpenAI:
		return OpenAI{}, true
	case engine.DialectAzureOpenAI:
		return AzureOpenAI{}, true
	case engine.DialectAnthropic:
		return Anthropic{}, true
	case engine.DialectGemini:
		return Gemini{}, true
	case engine.DialectOllama:
		return Ollama{}, true
	}
	return nil, false
}
