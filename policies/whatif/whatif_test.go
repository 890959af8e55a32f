package whatif

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

var input = &engine.Input{Targets: map[string]engine.TargetFacts{
	"cloud/a": {Target: "cloud", CostEstimate: 0.5},
	"cloud/b": {Target: "cloud", CostEstimate: 0.25},
	"edge":    {Target: "edge", CostEstimate: 0.75},
}}

func answer(t *testing.T, raw string) *Answer {
	t.Helper()
	if raw == "" {
		return Failed()
	}
	a, err := ReadAnswer([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const allow = `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{}}`

func TestCompare(t *testing.T) {
	everywhere := []string{"cloud/a", "cloud/b", "edge"}
	for _, c := range []struct {
		name, from, to string
		controls       Pair[[]string]
		want           *Change
	}{
		{name: "same", from: allow, to: allow},
		{name: "both failed"},
		{
			name: "denied", from: allow, to: `{"allow":false,"deny":[{"code":"closed","message":"m","rule":"hours"}],"exclude":{},"obligations":{},"prefer":{}}`,
			controls: Pair[[]string]{nil, []string{"OPS-1"}},
			want: &Change{Verdict: &Pair[string]{"allow", "deny"}, Permitted: &Sets{Lost: everywhere},
				Reasons: &Reasons{Added: []Reason{{Rule: "hours", Code: "closed"}}}, Controls: &Sets{Gained: []string{"OPS-1"}},
				CostUSD: &Cost{From: 0.25, FromTarget: "cloud/b"}},
		},
		{
			name: "failed now", from: allow,
			want: &Change{Verdict: &Pair[string]{"allow", "deny"}, Failed: &Pair[bool]{false, true}, Permitted: &Sets{Lost: everywhere},
				CostUSD: &Cost{From: 0.25, FromTarget: "cloud/b"}},
		},
		{
			name: "failed before", to: `{"allow":false,"deny":[{"code":"closed","message":"m","rule":"hours"}],"exclude":{},"obligations":{},"prefer":{}}`,
			want: &Change{Failed: &Pair[bool]{true, false}, Reasons: &Reasons{Added: []Reason{{Rule: "hours", Code: "closed"}}}},
		},
		{
			name: "allow beside a ground to deny", from: allow, to: `{"allow":true,"deny":[{"code":"closed","message":"m","rule":"hours"}],"exclude":{},"obligations":{},"prefer":{}}`,
			want: &Change{Verdict: &Pair[string]{"allow", "deny"}, Permitted: &Sets{Lost: everywhere},
				Reasons: &Reasons{Added: []Reason{{Rule: "hours", Code: "closed"}}}, CostUSD: &Cost{From: 0.25, FromTarget: "cloud/b"}},
		},
		{
			name: "a target's name stands for its models",
			from: `{"allow":true,"deny":[],"exclude":{"cloud":[{"code":"eu","message":"m","rule":"r"}]},"obligations":{},"prefer":{}}`,
			to:   `{"allow":true,"deny":[],"exclude":{"cloud/b":[{"code":"eu","message":"m","rule":"r"}],"gone":[]},"obligations":{},"prefer":{}}`,
			want: &Change{Permitted: &Sets{Gained: []string{"cloud/a"}},
				Reasons: &Reasons{Added: []Reason{{"r", "eu", "cloud/b"}}, Removed: []Reason{{"r", "eu", "cloud"}}},
				CostUSD: &Cost{From: 0.75, To: 0.5, FromTarget: "edge", ToTarget: "cloud/a"}},
		},
		{
			name: "other words",
			from: `{"allow":true,"deny":[],"exclude":{"edge":[{"code":"x","message":"m","rule":"r"}]},"obligations":{},"prefer":{}}`,
			to:   `{"allow":true,"deny":[],"exclude":{"edge":[{"code":"x","message":"n","rule":"r"}]},"obligations":{},"prefer":{}}`,
			want: &Change{Messages: true},
		},
		{
			name: "obligations",
			from: `{"allow":true,"deny":[],"exclude":{},"obligations":{"log":"full","max_output_tokens":512,"redact":["A"]},"prefer":{}}`,
			to:   `{"allow":true,"deny":[],"exclude":{},"obligations":{"max_output_tokens":256,"redact":["A"],"teleport":[true]},"prefer":{}}`,
			want: &Change{Obligations: []ObligationChange{{"log", json.RawMessage(`"full"`), json.RawMessage("null")},
				{"max_output_tokens", json.RawMessage("512"), json.RawMessage("256")}, {"teleport", json.RawMessage("null"), json.RawMessage("[true]")}}},
		},
		{
			name: "preference that moves the first",
			from: `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{"cloud":0.5}}`,
			to:   `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{"cloud":0.5,"cloud/a":1,"edge":0.2}}`,
			want: &Change{Prefer: &Preference{From: map[string]float64{"cloud/a": 0.5, "cloud/b": 0.5, "edge": 1},
				To: map[string]float64{"cloud/a": 1, "cloud/b": 0.5, "edge": 0.2}, Reordered: true},
				CostUSD: &Cost{From: 0.75, To: 0.5, FromTarget: "edge", ToTarget: "cloud/a"}},
		},
		{
			name: "preference that moves nothing",
			from: `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{"cloud":0.5}}`,
			to:   `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{"cloud":0.4}}`,
			want: &Change{Prefer: &Preference{From: map[string]float64{"cloud/a": 0.5, "cloud/b": 0.5, "edge": 1},
				To: map[string]float64{"cloud/a": 0.4, "cloud/b": 0.4, "edge": 1}}},
		},
		{
			name: "controls alone", from: allow, to: allow, controls: Pair[[]string]{[]string{"A", "B"}, []string{"B"}},
			want: &Change{Controls: &Sets{Lost: []string{"A"}}},
		},
		{
			name: "form alone", from: allow, to: `{"allow":true,"deny":[],"exclude":{"gone":[]},"obligations":{},"prefer":{}}`,
			want: &Change{Form: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(input, Decision{answer(t, c.from), c.controls.From}, Decision{answer(t, c.to), c.controls.To})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			if got != nil && len(got.Kinds()) == 0 {
				t.Error("a change of no kind")
			}
		})
	}
}

func TestReadAnswerQuotesNothing(t *testing.T) {
	if _, err := ReadAnswer([]byte(`{"allow":"secret"}`)); err == nil || err.Error() != "the decision is not of a form that this version knows" {
		t.Error(err)
	}
}

func TestEstimateTies(t *testing.T) {
	same := &engine.Input{Targets: map[string]engine.TargetFacts{"b": {CostEstimate: 1}, "a": {CostEstimate: 1}, "c": {CostEstimate: 2}}}
	for range 20 { // whatever the order of the map
		if usd, candidate := answer(t, allow).Estimate(same); usd != 1 || candidate != "a" {
			t.Fatalf("$%v at %q", usd, candidate)
		}
	}
	zero := answer(t, `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{"a":0,"b":0,"c":0}}`)
	if usd, candidate := zero.Estimate(same); usd != 1 || candidate != "a" {
		t.Errorf("without any preference: $%v at %q", usd, candidate)
	}
	if usd, candidate := answer(t, allow).Estimate(&engine.Input{}); usd != 0 || candidate != "" {
		t.Errorf("without candidates: $%v at %q", usd, candidate)
	}
}

func TestTally(t *testing.T) {
	var tally Tally
	deny := Decision{Answer: answer(t, `{"allow":false,"deny":[{"code":"closed","message":"m","rule":"hours"}],"exclude":{"cloud/a":[{"code":"x","message":"m","rule":"r"}],"cloud/b":[{"code":"x","message":"m","rule":"r"}]},"obligations":{"log":"none"},"prefer":{}}`)}
	open := Decision{Answer: answer(t, allow)}
	tally.Add("acme", Compare(input, open, deny), Pair[float64]{0.25, 0})
	tally.Add("acme", nil, Pair[float64]{0.5, 0.5})
	tally.Add("beta", Compare(input, deny, open), Pair[float64]{0, 0.25})
	tally.Add("idle", nil, Pair[float64]{})
	want := Summary{
		Decisions: 4, Differences: 2, Verdicts: Verdicts{1, 1},
		Kinds: map[string]uint64{"verdict": 2, "permitted": 2, "reasons": 2, "obligations": 2, "cost_usd": 2},
		Rules: []RuleCount{{"hours", "closed", 1, 1}, {"r", "x", 1, 1}},
		Tenants: []TenantCount{{"acme", 2, 1, Verdicts{AllowToDeny: 1}, Pair[float64]{0.75, 0.5}},
			{"beta", 1, 1, Verdicts{DenyToAllow: 1}, Pair[float64]{0, 0.25}}},
		Targets:     []TargetCount{{"cloud/a", 1, 1}, {"cloud/b", 1, 1}, {"edge", 1, 1}},
		Obligations: []ObligationCount{{"log", 2}},
		CostUSD:     Pair[float64]{0.75, 0.75},
	}
	if diff := cmp.Diff(want, tally.Summary()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	var none Tally
	if b, err := json.Marshal(none.Summary()); err != nil || string(b) != `{"decisions":0,"differences":0,"kinds":{},"verdicts":{"allow_to_deny":0,"deny_to_allow":0},"rules":[],"tenants":[],"targets":[],"obligations":[],"cost_usd":{"from":0,"to":0}}` {
		t.Errorf("%s %v", b, err)
	}
}
