package policies

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/sallyport-ai/sallyport/engine"
)

// variants are data under which rules hold, or do not, that no input reaches with
// the data a policy comes with: of each policy the file and what is replaced in it.
var variants = map[string]struct{ file, old, new string }{
	"standard":       {"sallyport/settings/data.yaml", "", "{threshold: 2, simple_below: 0.3, required_classifiers: [1], cloud_modalities: [text], mine: 0}"},
	"hipaa":          {"health/data.yaml", `["*"]`, "[acme]"},
	"sensitive-data": {"handling/data.yaml", "SECRET_PRIVATE_KEY: deny", "SECRET_PRIVATE_KEY: teleport"},
	"spend-budgets":  {"budgets/data.yaml", "usd: {hour: 2, day: 10, month: 100}", "usd: {month: 0}"},
}

// TestInputs evaluates the standard policy, each example and the reference policy
// both ways on inputs that are grown out of the policy's own references and
// constants, until each rule has held for one input and not held for another. An
// input that reaches something new is kept and changed further: that finds what
// lies behind several conditions, which blind changes do not.
func TestInputs(t *testing.T) {
	sequential(t)
	const seed, least, most = 5, 200, 20_000
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			reached := newReach(s.rules)
			corpus := slices.Clone(s.seeds)
			n := 0
			for n = range most {
				if n >= least && len(reached.open()) == 0 {
					break
				}
				var in map[string]any
				if n < len(s.seeds) {
					in = s.seeds[n]
				} else {
					from := corpus
					if r.IntN(3) == 0 {
						from = s.seeds
					}
					in = s.mutate(r, reached, from[r.IntN(len(from))])
				}
				before := reached.seen()
				skipped, difference := s.compare(t.Context(), in, reached)
				if skipped {
					continue
				}
				reached.count()
				if difference != "" {
					text, _ := json.Marshal(in)
					t.Fatalf("seed %d, input %d: %s\n%s", seed, n, difference, text)
				}
				if reached.seen() > before && n >= len(s.seeds) {
					corpus = append(corpus, in)
				}
			}
			t.Logf("%d inputs, %d kept; %d of %d rules both held and did not hold", n, len(corpus), len(s.rules)-len(reached.open()), len(s.rules))
			for _, rule := range reached.open() {
				t.Errorf("seed %d: %v: held for %d inputs, did not for %d", seed, rule, rule.held, rule.not)
			}
		})
	}
}

// subject is a policy with what its inputs are made of.
type subject struct {
	name  string
	sets  []*Set // with the policy's data and with the variant
	seeds []map[string]any
	rules []*ruleReach // to be reached
	hints []hint       // of each rule, own or library's
	other []any        // constants of all rules and tests, and of data
	// compare evaluates an input both ways. Inputs that no caller can give are skipped.
	compare func(ctx context.Context, in map[string]any, tracer topdown.QueryTracer) (skipped bool, difference string)
	typed   bool // an input's members have the types that engine.Input says
}

// hint is what a rule reads of the input and what it compares with.
type hint struct {
	at        string
	paths     [][]string // the constant beginnings of references to input
	own       []any      // constants of the rule itself
	constants []any
}

// ruleReach is a rule and how often it held.
type ruleReach struct {
	at        string
	held, not int
	now       bool
}

func (r *ruleReach) String() string { return r.at }

// reach follows which rules hold and which expressions are come to.
type reach struct {
	rules map[string]*ruleReach
	steps map[string]bool
}

func newReach(rules []*ruleReach) *reach {
	r := &reach{rules: map[string]*ruleReach{}, steps: map[string]bool{}}
	for _, rule := range rules {
		r.rules[rule.at] = rule
	}
	return r
}

func (r *reach) Enabled() bool               { return true }
func (r *reach) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (r *reach) TraceEvent(e topdown.Event) {
	switch e.Op {
	case topdown.ExitOp:
		if rule, ok := e.Node.(*ast.Rule); ok {
			if known := r.rules[place(rule.Location)]; known != nil {
				known.now = true
			}
		}
	case topdown.EvalOp:
		if expr, ok := e.Node.(*ast.Expr); ok && expr.Location != nil {
			r.steps[place(expr.Location)] = true
		}
	}
}

// count takes note of the rules that held in the last evaluation.
func (r *reach) count() {
	for _, rule := range r.rules {
		if rule.now {
			rule.held++
		} else {
			rule.not++
		}
		rule.now = false
	}
}

// seen grows with each new thing.
func (r *reach) seen() int {
	n := len(r.steps)
	for _, rule := range r.rules {
		n += min(rule.held, 1) + min(rule.not, 1)
	}
	return n
}

func (r *reach) open() []*ruleReach {
	var open []*ruleReach
	for _, rule := range r.rules {
		if rule.held == 0 || rule.not == 0 {
			open = append(open, rule)
		}
	}
	slices.SortFunc(open, func(a, b *ruleReach) int { return cmp.Compare(a.at, b.at) })
	return open
}

// place is the same in each copy of a policy.
func place(loc *ast.Location) string {
	return fmt.Sprintf("%s:%d:%d", filepath.Base(loc.File), loc.Row, loc.Col)
}

func subjects(t *testing.T) []*subject {
	all := []*subject{setSubject(t, "standard", Config{Timeout: patience})}
	examples, err := os.ReadDir("examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		if files, _ := filepath.Glob(filepath.Join("examples", e.Name(), "*.rego")); len(files) > 0 {
			all = append(all, setSubject(t, e.Name(), Config{Paths: []string{filepath.Join("examples", e.Name())}, Timeout: patience}))
		}
	}
	return append(all, referenceSubject(t))
}

// setSubject compares a set's decisions, with its data and with the variant of it.
func setSubject(t *testing.T, name string, cfg Config) *subject {
	t.Helper()
	var sets []*Set
	for _, c := range append([]Config{cfg}, variant(t, name, cfg)...) {
		set, err := Load(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	b, ds := build(&cfg)
	if ds.failed() {
		t.Fatal(ds)
	}
	text, err := json.Marshal(exampleInput(6))
	if err != nil {
		t.Fatal(err)
	}
	var base map[string]any
	if err := util.UnmarshalJSON(text, &base); err != nil {
		t.Fatal(err)
	}
	s := &subject{name: name, typed: true, sets: sets, seeds: append([]map[string]any{base}, testInputs(t, b)...)}
	s.learn(b.modules, b.tests, b.data, func(file string) bool {
		// An invariant is never to hold.
		return !strings.HasPrefix(file, embeddedPrefix+"lib/") && file != generatedFile && filepath.Base(file) != "invariants.rego"
	})
	n := 0
	decided := make([]map[string]*engine.Decision, len(sets)) // by the key they are remembered by
	for i := range decided {
		decided[i] = map[string]*engine.Decision{}
	}
	s.compare = func(ctx context.Context, in map[string]any, tracer topdown.QueryTracer) (bool, string) {
		text, err := json.Marshal(in)
		if err != nil {
			return false, err.Error()
		}
		var typed engine.Input
		if json.Unmarshal(text, &typed) != nil {
			return true, ""
		}
		set := sets[n%len(sets)]
		n++
		want, wantErr := set.reference(ctx, &typed)
		got, gotErr := set.Decide(ctx, &typed)
		if got != nil && got.Cached {
			fresh := *got
			fresh.Cached = false
			got = &fresh
		}
		if (wantErr == nil) != (gotErr == nil) || errorCode(wantErr) != errorCode(gotErr) {
			return false, fmt.Sprintf("reference: %v, decided: %v", wantErr, gotErr)
		}
		if key, ok := rememberedBy(set, &typed); ok && wantErr == nil {
			known := decided[(n-1)%len(sets)]
			if other := known[key]; other != nil {
				if d := gocmp.Diff(other, want); d != "" {
					return false, "two inputs with one key are decided differently (-other +this):\n" + d
				}
			}
			known[key] = want
		}
		if value, err := inputValue(&typed); err == nil { // again, to see which rules hold
			_, _ = set.eval(ctx, set.decision, value, rego.EvalQueryTracer(tracer))
		}
		return false, gocmp.Diff(want, got)
	}
	return s
}

// rememberedBy is what the decision on an input is remembered by; false: it is not.
func rememberedBy(s *Set, in *engine.Input) (string, bool) {
	if s.fast == nil || s.fast.cache == nil {
		return "", false
	}
	w := &keyWriter{}
	for _, part := range s.fast.cache.key.parts {
		part(w, in)
	}
	return string(w.buf), true
}

// variant is a copy of the set with other data, and without its tests, which need
// not hold then.
func variant(t *testing.T, name string, cfg Config) []Config {
	t.Helper()
	v, ok := variants[name]
	if !ok {
		return nil
	}
	files := map[string]string{v.file: v.new}
	for _, root := range cfg.Paths {
		err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.rego") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			files[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(files[v.file], v.old, v.new, 1)
		if changed == files[v.file] {
			t.Fatalf("%s/%s holds no %s", root, v.file, v.old)
		}
		files[v.file] = changed
	}
	return []Config{{Paths: []string{write(t, files)}, Standard: len(cfg.Paths) == 0, Timeout: patience}}
}

// testInputs are the inputs that a set's own tests evaluate it for.
func testInputs(t *testing.T, b *built) []map[string]any {
	t.Helper()
	modules := maps.Clone(b.modules)
	maps.Copy(modules, b.tests)
	store := b.store()
	txn, err := store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := &inputsSeen{inputs: map[string]map[string]any{}}
	results, err := tester.NewRunner().SetCompiler(newCompiler().WithEnablePrintStatements(true)).SetStore(store).SetModules(modules).
		SetCoverageQueryTracer(seen).SetTimeout(patience).RunTests(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	for range results {
	}
	var inputs []map[string]any
	for _, key := range slices.Sorted(maps.Keys(seen.inputs)) { // tests run side by side
		if in := seen.inputs[key]; in["request"] != nil && in["targets"] != nil {
			inputs = append(inputs, in)
		}
	}
	return inputs
}

// inputsSeen is a tracer that keeps the inputs that are objects, by their text.
type inputsSeen struct {
	mu     sync.Mutex
	last   *ast.Term
	inputs map[string]map[string]any
}

func (s *inputsSeen) Enabled() bool               { return true }
func (s *inputsSeen) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (s *inputsSeen) TraceEvent(e topdown.Event) {
	in := e.Input()
	s.mu.Lock()
	defer s.mu.Unlock()
	if in == nil || in == s.last {
		return
	}
	s.last = in
	if doc, err := ast.JSON(in.Value); err == nil {
		if members, ok := doc.(map[string]any); ok {
			s.inputs[in.String()] = members
		}
	}
}

func errorCode(err error) string {
	var e *topdown.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

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

// referenceFiles reads the reference policy: a routing policy as a team might
// write it without this project's library, with 12 targets and 200 tenants.
func referenceFiles(t testing.TB) (module string, data, input map[string]any) {
	t.Helper()
	source, err := os.ReadFile("testdata/reference/routing.rego")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/reference/input.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := util.UnmarshalJSON(text, &input); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/reference/data.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := util.NewJSONDecoder(z).Decode(&data); err != nil {
		t.Fatal(err)
	}
	return string(source), data, input
}

const referenceDecision = "data.gateway.routing.decision"

// referenceSubject compares the reference policy's decisions on any JSON.
func referenceSubject(t *testing.T) *subject {
	t.Helper()
	source, data, input := referenceFiles(t)
	want, got := prepareReference(t, "rego", source, data), prepareReference(t, fastTarget, source, data)
	weekend := clone(input).(map[string]any)
	weekend["tenant"], weekend["time"] = "tenant-045", map[string]any{"weekday": "saturday"}
	s := &subject{name: "reference", seeds: []map[string]any{input, weekend}}
	m, err := ast.ParseModuleWithOpts("routing.rego", source, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	s.learn(map[string]*ast.Module{"routing.rego": m}, nil, data, func(string) bool { return true })
	s.compare = func(ctx context.Context, in map[string]any, tracer topdown.QueryTracer) (bool, string) {
		value, err := ast.InterfaceToValue(in)
		if err != nil {
			return false, err.Error()
		}
		w, wantErr := evalTerm(ctx, want, value, rego.EvalQueryTracer(tracer))
		g, gotErr := evalTerm(ctx, got, value)
		switch {
		case gotErr != nil && errorCode(gotErr) != "":
			return false, "" // a Set would ask the reference, whatever that says
		case wantErr != nil || gotErr != nil:
			return false, fmt.Sprintf("reference: %v, fast: %v", wantErr, gotErr)
		case (w == nil) != (g == nil) || w != nil && w.Compare(g) != 0:
			return false, fmt.Sprintf("reference: %v\nfast:      %v", w, g)
		}
		return false, ""
	}
	return s
}
