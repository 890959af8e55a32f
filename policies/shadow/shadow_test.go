package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/whatif"
)

// policy answers with one decision, once wait lets it.
type policy struct {
	revision, decision string // "": it fails
	err                error
	wait               chan struct{} // nil: at once
}

func (p *policy) Revision() string { return p.revision }

func (p *policy) Decide(context.Context, *engine.Input) (*engine.Decision, error) {
	if p.wait != nil {
		<-p.wait
	}
	if p.decision == "" {
		if p.err == nil {
			return nil, errors.New("a conflict")
		}
		return nil, p.err
	}
	return &engine.Decision{Raw: json.RawMessage(p.decision)}, nil
}

const (
	allows = `{"allow":true,"deny":[],"exclude":{},"obligations":{},"prefer":{}}`
	denies = `{"allow":false,"deny":[{"code":"no","message":"m","rule":"r"}],"exclude":{},"obligations":{},"prefer":{}}`
)

type memory struct {
	mu      sync.Mutex
	records []engine.Record
	err     error
}

func (m *memory) Record(_ context.Context, r *engine.Record) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, *r)
	return uint64(len(m.records)), m.err
}

func input(tenant string) *engine.Input {
	return &engine.Input{Time: "2026-11-23T16:00:00Z", Principal: engine.Principal{Tenant: tenant},
		Targets: map[string]engine.TargetFacts{"cloud": {Target: "cloud", CostEstimate: 0.5}}}
}

func decided(p *policy) *engine.Decision {
	d, _ := p.Decide(context.Background(), nil)
	return d
}

func TestDifferencesAreRecordedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		c := New(Config{Recorder: log, Keep: 2})
		live, next := &policy{revision: "live", decision: allows}, &policy{revision: "next", decision: denies}
		s := c.Against(live, next)
		for n := range 3 {
			s.Decided(fmt.Sprint("d", n), uint64(n+1), input("acme"), decided(live))
			synctest.Wait()
		}
		s.Decided("same", 4, input("acme"), decided(next))
		synctest.Wait()
		state := c.State()
		if state.Evaluations != 4 || state.Errors != 0 || state.Summary.Differences != 3 || state.Summary.Verdicts.AllowToDeny != 3 || state.Summary.CostUSD.To != 0 {
			t.Errorf("%+v", state)
		}
		want := []Difference{
			{"d2", "2026-11-23T16:00:00Z", "acme", []string{"verdict", "permitted", "reasons", "cost_usd"}},
			{"d1", "2026-11-23T16:00:00Z", "acme", []string{"verdict", "permitted", "reasons", "cost_usd"}},
		}
		if diff := cmp.Diff(want, state.Recent); diff != "" {
			t.Error(diff)
		}
		if len(log.records) != 3 {
			t.Fatalf("%+v", log.records)
		}
		r := log.records[0]
		if r.Kind != engine.RecordCandidate || r.DecisionID != "d0" || r.Decided != 1 || *r.Policy != (engine.RecordPolicy{Revision: "live", Candidate: "next"}) {
			t.Errorf("%+v", r)
		}
		var change whatif.Change
		if err := json.Unmarshal(r.Change, &change); err != nil || change.Verdict == nil || change.Verdict.To != "deny" {
			t.Errorf("%s, %v", r.Change, err)
		}

		// The same pair goes on, another one begins anew; what waited from before
		// counts for the process alone.
		c.Against(live, next)
		if got := c.State().Evaluations; got != 4 {
			t.Errorf("%d after a reload that changed nothing", got)
		}
		c.Against(live, &policy{revision: "third", decision: allows})
		s.Decided("late", 5, input("acme"), decided(live))
		synctest.Wait()
		if state := c.State(); state.Evaluations != 0 || len(state.Recent) != 0 {
			t.Errorf("%+v", state)
		}
		if n := c.Counts(); n.Evaluations != 5 || n.Differences["verdict"] != 4 || n.Dropped != 0 {
			t.Errorf("%+v", n)
		}
		c.Close()
	})
}

// A candidate that does not answer costs the comparison, and nobody waits for it.
func TestSlowCandidateDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		c := New(Config{Recorder: log, Queue: 4, Workers: 1})
		live, next := &policy{revision: "live", decision: allows}, &policy{revision: "next", decision: denies, wait: make(chan struct{})}
		s := c.Against(live, next)
		d := decided(live)
		for n := range 20 {
			s.Decided(fmt.Sprint(n), uint64(n), input("acme"), d) // would hang
			synctest.Wait()
		}
		if n := c.Counts(); n.Dropped != 15 || c.State().Queued != 4 { // one is under way
			t.Errorf("%+v", n)
		}
		close(next.wait)
		c.Close() // what waits is still done
		if n := c.Counts(); n.Evaluations != 5 || len(log.records) != 5 {
			t.Errorf("%+v, %d records", n, len(log.records))
		}
	})
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name        string
		live, next  *policy
		errors      uint64
		differences map[string]uint64
	}{
		{"the candidate fails", &policy{decision: allows}, &policy{}, 1, map[string]uint64{"verdict": 1, "failed": 1, "permitted": 1, "cost_usd": 1}},
		{"the candidate is slow", &policy{decision: allows}, &policy{err: context.DeadlineExceeded}, 1, map[string]uint64{}},
		{"both fail", &policy{}, &policy{}, 1, map[string]uint64{}},
		{"the live one fails", &policy{}, &policy{decision: denies}, 0, map[string]uint64{"failed": 1, "reasons": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Config{Recorder: &memory{err: errors.New("disk full")}})
			c.Against(tt.live, tt.next).Decided("d", 1, input("acme"), decided(tt.live))
			c.Close()
			n := c.Counts()
			if diff := cmp.Diff(tt.differences, n.Differences); diff != "" || n.Errors != tt.errors || n.Evaluations != 1 {
				t.Errorf("%+v\n%s", n, diff)
			}
			if want := uint64(min(len(tt.differences), 1)); n.Unrecorded != want {
				t.Errorf("%d not recorded, want %d", n.Unrecorded, want)
			}
		})
	}
}

func BenchmarkDecided(b *testing.B) {
	c := New(Config{Recorder: &memory{}})
	defer c.Close()
	live := &policy{revision: "live", decision: allows}
	s, in, d := c.Against(live, live), input("acme"), decided(live)
	for b.Loop() {
		s.Decided("d", 1, in, d)
	}
}
