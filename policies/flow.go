package policies

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// flows say where in the input the values of a compiled set's variables and rules
// come from. They are computed without order, as Rego evaluates, until nothing
// changes any more, and without regard to which call of a function is meant: they
// may name a place too many, never one too few.
type flows struct {
	input  *inputType
	rules  []*ruleFlow
	gives  map[string]*given  // by path of the rule up to its first variable
	params map[string][]*flow // of functions, by path
}

// ruleFlow is one rule, or one else of it, and its variables.
type ruleFlow struct {
	rule *ast.Rule
	path string
	free bool // its input is not the one of a decision
	vars map[ast.Var]*flow
	of   *flows
	grew bool
}

// given is what a rule gives: complete values, or those of a set or object, which
// lie some steps below it.
type given struct {
	value, keys flow
	steps       int
}

// flow is where a value can come from.
type flow struct {
	from  map[inflow]bool
	other bool // it can come from elsewhere, too
}

// inflow is a place in the input and what of it a value is.
type inflow struct {
	path inputPath
	as   inflowKind
}

type inflowKind uint8

const (
	exactly inflowKind = iota // the value at the path
	keyOf                     // the name of a member of the object there
	madeOf                    // something computed or put together of it
)

// newFlows is of all rules of a compiled set. free says which packages have an input
// of another kind than decisions.
func newFlows(compiler *ast.Compiler, input *inputType, free func(*ast.Module) bool) *flows {
	f := &flows{input: input, gives: map[string]*given{}, params: map[string][]*flow{}}
	for _, file := range slices.Sorted(maps.Keys(compiler.Modules)) {
		for _, r := range compiler.Modules[file].Rules {
			path := r.Ref().GroundPrefix().String()
			steps := len(r.Ref()) - len(r.Ref().GroundPrefix())
			if r.Head.RuleKind() == ast.MultiValue {
				steps++
			}
			g := f.gives[path]
			if g == nil {
				g = &given{steps: steps}
				f.gives[path] = g
			}
			g.value.other = g.value.other || g.steps != steps
			for len(f.params[path]) < len(r.Head.Args) {
				f.params[path] = append(f.params[path], &flow{})
			}
			for ; r != nil; r = r.Else {
				f.rules = append(f.rules, &ruleFlow{rule: r, path: path, free: free(compiler.Modules[file]), vars: map[ast.Var]*flow{}, of: f})
			}
		}
	}
	for _, r := range f.rules {
		f.mixed(r.rule)
	}
	// Values go from a rule to those that read it, arguments the other way: in the
	// order of dependence and back, few rounds do however long the chains are.
	order := map[*ast.Rule]int{}
	if sorted, ok := compiler.Graph.Sort(); ok {
		for i, r := range sorted {
			if r, ok := r.(*ast.Rule); ok {
				order[r] = i
			}
		}
	}
	work := slices.Clone(f.rules)
	slices.SortStableFunc(work, func(a, b *ruleFlow) int { return order[a.rule] - order[b.rule] })
	for grew := true; grew; slices.Reverse(work) {
		grew = false
		for _, r := range work {
			r.grew = false
			r.evaluate()
			grew = grew || r.grew
		}
	}
	return f
}

// mixed marks what a rule's value is only a part of, and what it replaces for other
// rules: those can be more than what is followed here.
func (f *flows) mixed(r *ast.Rule) {
	ref := r.Ref().GroundPrefix()
	for i := 2; i < len(ref); i++ {
		if g := f.gives[ref[:i].String()]; g != nil {
			g.value.other = true
		}
	}
	ast.WalkExprs(r, func(e *ast.Expr) bool {
		for _, w := range e.With {
			if g := f.gives[w.Target.Value.String()]; g != nil {
				g.value.other = true
			}
		}
		return false
	})
}

// add puts more into s and says whether it was new.
func (s *flow) add(more flow) bool {
	grew := more.other && !s.other
	s.other = s.other || more.other
	for src := range more.from {
		if !s.from[src] {
			if s.from == nil {
				s.from = map[inflow]bool{}
			}
			s.from[src], grew = true, true
		}
	}
	return grew
}

// made is what is computed of s.
func (s flow) made() flow {
	out := flow{other: true}
	for src := range s.from {
		out.add(flow{from: map[inflow]bool{{src.path, madeOf}: true}})
	}
	return out
}

// step is a member of s.
func (s flow) step(name string) flow {
	out := flow{other: s.other}
	for src := range s.from {
		if src.as == exactly && src.path.depth() < deepest {
			src.path = src.path.then(name)
		} else {
			src.as = madeOf
		}
		out.add(flow{from: map[inflow]bool{src: true}})
	}
	return out
}

// deepest bounds the steps that are followed: a function of its own result would
// lead ever deeper.
const deepest = 12

// names are the names of the members of s.
func (r *ruleFlow) names(s flow) flow {
	out := flow{other: s.other}
	for src := range s.from {
		if src.as == exactly {
			if t := r.of.input.at(src.path); t != nil && t.Type == "array" {
				out.other = true
				continue
			}
			src.as = keyOf
		}
		out.add(flow{from: map[inflow]bool{src: true}})
	}
	return out
}

var elsewhere = flow{other: true}

func (r *ruleFlow) bind(t *ast.Term, to flow) {
	switch v := t.Value.(type) {
	case ast.Var:
		if r.vars[v] == nil {
			r.vars[v] = &flow{}
		}
		r.grew = r.vars[v].add(to) || r.grew
	case *ast.Array, ast.Object:
		ast.WalkVars(v, func(inner ast.Var) bool {
			r.bind(ast.NewTerm(inner), to.made())
			return false
		})
	}
}

func (r *ruleFlow) evaluate() {
	if params := r.of.params[r.path]; params != nil {
		for i, arg := range r.rule.Head.Args {
			r.bind(arg, *params[i])
		}
	}
	r.body(r.rule.Body)
	out := r.of.gives[r.path]
	head := r.rule.Head
	if head.RuleKind() == ast.MultiValue {
		r.grew = out.value.add(r.flow(head.Key)) || r.grew
	} else if head.Value != nil {
		r.grew = out.value.add(r.flow(head.Value)) || r.grew
	}
	for _, t := range r.rule.Ref()[len(r.rule.Ref().GroundPrefix()):] {
		r.grew = out.keys.add(r.flow(t)) || r.grew
	}
}

func (r *ruleFlow) body(body ast.Body) {
	for _, e := range body {
		switch terms := e.Terms.(type) {
		case *ast.Term:
			r.flow(terms)
		case *ast.Every:
			domain := r.flow(terms.Domain)
			if terms.Key != nil {
				r.bind(terms.Key, r.names(domain))
			}
			r.bind(terms.Value, domain.step(anyMember))
			r.body(terms.Body)
		case []*ast.Term:
			r.call(terms)
		}
		for _, w := range e.With {
			r.flow(w.Value)
		}
	}
}

// call takes in an expression that is a call; what it gives is its last argument.
func (r *ruleFlow) call(terms []*ast.Term) {
	name, args := terms[0].Value.String(), terms[1:]
	if (name == "eq" || name == "assign") && len(args) == 2 {
		r.bind(args[0], r.flow(args[1]))
		r.bind(args[1], r.flow(args[0]))
		return
	}
	arity := len(args)
	if params := r.of.params[name]; params != nil {
		arity = min(arity, len(params))
	} else if bi := ast.BuiltinMap[name]; bi != nil {
		arity = min(arity, bi.Decl.Arity())
	}
	out := r.result(name, args[:arity])
	if arity < len(args) {
		r.bind(args[arity], out)
	}
}

func (r *ruleFlow) result(name string, args []*ast.Term) flow {
	all := flow{other: true}
	for i, arg := range args {
		from := r.flow(arg)
		if params := r.of.params[name]; params != nil {
			r.grew = params[i].add(from) || r.grew
		}
		all.add(from.made())
	}
	if r.of.params[name] != nil {
		return r.of.gives[name].value
	}
	bi := ast.BuiltinMap[name]
	switch {
	case bi == nil, name == ast.Count.Name, types.Compare(bi.Decl.Result(), types.B) == 0:
		return elsewhere // whether and how many is not what
	case name == ast.ObjectGet.Name:
		if steps, ok := constantSteps(args[1]); ok {
			from := flow{}
			from.add(r.flow(args[0]))
			for _, step := range steps {
				from = from.step(step)
			}
			from.add(r.flow(args[2]).made())
			return from
		}
	}
	return all
}

// constantSteps are the names that object.get is asked for.
func constantSteps(t *ast.Term) ([]string, bool) {
	switch v := t.Value.(type) {
	case ast.String:
		return []string{string(v)}, true
	case *ast.Array:
		var steps []string
		for i := range v.Len() {
			s, ok := v.Elem(i).Value.(ast.String)
			if !ok {
				return nil, false
			}
			steps = append(steps, string(s))
		}
		return steps, true
	}
	return nil, false
}

// flow is where the value of a term comes from. It binds variables on its way.
func (r *ruleFlow) flow(t *ast.Term) flow {
	switch v := t.Value.(type) {
	case ast.Var:
		if s := r.vars[v]; s != nil {
			return *s
		}
		return flow{}
	case ast.Ref:
		return r.ref(v)
	case ast.Call:
		return r.result(v[0].Value.String(), v[1:])
	case *ast.ArrayComprehension:
		r.body(v.Body)
		return r.flow(v.Term).made()
	case *ast.SetComprehension:
		r.body(v.Body)
		return r.flow(v.Term).made()
	case *ast.ObjectComprehension:
		r.body(v.Body)
		all := r.flow(v.Key).made()
		all.add(r.flow(v.Value).made())
		return all
	case *ast.Array:
		all := elsewhere
		v.Foreach(func(t *ast.Term) { all.add(r.flow(t).made()) })
		return all
	case ast.Set:
		all := elsewhere
		v.Foreach(func(t *ast.Term) { all.add(r.flow(t).made()) })
		return all
	case ast.Object:
		all := elsewhere
		v.Foreach(func(k, t *ast.Term) {
			all.add(r.flow(k).made())
			all.add(r.flow(t).made())
		})
		return all
	}
	return elsewhere
}

func (r *ruleFlow) ref(ref ast.Ref) flow {
	from, next := r.begin(ref)
	return r.steps(from, ref[next:])
}

// begin is where the first steps of a reference lead to, and how many they are: the
// input, a variable, or what a rule gives.
func (r *ruleFlow) begin(ref ast.Ref) (flow, int) {
	head, _ := ref[0].Value.(ast.Var)
	switch {
	case head.Equal(ast.InputRootDocument.Value) && r.free:
		return elsewhere, 1
	case head.Equal(ast.InputRootDocument.Value):
		return flow{from: map[inflow]bool{{"", exactly}: true}}, 1
	case !head.Equal(ast.DefaultRootDocument.Value):
		return r.flow(ref[0]), 1
	}
	for i := len(ref.GroundPrefix()); i > 1; i-- {
		g := r.of.gives[ref[:i].String()]
		if g == nil {
			continue
		}
		below := ref[i:min(i+g.steps, len(ref))]
		for j, t := range below {
			if j == g.steps-1 && len(g.keys.from) == 0 && !g.keys.other {
				r.bind(t, g.value) // a member of a set
			} else {
				r.bind(t, g.keys)
			}
		}
		if len(below) == g.steps {
			return g.value, i + g.steps
		}
		all := g.value.made()
		all.add(g.keys.made())
		return all, len(ref)
	}
	for _, t := range ref[1:] {
		r.bind(t, elsewhere)
	}
	return elsewhere, len(ref)
}

// steps follow a reference from a value.
func (r *ruleFlow) steps(from flow, steps []*ast.Term) flow {
	for _, t := range steps {
		name := anyMember
		if s, ok := t.Value.(ast.String); ok {
			name = string(s)
		} else {
			r.bind(t, r.names(from))
		}
		from = from.step(name)
	}
	return from
}

// paths are the places in s of some kinds, sorted.
func (s flow) paths(kinds ...inflowKind) []inputPath {
	found := map[inputPath]bool{}
	for src := range s.from {
		if slices.Contains(kinds, src.as) {
			found[src.path] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
