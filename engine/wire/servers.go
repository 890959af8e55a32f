package wire

// Server is what is peculiar to one of the programs that serve an API: a trait for
// each thing in which they differ. The zero value is a server of which nothing is
// known.
type Server struct {
	Name string
	// MaxCompletionTokens: a limit that nobody stated is sent as
	// max_completion_tokens, for max_tokens is refused for some models.
	MaxCompletionTokens bool
	// DoneRequired: a stream that ends without [DONE] has been cut, also where every
	// choice has said why it ended.
	DoneRequired bool
}

// servers are the programs by the name that a target's configuration gives them.
// The first is meant where it gives none.
var servers = [...]Server{
	{Name: "generic"},
	{Name: "openai", MaxCompletionTokens: true, DoneRequired: true},
	{Name: "azure", MaxCompletionTokens: true, DoneRequired: true},
	{Name: "vllm", DoneRequired: true},
	{Name: "llama.cpp", DoneRequired: true},
	{Name: "sglang", DoneRequired: true},
	{Name: "tgi"},
	{Name: "ollama", DoneRequired: true},
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
