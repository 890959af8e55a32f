package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// toolTrigger at the end of the last user message makes a stand-in call the
// first tool it was offered.
const toolTrigger = "[[tool]]"

// ask is what a stand-in understands of a request, in no dialect.
type ask struct {
	model     string
	stream    bool
	maxTokens int // 0: no limit
	turns     []turn
	tools     []offered
}

// turn is one message.
type turn struct {
	role string // system, user, assistant, tool
	text string
}

// offered is a tool that may be called.
type offered struct {
	Name       string          `json:"name"`
	Parameters json.RawMessage `json:"parameters"`
}

// reply is the answer to an ask, in no dialect.
type reply struct {
	id     string
	model  string
	pieces []string // of the text, as a tokenizer would cut it
	tool   string   // the name of a called tool, "" where the reply is text
	args   map[string]any
	cut    bool // the token limit ended it
	input  int  // tokens
	output int
}

func (r *reply) text() string { return strings.Join(r.pieces, "") }

// answerTo makes up a reply. The same ask has the same reply.
func (a *ask) answerTo(cfg *Config) reply {
	r := reply{model: a.model}
	h := sha256.New()
	for _, t := range a.turns {
		r.input += engine.EstimateTokens(t.text)
		fmt.Fprintf(h, "%s %q\n", t.role, t.text)
	}
	r.id = hex.EncodeToString(h.Sum(nil)[:8])

	last := a.last()
	if last.role == "user" && len(a.tools) > 0 && strings.HasSuffix(strings.TrimSpace(last.text), toolTrigger) {
		r.tool, r.args = a.tools[0].Name, arguments(a.tools[0].Parameters)
		r.output = engine.EstimateTokens(r.tool) + engine.EstimateTokens(string(encode(r.args)))
		return r
	}
	r.pieces = pieces(a.speech(cfg))
	if a.maxTokens > 0 && len(r.pieces) > a.maxTokens {
		r.pieces, r.cut = r.pieces[:a.maxTokens], true
	}
	r.output = len(r.pieces)
	return r
}

// last is the turn that is answered.
func (a *ask) last() turn {
	if len(a.turns) == 0 {
		return turn{}
	}
	return a.turns[len(a.turns)-1]
}

func (a *ask) speech(cfg *Config) string {
	var b strings.Builder
	messages := "messages"
	if len(a.turns) == 1 {
		messages = "message"
	}
	fmt.Fprintf(&b, "[stand-in %s target %q, no model behind it] I received %d %s", cfg.Posture, cfg.Name, len(a.turns), messages)
	last := a.last()
	if last.role == "tool" {
		fmt.Fprintf(&b, " and this tool result: %s", last.text)
		return b.String()
	}
	for i := len(a.turns) - 1; i >= 0; i-- {
		if a.turns[i].role == "user" {
			fmt.Fprintf(&b, ". The last user message was: %s", a.turns[i].text)
			break
		}
	}
	return b.String()
}

// pieces cuts a text after each space. No character is cut in two.
func pieces(s string) []string { return strings.SplitAfter(s, " ") }

// arguments makes up arguments that fit the flat properties of a JSON Schema.
func arguments(schema json.RawMessage) map[string]any {
	var s struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	args := map[string]any{}
	if json.Unmarshal(schema, &s) == nil {
		for name, p := range s.Properties {
			switch kind, _ := p.Type.(string); strings.ToLower(kind) {
			case "string":
				args[name] = "Paris"
			case "integer", "number":
				args[name] = 1
			case "boolean":
				args[name] = true
			}
		}
	}
	if len(args) == 0 {
		args["city"] = "Paris"
	}
	return args
}

// content reads a message's content: a string, or an array of parts of which
// the texts are taken.
func content(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("the body is not the JSON expected: %w", err)
	}
	return nil
}
