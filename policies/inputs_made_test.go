package policies

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// learn collects the rules, and what inputs are made of.
func (s *subject) learn(modules, tests map[string]*ast.Module, data any, own func(file string) bool) {
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		for _, rule := range modules[file].Rules {
			for ; rule != nil; rule = rule.Else {
				alone := *rule
				alone.Else = nil // a rule of its own
				h := hint{at: place(rule.Location)}
				h.own = constantsOf(&alone)
				h.read(rule.Module, &alone, data, map[string]bool{})
				s.hints = append(s.hints, h)
				s.other = append(s.other, h.constants...)
				if own(file) && !rule.Default && dependsOnInput(modules, rule) {
					s.rules = append(s.rules, &ruleReach{at: h.at})
				}
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(tests)) {
		s.other = append(s.other, constantsOf(tests[file])...)
	}
	s.other = append(s.other, leaves(data)...)
	// Few of many names matter that differ in their digits only.
	slices.SortFunc(s.other, util.Compare)
	alike := map[string]int{}
	s.other = slices.DeleteFunc(slices.CompactFunc(s.other, func(a, b any) bool { return util.Compare(a, b) == 0 }), func(c any) bool {
		text, ok := c.(string)
		kind := strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return '0'
			}
			return r
		}, text)
		alike[kind]++
		return ok && alike[kind] > 3
	})
}

// read collects what a rule reads of input and of data, itself and through other
// rules of its package, and what constants it and they hold.
func (h *hint) read(m *ast.Module, rule *ast.Rule, data any, seen map[string]bool) {
	const enough = 40 // a table of data says little about each of its rows
	h.constants = append(h.constants, constantsOf(rule)...)
	through := func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, other := range m.Rules {
			if other.Head.Ref()[0].String() == name {
				h.read(m, other, data, seen)
			}
		}
	}
	ast.WalkRefs(rule, func(ref ast.Ref) bool {
		switch {
		case ref.HasPrefix(ast.InputRootRef):
			h.paths = append(h.paths, constantPath(ref[1:]))
		case ref.HasPrefix(ast.DefaultRootRef):
			var at any = data
			for _, step := range constantPath(ref[1:]) {
				members, _ := at.(map[string]any)
				at = members[step]
			}
			if all := leaves(at); len(all) <= enough {
				h.constants = append(h.constants, all...)
			}
		default:
			through(ref[0].String())
		}
		return false
	})
	ast.WalkVars(rule, func(v ast.Var) bool {
		through(string(v))
		return false
	})
}

func constantPath(ref ast.Ref) []string {
	var path []string
	for _, step := range ref {
		name, ok := step.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(name))
	}
	return path
}

func constantsOf(x any) []any {
	var all []any
	ast.WalkTerms(x, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.String:
			all = append(all, string(v))
		case ast.Number:
			all = append(all, json.Number(v))
		}
		return false
	})
	return all
}

// leaves are the scalars of a document, and its member names.
func leaves(doc any) []any {
	switch doc := doc.(type) {
	case map[string]any:
		var all []any
		for _, k := range slices.Sorted(maps.Keys(doc)) {
			all = append(append(all, k), leaves(doc[k])...)
		}
		return all
	case []any:
		var all []any
		for _, v := range doc {
			all = append(all, leaves(v)...)
		}
		return all
	case string, json.Number:
		return []any{doc}
	}
	return nil
}

// dependsOnInput says whether a rule reads input, or a rule that may. A rule that
// does not is a constant, and holds always or never.
func dependsOnInput(modules map[string]*ast.Module, rule *ast.Rule) bool {
	reads := len(rule.Head.Args) > 0
	ast.WalkRefs(rule, func(ref ast.Ref) bool {
		reads = reads || ref.HasPrefix(ast.InputRootRef)
		return reads
	})
	if reads {
		return true
	}
	// A name of a rule of the same package, or a reference to another package: the
	// compiler has not yet told them apart here, so names decide.
	ast.WalkTerms(rule.Body, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.Var:
			reads = reads || isRule(rule.Module, string(v))
		case ast.Ref:
			reads = reads || v.HasPrefix(ast.MustParseRef("data.sallyport")) || isRule(rule.Module, v[0].String())
		}
		return reads
	})
	return reads
}

func isRule(m *ast.Module, name string) bool {
	return slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return r.Head.Ref()[0].String() == name && !r.Default })
}

// mutate changes a copy of in at one to three places, mostly where a rule that is
// not yet reached reads, and mostly to what it compares with.
func (s *subject) mutate(r *rand.Rand, reached *reach, in map[string]any) map[string]any {
	out := clone(in).(map[string]any)
	open := reached.open()
	for range 1 + r.IntN(2)*r.IntN(3) {
		h := s.hints[r.IntN(len(s.hints))]
		if len(open) > 0 && r.IntN(2) == 0 {
			wanted := open[r.IntN(len(open))].at
			h = s.hints[slices.IndexFunc(s.hints, func(h hint) bool { return h.at == wanted })]
		}
		from := h
		for len(from.paths) == 0 { // it reads through another package's rules
			from = s.hints[r.IntN(len(s.hints))]
		}
		path := from.paths[r.IntN(len(from.paths))]
		constants := h.constants
		if len(h.own) > 0 && r.IntN(2) == 0 {
			constants = h.own
		}
		changed := s.change(r, out, path, constants)
		if doc, ok := changed.(map[string]any); ok {
			out = doc
		}
	}
	return out
}

// change gives doc with something else at path or below it.
func (s *subject) change(r *rand.Rand, doc any, path []string, constants []any) any {
	switch v := doc.(type) {
	case map[string]any:
		if len(path) > 0 {
			if s.typed || r.IntN(12) > 0 {
				if next, ok := v[path[0]]; ok {
					v[path[0]] = s.change(r, next, path[1:], constants)
				} else {
					v[path[0]] = s.value(r, nil, constants)
				}
				return v
			}
			delete(v, path[0])
			return v
		}
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 || r.IntN(4) == 0 {
			return s.resize(r, v, names, constants)
		}
		name := names[r.IntN(len(names))]
		v[name] = s.change(r, v[name], nil, constants)
		return v
	case []any:
		switch {
		case len(v) > 0 && r.IntN(2) == 0:
			i := r.IntN(len(v))
			v[i] = s.change(r, v[i], nil, constants)
		case len(v) > 0 && r.IntN(3) == 0:
			v = slices.Delete(v, 0, 1)
		case len(v) > 0 && r.IntN(3) == 0:
			v = append(v, clone(v[r.IntN(len(v))])) // twice
		default:
			var like any = ""
			if len(v) > 0 {
				like = clone(v[0])
				if _, nested := like.(map[string]any); nested {
					return append(v, s.change(r, like, nil, constants))
				}
			}
			v = append(v, s.value(r, like, constants))
		}
		return v
	}
	return s.value(r, doc, constants)
}

// resize adds a member or takes one away.
func (s *subject) resize(r *rand.Rand, v map[string]any, names []string, constants []any) any {
	if len(names) > 0 && r.IntN(3) == 0 {
		delete(v, names[r.IntN(len(names))])
		return v
	}
	name, _ := s.constant(r, constants, "").(string)
	if len(names) > 0 {
		v[name] = s.change(r, clone(v[names[r.IntN(len(names))]]), nil, constants)
		return v
	}
	v[name] = s.value(r, nil, constants)
	return v
}

// value is one to stand where old was: of another type now and then.
func (s *subject) value(r *rand.Rand, old any, constants []any) any {
	if !s.typed && r.IntN(8) == 0 {
		return []any{nil, false, "", json.Number("0"), []any{}, map[string]any{}, "10", json.Number("1e400")}[r.IntN(8)]
	}
	switch old := old.(type) {
	case bool:
		return !old
	case json.Number:
		return s.number(r, old, constants)
	case string:
		if i := strings.IndexAny(old, "0123456789"); i >= 0 && r.IntN(2) == 0 {
			for i < len(old)-1 && r.IntN(2) == 0 { // any of the digits
				if next := strings.IndexAny(old[i+1:], "0123456789"); next >= 0 {
					i += next + 1
				} else {
					break
				}
			}
			return old[:i] + string(rune('0'+r.IntN(10))) + old[i+1:]
		}
		return s.constant(r, constants, "")
	}
	if s.typed && r.IntN(2) == 0 {
		return s.constant(r, constants, "")
	}
	switch r.IntN(8) {
	case 0:
		return []any{s.constant(r, constants, "")}
	case 1: // as a classifier's findings of one kind are
		return map[string]any{"count": json.Number("1"), "max_score": s.number(r, "1", constants)}
	case 2:
		kind, _ := s.constant(r, constants, "").(string)
		return map[string]any{"findings": map[string]any{kind: map[string]any{"count": json.Number("1"), "max_score": json.Number("1")}}}
	case 3:
		return map[string]any{"error": "trap"}
	case 4:
		return s.number(r, "1", constants)
	case 5:
		return r.IntN(2) == 0
	}
	return s.constant(r, constants, "")
}

// number is a constant, or the value that was there, or right beside either.
func (s *subject) number(r *rand.Rand, old json.Number, constants []any) json.Number {
	near, _ := s.constant(r, constants, json.Number("0")).(json.Number)
	if r.IntN(4) == 0 {
		near = old
	}
	f, err := near.Float64()
	if err != nil {
		return near
	}
	f += []float64{0, 0, 1, -1, 1e-9, -1e-9, 0.01, -0.01}[r.IntN(8)]
	if r.IntN(8) == 0 {
		f *= []float64{10, -1, 1e6}[r.IntN(3)]
	}
	text, _ := json.Marshal(f)
	return json.Number(text)
}

// constant is of the type of like: of the rule, or of any rule, test or data.
func (s *subject) constant(r *rand.Rand, constants []any, like any) any {
	for range 20 {
		from := constants
		if len(from) == 0 || r.IntN(4) == 0 {
			from = s.other
		}
		if c := from[r.IntN(len(from))]; fmt.Sprintf("%T", c) == fmt.Sprintf("%T", like) {
			return c
		}
	}
	return like
}

func clone(doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		out := make(map[string]any, len(doc))
		for k, v := range doc {
			out[k] = clone(v)
		}
		return out
	case []any:
		out := make([]any, len(doc))
		for i, v := range doc {
			out[i] = clone(v)
		}
		return out
	}
	return doc
}
