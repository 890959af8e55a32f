package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// fasthttp starts a goroutine for the Date header with the first request that it
// serves. It must not be started inside a synctest bubble.
func TestMain(m *testing.M) {
	s, err := New(Config{Handler: &fakeHandler{}, Ingress: wire.IngressFor})
	if err != nil {
		panic(err)
	}
	ln := fasthttputil.NewInmemoryListener()
	go func() { _ = s.Serve(ln) }()
	c, err := ln.Dial()
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(c, "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		panic(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// testKey is the API key of the test principal.
const testKey = "the-test-key"

// box is a value that a test and the server's goroutines share. The network
// between them orders nothing for the race detector.
type box[T any] struct {
	mu sync.Mutex
	v  T
}

func (b *box[T]) set(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.v = v
}

func (b *box[T]) get() T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.v
}

// fakeHandler answers with functions; what is nil answers as a small model does.
// Its fields do not change while it serves.
type fakeHandler struct {
	handle      func(context.Context, *engine.Request, engine.Sink) engine.Outcome
	decide      func(context.Context, *engine.Request) engine.Outcome
	decideInput func(context.Context, *engine.Input) engine.Outcome
	query       func(*engine.DocumentQuery) engine.DocumentOutcome
	anonymous   bool
	headers     []string
	models      []string
	documents   []string

	mu    sync.Mutex
	calls []string
}

func (f *fakeHandler) called(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
}

func (f *fakeHandler) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.calls, ",")
	f.calls = nil
	return s
}

func (f *fakeHandler) Handle(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
	f.called("handle " + string(req.Dialect))
	if f.handle != nil {
		return f.handle(ctx, req, sink)
	}
	return reply(ctx, req, sink, "hello")
}

func (f *fakeHandler) Decide(ctx context.Context, req *engine.Request) engine.Outcome {
	f.called("decide " + string(req.Dialect))
	return f.decide(ctx, req)
}

func (f *fakeHandler) DecideInputFor(ctx context.Context, client *engine.Principal, in *engine.Input) engine.Outcome {
	f.called("decide input for " + client.ID)
	return f.decideInput(ctx, in)
}

func (f *fakeHandler) Query(_ context.Context, q *engine.DocumentQuery) engine.DocumentOutcome {
	f.called("query " + q.Path)
	return f.query(q)
}

func (f *fakeHandler) Snapshot() *engine.Snapshot {
	return &engine.Snapshot{
		Keys: &engine.Keyring{Anonymous: f.anonymous, Keys: []engine.Key{{
			SHA256:    sha256.Sum256([]byte(testKey)),
			Principal: engine.Principal{ID: "team-a", Tenant: "acme", Roles: []string{}, Attributes: map[string]string{}},
		}}},
		Headers: f.headers, Documents: f.documents, Forwarder: fakeForwarder{f.models},
		Revision: "rev-1", ConfigSHA256: "c0ffee",
	}
}

type fakeForwarder struct{ models []string }

func (f fakeForwarder) Models() []string                            { return f.models }
func (fakeForwarder) Candidates(*engine.Request) []engine.Candidate { return nil }
func (fakeForwarder) Fit(*engine.Request, *engine.Candidate, int) ([]engine.Loss, *engine.RequestError) {
	panic("the gateway asks the engine")
}
func (fakeForwarder) Forward(context.Context, *engine.Attempt, engine.Sink) (engine.Usage, error) {
	panic("the gateway does not forward")
}

// head is the head of a reply by the target "vllm".
func head() engine.ReplyHead {
	return engine.ReplyHead{
		DecisionID: "decision-1", Disclose: true, BudgetLeft: -1,
		Attempt: engine.Attempt{Number: 1, PMeet: 0.97, PredictedTTFT: 420 * time.Millisecond,
			Candidate: engine.Candidate{Target: "vllm", Model: "small", Facts: engine.TargetFacts{Posture: "gpu_cluster"}}},
		Timings: engine.Timings{Classify: 1500 * time.Microsecond, Policy: 40 * time.Microsecond},
	}
}

// reply streams the words as one frame each and ends well. It stops where the
// sink says so.
func reply(_ context.Context, req *engine.Request, sink engine.Sink, words ...string) engine.Outcome {
	o := engine.Outcome{DecisionID: "decision-1", Status: 200, Verdict: engine.Allow, Action: engine.ActionForward, Sent: true,
		Target: head().Attempt.Candidate, Attempts: []engine.AttemptResult{{Target: "vllm", Model: "small"}},
		Usage: engine.Usage{Input: 3, Output: len(words)}, Timings: head().Timings}
	gone := func() engine.Outcome {
		o.Status, o.Code, o.Message = 499, engine.CodeClientGone, "the client closed the connection"
		return o
	}
	if sink.Start(head()) != nil {
		return gone()
	}
	if req.Operation == engine.OpEmbeddings {
		body := []byte(`{"object":"list","data":[],"model":"small"}`)
		if sink.Frame(&engine.Frame{Dialect: req.Dialect, Raw: body}) != nil {
			return gone()
		}
		return o
	}
	if req.Operation == engine.OpCountTokens {
		if sink.Frame(&engine.Frame{Events: []engine.Event{{Kind: engine.EventUsage, Usage: o.Usage}, {Kind: engine.EventEnd}}}) != nil {
			return gone()
		}
		return o
	}
	for _, w := range words {
		if sink.Frame(text(w)) != nil {
			return gone()
		}
	}
	if sink.Frame(&engine.Frame{Events: []engine.Event{{Kind: engine.EventFinish, Finish: engine.FinishStop}, {Kind: engine.EventEnd}}}) != nil {
		return gone()
	}
	if _, err := sink.(engine.Finisher).Finish(); err != nil {
		return gone()
	}
	return o
}

func text(s string) *engine.Frame {
	return &engine.Frame{Events: []engine.Event{{Kind: engine.EventText, Text: s}}}
}

// logs collects what a server logs.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// testServer is a server on a loopback port.
type testServer struct {
	*Server
	addr     string
	logs     *logs
	registry *prometheus.Registry
}

func newServer(t testing.TB, h Handler, change ...func(*Config)) *testServer {
	t.Helper()
	ts := &testServer{logs: &logs{}, registry: prometheus.NewRegistry()}
	c := Config{Handler: h, Ingress: wire.IngressFor, Logger: zerolog.New(ts.logs), Registry: ts.registry, Version: "test"}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ts.Server = s
	return ts
}

// start serves on a loopback port until the test ends.
func start(t testing.TB, h Handler, change ...func(*Config)) *testServer {
	t.Helper()
	ts := newServer(t, h, change...)
	ts.addr = ts.listen(t, ts.Serve, nil)
	return ts
}

// listen runs serve on a loopback port and ends it with the test.
func (ts *testServer) listen(t testing.TB, serve func(net.Listener) error, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if wrap != nil {
		ln = wrap(ln)
	}
	served := make(chan error, 1)
	go func() { served <- serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whatever a test leaves open is cut off
		_ = ts.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return addr
}

// client is a connection that speaks HTTP by hand.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// limit bounds every wait of a test that fails; none waits it out that passes.
const limit = 20 * time.Second

func dial(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{t: t, Conn: c, r: bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// response reads the header of the next response; its body is the test's.
func (c *client) response() *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// read reads the next response to its end.
func (c *client) read() (*http.Response, string) {
	c.t.Helper()
	r := c.response()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r, string(b)
}

const (
	chatPath   = "/v1/chat/completions"
	chatBody   = `{"model":"small","messages":[{"role":"user","content":"hi"}]}`
	streamBody = `{"model":"small","stream":true,"messages":[{"role":"user","content":"hi"}]}`
)

// post is a request with the test key. A header in extra ends with a line break.
func post(path, body string, extra ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s",
		path, testKey, strings.Join(extra, ""), len(body), body)
}

// envelope is OpenAI's error.
type envelope struct {
	Error struct {
		Message    string
		Type       string
		Param      *string
		Code       string
		DecisionID string `json:"decision_id"`
	}
}

func decodeError(t testing.TB, body string) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("not an error envelope: %v: %q", err, body)
	}
	if e.Error.Message == "" || e.Error.Code == "" || e.Error.DecisionID == "" {
		t.Errorf("the envelope lacks a message, a code or a decision id: %s", body)
	}
	return e
}

func (e envelope) param() string {
	if e.Error.Param == nil {
		return ""
	}
	return *e.Error.Param
}

// await waits for c, as long as a failing test may take.
func await[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}
