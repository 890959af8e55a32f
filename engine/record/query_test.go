package record

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

// queryLog holds a served decision, a denied one, one that failed over, one whose
// outcome is missing, and one that only asked for the decision, over several
// segments, their outcomes out of order.
func queryLog(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, SegmentBytes: 4 << 10})

	denied := sampleDecision(2)
	denied.Principal = &engine.Principal{ID: "team-b", Tenant: "other"}
	denied.Verdict, denied.Action, denied.Controls, denied.Plan, denied.Findings = "deny", engine.ActionDeny, nil, nil, nil
	denied.Reasons = []engine.Reason{{Code: "unauthenticated", Message: "credentials are required", Rule: "authentication"}}
	refusal := sampleOutcome(2, 2)
	refusal.Target, refusal.Model, refusal.Posture, refusal.Attempts, refusal.Action = "", "", "", nil, engine.ActionDeny
	refusal.Outcome = &engine.RecordOutcomes{Status: 403, Code: engine.CodePolicyDenied, TotalMs: 1.25}

	moved := sampleOutcome(3, 3)
	moved.Attempts = append([]engine.AttemptResult{{Target: "vault", Model: "qwen", Posture: "air_gapped", Started: engine.FormatTime(began), Error: "connect"}}, moved.Attempts...)

	answered := sampleDecision(5)
	answered.Action = engine.ActionAnswer

	underWay := sampleDecision(4)
	underWay.Request.Model = "huge\x1b[31m"

	put(t, l, sampleDecision(1), denied, sampleDecision(3), refusal, underWay, answered, moved, sampleOutcome(1, 1))
	closeLog(t, l)
	return dir
}

// A reply that was refused is found by what was in it and by why.
func TestQueryFindsRefusedReplies(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	refused := sampleOutcome(2, 2)
	refused.Action, refused.Outcome.Status, refused.Outcome.Code = engine.ActionDeny, 403, engine.CodePolicyDenied
	refused.Reasons = []engine.Reason{{Code: engine.ReasonCompletionFinding, Message: "found", Rule: "engine"}}
	refused.Completion = &engine.Completion{OnFinding: "deny", Action: "deny", Errors: map[string]string{"names": "trap"},
		Findings: []engine.CompletionFinding{{Classifier: "pii", Kind: "IBAN_CODE", Count: 1, MaxScore: 1}}}
	put(t, l, sampleDecision(1), sampleDecision(2), sampleOutcome(1, 1), refused)
	closeLog(t, l)
	for _, f := range []Filter{{Kind: "IBAN_CODE"}, {Code: engine.ReasonCompletionFinding}} {
		got := queried(t, dir, f)
		if len(got) != 1 {
			t.Fatalf("%+v: %d entries", f, len(got))
		}
		var line strings.Builder
		if err := WritePretty(&line, got[0]); err != nil || !strings.Contains(line.String(), "policy_denied,completion_finding") {
			t.Errorf("%v: %s", err, line.String())
		}
	}
}

func queried(t testing.TB, dir string, f Filter) (got []Entry) {
	t.Helper()
	for e, err := range Query(dir, f) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	return got
}

func TestQueryFilters(t *testing.T) {
	dir := queryLog(t)
	at := func(n int) time.Time { return began.Add(time.Duration(n) * time.Second) }
	for name, tc := range map[string]struct {
		filter Filter
		want   []string // decisions by number, "+" with an outcome; in the order they come
	}{
		"all":                   {Filter{}, []string{"2+", "5", "3+", "1+", "4"}},
		"since":                 {Filter{Since: at(3)}, []string{"5", "3+", "4"}},
		"until":                 {Filter{Until: at(3)}, []string{"2+", "1+"}},
		"tenant":                {Filter{Tenant: "other"}, []string{"2+"}},
		"principal":             {Filter{Principal: "team-a"}, []string{"5", "3+", "1+", "4"}},
		"verdict":               {Filter{Verdict: "deny"}, []string{"2+"}},
		"decision id":           {Filter{DecisionID: "d-000003"}, []string{"3+"}},
		"code of a reason":      {Filter{Code: "unauthenticated"}, []string{"2+"}},
		"code of an exclusion":  {Filter{Code: "eu_personal_data"}, []string{"2+", "5", "3+", "1+", "4"}},
		"code of an answer":     {Filter{Code: "policy_denied"}, []string{"2+"}},
		"code of an attempt":    {Filter{Code: "connect"}, []string{"3+"}},
		"control":               {Filter{Control: "GDPR-44"}, []string{"5", "3+", "1+", "4"}},
		"target that served":    {Filter{Target: "vllm"}, []string{"3+", "1+"}},
		"target that was tried": {Filter{Target: "vault"}, []string{"3+"}},
		"posture":               {Filter{Posture: "air_gapped"}, []string{"3+"}},
		"kind":                  {Filter{Kind: "EMAIL_ADDRESS"}, []string{"5", "3+", "1+", "4"}},
		"no such kind":          {Filter{Kind: "IBAN_CODE"}, nil},
		"model as asked":        {Filter{Model: "small"}, []string{"2+", "5", "3+", "1+"}},
		"model that served":     {Filter{Model: "llama"}, []string{"3+", "1+"}},
		"two at once":           {Filter{Target: "vllm", Code: "connect"}, []string{"3+"}},
		"two that exclude":      {Filter{Verdict: "deny", Target: "vllm"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range queried(t, dir, tc.filter) {
				d, o, err := e.views()
				if err != nil {
					t.Fatal(err)
				}
				s := strings.TrimLeft(d.DecisionID, "d-0")
				if e.Outcome != nil {
					s += "+"
					if o.DecisionID != d.DecisionID {
						t.Errorf("%s has the outcome of %s", d.DecisionID, o.DecisionID)
					}
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueryStopsWhenTold(t *testing.T) {
	n := 0
	for range Query(queryLog(t), Filter{}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Error(n)
	}
}

func TestQueryOverAbsurdUsage(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	absurd := sampleOutcome(1, 1)
	absurd.Outcome.Tokens.Input, absurd.Outcome.Tokens.Output = math.MaxInt64, math.MinInt64
	put(t, l, sampleDecision(1), absurd)
	for _, e := range queried(t, dir, Filter{}) {
		if err := WritePretty(io.Discard, e); e.Outcome == nil || err != nil {
			t.Error(err)
		}
	}
}

func TestQueryReportsDamage(t *testing.T) {
	dir := queryLog(t)
	b := readSegment(t, dir, 1)
	b[40] ^= 1
	writeSegment(t, dir, 1, b)
	for _, err := range Query(dir, Filter{}) {
		if err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%v", err)
		}
	}
	for _, err := range Query(t.TempDir(), Filter{}) {
		if err == nil {
			t.Error("a folder without a log has no error")
		}
	}
}

func TestWriteJSONKeepsTheRecords(t *testing.T) {
	for _, e := range queried(t, queryLog(t), Filter{}) {
		var out bytes.Buffer
		if err := WriteJSON(&out, e); err != nil {
			t.Fatal(err)
		}
		line, ok := strings.CutSuffix(out.String(), "\n")
		if !ok || strings.Contains(line, "\n") {
			t.Fatalf("%q is not one line", out.String())
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]json.RawMessage{"decision": e.Decision}
		if e.Outcome != nil {
			want["outcome"] = e.Outcome
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWritePretty(t *testing.T) {
	entries := queried(t, queryLog(t), Filter{})
	gap := stored(t, &engine.Record{Kind: engine.RecordGap, Time: engine.FormatTime(began),
		Gap: &engine.RecordDropped{Count: 12, Since: engine.FormatTime(began)}}, 9)
	entries = append(entries, Entry{Gap: gap})
	var out bytes.Buffer
	for _, e := range entries {
		if err := WritePretty(&out, e); err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join("testdata", "pretty.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for line := range strings.Lines(out.String()) {
		if strings.Contains(string(readme), line) {
			shown++
		}
	}
	if shown != 3 {
		t.Errorf("README.md shows %d of these lines, want 3", shown)
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("an escape sequence of a client reaches the terminal")
	}
}

func TestParseTime(t *testing.T) {
	for s, want := range map[string]time.Time{
		"2026-11-23T16:00:00Z":           began,
		"2026-11-23T17:00:00.5+01:00":    began.Add(500 * time.Millisecond),
		"24h":                            began.Add(-24 * time.Hour),
		"90m":                            began.Add(-90 * time.Minute),
		"":                               {},
		"yesterday":                      {},
		"-1h":                            {},
		"2026-11-23":                     {},
		"2026-11-23T16:00:00Z; rm -rf /": {},
	} {
		got, err := ParseTime(s, began)
		if !got.Equal(want) || (err == nil) != !want.IsZero() {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}
