package policies

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/engine"
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

// choice is a value for a place of an input. A step "*" of the path is any member
// that is there.
type choice struct {
	path  []string
	value any // nil: no such member
}

// plus is the value of a choice that adds to a list.
type plus string

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

var findingKind = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,}$`)

// choices are the values worth trying, in a fixed order.
func (p pools) choices() []choice { return slices.Concat(p.byPlace()...) }

func (p pools) byPlace() (all [][]choice) {
	for _, joined := range slices.Sorted(maps.Keys(p)) {
		if choices := choicesAt(strings.Split(joined, "/"), p[joined]); len(choices) > 0 {
			all = append(all, choices)
		}
	}
	return all
}

func choicesAt(path []string, constants []any) (all []choice) {
	add := func(path []string, v any) { all = append(all, choice{path, v}) }
	if path[0] == "targets" && len(path) > 1 {
		path = append([]string{"targets", "*"}, path[2:]...) // a target's name is its user's
	}
	if path[0] == "classifiers" && len(path) > 2 && path[2] == "findings" {
		for _, kind := range kindsOf(constants) {
			if len(path) > 3 && path[3] != "*" {
				kind = path[3]
			}
			for _, score := range scoresOf(constants) {
				add([]string{"classifiers", path[1], "findings", kind}, map[string]any{"count": 1.0, "max_score": score})
			}
			if len(path) > 3 && path[3] != "*" {
				break
			}
		}
		return all
	}
	t, path := typeAt(reflect.TypeFor[engine.Input](), path)
	switch {
	case t == nil:
	case joinedIs(path, "time"):
		for _, v := range instants(constants) {
			add(path, v)
		}
	case t == reflect.TypeFor[engine.ClassifierFacts]():
		add(path, nil)
		add(path, map[string]any{"error": "trap"})
	case t.Kind() == reflect.Bool:
		add(path, true)
		add(path, false)
	case t.Kind() == reflect.String:
		for _, s := range stringsOf(constants) {
			if path[len(path)-1] == "posture" && !slices.Contains(postures[:], s) {
				continue
			}
			if path[len(path)-1] == "error" {
				continue // it is there or not, and that is its classifier's
			}
			add(path, s)
		}
		switch {
		case path[len(path)-1] == "error":
			add(path, "trap")
		case path[len(path)-1] != "posture":
			add(path, "")
			add(path, nil)
		}
	case t.Kind() == reflect.Slice:
		add(path, []any{})
		for _, s := range stringsOf(constants) {
			add(path, []any{s})
			add(path, plus(s))
		}
		if joinedIs(path, "request", "modalities") {
			add(path, []any{"text", "image"})
		}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		add(path, map[string]any{})
		for _, s := range stringsOf(constants) {
			add(append(slices.Clone(path), s), "x")
		}
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		for _, n := range numbersOf(constants, 1) {
			if n == float64(int64(n)) {
				add(path, n)
			}
		}
	case t.Kind() == reflect.Float64:
		for _, n := range numbersOf(constants, 0.01) {
			add(path, n)
		}
	}
	return all
}

func joinedIs(path []string, steps ...string) bool { return slices.Equal(path, steps) }

// typeAt is the type of an input's member and its path, which ends at a list; nil:
// there is none.
func typeAt(t reflect.Type, path []string) (reflect.Type, []string) {
	for i, step := range path {
		switch t.Kind() {
		case reflect.Struct:
			var next reflect.Type
			for f := range t.NumField() {
				if name, _, _ := strings.Cut(t.Field(f).Tag.Get("json"), ","); name == step {
					next = t.Field(f).Type
				}
			}
			if next == nil {
				return nil, nil
			}
			t = next
		case reflect.Map:
			t = t.Elem()
		case reflect.Slice:
			return t, path[:i] // some role in input.principal.roles
		default:
			return nil, nil
		}
	}
	return t, path
}

// stringsOf are the strings among constants, and each in the other case: policies
// and directories disagree about it.
func stringsOf(constants []any) (all []string) {
	for _, c := range constants {
		s, ok := c.(string)
		if !ok {
			continue
		}
		all = append(all, s)
		other := strings.ToUpper(s)
		if other == s {
			other = strings.ToLower(s)
		}
		if other != s && !slices.Contains(constants, any(other)) {
			all = append(all, other)
		}
	}
	return all
}

func kindsOf(constants []any) (kinds []string) {
	for _, c := range constants {
		s, ok := c.(string)
		if !ok {
			continue
		}
		if findingKind.MatchString(s) {
			kinds = append(kinds, s)
		}
		if strings.HasSuffix(s, "_") && findingKind.MatchString(s+"X") { // startswith(kind, "SECRET_")
			kinds = append(kinds, s+"KEY")
		}
	}
	if len(kinds) == 0 {
		return []string{"EMAIL_ADDRESS"}
	}
	return kinds
}

// scoresOf are the thresholds among the constants, just below them, and certainty.
func scoresOf(constants []any) []float64 {
	scores := []float64{1}
	for _, c := range constants {
		if n, ok := c.(float64); ok && n > 0 && n < 1 {
			for _, s := range []float64{n, round(n - 0.01)} {
				if !slices.Contains(scores, s) {
					scores = append(scores, s)
				}
			}
		}
	}
	return scores
}

// numbersOf are nothing, one, and the constants with what is right beside them.
// What a policy reads as text may be compared as a number.
func numbersOf(constants []any, step float64) []float64 {
	numbers := []float64{0, 1}
	for _, c := range constants {
		n, ok := c.(float64)
		if !ok {
			continue
		}
		for _, v := range []float64{n, round(n - step), round(n + step)} {
			if v >= 0 && v < 1e15 && !slices.Contains(numbers, v) {
				numbers = append(numbers, v)
			}
		}
	}
	return numbers
}

// round takes off what binary fractions add to a sum of two short decimals.
func round(f float64) float64 {
	n, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 12, 64), 64)
	if err != nil {
		return f
	}
	return n
}

var calendarDay = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// instants are times on both sides of what calendars are about: a Monday around
// the clock, a weekend, the turn of a year, and the days that are named.
func instants(constants []any) []string {
	all := []string{"2026-11-23T16:00:00Z", "2026-11-23T03:00:00Z", "2026-11-23T08:00:00Z", "2026-11-23T12:00:00Z", "2026-11-23T20:00:00Z",
		"2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"}
	for _, s := range stringsOf(constants) {
		if calendarDay.MatchString(s) {
			all = append(all, s+"T12:00:00Z")
		}
	}
	return all
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

// set makes a choice in a part of a document.
func (c choice) set(r *rand.Rand, at map[string]any, path []string) {
	step := path[0]
	if step == "*" {
		keys := slices.Sorted(maps.Keys(at))
		switch {
		case len(keys) == 0:
			return
		case r.IntN(2) == 0 && len(path) > 1: // one of them
			keys = keys[r.IntN(len(keys)):][:1]
		case len(path) == 1:
			keys = keys[r.IntN(len(keys)):][:1]
		}
		for _, k := range keys {
			c.set(r, at, append([]string{k}, path[1:]...))
		}
		return
	}
	if len(path) == 1 {
		switch v := c.value.(type) {
		case nil:
			delete(at, step)
		case plus:
			list, _ := at[step].([]any)
			at[step] = append(slices.Clone(list), string(v))
		default:
			at[step] = copied(v)
		}
		return
	}
	next, ok := at[step].(map[string]any)
	if !ok {
		if at[step] != nil {
			return // a list
		}
		next = map[string]any{}
		at[step] = next
	}
	c.set(r, next, path[1:])
}

func copied(doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		out := make(map[string]any, len(doc))
		for k, v := range doc {
			out[k] = copied(v)
		}
		return out
	case []any:
		out := make([]any, len(doc))
		for i, v := range doc {
			out[i] = copied(v)
		}
		return out
	}
	return doc
}
