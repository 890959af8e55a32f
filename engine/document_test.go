package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// fakeQuerier is a decider that knows documents, too.
type fakeQuerier struct {
	fakeDecider
	query func(path string, input []byte) ([]byte, error)
}

func (q fakeQuerier) Query(_ context.Context, path string, input []byte) (QueryAnswer, error) {
	result, err := q.query(path, input)
	return QueryAnswer{Result: result}, err
}

func TestQuery(t *testing.T) {
	who := &Principal{ID: "p", Tenant: "t"}
	judge := func(result json.RawMessage) (Verdict, error) {
		switch string(result) {
		case "true":
			return Allow, nil
		case "false", "":
			return Deny, nil
		}
		return Allow, errors.New("not a boolean") // a verdict beside an error is not to count
	}
	tests := []struct {
		name           string
		result         string
		err            error
		judge          func(json.RawMessage) (Verdict, error)
		status         int
		code, verdict  string // of the record
		recorded, kept string // Query.Error, Query.Result
	}{
		{"a document", `{"a":"a private text"}`, nil, nil, 200, "", "", "", ""},
		{"a text", `"a private text"`, nil, nil, 200, "", "", "", ""},
		{"a list", `["a private text"]`, nil, nil, 200, "", "", "", ""},
		{"a boolean", `true`, nil, nil, 200, "", "", "", "true"},
		{"a number", `-1.5`, nil, nil, 200, "", "", "", "-1.5"},
		{"undefined", ``, nil, nil, 200, "", "", "", ""},
		{"allow", `true`, nil, judge, 200, "", "allow", "", "true"},
		{"deny", `false`, nil, judge, 200, "", "deny", "", "false"},
		{"undefined denies", ``, nil, judge, 200, "", "deny", "", ""},
		{"no verdict", `7`, nil, judge, 500, CodePolicyError, "deny", "bad_result", "7"},
		{"failed", ``, &QueryError{Code: "eval_conflict_error", Message: "a private text"}, judge, 500, CodePolicyError, "deny", "eval_conflict_error", ""},
		{"failed with a result", `true`, &QueryError{Code: "eval_conflict_error"}, judge, 500, CodePolicyError, "deny", "eval_conflict_error", "true"},
		{"failed otherwise", ``, errors.New("a private text"), nil, 500, CodePolicyError, "", "internal_error", ""},
	}
	for _, tt := range tests {
		r := newRig(fakeQuerier{query: func(path string, input []byte) ([]byte, error) {
			if path != "app/x" || string(input) != `{"text":"a private text"}` {
				t.Errorf("%s: asked for %q with %s", tt.name, path, input)
			}
			return []byte(tt.result), tt.err
		}})
		o := r.Query(t.Context(), &DocumentQuery{API: APIData, Path: "app/x", Input: json.RawMessage(`{"text":"a private text"}`), Client: who, TraceID: "t-1", Judge: tt.judge})
		if len(r.recorder.records) != 1 {
			t.Fatalf("%s: %d records", tt.name, len(r.recorder.records))
		}
		rec := r.recorder.records[0]
		if o.Status != tt.status || o.Code != tt.code || o.DecisionID == "" || o.Revision != "sha256:test" {
			t.Errorf("%s: %+v", tt.name, o)
		}
		if shown := string(o.Result); tt.status == 200 && shown != tt.result || tt.status != 200 && (shown != "" || o.Verdict != Deny) {
			t.Errorf("%s: result %s, verdict %v", tt.name, shown, o.Verdict)
		}
		if rec.Kind != RecordQuery || rec.DecisionID != o.DecisionID || rec.Principal != who || rec.TraceID != "t-1" || rec.Log != LogNone ||
			rec.Policy.Revision != "sha256:test" || rec.Verdict != tt.verdict || rec.Query.API != APIData || rec.Query.Path != "app/x" ||
			rec.Query.Error != tt.recorded || string(rec.Query.Result) != tt.kept || (rec.Query.ResultSHA256 == "") != (tt.result == "") {
			t.Errorf("%s: record %+v, query %+v", tt.name, rec, *rec.Query)
		}
		rec.Input = nil // of which the log keeps the hash
		if raw, err := json.Marshal(rec); err != nil || strings.Contains(string(raw), "private") {
			t.Errorf("%s: the record holds a text: %s, %v", tt.name, raw, err)
		}
		if strings.Contains(o.Message, "private") {
			t.Errorf("%s: the outcome's message holds a text: %s", tt.name, o.Message)
		}
	}
}

// An answer that is known is given, and recorded, without policy being asked, as
// long as the policies are the same.
func TestQueryKnown(t *testing.T) {
	asked := 0
	r := newRig(hashingQuerier{fakeQuerier{query: func(string, []byte) ([]byte, error) {
		asked++
		return []byte(`{"n":1}`), nil
	}}})
	q := &DocumentQuery{API: APIData, Path: "app/x", Input: json.RawMessage(`{}`), Client: &Principal{}}
	first := r.Query(t.Context(), q)
	q.Known, q.Input = first.Answer, nil
	second := r.Query(t.Context(), q)
	if asked != 1 || string(second.Result) != `{"n":1}` || second.DecisionID == first.DecisionID {
		t.Errorf("asked %d times, %+v", asked, second)
	}
	a, b := r.recorder.records[0], r.recorder.records[1]
	if a.Cache != "" || b.Cache != "hit" || b.InputSHA256 != "of {}" || b.Query.ResultSHA256 != a.Query.ResultSHA256 || b.DecisionID != second.DecisionID {
		t.Errorf("recorded %+v and %+v", a, b)
	}
	q.Judge = func(json.RawMessage) (Verdict, error) { return Allow, nil }
	if o := r.Query(t.Context(), q); o.Verdict != Allow || r.recorder.records[2].Verdict != "allow" {
		t.Errorf("%+v", o)
	}
	old := r.Snapshot()
	r.Swap(&Snapshot{Decider: old.Decider, Forwarder: old.Forwarder, Keys: old.Keys})
	if o := r.Query(t.Context(), q); asked != 2 || o.Answer.by == first.Answer.by || r.recorder.records[3].Cache != "" {
		t.Errorf("after a reload: asked %d times, %+v", asked, o)
	}
}

// hashingQuerier says what the input's hash is.
type hashingQuerier struct{ fakeQuerier }

func (q hashingQuerier) Query(ctx context.Context, path string, input []byte) (QueryAnswer, error) {
	a, err := q.fakeQuerier.Query(ctx, path, input)
	a.InputSHA256 = "of " + string(input)
	return a, err
}

// What cannot be recorded is not answered.
func TestQueryUnrecorded(t *testing.T) {
	r := newRig(fakeQuerier{query: func(string, []byte) ([]byte, error) { return []byte("true"), nil }})
	r.recorder.err = errors.New("disk full")
	o := r.Query(t.Context(), &DocumentQuery{API: APIAuthZEN, Client: &Principal{}, Judge: func(json.RawMessage) (Verdict, error) { return Allow, nil }})
	if o.Status != 503 || o.Code != CodeLogUnavailable || o.Result != nil || o.Verdict != Deny || o.RecordErr == nil || o.Action != ActionDeny {
		t.Errorf("%+v", o)
	}
}

func TestQueryWithoutDocuments(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	if o := r.Query(t.Context(), &DocumentQuery{Client: &Principal{}}); o.Status != 404 || o.Verdict != Deny || len(r.recorder.records) > 0 {
		t.Errorf("%+v", o)
	}
	r = newRig(fakeQuerier{query: func(string, []byte) ([]byte, error) { return nil, &QueryError{Code: QueryInvalidPath} }})
	if o := r.Query(t.Context(), &DocumentQuery{Client: &Principal{}}); o.Status != 400 || o.Code != CodeMalformed || len(r.recorder.records) > 0 {
		t.Errorf("%+v", o)
	}
}
