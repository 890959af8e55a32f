package engine

// Dialect names a wire format. Ingress dialects are named by API
// ("openai-chat"), targets by family ("openai").
type Dialect string

const (
	DialectOpenAIChat        Dialect = "openai-chat"
	DialectOpenAICompletions Dialect = "openai-completions"
	DialectOpenAIEmbeddings  Dialect = "openai-embeddings"

	DialectOpenAI    Dialect = "openai"
	DialectAnthropic Dialect = "anthropic"
	DialectGemini    Dialect = "gemini"
	DialectOllama    Dialect = "ollama"
)

// Operation is what a request asks for, whatever its dialect.
type Operation string

const (
	OpChat       Operation = "chat"
	OpCompletion Operation = "completion"
	OpEmbeddings Operation = "embeddings"
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

	Model           string // as the client named it
	Stream          bool
	IncludeUsage    bool // the client asked for usage in the stream
	MaxOutputTokens int  // 0: not stated
	Sampling        Sampling
	Messages        []Message
	Tools           []Tool
	ToolChoice      ToolChoice
	ParallelTools   *bool // nil: not stated
	Format          ResponseFormat
	ReasoningEffort string
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
	// neutral form: a target of another dialect cannot serve the request.
	NotPortable []string

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

// Message is one turn of a conversation.
type Message struct {
	Role       Role
	Native     string // the role's name in the client's dialect, such as "developer"
	Parts      []Part
	ToolCalls  []ToolCall // of an assistant
	ToolCallID string     // of a tool's result
	ToolName   string     // of a tool's result, looked up by id where the dialect does not say
	IsError    bool       // of a tool's result
}

// PartKind is the kind of a message part.
type PartKind uint8

const (
	PartText PartKind = iota
	PartImage
	PartRefusal
	PartOther // kept in a same-dialect relay only; Native names it
)

// Part is a piece of a message. Exactly the fields of its kind are set.
type Part struct {
	Kind      PartKind
	Text      *Text  // PartText, PartRefusal
	MediaType string // PartImage with Data, such as "image/png"
	Data      string // PartImage: base64
	URL       *Text  // PartImage by reference
	Detail    string // PartImage: OpenAI's detail
	Native    string // the part's type in the client's dialect
}

// ToolCall is an assistant's call of a tool.
type ToolCall struct {
	ID        string
	Name      string
	Arguments *Document // JSON; {} where the client sent nothing
}

// Tool is a function the model may call.
type Tool struct {
	Name        string
	Description *Text     // nil: none
	Parameters  *Document // JSON Schema; nil: none
	Strict      *bool
	Native      string // type in the client's dialect; "function" is the only one that translates
	Span        Span   // of the element in Request.Body.Raw
}

// ToolChoice says whether tools must be used. The zero value is not stated.
type ToolChoice struct {
	Mode string // "", "none", "auto", "required", "tool"
	Name string // for "tool"
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
