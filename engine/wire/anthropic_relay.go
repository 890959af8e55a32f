package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// messagesForm is how bodies of the Messages API are relayed.
var messagesForm = relayForm{model: "model", limits: []string{"max_tokens"}, tools: []string{"tools"}, choices: []string{"tool_choice"}}

// minThinking is the least budget of thinking that Anthropic takes, in tokens.
const minThinking = 1024

// relayAnthropic relays a client's own body. Beside what every relay changes it
// leaves out thinking that another family's model did, which Anthropic refuses for
// want of its signature, and keeps a budget of thinking below a lowered limit.
func relayAnthropic(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	form, path := &messagesForm, "/messages"
	if req.Operation == engine.OpCountTokens {
		form, path = &countForm, "/messages/count_tokens"
	}
	r, err := form.relay(req, up)
	if err != nil {
		return nil, err
	}
	l := &losses{dialect: req.Dialect}
	if up.Server.NoToolChoice {
		if err := r.choiceless(&messagesForm); err != nil {
			return nil, err
		}
	}
	if limit := maxTokens(req, up); req.Operation == engine.OpChat && limit > 0 && req.Reasoning.Budget >= limit {
		if err := r.lowerThinking(limit, l); err != nil {
			return nil, err
		}
	}
	if !up.Server.UnsignedThinking {
		if err := r.foreignThinking(l); err != nil {
			return nil, err
		}
	}
	return &UpstreamRequest{Path: path, Header: anthropicHead(req, up), Body: r.body(), Stream: req.Stream, Losses: l.list}, nil
}

// anthropicHead is the header of a request: the version that the target is declared
// to have, or the client's own.
func anthropicHead(req *engine.Request, up *Upstream) [][2]string {
	version := up.Version
	if version == "" {
		version = req.Version
	}
	if version == "" {
		version = anthropic2023
	}
	h := [][2]string{{"Anthropic-Version", version}}
	if len(req.Betas) > 0 {
		h = append(h, [2]string{"Anthropic-Beta", strings.Join(req.Betas, ",")})
	}
	return h
}

// choiceless sends no choice among tools to a server that takes no notice of it: no
// tools where none may be called.
func (r *relay) choiceless(f *relayForm) error {
	c := chosenTool(r.req)
	switch c.Mode {
	case "required", "tool":
		return inexpressible(engine.DialectAnthropic, "tool_choice", "its server cannot be made to call a tool")
	case "none":
		for _, name := range slices.Concat(f.tools, f.choices) {
			r.drop[name] = true
		}
	}
	return nil
}

// lowerThinking brings the budget of thinking below a limit of the output.
func (r *relay) lowerThinking(limit int, l *losses) error {
	budget := limit - 1
	if budget < minThinking {
		r.put("thinking", []byte(`{"type":"disabled"}`))
		l.approximate("thinking", "disabled")
		return nil
	}
	l.approximate("thinking.budget_tokens", strconv.Itoa(budget))
	return r.set("thinking.budget_tokens", strconv.AppendInt(nil, int64(budget), 10))
}

// foreignThinking leaves out what others than Anthropic's models have thought.
func (r *relay) foreignThinking(l *losses) error {
	gone := map[int]bool{} // where such blocks begin
	for i := range r.req.Messages {
		for k := range r.req.Messages[i].Parts {
			if p := &r.req.Messages[i].Parts[k]; p.Kind == engine.PartReasoning && !ownSeal(p) {
				gone[p.At] = true
			}
		}
	}
	f, ok := r.req.Field("messages")
	if len(gone) == 0 || !ok {
		return nil
	}
	t, err := r.parse(f.Value)
	if err != nil {
		return err
	}
	cut := cutter{relay: r, t: t, base: f.Value.Start}
	empty := map[int]bool{} // messages of which nothing is left
	for m := range t.children(0) {
		c := t.member(m, "content")
		if c < 0 || t.kind(c) != '[' {
			continue
		}
		if cut.all(c, gone) {
			empty[cut.start(m)] = true
			l.drop(pathAt(r.req, cut.start(m), ""))
			continue
		}
		for b := range t.children(c) {
			if gone[cut.start(b)] {
				l.drop(pathAt(r.req, cut.start(b), ""))
			}
		}
		cut.elements(c, gone)
	}
	cut.elements(0, empty)
	return nil
}

// ownSeal says whether Anthropic's API takes a piece of thinking back.
func ownSeal(p *engine.Part) bool { return p.Seal != nil && p.Seal.Origin == engine.DialectAnthropic }

// cutter leaves elements out of arrays of a client's body.
type cutter struct {
	*relay
	t    *tree
	base int // where the tree begins in the body
}

func (c *cutter) start(i int) int { return c.base + c.t.span(i).Start }

// all says whether every element of array i begins at one of gone.
func (c *cutter) all(i int, gone map[int]bool) bool {
	for e := range c.t.children(i) {
		if !gone[c.start(e)] {
			return false
		}
	}
	return len(gone) > 0 && int(c.t.nodes[i].end) > i+1
}

// elements leaves out the elements of array i that begin at one of gone, with the
// commas that held them and the edits within them.
func (c *cutter) elements(i int, gone map[int]bool) {
	list := slices.Collect(c.t.children(i))
	kept := -1 // the last element that stays
	for k := 0; k < len(list); k++ {
		if !gone[c.start(list[k])] {
			kept = k
			continue
		}
		last := k
		for last+1 < len(list) && gone[c.start(list[last+1])] {
			last++
		}
		s := engine.Span{Start: c.start(list[k]), End: c.base + c.t.span(list[last]).End}
		if last+1 < len(list) {
			s.End = c.start(list[last+1])
		} else if kept >= 0 {
			s.Start = c.base + c.t.span(list[kept]).End
		}
		c.edits = slices.DeleteFunc(c.edits, func(e engine.Edit) bool { return e.Span.Start >= s.Start && e.Span.End <= s.End })
		c.edits = append(c.edits, engine.Edit{Span: s})
		k = last
	}
}
