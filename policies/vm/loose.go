package vm

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// loose is where a policy may see that topdown does not join the equal elements of a
// collection that is written with variables; nil: nowhere. Where x and y are the
// same, [e | some e in {x, y}] has two elements there and one in OPA's plans, and of
// two equal keys of an object topdown gives the first and plans give the last. What
// a built-in function is given, and what a comprehension or a rule that adds to a
// document makes of its elements, is joined.
func loose(modules map[string]*ast.Module) *ast.Location {
	l := &looseness{names: ast.NewSet(), arity: map[string]int{}}
	for _, m := range modules {
		for _, r := range m.Rules {
			l.arity[r.Ref().String()] = len(r.Head.Args)
		}
	}
	for again := true; again; {
		before := l.names.Len()
		for _, m := range modules {
			ast.WalkRules(m, func(r *ast.Rule) bool {
				l.rule(r)
				return false
			})
		}
		again = l.names.Len() > before
	}
	return l.at
}

// looseness is what is known of a policy.
type looseness struct {
	names ast.Set        // of rules and functions whose value may hold a loose set
	arity map[string]int // of functions
	at    *ast.Location
}

func (l *looseness) found(at *ast.Location) {
	if l.at == nil || at != nil && (at.File < l.at.File || at.File == l.at.File && at.Row < l.at.Row) {
		l.at = at
	}
}

// rule learns what a rule's value may hold, and finds where the rule may see it.
func (l *looseness) rule(r *ast.Rule) {
	held := map[ast.Var]bool{} // variables that may hold a loose set
	holds := func(t *ast.Term) bool {
		found := false
		ast.WalkTerms(t, func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.Var:
				found = found || held[v]
			case ast.Ref:
				found = found || l.named(v)
			default:
				found = found || looseSet(t)
			}
			return found || isComprehension(t)
		})
		return found
	}
	seen, passed := false, false
	for again := true; again; { // until no variable is added
		again = false
		hold := func(t *ast.Term) {
			ast.WalkTerms(t, func(t *ast.Term) bool {
				if v, ok := t.Value.(ast.Var); ok && !held[v] {
					held[v], again = true, true
				}
				_, isRef := t.Value.(ast.Ref)
				return isRef || isComprehension(t)
			})
		}
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			terms, ok := e.Terms.([]*ast.Term)
			if t, one := e.Terms.(*ast.Term); one {
				terms, ok = []*ast.Term{nil, t}, true
			}
			if !ok {
				return false // what every and some say is in expressions of their own
			}
			joins, unifies := false, e.IsEquality() || e.IsAssignment()
			if e.IsCall() {
				joins = !unifies && ast.BuiltinMap[e.Operator().String()] != nil
				if !joins && !unifies && l.named(e.Operator()) {
					hold(terms[len(terms)-1])
				}
			}
			for i, t := range terms[1:] {
				ast.WalkTerms(t, func(u *ast.Term) bool {
					if u == t && joins {
						return false // what is within it may still be loose
					}
					if looseObject(u) {
						l.found(u.Loc())
					}
					return isComprehension(u)
				})
				if joins || !holds(t) {
					continue
				}
				seen = true
				if unifies {
					hold(terms[2-i])
				} else if e.IsCall() {
					arity, known := l.arity[e.Operator().String()]
					passed = passed || !known || i < arity // behind the arguments stands what they give
				}
			}
			return false
		})
	}
	arrays := false
	ast.WalkClosures(r, func(x any) bool {
		_, isArray := x.(*ast.ArrayComprehension)
		arrays = arrays || isArray
		return false
	})
	if seen && (arrays || passed) {
		l.found(r.Loc())
	}
	if v := r.Head.Value; v != nil && r.Head.RuleKind() == ast.SingleValue {
		if looseObject(v) {
			l.found(v.Loc())
		}
		if holds(v) {
			l.names.Add(ast.NewTerm(r.Ref().GroundPrefix()))
		}
	}
}

// named says whether a reference leads to, into or past a rule that may hold one.
func (l *looseness) named(ref ast.Ref) bool {
	ground := ref.GroundPrefix()
	return l.names.Until(func(t *ast.Term) bool {
		name := t.Value.(ast.Ref)
		return ground.HasPrefix(name) || name.HasPrefix(ground) && len(ground) > 0
	})
}

func isComprehension(t *ast.Term) bool {
	switch t.Value.(type) {
	case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return true
	}
	return false
}

// looseSet says whether a term is a set of several elements that are not all
// constants, looseObject whether it is an object of several such keys.
func looseSet(t *ast.Term) bool {
	v, ok := t.Value.(ast.Set)
	return ok && v.Len() > 1 && !ast.IsConstant(v)
}

func looseObject(t *ast.Term) bool {
	v, ok := t.Value.(ast.Object)
	return ok && v.Len() > 1 && v.Until(func(key, _ *ast.Term) bool { return !ast.IsConstant(key.Value) })
}
