package policies

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

const documents = `package app

default allow := false

allow if input.user == "alice"

both := 1 if input.user == "alice"

both := 2 if input.admin

failing := to_number(input.user)

guarded if not failing

twice(x) := x * 2

slow if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	a * b == -1
}
`

func TestQueryDocuments(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good, "app.rego": documents, "data.json": `{"list": ["x", {"a/b": 7}], "1": "one", "m": {"1": "one"}}`})
	tests := []struct{ path, input, want, code string }{
		{"app/allow", `{"user":"alice"}`, `true`, ""},
		{"app/allow", `{"user":"bob"}`, `false`, ""},
		{"app/allow", "", `false`, ""}, // no input at all
		{"app/both", `{"user":"bob"}`, "", ""},
		{"app/both", `{"user":"alice","admin":true}`, "", "eval_conflict_error"},
		{"list/0", "", `"x"`, ""},
		{"list/1/a%2Fb", "", `7`, ""},
		{"m/1", "", `"one"`, ""},
		{"1", "", `"one"`, ""},
		{"app/twice", "", "", engine.QueryInvalidPath},
		{"list/%zz", "", "", engine.QueryInvalidPath},
		{`no"such`, "", "", ""},
		// A check that fails is no ground to allow.
		{"app/guarded", `{"user":"x"}`, "", "eval_builtin_error"},
	}
	for range 2 { // prepared now, then before
		for _, tt := range tests {
			var input []byte
			if tt.input != "" {
				input = []byte(tt.input)
			}
			answer, err := s.Query(t.Context(), tt.path, input)
			got, code := answer.Result, ""
			if qe, ok := errors.AsType[*engine.QueryError](err); ok {
				code = qe.Code
			} else if err != nil {
				t.Errorf("%s: %v is not a QueryError", tt.path, err)
			}
			if string(got) != tt.want || code != tt.code {
				t.Errorf("Query(%q, %s) = %s, %q (%v); want %s, %q", tt.path, tt.input, got, code, err, tt.want, tt.code)
			}
		}
	}
}

func TestQueryErrorSaysWhere(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good, "app.rego": documents})
	_, err := s.Query(t.Context(), "app/both", []byte(`{"user":"alice","admin":true}`))
	qe, ok := errors.AsType[*engine.QueryError](err)
	if !ok || !strings.HasSuffix(qe.File, "app.rego") || qe.Row == 0 || qe.Col == 0 || qe.Message == "" {
		t.Errorf("%+v", err)
	}
}

func TestQueryIsBoundedInTime(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good, "app.rego": documents})
	s.timeout = 20 * time.Millisecond
	_, err := s.Query(t.Context(), "app/slow", nil)
	if qe, ok := errors.AsType[*engine.QueryError](err); !ok || qe.Code != "eval_cancel_error" {
		t.Errorf("%v", err)
	}
}

// A stranger chooses the paths; what is kept of them is bounded.
func TestPreparedQueriesAreBounded(t *testing.T) {
	s := load(t, map[string]string{"a.rego": good, "app.rego": documents})
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := range maxPreparedQueries {
				if _, err := s.Query(t.Context(), fmt.Sprintf("none/%d/%d", c, i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	long := "none/" + strings.Repeat("x", maxPreparedPathBytes)
	if _, err := s.Query(t.Context(), long, nil); err != nil {
		t.Error(err)
	}
	if n, m := s.queries.recent.Len(), len(s.queries.byPath); n != maxPreparedQueries || m != n || s.queries.byPath[long] != nil {
		t.Errorf("%d queries by recency, %d by path; want %d", n, m, maxPreparedQueries)
	}
	got, err := s.Query(t.Context(), "app/allow", []byte(`{"user":"alice"}`))
	if string(got.Result) != "true" || err != nil || s.queries.byPath["app/allow"] == nil {
		t.Errorf("%s, %v", got.Result, err)
	}
}

// BenchmarkQuery is a small document: asked for again, and by a path that was not
// asked for before.
func BenchmarkQuery(b *testing.B) {
	s := load(b, map[string]string{"a.rego": good, "app.rego": documents})
	input := []byte(`{"user":"alice"}`)
	b.Run("prepared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Query(b.Context(), "app/allow", input); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new path", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Query(b.Context(), fmt.Sprint("none/", i), input); err != nil {
				b.Fatal(err)
			}
		}
	})
}
