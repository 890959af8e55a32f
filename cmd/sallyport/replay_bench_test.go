package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/policies"
)

// replayStory is a log to make again.
type replayStory struct {
	name  string
	paths []string // of the policy; none: the standard one
	input func(i int) *engine.Input
}

func replayStories(b *testing.B) []replayStory {
	return []replayStory{
		{"standard policy, 4 targets", nil, func(i int) *engine.Input { return usualInput(i, 4) }},
		{"standard policy, 12 targets", nil, func(i int) *engine.Input { return usualInput(i, 12) }},
		{"reference policy, 12 targets, 200 tenants", []string{referencePolicy(b)}, referenceInput},
	}
}

func (s *replayStory) load(b *testing.B) *policies.Set {
	b.Helper()
	set, err := policies.Load(b.Context(), policies.Config{Paths: s.paths, Timeout: replayTimeout, Unproven: true})
	if err != nil {
		b.Fatal(err)
	}
	return set
}

// BenchmarkReplay prints, as rows of the table of make bench-policy, how many
// decisions of a log one processor makes again in a second: reading them, deciding
// and comparing. No two inputs are equal, and no set has seen any of them before.
func BenchmarkReplay(b *testing.B) {
	const begun, decisions, rounds = 2000, 20_000, 5
	for b.Loop() {
		for _, s := range replayStories(b) {
			set := s.load(b)
			begin := decideAll(b, set, begun, s.input)
			rest := decideAll(b, set, decisions, func(i int) *engine.Input { return s.input(begun + i) })
			var took []float64
			for range rounds {
				r := newReplayer(b.Context(), "")
				r.whatIf = &keptPolicy{set: s.load(b)}
				replayOnce(b, r, begin)
				cpu := processCPU(b)
				replayOnce(b, r, rest)
				took = append(took, (processCPU(b)-cpu)/decisions)
			}
			slices.Sort(took)
			replayRow(s.name, took[rounds/2])
		}
	}
}

func replayOnce(b *testing.B, r *replayer, dir string) {
	b.Helper()
	var out bytes.Buffer
	report := newReplayReport(&app{stdio: stdio{out: &out, err: &out}}, &replayOptions{dir: dir, format: "json"}, "")
	r.dir = dir
	if _, err := r.run(b.Context(), record.ReplayConfig{Workers: 1}, report); err != nil || report.differs() {
		b.Fatal(err, out.String())
	}
}

func replayRow(name string, micros float64) {
	rate, verdict := 1e6/micros, "met"
	if rate < 50_000 {
		verdict = "MISSED"
	}
	fmt.Printf("BENCH | replay, %s | %.0f decisions/s of one core | >= 50000 | %s\n", name, rate, verdict)
}

func processCPU(b *testing.B) float64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e3
}

// usualInput is the i-th of a service's inputs.
func usualInput(i, targets int) *engine.Input {
	score := float64(i%997) / 997
	in := &engine.Input{
		Time: time.Date(2026, 11, 23, 16, 0, i/50, 0, time.UTC).Format(time.RFC3339),
		Request: engine.InputRequest{Dialect: "openai-chat", Operation: "chat", Model: "auto", PromptTokens: 100 + 17*i%30_000, PromptBytes: 400 + 4*(17*i%30_000),
			MaxOutputTokens: 512, Messages: 1 + i%9, Tools: []string{}, Modalities: []string{"text"}, Metadata: map[string]string{}, Headers: map[string]string{}},
		Principal: engine.Principal{ID: fmt.Sprintf("team-%d", i%200), Tenant: fmt.Sprintf("tenant-%d", i%200), Roles: []string{"engineering"},
			Attributes: map[string]string{"region": "EU"}, Authenticated: true},
		Classifiers: map[string]engine.ClassifierFacts{
			"pii":        {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}},
			"secrets":    {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}},
			"injection":  {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{"injection": score / 4}},
			"complexity": {Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{"complexity": score}},
		},
		Budget:  engine.InputBudget{TTFTMs: 2000, TotalMs: 60000},
		Usage:   engine.InputUsage{SpentUSD: engine.SpentUSD{Hour: 0.000123 * float64(i), Day: 0.00123 * float64(i), Month: 0.0123 * float64(i)}, RequestsPerMinute: i % 100},
		Targets: map[string]engine.TargetFacts{},
	}
	if i%10 == 0 {
		in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 1 + i%3, MaxScore: 0.5 + score/2}
	}
	for n := range targets {
		posture := []string{"cloud", "gpu_cluster", "edge", "air_gapped"}[n%4]
		name := fmt.Sprintf("%s-%d", posture, n)
		in.Targets[name] = engine.TargetFacts{Target: name, Posture: posture, Dialect: "openai", Jurisdiction: "EU", Attributes: map[string]string{"dpa": "2026-01"},
			Model: "small", Quality: float64(40 + n), CostEstimate: (float64(in.Request.PromptTokens)*0.3 + 512*1.1*float64(1+n%3)) * 1e-6 * float64(n), Healthy: true}
	}
	return in
}

// referencePolicy is a folder with the benchmarks' reference policy as a rule
// package, and its data.
func referencePolicy(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	rules, err := os.ReadFile("testdata/replay/reference.rego")
	if err != nil {
		b.Fatal(err)
	}
	packed, err := os.Open("../../policies/testdata/reference/data.json.gz")
	if err != nil {
		b.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		b.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{"reference.rego": rules, "data.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// referenceInput is the i-th input of the reference policy's traffic.
func referenceInput(i int) *engine.Input {
	in := usualInput(i, 12)
	tenant := i % 200
	in.Principal.Tenant, in.Principal.ID = fmt.Sprintf("tenant-%03d", tenant), fmt.Sprintf("key-%03d-%d", tenant, i%7)
	in.Principal.Roles = []string{"engineer", "contractor"}
	in.Request.Model, in.Request.Tools = []string{"llama/70b", "gpt-x/small"}[i%2], []string{"search", "sql"}
	in.Classifiers["pii"].Findings["pii.email"] = engine.FindingFacts{Count: 3, MaxScore: 0.97}
	in.Classifiers["pii"].Findings["pii.phone"] = engine.FindingFacts{Count: 1, MaxScore: float64(i%100) / 100}
	if i%3 == 0 {
		in.Classifiers["pii"].Findings["pii.iban"] = engine.FindingFacts{Count: 1, MaxScore: 0.91}
	}
	in.Budget.TTFTMs = int64(200 + 100*(i%6))
	targets := in.Targets
	in.Targets = map[string]engine.TargetFacts{}
	for n, name := range slices.Sorted(maps.Keys(targets)) {
		t := targets[name]
		t.Target, t.Healthy = fmt.Sprintf("target-%02d", n), n != 5
		in.Targets[t.Target] = t
	}
	return in
}
