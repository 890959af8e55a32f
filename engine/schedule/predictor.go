package schedule

import (
	"math"
	"time"
)

// prior is what is believed of a target before there are samples.
type prior struct {
	ttft, tpot time.Duration
	hinted     bool // the target's configuration states a TTFT
	output     int  // tokens
}

const (
	// promptSlope and backlogSlope seed the weights of the prompt's tokens and of
	// the prompt tokens in flight, in seconds for 1,000 tokens: 20 µs a token is
	// the prefill time of a large hosted model; half of it makes a target that
	// nothing is known of take its share and no more.
	promptSlope, backlogSlope = 0.02, 0.01
	// slopeSpread is their uncertainty. It reaches the 0.8 ms a token of a small
	// edge device within a few samples.
	slopeSpread = 0.2
	// ttftSpread and tpotSpread are the least uncertainty of the constant parts, in
	// seconds, so that a hint far too low can be left behind.
	ttftSpread, tpotSpread = 0.5, 0.02
	// batchSlope seeds the growth of TPOT with each attempt in flight, as a share
	// of the TPOT itself: a batch of 100 makes each step of an engine about twice
	// as long.
	batchSlope = 0.01

	// Spreads of the prior residuals in octaves: half an octave about a hint, a
	// whole one where the operator gave none.
	hintedOctaves, unhintedOctaves = 0.5, 1.0
	// lengthMedian is the median of the prior length distribution as a share of
	// its mean, lengthOctaves its spread. In the first half hour of the Azure 2023
	// conversation trace the median is 134 tokens, the mean 217.
	lengthMedian, lengthOctaves = 0.6, 1.5

	// memoryHalfLife is how long an idle target's learnt times count half against
	// the prior.
	memoryHalfLife = 10 * time.Minute
	// maxOutput and maxPrompt bound token counts.
	maxOutput, maxPrompt = 1 << 16, 1 << 24
	// maxSeconds bounds a sample's times.
	maxSeconds = 24 * 3600
)

// lengthShares are the quantiles at which the length distribution is read: the
// midpoints of four equal shares.
var lengthShares = [4]float64{0.125, 0.375, 0.625, 0.875}

// predictor holds what was learnt of one target and model. It is not safe for
// concurrent use.
type predictor struct {
	ttft, tpot           line // what was learnt
	ttft0, tpot0         line // the prior, never changed
	ttftOff, tpotOff     histogram
	totalOff             histogram // of the time for the tokens that came
	ttftPrior, restPrior histogram // never changed
	length               histogram
	meanLength           float64
	lengths              [4]float64 // of length at lengthShares
	last                 time.Time  // of the last sample; zero: none
	samples              int
}

func newPredictor(p prior) predictor {
	ttft, tpot := p.ttft.Seconds(), p.tpot.Seconds()
	octaves := hintedOctaves
	if !p.hinted {
		octaves = unhintedOctaves
	}
	r := predictor{
		ttft: newLine(load{ttft, promptSlope, backlogSlope},
			load{max(ttft, ttftSpread), slopeSpread, slopeSpread}),
		tpot: newLine(load{tpot, tpot * batchSlope * 1000, 0},
			load{max(tpot, tpotSpread), max(tpot, tpotSpread) * 100, max(tpot, tpotSpread)}),
		ttftOff:    lognormal(ratioGrid, 1, octaves),
		tpotOff:    lognormal(ratioGrid, 1, octaves),
		length:     lognormal(tokenGrid, max(1, lengthMedian*float64(p.output)), lengthOctaves),
		meanLength: float64(p.output),
	}
	r.ttft0, r.tpot0, r.ttftPrior, r.restPrior, r.totalOff = r.ttft, r.tpot, r.ttftOff, r.tpotOff, r.tpotOff
	r.readLengths()
	return r
}

func (p *predictor) readLengths() {
	for i, share := range lengthShares {
		p.lengths[i] = p.length.quantile(share)
	}
}

// situation is the state of a target and model that a prediction is made for.
type situation struct {
	prompt  int // tokens
	backlog int // prompt tokens in flight
	running int // attempts in flight
	idle    time.Duration
}

func (s situation) ttft() load {
	return load{1, float64(s.prompt) / 1000, float64(s.backlog) / 1000}
}

func (s situation) tpot() load {
	return load{1, float64(s.running) / 1000, float64(s.backlog) / 1000}
}

// times are predicted times in seconds, and how far they may be trusted.
type times struct {
	ttft, tpot float64
	trust      float64 // in what was learnt, against the prior: 1 fresh, 0 none
}

// predict returns the expected times in a situation. rested leaves slow drift
// aside: what the target would do once it has recovered.
func (p *predictor) predict(s situation, rested bool) times {
	t := times{}
	if p.samples > 0 {
		t.trust = fade(s.idle, memoryHalfLife)
	}
	x, y := s.ttft(), s.tpot()
	t.ttft, t.tpot = p.ttft0.mean(x), p.tpot0.mean(y)
	if t.trust == 0 {
		return t
	}
	ttftDrift, tpotDrift := p.ttft.driftAt(s.idle), p.tpot.driftAt(s.idle)
	if rested {
		ttftDrift, tpotDrift = min(ttftDrift, 1), min(tpotDrift, 1)
	}
	t.ttft += t.trust * (p.ttft.mean(x)*ttftDrift - t.ttft)
	t.tpot += t.trust * (p.tpot.mean(y)*tpotDrift - t.tpot)
	return t
}

// output is the expected number of output tokens; limit 0: none stated. A stated
// limit is a ceiling that most replies stay far below, so it is not taken for
// the expectation itself.
func (p *predictor) output(limit int) float64 {
	n := min(max(p.meanLength, 1), maxOutput)
	if limit > 0 {
		n = min(n, float64(limit))
	}
	return n
}

// left is what remains of a budget, in seconds; +Inf: no limit.
type left struct{ ttft, tpot, total float64 }

// meets is the probability that an attempt keeps all that is left of the budget.
// The first token and the pace after it depend on different phases of an engine
// and are taken as independent. The total holds the same two times once more, so
// it counts by the lesser probability, not by another factor.
func (p *predictor) meets(t times, b left, limit int) float64 {
	first := p.within(&p.ttftOff, &p.ttftPrior, b.ttft, t.ttft, t.trust) *
		p.within(&p.tpotOff, &p.restPrior, b.tpot, t.tpot, t.trust)
	if math.IsInf(b.total, 1) {
		return first
	}
	whole := 0.0
	for _, n := range p.lengths {
		if limit > 0 {
			n = min(n, float64(limit))
		}
		whole += p.within(&p.totalOff, &p.restPrior, b.total, t.ttft+t.tpot*max(0, n-1), t.trust)
	}
	return min(first, whole/float64(len(p.lengths)))
}

// within is the probability that what is predicted to take t takes at most b.
func (p *predictor) within(off, unknown *histogram, b, t, trust float64) float64 {
	if math.IsInf(b, 1) {
		return 1
	}
	if b <= 0 {
		return 0
	}
	r := b / t
	share := 0.0
	if trust > 0 {
		share = trust * off.below(r)
	}
	if trust < 0.99 {
		share += (1 - trust) * unknown.below(r)
	}
	return min(max(share, 0), 1)
}

// result is what became of an attempt, in seconds; 0: it did not get that far.
type result struct {
	ttft, total float64
	output      int
	whole       bool // the reply is complete
	unary       bool // and came as one: ttft says nothing of its first token
}

// learn takes in the result of an attempt that began in situation s and for which
// was had been predicted.
func (p *predictor) learn(s situation, was times, r result, now time.Time) {
	came := r.whole || r.ttft > 0 && !r.unary
	if !came && ratioGrid.at(r.total/was.ttft) == 0 {
		return // refused at once: says nothing of the times
	}
	idle := p.age(now)
	p.ttft.rest(idle)
	p.tpot.rest(idle)
	if came {
		p.learnReply(s, was, r)
	} else {
		p.learnNothingCame(s, was, r)
	}
	p.learnLength(r)
	p.samples++
	p.last = now
}

// age is the time since the last sample, 0 where there is none.
func (p *predictor) age(now time.Time) time.Duration {
	if p.last.IsZero() {
		return 0
	}
	return max(0, now.Sub(p.last))
}

func (p *predictor) learnReply(s situation, was times, r result) {
	// The ratio is taken against what was predicted at dispatch: that is the error
	// a later prediction will make, too.
	steps := float64(max(0, r.output-1))
	ratio := r.total / (was.ttft + was.tpot*steps)
	p.totalOff.add(ratio)
	if r.unary {
		// Only the sum is known; both parts take the same share of the error.
		p.ttft.observe(s.ttft(), was.ttft*ratio)
		if steps > 0 {
			p.tpot.observe(s.tpot(), was.tpot*ratio)
		}
		return
	}
	p.ttftOff.add(r.ttft / was.ttft)
	p.ttft.observe(s.ttft(), r.ttft)
	if steps > 0 && r.total > r.ttft {
		tpot := (r.total - r.ttft) / steps
		p.tpotOff.add(tpot / was.tpot)
		p.tpot.observe(s.tpot(), tpot)
	}
}

// learnNothingCame takes in an attempt that was given up before its first token:
// it would have taken at least as long as it was waited for.
func (p *predictor) learnNothingCame(s situation, was times, r result) {
	if r.unary {
		expected := was.ttft + was.tpot*max(0, p.meanLength-1)
		p.totalOff.addAtLeast(r.total / expected)
		p.ttft.observeAtLeast(s.ttft(), was.ttft*r.total/expected)
		p.tpot.observeAtLeast(s.tpot(), was.tpot*r.total/expected)
		return
	}
	p.ttftOff.addAtLeast(r.total / was.ttft)
	p.totalOff.addAtLeast(r.total / (was.ttft + was.tpot*max(0, p.meanLength-1)))
	p.ttft.observeAtLeast(s.ttft(), r.total)
}

// lengthGain is the weight of a new reply in the mean length.
const lengthGain = 0.05

func (p *predictor) learnLength(r result) {
	n := float64(min(r.output, maxOutput))
	if n < 1 {
		return
	}
	if r.whole {
		p.length.add(n)
	} else {
		p.length.addAtLeast(n)
		n = max(n, p.meanLength)
	}
	p.meanLength += max(lengthGain, 1/float64(p.length.n+priorSamples)) * (n - p.meanLength)
	p.readLengths()
}
