package schedule

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Config sets what a Scheduler takes for granted. A field that is zero or
// negative has the default that its comment states.
type Config struct {
	// ValuePerMet is what 1,000 requests that keep their budgets are worth, in US
	// dollars: default 100. It weighs the odds of a miss against the price of
	// tokens. In the simulation $30 and $100 differed by less than a point of
	// requests met and by up to a tenth in cost.
	ValuePerMet float64
	// LatencyPrice is what a second of predicted TTFT costs, in US dollars for
	// 1,000 requests: default 0.5, half a percent of ValuePerMet. It decides
	// between targets that are as good as equal otherwise.
	LatencyPrice float64
	// TTFT and TPOT are expected of a target that declares no hint: default 500 ms
	// and 20 ms, the middle of hosted models.
	TTFT, TPOT time.Duration
	// OutputTokens is the expected length of a reply before any was seen: default
	// 256.
	OutputTokens int
	// MaxPause bounds the pause that a target can ask for, and the pause that a
	// client is asked for: default 1 min.
	MaxPause time.Duration
}

// maxTracks bounds the targets and models that are remembered. Only declared
// ones get here; the bound is for what reloads leave behind.
const maxTracks = 4096

// Scheduler predicts, orders and refuses; see the package comment. It implements
// engine.Scheduler, is safe for concurrent use and starts no goroutine. It
// outlives a reload of the configuration, so that what it learnt is kept.
type Scheduler struct {
	config Config
	tracks atomic.Pointer[map[name]*track]

	mu sync.Mutex // held to replace tracks
}

// name identifies a track.
type name struct{ target, model string }

var _ engine.Scheduler = (*Scheduler)(nil)

// New returns a scheduler that has learnt nothing yet.
func New(c Config) *Scheduler {
	c.ValuePerMet = positive(c.ValuePerMet, 100)
	c.LatencyPrice = positive(c.LatencyPrice, 0.5)
	c.TTFT = positive(c.TTFT, 500*time.Millisecond)
	c.TPOT = positive(c.TPOT, 20*time.Millisecond)
	c.OutputTokens = positive(c.OutputTokens, 256)
	c.MaxPause = positive(c.MaxPause, time.Minute)
	s := &Scheduler{config: c}
	s.tracks.Store(&map[name]*track{})
	return s
}

func positive[T cmp.Ordered](v, otherwise T) T {
	var zero T
	if v > zero {
		return v
	}
	return otherwise
}

// Begin counts an attempt at a declared target and model. promptTokens is what
// End will be told, too.
func (s *Scheduler) Begin(target, model string, promptTokens int, now time.Time) {
	for !s.track(name{target, model}, now).begin(promptTokens, now) {
		// It was forgotten between the two calls.
	}
}

// End takes the attempt off the counters and learns from it. A sample without an
// attempt in flight changes nothing.
func (s *Scheduler) End(sample engine.Sample, now time.Time) {
	t, ok := (*s.tracks.Load())[name{sample.Target, sample.Model}]
	if !ok || !t.end(sample, now) {
		return
	}
	if sample.RetryAfter > 0 {
		t.target.extend(min(sample.RetryAfter, s.config.MaxPause), now)
	}
}

// track returns the track of that name, a new one where there is none. Readers
// never wait: the map is replaced, not changed.
func (s *Scheduler) track(n name, now time.Time) *track {
	if t, ok := (*s.tracks.Load())[n]; ok {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.tracks.Load()
	if t, ok := old[n]; ok {
		return t
	}
	next := maps.Clone(old)
	if len(next) >= maxTracks {
		forgetIdle(next)
	}
	t := &track{prior: s.prior(0, 0), used: now}
	t.predictor = newPredictor(t.prior)
	for m, other := range next {
		if m.target == n.target {
			t.target = other.target
			break
		}
	}
	if t.target == nil {
		t.target = new(targetLoad)
	}
	next[n] = t
	s.tracks.Store(&next)
	return t
}

// forgetIdle drops the half of the tracks without an attempt in flight that were
// used longest ago.
func forgetIdle(tracks map[name]*track) {
	type idle struct {
		name name
		used time.Time
	}
	var idles []idle
	for n, t := range tracks {
		t.mu.Lock()
		if len(t.flights) == 0 {
			idles = append(idles, idle{n, t.used})
		}
		t.mu.Unlock()
	}
	slices.SortFunc(idles, func(a, b idle) int { return a.used.Compare(b.used) })
	for _, i := range idles[:(len(idles)+1)/2] {
		if tracks[i.name].forget() {
			delete(tracks, i.name)
		}
	}
}

// prior is what a target's hints say, or the configuration for it.
func (s *Scheduler) prior(ttft, tpot time.Duration) prior {
	return prior{
		ttft:   positive(ttft, s.config.TTFT),
		tpot:   positive(tpot, s.config.TPOT),
		hinted: ttft > 0,
		output: s.config.OutputTokens,
	}
}
