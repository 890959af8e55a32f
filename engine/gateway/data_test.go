package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// answering is a handler whose documents are o.
func answering(o engine.DocumentOutcome) (*fakeHandler, *box[engine.DocumentQuery]) {
	var got box[engine.DocumentQuery]
	return &fakeHandler{query: func(q *engine.DocumentQuery) engine.DocumentOutcome {
		got.set(*q)
		return o
	}}, &got
}

func result(raw string) engine.DocumentOutcome {
	o := engine.DocumentOutcome{Outcome: engine.Outcome{DecisionID: "q-1", Status: 200, Action: engine.ActionAnswer,
		Timings: engine.Timings{Policy: 40 * time.Microsecond}}, Revision: "rev-p"}
	if raw != "" {
		o.Result = json.RawMessage(raw)
	}
	return o
}

func get(target string) string {
	return strings.Replace(strings.Replace(post("@", ""), "POST @", "GET "+target, 1), "Content-Type: application/json\r\n", "", 1)
}

func TestData(t *testing.T) {
	h, got := answering(result(`{"a":[1]}`))
	ts := start(t, h)
	c := dial(t, ts.addr)
	tests := []struct {
		request, path, input, want string
	}{
		{post("/v1/data/app/allow", `{"input":{"user":"alice"}}`), "app/allow", `{"user":"alice"}`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data", `{"input":7,"com.example/meta":{}}`), "", `7`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data", `{"input":[0,-0.0,0e-9,1e-300,0E5]}`), "", `[0,-0.0,0e-9,1e-300,0E5]`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data/", `{"input":{}}`), "", `{}`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data/a%2Fb/c%20d/", `{"input":[]}`), "a%2Fb/c%20d", `[]`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data/app", ``), "app", ``, `{"decision_id":"q-1","result":{"a":[1]},"warning":{"code":"api_usage_warning","message":"'input' key missing from the request"}}`},
		{post("/v1/data/app", `{"input":null}`), "app", ``, `{"decision_id":"q-1","result":{"a":[1]},"warning":{"code":"api_usage_warning","message":"'input' key missing from the request"}}`},
		{post("/v1/data/app?provenance", `{"input":{}}`), "app", `{}`, `{"decision_id":"q-1","provenance":{"version":"test","revision":"rev-p"},"result":{"a":[1]}}`},
		{post("/v1/data/app?provenance=false&strict-builtin-errors&unknown=1", `{"input":{}}`), "app", `{}`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{post("/v1/data/app?pretty=true", `{"input":{}}`), "app", `{}`, "{\n  \"decision_id\": \"q-1\",\n  \"result\": {\n    \"a\": [\n      1\n    ]\n  }\n}"},
		{get("/v1/data/app?input=%7B%22x%22%3A1%7D"), "app", `{"x":1}`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{get("/v1/data/app?input=1&input=2"), "app", `2`, `{"decision_id":"q-1","result":{"a":[1]}}`},
		{get("/v1/data/app"), "app", ``, `{"decision_id":"q-1","result":{"a":[1]}}`},
	}
	for _, tt := range tests {
		c.send(tt.request)
		resp, body := c.read()
		q := got.get()
		if resp.StatusCode != 200 || body != tt.want || q.Path != tt.path || string(q.Input) != tt.input {
			t.Errorf("%.60q: %d, path %q, input %s\ngot  %s\nwant %s", tt.request, resp.StatusCode, q.Path, q.Input, body, tt.want)
		}
		if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Sallyport-Decision-Id") != "q-1" {
			t.Errorf("%.60q: %v", tt.request, resp.Header)
		}
		if q.API != engine.APIData || q.Client.ID != "team-a" || len(q.TraceID) != 32 || q.Judge != nil {
			t.Errorf("%.60q: %+v", tt.request, q)
		}
	}
	c.send(post("/v1/data/app?metrics", `{"input":{}}`))
	_, body := c.read()
	var a struct{ Metrics map[string]int64 }
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	if a.Metrics["timer_rego_query_eval_ns"] != 40000 || a.Metrics["timer_server_handler_ns"] <= 0 {
		t.Errorf("metrics: %s", body)
	}
	// None of them is a decision, and none of the paths a label.
	if exposed := ts.metricLines(t); strings.Contains(exposed, `sallyport_decisions_total`) || strings.Contains(exposed, "app") ||
		!strings.Contains(exposed, `sallyport_requests_total{action="none",code="ok",route="/v1/data",verdict="none"} 14`) {
		t.Errorf("metrics:\n%s", exposed)
	}
}

func (ts *testServer) metricLines(t *testing.T) string {
	t.Helper()
	families, err := ts.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if !strings.HasPrefix(f.GetName(), "sallyport_") || m.GetCounter() == nil {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+`="`+l.GetValue()+`"`)
			}
			v, _ := json.Marshal(m.GetCounter().GetValue())
			b.WriteString(f.GetName() + "{" + strings.Join(labels, ",") + "} " + string(v) + "\n")
		}
	}
	return b.String()
}

// An undefined document is an answer without a result.
func TestDataUndefined(t *testing.T) {
	h, _ := answering(result(""))
	c := dial(t, start(t, h).addr)
	c.send(post("/v1/data/none", `{"input":{}}`))
	if resp, body := c.read(); resp.StatusCode != 200 || body != `{"decision_id":"q-1"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// opaEnvelopeOf reads an error as OPA's clients do.
type opaErrors struct {
	Code, Message string
	Errors        []struct {
		Code, Message string
		Location      struct {
			File     string
			Row, Col int
		}
	}
}

func TestDataErrors(t *testing.T) {
	h, _ := answering(result("true"))
	c := dial(t, start(t, h).addr)
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	tests := []struct {
		request string
		status  int
		code    string
	}{
		{post("/v1/data/app", `{"input":`), 400, "invalid_parameter"},
		{post("/v1/data/app", `[]`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":{"a":1,"a":2}}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":1,"input":2}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":`+deep+`}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":1e999999999}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":-1.5E-999999999}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":`+strings.Repeat("9", 100)+`}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":"\xff"}`), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":1} {}`), 400, "invalid_parameter"},
		{post("/v1/data/app?explain=full", `{"input":1}`), 400, "invalid_parameter"},
		{post("/v1/data/a/../b", `{"input":1}`), 400, "invalid_parameter"},
		{post("/v1/data/a/%2e%2E/b", `{"input":1}`), 400, "invalid_parameter"},
		{post("/x/../v1/data/b", `{"input":1}`), 400, "invalid_parameter"},
		{post("/v1/data/"+strings.Repeat("a/", 2000), `{"input":1}`), 400, "invalid_parameter"},
		{get("/v1/data/app?input=%7B"), 400, "invalid_parameter"},
		{get("/v1/data/app?input="), 400, "invalid_parameter"},
		{post("/v1/data/app", `{"input":1}`, "Content-Encoding: gzip\r\n"), 400, "invalid_parameter"},
		{strings.Replace(post("/v1/data/app", `{"input":1}`), "POST", "PUT", 1), 405, "invalid_parameter"},
		{strings.Replace(post("/v1/data/app", `[]`), "POST", "PATCH", 1), 405, "invalid_parameter"},
		{strings.Replace(post("/v1/data/app", ``), "POST", "DELETE", 1), 405, "invalid_parameter"},
		{strings.Replace(post("/v1/data/app", `{"input":1}`), testKey, "wrong", 1), 401, "unauthorized"},
	}
	for _, tt := range tests {
		c.send(tt.request)
		resp, body := c.read()
		var e opaErrors
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%.80q: %v: %s", tt.request, err, body)
		}
		if resp.StatusCode != tt.status || e.Code != tt.code || e.Message == "" || h.take() != "" {
			t.Errorf("%.80q: %d %s", tt.request, resp.StatusCode, body)
		}
	}
	c.send(post("/v1/dataset", `{}`))
	if resp, _ := c.read(); resp.StatusCode != 404 {
		t.Errorf("a path that begins alike: %d", resp.StatusCode)
	}
}

func TestDataEvaluationErrors(t *testing.T) {
	tests := []struct {
		name   string
		out    engine.DocumentOutcome
		status int
		want   opaErrors
	}{
		{"a conflict", engine.DocumentOutcome{Outcome: engine.Outcome{DecisionID: "q-2", Status: 500, Code: engine.CodePolicyError, Message: "m", Action: engine.ActionDeny},
			Err: &engine.QueryError{Code: "eval_conflict_error", Message: "two values", File: "app.rego", Row: 3, Col: 1}}, 500,
			opaErrors{Code: "internal_error", Message: "error(s) occurred while evaluating query"}},
		{"the log", engine.DocumentOutcome{Outcome: engine.Outcome{DecisionID: "q-3", Status: 503, Code: engine.CodeLogUnavailable, Message: "m", Action: engine.ActionDeny}}, 503,
			opaErrors{Code: engine.CodeLogUnavailable, Message: "m"}},
		{"no such path", engine.DocumentOutcome{Outcome: engine.Outcome{DecisionID: "q-4", Status: 400, Code: engine.CodeMalformed, Message: "m"},
			Err: &engine.QueryError{Code: engine.QueryInvalidPath, Message: "a function"}}, 400, opaErrors{Code: "invalid_parameter", Message: "invalid path: a function"}},
	}
	for _, tt := range tests {
		h, _ := answering(tt.out)
		c := dial(t, start(t, h).addr)
		c.send(post("/v1/data/app", `{"input":1}`))
		resp, body := c.read()
		var e opaErrors
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Errors) > 0 {
			l := e.Errors[0].Location
			if e.Errors[0].Code != "eval_conflict_error" || e.Errors[0].Message != "two values" || l.File != "app.rego" || l.Row != 3 || l.Col != 1 {
				t.Errorf("%s: %s", tt.name, body)
			}
		}
		found := len(e.Errors) > 0
		e.Errors = nil
		if d := cmp.Diff(tt.want, e); d != "" || resp.StatusCode != tt.status || found != (tt.out.Status == 500) || resp.Header.Get("Sallyport-Decision-Id") == "" {
			t.Errorf("%s: %d %s\n%s", tt.name, resp.StatusCode, body, d)
		}
	}
}

// What is not offered is not asked for, however its path is written.
func TestDataOffered(t *testing.T) {
	h, _ := answering(result("true"))
	h.documents = []string{"app/allow", "authzen"}
	c := dial(t, start(t, h).addr)
	for path, want := range map[string]int{
		"app/allow": 200, "app/allow/x": 200, "authzen": 200, "authzen/deep/er": 200, "%61pp//allow": 200,
		"": 403, "app": 403, "app/allowed": 403, "apps/allow": 403, "app%2Fallow": 403, "secrets": 403, "authzenx": 403,
	} {
		c.send(post("/v1/data/"+path, `{"input":1}`))
		resp, body := c.read()
		if resp.StatusCode != want || want == 403 && !strings.Contains(body, `"code":"unauthorized"`) || (h.take() == "") != (want == 403) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

// A web page that was rebound to this address, or posts a form, learns nothing.
func TestDataFromBrowsers(t *testing.T) {
	h, _ := answering(result("true"))
	h.anonymous = true
	c := dial(t, start(t, h).addr)
	c.send("POST /v1/data/app HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	if resp, body := c.read(); resp.StatusCode != http.StatusUnauthorized || h.take() != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c.send("POST /v1/data/app HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}")
	if resp, body := c.read(); resp.StatusCode != http.StatusBadRequest || h.take() != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// What is let through to policy is JSON of a bounded depth, whatever was sent.
func FuzzCheckDocument(f *testing.F) {
	for _, s := range []string{`{"input":{"a":[1,2.5e3,null,true,"x"]}}`, `[[[[]]]]`, `{"a":1,"a":2}`, `1e999999999`, `-0`, `"\ud800"`, "\xff", `{} {}`, ``, ` 1 `, strings.Repeat("[", 129)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkDocument(raw) != nil {
			return
		}
		if !json.Valid(raw) {
			t.Errorf("%q is let through", raw)
		}
		depth, most := 0, 0
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		for {
			tok, err := d.Token()
			if err != nil {
				break
			}
			switch tok {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
			most = max(most, depth)
		}
		if most > maxDocumentDepth {
			t.Errorf("depth %d is let through", most)
		}
	})
}
