package policies

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// prober makes inputs out of what a set's rules read of the input and what they
// compare that with. It hides how those are found in the rules.
type prober struct {
	base    map[string]any // an input in which nothing was found, with a candidate of each posture
	choices []choice
	stated  int          // choices[:stated] are of what the invariants themselves read
	near    []choice     // of what each rule itself compares with
	rules   [][][]choice // of each rule, the choices at each place that it reads
	exact   [][][]choice // of each rule, what its expressions themselves compare each place with
}

// Bounds of what is taken from one set: a table of data says little about each of
// its rows.
const (
	maxLeaves    = 12 // of one document of data
	maxConstants = 64 // for one place of the input
)

var postures = [...]string{"cloud", "gpu_cluster", "edge", "air_gapped"}

func (b *built) prober() *prober {
	p := &prober{}
	all, own := pools{}, pools{}
	for _, file := range slices.Sorted(maps.Keys(b.compiler.Modules)) {
		m := b.compiler.Modules[file]
		if joins(file) {
			continue
		}
		_, stated := invariantPackage(m)
		for _, r := range m.Rules {
			for ; r != nil; r = r.Else {
				f := b.follow(r)
				all.add(f)
				alone, near := pools{}, pools{}
				alone.add(f)
				// Of what a rule and those it uses hold, its own matters most: the others'
				// may be a long table.
				direct := &found{paths: maps.Clone(f.paths)}
				b.look(direct, r)
				near.add(direct)
				p.near = append(p.near, near.choices()...)
				p.rules = append(p.rules, alone.byPlace(), near.byPlace())
				if exact := b.exact(r); len(exact) > 0 {
					p.exact = append(p.exact, exact)
				}
				if stated {
					own.add(f)
				}
			}
		}
	}
	p.base = probeBase(all)
	p.choices = own.choices()
	p.stated = len(p.choices)
	p.choices = append(p.choices, all.choices()...)
	for _, posture := range postures {
		p.choices = append(p.choices, choice{[]string{"targets"}, map[string]any{posture: copied(p.base["targets"].(map[string]any)[posture])}})
	}
	return p
}

// joins says whether a file is of what makes a decision out of packages: through
// it, everything reads everything.
func joins(file string) bool {
	return file == generatedFile || file == embeddedPrefix+"lib/sallyport.rego" || file == embeddedPrefix+"lib/shapes.rego" ||
		file == embeddedPrefix+"lib/testing.rego"
}

// found is what a rule reads and holds, itself and through the rules it uses.
type found struct {
	paths     map[string]bool // of the input, steps joined with "/", "*" for any member
	constants []any           // strings and float64, in order of appearance
}

func (b *built) follow(r *ast.Rule) *found {
	f := &found{paths: map[string]bool{}}
	seen := map[*ast.Rule]bool{}
	var visit func(*ast.Rule)
	visit = func(r *ast.Rule) {
		if seen[r] || joins(r.Loc().File) {
			return
		}
		seen[r] = true
		b.look(f, r)
		var next []*ast.Rule
		for node := range b.compiler.Graph.Dependencies(r) {
			if n, ok := node.(*ast.Rule); ok {
				next = append(next, n)
			}
		}
		slices.SortFunc(next, func(x, y *ast.Rule) int { return x.Loc().Compare(y.Loc()) })
		for _, n := range next {
			visit(n)
		}
	}
	visit(r)
	return f
}

// exact are the constants of each place that a rule compares with it in one
// expression: what several conditions of the rule hold for, or nearly.
func (b *built) exact(r *ast.Rule) (places [][]choice) {
	// The compiler gives what a call reads a name of its own.
	named := map[ast.Var]string{}
	for _, e := range r.Body {
		if e.IsEquality() && len(e.Operands()) == 2 {
			x, y := e.Operand(0).Value, e.Operand(1).Value
			if _, ok := x.(ast.Var); !ok {
				x, y = y, x
			}
			name, isName := x.(ast.Var)
			if ref, ok := y.(ast.Ref); ok && isName && factPath(ref) != "" {
				named[name] = factPath(ref)
			}
		}
	}
	compared := pools{}
	for _, e := range r.Body {
		f := &found{paths: map[string]bool{}}
		b.walk(f, e)
		ast.WalkVars(e, func(v ast.Var) bool {
			if path := named[v]; path != "" {
				f.paths[path] = true
			}
			return false
		})
		compared.add(f)
	}
	for _, choices := range compared.byPlace() {
		choices = slices.DeleteFunc(choices, func(c choice) bool {
			switch v := c.value.(type) {
			case string:
				return !compared.holds(v)
			case []any:
				return len(v) != 1 || !compared.holds(v[0])
			case plus:
				return !compared.holds(string(v))
			}
			return c.value == nil
		})
		if len(choices) > 0 {
			places = append(places, choices)
		}
	}
	return places
}

func (p pools) holds(constant any) bool {
	for _, constants := range p {
		if slices.Contains(constants, constant) {
			return true
		}
	}
	return false
}

// look adds what one rule reads and holds.
func (b *built) look(f *found, r *ast.Rule) {
	b.walk(f, r.Body)
	if r.Head.RuleKind() == ast.SingleValue && contribution(r) == "" && r.Head.Value != nil {
		b.walk(f, r.Head.Value) // a table that others look into
	}
}

// walk adds what a part of a rule reads and holds.
func (b *built) walk(f *found, part any) {
	constant := func(v any) { f.constants = append(f.constants, v) }
	var term func(*ast.Term) bool
	term = func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.String:
			if !strings.ContainsAny(string(v), " \n") && len(v) <= 80 {
				constant(string(v))
			}
		case ast.Number:
			if n, ok := v.Float64(); ok {
				constant(n)
			}
		case ast.Ref:
			if path := factPath(v); path != "" {
				f.paths[path] = true
			} else if v.HasPrefix(ast.DefaultRootRef) {
				for _, c := range leavesOf(b.dataUnder(v)) {
					constant(c)
				}
			}
			for _, step := range v[1:] {
				if _, plain := step.Value.(ast.String); !plain {
					ast.WalkTerms(step, term) // a call or a comprehension
				}
			}
			return true
		}
		return false
	}
	ast.WalkTerms(part, term)
}

// factOf are the members by which a reference that begins with a variable is known
// to be of a target or a classifier: some t in input.targets; t.posture.
var factOf = map[string]string{
	"posture": "targets/*", "jurisdiction": "targets/*", "attributes": "targets/*", "quality": "targets/*", "cost_estimate_usd": "targets/*",
	"healthy": "targets/*", "stand_in": "targets/*", "findings": "classifiers/*", "scores": "classifiers/*", "error": "classifiers/*",
	"max_score": "classifiers/*/findings/*", "count": "classifiers/*/findings/*",
}

func factPath(ref ast.Ref) string {
	var steps []string
	if !ref.HasPrefix(ast.InputRootRef) {
		if _, local := ref[0].Value.(ast.Var); !local || len(ref) < 2 || ref.HasPrefix(ast.DefaultRootRef) {
			return ""
		}
		name, _ := ref[1].Value.(ast.String)
		if factOf[string(name)] == "" {
			return ""
		}
		steps = append(steps, factOf[string(name)])
	}
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		if !ok {
			name = "*"
		}
		steps = append(steps, strings.ReplaceAll(string(name), "/", "*"))
	}
	return strings.Join(steps, "/")
}

func (b *built) dataUnder(ref ast.Ref) any {
	var at any = b.data
	for _, step := range names(ref) {
		members, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = members[step]
	}
	return at
}

// leavesOf are scalars and member names of a document, as many as matter.
func leavesOf(doc any) (leaves []any) {
	var walk func(any)
	walk = func(doc any) {
		if len(leaves) >= maxLeaves {
			return
		}
		switch doc := doc.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(doc)) {
				if len(leaves) < maxLeaves {
					leaves = append(leaves, k)
				}
			}
			for _, k := range slices.Sorted(maps.Keys(doc)) {
				walk(doc[k])
			}
		case []any:
			for _, v := range doc {
				walk(v)
			}
		case string:
			leaves = append(leaves, doc)
		case json.Number:
			if n, err := doc.Float64(); err == nil {
				leaves = append(leaves, n)
			}
		}
	}
	walk(doc)
	return leaves
}

// pools are the constants for each place of the input.
type pools map[string][]any

func (p pools) add(f *found) {
	for path := range f.paths {
		for _, c := range f.constants {
			if len(p[path]) < maxConstants && !slices.Contains(p[path], c) {
				p[path] = append(p[path], c)
			} else if p[path] == nil {
				p[path] = []any{}
			}
		}
		if p[path] == nil {
			p[path] = []any{}
		}
	}
}

func probeBase(read pools) map[string]any {
	target := func(posture string, cost float64) map[string]any {
		return map[string]any{"target": posture, "posture": posture, "dialect": "openai", "jurisdiction": "EU", "attributes": map[string]any{}, "model": "small",
			"quality": 50.0, "cost_estimate_usd": cost, "healthy": true, "stand_in": false}
	}
	classifiers := map[string]any{}
	named := []string{"pii", "secrets", "complexity"}
	for path := range read {
		if steps := strings.Split(path, "/"); steps[0] == "classifiers" && len(steps) > 1 && steps[1] != "*" {
			named = append(named, steps[1])
		}
	}
	for _, name := range named {
		classifiers[name] = map[string]any{"findings": map[string]any{}, "scores": map[string]any{}}
	}
	return map[string]any{
		"time": "2026-11-23T16:00:00Z",
		"request": map[string]any{"dialect": "openai-chat", "operation": "chat", "model": "auto", "stream": false, "prompt_tokens": 100.0, "prompt_bytes": 400.0,
			"max_output_tokens": 0.0, "messages": 1.0, "tools": []any{}, "modalities": []any{"text"}, "metadata": map[string]any{}, "headers": map[string]any{}},
		"principal":   map[string]any{"id": "tester", "tenant": "acme", "roles": []any{}, "attributes": map[string]any{}, "authenticated": true},
		"classifiers": classifiers,
		"budget":      map[string]any{"ttft_ms": 2000.0, "tpot_ms": 0.0, "total_ms": 60000.0},
		"usage":       map[string]any{"spent_usd": map[string]any{"hour": 0.0, "day": 0.0, "month": 0.0}, "requests_per_minute": 0.0},
		"targets": map[string]any{"cloud": target("cloud", 0.004), "gpu_cluster": target("gpu_cluster", 0.001), "edge": target("edge", 0),
			"air_gapped": target("air_gapped", 0.002)},
	}
}
