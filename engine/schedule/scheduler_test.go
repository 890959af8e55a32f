package schedule

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// engineModel is a synthetic target: what its attempts really take.
type engineModel struct {
	base, perToken, tpot time.Duration
	spread               float64 // of the noise, in octaves
}

// attempt runs one attempt to its end and returns when that was.
func (m engineModel) attempt(s *Scheduler, rng *rand.Rand, target string, prompt, output int, unary bool, now time.Time) time.Time {
	s.Begin(target, "m", prompt, now)
	noise := math.Exp2(m.spread * rng.NormFloat64())
	ttft := time.Duration(noise * float64(m.base+time.Duration(prompt)*m.perToken))
	total := ttft + time.Duration(noise*float64(m.tpot)*float64(output-1))
	sample := engine.Sample{Target: target, Model: "m", PromptTokens: prompt, OutputTokens: output, TTFT: ttft, Total: total, Unary: unary}
	if unary {
		sample.TTFT = total
	}
	end := now.Add(total)
	s.End(sample, end)
	return end
}

func predicted(s *Scheduler, c engine.Candidate, prompt int, now time.Time) engine.Attempt {
	return s.Plan(&engine.PlanQuery{Permitted: []engine.Candidate{c}, PromptTokens: prompt, Stream: true}, now).Attempts[0]
}

// meet lets s see the candidate, as every attempt's plan does before it begins.
func meet(s *Scheduler, c engine.Candidate) {
	s.Plan(&engine.PlanQuery{Permitted: []engine.Candidate{c}}, noon)
}

func within(got, want time.Duration, share float64) bool {
	return math.Abs(float64(got-want)) <= share*float64(want)
}

// TestLearns checks that fifty samples make the prediction good to a quarter,
// whatever the hint said.
func TestLearns(t *testing.T) {
	truth := engineModel{base: 300 * ms, perToken: 60 * time.Microsecond, tpot: 25 * ms, spread: 0.15}
	for _, hint := range []time.Duration{0, 3 * ms, 100 * ms, 300 * ms, time.Second, 30 * time.Second} {
		t.Run(fmt.Sprint("hint ", hint), func(t *testing.T) {
			s, rng, now := New(Config{}), rand.New(rand.NewPCG(7, 8)), noon
			c := candidate("t", hint, 0)
			meet(s, c)
			for range 50 {
				now = truth.attempt(s, rng, "t", rng.IntN(8000), 1+rng.IntN(400), false, now)
			}
			for _, prompt := range []int{0, 1000, 4000, 8000} {
				want := truth.base + time.Duration(prompt)*truth.perToken
				if got := predicted(s, c, prompt, now).PredictedTTFT; !within(got, want, 0.25) {
					t.Errorf("%d tokens: predicted %v, is %v", prompt, got, want)
				}
			}
			tr := s.track(name{"t", "m"}, now)
			got := duration(tr.predictor.predict(tr.situation(1000, now), false).tpot)
			if !within(got, truth.tpot, 0.25) {
				t.Errorf("TPOT: predicted %v, is %v", got, truth.tpot)
			}
		})
	}
}

// TestLearnsFromWholeReplies has only the total to learn from.
func TestLearnsFromWholeReplies(t *testing.T) {
	truth := engineModel{base: 600 * ms, perToken: 100 * time.Microsecond, tpot: 40 * ms, spread: 0.1}
	s, rng, now := New(Config{}), rand.New(rand.NewPCG(9, 10)), noon
	for range 100 {
		now = truth.attempt(s, rng, "t", 500+rng.IntN(1000), 50+rng.IntN(300), true, now)
	}
	tr := s.track(name{"t", "m"}, now)
	p := tr.predictor.predict(tr.situation(1000, now), false)
	got := duration(p.ttft + 199*p.tpot)
	if want := truth.base + 1000*truth.perToken + 199*truth.tpot; !within(got, want, 0.25) {
		t.Errorf("200 tokens: predicted %v, is %v", got, want)
	}
}

// TestBacklog checks that a target that slows down with the tokens before it is
// predicted so.
func TestBacklog(t *testing.T) {
	s, rng, now := New(Config{}), rand.New(rand.NewPCG(11, 12)), noon
	c := candidate("t", 200*ms, 20*ms)
	meet(s, c)
	for range 200 {
		n := rng.IntN(10)
		backlog := 0
		for range n {
			s.Begin("t", "m", 3000, now)
			backlog += 3000
		}
		s.Begin("t", "m", 1000, now)
		ttft := 200*ms + time.Duration(1000+backlog)*50*time.Microsecond
		s.End(engine.Sample{Target: "t", Model: "m", PromptTokens: 1000, OutputTokens: 1, TTFT: ttft, Total: ttft}, now.Add(ttft))
		for range n {
			// Refused at once, so that only the attempt of 1,000 tokens teaches.
			s.End(engine.Sample{Target: "t", Model: "m", PromptTokens: 3000, Failed: true, Total: time.Millisecond}, now)
		}
		now = now.Add(10 * time.Second)
	}
	if got, want := predicted(s, c, 1000, now).PredictedTTFT, 250*ms; !within(got, want, 0.25) {
		t.Errorf("idle: predicted %v, is %v", got, want)
	}
	for range 8 {
		s.Begin("t", "m", 3000, now)
	}
	if got, want := predicted(s, c, 1000, now).PredictedTTFT, 1450*ms; !within(got, want, 0.25) {
		t.Errorf("behind 24,000 tokens: predicted %v, is %v", got, want)
	}
}

// TestFollowsSlowDown checks the way there and back, and that an idle target is
// forgiven.
func TestFollowsSlowDown(t *testing.T) {
	truth := engineModel{base: 300 * ms, tpot: 20 * ms, spread: 0.1}
	slow := engineModel{base: 1500 * ms, tpot: 100 * ms, spread: 0.1}
	s, rng, now := New(Config{}), rand.New(rand.NewPCG(13, 14)), noon
	c := candidate("t", 300*ms, 20*ms)
	meet(s, c)
	for range 100 {
		now = truth.attempt(s, rng, "t", 100, 50, false, now)
	}
	for range 12 {
		now = slow.attempt(s, rng, "t", 100, 50, false, now)
	}
	if got := predicted(s, c, 100, now).PredictedTTFT; !within(got, slow.base, 0.4) {
		t.Errorf("after twelve slow attempts: predicted %v, is %v", got, slow.base)
	}
	q := &engine.PlanQuery{Permitted: []engine.Candidate{c}, PromptTokens: 100, Stream: true, Budget: engine.Budget{TTFT: 500 * ms}}
	if p := s.Plan(q, now); p.Infeasible {
		t.Error("a passing slow-down made the budget infeasible, not overloaded")
	}
	if got := predicted(s, c, 100, now.Add(time.Hour)).PredictedTTFT; !within(got, truth.base, 0.25) {
		t.Errorf("after an idle hour: predicted %v, prior %v", got, truth.base)
	}
	for range 30 {
		now = truth.attempt(s, rng, "t", 100, 50, false, now)
	}
	if got := predicted(s, c, 100, now).PredictedTTFT; !within(got, truth.base, 0.4) {
		t.Errorf("after recovery: predicted %v, is %v", got, truth.base)
	}
}

// TestGivenUpAttemptsCount cancels whatever takes longer than the budget, as
// on-miss cancel does. The target must not come to look as if it made it.
func TestGivenUpAttemptsCount(t *testing.T) {
	const budget, seeds, attempts = 2 * time.Second, 20, 400
	for _, unary := range []bool{false, true} {
		t.Run(fmt.Sprint("unary ", unary), func(t *testing.T) {
			said, met := 0.0, 0
			for seed := range uint64(seeds) {
				s, rng, now := New(Config{}), rand.New(rand.NewPCG(15, seed)), noon
				c := candidate("t", 500*ms, 10*ms)
				meet(s, c)
				for range attempts {
					s.Begin("t", "m", 100, now)
					took := time.Duration(2.2 * math.Exp2(rng.NormFloat64()) * float64(time.Second))
					sample := engine.Sample{Target: "t", Model: "m", PromptTokens: 100, Unary: unary}
					if took > budget {
						took, sample.Cancelled = budget, true
					} else {
						met++
						sample.TTFT, sample.OutputTokens = took, 1
					}
					sample.Total = took
					now = now.Add(took)
					s.End(sample, now)
				}
				q := &engine.PlanQuery{Permitted: []engine.Candidate{c}, PromptTokens: 100, Stream: !unary, MaxOutputTokens: 1}
				if unary {
					q.Budget.Total = budget
				} else {
					q.Budget.TTFT = budget
				}
				said += s.Plan(q, now).Considered[0].PMeet / seeds
			}
			truth := float64(met) / (seeds * attempts)
			if math.Abs(said-truth) > 0.06 {
				t.Errorf("P(meet) = %.3f in the mean, in truth %.3f", said, truth)
			}
		})
	}
}

// TestSilentTarget gives up every attempt at a target that accepts and never
// answers; it must lose its place to a slower one that does.
func TestSilentTarget(t *testing.T) {
	s, now := New(Config{}), noon
	silent, slower := candidate("silent", 200*ms, 10*ms), candidate("slower", 900*ms, 10*ms)
	q := &engine.PlanQuery{Permitted: []engine.Candidate{silent, slower}, PromptTokens: 500, Stream: true, Budget: engine.Budget{TTFT: 2 * time.Second}}
	if first := order(s.Plan(q, now))[0]; first != "silent" {
		t.Fatalf("first %q before any sample", first)
	}
	for range 10 {
		s.Begin("silent", "m", 500, now)
		now = now.Add(2 * time.Second)
		s.End(engine.Sample{Target: "silent", Model: "m", PromptTokens: 500, Total: 2 * time.Second, Cancelled: true}, now)
	}
	if first := order(s.Plan(q, now))[0]; first != "slower" {
		t.Errorf("first %q after ten silent attempts", first)
	}
}

func TestOutputLength(t *testing.T) {
	s, rng, now := New(Config{}), rand.New(rand.NewPCG(17, 18)), noon
	c := priced(candidate("t", 200*ms, 10*ms), 0, 1e6) // a dollar a token
	cost := func(limit int) float64 {
		p := s.Plan(&engine.PlanQuery{Permitted: []engine.Candidate{c}, MaxOutputTokens: limit}, now)
		return p.Considered[0].CostUSD
	}
	if got := cost(0); got != 256 {
		t.Errorf("before any sample: %v tokens", got)
	}
	if got := cost(10); got != 10 {
		t.Errorf("with a limit of 10: %v tokens", got)
	}
	m := engineModel{base: 200 * ms, tpot: 10 * ms}
	for range 200 {
		now = m.attempt(s, rng, "t", 100, 20+rng.IntN(40), false, now)
	}
	if got := cost(4000); math.Abs(got-40) > 10 {
		t.Errorf("after replies of 40 tokens: %v tokens", got)
	}
}

// TestCountersAreExact mixes begins and ends in any order, some of them
// nonsense, and checks that everything in flight is known at every step.
func TestCountersAreExact(t *testing.T) {
	rng, s, now := rand.New(rand.NewPCG(19, 20)), New(Config{}), noon
	var flying []int
	tokens := 0
	for range 5000 {
		now = now.Add(time.Duration(rng.IntN(1000)-100) * ms)
		if rng.IntN(2) == 0 {
			n := rng.IntN(5000)
			s.Begin("t", "m", n, now)
			flying = append(flying, n)
			tokens += n
		} else if len(flying) > 0 {
			i := rng.IntN(len(flying))
			s.End(engine.Sample{Target: "t", Model: "m", PromptTokens: flying[i], Total: time.Duration(rng.IntN(5000)) * ms, Failed: rng.IntN(2) == 0}, now)
			tokens -= flying[i]
			flying = append(flying[:i], flying[i+1:]...)
		} else {
			s.End(engine.Sample{Target: "t", Model: "m", PromptTokens: 1}, now)
			s.End(engine.Sample{Target: "nowhere", Model: "m"}, now)
		}
		tr := s.track(name{"t", "m"}, now)
		if got := tr.target.running.Load(); got != int64(len(flying)) || tr.backlog != tokens || len(tr.flights) != len(flying) {
			t.Fatalf("running %d, flights %d, backlog %d; want %d, %d, %d", got, len(tr.flights), tr.backlog, len(flying), len(flying), tokens)
		}
	}
}

// TestPlanProperties plans random queries, nonsense included, over a scheduler
// with a random past.
func TestPlanProperties(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	pick := func(d ...time.Duration) time.Duration { return d[rng.IntN(len(d))] }
	s, now := New(Config{}), noon
	for round := range 3000 {
		now = now.Add(pick(0, ms, time.Second, time.Hour, -time.Hour, -100*365*24*time.Hour, 100*365*24*time.Hour))
		q := engine.PlanQuery{
			Prefer:          map[string]float64{},
			Elapsed:         pick(0, ms, -time.Hour, time.Hour),
			PromptTokens:    []int{0, 1, 800, 1 << 40, -5}[rng.IntN(5)],
			MaxOutputTokens: []int{0, 1, 500, 1 << 40, -5}[rng.IntN(5)],
			Stream:          rng.IntN(2) == 0,
		}
		q.Budget.TTFT = pick(0, 1, ms, 2*time.Second, math.MaxInt64, -1)
		q.Budget.TPOT = pick(0, 1, ms, time.Second, math.MaxInt64, -1)
		q.Budget.Total = pick(0, 1, ms, time.Minute, math.MaxInt64, math.MinInt64)
		for range rng.IntN(12) {
			target, scale := fmt.Sprint("t", rng.IntN(8)), []float64{0, 0.01, 1, 100, 1e9}[rng.IntN(5)]
			c := candidate(target, time.Duration(scale*float64(400*ms)), time.Duration(scale*float64(15*ms)))
			c.Model = fmt.Sprint("m", rng.IntN(2))
			c.Key = target + "/" + c.Model
			c.MaxConcurrency = rng.IntN(3)
			c.Facts.Healthy = rng.IntN(3) > 0
			c.Price = engine.Price{Input: rng.NormFloat64(), Output: []float64{0, 1, math.NaN(), math.Inf(1), -1}[rng.IntN(5)], Known: rng.IntN(2) == 0}
			q.Permitted = append(q.Permitted, c)
			q.Prefer[c.Key] = []float64{0, 0.5, 1, 2, -1, math.NaN(), math.Inf(1)}[rng.IntN(7)]
		}
		p := s.Plan(&q, now)
		checkPlan(t, &q, p)
		if t.Failed() {
			t.Fatalf("round %d, seed %d", round, seed)
		}
		shuffled := q
		shuffled.Permitted = append([]engine.Candidate(nil), q.Permitted...)
		if again := s.Plan(&shuffled, now); fmt.Sprint(order(again)) != fmt.Sprint(order(p)) {
			t.Fatalf("round %d, seed %d: the same facts gave %v, then %v", round, seed, order(p), order(again))
		}
		for _, a := range p.Attempts {
			s.Begin(a.Candidate.Target, a.Candidate.Model, q.PromptTokens, now)
			s.End(engine.Sample{
				Target: a.Candidate.Target, Model: a.Candidate.Model, PromptTokens: q.PromptTokens,
				OutputTokens: []int{0, 1, 300, 1 << 40, -1}[rng.IntN(5)],
				TTFT:         pick(0, 1, ms, time.Second, math.MaxInt64, -1),
				Total:        pick(0, 1, ms, time.Minute, math.MaxInt64, -1),
				Failed:       rng.IntN(4) == 0, Cancelled: rng.IntN(4) == 0, Unary: rng.IntN(2) == 0,
				RetryAfter: pick(0, 0, 0, 0, time.Second, math.MaxInt64, -1),
			}, now.Add(pick(0, time.Second, -time.Hour)))
		}
	}
}

// checkPlan checks what holds of every plan.
func checkPlan(t *testing.T, q *engine.PlanQuery, p engine.Plan) {
	t.Helper()
	permitted := map[string]bool{}
	for _, c := range q.Permitted {
		permitted[c.Key] = true
	}
	tried := map[string]bool{}
	for i, a := range p.Attempts {
		if !permitted[a.Candidate.Key] {
			t.Errorf("%s is not permitted", a.Candidate.Key)
		}
		if tried[a.Candidate.Key] {
			t.Errorf("%s is tried twice", a.Candidate.Key)
		}
		tried[a.Candidate.Key] = true
		if a.Number != i+1 {
			t.Errorf("attempt %d has number %d", i+1, a.Number)
		}
		if !(a.PMeet >= 0 && a.PMeet <= 1) || a.PredictedTTFT < 0 {
			t.Errorf("%s: P(meet) %v, TTFT %v", a.Candidate.Key, a.PMeet, a.PredictedTTFT)
		}
	}
	seen := map[string]bool{}
	for _, c := range p.Considered {
		if !permitted[c.Key] || seen[c.Key] {
			t.Errorf("%s was considered wrongly", c.Key)
		}
		seen[c.Key] = true
		if tried[c.Key] != (c.Reason == "") {
			t.Errorf("%s: tried %v, reason %q", c.Key, tried[c.Key], c.Reason)
		}
		if math.IsNaN(c.Score) || math.IsInf(c.Score, 0) || math.IsNaN(c.CostUSD) {
			t.Errorf("%s: score %v, cost %v", c.Key, c.Score, c.CostUSD)
		}
	}
	if len(seen) != len(permitted) {
		t.Errorf("considered %d of %d", len(seen), len(permitted))
	}
	refused := len(p.Attempts) == 0 && len(permitted) > 0
	if (p.Shed || p.Infeasible) != refused || p.Shed && p.Infeasible {
		t.Errorf("%d attempts, shed %v, infeasible %v", len(p.Attempts), p.Shed, p.Infeasible)
	}
	if p.Shed != (p.RetryAfter > 0) || p.RetryAfter > time.Minute {
		t.Errorf("shed %v, retry after %v", p.Shed, p.RetryAfter)
	}
	if q.Budget == (engine.Budget{}) && p.Infeasible {
		t.Error("infeasible without a budget")
	}
}

func TestReloadedHintStartsAnew(t *testing.T) {
	truth := engineModel{base: 300 * ms, tpot: 10 * ms}
	s, rng, now := New(Config{}), rand.New(rand.NewPCG(21, 22)), noon
	c := candidate("t", 300*ms, 10*ms)
	meet(s, c)
	for range 50 {
		now = truth.attempt(s, rng, "t", 0, 10, false, now)
	}
	s.Begin("t", "m", 0, now)
	c.TTFTHint = 3 * time.Second
	if got := predicted(s, c, 0, now).PredictedTTFT; !within(got, 3*time.Second, 0.01) {
		t.Errorf("predicted %v, the new hint says 3s", got)
	}
	if n := s.track(name{"t", "m"}, now).target.running.Load(); n != 1 {
		t.Errorf("running %d, want 1", n)
	}
}

// TestStateIsBounded stands for years of reloads with ever new names: it meets a
// new one when the bound is reached.
func TestStateIsBounded(t *testing.T) {
	s := New(Config{})
	s.Begin("busy", "m", 1, noon)
	full := maps.Clone(*s.tracks.Load())
	for i := range maxTracks - 1 {
		full[name{"old", fmt.Sprint(i)}] = &track{target: new(targetLoad), used: noon.Add(time.Duration(i + 1))}
	}
	s.tracks.Store(&full)
	oldest, newest := full[name{"old", "0"}], name{"old", fmt.Sprint(maxTracks - 2)}

	s.Begin("new", "m", 1, noon.Add(time.Hour))
	tracks := *s.tracks.Load()
	if len(tracks) > maxTracks/2+2 {
		t.Errorf("%d tracks", len(tracks))
	}
	if tracks[name{"busy", "m"}] == nil || tracks[name{"new", "m"}] == nil || tracks[newest] == nil {
		t.Error("a track in use was dropped")
	}
	if tracks[name{"old", "0"}] != nil || oldest.begin(1, noon) {
		t.Error("the track that was used longest ago is still there, or takes attempts after it was dropped")
	}
}

func TestConcurrentUse(t *testing.T) {
	s := New(Config{})
	c := []engine.Candidate{candidate("a", 0, 0), candidate("b", 0, 0), candidate("c", 0, 0)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 300 {
				now := noon.Add(time.Duration(i) * ms)
				p := s.Plan(&engine.PlanQuery{Permitted: c, PromptTokens: i, Stream: true, Budget: engine.Budget{TTFT: time.Minute}}, now)
				a := p.Attempts[i%len(p.Attempts)].Candidate
				s.Begin(a.Target, a.Model, i, now)
				s.End(engine.Sample{Target: a.Target, Model: a.Model, PromptTokens: i, TTFT: ms, Total: 2 * ms, OutputTokens: 5}, now)
			}
		})
	}
	wg.Wait()
	for n, tr := range *s.tracks.Load() {
		if tr.target.running.Load() != 0 || tr.backlog != 0 || len(tr.flights) != 0 {
			t.Errorf("%v: running %d, backlog %d", n, tr.target.running.Load(), tr.backlog)
		}
	}
}

func benchmarkQuery(s *Scheduler, n int) *engine.PlanQuery {
	rng, now := rand.New(rand.NewPCG(23, 24)), noon
	q := &engine.PlanQuery{
		PromptTokens: 1200, Stream: true, Prefer: map[string]float64{"t3": 0.8},
		Budget: engine.Budget{TTFT: 2 * time.Second, Total: 20 * time.Second},
	}
	for i := range n {
		c := priced(candidate(fmt.Sprint("t", i), 400*ms, 15*ms), 1, 4)
		q.Permitted = append(q.Permitted, c)
		meet(s, c)
		m := engineModel{base: time.Duration(300+10*i) * ms, perToken: 20 * time.Microsecond, tpot: 15 * ms, spread: 0.3}
		for range 100 {
			m.attempt(s, rng, c.Target, 100+rng.IntN(4000), 1+rng.IntN(400), false, now)
		}
	}
	return q
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 4, 16} {
		b.Run(fmt.Sprint("targets=", n), func(b *testing.B) {
			s := New(Config{})
			q := benchmarkQuery(s, n)
			b.ReportAllocs()
			for b.Loop() {
				s.Plan(q, noon)
			}
		})
	}
}

func BenchmarkBeginEnd(b *testing.B) {
	s := New(Config{})
	benchmarkQuery(s, 1)
	sample := engine.Sample{Target: "t0", Model: "m", PromptTokens: 1200, OutputTokens: 200, TTFT: 400 * ms, Total: 3 * time.Second}
	b.ReportAllocs()
	for b.Loop() {
		s.Begin("t0", "m", 1200, noon)
		s.End(sample, noon)
	}
}
