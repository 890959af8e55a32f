package policies

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// readSet is what the decision reads of the input, as its rules are written: inputs
// that agree in all of it have the same decision.
//
// It is found by walking all rules that data.sallyport.decision can come to, and
// cut at the first step that is only known when it is evaluated. It is for authors:
// what they wrote that reads the whole input, and where, also in sets that are not
// compiled. What decisions are remembered by has to be exact and is therefore found
// in the plan that is evaluated (vm.Program.Reads), which no longer shows that.
type readSet struct {
	paths []readPath // none within another, sorted
	whole []wholeRead
}

// readPath is a part of the input and a place where it is read.
type readPath struct {
	path inputPath
	loc  *ast.Location
}

// wholeRead is a place where the whole input is read, after which it is not known
// what the decision depends on.
type wholeRead struct {
	rule *ast.Rule
	loc  *ast.Location
	how  string // as the author wrote it: input[…]
}

func (b *built) readSet() readSet {
	found := map[inputPath]*ast.Location{}
	var set readSet
	for _, rule := range b.reachable(ast.MustParseRef(decisionPath)) {
		note := func(ref ast.Ref, loc *ast.Location) {
			if loc == nil || loc.File == "" {
				loc = rule.Loc()
			}
			var path inputPath
			for _, t := range ref[1:] {
				s, ok := t.Value.(ast.String)
				if !ok {
					break
				}
				path = path.then(string(s))
			}
			if path == "" {
				how := "input"
				if len(ref) > 1 {
					how = "input[…]"
				}
				set.whole = append(set.whole, wholeRead{rule, loc, how})
				return
			}
			if at := found[path]; at == nil || loc.Compare(at) < 0 {
				found[path] = loc
			}
		}
		var visit func(any) bool
		visit = func(x any) bool {
			switch x := x.(type) {
			case *ast.With:
				if ref, ok := x.Target.Value.(ast.Ref); ok && ref.HasPrefix(ast.InputRootRef) {
					set.whole = append(set.whole, wholeRead{rule, x.Loc(), "with " + ref.String()})
					ast.NewGenericVisitor(visit).Walk(x.Value)
					return true
				}
			case ast.Ref:
				if !x.HasPrefix(ast.InputRootRef) {
					return false
				}
				note(x, x[0].Loc())
				for _, t := range x[1:] {
					ast.NewGenericVisitor(visit).Walk(t)
				}
				return true
			case ast.Var:
				if x.Equal(ast.InputRootDocument.Value) {
					note(ast.InputRootRef, nil)
				}
			}
			return false
		}
		ast.NewGenericVisitor(visit).Walk(rule)
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if n := len(set.paths); n == 0 || !path.within(set.paths[n-1].path) {
			set.paths = append(set.paths, readPath{path, found[path]})
		}
	}
	slices.SortFunc(set.whole, func(a, b wholeRead) int { return a.loc.Compare(b.loc) })
	set.whole = slices.CompactFunc(set.whole, func(a, b wholeRead) bool { return a.loc.Equal(b.loc) })
	return set
}

// reachable are the rules that evaluating a reference can come to, and no others of
// their kind: else branches belong to their rule.
func (b *built) reachable(from ast.Ref) []*ast.Rule {
	var rules []*ast.Rule
	seen := map[*ast.Rule]bool{}
	visit := func(ref ast.Ref) {
		for _, r := range b.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{}) {
			if !seen[r] {
				seen[r] = true
				rules = append(rules, r)
			}
		}
	}
	visit(from)
	for i := 0; i < len(rules); i++ {
		ast.WalkRefs(rules[i], func(ref ast.Ref) bool {
			if ref.HasPrefix(ast.DefaultRootRef) {
				visit(ref)
			}
			return false
		})
	}
	return rules
}
