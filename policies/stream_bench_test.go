package policies

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// BenchmarkStream decides what a service may be asked within some minutes: few
// tenants, models and kinds of findings, targets whose health changes now and then,
// and in each request other counts of tokens, scores, prices and spend.
// hits/decision is the share that was remembered.
func BenchmarkStream(b *testing.B) {
	const n, seed = 10_000, 1
	inputs := make([]*engine.Input, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range inputs {
		inputs[i] = streamInput(r, i)
	}
	folders, err := filepath.Glob("examples/*")
	if err != nil {
		b.Fatal(err)
	}
	sets := map[string]Config{"standard": standard}
	for _, folder := range folders {
		sets[filepath.Base(folder)] = Config{Paths: []string{folder}}
	}
	for name, cfg := range sets {
		b.Run(name, func(b *testing.B) {
			s, err := Load(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			var took time.Duration
			hits := uint64(0)
			for b.Loop() {
				s.fast.cache = newDecisionCache(s.fast.program.Reads(), DefaultCacheBytes)
				begin := processorTime(b)
				for _, in := range inputs {
					if _, err := s.Decide(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
				took += processorTime(b) - begin
				hits += s.Evaluation().Hits
			}
			decisions := float64(b.N) * n
			b.ReportMetric(float64(took.Nanoseconds())/decisions, "cpu-ns/decision")
			b.ReportMetric(float64(hits)/decisions, "hits/decision")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// streamInput is the i-th request of a stream. Its prices are of its tokens.
func streamInput(r *rand.Rand, i int) *engine.Input {
	in := exampleInput(12)
	tenant := r.IntN(5)
	in.Time = time.Date(2026, 11, 24, 10, 0, i/50, 0, time.UTC).Format(time.RFC3339)
	in.Principal.ID = fmt.Sprintf("team-%d-%d", tenant, r.IntN(4))
	in.Principal.Tenant = fmt.Sprintf("tenant-%d", tenant)
	in.Principal.Attributes = map[string]string{"region": "eu", "clearance": "internal", "personal_data": []string{"redact", "local"}[tenant%2]}
	in.Request.Model = []string{"auto", "small", "large"}[r.IntN(3)]
	in.Request.PromptTokens = 100 + r.IntN(40_000)
	in.Request.PromptBytes = 4*in.Request.PromptTokens + r.IntN(4)
	in.Request.Messages = 1 + r.IntN(30)
	in.Request.MaxOutputTokens = []int{512, 1024, 4096}[r.IntN(3)]
	spent := float64(i) / 1000
	in.Usage = engine.InputUsage{SpentUSD: engine.SpentUSD{Hour: spent, Day: 3 + spent, Month: 41 + spent}, RequestsPerMinute: 100 + r.IntN(50)}
	in.Classifiers["complexity"].Scores["complexity"] = r.Float64()
	if r.IntN(4) == 0 {
		in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 1 + r.IntN(5), MaxScore: []float64{0.5, 0.98}[r.IntN(2)]}
	}
	for name, t := range in.Targets {
		t.CostEstimate = 0
		if t.Posture == "cloud" {
			t.CostEstimate = 3e-6 * float64(in.Request.PromptTokens)
		}
		t.Healthy = name != "edge-1" || i/500%2 == 0
		in.Targets[name] = t
	}
	return in
}
