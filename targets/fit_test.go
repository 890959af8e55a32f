package targets

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

func TestFit(t *testing.T) {
	decls := []Target{declare("openai", PostureEdge, engine.DialectOpenAI, "http://127.0.0.1:1/v1"),
		declare("claude", PostureEdge, engine.DialectAnthropic, "http://127.0.0.1:1/v1"), declare("ollama", PostureEdge, engine.DialectOllama, "http://127.0.0.1:1")}
	s := newSet(t, decls...)
	temperature := engine.Loss{Field: "temperature", How: engine.LossApproximated, To: "1"}
	for _, test := range []struct {
		name, more string
		want       map[string]any // losses, or the field that cannot be carried
	}{
		{"plain", ``, map[string]any{"openai": nil, "claude": nil, "ollama": nil}},
		{"several answers", `,"n":2`, map[string]any{"openai": nil, "claude": "n", "ollama": "n"}},
		{"a high temperature", `,"temperature":1.7`, map[string]any{"openai": nil, "claude": []engine.Loss{temperature}, "ollama": nil}},
		{"a user", `,"user":"ann"`, map[string]any{"openai": nil, "claude": []engine.Loss{{Field: "user", How: engine.LossDropped}},
			"ollama": []engine.Loss{{Field: "user", How: engine.LossDropped}}}},
		{"a name that says something", `,"card 4111 1111":1`, map[string]any{"openai": nil, "claude": []engine.Loss{{Field: "?", How: engine.LossDropped}},
			"ollama": []engine.Loss{{Field: "?", How: engine.LossDropped}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := chat(t, `{"model":"m","messages":[{"role":"user","content":"hello"}]`+test.more+`}`)
			got, forms := map[string]any{}, map[string]bool{}
			for _, c := range s.Candidates(req) {
				losses, err := s.Fit(req, &c, 0)
				switch {
				case err != nil:
					got[c.Target] = err.Field
				case losses == nil:
					got[c.Target] = nil
				default:
					got[c.Target] = losses
				}
				forms[c.Form] = true
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(forms) != len(decls) {
				t.Errorf("forms %v", forms)
			}
		})
	}
	for _, st := range s.Status() {
		if st.Attempts != 0 {
			t.Errorf("%s was tried", st.Name)
		}
	}
}

// What Fit has written is sent, and only where it is what Forward would write.
func TestForwardSendsWhatFitWrote(t *testing.T) {
	var models []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Model     string
			MaxTokens int `json:"max_tokens"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		models = append(models, fmt.Sprint(body.Model, " ", body.MaxTokens))
		_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`)
	}))
	defer srv.Close()
	decl := declare("demo", PostureEdge, engine.DialectOpenAI, srv.URL)
	decl.Models = append(decl.Models, Model{Name: "m", Upstream: "other"})
	s := newSet(t, decl)
	for _, large := range []bool{false, true} {
		text := "hello"
		if large {
			text = strings.Repeat("hello ", maxKept/6)
		}
		models = nil
		req := chat(t, `{"model":"m","messages":[{"role":"user","content":"`+text+`"}]}`)
		c := s.Candidates(req)
		if _, err := s.Fit(req, &c[0], 7); err != nil {
			t.Fatal(err)
		}
		if kept := c[0].Written != nil; kept == large {
			t.Errorf("large %v, kept %v", large, kept)
		}
		other := c[1]
		other.Written = c[0].Written
		for _, a := range []engine.Attempt{{Candidate: c[0], MaxOutputTokens: 7}, {Candidate: c[0], MaxOutputTokens: 3}, {Candidate: other, MaxOutputTokens: 7}} {
			a.Request = req
			if _, err := s.Forward(t.Context(), &a, &sink{}); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff([]string{"m-upstream 7", "m-upstream 3", "other 7"}, models); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	}
}

// What a request pays before it is planned, for each form among its candidates; its
// texts have 8 KB.
func BenchmarkFit(b *testing.B) {
	req := chat(b, `{"model":"m","temperature":0.5,"messages":[`+strings.Repeat(`{"role":"user","content":"`+strings.Repeat("words ", 85)+`"},{"role":"assistant","content":"yes"},`, 16)+
		`{"role":"user","content":"hello"}]}`)
	for _, d := range []engine.Dialect{engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama} {
		b.Run(string(d), func(b *testing.B) {
			s := newSet(b, declare("demo", PostureEdge, d, "http://127.0.0.1:1/v1"))
			c := &s.Candidates(req)[0]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Fit(req, c, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A model of Ollama that cannot think refuses to be asked for it (as version 0.17
// does); it is asked again without, unless that is denied, and not asked for it
// again.
func TestModelThatDoesNotReason(t *testing.T) {
	var asked []bool // with think
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var body struct {
			Think any `json:"think"`
		}
		if err := json.Unmarshal(b, &body); err != nil {
			t.Error(err)
		}
		asked = append(asked, body.Think != nil)
		if body.Think != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"\"m-upstream\" does not support thinking"}`)
			return
		}
		_, _ = io.WriteString(w, `{"model":"m-upstream","message":{"role":"assistant","content":"hello"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":1}`)
	}))
	defer srv.Close()
	lost := []engine.Loss{{Field: "reasoning_effort", How: engine.LossDropped}}
	const body = `{"model":"m","reasoning_effort":"low","messages":[{"role":"user","content":"hi"}]}`
	attempt := func(s *Set, req *engine.Request, lossless bool) (*engine.Attempt, string, error) {
		asked = nil
		a := &engine.Attempt{Candidate: s.Candidates(req)[0], Request: req, Lossless: lossless}
		a.Candidate.Losses, _ = s.Fit(req, &a.Candidate, 0)
		var out sink
		_, err := s.Forward(t.Context(), a, &out)
		return a, out.text(), err
	}

	s := newSet(t, declare("ollama", PostureEdge, engine.DialectOllama, srv.URL))
	for _, want := range [][]bool{{true, false}, {false}} {
		a, text, err := attempt(s, chat(t, body), false)
		if err != nil || text != "hello" {
			t.Fatalf("%v, text %q", err, text)
		}
		if diff := cmp.Diff(lost, a.Candidate.Losses); diff != "" {
			t.Errorf("losses (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("asked to think (-want +got):\n%s", diff)
		}
	}
	if st := s.Status()[0]; st.Attempts != 2 || st.Failures != 0 {
		t.Errorf("%d attempts, %d failures", st.Attempts, st.Failures)
	}

	s = newSet(t, declare("ollama", PostureEdge, engine.DialectOllama, srv.URL))
	if _, _, err := attempt(s, chat(t, body), true); upstreamError(t, err, codeStatus).Status != http.StatusBadRequest || len(asked) != 1 {
		t.Errorf("where no loss is permitted: %v, asked %v", err, asked)
	}
	s = newSet(t, declare("ollama", PostureEdge, engine.DialectOllama, srv.URL))
	own := readRequest(t, wire.OllamaChat{}, `{"model":"m","stream":false,"think":true,"messages":[{"role":"user","content":"hi"}]}`)
	if _, _, err := attempt(s, own, false); upstreamError(t, err, codeStatus).Status != http.StatusBadRequest || len(asked) != 1 {
		t.Errorf("of a client of Ollama's own API: %v, asked %v", err, asked)
	}
}
