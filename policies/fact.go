package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Fact is a part of the input that a rule read.
type Fact struct {
	Path   string `json:"path"` // as Rego has it
	Value  any    `json:"value,omitempty"`
	Absent bool   `json:"absent,omitempty"` // the input has nothing there
	// Via is the helper that read it, without "data."; "": the rule itself.
	Via string `json:"via,omitempty"`
}

// mostFacts bounds the facts of one rule.
const mostFacts = 48

// factReader finds what rules read of one input: the references in their bodies,
// with the values that variables had when the rule held.
type factReader struct {
	b     *built
	input ast.Value
	rules map[*ast.Rule]*ruleFlow
}

func newFactReader(s *Set, input ast.Value) *factReader {
	f := &factReader{b: s.built(), input: input, rules: map[*ast.Rule]*ruleFlow{}}
	for _, r := range f.b.flows().rules {
		f.rules[r.rule] = r
	}
	return f
}

// read is what a rule read that held. Of a rule that contributes to the decision it
// is also what its helpers read, whether they held or not.
func (f *factReader) read(rule *ast.Rule, plug func(*ast.Term) *ast.Term, kind, target string) []Fact {
	r := f.rules[rule]
	if r == nil {
		return nil
	}
	found := map[string]Fact{}
	f.own(r, plug, "", "", found)
	if kind != "" {
		if kind == "obligation" {
			target = ""
		}
		asTheyStand := func(t *ast.Term) *ast.Term { return t }
		for _, helper := range f.helpers(rule) {
			via := strings.TrimPrefix(helper.path, "data.")
			f.own(helper, asTheyStand, via, target, found)
		}
	}
	var facts []Fact
	for path, fact := range found {
		// What was only a step on the way to another fact is none.
		inside := func(other string) bool {
			return strings.HasPrefix(other, path+".") || strings.HasPrefix(other, path+"[")
		}
		onTheWay := false
		for other := range found {
			onTheWay = onTheWay || inside(other)
		}
		if !onTheWay {
			facts = append(facts, fact)
		}
	}
	slices.SortFunc(facts, func(a, b Fact) int { return cmp.Or(cmp.Compare(a.Via, b.Via), cmp.Compare(a.Path, b.Path)) })
	return facts[:min(len(facts), mostFacts)]
}

// helpers are the rules that a rule's body comes to, and their elses.
func (f *factReader) helpers(rule *ast.Rule) []*ruleFlow {
	var all []*ruleFlow
	seen := map[*ast.Rule]bool{rule: true}
	ast.WalkRefs(rule.Body, func(ref ast.Ref) bool {
		if !ref.HasPrefix(ast.DefaultRootRef) {
			return false
		}
		for _, h := range f.b.reachable(ref) {
			for ; h != nil; h = h.Else {
				if r := f.rules[h]; r != nil && !seen[h] {
					seen[h] = true
					all = append(all, r)
				}
			}
		}
		return false
	})
	return all
}

// step is one step of a path; any: over all members.
type step struct {
	name string
	any  bool
}

// own adds what the references in a rule lead to. target is whom a helper's argument
// is taken to be about where it is about targets; "": all of them.
func (f *factReader) own(r *ruleFlow, plug func(*ast.Term) *ast.Term, via, target string, found map[string]Fact) {
	same := aliases(r.rule.Body)
	args := map[ast.Var]bool{}
	for _, arg := range r.rule.Head.Args {
		if v, ok := arg.Value.(ast.Var); ok {
			args[v] = true
		}
	}
	ast.WalkRefs(r.rule.Body, func(ref ast.Ref) bool {
		for _, steps := range f.steps(r, ref, same, plug, 0) {
			if head, ok := ref[0].Value.(ast.Var); ok && args[head] && target != "" && len(steps) > 1 && steps[0].name == "targets" && steps[1].any {
				steps[1] = step{name: target}
			}
			f.expand(f.input, steps, "input", via, found)
		}
		return false
	})
}

// aliases are the variables that a body sets to a reference.
func aliases(body ast.Body) map[ast.Var]ast.Ref {
	same := map[ast.Var]ast.Ref{}
	ast.WalkExprs(body, func(e *ast.Expr) bool {
		terms, ok := e.Terms.([]*ast.Term)
		if !ok || len(terms) != 3 || terms[0].Value.String() != "eq" {
			return false
		}
		if v, ok := terms[1].Value.(ast.Var); ok {
			if ref, ok := terms[2].Value.(ast.Ref); ok && same[v] == nil {
				same[v] = ref
			}
		}
		return false
	})
	return same
}

// steps are the paths into the input that a reference stands for.
func (f *factReader) steps(r *ruleFlow, ref ast.Ref, same map[ast.Var]ast.Ref, plug func(*ast.Term) *ast.Term, depth int) [][]step {
	var starts [][]step
	next := 1
	head, ok := ref[0].Value.(ast.Var)
	switch {
	case !ok || depth > deepest:
		return nil
	case head.Equal(ast.InputRootDocument.Value):
		starts = [][]step{nil}
	case same[head] != nil && !same[head].HasPrefix(ast.DefaultRootRef):
		starts = f.steps(r, same[head], same, plug, depth+1)
	default:
		var from flow
		from, next = r.begin(ref)
		for _, p := range from.paths(exactly) {
			var start []step
			for _, name := range p.steps() {
				start = append(start, step{name, name == anyMember})
			}
			starts = append(starts, start)
		}
	}
	for i := range starts {
		start := slices.Clone(starts[i])
		for _, t := range ref[next:] {
			switch v := plug(t).Value.(type) {
			case ast.String:
				start = append(start, step{name: string(v)})
			case ast.Number:
				start = append(start, step{name: v.String()})
			default:
				start = append(start, step{any: true})
			}
		}
		starts[i] = start
	}
	return starts
}

// expand follows steps from a value of the input and notes what is there.
func (f *factReader) expand(v ast.Value, steps []step, path, via string, found map[string]Fact) {
	note := func(fact Fact) {
		if _, known := found[fact.Path]; !known {
			fact.Via = via
			found[fact.Path] = fact
		}
	}
	if len(steps) == 0 {
		plain, err := ast.JSON(v)
		if err == nil && path != "input" {
			note(Fact{Path: path, Value: plain})
		}
		return
	}
	s, rest := steps[0], steps[1:]
	switch v := v.(type) {
	case ast.Object:
		if s.any {
			if v.Len() == 0 {
				note(Fact{Path: path, Value: map[string]any{}})
			}
			v.Foreach(func(k, value *ast.Term) { f.expand(value.Value, rest, path+member(textOf(k)), via, found) })
		} else if m := v.Get(ast.StringTerm(s.name)); m != nil {
			f.expand(m.Value, rest, path+member(s.name), via, found)
		} else {
			note(Fact{Path: path + member(s.name), Absent: true})
		}
	case *ast.Array:
		if s.any || len(rest) == 0 {
			f.expand(v, nil, path, via, found) // a list is shown as a whole
		} else if i, err := strconv.Atoi(s.name); err == nil && i >= 0 && i < v.Len() {
			f.expand(v.Elem(i).Value, rest, fmt.Sprintf("%s[%d]", path, i), via, found)
		}
	}
}
