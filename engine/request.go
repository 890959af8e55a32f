package engine

// Dialect names a wire format. What a client speaks and what a reply is written
// in are named by API ("openai-chat"), targets by family ("openai").
type Dialect string

const (
	DialectOpenAIChat        Dialect = "openai-chat"
	DialectOpenAICompletions Dialect = "openai-completions"
	DialectOpenAIEmbeddings  Dialect = "openai-embeddings"
	DialectOpenAIResponses   Dialect = "openai-responses"
	DialectAnthropicMessages Dialect = "anthropic-messages"
	DialectGeminiContent     Dialect = "gemini-content"
	DialectGeminiEmbed       Dialect = "gemini-embed"
	DialectOllamaChat        Dialect = "ollama-chat"
	DialectOllamaGenerate    Dialect = "ollama-generate"
	DialectOllamaEmbed       Dialect = "ollama-embed"

	DialectOpenAI      Dialect = "openai"
	DialectAzureOpenAI Dialect = "azure-openai"
	DialectAnthropic   Dialect = "anthropic"
	DialectGemini      Dialect = "gemini"
	DialectVertex      Dialect = "vertex"
	DialectOllama      Dialect = "ollama"
	DialectBedrock     Dialect = "bedrock"
)

// Operation is what a request asks for, whatever its dialect.
type Operation string

const (
	OpChat        Operation = "chat"
	OpCompletion  Operation = "completion"
	OpEmbeddings  Operation = "embeddings"
	OpCountTokens Operation = "count_tokens" // of a chat request, which is not answered
)

// Request is one inference request, parsed once. Classifiers, policy, scheduling
// and the upstream's body are all fed from it, so that no two parsers can
// disagree about what was asked. It owns all of its bytes.
type Request struct {
	Dialect   Dialect
	Operation Operation
	Principal Principal
	Headers   map[string]string // allow-listed, names in lower case
	TraceID   string            // of a W3C traceparent, or ""

	// Version and Betas are the version of its API that the client stated and the
	// beta features it asked for: of a target of the same API only.
	Version string
	Betas   []string

	Model           string // as the client named it
	Stream          bool
	Array           bool // a stream of Gemini's API: one JSON array, and not server-sent events
	IncludeUsage    bool // the client asked for usage in the stream
	MaxOutputTokens int  // 0: not stated
	Sampling        Sampling
	Messages        []Message
	Tools           []Tool
	ToolChoice      ToolChoice
	ParallelTools   *bool // nil: not stated
	Format          ResponseFormat
	Reasoning       Reasoning
	Embedding       Embedding // of OpEmbeddings
	Logprobs        *int      // how many alternatives of each token; nil: none asked for
	Metadata        map[string]string
	Budget          Budget // as the client stated it; zero fields: not stated
	Priority        int    // RFC 9218 urgency 0..7, 3 where not stated

	// Texts holds every string that is inspected, in the order of the body. A
	// string in a field this program does not know is among them: what survives
	// to the upstream has been read.
	Texts []*Text
	// Body is the client's JSON and the literals in it.
	Body Document
	// Fields are the members of the body's top-level object.
	Fields []Field

	// NotPortable names the stated fields that change the answer and have no
	// neutral form: a target of another API cannot serve the request.
	NotPortable []string
	// Hints names the stated fields that have no neutral form and do not change
	// what is answered, such as "user", and the top-level fields that no reader
	// knows: a target of another API is not sent them, which is a Loss.
	Hints []string

	PromptTokens int // estimate, see EstimateTokens
	PromptBytes  int // bytes of all texts
	Modalities   []string
}

// Field is a member of a JSON object: Member spans name and value, Value the
// value alone.
type Field struct {
	Name   string
	Member Span
	Value  Span
}

// Field returns the top-level member with that name.
func (r *Request) Field(name string) (Field, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Sampling holds the decoding parameters that dialects share; nil: not stated.
type Sampling struct {
	Temperature      *float64
	TopP             *float64
	TopK             *int
	PresencePenalty  *float64
	FrequencyPenalty *float64
	Seed             *int64
	N                int // 0 and 1 are the same
	Stop             []string
}

// Reasoning is what the client asked of the model's thinking. The zero value is
// not stated.
type Reasoning struct {
	Effort string // "", or none, minimal, low, medium, high, xhigh, max
	Budget int    // tokens; 0: not stated, -1: as many as the model sees fit
	Off    bool   // no thinking, however it was said
	Show   bool   // the reply shall show a summary of it
}

// Embedding is what the client asked of embeddings; zero values are not stated.
type Embedding struct {
	Dimensions int
	Encoding   string // OpenAI's "float" or "base64"
	Task       string // Gemini's, such as "RETRIEVAL_QUERY"
	Title      *Text  // Gemini's, of a document
	Truncate   *bool  // Ollama's
}

// Message is one turn of a conversation, or a part of it: a dialect whose turns
// mix tool results with other parts is read as several messages, in order.
type Message struct {
	Role   Role
	Native string // the role's name in the client's dialect, such as "developer"
	// Parts are what is said, in order. Calls that no part of kind PartToolCall
	// points at come after all of them.
	Parts      []Part
	ToolCalls  []ToolCall // of an assistant
	ToolCallID string     // of a tool's result
	ToolName   string     // of a tool's result, looked up by id where the dialect does not say
	IsError    bool       // of a tool's result
	At         int        // where its JSON begins in Request.Body.Raw
}

// PartKind is the kind of a message part.
type PartKind uint8

const (
	PartText PartKind = iota
	PartImage
	PartRefusal
	PartOther // kept in a same-API relay only; Native names it
	PartAudio
	PartVideo
	PartFile
	PartJSON      // a tool's result that is an object
	PartReasoning // an assistant's thinking
	PartToolCall  // where Message.ToolCalls[Call] stands among the parts
)

// Part is a piece of a message. Exactly the fields of its kind are set. An image,
// audio, video or file has one of Data, URL, FileID and, a file, Text.
type Part struct {
	Kind      PartKind
	Text      *Text     // PartText, PartRefusal, PartReasoning (nil: redacted), PartFile of plain text
	MediaType string    // of Data, such as "image/png"
	Data      string    // base64
	URL       *Text     // by reference
	FileID    *Text     // by the id that one vendor gave it; fixed, and of no use to another
	Filename  *Text     // PartFile; nil: none
	Detail    string    // PartImage: OpenAI's detail
	JSON      *Document // PartJSON
	Call      int       // PartToolCall: index in Message.ToolCalls
	Seal      *Opaque   // PartReasoning: its signature or its encrypted form; nil: none
	Native    string    // the part's type in the client's dialect
	At        int       // where its JSON begins in Request.Body.Raw
}

// Opaque is a signature or encrypted thinking that only its maker reads and that
// must come back to it unchanged.
type Opaque struct {
	Origin Dialect // the family that made it: no other is sent it
	Kind   OpaqueKind
	ID     string // of the item, where the dialect has one
	Data   string // base64
}

// OpaqueKind is the kind of an Opaque.
type OpaqueKind uint8

const (
	OpaqueSignature OpaqueKind = iota // of a text or a call that is beside it
	OpaqueRedacted                    // thinking that its maker does not show
	OpaqueEncrypted                   // thinking, beside which a summary may stand
)

// ToolCall is an assistant's call of a tool.
type ToolCall struct {
	ID        string
	Name      string
	Arguments *Document // JSON; {} where the client sent nothing
	Input     *Text     // of a custom tool, in place of arguments; else nil
	Seal      *Opaque   // the signature of the call; nil: none
	At        int       // where its JSON begins in Request.Body.Raw
}

// ToolKind is the kind of a Tool.
type ToolKind uint8

const (
	ToolFunction ToolKind = iota // of the client, called with JSON
	ToolCustom                   // of the client, called with free text
	ToolServer                   // of the target: only a relay in the same API carries it
)

// Tool is a function the model may call.
type Tool struct {
	Kind        ToolKind
	Name        string
	Description *Text     // nil: none
	Parameters  *Document // JSON Schema; nil: none
	Strict      *bool
	Native      string // type in the client's dialect
	Span        Span   // of the element in Request.Body.Raw
}

// ToolChoice says whether tools must be used. The zero value is not stated.
type ToolChoice struct {
	Mode  string   // "", "none", "auto", "required", "tool"; "native": one that has no neutral form
	Name  string   // for "tool"
	Names []string // for "auto" and "required": no other tool may be called; nil: any
}

// ResponseFormat asks for structured output. The zero value is not stated.
type ResponseFormat struct {
	Type   string // "", "text", "json_object", "json_schema"
	Name   string
	Schema *Document // for json_schema
	Strict *bool
}

// EstimateTokens estimates the tokens of a text without a tokenizer: one for
// each four ASCII bytes, two for each three other characters. Over English prose
// and code that is within about a fifth of what the o200k vocabulary gives; it
// costs a pass over the bytes where a tokenizer costs milliseconds.
func EstimateTokens(s string) int {
	ascii, other := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x80:
			ascii++
		case c >= 0xC0: // the first byte of a longer sequence
			other++
		}
	}
	return (ascii+3)/4 + (other*2+2)/3
}
