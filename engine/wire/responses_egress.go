package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// speaksResponses says whether a request is relayed in the Responses API: its
// client and the server both speak it. Requests of other APIs go to the chat API,
// which every server has.
func speaksResponses(req *engine.Request, up *Upstream) bool {
	return req.Dialect == engine.DialectOpenAIResponses && req.Operation == engine.OpChat && up.Server.Responses
}

var responsesForm = relayForm{
	model: "model", limits: []string{"max_output_tokens"},
	tools: []string{"tools"}, choices: []string{"tool_choice"}, withTools: []string{"parallel_tool_calls", "max_tool_calls"},
}

const sealedReasoning = `"reasoning.encrypted_content"`

// relayResponses relays a body of the Responses API. Nothing is ever stored with
// the provider; so that reasoning can go on in the next turn all the same, it is
// asked for in its encrypted form.
func relayResponses(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	r, err := responsesForm.relay(req, up)
	if err != nil {
		return nil, err
	}
	l := &losses{dialect: req.Dialect}
	if slices.Contains(req.Hints, "store") {
		l.drop("store")
	}
	r.put("store", []byte("false"))
	if f, ok := req.Field("reasoning"); ok && req.Body.Raw[f.Value.Start] == '{' && up.Server.SealedReasoning {
		if err := r.include(sealedReasoning); err != nil {
			return nil, err
		}
	}
	if err := r.reasoning(up, l); err != nil {
		return nil, err
	}
	return &UpstreamRequest{Path: "/responses", Stream: req.Stream, Body: r.body(), Losses: l.list}, nil
}

// include adds to what more the reply shall hold.
func (r *relay) include(what string) error {
	f, ok := r.req.Field("include")
	list := []byte("[]")
	if ok {
		list = r.req.Body.Raw[f.Value.Start:f.Value.End]
		if bytes.Contains(list, []byte(what)) {
			return nil
		}
	}
	t, err := parse(list, maxReplyDepth)
	if err != nil {
		return fmt.Errorf("relay a request: %w", bodyError(nil, err)) // it has been parsed once
	}
	with := []byte{'['}
	if t.kind(0) == '[' {
		for c := range t.children(0) {
			with = append(append(with, t.lit(c)...), ',')
		}
	}
	r.put("include", append(append(with, what...), ']'))
	return nil
}

// reasoning leaves out the items of reasoning that the server would refuse: what
// another API's vendor has sealed and, of a server that seals its own, what it has
// not sealed; others take back its words.
func (r *relay) reasoning(up *Upstream, l *losses) error {
	if !slices.ContainsFunc(r.req.Messages, hasReasoning) {
		return nil
	}
	f, ok := r.req.Field("input")
	if !ok {
		return nil
	}
	t, err := r.parse(f.Value)
	if err != nil || t.kind(0) != '[' {
		return err
	}
	kept, n, all := []byte{'['}, -1, true
	for c := range t.children(0) {
		n++
		if at := t.member(c, "type"); at >= 0 && t.lit(at) == `"reasoning"` && !takesBack(t, c, up.Server.SealedReasoning) {
			l.drop(fmt.Sprintf("input[%d]", n))
			all = false
			continue
		}
		s := t.span(c)
		s.Start, s.End = s.Start+f.Value.Start, s.End+f.Value.Start
		item := engine.Document{Raw: r.req.Body.Raw[s.Start:s.End], Base: s.Start, Leaves: within(r.req.Body.Leaves, s)}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(kept, item.Bytes()...)
	}
	if !all {
		r.edits = append(r.edits, engine.Edit{Span: f.Value, With: append(kept, ']')})
	}
	return nil
}

func hasReasoning(m engine.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p engine.Part) bool { return p.Kind == engine.PartReasoning }) ||
		slices.ContainsFunc(m.ToolCalls, func(c engine.ToolCall) bool { return c.Seal != nil })
}

// takesBack says whether a server takes back item i of reasoning.
func takesBack(t *tree, i int, sealed bool) bool {
	seal := t.member(i, "encrypted_content")
	own := seal >= 0 && t.kind(seal) == '"' && t.str(seal) != ""
	if own && strings.HasPrefix(t.str(seal), sealPrefix) {
		return false
	}
	words := t.member(i, "content")
	return own || !sealed && words >= 0 && t.kind(words) == '[' && int(t.nodes[words].end) > words+1
}
