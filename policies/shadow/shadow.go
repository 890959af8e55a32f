// Package shadow decides what was decided once more, on a candidate policy, and
// says how that differs. It hides how this is kept off the way of requests: a
// bounded queue, a few workers, and a count of what found no room.
package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/whatif"
)

// Config is what a Comparer is made of. Zero numbers are their defaults.
type Config struct {
	Recorder engine.Recorder // of differences
	Queue    int             // decisions that wait; 1024
	Workers  int             // 2; a worker waits while its difference is recorded
	Keep     int             // newest differences that State names; 50
}

// Comparer compares decisions with those of a candidate policy. It is safe for
// concurrent use. Whoever makes one closes it.
type Comparer struct {
	recorder engine.Recorder
	keep     int
	queue    chan job
	stop     chan struct{}
	once     sync.Once
	workers  sync.WaitGroup
	dropped  atomic.Uint64

	mu        sync.Mutex
	total     Counts
	pair      *against // whose decisions tally counts
	tally     whatif.Tally
	since     time.Time
	compared  uint64
	undecided uint64
	recent    []Difference
}

// Counts are since the start, whatever the candidates were.
type Counts struct {
	Evaluations uint64            // decisions made again
	Errors      uint64            // of those, that the candidate could not be evaluated for
	Differences map[string]uint64 // by what differs: the names are those of whatif.Change
	Dropped     uint64            // decisions that found no room
	Unrecorded  uint64            // differences that could not be recorded
}

// Difference names a decision that the candidate would have made otherwise.
type Difference struct {
	DecisionID string   `json:"decision_id"`
	Time       string   `json:"time"` // of the decision's input
	Tenant     string   `json:"tenant"`
	Differs    []string `json:"differs"` // names of whatif.Change
}

// State is what came of the present candidate so far.
type State struct {
	Since       string         `json:"since"` // RFC 3339; when it became the candidate
	Evaluations uint64         `json:"evaluations"`
	Errors      uint64         `json:"errors"` // evaluations that failed or took too long
	Queued      int            `json:"queued"`
	Dropped     uint64         `json:"dropped"` // since the start of the process
	Summary     whatif.Summary `json:"summary"`
	Recent      []Difference   `json:"recent"` // the newest first
}

// job is a decision to be compared.
type job struct {
	of  *against
	id  string
	seq uint64
	in  *engine.Input
	d   *engine.Decision // nil: the policy failed
}

// against is a policy in force with its candidate.
type against struct {
	c         *Comparer
	live      string // revision
	candidate engine.Decider
}

// New returns a Comparer and starts its workers.
func New(c Config) *Comparer {
	or := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	or(&c.Queue, 1024)
	or(&c.Workers, 2)
	or(&c.Keep, 50)
	s := &Comparer{recorder: c.Recorder, keep: c.Keep, queue: make(chan job, c.Queue), stop: make(chan struct{}),
		total: Counts{Differences: map[string]uint64{}}}
	for range c.Workers {
		s.workers.Go(s.work)
	}
	return s
}

// Against returns the engine.Shadow of a policy in force and its candidate. What
// State shows begins anew, unless both are what they were.
func (c *Comparer) Against(live, candidate engine.Decider) engine.Shadow {
	a := &against{c: c, live: live.Revision(), candidate: candidate}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair == nil || c.pair.live != a.live || c.pair.Revision() != a.Revision() {
		c.tally, c.compared, c.undecided, c.recent, c.since = whatif.Tally{}, 0, 0, nil, time.Now()
	}
	c.pair = a
	return a
}

// Revision implements engine.Shadow.
func (a *against) Revision() string { return a.candidate.Revision() }

// Decided implements engine.Shadow.
func (a *against) Decided(id string, seq uint64, in *engine.Input, d *engine.Decision) {
	select {
	case a.c.queue <- job{a, id, seq, in, d}:
	default:
		a.c.dropped.Add(1)
	}
}

// Close ends the workers when they have done what waits. What comes later is left.
func (c *Comparer) Close() {
	c.once.Do(func() { close(c.stop) })
	c.workers.Wait()
}

func (c *Comparer) work() {
	for {
		select {
		case j := <-c.queue:
			c.compare(j)
		case <-c.stop:
			for {
				select {
				case j := <-c.queue:
					c.compare(j)
				default:
					return
				}
			}
		}
	}
}

// compare makes a decision again. The candidate bounds its own time.
func (c *Comparer) compare(j job) {
	d, err := j.of.candidate.Decide(context.Background(), j.in)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		c.count(j, true, nil, whatif.Pair[float64]{}) // no property of the input
		return
	}
	from, errFrom := side(j.d)
	to, errTo := side(d)
	if errFrom != nil || errTo != nil {
		c.count(j, true, nil, whatif.Pair[float64]{})
		return
	}
	change := whatif.Compare(j.in, from, to)
	var cost whatif.Pair[float64]
	cost.From, _ = from.Estimate(j.in)
	cost.To, _ = to.Estimate(j.in)
	c.count(j, err != nil, change, cost)
	if change == nil {
		return
	}
	if err := c.record(j, change); err != nil {
		c.mu.Lock()
		c.total.Unrecorded++
		c.mu.Unlock()
	}
}

func side(d *engine.Decision) (whatif.Decision, error) {
	if d == nil {
		return whatif.Decision{Answer: whatif.Failed()}, nil
	}
	a, err := whatif.ReadAnswer(d.Raw)
	return whatif.Decision{Answer: a, Controls: d.Controls}, err
}

func (c *Comparer) count(j job, failed bool, change *whatif.Change, cost whatif.Pair[float64]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Evaluations++
	if failed {
		c.total.Errors++
	}
	var kinds []string
	if change != nil {
		kinds = change.Kinds()
	}
	for _, kind := range kinds {
		c.total.Differences[kind]++
	}
	if c.pair == nil || c.pair.live != j.of.live || c.pair.Revision() != j.of.Revision() {
		return // decided before the last reload
	}
	c.compared++
	if failed {
		c.undecided++
	}
	c.tally.Add(j.in.Principal.Tenant, change, cost)
	if change != nil {
		c.recent = append(c.recent, Difference{j.id, j.in.Time, j.in.Principal.Tenant, kinds})
		c.recent = slices.Delete(c.recent, 0, max(0, len(c.recent)-c.keep))
	}
}

// recordTimeout bounds the wait for a log that cannot be written.
const recordTimeout = 10 * time.Second

func (c *Comparer) record(j job, change *whatif.Change) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	_, err = c.recorder.Record(ctx, &engine.Record{
		Kind: engine.RecordCandidate, Time: engine.FormatTime(time.Now()), DecisionID: j.id, Decided: j.seq,
		Policy: &engine.RecordPolicy{Revision: j.of.live, Candidate: j.of.Revision()}, Change: text,
	})
	return err
}

// State returns what came of the present candidate.
func (c *Comparer) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{Evaluations: c.compared, Errors: c.undecided, Queued: len(c.queue), Dropped: c.dropped.Load(), Summary: c.tally.Summary(),
		Recent: slices.Clone(c.recent)}
	if !c.since.IsZero() {
		s.Since = engine.FormatTime(c.since)
	}
	slices.Reverse(s.Recent)
	if s.Recent == nil {
		s.Recent = []Difference{}
	}
	return s
}

// Counts returns what came of all candidates.
func (c *Comparer) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.total
	n.Differences, n.Dropped = maps.Clone(n.Differences), c.dropped.Load()
	return n
}
