package vm

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// Check finds what OPA's planner plans differently from what topdown does with it,
// in compiled modules; nil: there is nothing. It is three things, all rare: a rule
// whose reference holds a constant that is not a string, r[3].x := 1; a body that
// names a comprehension or composite only to evaluate it; and collections with
// variables in them, see loose.go.
func Check(modules map[string]*ast.Module) *Unsupported {
	var found *Unsupported
	report := func(what string, loc *ast.Location) {
		u := &Unsupported{What: what}
		if loc != nil {
			u.File, u.Row, u.Col = loc.File, loc.Row, loc.Col
		}
		if found == nil || u.File < found.File || u.File == found.File && u.Row < found.Row {
			found = u
		}
	}
	if at := loose(modules); at != nil {
		report("a collection written with variables, whose elements OPA's evaluator may give twice", at)
	}
	for _, m := range modules {
		ast.WalkRules(m, func(r *ast.Rule) bool {
			for _, t := range r.Head.Ref() {
				switch t.Value.(type) {
				case ast.Var, ast.String, ast.Ref, ast.Call:
				default:
					report("the constant "+t.String()+" in a rule's name", r.Head.Loc())
				}
			}
			return false
		})
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			t, ok := e.Terms.(*ast.Term)
			if !ok {
				return false
			}
			switch t.Value.(type) {
			case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Array, ast.Object, ast.Set:
				if !ast.IsConstant(t.Value) {
					report("an expression that is a collection", e.Loc())
				}
			}
			return false
		})
	}
	return found
}
