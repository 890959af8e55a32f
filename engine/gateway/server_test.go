package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

var _ Handler = (*engine.Engine)(nil)

// Every path of every route comes to the Handler; none answers by another way.
func TestRoutesRunThroughTheHandler(t *testing.T) {
	bodies := map[engine.Dialect]string{
		engine.DialectOpenAIChat:        chatBody,
		engine.DialectOpenAICompletions: `{"model":"small","prompt":"hi"}`,
		engine.DialectOpenAIEmbeddings:  `{"model":"small","input":"hi"}`,
		engine.DialectGeminiContent:     `{"contents":[{"parts":[{"text":"hi"}]}]}`,
		engine.DialectGeminiEmbed:       `{"content":{"parts":[{"text":"hi"}]}}`,
		engine.DialectOpenAIResponses:   `{"model":"small","input":"hi"}`,
		engine.DialectOllamaChat:        `{"model":"small","messages":[{"role":"user","content":"hi"}]}`,
		engine.DialectOllamaGenerate:    `{"model":"small","prompt":"hi"}`,
		engine.DialectOllamaEmbed:       `{"model":"small","input":"hi"}`,
		engine.DialectAnthropicMessages: `{"model":"small","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`,
	}
	allow := engine.Outcome{DecisionID: "d", Verdict: engine.Allow, Action: engine.ActionAnswer}
	h := &fakeHandler{
		models:      []string{"small"},
		decide:      func(context.Context, *engine.Request) engine.Outcome { return allow },
		decideInput: func(context.Context, *engine.Input) engine.Outcome { return allow },
		query:       func(*engine.DocumentQuery) engine.DocumentOutcome { return engine.DocumentOutcome{Outcome: allow} },
	}
	ts := start(t, h)
	c := dial(t, ts.addr)
	for _, r := range Routes() {
		for _, path := range r.Paths {
			body, want := bodies[r.Dialect], "handle "+string(r.Dialect)
			if r.Verb == "batchEmbedContents" {
				body = `{"requests":[` + body + `]}`
			}
			switch r.Kind {
			case RouteDecision:
				body, want = `{"targets":{}}`, "decide input for team-a"
			case RouteModels:
				if body, want = "", ""; r.Verb == "show" {
					body = `{"model":"small"}`
				}
			case RouteData:
				body, want = "", "query "
			case RouteEvaluation, RouteEvaluations:
				body, want = accessBody, "query "+engine.DefaultAuthZEN
			}
			path = strings.Replace(path, modelName, "small", 1)
			c.send(strings.Replace(post(path, body), "POST", r.Method, 1))
			resp, got := c.read()
			if calls := h.take(); calls != want || resp.StatusCode != 200 {
				t.Errorf("%s %s: status %d, handler calls %q, want %q\n%s", r.Method, path, resp.StatusCode, calls, want, got)
			}
			if resp.Header.Get("Sallyport-Decision-Id") == "" && r.Kind != RouteModels {
				t.Errorf("%s %s: no decision id", r.Method, path)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	lacking := func(d engine.Dialect) (wire.Ingress, bool) {
		if d == engine.DialectOpenAIEmbeddings {
			return nil, false
		}
		return wire.IngressFor(d)
	}
	registry := prometheus.NewRegistry()
	if _, err := New(Config{Handler: &fakeHandler{}, Ingress: wire.IngressFor, Registry: registry}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"no handler":             {Ingress: wire.IngressFor},
		"no ingress":             {Handler: &fakeHandler{}},
		"a route without reader": {Handler: &fakeHandler{}, Ingress: lacking},
		"metrics that exist":     {Handler: &fakeHandler{}, Ingress: wire.IngressFor, Registry: registry},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	twice := append(Routes(), Routes()[0])
	if _, err := newRouter(twice, wire.IngressFor); err == nil {
		t.Error("a path taken twice: no error")
	}
}

func TestNoSuchRoute(t *testing.T) {
	ts := start(t, &fakeHandler{})
	c := dial(t, ts.addr)
	tests := []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"POST", "/v1/chat/completion", 404, engine.CodeUnknownRoute, ""},
		{"GET", "/", 404, engine.CodeUnknownRoute, ""},
		{"POST", "/v1/chat/completions/", 404, engine.CodeUnknownRoute, ""},
		{"POST", "/v1/%00", 404, engine.CodeUnknownRoute, ""},
		{"POST", "/metrics", 404, engine.CodeUnknownRoute, ""},
		{"GET", chatPath, 405, engine.CodeMethodNotAllowed, "POST"},
		{"DELETE", "/v1/models", 405, engine.CodeMethodNotAllowed, "GET"},
		{"OPTIONS", "/v1/decisions", 405, engine.CodeMethodNotAllowed, "POST"},
		{"post", chatPath, 405, engine.CodeMethodNotAllowed, "POST"},
	}
	for _, tt := range tests {
		c.send(strings.Replace(post(tt.path, "{}"), "POST", tt.method, 1))
		resp, body := c.read()
		e := decodeError(t, body)
		if resp.StatusCode != tt.status || e.Error.Code != tt.code || resp.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %s Allow %q, want %d %s %q", tt.method, tt.path, resp.StatusCode, e.Error.Code, resp.Header.Get("Allow"), tt.status, tt.code, tt.allow)
		}
		if id := resp.Header.Get("Sallyport-Decision-Id"); id != e.Error.DecisionID {
			t.Errorf("%s %s: decision id %q in the header, %q in the envelope", tt.method, tt.path, id, e.Error.DecisionID)
		}
	}
}

// A path that names a model is matched as it was sent, and decoded once.
func TestModelInPath(t *testing.T) {
	routes := append(Routes(),
		Route{Method: "POST", Pattern: "generate", Paths: []string{"/test/models/{model}:generate"}, Verb: "generate", Dialect: engine.DialectOpenAIChat},
		Route{Method: "POST", Pattern: "stream", Paths: []string{"/test/models/{model}:streamGenerate"}, Dialect: engine.DialectOpenAIChat})
	r, err := newRouter(routes, wire.IngressFor)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ method, path, pattern, model, code string }{
		{"POST", "/test/models/gemini-pro:generate", "generate", "gemini-pro", ""},
		{"POST", "/test/models/llama3:8b:streamGenerate", "stream", "llama3:8b", ""},
		{"POST", "/test/models/demo/gemini:generate", "generate", "demo/gemini", ""},
		{"POST", "/test/models/demo%2Fgemini%3A8b:generate?alt=sse", "generate", "demo/gemini:8b", ""},
		{"POST", "/test/models/a%252Fb:generate", "generate", "a%2Fb", ""},
		{"POST", "/test/models/a%00:generate", "generate", "", engine.CodeMalformed},
		{"POST", "/test/models/%ff:generate", "generate", "", engine.CodeMalformed},
		{"POST", "/test/models/" + strings.Repeat("a", 600) + ":generate", "generate", "", engine.CodeMalformed},
		{"POST", "/test/models/:generate", "unmatched", "", engine.CodeUnknownRoute},
		{"POST", "/test/models/m:generat", "unmatched", "", engine.CodeUnknownRoute},
		{"GET", "/test/models/m:generate", "unmatched", "", engine.CodeMethodNotAllowed},
		{"POST", "/openai/deployments/small/chat/completions?api-version=2024-10-21", "/v1/chat/completions", "small", ""},
		{"POST", "/openai/deployments//chat/completions", "/v1/completions", "", engine.CodeMalformed},
		{"GET", "/v1/models/target/model", "/v1/models/{model}", "target/model", ""},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod(tt.method)
		ctx.Request.SetRequestURI(tt.path)
		e, model, _, rerr := r.find(&ctx)
		code := ""
		if rerr != nil {
			code = rerr.Code
		}
		if e.Pattern != tt.pattern || model != tt.model || code != tt.code {
			t.Errorf("%s %s: %s, model %q, %q; want %s, model %q, %q", tt.method, tt.path, e.Pattern, model, code, tt.pattern, tt.model, tt.code)
		}
	}
}

// An Azure client names its model in the path alone.
func TestDeploymentPath(t *testing.T) {
	var model string
	h := &fakeHandler{}
	h.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		model = req.Model
		return reply(ctx, req, sink, "hello")
	}
	c := dial(t, start(t, h).addr)
	c.send(post("/openai/deployments/small/chat/completions?api-version=2024-10-21", `{"messages":[{"role":"user","content":"hi"}]}`))
	if resp, body := c.read(); resp.StatusCode != 200 || model != "small" {
		t.Errorf("status %d, model %q: %s", resp.StatusCode, model, body)
	}
}

func TestUnaryReply(t *testing.T) {
	ts := start(t, &fakeHandler{})
	c := dial(t, ts.addr)
	c.send(post(chatPath, chatBody, "Accept-Encoding: gzip\r\n"))
	resp, body := c.read()
	got := map[string]string{"body": "no"}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Sallyport-Decision-Id", "Inference-Status", "Server-Timing", "Server"} {
		got[name] = resp.Header.Get(name)
	}
	if strings.Contains(body, `"content":"hello"`) {
		got["body"] = "hello"
	}
	want := map[string]string{
		"body": "hello", "Content-Type": "application/json", "Content-Encoding": "", "Server": "",
		"Sallyport-Decision-Id": "decision-1",
		"Inference-Status":      `vllm;model="small";pred-ttft=420;p-meet=0.97;attempt=1`,
		"Server-Timing":         "classify;dur=1.5, policy;dur=0.04",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// What the engine refuses looks the same however it is asked for.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name       string
		outcome    engine.Outcome
		retryAfter string
	}{
		{"denied", engine.Outcome{Status: 403, Code: engine.CodePolicyDenied, Reasons: []engine.Reason{{Code: "no_secrets", Message: "m"}}, Action: engine.ActionDeny}, ""},
		{"shed", engine.Outcome{Status: 503, Code: engine.CodeShed, RetryAfter: 1200 * time.Millisecond, Action: engine.ActionShed}, "2"},
		{"upstream", engine.Outcome{Status: 429, Code: engine.CodeUpstreamError, RetryAfter: 7 * time.Second, Action: engine.ActionForward}, "7"},
		{"spent", engine.Outcome{Status: 504, Code: engine.CodeBudgetSpent, Action: engine.ActionForward}, ""},
	}
	for _, tt := range tests {
		tt.outcome.DecisionID, tt.outcome.Message = "decision-2", "a message"
		h := &fakeHandler{handle: func(context.Context, *engine.Request, engine.Sink) engine.Outcome { return tt.outcome }}
		ts := start(t, h)
		c := dial(t, ts.addr)
		for _, body := range []string{chatBody, streamBody} { // on one connection
			c.send(post(chatPath, body))
			resp, got := c.read()
			e := decodeError(t, got)
			if resp.StatusCode != tt.outcome.Status || e.Error.Code != tt.outcome.Code || resp.Header.Get("Retry-After") != tt.retryAfter ||
				resp.Header.Get("Sallyport-Decision-Id") != "decision-2" || e.Error.DecisionID != "decision-2" {
				t.Errorf("%s: status %d, Retry-After %q, %s", tt.name, resp.StatusCode, resp.Header.Get("Retry-After"), got)
			}
			if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("%s: content type %q", tt.name, ct)
			}
		}
	}
}

// A target may fail after the engine began a unary reply; the client has seen
// nothing of it yet and gets a plain error.
func TestUnaryReplyThatFailsLate(t *testing.T) {
	h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		o := reply(ctx, req, sink, "half an ")
		o.Status, o.Code, o.Message = 502, engine.CodeUpstreamError, "the target failed to answer"
		return o
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	for range 2 {
		c.send(post(chatPath, chatBody))
		resp, body := c.read()
		if e := decodeError(t, body); resp.StatusCode != 502 || e.Error.Code != engine.CodeUpstreamError || strings.Contains(body, "half") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}

func TestHandlerWithoutReply(t *testing.T) {
	h := &fakeHandler{handle: func(context.Context, *engine.Request, engine.Sink) engine.Outcome {
		return engine.Outcome{DecisionID: "d", Status: 200}
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	for _, body := range []string{chatBody, streamBody} {
		c.send(post(chatPath, body))
		if resp, got := c.read(); resp.StatusCode != 500 || decodeError(t, got).Error.Code != engine.CodeInternal {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	}
}

func TestPanics(t *testing.T) {
	const secret = "the user's own words"
	tests := []struct {
		name, body string
		begun      bool
		handle     func(context.Context, *engine.Request, engine.Sink) engine.Outcome
	}{
		{"before the reply", streamBody, false, func(context.Context, *engine.Request, engine.Sink) engine.Outcome { panic(secret) }},
		{"runtime error", chatBody, false, func(context.Context, *engine.Request, engine.Sink) engine.Outcome {
			var none []int
			return engine.Outcome{Status: none[len(secret)]}
		}},
		{"in a unary reply", chatBody, false, func(_ context.Context, _ *engine.Request, sink engine.Sink) engine.Outcome {
			_ = sink.Start(head())
			_ = sink.Frame(text(secret))
			panic(fmt.Errorf("about %s", secret))
		}},
		{"in a stream", streamBody, true, func(_ context.Context, _ *engine.Request, sink engine.Sink) engine.Outcome {
			_ = sink.Start(head())
			_ = sink.Frame(text("hello"))
			panic(secret)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var calls atomic.Int32
			h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
				if calls.Add(1) > 1 {
					return reply(ctx, req, sink, "hello")
				}
				return tt.handle(ctx, req, sink)
			}}
			ts := start(t, h)
			c := dial(t, ts.addr)
			c.send(post(chatPath, tt.body))
			resp := c.response()
			body, err := io.ReadAll(resp.Body)
			if tt.begun {
				if resp.StatusCode != 200 || err == nil || !strings.Contains(string(body), engine.CodeInternal) || strings.Contains(string(body), "[DONE]") {
					t.Errorf("stream: %d, error %v, %s", resp.StatusCode, err, body)
				}
			} else if resp.StatusCode != 500 || decodeError(t, string(body)).Error.Code != engine.CodeInternal {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if l := ts.logs.String(); !strings.Contains(l, "handler panicked") || strings.Contains(l, secret) || strings.Contains(string(body), secret) {
				t.Errorf("log or answer: %s %s", l, body)
			}
			c = dial(t, ts.addr)
			c.send(post(chatPath, chatBody))
			if resp, _ := c.read(); resp.StatusCode != 200 {
				t.Errorf("after the panic: status %d", resp.StatusCode)
			}
		})
	}
}

// Requests that arrive together are answered in order, none is eaten by the
// looks at the socket, and an answer does not wait for the next request's.
func TestPipelinedRequests(t *testing.T) {
	looked := make(chan struct{})
	proceed := make(chan struct{})
	n := 0
	h := &fakeHandler{}
	h.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		n++
		if n == 2 {
			close(looked)
			<-proceed
		}
		return reply(ctx, req, sink, fmt.Sprintf("answer-%d", n))
	}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post(chatPath, chatBody) + post(chatPath, chatBody) + post(chatPath, streamBody) + post(chatPath, chatBody))
	if _, body := c.read(); !strings.Contains(body, "answer-1") { // while the second still waits
		t.Errorf("first: %s", body)
	}
	await(t, "the second request", looked)
	// Two looks at a socket with bytes in it.
	await(t, "looks at the socket", time.After(2*hangUpPoll))
	close(proceed)
	for i := 2; i <= 4; i++ {
		if _, body := c.read(); !strings.Contains(body, fmt.Sprintf("answer-%d", i)) {
			t.Errorf("answer %d: %s", i, body)
		}
	}
}

// Nothing of a request may change when fasthttp uses its buffers again.
func TestRequestOutlivesItsBuffers(t *testing.T) {
	const all = "abcde"
	kept := make(chan *engine.Request, len(all))
	h := &fakeHandler{headers: []string{"x-project"}}
	h.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		kept <- req
		return reply(ctx, req, sink, "ok")
	}
	ts := start(t, h)
	c := dial(t, ts.addr)
	say := func(b byte) {
		word := strings.Repeat(string(b), 200)
		body := strings.NewReplacer("hi", word, "small", word).Replace(chatBody)
		c.send(post(chatPath, body, "X-Project: "+word+"\r\n", "Traceparent: 00-"+strings.Repeat(string(b), 32)+"-00000000000000ff-01\r\n"))
		if resp, got := c.read(); resp.StatusCode != 200 {
			t.Fatal(got)
		}
	}
	for i := range len(all) {
		say(all[i])
	}
	for i := range len(all) {
		b, req := all[i:i+1], <-kept
		word := strings.Repeat(b, 200)
		if req.Model != word || req.Headers["x-project"] != word || req.TraceID != strings.Repeat(b, 32) ||
			strings.Count(string(req.Body.Raw), b) < 400 || req.Texts[0].Value != word {
			t.Errorf("request %d has changed: %q", i, req.Body.Raw)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	h := &fakeHandler{}
	ts := start(t, h, func(c *Config) { c.Limits.MaxBodyBytes = 4096 })
	big := strings.Repeat("x", 64<<10)
	chunked := "POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := map[string]string{
		"length":              post(chatPath, big),
		"one chunk":           chunked + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(big), big),
		"many chunks":         chunked + strings.Repeat("400\r\n"+strings.Repeat("y", 1024)+"\r\n", 64) + "0\r\n\r\n",
		"length, not all of":  post(chatPath, big)[:10000],
		"chunks without end":  chunked + strings.Repeat("400\r\n"+strings.Repeat("y", 1024)+"\r\n", 5),
		"over by one":         post(chatPath, strings.Repeat("z", 4097)),
		"unreadable length":   strings.Replace(post(chatPath, "x"), "Length: 1", "Length: 99999999999999999999999", 1),
		"multipart":           strings.Replace(post(chatPath, big), "application/json", "multipart/form-data; boundary=b", 1),
		"expect-continue big": strings.Replace(post(chatPath, big), "Content-Length", "Expect: 100-continue\r\nContent-Length", 1),
	}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			c := dial(t, ts.addr)
			c.send(request)
			resp, body := c.read()
			if resp.StatusCode == 100 {
				resp, body = c.read()
			}
			want := 413
			if name == "unreadable length" {
				want = 400
			}
			if resp.StatusCode != want || !resp.Close {
				t.Errorf("%d, close %v, %s", resp.StatusCode, resp.Close, body)
			}
			if e := decodeError(t, body); want == 413 && e.Error.Code != engine.CodeTooLarge {
				t.Errorf("%s", body)
			}
		})
	}
	if calls := h.take(); calls != "" {
		t.Errorf("the handler was called: %s", calls)
	}
	c := dial(t, ts.addr)
	fits := chatBody + strings.Repeat(" ", 4096-len(chatBody))
	c.send(chunked + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(fits), fits))
	if resp, body := c.read(); resp.StatusCode != 200 {
		t.Errorf("a body of just the limit: %d %s", resp.StatusCode, body)
	}
}

func TestExpectContinue(t *testing.T) {
	ts := start(t, &fakeHandler{})
	c := dial(t, ts.addr)
	header, body, _ := strings.Cut(post(chatPath, chatBody, "Expect: 100-continue\r\n"), "\r\n\r\n")
	c.send(header + "\r\n\r\n")
	if resp := c.response(); resp.StatusCode != 100 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	c.send(body)
	if resp, got := c.read(); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// Requests that are not HTTP, too long or too slow get an envelope, too.
func TestMalformedHTTP(t *testing.T) {
	tests := []struct {
		name, request string
		status        int
		code          string
	}{
		{"no HTTP", "\x16\x03\x01 hello\r\n\r\n", 400, engine.CodeMalformed},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, engine.CodeMalformed},
		{"no host", "POST / HTTP/1.1\r\n\r\n", 400, engine.CodeMalformed},
		{"large header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", 431, engine.CodeTooLarge},
		{"broken chunk", "POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, engine.CodeMalformed},
		{"slow header", "POST / HTTP/1.1\r\nHost:", 408, engine.CodeMalformed},
		{"slow body", post(chatPath, chatBody)[:200], 408, engine.CodeMalformed},
	}
	ts := start(t, &fakeHandler{}, func(c *Config) {
		c.Limits.HeaderTimeout, c.Limits.BodyTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, ts.addr)
			c.send(tt.request)
			resp, body := c.read()
			if e := decodeError(t, body); resp.StatusCode != tt.status || e.Error.Code != tt.code {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, tt.status, tt.code)
			}
		})
	}
	if strings.Contains(ts.logs.String(), testKey) {
		t.Errorf("a key stands in the log: %s", ts.logs)
	}
}

// Whatever a client sends, the error is JSON.
func TestErrorEnvelopeOfOddInput(t *testing.T) {
	ts := start(t, &fakeHandler{})
	c := dial(t, ts.addr)
	for _, body := range []string{
		"", "{", "null", "[]", `""`, "\x00", "\xff\xfe", `{"model":"a","model":"b"}`, `{"a\u0000\"</script>": 1, "messages": 3}`,
		`{"model": "` + "\xff" + `"}`, `{"model": "\ud800"}`, strings.Repeat("[", 100000), `{"messages":[{"role":"user","content":{"\n\r": 1}}]}`,
	} {
		c.send(post(chatPath, body))
		resp, got := c.read()
		if e := decodeError(t, got); resp.StatusCode != 400 || e.Error.Code != engine.CodeMalformed {
			t.Errorf("%.40q: %d %s", body, resp.StatusCode, got)
		}
	}
	c.send(post(chatPath, chatBody))
	if resp, got := c.read(); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", resp.StatusCode, got)
	}
}

func TestModels(t *testing.T) {
	ts := start(t, &fakeHandler{models: []string{"auto", "small"}})
	c := dial(t, ts.addr)
	c.send("GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: " + testKey + "\r\n\r\n")
	_, body := c.read()
	var list struct {
		Object string
		Data   []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || list.Object != "list" || fmt.Sprint(list.Data) != "[{auto} {small}]" {
		t.Errorf("%v: got %s", err, body)
	}
	c.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, _ := c.read(); resp.StatusCode != 401 {
		t.Errorf("without a key: %d", resp.StatusCode)
	}
}

// The access log and the metrics tell what happened and nothing that was said.
func TestLogAndMetrics(t *testing.T) {
	h := &fakeHandler{}
	h.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		o := reply(ctx, req, sink, "the model's words")
		o.Findings = []engine.Finding{{Classifier: "pii", Kind: "EMAIL_ADDRESS"}}
		o.Completion = &engine.Completion{Action: "redact", Findings: []engine.CompletionFinding{{Classifier: "pii", Kind: "EMAIL_ADDRESS", Count: 2}},
			Errors: map[string]string{"mine": "trap"}}
		o.CostUSD, o.Timings.TTFT = 0.25, 90*time.Millisecond
		o.RecordErr = io.ErrShortWrite
		return o
	}
	ts := start(t, h)
	c := dial(t, ts.addr)
	trace := strings.Repeat("ab", 16)
	c.send(post(chatPath, `{"model":"client-chosen","messages":[{"role":"user","content":"the user's words"}]}`, "Traceparent: 00-"+trace+"-00000000000000ff-01\r\n"))
	c.read()
	c.send(post("/nowhere-the-client-chose", "{}"))
	c.read()
	log := ts.logs.String()
	for _, want := range []string{`"decision_id":"decision-1"`, `"route":"/v1/chat/completions"`, `"route":"unmatched"`, `"target":"vllm"`, `"trace_id":"` + trace,
		`"action":"forward"`, `"status":404`, `"output_tokens":1`, `decision log not written`, `"ttft_ms":90`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	metrics := gather(t, ts)
	for _, want := range []string{
		`sallyport_requests_total{action="forward",code="ok",route="/v1/chat/completions",verdict="allow"} 1`,
		`sallyport_requests_total{action="none",code="route_not_found",route="unmatched",verdict="none"} 1`,
		`sallyport_decisions_total{verdict="allow"} 1`,
		`sallyport_findings_total{classifier="pii",kind="EMAIL_ADDRESS"} 1`,
		`sallyport_completions_inspected_total{action="redact"} 1`,
		`sallyport_completion_findings_total{classifier="pii",kind="EMAIL_ADDRESS"} 2`,
		`sallyport_completion_errors_total{classifier="mine",error="trap"} 1`,
		`sallyport_attempts_total{result="ok",target="vllm"} 1`,
		`sallyport_tokens_total{direction="input",target="vllm"} 3`,
		`sallyport_cost_usd_total{target="vllm"} 0.25`,
		`sallyport_inflight_requests 0`,
		`sallyport_config_last_reload_successful 1`,
		`sallyport_ttft_seconds_count{target="vllm"} 1`,
		`sallyport_stage_duration_seconds_count{stage="classify"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, bad := range []string{"words", "client-chosen", "nowhere", testKey} {
		if strings.Contains(log, bad) || strings.Contains(metrics, bad) {
			t.Errorf("%q stands in the log or the metrics", bad)
		}
	}
}

func gather(t *testing.T, ts *testServer) string {
	t.Helper()
	addr := ts.listen(t, ts.ServeAdmin, nil)
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
