package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// replayAll returns "seq id obstacle" of each decision of a replay.
func replayAll(t testing.TB, dir string, c ReplayConfig) (got []string, totals ReplayTotals, err error) {
	t.Helper()
	totals, err = Replay(t.Context(), dir, c, func(d *Recorded) string {
		if d.Input == nil == (d.Obstacle == "") {
			t.Errorf("decision %s has input %v and obstacle %q", d.DecisionID, d.Input, d.Obstacle)
		}
		return fmt.Sprintf("%d %s %s", d.Seq, d.DecisionID, d.Obstacle)
	}, func(s string) error {
		got = append(got, s)
		return nil
	})
	return got, totals, err
}

func TestReplayIsInOrder(t *testing.T) {
	const decisions = 3000 // several batches and segments
	dir := decisionsLog(t, decisions, nil)
	for _, workers := range []int{0, 1, 5} {
		var progress []ReplayTotals
		got, totals, err := replayAll(t, dir, ReplayConfig{Workers: workers, Progress: func(p ReplayTotals) { progress = append(progress, p) }})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for n := range decisions {
			want = append(want, fmt.Sprintf("%d d-%06d ", 2*n+1, n))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d workers (-want +got):\n%s", workers, diff)
		}
		if totals.Decisions != decisions || totals.Dropped != 0 || totals.Bytes <= 0 || totals.Size < totals.Bytes {
			t.Errorf("totals %+v", totals)
		}
		if len(progress) < 2 || progress[len(progress)-1] != totals {
			t.Errorf("progress %+v, totals %+v", progress, totals)
		}
	}
}

// What is read of a record is what stands in it.
func TestReplayReadsTheRecord(t *testing.T) {
	dir := decisionsLog(t, 1, nil)
	var raw struct {
		Decision, Input json.RawMessage
	}
	if err := Scan(dir, 1, func(seq uint64, b []byte) error {
		if seq > 1 {
			return nil
		}
		return json.Unmarshal(b, &raw)
	}); err != nil {
		t.Fatal(err)
	}
	var want engine.Input
	if err := json.Unmarshal(raw.Input, &want); err != nil {
		t.Fatal(err)
	}
	_, err := Replay(t.Context(), dir, ReplayConfig{}, func(d *Recorded) bool {
		if diff := cmp.Diff(&Recorded{Seq: 1, Time: engine.FormatTime(began), DecisionID: "d-000000", Tenant: "acme", Principal: "team-a",
			Revision: "r1", Verdict: "allow", Controls: []string{"GDPR-44"}, Decision: raw.Decision, Input: &want}, d); diff != "" {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
		return true
	}, func(bool) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// A replay chooses what a query chooses.
func TestReplayFilters(t *testing.T) {
	dir := decisionsLog(t, 700, func(n int, r *engine.Record) {
		who := *r.Principal
		who.Tenant, who.ID = fmt.Sprintf("tenant-%d", n%3), fmt.Sprintf("team-%d", n%5)
		r.Principal = &who
		if n%7 == 0 {
			r.Verdict, r.Action, r.Reasons = "deny", engine.ActionDeny, []engine.Reason{{Code: "closed"}}
		}
		if n%11 == 0 {
			r.Controls, r.Findings = []string{"HR-7"}, nil
		}
	})
	for _, f := range []Filter{
		{}, {Tenant: "tenant-1"}, {Principal: "team-4", Tenant: "tenant-2"}, {Verdict: "deny"}, {DecisionID: "d-000333"},
		{Since: began.Add(time.Minute)}, {Until: began.Add(time.Minute)}, {Since: began.Add(time.Minute), Until: began.Add(2 * time.Minute), Verdict: "allow"},
		{Code: "closed"}, {Control: "HR-7"}, {Kind: "EMAIL_ADDRESS"}, {Target: "vllm", Tenant: "tenant-0"}, {Posture: "cloud"}, {Model: "llama"}, {Model: "small", Verdict: "deny"},
		{Tenant: "nobody"},
	} {
		want := []string{}
		for entry, err := range Query(dir, f) {
			if err != nil {
				t.Fatal(err)
			}
			var v view
			if err := json.Unmarshal(entry.Decision, &v); err != nil {
				t.Fatal(err)
			}
			want = append(want, v.DecisionID)
		}
		slices.Sort(want)
		got := []string{}
		totals, err := Replay(t.Context(), dir, ReplayConfig{Filter: f}, func(d *Recorded) string { return d.DecisionID },
			func(id string) error { got = append(got, id); return nil })
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || err != nil || int(totals.Decisions) != len(want) {
			t.Errorf("%+v: %v, %d decisions (-query +replay):\n%s", f, err, totals.Decisions, diff)
		}
	}
}

// Each reason why a decision cannot be made again has its name.
func TestReplayObstacles(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	with := func(change func(r *engine.Record)) *engine.Record {
		r := sampleDecision(1)
		change(r)
		return r
	}
	put(t, l,
		with(func(r *engine.Record) { r.Log = engine.LogNone }),
		with(func(r *engine.Record) {
			r.Decision, r.Reasons = nil, []engine.Reason{{Code: engine.ReasonPolicyInterrupted}}
		}),
		with(func(r *engine.Record) { r.Decision, r.Reasons = nil, []engine.Reason{{Code: engine.ReasonPolicyError}} }),
		with(func(r *engine.Record) { r.Input = json.RawMessage(`{"time":"","audience":"x"}`) }),
		with(func(r *engine.Record) { r.Input = json.RawMessage(`{"budget":{"ttft_ms":9007199254740993}}`) }),
		with(func(r *engine.Record) { r.Kind = "wish" }),
		with(func(r *engine.Record) { r.Input = nil }),
		&engine.Record{Kind: engine.RecordGap, Gap: &engine.RecordDropped{Count: 12, Since: engine.FormatTime(began)}, Time: engine.FormatTime(began)},
		sampleOutcome(1, 0), // mode best_effort does not know its decision's number
		with(func(r *engine.Record) {}),
	)
	closeLog(t, l)
	got, totals, err := replayAll(t, dir, ReplayConfig{})
	want := []string{"1 d-000001 input_not_kept", "2 d-000001 interrupted", "3 d-000001 ", "4 d-000001 input_form_unknown",
		"5 d-000001 input_rounded", "0  record_form_unknown", "7 d-000001 input_not_kept", "10 d-000001 "}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || totals.Dropped != 12 {
		t.Errorf("%v, %d dropped (-want +got):\n%s", err, totals.Dropped, diff)
	}
	if _, totals, err = replayAll(t, dir, ReplayConfig{Filter: Filter{Since: began.Add(time.Hour)}}); err != nil || totals.Dropped != 0 {
		t.Errorf("a gap of another time: %v, %+v", err, totals)
	}
}

func TestReplayOfDamage(t *testing.T) {
	dir := decisionsLog(t, 1200, nil)
	intact := readSegment(t, dir, 1)

	damaged := slices.Clone(intact)
	damaged[len(damaged)/2] ^= 1
	writeSegment(t, dir, 1, damaged)
	got, _, err := replayAll(t, dir, ReplayConfig{})
	var de *DamageError
	if !errors.As(err, &de) || len(got) == 0 || len(got) >= 1200 {
		t.Errorf("%v after %d decisions, want damage after those in front of it", err, len(got))
	}
	// The end of the last segment may be torn.
	writeSegment(t, dir, 1, intact)
	firsts, err := segmentFolder(dir).list()
	if err != nil || len(firsts) < 2 {
		t.Fatal(firsts, err)
	}
	last := firsts[len(firsts)-1]
	end := readSegment(t, dir, last)
	writeSegment(t, dir, last, end[:len(end)-5])
	if got, _, err := replayAll(t, dir, ReplayConfig{}); err != nil || len(got) != 1200 {
		t.Errorf("%v after %d decisions; only the last outcome is torn", err, len(got))
	}
	// Segments that are missing.
	if err := os.Remove(segmentPath(dir, 1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := replayAll(t, dir, ReplayConfig{}); !errors.As(err, &de) {
		t.Errorf("without its first segment: %v", err)
	}
	if _, _, err := replayAll(t, filepath.Join(dir, "nowhere"), ReplayConfig{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a log: %v", err)
	}
}

func TestReplayEnds(t *testing.T) {
	dir := decisionsLog(t, 5000, nil)
	enough := errors.New("enough")
	n := 0
	_, err := Replay(t.Context(), dir, ReplayConfig{}, func(*Recorded) int { return 1 }, func(int) error {
		if n++; n == 700 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 700 {
		t.Errorf("%v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, err = Replay(ctx, dir, ReplayConfig{}, func(*Recorded) int { return 1 }, func(int) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n == 5000 {
		t.Errorf("%v after %d", err, n)
	}
}

// However long the log and slow the reader of the results, only so many decisions
// are under way.
func TestReplayIsBounded(t *testing.T) {
	dir := decisionsLog(t, 20_000, nil)
	const workers = 2
	var judged, ahead atomic.Int64
	taken := int64(0)
	_, err := Replay(t.Context(), dir, ReplayConfig{Workers: workers}, func(*Recorded) bool {
		judged.Add(1)
		return true
	}, func(bool) error {
		taken++
		runtime.Gosched()
		ahead.Store(max(ahead.Load(), judged.Load()-taken))
		return nil
	})
	if most := int64((2*workers + 2) * batchRecords); err != nil || ahead.Load() > most {
		t.Errorf("%v; %d decisions ahead, at most %d", err, ahead.Load(), most)
	}
}

func FuzzRecorded(f *testing.F) {
	f.Add(stored(f, sampleDecision(1), 1))
	f.Add(stored(f, sampleOutcome(1, 1), 2))
	f.Add(stored(f, small(1), 3))
	f.Add([]byte(`{"gap":{"count":1},"kind":"gap"}`))
	var reader recordReader
	chosen := recordReader{filter: Filter{Tenant: "acme"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, kind := reader.read(raw)
		if kind == recordChosen && (d == nil || d.Input == nil == (d.Obstacle == "")) {
			t.Fatalf("%+v", d)
		}
		chosen.read(raw)
	})
}
