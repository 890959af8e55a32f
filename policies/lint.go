package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The rules of Lint. An author who means it names them in an annotation of the
// rule or of its package: custom: {unlinted: [no-control]}.
const (
	lintWholeInput = "whole-input"      // the whole input is read
	lintVolatile   = "volatile-message" // a reason holds a number that differs for every request
	lintContent    = "content-message"  // a reason holds what the client sent
	lintNoControl  = "no-control"       // a denial or exclusion without a control label
	lintReusedCode = "reused-code"      // one code for two messages
	lintNever      = "never-holds"      // the conditions exclude each other
	lintKind       = "misspelt-kind"    // a kind that is near to a known one
	lintSlow       = "not-compiled"     // of Load: decisions are made by OPA's own evaluator
)

// Lint are warnings about rules that load, and decide, but should be written in
// another way. They concern what is not of the library, by file and line.
func (s *Set) Lint() Diagnostics { return s.built().lint() }

func (b *built) lint() Diagnostics {
	l := &linter{b: b, flows: b.flows(), notes: b.compiler.GetAnnotationSet(), codes: map[[2]string]reasonText{}}
	for _, w := range b.readSet().whole {
		l.warn(w.rule, w.loc, lintWholeInput, "the whole input is read ("+w.how+"), which makes the decision uncacheable",
			"read members by name, such as input.request.model")
	}
	for _, r := range l.flows.rules {
		l.reasons(r)
		l.never(r)
	}
	kinds := b.personalKinds()
	for _, m := range b.mentions() {
		if near := nearestKind(m.name, kinds); m.of == aKind && near != "" && !slices.Contains(kinds, m.name) {
			l.warn(nil, m.loc, lintKind, "the kind "+m.name+" is none of the library's", "did you mean "+near+"?")
		}
	}
	return l.found.inOrder()
}

type linter struct {
	b     *built
	flows *flows
	notes *ast.AnnotationSet
	codes map[[2]string]reasonText // by contribution and code
	found Diagnostics
}

type reasonText struct {
	message string
	loc     *ast.Location
}

func (l *linter) warn(r *ast.Rule, loc *ast.Location, rule, message, hint string) {
	if loc == nil || strings.HasPrefix(loc.File, embeddedPrefix) || loc.File == "" || r != nil && l.unlinted(r, rule) {
		return
	}
	d := at(loc, message, hint)
	d.Severity, d.Rule = SeverityWarning, rule
	l.found = append(l.found, d)
}

// unlinted says whether the author of a rule means it.
func (l *linter) unlinted(r *ast.Rule, lint string) bool {
	for _, a := range l.notes.Chain(r) {
		if a.Annotations == nil {
			continue
		}
		if list, ok := a.Annotations.Custom["unlinted"].([]any); ok && slices.Contains(list, any(lint)) {
			return true
		}
	}
	return false
}

// reasons looks at what a rule says when it denies or excludes.
func (l *linter) reasons(r *ruleFlow) {
	kind := contribution(r.rule)
	pkg, ok := rulePackage(r.rule.Module)
	if !ok || kind != "deny" && kind != "exclude" || r.rule.Default {
		return
	}
	loc := r.rule.Loc()
	if labels, _ := l.notes.MergedLabels(r.rule); len(controls([]map[string]any{labels})) == 0 {
		l.warn(r.rule, loc, lintNoControl, "this "+kind+" has no control label, so compliance cannot ask for its decisions",
			`write "# METADATA" and "# labels: {control: \"…\"}" above it`)
	}
	reason := r.rule.Head.Key
	if reason == nil {
		return
	}
	said, ok := reason.Value.(ast.Object)
	if !ok {
		return
	}
	code, message := said.Get(ast.InternedTerm("code")), said.Get(ast.InternedTerm("message"))
	for _, t := range []*ast.Term{code, message} {
		if t == nil {
			continue
		}
		for _, p := range r.flow(t).paths(exactly, keyOf, madeOf) {
			if volatile(p) {
				l.warn(r.rule, loc, lintVolatile, fmt.Sprintf("the reason holds %v, which differs for every request", p),
					"give the code and the limit, not the value: the record has the input beside the reason")
			}
			if content(p) {
				l.warn(r.rule, loc, lintContent, fmt.Sprintf("the reason holds %v, which the client wrote", p),
					"reasons are shown, logged and counted: say which rule was broken, not with what")
			}
		}
	}
	if code == nil || message == nil {
		return
	}
	c, constant := code.Value.(ast.String)
	m, both := message.Value.(ast.String)
	if !constant || !both {
		return
	}
	key := [2]string{kind + " " + pkg, string(c)}
	if first, ok := l.codes[key]; !ok {
		l.codes[key] = reasonText{string(m), loc}
	} else if first.message != string(m) {
		l.warn(r.rule, loc, lintReusedCode, fmt.Sprintf("the code %s has another message at %s:%d", string(c), first.loc.File, first.loc.Row),
			"clients and dashboards know reasons by their code: give each its own")
	}
}

// volatileParts are where next to no two requests agree.
var volatileParts = [...][]string{
	{"time"},
	{"request", "prompt_tokens"},
	{"request", "prompt_bytes"},
	{"usage", "requests_per_minute"},
	{"usage", "spent_usd", anyMember},
	{"classifiers", anyMember, "scores", anyMember},
	{"classifiers", anyMember, "findings", anyMember, "count"},
	{"classifiers", anyMember, "findings", anyMember, "max_score"},
	{"targets", anyMember, "cost_estimate_usd"},
}

// volatile says whether p is one of them, or where varies whether it holds one.
func volatile(p inputPath) bool { return agreesWithVolatile(p, false) }

func varies(p inputPath) bool { return agreesWithVolatile(p, true) }

func agreesWithVolatile(p inputPath, above bool) bool {
	steps := p.steps()
	return slices.ContainsFunc(volatileParts[:], func(part []string) bool {
		for i, name := range part {
			if i == len(steps) {
				return above
			}
			if name != anyMember && steps[i] != anyMember && name != steps[i] {
				return false
			}
		}
		return true
	})
}

// content says whether a part of the input is in the client's own words.
func content(p inputPath) bool {
	for _, part := range []string{"metadata", "headers", "tools"} {
		if p.within(inputPath("").then("request").then(part)) {
			return true
		}
	}
	return false
}
