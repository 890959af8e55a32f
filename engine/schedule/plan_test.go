package schedule

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// candidate is a healthy target with one model, without price.
func candidate(target string, ttft, tpot time.Duration) engine.Candidate {
	return engine.Candidate{
		Key: target, Target: target, Model: "m", Supports: true,
		TTFTHint: ttft, TPOTHint: tpot,
		Facts: engine.TargetFacts{Target: target, Model: "m", Healthy: true},
	}
}

func priced(c engine.Candidate, in, out float64) engine.Candidate {
	c.Price = engine.Price{Input: in, Output: out, Known: true}
	return c
}

func order(p engine.Plan) []string {
	var keys []string
	for _, a := range p.Attempts {
		keys = append(keys, a.Candidate.Key)
	}
	return keys
}

func reasons(p engine.Plan) map[string]string {
	m := map[string]string{}
	for _, c := range p.Considered {
		m[c.Key] = c.Reason
	}
	return m
}

const ms = time.Millisecond

func TestPlanOrder(t *testing.T) {
	cheap := priced(candidate("cheap", 400*ms, 20*ms), 0.1, 0.4)
	dear := priced(candidate("dear", 400*ms, 20*ms), 10, 40)
	fast := priced(candidate("fast", 100*ms, 5*ms), 10, 40)
	slow := priced(candidate("slow", 5*time.Second, 200*ms), 0.1, 0.4)
	free := priced(candidate("free", 400*ms, 20*ms), 0, 0)
	unpriced := candidate("unpriced", 400*ms, 20*ms)
	ill := cheap
	ill.Key, ill.Target, ill.Facts.Healthy = "ill", "ill", false
	lossy := cheap
	lossy.Losses = []engine.Loss{{Field: "seed", How: engine.LossDropped}}
	lossyDear := dear
	lossyDear.Losses = lossy.Losses
	lossyFast := fast
	lossyFast.Losses = lossy.Losses
	twin := cheap
	twin.Key, twin.Target = "a-twin", "a-twin"

	tests := []struct {
		name       string
		permitted  []engine.Candidate
		prefer     map[string]float64
		budget     engine.Budget
		elapsed    time.Duration
		stream     bool
		maxOutput  int
		want       []string
		reasons    map[string]string
		infeasible bool
	}{
		{name: "nothing permitted"},
		{name: "cheaper first", permitted: []engine.Candidate{dear, cheap}, want: []string{"cheap", "dear"}},
		{name: "faster first at one price", permitted: []engine.Candidate{dear, fast}, want: []string{"fast", "dear"}},
		{name: "an unknown price is not zero", permitted: []engine.Candidate{unpriced, cheap, dear}, want: []string{"cheap", "dear", "unpriced"}},
		{name: "zero is a price", permitted: []engine.Candidate{cheap, free}, want: []string{"free", "cheap"}},
		{name: "preference before price", permitted: []engine.Candidate{dear, cheap}, prefer: map[string]float64{"cheap": 0.5}, want: []string{"dear", "cheap"}},
		{name: "preference zero permits still", permitted: []engine.Candidate{dear, cheap}, prefer: map[string]float64{"cheap": 0}, want: []string{"dear", "cheap"}},
		{name: "nonsense preferences", permitted: []engine.Candidate{dear, cheap},
			prefer: map[string]float64{"cheap": math.NaN(), "dear": math.Inf(1)}, want: []string{"dear", "cheap"}},
		{name: "what loses nothing before price", permitted: []engine.Candidate{lossy, dear, fast}, want: []string{"fast", "dear", "cheap"}},
		{name: "among those that lose, price", permitted: []engine.Candidate{lossyDear, lossy}, want: []string{"cheap", "dear"}},
		{name: "policy's preference before losses", permitted: []engine.Candidate{lossyDear, cheap},
			prefer: map[string]float64{"cheap": 0.2}, want: []string{"dear", "cheap"}},
		{name: "of equal preference, what loses nothing", permitted: []engine.Candidate{lossy, dear},
			prefer: map[string]float64{"cheap": 0.5, "dear": 0.5}, want: []string{"dear", "cheap"}},
		{name: "health before losses", permitted: []engine.Candidate{ill, lossyDear}, want: []string{"dear", "ill"}},
		{name: "the budget before losses", permitted: []engine.Candidate{free, lossyFast}, stream: true,
			budget: engine.Budget{TTFT: 300 * ms}, want: []string{"fast", "free"}},
		{name: "losses within the budget", permitted: []engine.Candidate{free, lossyFast}, stream: true,
			budget: engine.Budget{TTFT: 2 * time.Second}, want: []string{"free", "fast"}},
		{name: "unhealthy last, not out", permitted: []engine.Candidate{ill, dear}, want: []string{"dear", "ill"}},
		{name: "unhealthy alone", permitted: []engine.Candidate{ill}, want: []string{"ill"}},
		{name: "equals by key", permitted: []engine.Candidate{cheap, twin}, want: []string{"a-twin", "cheap"}},
		{name: "the same destination once", permitted: []engine.Candidate{cheap, cheap, cheap}, want: []string{"cheap"}},
		{
			name: "budget before price", permitted: []engine.Candidate{slow, fast}, stream: true,
			budget: engine.Budget{TTFT: 500 * ms}, want: []string{"fast"}, reasons: map[string]string{"slow": ReasonInfeasible},
		},
		{
			name: "no budget, nothing infeasible", permitted: []engine.Candidate{slow}, stream: true, want: []string{"slow"},
		},
		{
			name: "unary has no first token", permitted: []engine.Candidate{slow}, budget: engine.Budget{TTFT: ms, TPOT: ms}, want: []string{"slow"},
		},
		{
			name: "unary total", permitted: []engine.Candidate{slow, fast}, budget: engine.Budget{Total: 4 * time.Second},
			want: []string{"fast"}, reasons: map[string]string{"slow": ReasonInfeasible},
		},
		{
			name: "a short answer makes the total", permitted: []engine.Candidate{slow}, budget: engine.Budget{Total: 8 * time.Second},
			maxOutput: 4, want: []string{"slow"},
		},
		{
			name: "pace", permitted: []engine.Candidate{slow, fast}, stream: true, budget: engine.Budget{TPOT: 50 * ms},
			want: []string{"fast"}, reasons: map[string]string{"slow": ReasonInfeasible},
		},
		{
			name: "infeasible everywhere", permitted: []engine.Candidate{slow, fast}, stream: true, budget: engine.Budget{TTFT: ms},
			reasons: map[string]string{"slow": ReasonInfeasible, "fast": ReasonInfeasible}, infeasible: true,
		},
		{
			name: "time already spent", permitted: []engine.Candidate{fast}, stream: true, budget: engine.Budget{TTFT: time.Second},
			elapsed: 2 * time.Second, reasons: map[string]string{"fast": ReasonSpent}, infeasible: true,
		},
		{
			name: "negative budget", permitted: []engine.Candidate{fast}, budget: engine.Budget{Total: -time.Second},
			reasons: map[string]string{"fast": ReasonSpent}, infeasible: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{})
			p := s.Plan(&engine.PlanQuery{
				Permitted: tt.permitted, Prefer: tt.prefer, Budget: tt.budget, Elapsed: tt.elapsed,
				PromptTokens: 1000, MaxOutputTokens: tt.maxOutput, Stream: tt.stream,
			}, noon)
			if d := cmp.Diff(tt.want, order(p)); d != "" {
				t.Errorf("order (-want +got):\n%s", d)
			}
			if p.Infeasible != tt.infeasible || p.Shed || p.RetryAfter != 0 {
				t.Errorf("infeasible %v, shed %v, retry after %v; want %v, false, 0", p.Infeasible, p.Shed, p.RetryAfter, tt.infeasible)
			}
			got := reasons(p)
			for key, reason := range got {
				if reason != tt.reasons[key] {
					t.Errorf("%s: reason %q, want %q", key, reason, tt.reasons[key])
				}
			}
			for i, a := range p.Attempts {
				if a.Number != i+1 || a.PredictedTTFT <= 0 || a.PMeet < 0 || a.PMeet > 1 {
					t.Errorf("attempt %d: number %d, predicted %v, p %v", i, a.Number, a.PredictedTTFT, a.PMeet)
				}
			}
		})
	}
}

func TestPlanNumbers(t *testing.T) {
	s := New(Config{})
	known := priced(candidate("known", 400*ms, 20*ms), 2, 8)
	p := s.Plan(&engine.PlanQuery{
		Permitted:    []engine.Candidate{candidate("unknown", 800*ms, 20*ms), known},
		PromptTokens: 1000, MaxOutputTokens: 100,
	}, noon)
	// 1,000 tokens in at $2 and 100 out at $8 for a million; 400 ms and 20 µs a
	// token; $100 of value, less $2.80 and half of 0.42.
	want := []engine.Consideration{
		{Key: "known", Score: 100 - 2.8 - 0.21, PMeet: 1, PredictedTTFT: 420, CostUSD: 0.0028},
		{Key: "unknown", Score: 100 - 2.8 - 0.41, PMeet: 1, PredictedTTFT: 820},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if d := cmp.Diff(want, p.Considered, near); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPlanUnderLoad(t *testing.T) {
	full := candidate("full", 400*ms, 20*ms)
	full.MaxConcurrency = 2
	other := candidate("other", 400*ms, 20*ms)
	query := func(c ...engine.Candidate) *engine.PlanQuery {
		return &engine.PlanQuery{Permitted: c, PromptTokens: 100, Stream: true, Budget: engine.Budget{TTFT: 2 * time.Second}}
	}

	t.Run("concurrency", func(t *testing.T) {
		s := New(Config{})
		s.Begin("full", "m", 100, noon)
		if p := s.Plan(query(full, other), noon); len(p.Attempts) != 2 {
			t.Fatalf("below the limit: %v", reasons(p))
		}
		s.Begin("full", "another model of it", 100, noon)
		p := s.Plan(query(full, other), noon)
		if d := cmp.Diff([]string{"other"}, order(p)); d != "" {
			t.Errorf("at the limit (-want +got):\n%s", d)
		}
		if got := reasons(p)["full"]; got != ReasonFull {
			t.Errorf("reason %q", got)
		}
		p = s.Plan(query(full), noon)
		if !p.Shed || p.Infeasible || p.RetryAfter < leastRetry || p.RetryAfter > time.Minute {
			t.Errorf("alone at the limit: %+v", p)
		}
		s.End(engine.Sample{Target: "full", Model: "m", PromptTokens: 100, Total: time.Second, TTFT: 400 * ms, OutputTokens: 30}, noon.Add(time.Second))
		if p := s.Plan(query(full), noon.Add(time.Second)); len(p.Attempts) != 1 {
			t.Errorf("after the end: %v", reasons(p))
		}
	})

	t.Run("pause", func(t *testing.T) {
		s := New(Config{})
		s.Begin("other", "m", 100, noon)
		s.End(engine.Sample{Target: "other", Model: "m", PromptTokens: 100, Total: 60 * ms, Failed: true, RetryAfter: 7 * time.Second}, noon)
		p := s.Plan(query(other), noon.Add(2*time.Second))
		if !p.Shed || p.RetryAfter != 5*time.Second || reasons(p)["other"] != ReasonPaused {
			t.Errorf("in the pause: shed %v, retry after %v, %v", p.Shed, p.RetryAfter, reasons(p))
		}
		p = s.Plan(query(other, full), noon.Add(2*time.Second))
		if d := cmp.Diff([]string{"full"}, order(p)); d != "" {
			t.Errorf("with another (-want +got):\n%s", d)
		}
		if p := s.Plan(query(other), noon.Add(7*time.Second)); len(p.Attempts) != 1 {
			t.Errorf("after the pause: %v", reasons(p))
		}
		if p := s.Plan(query(other), noon.Add(-time.Hour)); len(p.Attempts) != 1 {
			t.Errorf("clock set back: %v", reasons(p))
		}
	})

	t.Run("pause is bounded and never shortened", func(t *testing.T) {
		s := New(Config{MaxPause: 10 * time.Second})
		for _, after := range []time.Duration{1000 * time.Hour, time.Second} {
			s.Begin("other", "m", 100, noon)
			s.End(engine.Sample{Target: "other", Model: "m", PromptTokens: 100, Failed: true, RetryAfter: after}, noon)
		}
		if p := s.Plan(query(other), noon); p.RetryAfter != 10*time.Second {
			t.Errorf("retry after %v", p.RetryAfter)
		}
	})

	t.Run("infeasible is not blamed on load", func(t *testing.T) {
		s := New(Config{})
		s.Begin("full", "m", 100, noon)
		s.Begin("full", "m", 100, noon)
		q := query(full)
		q.Budget.TTFT = ms
		if p := s.Plan(q, noon); p.Shed || !p.Infeasible || reasons(p)["full"] != ReasonInfeasible {
			t.Errorf("%+v", p)
		}
	})

	t.Run("overload", func(t *testing.T) {
		s := New(Config{})
		// A backlog of two million prompt tokens at the prior's 10 µs each: 20 s.
		for range 200 {
			s.Begin("other", "m", 10_000, noon)
		}
		p := s.Plan(query(other), noon)
		if !p.Shed || reasons(p)["other"] != ReasonOverloaded || p.RetryAfter < 10*time.Second {
			t.Errorf("shed %v, retry after %v, %v", p.Shed, p.RetryAfter, reasons(p))
		}
		if p := s.Plan(query(other, full), noon); len(p.Attempts) != 1 || p.Attempts[0].Candidate.Key != "full" {
			t.Errorf("with another: %v", order(p))
		}
		q := query(other)
		q.Budget = engine.Budget{}
		if p := s.Plan(q, noon); len(p.Attempts) != 1 {
			t.Errorf("without a budget: %v", reasons(p))
		}
	})
}

// TestPlanLeavesTheQueryAlone guards the promise that a plan is copies.
func TestPlanLeavesTheQueryAlone(t *testing.T) {
	permitted := []engine.Candidate{candidate("b", 400*ms, 20*ms), candidate("a", 100*ms, 20*ms)}
	p := New(Config{}).Plan(&engine.PlanQuery{Permitted: permitted}, noon)
	p.Attempts[0].Candidate.Key = "changed"
	if permitted[0].Key != "b" || permitted[1].Key != "a" {
		t.Errorf("permitted is now %q, %q", permitted[0].Key, permitted[1].Key)
	}
}
