package targets

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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
