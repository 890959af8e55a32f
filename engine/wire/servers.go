package wire

// Server is what is peculiar to one of the programs that serve an API: a trait for
// each thing in which they differ. The zero value is a server of which nothing is
// known.
type Server struct {
	Name string
	// MaxCompletionTokens: a limit that nobody stated is sent as
	// max_completion_tokens, for max_tokens is refused for some models.
	MaxCompletionTokens bool
	// MaxTokensOnly: it takes no notice of max_completion_tokens, so that a limit which
	// the client states there, and a cap on it, would not hold.
	MaxTokensOnly bool
	// DoneRequired: a stream that ends without [DONE] has been cut, also where every
	// choice has said why it ended.
	DoneRequired bool
	// ReasoningField is the member of an assistant's message in which it takes back
	// what the model has thought; "": none.
	ReasoningField string
	// DeveloperRole: it knows the role "developer".
	DeveloperRole bool
	// CustomTools, AllowedTools, Files: it knows tools that are called with free text,
	// a choice among some of the tools, documents by the id they were uploaded under.
	CustomTools, AllowedTools, Files bool
	// Refusals: it tells an assistant's refusal from what it says otherwise.
	Refusals bool
	// StrictNames: a tool's name has at most 64 letters, digits, _ and -.
	StrictNames bool
	// MaxStops is how many stop sequences it takes; 0: any number.
	MaxStops int
	// TopK: it takes top_k.
	TopK bool
	// VideoURL: it takes parts of type video_url.
	VideoURL bool
	// NoToolChoice, OneAnswer, NoLogprobs, NoImageURL: it takes no notice of
	// tool_choice, n and logprobs, and fetches no images.
	NoToolChoice, OneAnswer, NoLogprobs, NoImageURL bool
	// UnsignedThinking: its Messages API takes back thinking that nobody has signed.
	UnsignedThinking bool
	// NoCount: it has no /messages/count_tokens.
	NoCount bool
	// Responses: it serves the Responses API, too. SealedReasoning: reasoning comes
	// and goes encrypted there.
	Responses, SealedReasoning bool
}

// servers are the programs by the name that a target's configuration gives them.
// The first is meant where it gives none.
var servers = [...]Server{
	{Name: "generic"},
	// The published schema of chat completions and responses.
	{Name: "openai", Responses: true, SealedReasoning: true, MaxCompletionTokens: true, DoneRequired: true, DeveloperRole: true, CustomTools: true, AllowedTools: true, Files: true, Refusals: true,
		StrictNames: true, MaxStops: 4},
	{Name: "azure", MaxCompletionTokens: true, DoneRequired: true, DeveloperRole: true, CustomTools: true, AllowedTools: true, Files: true, Refusals: true,
		StrictNames: true, MaxStops: 4},
	// "reasoning" since version 0.11; it was "reasoning_content" before.
	{Name: "vllm", DoneRequired: true, ReasoningField: "reasoning", TopK: true, VideoURL: true},
	{Name: "llama.cpp", Responses: true, DoneRequired: true, ReasoningField: "reasoning_content", TopK: true, UnsignedThinking: true},
	{Name: "sglang", DoneRequired: true, ReasoningField: "reasoning_content", TopK: true},
	// No [DONE] before version 2.2 (its pull request 2221).
	{Name: "tgi", MaxTokensOnly: true},
	// Its page on compatibility with OpenAI's API.
	{Name: "ollama", MaxTokensOnly: true, Responses: true, DoneRequired: true, ReasoningField: "reasoning", NoToolChoice: true, OneAnswer: true, NoLogprobs: true, NoImageURL: true, UnsignedThinking: true, NoCount: true},
}

// ServerFor returns the server of that name, "" being the generic one.
func ServerFor(name string) (Server, bool) {
	for _, s := range servers {
		if s.Name == name || name == "" {
			return s, true
		}
	}
	return Server{}, false
}

// ServerNames are the names that ServerFor knows.
func ServerNames() []string {
	var names []string
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}
