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
	all := subjects(t)
	for name, rules := range map[string]string{"compared twice": comparedTwice, "parts": readInParts, "names": readByName, "wholes": readWhole} {
		all = append(all, setSubject(t, name, Config{Paths: []string{write(t, map[string]string{"own.rego": rules})}, Timeout: patience}))
	}
	for _, s := range all {
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

// readInParts says in its reasons what it read of each member.
const readInParts = `package sallyport.rules.own

deny contains {"code": "a", "message": message} if {
	some key, t in input.targets
	message := sprintf("%v %v %v %v %v %v", [key, t.posture, t.dialect, t.jurisdiction, t.model, t.cost_estimate_usd])
}

deny contains {"code": "b", "message": key} if {
	some key, t in input.targets
	t.quality > 50
	t.healthy
	not t.stand_in
	not t.attributes.zone
}

deny contains {"code": "c", "message": sprintf("%v %v", [name, facts.error])} if some name, facts in input.classifiers

deny contains {"code": "d", "message": sprintf("%v %v %v", [name, kind, found.count])} if {
	some name, facts in input.classifiers
	some kind, found in facts.findings
	found.max_score >= 0.5
}

deny contains {"code": "e", "message": sprintf("%v %v %v", [name, score, value])} if {
	some name, facts in input.classifiers
	some score, value in facts.scores
}

deny contains {"code": "l", "message": sprintf("%v %v", [name, value])} if some name, value in input.request.metadata

deny contains {"code": "m", "message": "m"} if input.request.headers[input.request.model] == "x"
`

// readByName says what it read of some members, or whether they are there.
const readByName = `package sallyport.rules.own

deny contains {"code": "e", "message": sprintf("%v", [input.classifiers.secrets.findings.SECRET_PRIVATE_KEY])}

deny contains {"code": "f", "message": "m"} if not input.classifiers.pii.findings.EMAIL_ADDRESS

deny contains {"code": "g", "message": "m"} if not input.classifiers.secrets.findings

deny contains {"code": "h", "message": "m"} if not input.classifiers.secrets.scores

deny contains {"code": "i", "message": "m"} if input.classifiers.complexity.scores.complexity < 0.3

deny contains {"code": "j", "message": sprintf("%v", [input.classifiers.pii.findings.EMAIL_ADDRESS.max_score])}

deny contains {"code": "k", "message": sprintf("%v", [input.classifiers.pii.findings.CREDIT_CARD.count])}

deny contains {"code": "n", "message": sprintf("%v", [input.targets["cloud-0"].attributes])}

deny contains {"code": "o", "message": "m"} if not input.targets["edge-0"]
`

// readWhole says in its reasons all of what a target and a classifier are.
const readWhole = `package sallyport.rules.own

deny contains {"code": "a", "message": json.marshal(t)} if some t in input.targets

deny contains {"code": "b", "message": json.marshal(c)} if some c in input.classifiers

deny contains {"code": "c", "message": json.marshal([input.principal, input.request, input.budget, input.usage])}

deny contains {"code": "d", "message": "m"} if input.request.messages > 0.5
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
			for _, facts := range []engine.FindingFacts{{Count: 1, MaxScore: 0.9}, {Count: 2, MaxScore: 0.9}, {Count: 1, MaxScore: 0.4}, {}} {
				found := maps.Clone(v)
				found[kind] = facts
				out = append(out, found)
			}
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
