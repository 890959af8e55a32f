package policies

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
