package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// What a finding in a reply leads to: values of on_completion_finding.
const (
	OnFindingReport = "report" // it is recorded
	OnFindingRedact = "redact" // a placeholder stands for it
	OnFindingDeny   = "deny"   // the reply ends
)

// Completion is what was found in a reply that policy obliged to be read, and
// what was done about it.
type Completion struct {
	OnFinding string              `json:"on_finding"` // report, redact or deny
	Action    string              `json:"action"`     // pass, or one of the above
	Findings  []CompletionFinding `json:"findings,omitempty"`
	Errors    map[string]string   `json:"errors,omitempty"` // code of its failure by classifier
}

// CompletionPass is the Action of a reply in which nothing was found.
const CompletionPass = "pass"

// CompletionFinding counts the findings of one kind in a reply.
type CompletionFinding struct {
	Classifier string  `json:"classifier"`
	Kind       string  `json:"kind"`
	Count      int     `json:"count"`
	MaxScore   float64 `json:"max_score"`
}

// readers looks up the classifiers that policy obliges to read the reply. What
// cannot be met is among the reasons.
func (x *exchange) readers(o *Obligations) []Reason {
	var reasons []Reason
	add := func(code, format string, args ...any) {
		reasons = append(reasons, Reason{Code: code, Rule: "engine", Message: fmt.Sprintf(format, args...)})
	}
	for _, name := range o.InspectCompletion {
		at := slices.IndexFunc(x.snap.Classifiers, func(c Classifier) bool { return c.Info().Name == name })
		if at < 0 {
			add(ReasonObligationUnsupported, `obligation "inspect_completion" names classifier %q, which is not configured`, name)
			continue
		}
		c := x.snap.Classifiers[at]
		if of := c.Info().Inspect; len(of) > 0 && !slices.Contains(of, "completion") {
			add(ReasonObligationUnsupported, `obligation "inspect_completion" names classifier %q, whose inspect does not list "completion"`, name)
			continue
		}
		x.completion = append(x.completion, c)
	}
	switch o.OnCompletionFinding {
	case "":
	case OnFindingReport, OnFindingRedact, OnFindingDeny:
		if len(o.InspectCompletion) == 0 {
			add(ReasonObligationUnsupported, `obligation "on_completion_finding" needs "inspect_completion"`)
		}
	default:
		add(ReasonObligationUnknown, `obligation "on_completion_finding" must be report, redact or deny`)
	}
	return reasons
}

// refusedReply ends a reply that policy does not let through.
type refusedReply struct {
	message string
	reasons []Reason
}

func (e *refusedReply) Error() string { return e.message }

// refuseReply sets the outcome of a request whose reply was refused, whether or
// not a part of it is with the client.
func (x *exchange) refuseReply(e *refusedReply) {
	x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied, e.message, e.reasons...)
	x.out.Upstream = nil
}

// inspector reads a reply on its way to the client, as policy obliges. It stands
// before the restorer: what that puts back is the client's own.
//
// In mode report it lets every frame through as it is and reads a copy at the end.
// Otherwise the reply is written anew from its events, for what an upstream says
// beside them nobody has read. Texts of a stream go through passages, which hold
// back what may still become a part of a finding. A reply that is not streamed is
// held whole, and so are a tool's arguments, which are JSON.
type inspector struct {
	x         *exchange
	ctx       context.Context
	onFinding string
	places    *placeholders
	passages  []*passage // in the order in which they began
	heldBytes int        // of texts that are held whole
	found     Completion
}

// maxHeldReply bounds the texts of one reply that are held whole. It is some four
// times what the longest replies of models have.
const maxHeldReply = 4 << 20

func newInspector(ctx context.Context, x *exchange) *inspector {
	n := &inspector{x: x, ctx: ctx, onFinding: x.out.Decision.Obligations.OnCompletionFinding, places: x.placeholders}
	if n.onFinding == "" {
		n.onFinding = OnFindingDeny
	}
	if n.places == nil {
		places := newPlaceholders(x.req.Texts)
		n.places = &places
	}
	if n.onFinding == OnFindingReport {
		n.ctx = context.WithoutCancel(ctx) // what went out is reported, also where the client is gone
	}
	n.found = Completion{OnFinding: n.onFinding, Action: CompletionPass}
	return n
}

// frame returns what of the reply may go on after f, nil where all of it is held.
// The error is a *refusedReply, or that of the context.
func (n *inspector) frame(f *Frame) (*Frame, error) {
	if n.onFinding == OnFindingReport {
		n.copy(f)
		return f, nil
	}
	events := make([]Event, 0, len(f.Events)+2)
	var err error
	for _, e := range f.Events {
		if events, err = n.event(events, e); err != nil {
			return nil, err
		}
	}
	if len(events) == 0 {
		return nil, nil
	}
	return &Frame{Dialect: f.Dialect, Events: events}, nil
}

// event adds what may go on after e.
func (n *inspector) event(events []Event, e Event) ([]Event, error) {
	var err error
	switch e.Kind {
	case EventText, EventRefusal, EventReasoning, EventToolArgs:
		if e.Text == "" {
			return events, nil
		}
		c := channel{e.Kind, e.Choice, e.Tool}
		if events, err = n.endReasoning(events, c); err != nil {
			return nil, err
		}
		p := n.passage(c)
		if p.whole {
			if n.heldBytes += len(e.Text); n.heldBytes > maxHeldReply {
				return nil, tooLong()
			}
		}
		p.add(e.Text)
		return n.advance(events, p)
	case EventToolCall:
		if events, err = n.endReasoning(events, channel{e.Kind, e.Choice, e.Tool}); err != nil {
			return nil, err
		}
		if e.Name, err = n.name(e.Name); err != nil {
			return nil, err
		}
	case EventSignature, EventRedacted:
		if e.Kind == EventRedacted || e.Tool < 0 { // of reasoning, which comes before it
			events, err = n.flush(events, func(p *passage) bool { return p.kind == EventReasoning && p.choice == e.Choice })
		}
		if e.Kind == EventSignature && n.found.Action != CompletionPass {
			return events, err // of a text that may have been changed since
		}
	case EventFinish:
		events, err = n.flush(events, func(p *passage) bool { return p.choice == e.Choice })
	case EventEnd:
		events, err = n.flush(events, func(*passage) bool { return true })
	case EventError:
		n.passages = nil // nobody waits for the rest
	case EventImage:
		// No classifier reads it, and policy obliges the reply to be read.
		n.found.Action = OnFindingDeny
		return nil, &refusedReply{"the reply holds an image, which cannot be read as policy obliges",
			[]Reason{{Code: ReasonCompletionUnread, Rule: "engine", Message: "the reply holds an image"}}}
	case EventLogprobs, EventCitation, EventOther:
		return events, nil // they repeat texts, which nobody would have read
	case EventStart, EventUsage:
	}
	if err != nil {
		return nil, err
	}
	return append(events, e), nil
}

// copy keeps the texts of f for finish.
func (n *inspector) copy(f *Frame) {
	for _, e := range f.Events {
		c := channel{e.Kind, e.Choice, e.Tool}
		text := e.Text
		if e.Kind == EventToolCall && !n.declared(e.Name) {
			text = e.Name
		} else if !textual(e.Kind) {
			continue
		}
		if n.heldBytes += len(text); n.heldBytes <= maxHeldReply {
			n.passage(c).add(text)
		}
	}
}

// finish returns what is left of a reply that is complete; nil: nothing.
func (n *inspector) finish() (*Frame, error) {
	if n.onFinding == OnFindingReport {
		return nil, nil
	}
	events, err := n.flush(nil, func(*passage) bool { return true })
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return &Frame{Events: events}, nil
}

// result is what came of the reply. In mode report that is read now, however much
// of a reply there is; a classifier's failure stands in the result.
func (n *inspector) result() *Completion {
	if n.onFinding == OnFindingReport {
		if _, err := n.flush(nil, func(*passage) bool { return true }); err != nil {
			return &n.found
		}
		if n.heldBytes > maxHeldReply {
			for _, c := range n.x.completion {
				n.failed(c.Info().Name, ClassifierTruncated)
			}
		}
	}
	return &n.found
}

// passage is the one of a channel, which begins where there was none.
func (n *inspector) passage(c channel) *passage {
	for _, p := range n.passages {
		if p.channel == c {
			return p
		}
	}
	whole := !n.x.req.Stream || n.onFinding == OnFindingReport || c.kind == EventToolArgs
	p := &passage{channel: c, whole: whole}
	p.readAgainAt(lookahead)
	n.passages = append(n.passages, p)
	return p
}

// endReasoning lets go of a choice's reasoning before something else of it begins,
// as clients show them one after the other. Reasoning that goes on after that is
// held to the end of the choice.
func (n *inspector) endReasoning(events []Event, before channel) ([]Event, error) {
	if before.kind == EventReasoning {
		return events, nil
	}
	for _, p := range n.passages {
		if p.kind == EventReasoning && p.choice == before.choice && !p.ended && !p.whole {
			p.ended = true
			return n.flush(events, func(o *passage) bool { return o == p })
		}
	}
	return events, nil
}

// advance reads a passage as often as enough of it has come, and adds what is
// settled.
func (n *inspector) advance(events []Event, p *passage) ([]Event, error) {
	for !p.whole && p.held() > p.next {
		value, from, end := p.window()
		found, err := n.read([]*Text{p.text(value)})
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].Span.Start -= from
			found[i].Span.End -= from
		}
		cut := p.cut(found, end)
		if events, err = n.release(events, p, found, cut); err != nil {
			return nil, err
		}
		p.readAgainAt(end - cut)
	}
	return events, nil
}

// flush reads all that is held of the chosen passages, in one call of each
// classifier, and adds it.
func (n *inspector) flush(events []Event, chosen func(*passage) bool) ([]Event, error) {
	type part struct {
		p       *passage
		doc     *Document // of a tool's arguments that are JSON
		from    int       // of what is held, in the text
		at, end int       // its texts
	}
	var parts []part
	var texts []*Text
	for _, p := range n.passages {
		if p.held() == 0 || !chosen(p) {
			continue
		}
		part := part{p: p, at: len(texts)}
		if p.kind == EventToolArgs {
			part.doc = argumentsDocument(p.buf)
		}
		if part.doc != nil {
			texts = append(texts, part.doc.Leaves...)
		} else {
			p.next = p.held()
			value, from, _ := p.window()
			part.from, texts = from, append(texts, p.text(value))
		}
		part.end = len(texts)
		parts = append(parts, part)
	}
	found, err := n.read(texts)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		p := part.p
		if part.doc == nil {
			of := findingsOf(found, part.at)
			for i := range of {
				of[i].Span.Start -= part.from
				of[i].Span.End -= part.from
			}
			events, err = n.release(events, p, of, p.held())
			p.readAgainAt(lookahead)
		} else {
			events, err = n.releaseDocument(events, p, part.doc, found, part.at)
		}
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// findingsOf are the findings in one text.
func findingsOf(found []Finding, text int) []Finding {
	var of []Finding
	for _, f := range found {
		if f.Text == text {
			of = append(of, f)
		}
	}
	return of
}

// release adds what is held of a passage up to cut. Findings count from there;
// one that began in what was released before is cut short at that place.
func (n *inspector) release(events []Event, p *passage, found []Finding, cut int) ([]Event, error) {
	if cut == 0 {
		return events, nil
	}
	here := found[:0]
	for _, f := range found {
		if f.Span.End > 0 && f.Span.Start < cut {
			f.Span.Start = max(0, f.Span.Start)
			here = append(here, f)
		}
	}
	text, err := n.settle(p.take(cut), here)
	if err != nil || text == "" {
		return events, err
	}
	return append(events, Event{Kind: p.kind, Choice: p.choice, Tool: p.tool, Text: text}), nil
}

// releaseDocument adds the arguments of a tool. texts says where the document's
// leaves stand among the texts that were read.
func (n *inspector) releaseDocument(events []Event, p *passage, doc *Document, found []Finding, texts int) ([]Event, error) {
	p.take(p.held())
	for i, leaf := range doc.Leaves {
		of := findingsOf(found, texts+i)
		if len(of) == 0 {
			continue
		}
		value, err := n.settle(leaf.Value, of)
		if err != nil {
			return nil, err
		}
		leaf.Set(value)
	}
	return append(events, Event{Kind: p.kind, Choice: p.choice, Tool: p.tool, Text: string(doc.Bytes())}), nil
}

// name is the name of a tool that the model calls, as it may go on. What the
// client itself declared has been read with its request.
func (n *inspector) name(name string) (string, error) {
	if name == "" || n.declared(name) {
		return name, nil
	}
	found, err := n.read([]*Text{{Role: RoleAssistant, Kind: KindName, Message: -1, Value: name}})
	if err != nil {
		return "", err
	}
	return n.settle(name, found)
}

func (n *inspector) declared(tool string) bool {
	return slices.ContainsFunc(n.x.req.Tools, func(t Tool) bool { return t.Name == tool })
}

// settle counts the findings in a text that is about to go on and does about them
// what policy obliges to.
func (n *inspector) settle(text string, found []Finding) (string, error) {
	if len(found) == 0 {
		return text, nil
	}
	for _, f := range found {
		n.count(f)
	}
	n.found.Action = n.onFinding
	switch n.onFinding {
	case OnFindingReport:
		return text, nil
	case OnFindingRedact:
		if redacted, ok := n.places.replace(text, found); ok {
			return redacted, nil
		}
		n.found.Action = OnFindingDeny
		return "", &refusedReply{"the reply could not be redacted as policy obliges", []Reason{{Code: ReasonRedactionFailed, Rule: "engine",
			Message: "a finding lies outside of its text"}}}
	}
	refused := &refusedReply{message: "policy denies replies in which its classifiers find anything"}
	for _, f := range n.found.Findings {
		refused.reasons = append(refused.reasons, Reason{Code: ReasonCompletionFinding, Rule: "engine",
			Message: fmt.Sprintf("classifier %q found %s in the reply", f.Classifier, f.Kind)})
	}
	return "", refused
}

func (n *inspector) count(f Finding) {
	at := slices.IndexFunc(n.found.Findings, func(c CompletionFinding) bool { return c.Classifier == f.Classifier && c.Kind == f.Kind })
	if at < 0 {
		at = len(n.found.Findings)
		n.found.Findings = append(n.found.Findings, CompletionFinding{Classifier: f.Classifier, Kind: f.Kind})
	}
	c := &n.found.Findings[at]
	c.Count, c.MaxScore = c.Count+1, max(c.MaxScore, f.Score)
}

// read has the classifiers read texts. Where one fails, nobody knows what they
// hold: unless policy only wants a report, the reply ends.
func (n *inspector) read(texts []*Text) ([]Finding, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	begun := time.Now()
	defer func() { n.x.out.Timings.Inspect += time.Since(begun) }()
	var found []Finding
	for _, c := range n.x.completion {
		name := c.Info().Name
		report, err := readTexts(n.ctx, c, name, texts)
		code := ""
		switch {
		case err == nil && report.Truncated:
			code = ClassifierTruncated
		case err == nil && !locatedIn(texts, report.Findings):
			code = ClassifierBadResult
		case err != nil:
			if n.ctx.Err() != nil {
				return nil, context.Cause(n.ctx)
			}
			code = ClassifierUnavailable
			if ce, ok := errors.AsType[*ClassifierError](err); ok {
				code = ce.Code
			}
		}
		if code != "" {
			n.failed(name, code)
			if n.onFinding != OnFindingReport {
				n.found.Action = OnFindingDeny
				return nil, &refusedReply{"a classifier that must read this reply failed", []Reason{{Code: ReasonClassifierFailed, Rule: "engine",
					Message: fmt.Sprintf("classifier %q failed on the reply: %s", name, code)}}}
			}
			if code != ClassifierTruncated {
				continue
			}
		}
		for _, f := range report.Findings {
			f.Classifier = name
			found = append(found, f)
		}
	}
	return found, nil
}

func (n *inspector) failed(classifier, code string) {
	if n.found.Errors == nil {
		n.found.Errors = map[string]string{}
	}
	n.found.Errors[classifier] = code
}

func tooLong() error {
	return &refusedReply{"the reply is too long to be read as policy obliges", []Reason{{Code: ReasonCompletionUnread, Rule: "engine",
		Message: fmt.Sprintf("texts of the reply that must be read whole have more than %d bytes", maxHeldReply)}}}
}

// locatedIn says whether all findings lie within their texts.
func locatedIn(texts []*Text, found []Finding) bool {
	for _, f := range found {
		if f.Text < 0 || f.Text >= len(texts) || f.Span.Start < 0 || f.Span.Start >= f.Span.End || f.Span.End > len(texts[f.Text].Value) {
			return false
		}
	}
	return true
}
