package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicMessageOut is a whole message.
type anthropicMessageOut struct {
	ID           string              `json:"id"`
	Type         string              `json:"type"`
	Role         string              `json:"role"`
	Model        string              `json:"model"`
	Content      []anthropicBlockOut `json:"content"`
	StopReason   string              `json:"stop_reason"`
	StopSequence *string             `json:"stop_sequence"`
	Usage        jsontext.Value      `json:"usage"`
}

// anthropicBlockOut is a block of a whole message. The members of its type are set.
type anthropicBlockOut struct {
	Type      string           `json:"type"`
	Text      *string          `json:"text,omitzero"`
	Citations []jsontext.Value `json:"citations,omitzero"`
	Thinking  *string          `json:"thinking,omitzero"`
	Signature *string          `json:"signature,omitzero"`
	Data      string           `json:"data,omitzero"`
	ID        string           `json:"id,omitzero"`
	Name      string           `json:"name,omitzero"`
	Input     jsontext.Value   `json:"input,omitzero"`
}

// unary appends the whole message.
func (r *anthropicReply) unary(dst []byte) ([]byte, error) {
	if r.raw != nil {
		return r.repaired(dst)
	}
	r.name()
	out := anthropicMessageOut{ID: r.id, Type: "message", Role: "assistant", Model: r.model, Content: []anthropicBlockOut{},
		StopReason: r.reason(), Usage: anthropicUsageObject(r.total())}
	for _, b := range r.pending {
		block := anthropicBlockOut{Type: b.kind}
		text := b.text.String()
		switch b.kind {
		case "text":
			block.Text, block.Citations = &text, b.cites
		case "thinking":
			block.Thinking, block.Signature = &text, &b.seal
		case "redacted_thinking":
			block.Data = b.seal
		case "tool_use":
			block.ID, block.Name, block.Input = b.id, b.name, jsontext.Value("{}")
			if text != "" {
				// A client's SDK takes nothing but an object here.
				v := jsontext.Value(text)
				if v.Kind() != '{' || !v.IsValid() {
					return dst, errBadArguments
				}
				block.Input = v
			}
		}
		out.Content = append(out.Content, block)
	}
	b, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst, fmt.Errorf("write an anthropic reply: %w", err)
	}
	return append(dst, b...), nil
}

// repaired appends a message of a target of the same API, with what its server left
// out of it.
func (r *anthropicReply) repaired(dst []byte) ([]byte, error) {
	fix, err := repairOf(r.raw)
	if err != nil {
		return dst, err
	}
	fix.message(0)
	if c := fix.member(0, "content"); c >= 0 {
		for b := range fix.children(c) {
			fix.block(b)
		}
	}
	if stop := fix.member(0, "stop_reason"); stop >= 0 && r.called && fix.kind(stop) == '"' && fix.str(stop) == "end_turn" {
		fix.set(stop, `"tool_use"`)
	}
	return append(dst, fix.bytes()...), nil
}

// anthropicUsageObject is usage as this API counts it: input tokens without those
// that were read from the cache or written to it.
func anthropicUsageObject(u engine.Usage) []byte {
	return fmt.Appendf(nil, `{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d}`,
		max(0, u.Input-u.CachedInput-u.CacheWrite), u.CacheWrite, u.CachedInput, u.Output)
}

// anthropicCitation is a citation in this API's words; nil where it has none: one of
// a page on the web carries a key to it that only Anthropic makes.
func anthropicCitation(c *engine.Citation) jsontext.Value {
	if c == nil {
		return nil
	}
	out := map[string]any{"cited_text": c.CitedText, "document_index": c.DocIndex, "document_title": nil}
	if c.Title != "" {
		out["document_title"] = c.Title
	}
	switch c.Kind {
	case "char":
		out["type"], out["start_char_index"], out["end_char_index"] = "char_location", c.Source.Start, c.Source.End
	case "page":
		out["type"], out["start_page_number"], out["end_page_number"] = "page_location", c.Source.Start, c.Source.End
	case "block":
		out["type"], out["start_block_index"], out["end_block_index"] = "content_block_location", c.Source.Start, c.Source.End
	default:
		return nil
	}
	b, err := json.Marshal(out, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return b
}
