package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Names are those that a configuration gives, for policies to be held against.
type Names struct {
	Targets     []string // declared
	Classifiers []ClassifierNames
}

// ClassifierNames are a classifier's own name and the names in its reports.
type ClassifierNames struct {
	Name          string
	Kinds, Scores []string
	Completion    bool // it may read replies
}

// CheckNames finds names in rules that a configuration does not give: of targets, of
// classifiers, of their finding kinds and scores. One that is near to a given name
// is an error, for the rule would never fire; others are warnings where nothing can
// be meant by them, since a policy may be written for several configurations.
func (s *Set) CheckNames(known Names) Diagnostics {
	b := s.built()
	kinds := b.personalKinds()
	var classifiers, scores, readers []string
	for _, c := range known.Classifiers {
		classifiers = append(classifiers, c.Name)
		if c.Completion {
			readers = append(readers, c.Name)
		}
		kinds, scores = append(kinds, c.Kinds...), append(scores, c.Scores...)
	}
	var ds Diagnostics
	for _, m := range b.mentions() {
		d := at(m.loc, "", "")
		switch m.of {
		case aTarget:
			// A candidate may be target/model.
			name, _, _ := strings.Cut(m.name, "/")
			if slices.Contains(known.Targets, m.name) || slices.Contains(known.Targets, name) {
				continue
			}
			d.Message = fmt.Sprintf("there is no target %q", m.name)
			d.Hint = "the configuration declares " + strings.Join(known.Targets, ", ")
			if near := nearest(name, known.Targets); near != "" {
				d.Hint = fmt.Sprintf("did you mean %q? %s", near, d.Hint)
			} else {
				d.Severity = SeverityWarning
			}
		case aClassifier:
			near := nearest(m.name, classifiers)
			if slices.Contains(classifiers, m.name) || near == "" {
				continue
			}
			d.Message = fmt.Sprintf("there is no classifier %q", m.name)
			d.Hint = fmt.Sprintf("did you mean %q? the configuration loads %s", near, strings.Join(classifiers, ", "))
		case aReader:
			if slices.Contains(readers, m.name) || len(known.Classifiers) == 0 {
				continue
			}
			if slices.Contains(classifiers, m.name) {
				d.Message = fmt.Sprintf("classifier %q does not read replies", m.name)
				d.Hint = `add "completion" to its inspect; until then requests are denied`
				break
			}
			d.Message = fmt.Sprintf("there is no classifier %q", m.name)
			if near := nearest(m.name, classifiers); near != "" {
				d.Hint = fmt.Sprintf("did you mean %q? the configuration loads %s", near, strings.Join(classifiers, ", "))
			} else {
				d.Severity, d.Hint = SeverityWarning, "requests whose replies it must read are denied"
			}
		case aKind:
			if slices.Contains(kinds, m.name) || len(known.Classifiers) == 0 {
				continue
			}
			d.Message = fmt.Sprintf("no classifier finds the kind %s", m.name)
			if near := nearestKind(m.name, kinds); near != "" {
				d.Hint = "did you mean " + near + "?"
			} else {
				d.Severity, d.Hint = SeverityWarning, "sallyport classifier check shows what a classifier finds"
			}
		case aScore:
			near := nearest(m.name, scores)
			if slices.Contains(scores, m.name) || near == "" {
				continue
			}
			d.Message = fmt.Sprintf("no classifier gives the score %s", m.name)
			d.Hint = "did you mean " + near + "?"
		}
		ds = append(ds, d)
	}
	return ds.inOrder()
}

// built is the set as the checks see it.
func (s *Set) built() *built {
	return &built{modules: s.compiler.Modules, compiler: s.compiler, packages: s.packages}
}

// mention is a name that a rule states of what only a configuration knows.
type mention struct {
	of   named
	name string
	loc  *ast.Location
}

type named uint8

const (
	aTarget named = iota
	aClassifier
	aReader // a classifier that reads replies
	aKind
	aScore
)

// personalKinds are the library's kinds of personal data.
func (b *built) personalKinds() []string {
	var kinds []string
	for _, r := range b.compiler.GetRulesExact(ast.MustParseRef("data.sallyport.personal_kinds")) {
		if r.Head.Value != nil {
			members(r.Head.Value, func(t *ast.Term) {
				if kind, ok := t.Value.(ast.String); ok {
					kinds = append(kinds, string(kind))
				}
			})
		}
	}
	return kinds
}

// mentions are the names in the rules outside the library, by place.
func (b *built) mentions() []mention {
	f := b.flows()
	found := map[mention]bool{}
	for _, r := range f.rules {
		if r.rule.Loc() == nil || strings.HasPrefix(r.rule.Loc().File, embeddedPrefix) {
			continue
		}
		add := func(of named, t *ast.Term, loc *ast.Location) {
			if loc == nil || loc.File == "" {
				loc = r.rule.Loc()
			}
			if name, ok := t.Value.(ast.String); ok {
				found[mention{of, string(name), loc}] = true
			}
		}
		r.headMentions(add)
		walk(r.rule, func(x any) {
			switch x := x.(type) {
			case ast.Ref:
				r.refMentions(x, add)
			case *ast.Expr:
				if terms, ok := x.Terms.([]*ast.Term); ok {
					r.callMentions(x, terms[0].Value.String(), terms[1:], add)
				}
			}
		})
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b mention) int {
		if c := a.loc.Compare(b.loc); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
}

// headMentions are the targets and kinds that a rule's head names.
func (r *ruleFlow) headMentions(add func(named, *ast.Term, *ast.Location)) {
	if _, ok := rulePackage(r.rule.Module); !ok {
		return
	}
	head := r.rule.Head
	ref := head.Ref()
	switch kind := contribution(r.rule); {
	case (kind == "exclude" || kind == "prefer") && len(ref) > 1:
		add(aTarget, ref[1], head.Loc())
	case kind == "obligation" && len(ref) > 1:
		what, values := ref[1], head.Key
		if head.RuleKind() != ast.MultiValue {
			values = head.Value
		}
		of := map[string]named{"redact": aKind, "inspect_completion": aReader}
		name, _ := what.Value.(ast.String)
		if of, ok := of[string(name)]; ok && values != nil {
			add(of, values, head.Loc())
			members(values, func(t *ast.Term) { add(of, t, head.Loc()) })
		}
	}
}

// refMentions are the names that a reference to the input holds.
func (r *ruleFlow) refMentions(ref ast.Ref, add func(named, *ast.Term, *ast.Location)) {
	from, next := r.begin(ref)
	for ; next < len(ref); next++ {
		t := ref[next]
		name := anyMember
		if s, ok := t.Value.(ast.String); ok {
			name = string(s)
			for _, p := range from.paths(exactly) {
				if of, ok := namesIn(p); ok {
					add(of, t, ref[0].Loc())
				}
			}
		}
		from = from.step(name)
	}
}

// namesIn says what the names of a document's members are names of.
func namesIn(p inputPath) (named, bool) {
	steps := p.steps()
	switch {
	case len(steps) == 1 && steps[0] == "targets":
		return aTarget, true
	case len(steps) == 1 && steps[0] == "classifiers":
		return aClassifier, true
	case len(steps) == 3 && steps[0] == "classifiers" && steps[2] == "findings":
		return aKind, true
	case len(steps) == 3 && steps[0] == "classifiers" && steps[2] == "scores":
		return aScore, true
	}
	return 0, false
}

// callMentions are the names that a call holds beside names of the input, or gives
// to the library.
func (r *ruleFlow) callMentions(e *ast.Expr, name string, args []*ast.Term, add func(named, *ast.Term, *ast.Location)) {
	compare := func(a, constant *ast.Term) {
		from := r.flow(a)
		if len(from.from) != 1 {
			return
		}
		for src := range from.from {
			if of, ok := namesIn(src.path); ok && src.as != exactly {
				add(of, constant, e.Loc())
			}
		}
	}
	switch {
	case (name == "eq" || name == "equal" || name == "neq") && len(args) == 2:
		compare(args[0], args[1])
		compare(args[1], args[0])
	case name == ast.Member.Name && len(args) == 2:
		compare(args[1], args[0]) // "EMAIL_ADDRESS" in kinds
		members(args[1], func(t *ast.Term) { compare(args[0], t) })
	case name == "data.sallyport.found" && len(args) > 0:
		add(aKind, args[0], e.Loc())
	case name == "data.sallyport.unread" && len(args) > 0:
		members(args[0], func(t *ast.Term) { add(aClassifier, t, e.Loc()) })
	}
}
