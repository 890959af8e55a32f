package record

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// A query stands in the log beside decisions, without its input.
func TestQueryRecords(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	who := &engine.Principal{ID: "team-a", Tenant: "acme"}
	asked := func(id string, q engine.RecordQueried, verdict string, action engine.Action) *engine.Record {
		return &engine.Record{Kind: engine.RecordQuery, Time: engine.FormatTime(began), DecisionID: id, Principal: who,
			Policy: &engine.RecordPolicy{Revision: "r1"}, Input: json.RawMessage(`{"b":"a private text","a":1}`), Log: engine.LogNone,
			Verdict: verdict, Action: action, Query: &q}
	}
	put(t, l,
		asked("q-1", engine.RecordQueried{API: engine.APIAuthZEN, Path: "authzen/allow", Result: json.RawMessage("true"), ResultSHA256: strings.Repeat("ab", 32)}, "allow", engine.ActionAnswer),
		asked("q-2", engine.RecordQueried{API: engine.APIData, Path: "app/list", ResultSHA256: strings.Repeat("cd", 32)}, "", engine.ActionAnswer),
		asked("q-3", engine.RecordQueried{API: engine.APIData, Error: "eval_conflict_error"}, "", engine.ActionDeny),
	)
	closeLog(t, l)

	all := queried(t, dir, Filter{})
	var out bytes.Buffer
	for _, e := range all {
		if bytes.Contains(e.Decision, []byte("private")) {
			t.Errorf("the record holds the input: %s", e.Decision)
		}
		if err := WritePretty(&out, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"allow answer", "authzen authzen/allow", "data app/list", "-     deny", "data /", "q-3  eval_conflict_error"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	var first engine.Record
	if err := json.Unmarshal(all[0].Decision, &first); err != nil {
		t.Fatal(err)
	}
	// printf '{"a":1,"b":"a private text"}' | sha256sum
	if want := "c6dc003a"; !strings.HasPrefix(first.InputSHA256, want) || len(first.Input) > 0 {
		t.Errorf("input_sha256 %s, input %s", first.InputSHA256, first.Input)
	}
	// There is no decision in any of them to be made again.
	for _, f := range []Filter{{}, {Code: "eval_conflict_error"}} {
		totals, err := Replay(t.Context(), dir, ReplayConfig{Filter: f}, func(r *Recorded) *Recorded { return r }, func(r *Recorded) error {
			t.Errorf("replayed: %+v", r)
			return nil
		})
		if err != nil || totals.Decisions != 0 {
			t.Errorf("%+v: %+v, %v", f, totals, err)
		}
	}
	for f, want := range map[Filter][]string{
		{Verdict: "allow"}:            {"q-1"},
		{Code: "eval_conflict_error"}: {"q-3"},
		{Tenant: "acme"}:              {"q-1", "q-2", "q-3"},
		{Target: "vllm"}:              nil,
	} {
		var got []string
		for _, e := range queried(t, dir, f) {
			var r engine.Record
			if err := json.Unmarshal(e.Decision, &r); err != nil {
				t.Fatal(err)
			}
			got = append(got, r.DecisionID)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v: (-want +got)\n%s", f, d)
		}
	}
}
