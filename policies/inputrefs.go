package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// flows of the set, with the schema of a decision's input.
func (b *built) flows() *flows {
	read := b.readByDecisions()
	return newFlows(b.compiler, parseInputType(), func(m *ast.Module) bool { return !read[m.Package.Path.String()] })
}

// checkInputRefs finds references to members that the input never has, and
// comparisons with values that a member never has. Rego calls the first undefined
// and the second false: the rule would never fire, or never keep from firing.
func (b *built) checkInputRefs() Diagnostics {
	return append(b.checkFlows(b.flows()), b.checkMocks()...)
}

// checkMocks finds members of the input that tests give and decisions never have: such
// a test shows nothing.
func (b *built) checkMocks() Diagnostics {
	var ds Diagnostics
	whole := parseInputType()
	for _, m := range b.tests {
		if path := packagePath(m); len(path) < 2 || path[0] != "sallyport" {
			continue // of a document with an input of its own
		}
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			for _, w := range e.With {
				ref, ok := w.Target.Value.(ast.Ref)
				if !ok || !ref.HasPrefix(ast.InputRootRef) {
					continue
				}
				node, path := whole, inputPath("")
				for _, t := range ref[1:] {
					name := textOf(t)
					next, ok := node.member(name)
					if !ok {
						ds = append(ds, at(w.Target.Loc(), "undefined ref: "+path.then(name).String(), didYouMean(path.String()+".", name, node.names())))
						break
					}
					node, path = next, path.then(name)
				}
			}
			return false
		})
	}
	return ds
}

func (b *built) checkFlows(f *flows) Diagnostics {
	var ds Diagnostics
	for _, r := range f.rules {
		if r.free || r.rule.Loc() == nil || strings.HasPrefix(r.rule.Loc().File, embeddedPrefix) {
			continue
		}
		written := func(v ast.Var) string {
			for range 2 { // a wildcard has been given a name first
				if to, ok := b.compiler.RewrittenVars[v]; ok {
					v = to
				}
			}
			if strings.HasPrefix(string(v), "__local") || v.IsWildcard() || v.IsGenerated() {
				return ""
			}
			return string(v)
		}
		walk(r.rule, func(x any) {
			switch x := x.(type) {
			case ast.Ref:
				if d, ok := r.undefined(x, written); ok {
					ds = append(ds, d)
				}
			case *ast.Expr:
				if terms, ok := x.Terms.([]*ast.Term); ok {
					ds = append(ds, r.never(x, terms[0].Value.String(), terms[1:])...)
					ds = append(ds, r.undefinedGet(x, terms[0].Value.String(), terms[1:])...)
				}
			}
		})
	}
	return ds
}

// walk visits what stands in one rule, but for its else, which is another.
func walk(r *ast.Rule, visit func(any)) {
	v := ast.NewGenericVisitor(func(x any) bool {
		visit(x)
		return false
	})
	v.Walk(r.Head)
	v.Walk(r.Body)
}

// undefined says what is wrong with a reference, if anything.
func (r *ruleFlow) undefined(ref ast.Ref, written func(ast.Var) string) (Diagnostic, bool) {
	head, ok := ref[0].Value.(ast.Var)
	if !ok {
		return Diagnostic{}, false
	}
	from, next := r.begin(ref)
	start := next
	for ; next < len(ref); next++ {
		t := ref[next]
		name, ok := t.Value.(ast.String)
		if !ok {
			from = from.step(anyMember)
			continue
		}
		types := r.of.lacking(from, string(name))
		if types == nil {
			from = from.step(string(name))
			continue
		}
		var as strings.Builder // the reference up to here, as it is written
		as.WriteString(written(head))
		if as.Len() == 0 || start > 1 {
			as.Reset()
			as.WriteString(from.paths(exactly)[0].String())
		} else {
			for _, t := range ref[1:next] {
				if s, ok := t.Value.(ast.String); ok {
					as.WriteString(member(string(s)))
				} else {
					as.WriteString("[_]")
				}
			}
		}
		hint := as.String() + " is " + types[0].Type
		if types[0].Type == "object" {
			hint = didYouMean(as.String()+".", string(name), types[0].names())
		}
		loc := ref[0].Loc()
		if loc == nil || loc.File == "" {
			loc = r.rule.Loc()
		}
		return at(loc, "undefined ref: "+as.String()+member(string(name)), hint), true
	}
	return Diagnostic{}, false
}

// lacking are the types of where a value is from, if none of them has the member;
// nil: it may be there.
func (f *flows) lacking(from flow, name string) []*inputType {
	var types []*inputType
	if from.other {
		return nil
	}
	for _, path := range from.paths(exactly, keyOf, madeOf) {
		if !from.from[inflow{path, exactly}] {
			return nil
		}
		t := f.input.at(path)
		if _, ok := t.member(name); ok {
			return nil
		}
		types = append(types, t)
	}
	return types
}

// undefinedGet is undefined for object.get.
func (r *ruleFlow) undefinedGet(e *ast.Expr, name string, args []*ast.Term) Diagnostics {
	if name != ast.ObjectGet.Name || len(args) < 3 {
		return nil
	}
	steps, ok := constantSteps(args[1])
	if !ok {
		return nil
	}
	from := r.flow(args[0])
	for _, step := range steps {
		if types := r.of.lacking(from, step); types != nil {
			path := from.paths(exactly)[0]
			return Diagnostics{at(e.Loc(), "undefined ref: "+path.then(step).String(), didYouMean(path.String()+".", step, types[0].names()))}
		}
		from = flow{from: maps.Clone(from.from), other: from.other}.step(step)
	}
	return nil
}

// never finds comparisons of a member with a value that the schema does not list.
func (r *ruleFlow) never(e *ast.Expr, name string, args []*ast.Term) Diagnostics {
	var ds Diagnostics
	check := func(member, constant *ast.Term) {
		value, ok := constant.Value.(ast.String)
		from := r.flow(member)
		paths := from.paths(exactly)
		if !ok || from.other || len(paths) == 0 || len(paths) != len(from.from) {
			return
		}
		for _, p := range paths {
			if t := r.of.input.at(p); t == nil || len(t.Enum) == 0 || slices.Contains(t.Enum, string(value)) {
				return
			}
		}
		known := r.of.input.at(paths[0]).Enum
		hint := "it is one of " + strings.Join(known, ", ")
		if near := nearest(string(value), known); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", near, hint)
		}
		ds = append(ds, at(e.Loc(), fmt.Sprintf("%v is never %q", paths[0], string(value)), hint))
	}
	switch {
	case (name == "eq" || name == "equal" || name == "neq") && len(args) == 2:
		check(args[0], args[1])
		check(args[1], args[0])
	case name == ast.Member.Name && len(args) == 2:
		members(args[1], func(t *ast.Term) { check(args[0], t) })
	}
	return ds
}

// members visits those of a constant set or array, and the values of an object.
func members(t *ast.Term, visit func(*ast.Term)) {
	switch v := t.Value.(type) {
	case ast.Set:
		v.Foreach(visit)
	case *ast.Array:
		v.Foreach(visit)
	case ast.Object:
		v.Foreach(func(_, value *ast.Term) { visit(value) })
	}
}

// member is a step of a reference.
func member(name string) string {
	return strings.TrimPrefix(inputPath("").then(name).String(), "input")
}
