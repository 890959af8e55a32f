package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

const accessBody = `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`

// judging answers a query with what policy says, as the engine does.
func judging(policy func(input string) (string, error)) *fakeHandler {
	return &fakeHandler{query: func(q *engine.DocumentQuery) engine.DocumentOutcome {
		raw, err := policy(string(q.Input))
		o := result(raw)
		if err == nil {
			o.Verdict, err = q.Judge(o.Result)
		}
		if err != nil {
			o.Result, o.Verdict = nil, engine.Deny
			o.Status, o.Code, o.Message = 500, engine.CodePolicyError, err.Error()
		}
		return o
	}}
}

func TestEvaluation(t *testing.T) {
	tests := []struct {
		name, result, want string
		status             int
	}{
		{"true", "true", `{"decision":true,"context":{"decision_id":"q-1"}}`, 200},
		{"false", "false", `{"decision":false,"context":{"decision_id":"q-1"}}`, 200},
		{"undefined", "", `{"decision":false,"context":{"decision_id":"q-1","reasons":[{"code":"undefined","message":"no rule of the policy applies","rule":"engine"}]}}`, 200},
		{"object", `{"context":{"reason":"r"},"decision":true}`, `{"decision":true,"context":{"decision_id":"q-1","reason":"r"}}`, 200},
		{"object that denies", `{"decision":false,"other":1}`, `{"decision":false,"context":{"decision_id":"q-1"}}`, 200},
		{"its own id", `{"context":{"decision_id":"x"},"decision":true}`, `{"decision":true,"context":{"decision_id":"x"}}`, 200},
		{"a string", `"true"`, "", 500},
		{"a number", `1`, "", 500},
		{"null", `null`, "", 500},
		{"a list", `[true]`, "", 500},
		{"no decision", `{"allow":true}`, "", 500},
		{"decision null", `{"decision":null}`, "", 500},
		{"decision a string", `{"decision":"true"}`, "", 500},
		{"context a list", `{"decision":true,"context":[]}`, "", 500},
	}
	for _, tt := range tests {
		var got string
		c := dial(t, start(t, judging(func(input string) (string, error) { got = input; return tt.result, nil })).addr)
		for _, path := range []string{"/access/v1/evaluation", "/access/v1/evaluations"} {
			c.send(post(path, accessBody, "X-Request-ID: bfe9eb29\r\n"))
			resp, body := c.read()
			if resp.StatusCode != tt.status || resp.Header.Get("X-Request-ID") != "bfe9eb29" {
				t.Errorf("%s: %d %v %s", tt.name, resp.StatusCode, resp.Header, body)
			}
			if tt.status == 200 && body != tt.want {
				t.Errorf("%s:\ngot  %s\nwant %s", tt.name, body, tt.want)
			}
			if tt.status != 200 && (strings.Contains(body, "true,") || !strings.HasPrefix(body, "policy_error: ") || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain")) {
				t.Errorf("%s: %s", tt.name, body)
			}
			if got != accessBody {
				t.Errorf("%s: input %s", tt.name, got)
			}
		}
	}
}

func TestEvaluationRefused(t *testing.T) {
	h := judging(func(string) (string, error) { return "true", nil })
	c := dial(t, start(t, h).addr)
	subject, action, resource := `"subject":{"type":"user","id":"alice"}`, `"action":{"name":"read"}`, `"resource":{"type":"record","id":"1"}`
	tests := []struct{ body, field string }{
		{``, ""},
		{`[]`, ""},
		{`{` + action + `,` + resource + `}`, "subject"},
		{`{` + subject + `,` + resource + `}`, "action"},
		{`{` + subject + `,` + action + `}`, "resource"},
		{`{"subject":{"type":"user"},` + action + `,` + resource + `}`, "subject.id"},
		{`{"subject":{"id":"alice"},` + action + `,` + resource + `}`, "subject.type"},
		{`{"subject":{"type":"user","id":""},` + action + `,` + resource + `}`, "subject.id"},
		{`{"subject":{"type":"user","id":7},` + action + `,` + resource + `}`, "subject.id"},
		{`{"subject":{"type":"user","id":null},` + action + `,` + resource + `}`, "subject.id"},
		{`{"subject":"alice",` + action + `,` + resource + `}`, "subject"},
		{`{"subject":null,` + action + `,` + resource + `}`, "subject"},
		{`{"subject":{"type":"user","id":"alice","properties":[]},` + action + `,` + resource + `}`, "subject.properties"},
		{`{` + subject + `,"action":{},` + resource + `}`, "action.name"},
		{`{` + subject + `,` + action + `,"resource":{"type":"record"}}`, "resource.id"},
		{`{` + subject + `,` + action + `,` + resource + `,"context":[]}`, "context"},
		{`{` + subject + `,` + subject + `,` + action + `,` + resource + `}`, "subject"},
		{`{` + subject + `,` + action + `,` + resource + `,"context":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200) + `}`, ""},
	}
	for _, tt := range tests {
		c.send(post("/access/v1/evaluation", tt.body))
		resp, body := c.read()
		if resp.StatusCode != 400 || !strings.HasPrefix(body, "malformed_request: "+tt.field) || h.take() != "" {
			t.Errorf("%.100s: %d %s, want the field %q", tt.body, resp.StatusCode, body, tt.field)
		}
	}
	c.send(strings.Replace(post("/access/v1/evaluation", accessBody, "X-Request-ID: r-1\r\n"), testKey, "wrong", 1))
	if resp, body := c.read(); resp.StatusCode != 401 || !strings.HasPrefix(body, "unauthenticated: ") || resp.Header.Get("X-Request-ID") != "r-1" || h.take() != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c.send(strings.Replace(post("/access/v1/evaluation", accessBody), "POST", "GET", 1))
	if resp, _ := c.read(); resp.StatusCode != 405 {
		t.Errorf("GET: %d", resp.StatusCode)
	}
}

func TestEvaluations(t *testing.T) {
	// The policy allows reading; asking for resource 9 breaks it.
	h := judging(func(input string) (string, error) {
		if strings.Contains(input, `"id":"9"`) {
			return "", errors.New("broken")
		}
		if strings.Contains(input, `"read"`) {
			return "true", nil
		}
		return "false", nil
	})
	c := dial(t, start(t, h).addr)
	defaults := `"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}`
	write := `{"action":{"name":"write"}}`
	tests := []struct {
		name, items, options string
		want                 []bool
	}{
		{"all", `{},` + write + `,{}`, ``, []bool{true, false, true}},
		{"all, said so", `{},` + write + `,{}`, `,"options":{"evaluations_semantic":"execute_all","other":1}`, []bool{true, false, true}},
		{"first deny", `{},` + write + `,{}`, `,"options":{"evaluations_semantic":"deny_on_first_deny"}`, []bool{true, false}},
		{"first permit", write + `,{},{}`, `,"options":{"evaluations_semantic":"permit_on_first_permit"}`, []bool{false, true}},
		{"one is malformed", `{"subject":{"type":"user"}},{}`, ``, []bool{false, true}},
		{"one takes a default away", `{"subject":null},{}`, ``, []bool{false, true}},
		{"one breaks", `{"resource":{"type":"record","id":"9"}},{}`, ``, []bool{false, true}},
		{"one breaks and that is a denial", `{"resource":{"type":"record","id":"9"}},{}`, `,"options":{"evaluations_semantic":"deny_on_first_deny"}`, []bool{false}},
		{"not an object", `7,{}`, ``, []bool{false, true}},
	}
	for _, tt := range tests {
		c.send(post("/access/v1/evaluations", `{`+defaults+`,"evaluations":[`+tt.items+`]`+tt.options+`}`))
		resp, body := c.read()
		var a struct {
			Evaluations []struct {
				Decision *bool
				Context  struct {
					Error *struct {
						Status  int
						Message string
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatalf("%s: %v: %s", tt.name, err, body)
		}
		var got []bool
		for _, e := range a.Evaluations {
			got = append(got, *e.Decision)
			if e.Context.Error != nil && *e.Decision {
				t.Errorf("%s: an error that permits: %s", tt.name, body)
			}
		}
		if resp.StatusCode != 200 || !cmp.Equal(got, tt.want) || strings.Contains(tt.name, "one ") && a.Evaluations[0].Context.Error == nil {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
		}
	}
	for _, body := range []string{
		`{` + defaults + `,"evaluations":{}}`,
		`{` + defaults + `,"evaluations":[{}],"options":{"evaluations_semantic":"any"}}`,
		`{` + defaults + `,"evaluations":[{}],"options":7}`,
		`{` + defaults + `,"evaluations":[` + strings.Repeat("{},", maxEvaluations) + `{}]}`,
	} {
		c.send(post("/access/v1/evaluations", body))
		if resp, got := c.read(); resp.StatusCode != 400 {
			t.Errorf("%.120s: %d %s", body, resp.StatusCode, got)
		}
	}
	// An empty list is the single form, and the single route has no list.
	for path, body := range map[string]string{"/access/v1/evaluations": `{` + defaults + `,"evaluations":[]}`, "/access/v1/evaluation": `{` + defaults + `,"evaluations":[{},{}]}`} {
		c.send(post(path, body))
		if resp, got := c.read(); resp.StatusCode != 200 || !strings.HasPrefix(got, `{"decision":true`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
}

// A log that cannot be written takes all answers of a message back.
func TestEvaluationsUnrecorded(t *testing.T) {
	n := 0
	h := &fakeHandler{query: func(q *engine.DocumentQuery) engine.DocumentOutcome {
		if n++; n == 2 {
			return engine.DocumentOutcome{Outcome: engine.Outcome{DecisionID: "q", Status: 503, Code: engine.CodeLogUnavailable, Message: "m", Action: engine.ActionDeny}}
		}
		o := result("true")
		o.Verdict, _ = q.Judge(o.Result)
		return o
	}}
	c := dial(t, start(t, h).addr)
	c.send(post("/access/v1/evaluations", accessBody[:len(accessBody)-1]+`,"evaluations":[{},{},{}]}`))
	if resp, body := c.read(); resp.StatusCode != 503 || strings.Contains(body, "decision\":") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// With a decision input document in its context, a request is decided by the
// rules.
func TestEvaluationByRules(t *testing.T) {
	reason := engine.Reason{Code: "no_secrets", Message: "m", Rule: "secrets"}
	raw := []byte(`{"obligations":{"redact":["X"]}}`)
	excluded := map[string][]engine.Reason{"openai": {{Code: "eu", Message: "m", Rule: "residency"}}}
	allow := engine.Outcome{DecisionID: "d-1", Verdict: engine.Allow, Action: engine.ActionAnswer, Decision: &engine.Decision{Allow: true, Raw: raw}, Excluded: excluded}
	deny := engine.Outcome{DecisionID: "d-1", Status: 403, Code: engine.CodePolicyDenied, Action: engine.ActionDeny, Reasons: []engine.Reason{reason}, Decision: &engine.Decision{Deny: []engine.Reason{reason}, Raw: raw}}
	refused := engine.Outcome{DecisionID: "d-1", Status: 403, Code: engine.CodePolicyDenied, Verdict: engine.Allow, Action: engine.ActionDeny, Reasons: []engine.Reason{reason}, Decision: &engine.Decision{Allow: true, Raw: raw}}
	broken := engine.Outcome{DecisionID: "d-1", Status: 403, Code: engine.CodePolicyDenied, Action: engine.ActionDeny, Reasons: []engine.Reason{{Code: engine.ReasonPolicyError}}}
	tests := []struct {
		name, resource string
		out            engine.Outcome
		status         int
		decision       bool
		has            string
	}{
		{"allowed", `{"type":"model","id":"small"}`, allow, 200, true, `"permitted":["vllm"]`},
		{"with obligations", `{"type":"model","id":"small"}`, allow, 200, true, `"obligations":{"redact":["X"]}`},
		{"a permitted target", `{"type":"target","id":"vllm"}`, allow, 200, true, `"decision_id":"d-1"`},
		{"an excluded target", `{"type":"target","id":"openai"}`, allow, 200, false, `"code":"eu"`},
		{"an unknown target", `{"type":"target","id":"other"}`, allow, 200, false, `"code":"unknown_target"`},
		{"denied", `{"type":"model","id":"small"}`, deny, 200, false, `"code":"no_secrets"`},
		{"denied by the engine", `{"type":"target","id":"vllm"}`, refused, 200, false, `"code":"no_secrets"`},
		{"not evaluated", `{"type":"model","id":"small"}`, broken, 500, false, "policy_error"},
		{"not recorded", `{"type":"model","id":"small"}`, engine.Outcome{Status: 503, Code: engine.CodeLogUnavailable, Message: "m"}, 503, false, "decision_log_unavailable"},
	}
	for _, tt := range tests {
		h := &fakeHandler{decideInput: func(context.Context, *engine.Input) engine.Outcome { return tt.out }}
		c := dial(t, start(t, h).addr)
		c.send(post("/access/v1/evaluation", `{"subject":{"type":"user","id":"alice"},"action":{"name":"infer"},"resource":`+tt.resource+
			`,"context":{"sallyport_input":{"principal":{"id":"alice"},"targets":{"openai":{},"vllm":{}}}}}`))
		resp, body := c.read()
		if resp.StatusCode != tt.status || strings.HasPrefix(body, `{"decision":true`) != tt.decision || !strings.Contains(body, tt.has) {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
		}
		if calls := h.take(); calls != "decide input for team-a" {
			t.Errorf("%s: %s", tt.name, calls)
		}
	}
	h := &fakeHandler{}
	c := dial(t, start(t, h).addr)
	for _, input := range []string{`{"principal":{"id":"bob"}}`, `{}`, `7`, `{"prinzipal":{}}`} {
		c.send(post("/access/v1/evaluation", accessBody[:len(accessBody)-1]+`,"context":{"sallyport_input":`+input+`}}`))
		if resp, body := c.read(); resp.StatusCode != 400 || !strings.Contains(body, "context.sallyport_input") || h.take() != "" {
			t.Errorf("%s: %d %s", input, resp.StatusCode, body)
		}
	}
}
