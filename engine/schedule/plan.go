package schedule

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Reasons why a permitted candidate is not in a plan, as they stand in
// engine.Consideration.
const (
	ReasonInfeasible = "budget_infeasible" // could not make the budget even when idle
	ReasonSpent      = "budget_spent"      // no time was left when the plan was made
	ReasonOverloaded = "overloaded"        // could make the budget, but not under its present load
	ReasonPaused     = "paused"            // asked for a pause that is not over
	ReasonFull       = "max_concurrency"   // at its declared concurrency
)

// leastPMeet is the least probability of meeting the budget that is worth a try.
// Below it a request most likely spends tokens to miss.
const leastPMeet = 0.05

// likelyPMeet is the least probability of meeting the budget with which a candidate
// that loses nothing of the request comes before one that does: who misses the
// budget to save a seed has served nobody.
const likelyPMeet = 0.5

// leastRetry is the shortest wait that is asked of a client.
const leastRetry = 100 * time.Millisecond

// view is a candidate as one plan sees it.
type view struct {
	candidate *engine.Candidate
	track     *track
	cost      float64 // US dollars for the request; NaN: unknown
	times     times
	pMeet     float64
	weight    float64 // of policy, 0..1
	score     float64
	whole     bool          // comes before those that lose something of the request
	reason    string        // why it is left out
	wait      time.Duration // until it may be there again, where load alone keeps it out
}

// Plan orders the permitted candidates for a request. It keeps nothing of q. The
// candidates it returns are copies. Plan.Considered has every permitted
// candidate once: first those in the plan, in its order, then the rest by key.
// There PredictedTTFT is in milliseconds and CostUSD in US dollars for the
// request, 0 where the candidate has no known price.
func (s *Scheduler) Plan(q *engine.PlanQuery, now time.Time) engine.Plan {
	var room [16]view
	views := room[:0]
	b := remaining(q)
	dearest := 0.0
	for i := range q.Permitted {
		c := &q.Permitted[i]
		t := s.track(name{c.Target, c.Model}, now)
		if slices.ContainsFunc(views, func(v view) bool { return v.track == t }) {
			continue // the same destination twice is one disclosure
		}
		v := view{candidate: c, track: t}
		s.look(&v, q, b, now)
		if v.cost > dearest {
			dearest = v.cost
		}
		views = append(views, v)
	}
	for i := range views {
		s.score(&views[i], q.Prefer, dearest)
	}
	noteWhole(views)
	slices.SortStableFunc(views, inOrder)
	return s.plan(views)
}

// remaining is what is left of the budget. What a client cannot see does not
// bind: of a reply that comes whole, only the total.
func remaining(q *engine.PlanQuery) left {
	rest := func(d time.Duration) float64 {
		if d == 0 {
			return math.Inf(1)
		}
		return (d - q.Elapsed).Seconds()
	}
	b := left{ttft: math.Inf(1), tpot: math.Inf(1), total: rest(q.Budget.Total)}
	if q.Stream {
		b.ttft = rest(q.Budget.TTFT)
		if q.Budget.TPOT != 0 {
			b.tpot = q.Budget.TPOT.Seconds()
		}
	}
	return b
}

// look fills in what a candidate would do with the request.
func (s *Scheduler) look(v *view, q *engine.PlanQuery, b left, now time.Time) {
	c, t := v.candidate, v.track
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hint(s.prior(c.TTFTHint, c.TPOTHint))
	p := &t.predictor
	here := t.situation(q.PromptTokens, now)
	v.times = p.predict(here, false)
	v.pMeet = p.meets(v.times, b, q.MaxOutputTokens)
	output := p.output(q.MaxOutputTokens)
	v.cost = price(c.Price, here.prompt, output)

	pause := t.target.paused(now)
	running := t.target.running.Load()
	full := c.MaxConcurrency > 0 && running >= int64(c.MaxConcurrency)
	if v.pMeet >= leastPMeet && pause == 0 && !full {
		return
	}
	if b.ttft <= 0 || b.total <= 0 {
		v.reason = ReasonSpent
		return
	}
	rested := situation{prompt: here.prompt, idle: here.idle}
	if p.meets(p.predict(rested, true), b, q.MaxOutputTokens) < leastPMeet {
		v.reason = ReasonInfeasible
		return
	}
	whole := v.times.ttft + v.times.tpot*output
	switch {
	case pause > 0:
		v.reason, v.wait = ReasonPaused, pause
	case full:
		// The next of the running attempts ends, on average, after its share of a
		// whole one.
		v.reason, v.wait = ReasonFull, duration(whole/float64(running))
	default:
		// What stands before the request must have been worked off.
		v.reason, v.wait = ReasonOverloaded, duration(max(v.times.ttft-b.ttft, whole-b.total, 0))
	}
}

// price is the cost of a request in US dollars; NaN: unknown.
func price(p engine.Price, prompt int, output float64) float64 {
	if !p.Known {
		return math.NaN()
	}
	usd := p.Cost(engine.Usage{Input: prompt, Output: int(math.Ceil(output))})
	if usd < 0 || math.IsInf(usd, 0) {
		return math.NaN()
	}
	return usd
}

func (s *Scheduler) score(v *view, prefer map[string]float64, dearest float64) {
	v.weight = 1
	if w, ok := prefer[v.candidate.Key]; ok {
		v.weight = 0
		if w > 0 { // not so for NaN
			v.weight = min(w, 1)
		}
	}
	cost := v.cost
	if math.IsNaN(cost) {
		cost, v.cost = dearest, 0
	}
	v.score = v.weight*s.config.ValuePerMet*v.pMeet - 1000*cost - s.config.LatencyPrice*v.times.ttft
}

// noteWhole notes which candidates come first because they lose nothing of the
// request: those that will more likely than not meet the budget, unless policy
// prefers one that loses something. What policy prefers has its reasons, such as
// the model that the request needs.
func noteWhole(views []view) {
	preferred := 0.0
	for i := range views {
		if v := &views[i]; v.reason == "" && len(v.candidate.Losses) > 0 {
			preferred = max(preferred, v.weight)
		}
	}
	for i := range views {
		v := &views[i]
		v.whole = len(v.candidate.Losses) == 0 && v.pMeet >= likelyPMeet && v.weight >= preferred
	}
}

// inOrder sorts what is left out last and by key, the rest healthy first, then
// whole, then by falling score, equals by key.
func inOrder(a, b view) int {
	if x := compareFalseFirst(a.reason != "", b.reason != ""); x != 0 {
		return x
	}
	if a.reason == "" {
		if x := compareFalseFirst(!a.candidate.Facts.Healthy, !b.candidate.Facts.Healthy); x != 0 {
			return x
		}
		if x := compareFalseFirst(!a.whole, !b.whole); x != 0 {
			return x
		}
		if x := cmp.Compare(b.score, a.score); x != 0 {
			return x
		}
	}
	return cmp.Or(strings.Compare(a.candidate.Key, b.candidate.Key),
		strings.Compare(a.candidate.Target, b.candidate.Target), strings.Compare(a.candidate.Model, b.candidate.Model))
}

func compareFalseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// plan makes the plan of views in order.
func (s *Scheduler) plan(views []view) engine.Plan {
	p := engine.Plan{Considered: make([]engine.Consideration, len(views))}
	for i := range views {
		v := &views[i]
		ttft := duration(v.times.ttft)
		p.Considered[i] = engine.Consideration{
			Key: v.candidate.Key, Score: v.score, PMeet: v.pMeet,
			PredictedTTFT: ttft.Milliseconds(), CostUSD: v.cost, Losses: v.candidate.Losses, Reason: v.reason,
		}
		switch {
		case v.reason == "":
			if p.Attempts == nil {
				p.Attempts = make([]engine.Attempt, 0, len(views)-i)
			}
			p.Attempts = append(p.Attempts,
				engine.Attempt{Candidate: *v.candidate, Number: i + 1, PredictedTTFT: ttft, PMeet: v.pMeet})
		case len(p.Attempts) == 0 && v.loaded():
			if !p.Shed || v.wait < p.RetryAfter {
				p.RetryAfter = v.wait
			}
			p.Shed = true
		}
	}
	if p.Shed {
		p.RetryAfter = min(max(p.RetryAfter, leastRetry), s.config.MaxPause)
	}
	p.Infeasible = len(views) > 0 && len(p.Attempts) == 0 && !p.Shed
	return p
}

// loaded says whether load alone keeps the candidate out.
func (v *view) loaded() bool {
	return v.reason == ReasonPaused || v.reason == ReasonFull || v.reason == ReasonOverloaded
}

func duration(seconds float64) time.Duration {
	return time.Duration(min(max(seconds, 0), maxSeconds) * float64(time.Second))
}
