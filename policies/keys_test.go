package policies

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// TestKeysTellInputsApart changes each part of many inputs alone, numbers to what
// the rules compare with and right beside it: where the key that a decision is
// remembered by stays the same, so does the decision.
func TestKeysTellInputsApart(t *testing.T) {
	own := setSubject(t, "own", Config{Paths: []string{write(t, map[string]string{"own.rego": comparedTwice})}, Timeout: patience})
	for _, s := range append(subjects(t), own) {
		if len(s.sets) == 0 {
			continue // not a policy set
		}
		t.Run(s.name, func(t *testing.T) {
			var numbers []any
			for _, h := range s.hints {
				for _, c := range h.constants {
					if n, ok := c.(json.Number); ok {
						numbers = append(numbers, n)
					}
				}
			}
			slices.SortFunc(numbers, func(a, b any) int { return cmpText(a, b) })
			numbers = slices.Compact(numbers)
			same, apart := 0, 0
			for i, seed := range []map[string]any{s.seeds[0], s.seeds[len(s.seeds)/2]} {
				set := s.sets[i%len(s.sets)]
				for _, path := range placesIn(seed, nil) {
					first := map[string]*engine.Decision{}
					for _, value := range alternatives(valueAt(seed, path), numbers) {
						changed := clone(seed).(map[string]any)
						put(changed, path, value)
						text, err := json.Marshal(changed)
						if err != nil {
							t.Fatal(err)
						}
						var in engine.Input
						if json.Unmarshal(text, &in) != nil {
							continue
						}
						key, ok := rememberedBy(set, &in)
						if !ok {
							t.Skip("its decisions are not remembered")
						}
						d, err := set.fast.evaluate(t.Context(), &in, "")
						if err != nil {
							continue // nothing is remembered
						}
						other := first[key]
						if other == nil {
							first[key] = d
							apart++
							continue
						}
						same++
						if diff := cmp.Diff(other, d); diff != "" {
							t.Fatalf("%v = %v has the key of another value and not its decision (-other +this):\n%s", path, value, diff)
						}
					}
				}
			}
			t.Logf("%d inputs with the key of another, %d with their own", same, apart)
		})
	}
}

// comparedTwice compares parts of the input with a constant and uses them in
// another way beside that.
const comparedTwice = `package sallyport.rules.own

deny contains {"code": "a", "message": "m"} if input.request.prompt_tokens > 100

deny contains {"code": "b", "message": "m"} if input.request.prompt_tokens > input.request.max_output_tokens

deny contains {"code": "c", "message": "m"} if input.usage.spent_usd.day >= 5

deny contains {"code": "d", "message": "m"} if input.usage.spent_usd.day * 2 > input.usage.spent_usd.hour + 12.5

deny contains {"code": "e", "message": "m"} if input.budget.ttft_ms < 1000

deny contains {"code": "f", "message": "m"} if input.budget.ttft_ms == 2001

deny contains {"code": "g", "message": "m"} if input.principal.attributes.zone == ""

deny contains {"code": "h", "message": "m"} if input.request.tools == ["ab"]
`

func cmpText(a, b any) int {
	switch x, y := fmt.Sprint(a), fmt.Sprint(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// placesIn are the paths to all members of a document, collections too.
func placesIn(doc any, path []string) [][]string {
	members, ok := doc.(map[string]any)
	if !ok {
		return [][]string{path}
	}
	var all [][]string
	if len(path) > 0 {
		all = append(all, path)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = append(all, placesIn(members[name], append(slices.Clone(path), name))...)
	}
	return all
}

func valueAt(doc any, path []string) any {
	for _, name := range path {
		doc = doc.(map[string]any)[name]
	}
	return doc
}

// absent takes a member away.
type absent struct{}

func put(doc map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		doc = doc[name].(map[string]any)
	}
	name := path[len(path)-1]
	if (value == any(absent{})) {
		delete(doc, name)
		return
	}
	doc[name] = value
}

// alternatives are values to stand where v does, v among them.
func alternatives(v any, numbers []any) []any {
	out := []any{v, absent{}}
	switch v := v.(type) {
	case bool:
		out = append(out, !v)
	case string:
		out = append(out, "", v+"x", "cloud", "air_gapped", "EU", "US", "2026-11-28T23:00:00Z")
	case json.Number:
		for _, n := range numbers {
			f, err := n.(json.Number).Float64()
			if err != nil {
				continue
			}
			for _, near := range []float64{0, 1e-9, -1e-9} {
				text, err := json.Marshal(f + near)
				if err == nil {
					out = append(out, json.Number(text))
				}
			}
		}
	case []any:
		out = append(out, []any{}, append(slices.Clone(v), "image"), append(slices.Clone(v), "shell"), []any{"a", "b"}, []any{"b", "a"}, []any{"ab"})
	case map[string]any:
		more := maps.Clone(v)
		more["zone"] = ""
		renamed := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			renamed[name+"x"] = v[name]
		}
		out = append(out, map[string]any{}, more, renamed)
		for _, kind := range []string{"EMAIL_ADDRESS", "CREDIT_CARD", "SECRET_PRIVATE_KEY"} {
			found := maps.Clone(v)
			found[kind] = map[string]any{"count": 1, "max_score": 0.9}
			out = append(out, found)
		}
		failed := maps.Clone(v)
		failed["error"] = "trap"
		out = append(out, failed)
	}
	return out
}

// TestFactsAreTheInput compares the input that the fast path builds with the one
// that OPA is given, also where no policy reads it.
func TestFactsAreTheInput(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 200 {
		in := generate(r)
		in.Budget = engine.InputBudget{TTFTMs: r.Int64N(9), TPOTMs: 10 + r.Int64N(9), TotalMs: 20 + r.Int64N(9)}
		in.Usage.SpentUSD.Hour, in.Usage.SpentUSD.Day = r.Float64(), 100*r.Float64()
		in.Usage.RequestsPerMinute = r.IntN(100)
		in.Request.Metadata = map[string]string{"a": "1", "b": ""}
		in.Classifiers["none"] = []engine.ClassifierFacts{{}, {Findings: map[string]engine.FindingFacts{}}, {Scores: map[string]float64{}}, {Error: "trap"}}[i%4]
		want, err := inputValue(in)
		if err != nil {
			t.Fatal(err)
		}
		m := s.fast.program.Machine()
		got, ok := s.fast.facts.input(m, in)
		if !ok {
			t.Fatalf("seed %d, input %d: not finite", seed, i)
		}
		if v := vm.ToAST(got); v.Compare(want) != 0 {
			t.Errorf("seed %d, input %d: %v, want %v", seed, i, v, want)
		}
		m.Release()
	}
}
