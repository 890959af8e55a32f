package engine

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// oblige does to the request what policy requires for its allow to hold. An
// obligation that this program does not know, cannot meet or cannot read denies:
// an obligation is never skipped.
func (x *exchange) oblige() bool {
	o := &x.out.Decision.Obligations
	if r := append(unmet(o), x.readers(o)...); len(r) > 0 {
		return x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied, "policy obliges to what cannot be done", r...)
	}
	if x.logLevel == LogFull {
		x.keepTexts()
	}
	if len(o.Redact) > 0 {
		if reason, ok := x.redact(o.Redact); !ok {
			return x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied, "what policy obliges to redact could not be redacted", reason)
		}
	}
	if len(o.StripTools) > 0 {
		x.req.Tools = slices.DeleteFunc(x.req.Tools, func(t Tool) bool {
			return slices.Contains(o.StripTools, t.Name) || slices.Contains(o.StripTools, x.masked(t.Name)) || slices.Contains(o.StripTools, "*")
		})
		if c := x.req.ToolChoice; len(x.req.Tools) == 0 || c.Mode == "tool" && !slices.ContainsFunc(x.req.Tools, func(t Tool) bool { return t.Name == c.Name }) {
			x.req.ToolChoice = ToolChoice{}
		}
	}
	if o.MaxOutputTokens != nil && (x.req.MaxOutputTokens == 0 || *o.MaxOutputTokens < x.req.MaxOutputTokens) {
		x.maxOutput = *o.MaxOutputTokens
	}
	if o.PriorityMax != nil {
		// Urgency 0 is the most urgent, so a cap on priority is a floor here.
		x.req.Priority = max(x.req.Priority, *o.PriorityMax)
	}
	x.setBudget(o)
	return true
}

// setBudget puts the client's budget in force with the configured defaults,
// tightened by policy. A client that stated only a total wants nothing after it;
// one that stated a time to first token, or nothing, wants the reply to be
// finished.
func (x *exchange) setBudget(o *Obligations) {
	client := x.req.Budget
	if client.OnMiss == "" && client.Total > 0 && client.TTFT == 0 {
		client.OnMiss = OnMissCancel
	}
	policy := Budget{OnMiss: o.OnMiss}
	if o.Budget != nil {
		policy.TTFT = time.Duration(o.Budget.TTFTMs) * time.Millisecond
		policy.TPOT = time.Duration(o.Budget.TPOTMs) * time.Millisecond
		policy.Total = time.Duration(o.Budget.TotalMs) * time.Millisecond
	}
	x.stated = client.Tighten(policy)
	x.budget = x.snap.Budgets.Apply(client).Tighten(policy)
}

// unmet lists the obligations that are not known, not built or not sensible.
func unmet(o *Obligations) []Reason {
	var reasons []Reason
	add := func(code, name, why string) {
		reasons = append(reasons, Reason{Code: code, Rule: "engine", Message: fmt.Sprintf("obligation %q %s", name, why)})
	}
	for _, name := range o.Unknown {
		add(ReasonObligationUnknown, name, "is not known")
	}
	if n := o.MaxOutputTokens; n != nil && *n < 1 {
		add(ReasonObligationUnsupported, "max_output_tokens", "must be at least 1")
	}
	if p := o.PriorityMax; p != nil && (*p < 0 || *p > 7) {
		add(ReasonObligationUnsupported, "priority_max", "must be an urgency from 0 to 7")
	}
	if c := o.MaxCostUSD; c != nil && *c < 0 {
		add(ReasonObligationUnsupported, "max_cost_usd", "must not be negative")
	}
	if b := o.Budget; b != nil && (b.TTFTMs < 0 || b.TPOTMs < 0 || b.TotalMs < 0) {
		add(ReasonObligationUnsupported, "budget", "must not be negative")
	}
	switch o.OnMiss {
	case "", OnMissFinish, OnMissCancel:
	default:
		add(ReasonObligationUnknown, "on_miss", "must be finish or cancel")
	}
	switch o.Lossy {
	case "", LossyAllow, LossyDeny:
	default:
		add(ReasonObligationUnknown, "lossy", "must be allow or deny")
	}
	switch o.Log {
	case "", LogMetadata, LogFull, LogNone:
	default:
		add(ReasonObligationUnknown, "log", "must be metadata, full or none")
	}
	return reasons
}

func (x *exchange) keepTexts() {
	for _, t := range x.req.Texts {
		if t.Inner == nil {
			x.originals = append(x.originals, RecordText{Role: t.Role.String(), Part: t.Kind.String(), Message: t.Message, Text: t.Value})
		}
	}
}

// redact replaces every finding of the kinds, whatever its score, by a
// placeholder. The same value gets the same placeholder throughout the request,
// so the model can still tell two people apart. Where a classifier had more
// findings than it could report, nobody knows what is left, and redaction fails.
func (x *exchange) redact(kinds []string) (Reason, bool) {
	if x.truncated {
		return Reason{Code: ReasonRedactionFailed, Rule: "engine",
			Message: "a classifier found more than it could report, so not all of it can be redacted"}, false
	}
	x.redacted = map[int]bool{}
	byText := map[int][]int{} // findings by text
	for i, f := range x.out.Findings {
		if slices.Contains(kinds, f.Kind) {
			byText[f.Text] = append(byText[f.Text], i)
			x.redacted[i] = true
		}
	}
	places := newPlaceholders(x.req.Texts)
	for text := range x.req.Texts { // in order, so that numbering is by first appearance
		found := byText[text]
		if len(found) == 0 {
			continue
		}
		t := x.req.Texts[text]
		value, ok := places.replace(t.Value, x.findings(found))
		if !ok {
			return Reason{Code: ReasonRedactionFailed, Rule: "engine", Message: "a finding lies outside of its text"}, false
		}
		if t.Fixed {
			return Reason{Code: ReasonRedactionFailed, Rule: "engine",
				Message: fmt.Sprintf("a finding is in a %s, which cannot be rewritten", t.Kind)}, false
		}
		t.Set(value)
	}
	x.placeholders = &places
	return Reason{}, true
}

// findings are those of the request with the given indices.
func (x *exchange) findings(indices []int) []Finding {
	f := make([]Finding, len(indices))
	for i, at := range indices {
		f[i] = x.out.Findings[at]
	}
	return f
}

// replace returns value with the findings replaced, which it brings into order.
// Findings that overlap are replaced as one, under the kind of the surest, and of
// those the longest. It is false where a finding lies outside of value.
func (p *placeholders) replace(value string, hits []Finding) (string, bool) {
	for _, f := range hits {
		if s := f.Span; s.Start < 0 || s.End > len(value) || s.Start >= s.End {
			return "", false
		}
	}
	slices.SortStableFunc(hits, func(a, b Finding) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	var out strings.Builder
	at := 0
	for i := 0; i < len(hits); {
		span, best := hits[i].Span, hits[i]
		for i++; i < len(hits) && hits[i].Span.Start < span.End; i++ {
			span.End = max(span.End, hits[i].Span.End)
			if hits[i].Score > best.Score || hits[i].Score == best.Score && hits[i].Span.Len() > best.Span.Len() {
				best = hits[i]
			}
		}
		out.WriteString(value[at:span.Start])
		out.WriteString(p.of(best.Kind, value[span.Start:span.End]))
		at = span.End
	}
	out.WriteString(value[at:])
	return out.String(), true
}

// placeholders numbers the distinct values of each kind.
type placeholders struct {
	byValue map[string]string // kind, NUL, value
	count   map[string]int
	taken   map[string]bool // what the client has written that looks like one
}

// values are the texts that placeholders stand for.
func (p *placeholders) values() map[string]string {
	m := make(map[string]string, len(p.byValue))
	for key, placeholder := range p.byValue {
		_, m[placeholder], _ = strings.Cut(key, "\x00")
	}
	return m
}

// newPlaceholders returns placeholders that none of the texts holds: one that the
// client wrote itself must not come to stand for something else.
func newPlaceholders(texts []*Text) placeholders {
	p := placeholders{byValue: map[string]string{}, count: map[string]int{}, taken: map[string]bool{}}
	for _, t := range texts {
		for rest := t.Value; ; {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			n := strings.IndexFunc(after, func(c rune) bool {
				return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
			})
			if n > 0 && after[n] == '>' {
				p.taken["<"+after[:n+1]] = true
			}
			rest = after
		}
	}
	return p
}

func (p *placeholders) of(kind, value string) string {
	key := kind + "\x00" + value
	if s, ok := p.byValue[key]; ok {
		return s
	}
	for {
		p.count[kind]++
		s := fmt.Sprintf("<%s_%d>", kind, p.count[kind])
		if !p.taken[s] {
			p.byValue[key] = s
			return s
		}
	}
}
