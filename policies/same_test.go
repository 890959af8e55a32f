package policies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/sallyport-ai/sallyport/engine"
)

// generate makes an input in which every rule of the standard policy has a fair
// chance to hold and not to hold.
func generate(r *rand.Rand) *engine.Input {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	in := exampleInput(1 + r.IntN(12))
	in.Principal.ID = pick("team-a", "anonymous", "")
	in.Principal.Authenticated = r.IntN(4) > 0
	for _, a := range [][]string{
		{"personal_data", "redact", "local", ""}, {"clearance", "restricted", "internal"}, {"monthly_usd", "10", "100.5", "x"},
	} {
		if r.IntN(3) == 0 {
			in.Principal.Attributes[a[0]] = pick(a[1:]...)
		}
	}
	in.Request.Tools = [][]string{nil, {}, {"shell"}, {"shell", "get_weather"}}[r.IntN(4)]
	scores := []float64{0, 0.34, 0.35, 0.49, 0.5, 0.6, 0.98, 1}
	for range r.IntN(3) {
		in.Classifiers["pii"].Findings[pick("EMAIL_ADDRESS", "CREDIT_CARD", "URL")] = engine.FindingFacts{Count: 1 + r.IntN(3), MaxScore: scores[r.IntN(len(scores))]}
	}
	if r.IntN(4) == 0 {
		in.Classifiers["secrets"].Findings[pick("SECRET_PRIVATE_KEY", "SECRET_GENERIC")] = engine.FindingFacts{Count: 1, MaxScore: scores[r.IntN(len(scores))]}
	}
	in.Classifiers["complexity"].Scores["complexity"] = scores[r.IntN(len(scores))]
	switch r.IntN(6) {
	case 0:
		delete(in.Classifiers, pick("pii", "secrets", "complexity"))
	case 1:
		in.Classifiers["mine"] = engine.ClassifierFacts{Error: "time_limit"}
	}
	in.Usage.SpentUSD.Month = []float64{0, 10, 41.123456789, 1e-7, 123456789012}[r.IntN(5)]
	for key, t := range in.Targets {
		t.Healthy, t.StandIn = r.IntN(4) > 0, r.IntN(4) == 0
		t.CostEstimate = r.Float64() * []float64{0, 1e-9, 1}[r.IntN(3)]
		t.Quality = []float64{0, 33.3, 100, 250}[r.IntN(4)]
		in.Targets[key] = t
	}
	return in
}

// The prepared evaluation over the struct must give what OPA gives for the same
// modules on the input's JSON.
func TestDecideIsPlainRego(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	b, ds := build(&Config{})
	if ds.failed() {
		t.Fatal(ds)
	}
	options := []func(*rego.Rego){rego.Query(decisionPath), rego.SetRegoVersion(ast.RegoV1), rego.StrictBuiltinErrors(true)}
	for _, src := range b.sources {
		if src.rego() && !src.test() {
			options = append(options, rego.Module(src.shown, string(src.bytes)))
		}
	}
	options = append(options, rego.ParsedModule(b.modules[generatedFile]))
	plain, err := rego.New(options...).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	const seed = 20260117
	r := rand.New(rand.NewPCG(seed, 0))
	verdicts := map[bool]int{}
	for i := range 50 {
		in := generate(r)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		d, err := s.Decide(t.Context(), in)
		if err != nil {
			t.Fatalf("seed %d, input %d: %v\n%s", seed, i, err, text)
		}
		rs, err := plain.Eval(t.Context(), rego.EvalInput(doc))
		if err != nil || len(rs) != 1 {
			t.Fatalf("seed %d, input %d: plain Rego: %v %v", seed, i, rs, err)
		}
		want, err := ast.InterfaceToValue(rs[0].Expressions[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		wantRaw, err := appendCanonical(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if string(d.Raw) != string(wantRaw) {
			t.Errorf("seed %d, input %d: %s\ndecided  %s\nwant     %s", seed, i, text, d.Raw, wantRaw)
		}
		verdicts[d.Allow]++
	}
	if verdicts[true] < 5 || verdicts[false] < 5 {
		t.Errorf("seed %d: allowed and denied %v, want at least 5 of each", seed, verdicts)
	}
}

// What the schemas describe is what is there.
func TestSchemasHold(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	match, err := rego.New(rego.Query("json.match_schema(input.document, input.schema)")).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hold := func(schema, document []byte) {
		t.Helper()
		var doc any
		if err := json.Unmarshal(fmt.Appendf(nil, `{"schema":%s,"document":%s}`, schema, document), &doc); err != nil {
			t.Fatal(err)
		}
		rs, err := match.Eval(t.Context(), rego.EvalInput(doc))
		if err != nil || len(rs) != 1 {
			t.Fatalf("match schema: %v, %v", rs, err)
		}
		if outcome := rs[0].Expressions[0].Value.([]any); outcome[0] != true {
			t.Errorf("%s\ndoes not match: %v", document, outcome[1])
		}
	}
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		in := generate(r)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		hold(InputSchema(), text)
		d, err := s.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		hold(DecisionSchema(), d.Raw)
	}
}

// An input read back from a record is the value it was when it was decided.
func TestInputSurvivesJSON(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		in := generate(r)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var back engine.Input
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		a, errA := inputValue(in)
		b, errB := inputValue(&back)
		parsed, errC := ast.ValueFromReader(bytes.NewReader(text))
		if err := errors.Join(errA, errB, errC); err != nil {
			t.Fatal(err)
		}
		if a.Compare(b) != 0 {
			t.Errorf("seed %d: %v\nread back: %v", seed, a, b)
		}
		if a.Compare(parsed) != 0 {
			t.Errorf("seed %d: %v\nas JSON: %v", seed, a, parsed)
		}
	}
}

func TestRawIsDeterministic(t *testing.T) {
	s := load(t, map[string]string{"residency.rego": residency, "blue.rego": nested})
	in := exampleInput(12)
	in.Principal.Attributes["region"] = "EU"
	in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 1, MaxScore: 1}
	in.Classifiers["pii"].Findings["PERSON"] = engine.FindingFacts{Count: 1, MaxScore: 1}
	for key, target := range in.Targets {
		target.Jurisdiction = "US"
		in.Targets[key] = target
	}
	var first *engine.Decision
	for range 100 {
		d, err := s.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = d
		}
		if diff := cmp.Diff(first, d); diff != "" {
			t.Fatalf("the same input decided again (-first +then):\n%s", diff)
		}
	}
	again := load(t, map[string]string{"residency.rego": residency, "blue.rego": nested})
	if s.Revision() != again.Revision() {
		t.Error("the same files have another revision elsewhere")
	}
}

func TestDecideConcurrently(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	shared := exampleInput(8)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 0))
			for range 25 {
				if _, err := s.Decide(t.Context(), generate(r)); err != nil {
					t.Error(err)
				}
				if _, err := s.Decide(t.Context(), shared); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// spin takes far longer than any limit.
const spin = good + `deny contains {"code": "x", "message": "m"} if {
	some a, b, c
	xs[a]
	xs[b]
	xs[c]
	a + b + c == -1
}

xs := numbers.range(1, 100000)
`

func TestDecideEndsInTime(t *testing.T) {
	dir := write(t, map[string]string{"a.rego": spin})
	s, err := Load(t.Context(), Config{Paths: []string{dir}, Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decide(t.Context(), exampleInput(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a policy without an end: %v", err)
	}
	slow, err := Load(t.Context(), Config{Paths: []string{dir}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slow.Decide(ctx, exampleInput(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who is gone: %v", err)
	}
}

// Nothing is left running when Decide has returned.
func TestDecideLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Load(t.Context(), standard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decide(t.Context(), exampleInput(4)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDecideRefusesWhatJSONCannotCarry(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		in := exampleInput(1)
		in.Usage.SpentUSD.Month = f
		if _, err := s.Decide(t.Context(), in); err == nil {
			t.Errorf("decided on %v", f)
		}
	}
}

func TestRevision(t *testing.T) {
	rev := func(files map[string]string) string { return load(t, files).Revision() }
	base := map[string]string{"a.rego": good, "acme/data.json": `{"x": 1}`}
	first := rev(base)
	for name, files := range map[string]map[string]string{
		"another rule": {"a.rego": good + "\n# …\n", "acme/data.json": `{"x": 1}`},
		"another name": {"b.rego": good, "acme/data.json": `{"x": 1}`},
		"other data":   {"a.rego": good, "acme/data.json": `{"x": 2}`},
	} {
		if rev(files) == first {
			t.Errorf("%s has the same revision", name)
		}
	}
	withTest := map[string]string{"a.rego": good, "acme/data.json": `{"x": 1}`, "a_test.rego": "package t\n\ntest_x if true\n"}
	if rev(withTest) != first {
		t.Error("a test changes the revision")
	}
}

// A copy of a set's files is the same set.
func TestFilesLoadAgain(t *testing.T) {
	one, two := write(t, map[string]string{"a.rego": good}), write(t, map[string]string{"b/residency.rego": residency})
	s, err := Load(t.Context(), Config{Paths: []string{one, two}, Standard: true})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range s.Files() {
		files[f.Path] = string(f.Bytes)
	}
	dir := write(t, files)
	again, err := Load(t.Context(), Config{Paths: []string{dir + "/0", dir + "/1"}, Standard: true, FS: os.DirFS(dir)})
	if err != nil {
		t.Fatal(err)
	}
	if s.Revision() != again.Revision() {
		t.Error("the copy has another revision")
	}
	if diff := cmp.Diff(s.Packages(), again.Packages()); diff != "" {
		t.Errorf("packages (-set +copy):\n%s", diff)
	}
}

func TestCanonical(t *testing.T) {
	tests := []struct{ term, want string }{
		{`{"b": 1, "a": [true, false, null]}`, `{"a":[true,false,null],"b":1}`},
		{`{3, 1, 2}`, `[1,2,3]`},
		{`{"x": {"b", "a"}}`, `{"x":["a","b"]}`},
		{`[1.0, 1e2, 0.1, 1e21, 1e-7, 100000000000000000000, 9007199254740993, -0.5]`,
			`[1,100,0.1,1e+21,1e-7,100000000000000000000,9007199254740993,-0.5]`},
		{`"<é\u2028\"\\\n>"`, `"<é` + "\u2028" + `\"\\\n>"`},
		{`{"\uffff": 1, "😀": 2}`, `{"😀":2,"` + "\uffff" + `":1}`},
		{`{1: 2, true: 3}`, `{"1":2,"true":3}`},
		{`{}`, `{}`}, {`set()`, `[]`}, {`[]`, `[]`},
	}
	for _, tt := range tests {
		got, err := appendCanonical(nil, ast.MustParseTerm(tt.term).Value)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.term, got, err, tt.want)
		}
	}
	for _, bad := range []ast.Value{ast.MustParseTerm(`{1: 2, "1": 3}`).Value, ast.Number("1e999"), ast.String("\xff"), ast.Var("x")} {
		if got, err := appendCanonical(nil, bad); err == nil {
			t.Errorf("%v: %s, want an error", bad, got)
		}
	}
}
