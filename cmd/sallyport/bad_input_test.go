package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Whatever a client sends, it gets the dialect's error envelope with a stable
// code and the name of what is wrong; nothing is forwarded and the service lives.
func TestBadInput(t *testing.T) {
	s := serveConfig(t, t.TempDir(), strings.Replace(demo(), "server {", "server {\n  max_body_bytes = 100000", 1)+
		"\ntarget \"cloud\" \"talker\" {\n  dialect = \"anthropic\"\n  stand_in {}\n  model \"talks\" {}\n}\n", environment())
	chat := "/v1/chat/completions"
	message := `"messages":[{"role":"user","content":"hi"}]`
	for _, test := range []struct {
		name, method, path, body, header string
		status                           int
		code, param                      string
	}{
		{"not JSON", "POST", chat, `{"model":`, "", 400, "malformed_request", "model"},
		{"empty", "POST", chat, ``, "", 400, "malformed_request", ""},
		{"an array", "POST", chat, `[]`, "", 400, "malformed_request", ""},
		{"trailing data", "POST", chat, `{"model":"auto",` + message + `} {}`, "", 400, "malformed_request", ""},
		{"duplicate key", "POST", chat, `{"model":"auto","model":"large",` + message + `}`, "", 400, "malformed_request", "model"},
		{"duplicate key by an escape", "POST", chat, `{"model":"auto","mod\u0065l":"large",` + message + `}`, "", 400, "malformed_request", "model"},
		{"nested duplicate", "POST", chat, `{"model":"auto","messages":[{"role":"user","content":"a","content":"b"}]}`, "", 400, "malformed_request", "messages[0].content"},
		{"invalid UTF-8", "POST", chat, "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "", 400, "malformed_request", "messages[0].content"},
		{"lone surrogate", "POST", chat, `{"model":"auto","messages":[{"role":"user","content":"\ud800"}]}`, "", 400, "malformed_request", "messages[0].content"},
		{"deep nesting", "POST", chat, `{"model":"auto",` + message + `,"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "", 400, "malformed_request", "*"},
		{"no messages", "POST", chat, `{"model":"auto"}`, "", 400, "malformed_request", "messages"},
		{"empty messages", "POST", chat, `{"model":"auto","messages":[]}`, "", 400, "malformed_request", "messages"},
		{"no model", "POST", chat, `{` + message + `}`, "", 400, "malformed_request", "model"},
		{"wrong type", "POST", chat, `{"model":5,` + message + `}`, "", 400, "malformed_request", "model"},
		{"wrong type deeper", "POST", chat, `{"model":"auto","messages":[{"role":"user","content":5}]}`, "", 400, "malformed_request", "messages[0].content"},
		{"unknown role", "POST", chat, `{"model":"auto","messages":[{"role":"root","content":"x"}]}`, "", 400, "malformed_request", "messages[0].role"},
		{"stream is no boolean", "POST", chat, `{"model":"auto","stream":"yes",` + message + `}`, "", 400, "malformed_request", "stream"},
		{"negative cap", "POST", chat, `{"model":"auto","max_tokens":-1,` + message + `}`, "", 400, "malformed_request", "max_tokens"},
		{"budget in the body", "POST", chat, `{"model":"auto","slo":{"ttft_ms":"soon"},` + message + `}`, "", 400, "malformed_request", "slo.ttft_ms"},
		{"budget header", "POST", chat, `{"model":"auto",` + message + `}`, "x-slo-ttft-ms: 0", 400, "malformed_request", "x-slo-ttft-ms"},
		{"budget header without sense", "POST", chat, `{"model":"auto",` + message + `}`, "x-slo-total-ms: 1.5", 400, "malformed_request", "x-slo-total-ms"},
		{"on-miss", "POST", chat, `{"model":"auto",` + message + `}`, "x-slo-on-miss: shrug", 400, "malformed_request", "x-slo-on-miss"},
		{"priority", "POST", chat, `{"model":"auto",` + message + `}`, "Priority: u=9", 400, "malformed_request", "priority"},
		{"impossible budget", "POST", chat, `{"model":"auto",` + message + `}`, "x-slo-total-ms: 1", 422, "budget_infeasible", "*"},
		{"too large", "POST", chat, `{"model":"auto","messages":[{"role":"user","content":"` + strings.Repeat("x", 100000) + `"}]}`, "", 413, "request_too_large", "*"},
		{"unknown model", "POST", chat, `{"model":"gpt-99",` + message + `}`, "", 404, "model_not_found", "*"},
		{"unknown route", "POST", "/v1/nothing", `{}`, "", 404, "route_not_found", "*"},
		{"wrong method", "GET", chat, ``, "", 405, "method_not_allowed", "*"},
		{"unknown key", "POST", chat, `{"model":"auto",` + message + `}`, "Authorization: Bearer nobody", 401, "unauthenticated", "*"},
		{"tokens instead of text", "POST", "/v1/embeddings", `{"model":"demo-embedding","input":[1,2,3]}`, "", 400, "malformed_request", "input[0]"},
		{"an operation that no target serves", "POST", "/v1/embeddings", `{"model":"talks","input":"x"}`, "", 403, "no_permitted_target", "*"},
		{"decision without sense", "POST", "/v1/decisions", `{"request":{"modle":"x"}}`, "", 400, "malformed_request", "request.modle"},
		{"decision of an unknown dialect", "POST", "/v1/decisions", `{"dialect":"morse","request":{}}`, "", 400, "malformed_request", "dialect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequest(test.method, s.data+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if name, value, ok := strings.Cut(test.header, ": "); ok {
				req.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			var envelope struct {
				Error struct {
					Message, Code, Param string
					DecisionID           string `json:"decision_id"`
				}
			}
			if err := json.Unmarshal(body, &envelope); err != nil {
				t.Fatalf("%d: not the envelope: %s", res.StatusCode, body)
			}
			e := envelope.Error
			if res.StatusCode != test.status || e.Code != test.code || test.param != "*" && e.Param != test.param {
				t.Errorf("got %d %q %q, want %d %q %q: %s", res.StatusCode, e.Code, e.Param, test.status, test.code, test.param, e.Message)
			}
			if e.Message == "" || e.DecisionID == "" || res.Header.Get("Sallyport-Decision-Id") != e.DecisionID {
				t.Errorf("the envelope lacks a message or the decision's id: %s", body)
			}
		})
	}

	res, err := http.Get(s.admin + "/targets")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var status bytes.Buffer
	if _, err := status.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(status.String(), `"attempts":0`); n != 5 {
		t.Errorf("something was forwarded: %s", status.String())
	}
	c := anonymous(s)
	if _, err := c.Chat.Completions.New(t.Context(), ask("auto", "still there?")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
