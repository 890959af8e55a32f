package wire

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// A writer for another API than the client's builds its request from the neutral
// form. It refuses, by the name of the field, whatever its dialect cannot say and
// the answer depends on. What only hints (user, metadata, a seed, penalties where
// there are none) and top-level fields that this program does not know, which no
// other dialect would know either, it leaves out or approximates: each is a Loss.

// inexpressible is the refusal of a field by a dialect.
func inexpressible(d engine.Dialect, field, why string) *engine.RequestError {
	return &engine.RequestError{Status: http.StatusBadRequest, Code: engine.ReasonOperationUnsupported, Field: field,
		Message: fmt.Sprintf("cannot be carried to a target of dialect %q: %s", d, why)}
}

// checkPortable refuses what no other dialect than the client's can carry.
func checkPortable(req *engine.Request, d engine.Dialect) error {
	if req.Operation != engine.OpChat {
		return inexpressible(d, "", fmt.Sprintf("it serves no operation %q", req.Operation))
	}
	if len(req.NotPortable) > 0 {
		return inexpressible(d, req.NotPortable[0], "only a target of the client's own dialect knows it")
	}
	for i := range req.Tools {
		if req.Tools[i].Kind != engine.ToolFunction {
			return inexpressible(d, toolPath(req, i, ""), "only tools of type \"function\" exist there")
		}
	}
	return nil
}

// badName says why a dialect's pattern excludes the name of a tool, "" where it
// does not. more are the characters it allows beside letters, digits, _ and -.
func badName(name string, limit int, more string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !plain(name[i:i+1], 1) || (c == '.' || c == ':') && strings.IndexByte(more, c) < 0 {
			return "the name has a character that is not allowed there"
		}
	}
	if name == "" || len(name) > limit {
		return fmt.Sprintf("a name has 1 to %d characters there", limit)
	}
	return ""
}

// value is the text's present value: one whose string holds JSON may have been
// edited inside.
func value(t *engine.Text) string {
	if t.Inner != nil && t.Inner.Changed() {
		return string(t.Inner.Bytes())
	}
	return t.Value
}

// object is the document if it is a JSON object that a strict parser accepts.
func object(d *engine.Document) (jsontext.Value, bool) {
	v := jsontext.Value(d.Bytes())
	return v, v.Kind() == '{' && v.IsValid()
}

// turn is a run of messages that one role of the target's dialect speaks.
type turn struct {
	role  engine.Role // RoleUser or RoleAssistant
	parts []turnPart
}

// turnPart is one thing said in a turn. Exactly one of part, call and result is
// set.
type turnPart struct {
	req    *engine.Request
	part   *engine.Part
	call   *engine.ToolCall
	result *engine.Message
}

// path is the JSON path of what is said in the client's body, for errors and
// losses. inside is what follows it in a body of OpenAI's chat API, such as
// ".function.name"; to others the whole thing is named.
func (p turnPart) path(inside string) string {
	at := 0
	switch {
	case p.part != nil:
		at = p.part.At
	case p.call != nil:
		at = p.call.At
	case p.result != nil:
		at = p.result.At
	}
	return pathAt(p.req, at, inside)
}

// toolPath is the path of tool i, as of turnPart.path.
func toolPath(req *engine.Request, i int, inside string) string {
	return pathAt(req, req.Tools[i].Span.Start, inside)
}

// turns gathers the conversation for a dialect whose turns alternate: system
// messages are hoisted, in order, and neighbours of one role are merged. A tool's
// result is said by the user, before all else of the turn. A system message that
// comes after others loses its place.
func turns(req *engine.Request, l *losses) (system []turnPart, out []turn) {
	for i := range req.Messages {
		m := &req.Messages[i]
		parts := spoken(req, m)
		role := engine.RoleUser
		switch m.Role {
		case engine.RoleSystem:
			if len(out) > 0 {
				l.approximateAt(m.At, ".role", "first")
			}
			system = append(system, parts...)
			continue
		case engine.RoleAssistant:
			role = engine.RoleAssistant
		}
		if len(parts) == 0 {
			continue // an assistant's message with nothing in it
		}
		if n := len(out); n > 0 && out[n-1].role == role {
			out[n-1].parts = append(out[n-1].parts, parts...)
			continue
		}
		out = append(out, turn{role: role, parts: parts})
	}
	for i := range out {
		slices.SortStableFunc(out[i].parts, func(a, b turnPart) int { return place(a) - place(b) })
	}
	return system, out
}

// place is 0 for a tool's result and 1 for all else.
func place(p turnPart) int {
	if p.result != nil {
		return 0
	}
	return 1
}

// spoken is what a message says, in order: its parts and calls, or the one result
// that a tool's message is.
func spoken(req *engine.Request, m *engine.Message) []turnPart {
	if m.Role == engine.RoleTool {
		return []turnPart{{req: req, result: m}}
	}
	out := make([]turnPart, 0, len(m.Parts)+len(m.ToolCalls))
	placed := 0 // calls that a part points at: all of them or none
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Kind == engine.PartToolCall {
			placed++
			out = append(out, turnPart{req: req, call: &m.ToolCalls[p.Call]})
		} else {
			out = append(out, turnPart{req: req, part: p})
		}
	}
	if placed == 0 {
		for i := range m.ToolCalls {
			out = append(out, turnPart{req: req, call: &m.ToolCalls[i]})
		}
	}
	return out
}

// text is the text of a part that must be one.
func (p turnPart) text(d engine.Dialect) (string, error) {
	if p.part == nil || p.part.Kind != engine.PartText && p.part.Kind != engine.PartRefusal {
		return "", inexpressible(d, p.path(""), "only text can stand here")
	}
	return value(p.part.Text), nil
}

// resultText is the text of a tool's result, which must answer a call.
func (p turnPart) resultText(d engine.Dialect) (string, error) {
	if p.result.ToolName == "" {
		return "", inexpressible(d, p.path(".tool_call_id"), "it names no tool call of an earlier message")
	}
	var b strings.Builder
	for i := range p.result.Parts {
		part := &p.result.Parts[i]
		if part.Kind == engine.PartJSON {
			b.Write(part.JSON.Bytes())
			continue
		}
		s, err := turnPart{req: p.req, part: part}.text(d)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// arguments is a call's arguments, which most dialects want as an object.
func (p turnPart) arguments(d engine.Dialect) (jsontext.Value, error) {
	if p.call.Input != nil {
		return nil, inexpressible(d, p.path(""), "only calls of functions exist there")
	}
	v, ok := object(p.call.Arguments)
	if !ok {
		return nil, inexpressible(d, p.path(".function.arguments"), "it must hold a JSON object")
	}
	return v, nil
}

// schema is the parameters of tool i, or those of a tool without any.
func schema(req *engine.Request, i int, d engine.Dialect) (jsontext.Value, error) {
	if req.Tools[i].Parameters == nil {
		return jsontext.Value(`{"type":"object","properties":{}}`), nil
	}
	v, ok := object(req.Tools[i].Parameters)
	if !ok {
		return nil, inexpressible(d, toolPath(req, i, ".function.parameters"), "it must be a JSON object")
	}
	return schemaOf(req, v), nil
}

// description is a tool's description, or "".
func description(t *engine.Tool) string {
	if t.Description == nil {
		return ""
	}
	return value(t.Description)
}

// toolID makes an identifier of letters, digits, _ and - out of any: the same for
// the same, so that a result still names its call, and others for others.
func toolID(id string) string {
	clean := []byte(id)
	for i, c := range clean {
		if !plain(string(c), 1) || c == '.' || c == ':' {
			clean[i] = '_'
		}
	}
	if string(clean) == id && len(id) <= 64 && id != "" {
		return id
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	if len(clean) > 40 {
		clean = clean[:40]
	}
	return fmt.Sprintf("%s_%x", clean, h.Sum64())
}

// maxTokens is the limit to send: the cap, or what the client stated, or 0.
func maxTokens(req *engine.Request, up *Upstream) int {
	switch stated := req.MaxOutputTokens; {
	case up.MaxOutputTokens == 0:
		return stated
	case stated == 0:
		return up.MaxOutputTokens
	default:
		return min(stated, up.MaxOutputTokens)
	}
}

// chosenTool is the choice without one of a tool that is no longer there.
func chosenTool(req *engine.Request) engine.ToolChoice {
	c := req.ToolChoice
	if c.Mode == "tool" && !hasTool(req.Tools, c.Name) {
		return engine.ToolChoice{}
	}
	return c
}

// formatSchema is the schema that a response format demands; ok is false where
// it demands none.
func formatSchema(req *engine.Request, d engine.Dialect) (v jsontext.Value, ok bool, err error) {
	if req.Format.Type != "json_schema" {
		return nil, false, nil
	}
	if req.Format.Schema == nil {
		return nil, false, inexpressible(d, "response_format.json_schema.schema", "it is missing")
	}
	if v, ok = object(req.Format.Schema); !ok {
		return nil, false, inexpressible(d, "response_format.json_schema.schema", "it must be a JSON object")
	}
	return schemaOf(req, v), true, nil
}

// least is the smaller of *p and limit; nil stays nil.
func least(p *float64, limit float64) *float64 {
	if p == nil || *p <= limit {
		return p
	}
	return &limit
}

// build renders a request body.
func build(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		// The error's own text could repeat the request.
		return nil, malformed("", "cannot be written as JSON for the target")
	}
	return b, nil
}
