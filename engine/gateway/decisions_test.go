package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestDecisionOnInput(t *testing.T) {
	var got box[*engine.Input]
	h := &fakeHandler{decideInput: func(_ context.Context, in *engine.Input) engine.Outcome {
		got.set(in)
		return engine.Outcome{
			DecisionID: "decision-3", Verdict: engine.Allow, Action: engine.ActionAnswer,
			Excluded: map[string][]engine.Reason{"openai": {{Code: "eu_personal_data", Message: "m", Rule: "residency"}}},
			Decision: &engine.Decision{Allow: true, Revision: "rev-p", Prefer: map[string]float64{"vllm": 0.8},
				Raw: []byte(`{"allow":true,"obligations":{"log":"metadata","unknown_here":1}}`)},
		}
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post("/v1/decisions", `{"time":"2026-11-23T16:00:00Z","request":{"dialect":"openai-chat","model":"small"},
		"principal":{"id":"a","tenant":"acme","roles":["r"]},"targets":{"openai":{"posture":"cloud"},"vllm":{"posture":"gpu_cluster"}}}`))
	resp, body := c.read()
	want := `{"decision_id":"decision-3","verdict":"allow","allow":true,"deny":[],"exclude":{"openai":[{"code":"eu_personal_data","message":"m","rule":"residency"}]},` +
		`"prefer":{"vllm":0.8},"obligations":{"log":"metadata","unknown_here":1},"permitted":["vllm"],"revision":"rev-p"}`
	if resp.StatusCode != 200 || body != want || resp.Header.Get("Sallyport-Decision-Id") != "decision-3" {
		t.Errorf("%d\ngot  %s\nwant %s", resp.StatusCode, body, want)
	}
	wantInput := &engine.Input{
		Time:        "2026-11-23T16:00:00Z",
		Request:     engine.InputRequest{Dialect: "openai-chat", Model: "small", Tools: []string{}, Modalities: []string{}, Metadata: map[string]string{}, Headers: map[string]string{}},
		Principal:   engine.Principal{ID: "a", Tenant: "acme", Roles: []string{"r"}, Attributes: map[string]string{}},
		Classifiers: map[string]engine.ClassifierFacts{},
		Targets: map[string]engine.TargetFacts{
			"openai": {Target: "openai", Posture: "cloud", Attributes: map[string]string{}},
			"vllm":   {Target: "vllm", Posture: "gpu_cluster", Attributes: map[string]string{}},
		},
	}
	if d := cmp.Diff(wantInput, got.get()); d != "" {
		t.Errorf("input: -want +got\n%s", d)
	}
}

func TestDecisionOnLargeInput(t *testing.T) {
	h := &fakeHandler{}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post("/v1/decisions", `{"request":{"metadata":{"a":"`+strings.Repeat("x", engine.MaxInputBytes)+`"}}}`))
	if resp, body := c.read(); resp.StatusCode != 413 || h.take() != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// A denial is an answer, whoever's rule it is.
func TestDecisionDenied(t *testing.T) {
	var out box[engine.Outcome]
	h := &fakeHandler{
		decide:      func(context.Context, *engine.Request) engine.Outcome { return out.get() },
		decideInput: func(context.Context, *engine.Input) engine.Outcome { return out.get() },
	}
	ts := start(t, h)
	c := dial(t, ts.addr)
	reason := engine.Reason{Code: "no_secrets", Message: "m", Rule: "secrets"}
	failed := engine.Reason{Code: engine.ReasonClassifierFailed, Message: "m", Rule: "engine"}
	tests := []struct {
		name string
		out  engine.Outcome
		deny []string
	}{
		{"by policy", engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Action: engine.ActionDeny, Reasons: []engine.Reason{reason},
			Decision: &engine.Decision{Deny: []engine.Reason{reason}}}, []string{"no_secrets"}},
		{"no decision", engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Action: engine.ActionDeny, Reasons: []engine.Reason{failed}}, []string{engine.ReasonClassifierFailed}},
		{"by the engine, against policy", engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Verdict: engine.Allow, Action: engine.ActionDeny, Reasons: []engine.Reason{failed},
			Decision: &engine.Decision{Allow: true}}, []string{engine.ReasonClassifierFailed}},
		{"no target", engine.Outcome{Status: 403, Code: engine.CodeNoPermittedTarget, Verdict: engine.Allow, Action: engine.ActionDeny, Decision: &engine.Decision{Allow: true}}, nil},
	}
	for _, tt := range tests {
		tt.out.DecisionID = "decision-4"
		out.set(tt.out)
		for _, body := range []string{`{}`, `{"dialect":"openai-chat","request":` + chatBody + `}`} {
			c.send(post("/v1/decisions", body))
			resp, got := c.read()
			var a struct {
				Allow   *bool
				Verdict string
				Deny    []engine.Reason
			}
			if err := json.Unmarshal([]byte(got), &a); err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			var codes []string
			for _, r := range a.Deny {
				codes = append(codes, r.Code)
			}
			if resp.StatusCode != 200 || a.Allow == nil || *a.Allow || a.Verdict != "deny" || !cmp.Equal(codes, tt.deny) {
				t.Errorf("%s: %d %s", tt.name, resp.StatusCode, got)
			}
		}
	}
	out.set(engine.Outcome{DecisionID: "decision-5", Status: 503, Code: engine.CodeLogUnavailable, Message: "not recorded", Action: engine.ActionDeny})
	c.send(post("/v1/decisions", "{}"))
	if resp, got := c.read(); resp.StatusCode != 503 || decodeError(t, got).Error.Code != engine.CodeLogUnavailable {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

func TestDecisionOnRequest(t *testing.T) {
	var got box[*engine.Request]
	h := &fakeHandler{decide: func(_ context.Context, req *engine.Request) engine.Outcome {
		got.set(req)
		return engine.Outcome{DecisionID: "decision-6", Verdict: engine.Allow, Action: engine.ActionAnswer, Decision: &engine.Decision{Allow: true},
			Candidates: []engine.Candidate{{Key: "a/small", Target: "a"}, {Key: "b", Target: "b"}},
			Findings:   []engine.Finding{{Classifier: "pii", Kind: "EMAIL_ADDRESS", Score: 0.5, Text: 1, Span: engine.Span{Start: 2, End: 9}}}}
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post("/v1/decisions", `{"dialect":"openai-chat","request":`+chatBody+`}`, "x-slo-ttft-ms: 100\r\n"))
	_, body := c.read()
	want := `{"decision_id":"decision-6","verdict":"allow","allow":true,"deny":[],"exclude":{},"prefer":{},"obligations":{},"permitted":["a/small","b"],"revision":"",` +
		`"findings":[{"classifier":"pii","kind":"EMAIL_ADDRESS","score":0.5,"text":1,"start":2,"end":9}]}`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if r := got.get(); r.Principal.ID != "team-a" || r.Model != "small" || r.Budget.TTFT.Milliseconds() != 100 {
		t.Errorf("request %+v", r)
	}
}

func TestMalformedDecisions(t *testing.T) {
	h := &fakeHandler{}
	ts := start(t, h)
	c := dial(t, ts.addr)
	tests := []struct{ body, param string }{
		{``, ""}, {`{`, ""}, {`[]`, ""}, {`{} {}`, ""},
		{`{"reqest":{}}`, "reqest"},
		{`{"request":{"modle":"m"}}`, "request.modle"},
		{`{"request":{"stream":"yes"}}`, "request.stream"},
		{`{"request":{"prompt_tokens":1.5}}`, "request.prompt_tokens"},
		{`{"request":{"model":"a","model":"b"}}`, "request.model"},
		{`{"Request":{}}`, "Request"},
		{`{"principal":{"roles":"admin"}}`, "principal.roles"},
		{`{"time":"yesterday"}`, "time"},
		{`{"dialect":"esperanto","request":{}}`, "dialect"},
		{`{"dialect":7,"request":{}}`, "dialect"},
		{`{"dialect":"openai-chat"}`, "request"},
		{`{"dialect":"openai-chat","request":` + chatBody + `,"principal":{}}`, "principal"},
		{`{"dialect":"openai-chat","request":{"model":3,"messages":[]}}`, "request.model"},
	}
	for _, tt := range tests {
		c.send(post("/v1/decisions", tt.body))
		resp, body := c.read()
		if e := decodeError(t, body); resp.StatusCode != 400 || e.Error.Code != engine.CodeMalformed || e.param() != tt.param {
			t.Errorf("%s: %d %s, want the field %q", tt.body, resp.StatusCode, body, tt.param)
		}
	}
	if calls := h.take(); calls != "" {
		t.Errorf("the handler was called: %s", calls)
	}
}
