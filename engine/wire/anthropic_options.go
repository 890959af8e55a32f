package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// tools writes the tools and the choice among them. Where only some of them may be
// called, those alone are sent.
func (b *anthropicBuild) tools() error {
	choice := chosenTool(b.req)
	for i := range b.req.Tools {
		t := &b.req.Tools[i]
		if choice.Names != nil && !slices.Contains(choice.Names, t.Name) {
			continue
		}
		if why := badName(t.Name, 128, ""); why != "" {
			return b.refuse(toolPath(b.req, i, ".function.name"), why)
		}
		parameters, err := schema(b.req, i, engine.DialectAnthropic)
		if err != nil {
			return err
		}
		b.out.Tools = append(b.out.Tools, anthropicTool{Name: t.Name, Description: description(t), InputSchema: parameters, Strict: t.Strict})
	}
	if b.up.Server.NoToolChoice {
		switch choice.Mode {
		case "required", "tool":
			return b.refuse("tool_choice", "its server cannot be made to call a tool")
		case "none":
			b.out.Tools = nil
		}
	}
	if len(b.out.Tools) == 0 {
		return nil
	}
	out := anthropicToolChoice{DisableParallel: b.req.ParallelTools != nil && !*b.req.ParallelTools}
	switch choice.Mode {
	case "none":
		out = anthropicToolChoice{Type: "none"}
	case "required":
		out.Type = "any"
	case "tool":
		out.Type, out.Name = "tool", choice.Name
	case "auto":
		out.Type = "auto"
	case "":
		if !out.DisableParallel {
			return nil
		}
		out.Type = "auto"
	default:
		return b.refuse("tool_choice", "it has no such choice")
	}
	b.out.ToolChoice = &out
	return nil
}

// config is the part of the request that says how the answer shall be.
func (b *anthropicBuild) config() *anthropicOutputConfig {
	if b.out.OutputConfig == nil {
		b.out.OutputConfig = &anthropicOutputConfig{}
	}
	return b.out.OutputConfig
}

// format writes the response format, which always holds the answer to its schema.
func (b *anthropicBuild) format() error {
	if b.req.Format.Type == "json_object" {
		return b.refuse("response_format", "it has JSON output by a schema only: use json_schema")
	}
	v, ok, err := formatSchema(b.req, engine.DialectAnthropic)
	if err != nil || !ok {
		return err
	}
	if s := b.req.Format.Strict; s != nil && !*s {
		b.losses.approximate("response_format.json_schema.strict", "true")
	}
	b.config().Format = &anthropicFormat{Type: "json_schema", Schema: v}
	return nil
}

// limit writes the limit of the output, which the API demands.
func (b *anthropicBuild) limit() {
	if b.out.MaxTokens = maxTokens(b.req, b.up); b.out.MaxTokens > 0 {
		return
	}
	if b.out.MaxTokens = b.up.DefaultMaxTokens; b.out.MaxTokens == 0 {
		b.out.MaxTokens = anthropicMaxTokens
	}
	if budget := b.req.Reasoning.Budget; budget > 0 && !b.req.Reasoning.Off {
		b.out.MaxTokens += budget // it counts what is thought
	}
}

// reasoning writes how the model shall think. An effort is one of the model's own
// accord; a budget of tokens turns thinking on, which goes together neither with a
// tool that must be called nor with a turn of calls that no thinking precedes.
func (b *anthropicBuild) reasoning() {
	const field = "reasoning_effort"
	r := b.req.Reasoning
	switch r.Effort {
	case "":
	case "none":
		r.Off = true
	case "minimal":
		b.losses.approximate(field, "low")
		b.config().Effort = "low"
	default:
		b.config().Effort = r.Effort
	}
	switch {
	case r.Off:
		b.out.Thinking = &anthropicThinking{Type: "disabled"}
	case r.Budget < 0:
		b.out.Thinking = &anthropicThinking{Type: "adaptive"}
	case r.Budget > 0:
		budget := min(max(r.Budget, minThinking), b.out.MaxTokens-1)
		c := b.out.ToolChoice
		if budget < minThinking || c != nil && (c.Type == "any" || c.Type == "tool") || b.unthought() {
			b.losses.approximate(field, "none")
			return
		}
		if budget != r.Budget {
			b.losses.approximate(field, strconv.Itoa(budget))
		}
		b.out.Thinking = &anthropicThinking{Type: "enabled", Budget: budget}
	}
}

// unthought says whether the results that the conversation ends in answer calls of a
// turn without its thinking.
func (b *anthropicBuild) unthought() bool {
	for _, m := range slices.Backward(b.out.Messages) {
		switch {
		case m.Role == "assistant":
			called := slices.ContainsFunc(m.Content, func(c anthropicBlock) bool { return c.Type == "tool_use" })
			return called && m.Content[0].Type != "thinking" && m.Content[0].Type != "redacted_thinking"
		case m.Role == "user" && m.Content[0].Type != "tool_result":
			return false
		}
	}
	return false
}

// sampling writes the decoding parameters, of which the later version has none and a
// model that thinks takes few.
func (b *anthropicBuild) sampling() {
	s, out := &b.req.Sampling, &b.out
	for _, lost := range []struct {
		name   string
		stated bool
	}{{"seed", s.Seed != nil}, {"presence_penalty", s.PresencePenalty != nil}, {"frequency_penalty", s.FrequencyPenalty != nil}} {
		if lost.stated {
			b.losses.drop(lost.name)
		}
	}
	for i, stop := range s.Stop {
		if strings.TrimSpace(stop) == "" { // the API refuses it
			b.losses.drop("stop")
			continue
		}
		out.StopSequences = append(out.StopSequences, s.Stop[i])
	}
	thinks := out.Thinking != nil && out.Thinking.Type == "enabled"
	switch {
	case s.Temperature == nil:
	case b.version == anthropic2026 || thinks:
		b.losses.drop("temperature")
	default:
		if out.Temperature = least(s.Temperature, 1); *out.Temperature != *s.Temperature {
			b.losses.approximate("temperature", "1")
		}
	}
	switch {
	case s.TopK == nil:
	case b.version == anthropic2026 || thinks:
		b.losses.drop("top_k")
	default:
		out.TopK = s.TopK
	}
	switch {
	case s.TopP == nil:
	case b.version == anthropic2026 || thinks && *s.TopP < 0.95:
		b.losses.drop("top_p")
	default:
		out.TopP = s.TopP
	}
}
