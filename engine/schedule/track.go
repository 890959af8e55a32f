package schedule

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// track is what is known of one target and model: the attempts in flight and the
// predictor. Its methods are safe for concurrent use.
type track struct {
	target *targetLoad

	mu        sync.Mutex
	prior     prior
	predictor predictor
	flights   []flight // in flight, in order of their begin
	backlog   int      // prompt tokens of flights
	used      time.Time
	forgotten bool // no longer in the scheduler's map
}

// flight is an attempt in flight, with what was known at its begin.
type flight struct {
	began  time.Time
	before situation
	was    times
}

// targetLoad is what the models of one target share: its concurrency limit and a
// pause it asked for.
type targetLoad struct {
	running atomic.Int64
	pause   atomic.Pointer[pause]
}

type pause struct {
	from   time.Time
	length time.Duration
}

// paused returns what is left of the target's pause. A clock that was set back
// to before its begin ends it: its end can no longer be told.
func (t *targetLoad) paused(now time.Time) time.Duration {
	p := t.pause.Load()
	if p == nil {
		return 0
	}
	gone := now.Sub(p.from)
	if gone < 0 || gone >= p.length {
		return 0
	}
	return p.length - gone
}

// extend keeps the later of the pause in force and a new one.
func (t *targetLoad) extend(length time.Duration, now time.Time) {
	next := &pause{from: now, length: length}
	for {
		old := t.pause.Load()
		if t.paused(now) >= length || t.pause.CompareAndSwap(old, next) {
			return
		}
	}
}

// hint gives the track the target's hints as they are configured now. Hints that
// were changed by a reload start the prediction anew.
func (t *track) hint(p prior) {
	if t.prior != p {
		t.prior, t.predictor = p, newPredictor(p)
	}
}

func (t *track) situation(prompt int, now time.Time) situation {
	return situation{
		prompt:  min(max(prompt, 0), maxPrompt),
		backlog: t.backlog,
		running: len(t.flights),
		idle:    t.predictor.age(now),
	}
}

// begin counts an attempt, unless the track has been forgotten meanwhile.
func (t *track) begin(prompt int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.forgotten {
		return false
	}
	t.target.running.Add(1)
	s := t.situation(prompt, now)
	t.flights = append(t.flights, flight{began: now, before: s, was: t.predictor.predict(s, false)})
	t.backlog += s.prompt
	t.used = now
	return true
}

// forget marks the track as dropped, unless something is in flight on it.
func (t *track) forget() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgotten = len(t.flights) == 0
	return t.forgotten
}

// end closes the flight that the sample tells of and learns from it. It reports
// whether there was one.
func (t *track) end(s engine.Sample, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.find(s, now)
	if i < 0 {
		return false
	}
	f := t.flights[i]
	t.flights = append(t.flights[:i], t.flights[i+1:]...)
	t.backlog -= f.before.prompt
	t.used = now
	t.target.running.Add(-1)

	r := result{
		ttft:   seconds(s.TTFT),
		total:  max(seconds(s.Total), seconds(s.TTFT)),
		output: max(0, s.OutputTokens),
		whole:  !s.Failed && !s.Cancelled && s.Total > 0,
		unary:  s.Unary,
	}
	if r.whole && r.ttft == 0 {
		r.ttft = r.total
	}
	t.predictor.learn(f.before, f.was, r, now)
	return true
}

// find returns the flight of a sample: among those with its prompt, or among all
// where none has it, the one that began nearest to when the sample must have.
// Two flights that are mistaken for each other had nearly the same prediction.
func (t *track) find(s engine.Sample, now time.Time) int {
	began := now.Add(-max(0, s.Total))
	best, bestSame, bestOff := -1, false, time.Duration(0)
	for i := range t.flights {
		f := &t.flights[i]
		same := f.before.prompt == s.PromptTokens
		off := f.began.Sub(began).Abs()
		if best < 0 || same && !bestSame || same == bestSame && off < bestOff {
			best, bestSame, bestOff = i, same, off
		}
	}
	return best
}

// seconds is d within what a sample can sensibly be.
func seconds(d time.Duration) float64 {
	return min(max(d.Seconds(), 0), maxSeconds)
}
