package wire

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

type openAITool struct {
	Type     string            `json:"type"`
	Function *openAIDefinition `json:"function,omitzero"`
	Custom   *openAIDefinition `json:"custom,omitzero"`
}

// openAIDefinition is what a function or a custom tool is.
type openAIDefinition struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters,omitzero"` // of a function
	Strict      *bool          `json:"strict,omitzero"`     // of a function
	Format      jsontext.Value `json:"format,omitzero"`     // of a custom tool
}

// openAINamed names a tool by its type.
type openAINamed struct {
	Type     string        `json:"type"`
	Function *openAINameOf `json:"function,omitzero"`
	Custom   *openAINameOf `json:"custom,omitzero"`
}

type openAINameOf struct {
	Name string `json:"name"`
}

// openAIAllowed is the choice among some of the tools.
type openAIAllowed struct {
	Type    string `json:"type"`
	Allowed struct {
		Mode  string        `json:"mode"`
		Tools []openAINamed `json:"tools"`
	} `json:"allowed_tools"`
}

type openAIFormat struct {
	Type   string        `json:"type"`
	Schema *openAISchema `json:"json_schema,omitzero"`
}

type openAISchema struct {
	Name   string         `json:"name"`
	Schema jsontext.Value `json:"schema"`
	Strict *bool          `json:"strict,omitzero"`
}

// hashOf is sixteen characters that stand for s.
func hashOf(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64()))
}

// tools writes the tools and the choice among them. A server that does not know
// of allowed tools is sent those alone.
func (b *openAIBuild) tools() error {
	choice := chosenTool(b.req)
	if b.server.NoToolChoice {
		switch choice.Mode {
		case "none":
			return nil // none is met by sending none
		case "required", "tool":
			return inexpressible(engine.DialectOpenAI, "tool_choice", "it cannot be made to call a tool")
		}
	}
	b.kinds = map[string]engine.ToolKind{}
	for i := range b.req.Tools {
		b.kinds[b.req.Tools[i].Name] = b.req.Tools[i].Kind
	}
	allowed := map[string]bool{}
	for _, name := range choice.Names {
		allowed[name] = true
	}
	for i := range b.req.Tools {
		t := &b.req.Tools[i]
		if choice.Names != nil && !b.server.AllowedTools && !allowed[t.Name] {
			continue
		}
		tool, err := b.tool(i, t)
		if err != nil {
			return err
		}
		b.out.Tools = append(b.out.Tools, tool)
	}
	if len(b.out.Tools) == 0 {
		return nil
	}
	b.out.ParallelToolCalls = b.req.ParallelTools
	switch choice.Mode {
	case "", "none", "auto", "required":
		if choice.Names != nil && b.server.AllowedTools && choice.Mode != "none" {
			b.out.ToolChoice = b.allowed(choice)
		} else if choice.Mode != "" {
			b.out.ToolChoice = choice.Mode
		}
	case "tool":
		b.out.ToolChoice = b.named(choice.Name)
	default:
		return inexpressible(engine.DialectOpenAI, "tool_choice", "it has no such choice")
	}
	return nil
}

func (b *openAIBuild) tool(i int, t *engine.Tool) (openAITool, error) {
	const d = engine.DialectOpenAI
	if b.server.StrictNames {
		if why := badName(t.Name, 64, ""); why != "" {
			return openAITool{}, inexpressible(d, toolPath(b.req, i, ".function.name"), why)
		}
	}
	def := &openAIDefinition{Name: t.Name, Description: description(t)}
	switch t.Kind {
	case engine.ToolFunction:
		if t.Parameters != nil {
			v, err := schema(b.req, i, d)
			if err != nil {
				return openAITool{}, err
			}
			def.Parameters = v
		}
		def.Strict = t.Strict
		return openAITool{Type: "function", Function: def}, nil
	case engine.ToolCustom:
		if !b.server.CustomTools {
			return openAITool{}, inexpressible(d, toolPath(b.req, i, ""), "it has no custom tools")
		}
		var err error
		def.Format, err = b.customFormat(i, t)
		return openAITool{Type: "custom", Custom: def}, err
	}
	return openAITool{}, inexpressible(d, toolPath(b.req, i, ""), "a tool that the server itself runs exists in the client's own API only")
}

// customFormat is what a custom tool's input must look like. The Responses API
// says flat what the chat API says within a member "grammar".
func (b *openAIBuild) customFormat(i int, t *engine.Tool) (jsontext.Value, error) {
	if t.Parameters == nil {
		return nil, nil
	}
	v, ok := object(t.Parameters)
	var flat struct {
		Type       string         `json:"type"`
		Grammar    jsontext.Value `json:"grammar"`
		Syntax     string         `json:"syntax"`
		Definition string         `json:"definition"`
	}
	if !ok || unmarshal(v, &flat) != nil {
		return nil, inexpressible(engine.DialectOpenAI, toolPath(b.req, i, ""), "its format must be a JSON object")
	}
	if flat.Type != "grammar" || present(flat.Grammar) {
		return v, nil
	}
	type grammar struct {
		Syntax     string `json:"syntax"`
		Definition string `json:"definition"`
	}
	return build(struct {
		Type    string  `json:"type"`
		Grammar grammar `json:"grammar"`
	}{"grammar", grammar{flat.Syntax, flat.Definition}})
}

func (b *openAIBuild) named(name string) openAINamed {
	if b.kinds[name] == engine.ToolCustom {
		return openAINamed{Type: "custom", Custom: &openAINameOf{name}}
	}
	return openAINamed{Type: "function", Function: &openAINameOf{name}}
}

func (b *openAIBuild) allowed(c engine.ToolChoice) openAIAllowed {
	out := openAIAllowed{Type: "allowed_tools"}
	if out.Allowed.Mode = c.Mode; c.Mode == "" {
		out.Allowed.Mode = "auto"
	}
	out.Allowed.Tools = []openAINamed{}
	for _, name := range c.Names {
		if _, ok := b.kinds[name]; ok {
			out.Allowed.Tools = append(out.Allowed.Tools, b.named(name))
		}
	}
	return out
}

// format writes the response format.
func (b *openAIBuild) format() error {
	switch b.req.Format.Type {
	case "", "text":
		return nil
	case "json_object":
		b.out.ResponseFormat = &openAIFormat{Type: "json_object"}
		return nil
	}
	v, ok, err := formatSchema(b.req, engine.DialectOpenAI)
	if err != nil {
		return err
	}
	if !ok {
		return inexpressible(engine.DialectOpenAI, "response_format", "it has no such format")
	}
	s := openAISchema{Name: b.req.Format.Name, Schema: v, Strict: b.req.Format.Strict}
	if s.Name == "" { // it must have one
		s.Name = "response"
	}
	b.out.ResponseFormat = &openAIFormat{Type: "json_schema", Schema: &s}
	return nil
}

// sampling writes the decoding parameters.
func (b *openAIBuild) sampling() error {
	s, out := &b.req.Sampling, &b.out
	switch {
	case s.N > 1 && b.server.OneAnswer:
		return inexpressible(engine.DialectOpenAI, "n", "it gives one answer")
	case b.req.Logprobs != nil && b.server.NoLogprobs:
		return inexpressible(engine.DialectOpenAI, "logprobs", "it gives none")
	}
	out.Temperature, out.TopP, out.Seed = s.Temperature, s.TopP, s.Seed
	out.PresencePenalty, out.FrequencyPenalty = s.PresencePenalty, s.FrequencyPenalty
	if s.N > 1 {
		out.N = s.N
	}
	if s.TopK != nil {
		if b.server.TopK {
			out.TopK = s.TopK
		} else {
			b.losses.drop("top_k")
		}
	}
	out.Stop = s.Stop
	if limit := b.server.MaxStops; limit > 0 && len(out.Stop) > limit {
		out.Stop = out.Stop[:limit]
		b.losses.approximate("stop", strconv.Itoa(limit))
	}
	if n := b.req.Logprobs; n != nil {
		out.Logprobs, out.TopLogprobs = true, *n
	}
	if n := maxTokens(b.req, b.up); b.server.MaxCompletionTokens {
		out.MaxCompletionTokens = n
	} else {
		out.MaxTokens = n
	}
	return nil
}

// effortOf is the effort that a budget of thinking tokens stands for. Vendors give
// no table; the steps are those that gateways commonly use.
func effortOf(budget int) string {
	switch {
	case budget <= 1024:
		return "low"
	case budget <= 8192:
		return "medium"
	}
	return "high"
}

// reasoning writes how hard the model shall think. A budget of tokens becomes the
// nearest effort, and one that the model itself sets is its default.
func (b *openAIBuild) reasoning() {
	switch r := &b.req.Reasoning; {
	case r.Effort != "":
		b.out.ReasoningEffort = r.Effort
	case r.Off:
		b.out.ReasoningEffort = "none"
	case r.Budget > 0:
		b.out.ReasoningEffort = effortOf(r.Budget)
		b.losses.approximate("reasoning_effort", b.out.ReasoningEffort)
	}
}
