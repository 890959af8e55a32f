package policies

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// patience is a time limit that no machine is too slow for.
const patience = time.Hour

// standard is the embedded standard policy.
var standard = Config{Timeout: patience}

// exampleInput is a request of an authenticated tenant with one candidate of
// each posture, n of them in all, and nothing found.
func exampleInput(n int) *engine.Input {
	in := &engine.Input{
		Time: "2026-11-23T16:00:00Z",
		Request: engine.InputRequest{
			Dialect: "openai-chat", Operation: "chat", Model: "auto", PromptTokens: 812, PromptBytes: 3211,
			MaxOutputTokens: 512, Messages: 4, Tools: []string{"get_weather"}, Modalities: []string{"text"},
			Metadata: map[string]string{}, Headers: map[string]string{"x-project": "apollo"},
		},
		Principal: engine.Principal{
			ID: "team-a", Tenant: "acme", Roles: []string{"engineering"}, Attributes: map[string]string{}, Authenticated: true,
		},
		Classifiers: map[string]engine.ClassifierFacts{
			"pii":        {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}},
			"secrets":    {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}},
			"complexity": {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{"complexity": 0.5}},
		},
		Budget:  engine.InputBudget{TTFTMs: 2000, TotalMs: 60000},
		Usage:   engine.InputUsage{SpentUSD: engine.SpentUSD{Hour: 0.1, Day: 3.2, Month: 41}, RequestsPerMinute: 12},
		Targets: map[string]engine.TargetFacts{},
	}
	postures := []string{"cloud", "gpu_cluster", "edge", "air_gapped"}
	for i := range n {
		posture := postures[i%len(postures)]
		name := fmt.Sprintf("%s-%d", posture, i/len(postures))
		in.Targets[name] = engine.TargetFacts{
			Target: name, Posture: posture, Dialect: "openai", Jurisdiction: "EU", Attributes: map[string]string{},
			Model: "small", Quality: float64(40 + 5*i), CostEstimate: 0.0001 * float64(i), Healthy: true,
		}
	}
	return in
}

// write puts files into a new folder and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, files map[string]string) *Set {
	t.Helper()
	s, err := Load(t.Context(), Config{Paths: []string{write(t, files)}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const residency = `package sallyport.rules.residency

# METADATA
# labels: {control: "GDPR-44"}
exclude[target] contains {"code": "eu_personal_data", "message": "personal data of EU tenants stays in the EU"} if {
	input.principal.attributes.region == "EU"
	some kind in data.sallyport.personal_kinds
	input.classifiers.pii.findings[kind].max_score >= 0.5
	some target, t in input.targets
	t.jurisdiction != "EU"
}

obligation["redact"] contains "EMAIL_ADDRESS" if input.principal.tenant == "acme"

obligation.max_output_tokens := 300

obligation.budget := {"total_ms": 20000}

obligation.hedge := true

prefer[target] := 0.8 if {
	some target, t in input.targets
	t.posture == "gpu_cluster"
}
`

const nested = `package sallyport.rules.teams.blue

obligation["max_output_tokens"] := 200

obligation.hedge := false

obligation.log := "full"

obligation[name] := true if some name in ["teleport"]

prefer["gpu_cluster-0"] := 0.5

deny contains {"code": "too_long", "message": "too long"} if input.request.prompt_tokens > 5000
`

func TestDecide(t *testing.T) {
	s := load(t, map[string]string{"a/residency.rego": residency, "blue.rego": nested})
	in := exampleInput(4)
	in.Principal.Attributes["region"] = "EU"
	in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 2, MaxScore: 0.98}
	usa := in.Targets["cloud-0"]
	usa.Jurisdiction = "US"
	in.Targets["cloud-0"] = usa
	got, err := s.Decide(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	tokens, hedge := 200, false
	want := &engine.Decision{
		Allow: true,
		Deny:  []engine.Reason{},
		Exclude: map[string][]engine.Reason{
			"cloud-0": {{Code: "eu_personal_data", Message: "personal data of EU tenants stays in the EU", Rule: "residency"}},
		},
		Prefer: map[string]float64{"gpu_cluster-0": 0.4},
		Obligations: engine.Obligations{
			Redact: []string{"EMAIL_ADDRESS"}, MaxOutputTokens: &tokens, Hedge: &hedge, Log: engine.LogFull,
			Budget: &engine.ObligationBudget{TotalMs: 20000}, Unknown: []string{"teleport"},
		},
		Revision: s.Revision(),
		Controls: []string{"GDPR-44"},
		Raw: []byte(`{"allow":true,"deny":[],"exclude":{"cloud-0":[{"code":"eu_personal_data","message":"personal data of EU tenants stays in the EU","rule":"residency"}]},` +
			`"obligations":{"budget":{"total_ms":20000},"hedge":false,"log":"full","max_output_tokens":200,"redact":["EMAIL_ADDRESS"],"teleport":[true]},"prefer":{"gpu_cluster-0":0.4}}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func BenchmarkDecide(b *testing.B) {
	s, err := Load(b.Context(), standard)
	if err != nil {
		b.Fatal(err)
	}
	in := exampleInput(12)
	in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 2, MaxScore: 0.98}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decide(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
