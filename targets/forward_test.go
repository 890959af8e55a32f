package targets

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/targets/block"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

func TestForwardDialects(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectOpenAI, engine.DialectAzureOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama} {
		t.Run(string(dialect), func(t *testing.T) {
			decl := declare("demo", PostureEdge, dialect)
			decl.APIKey = block.NewSecret(canary)
			decl.Headers = map[string]block.Secret{"X-Project": block.NewSecret("p1")}
			decl.StandIn = &StandIn{}
			if dialect == engine.DialectAzureOpenAI {
				decl.APIVersion = "2024-10-21"
			}
			s := newSet(t, decl)
			const want = `[stand-in edge target "demo", no model behind it] I received 2 messages. The last user message was: hello there`
			var usages []engine.Usage
			for _, body := range []string{unaryBody, streamBody} {
				req := chat(t, body)
				req.TraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
				req.Headers = map[string]string{"authorization": "Bearer of-the-client", "x-api-key": "of-the-client"}
				out, usage, err := forward(t, s, req)
				if err != nil {
					t.Fatal(err)
				}
				if got := out.text(); got != want {
					t.Errorf("text = %q, want %q", got, want)
				}
				usages = append(usages, usage)
				finish := ""
				for _, ev := range out.events {
					if ev.Kind == engine.EventFinish {
						finish += ev.Finish
					}
				}
				if finish != engine.FinishStop {
					t.Errorf("finish = %q, want %q once", finish, engine.FinishStop)
				}
				got := s.targets[0].standIn.Last()
				h := got.Header
				if dialect == engine.DialectAzureOpenAI && got.Path != "/v1/openai/deployments/m-upstream/chat/completions" {
					t.Errorf("path = %q", got.Path)
				}
				key := map[engine.Dialect][2]string{
					engine.DialectOpenAI:      {"Authorization", "Bearer " + canary},
					engine.DialectAzureOpenAI: {"Api-Key", canary},
					engine.DialectAnthropic:   {"X-Api-Key", canary},
					engine.DialectGemini:      {"X-Goog-Api-Key", canary},
					engine.DialectOllama:      {"Authorization", "Bearer " + canary},
				}[dialect]
				if h.Get(key[0]) != key[1] {
					t.Errorf("%s is not the target's key", key[0])
				}
				if strings.Contains(fmt.Sprint(h), "of-the-client") {
					t.Errorf("the client's credentials went upstream: %v", h)
				}
				if h.Get("X-Project") != "p1" || h.Get("Accept-Encoding") != "identity" || h.Get("Content-Type") != "application/json" {
					t.Errorf("headers = %v", h)
				}
				if tp := h.Get("Traceparent"); !strings.HasPrefix(tp, "00-"+req.TraceID+"-") || len(tp) != 55 {
					t.Errorf("traceparent = %q", tp)
				}
			}
			if diff := cmp.Diff(usages[0], usages[1]); diff != "" || usages[0].Input == 0 || usages[0].Output == 0 || usages[0].Estimated {
				t.Errorf("usage unary %+v, streamed %+v: want the same, not estimated", usages[0], usages[1])
			}
		})
	}
}

func TestForwardToolCall(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectOpenAI, engine.DialectAnthropic, engine.DialectGemini, engine.DialectOllama} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stream=%v", dialect, stream), func(t *testing.T) {
				decl := declare("demo", PostureEdge, dialect)
				decl.StandIn = &StandIn{}
				s := newSet(t, decl)
				out, _, err := forward(t, s, chat(t, fmt.Sprintf(`{"model":"m","stream":%v,"messages":[{"role":"user","content":"weather? [[tool]]"}],
					"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}`, stream)))
				if err != nil {
					t.Fatal(err)
				}
				name, args, finish := "", "", ""
				for _, ev := range out.events {
					switch ev.Kind {
					case engine.EventToolCall:
						name += ev.Name
					case engine.EventToolArgs:
						args += ev.Text
					case engine.EventFinish:
						finish += ev.Finish
					}
				}
				var got map[string]string
				if err := json.Unmarshal([]byte(args), &got); err != nil || got["city"] != "Paris" || name != "get_weather" || finish != engine.FinishTools {
					t.Errorf("call %s(%s), finish %q (%v)", name, args, finish, err)
				}
				// The result goes back, and the reply to it is text.
				out, _, err = forward(t, s, chat(t, fmt.Sprintf(`{"model":"m","stream":%v,"messages":[{"role":"user","content":"weather? [[tool]]"},
					{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},
					{"role":"tool","tool_call_id":"call_1","content":"{\"weather\":\"sunny\"}"}]}`, stream)))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(out.text(), "this tool result: ") || !strings.Contains(out.text(), "sunny") {
					t.Errorf("text = %q", out.text())
				}
			})
		}
	}
}

func TestForwardCompletionsAndEmbeddings(t *testing.T) {
	decl := declare("demo", PostureEdge, engine.DialectOpenAI)
	decl.StandIn = &StandIn{}
	s := newSet(t, decl)
	for _, tc := range []struct {
		in         wire.Ingress
		body, want string
	}{
		{wire.OpenAICompletions{}, `{"model":"m","prompt":"once upon"}`, "The last user message was: once upon"},
		{wire.OpenAICompletions{}, `{"model":"m","prompt":"once upon","stream":true}`, "upon"},
		{wire.OpenAIEmbeddings{}, `{"model":"m","input":["a","b"]}`, `"embedding":[`},
	} {
		out, usage, err := forward(t, s, readRequest(t, tc.in, tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if raw := strings.Join(out.raw, "\n"); !strings.Contains(raw, tc.want) {
			t.Errorf("%s: reply %s, want %q in it", tc.body, raw, tc.want)
		}
		if usage.Input == 0 || usage.Estimated {
			t.Errorf("%s: usage = %+v", tc.body, usage)
		}
	}
}

// Tokens are counted here where the target's API has no way to.
func TestForwardCountsTokens(t *testing.T) {
	closed := declare("closed", PostureCloud, engine.DialectOpenAI, closedURL(t))
	s := newSet(t, closed)
	req := chat(t, unaryBody)
	req.Operation = engine.OpCountTokens
	out, usage, err := forward(t, s, req)
	if err != nil || usage != (engine.Usage{}) {
		t.Errorf("%v: %+v, though nothing was used", err, usage)
	}
	// "be brief" and "hello there" are two tokens each, and each message has four more.
	if want := (engine.Usage{Input: 15, Estimated: true}); len(out.events) != 2 || out.events[0].Usage != want || out.events[1].Kind != engine.EventEnd {
		t.Errorf("events %+v", out.events)
	}
}

func TestForwardFaults(t *testing.T) {
	for _, tc := range []struct {
		name      string
		body      string
		fault     standin.Fault
		code      string
		status    int
		retryable bool
		after     time.Duration
		message   string
		healthy   bool // not counted against the target's health
	}{
		{"500", unaryBody, standin.Fault{Kind: standin.FaultStatus, Status: 500, Message: "boom"}, codeStatus, 500, true, 0, "boom", false},
		{"529", streamBody, standin.Fault{Kind: standin.FaultStatus, Status: 529, Message: "busy"}, codeStatus, 529, true, 0, "busy", false},
		{"400", streamBody, standin.Fault{Kind: standin.FaultStatus, Status: 400, Message: "bad"}, codeStatus, 400, false, 0, "bad", true},
		{"422", streamBody, standin.Fault{Kind: standin.FaultStatus, Status: 422, Message: "bad"}, codeStatus, 422, false, 0, "bad", true},
		{"401 of our key", unaryBody, standin.Fault{Kind: standin.FaultStatus, Status: 401, Message: "wrong key: " + canary + "!"}, codeStatus, 401, true, 0, "wrong key: (sensitive)!", true},
		{"429", streamBody, standin.Fault{Kind: standin.FaultStatus, Status: 429, RetryAfter: 7 * time.Second, Message: "slow"}, codeStatus, 429, true, 7 * time.Second, "slow", true},
		{"429 in ms", unaryBody, standin.Fault{Kind: standin.FaultStatus, Status: 429, RetryAfter: 1500 * time.Millisecond, Message: "slow"}, codeStatus, 429, true, 1500 * time.Millisecond, "slow", true},
		{"redirect", unaryBody, standin.Fault{Kind: standin.FaultRedirect, Location: "http://127.0.0.1:1/"}, codeStatus, 307, true, 0, "", true},
		{"hang up", streamBody, standin.Fault{Kind: standin.FaultHangUp}, codeCut, 0, true, 0, "", false},
		{"gzip", streamBody, standin.Fault{Kind: standin.FaultGzip}, codeMalformed, 0, true, 0, "", false},
		{"cut before content", streamBody, standin.Fault{Kind: standin.FaultCut, After: 1}, codeCut, 0, true, 0, "", false},
		{"cut in content", streamBody, standin.Fault{Kind: standin.FaultCut, After: 5}, codeCut, 0, false, 0, "", false},
		{"cut unary", unaryBody, standin.Fault{Kind: standin.FaultCut}, codeCut, 0, true, 0, "", false},
		{"malformed", streamBody, standin.Fault{Kind: standin.FaultMalformed, After: 1}, codeMalformed, 0, true, 0, "", false},
		{"malformed in content", streamBody, standin.Fault{Kind: standin.FaultMalformed, After: 5}, codeMalformed, 0, false, 0, "", false},
		{"in band", streamBody, standin.Fault{Kind: standin.FaultInBand, After: 1, Message: "overloaded"}, codeUpstream, 0, true, 0, "overloaded", false},
		{"in band in content", streamBody, standin.Fault{Kind: standin.FaultInBand, After: 5, Message: "overloaded"}, codeCut, 0, false, 0, "overloaded", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := startStandIn(t, standin.Config{})
			decl := declare("demo", PostureCloud, engine.DialectOpenAI, srv.URL())
			decl.APIKey = block.NewSecret(canary)
			s := newSet(t, decl)
			for range failuresToPause {
				srv.SetFault(tc.fault)
				before := srv.Requests()
				out, usage, err := forward(t, s, chat(t, tc.body))
				e := upstreamError(t, err, tc.code)
				type facts struct {
					Target    string
					Status    int
					Retryable bool
					After     time.Duration
					Message   string
				}
				want := facts{"demo", tc.status, tc.retryable, tc.after, tc.message}
				if diff := cmp.Diff(want, facts{e.Target, e.Status, e.Retryable, e.RetryAfter, e.Message}); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if e.Body != nil && !json.Valid(e.Body) {
					t.Errorf("body is not JSON: %s", e.Body)
				}
				assertNoCanary(t, e.Error()+e.Message+string(e.Body))
				if strings.Contains(e.Error(), "hello") {
					t.Errorf("the prompt is in the error: %v", e)
				}
				if srv.Requests() != before+1 {
					t.Errorf("the upstream saw %d requests, want 1", srv.Requests()-before)
				}
				if out.content() != (usage.Output > 0) {
					t.Errorf("usage = %+v with text %q", usage, out.text())
				}
				for _, ev := range out.events {
					if ev.Kind == engine.EventError || ev.Kind == engine.EventEnd {
						t.Errorf("the sink was given %+v", ev)
					}
				}
			}
			if got := s.Status()[0].Healthy; got != tc.healthy {
				t.Errorf("healthy = %v after three of these", got)
			}
		})
	}
}

// TestForwardUsageMissing checks the estimate for a server that reports none.
func TestForwardUsageMissing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"twelve chars"},"finish_reason":"stop"}]}`)
	}))
	defer srv.Close()
	s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.URL))
	req := chat(t, unaryBody)
	_, usage, err := forward(t, s, req)
	if err != nil {
		t.Fatal(err)
	}
	if want := (engine.Usage{Input: 15, Output: 3, Estimated: true}); usage != want {
		t.Errorf("usage = %+v, want %+v", usage, want)
	}
}

// TestForwardLingeringStream checks that a server which keeps the connection
// open after its end marker delays nothing for long and fails nothing.
func TestForwardLingeringStream(t *testing.T) {
	stop := make(chan struct{})
	lingering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer lingering.Close()
	defer close(stop)
	s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, lingering.URL))
	out, _, err := forward(t, s, chat(t, streamBody))
	if err != nil || out.text() != "hi" {
		t.Errorf("text = %q, error = %v", out.text(), err)
	}
}

func TestForwardTooLarge(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range maxUnaryBody>>20 + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.URL))
	_, _, err := forward(t, s, chat(t, unaryBody))
	upstreamError(t, err, codeTooLarge)
}

// rawServer answers each connection with a script, request by request.
type rawServer struct {
	url      string
	requests atomic.Int64
	conns    atomic.Int64
}

// startRaw serves connections: reply writes an answer to the n-th request of the
// c-th connection, both from 0; false closes the connection.
func startRaw(t *testing.T, reply func(w io.Writer, c, n int) bool) *rawServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rawServer{url: "http://" + l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c := int(r.conns.Add(1)) - 1
			in := bufio.NewReader(conn)
			for n := 0; ; n++ {
				req, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				io.Copy(io.Discard, req.Body)
				r.requests.Add(1)
				if !reply(conn, c, n) {
					break
				}
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return r
}

const rawReply = `{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`

func writeReply(w io.Writer) {
	fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(rawReply), rawReply)
}

func TestForwardStaleConnection(t *testing.T) {
	t.Run("repeated once on a new connection", func(t *testing.T) {
		srv := startRaw(t, func(w io.Writer, c, n int) bool {
			if c == 0 && n == 1 {
				return false // read, and closed without a byte
			}
			writeReply(w)
			return true
		})
		s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.url))
		for range 2 {
			if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		if got := [2]int64{srv.conns.Load(), srv.requests.Load()}; got != [2]int64{2, 3} {
			t.Errorf("connections, requests = %v, want 2, 3", got)
		}
	})
	t.Run("not repeated on a new connection", func(t *testing.T) {
		srv := startRaw(t, func(io.Writer, int, int) bool { return false })
		s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.url))
		_, _, err := forward(t, s, chat(t, unaryBody))
		upstreamError(t, err, codeCut)
		if n := srv.requests.Load(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
	t.Run("not repeated twice", func(t *testing.T) {
		srv := startRaw(t, func(w io.Writer, c, n int) bool {
			if c == 0 && n == 0 {
				writeReply(w)
				return true
			}
			return false
		})
		s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.url))
		if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
			t.Fatal(err)
		}
		_, _, err := forward(t, s, chat(t, unaryBody))
		upstreamError(t, err, codeCut)
		if n := srv.requests.Load(); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
	t.Run("not repeated once a byte has come", func(t *testing.T) {
		srv := startRaw(t, func(w io.Writer, c, n int) bool {
			if n == 0 {
				writeReply(w)
				return true
			}
			io.WriteString(w, "HTTP/1.1 2")
			return false
		})
		s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.url))
		if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
			t.Fatal(err)
		}
		_, _, err := forward(t, s, chat(t, unaryBody))
		upstreamError(t, err, codeCut)
		if n := srv.requests.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// closedURL is the address of a server that is gone.
func closedURL(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String() + "/v1"
}

func TestForwardFailsOverAmongEndpoints(t *testing.T) {
	srv := startStandIn(t, standin.Config{})
	s := newSet(t, declare("cluster", PostureGPUCluster, engine.DialectOpenAI, closedURL(t), srv.URL(), closedURL(t)))
	for range 6 {
		if _, _, err := forward(t, s, chat(t, streamBody)); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Status()[0]
	var reachable []bool
	for _, e := range st.Endpoints {
		reachable = append(reachable, e.Reachable)
	}
	if diff := cmp.Diff([]bool{false, true, false}, reachable); diff != "" || !st.Healthy || st.Failures != 0 {
		t.Errorf("status = %+v", st)
	}

	srv.Close()
	_, _, err := forward(t, s, chat(t, streamBody))
	if e := upstreamError(t, err, codeConnect); !e.Retryable {
		t.Error("not retryable")
	}
}

func TestForwardSpreadsOverEndpoints(t *testing.T) {
	var urls []string
	var servers []*standin.Server
	for range 3 {
		srv := startStandIn(t, standin.Config{})
		servers, urls = append(servers, srv), append(urls, srv.URL())
	}
	s := newSet(t, declare("cluster", PostureGPUCluster, engine.DialectOpenAI, urls...))
	for range 9 {
		if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
			t.Fatal(err)
		}
	}
	for i, srv := range servers {
		if n := srv.Requests(); n != 3 {
			t.Errorf("endpoint %d got %d of 9 requests, want 3", i, n)
		}
	}
	s.targets[0].endpoints[0].inFlight.Add(2)
	s.targets[0].endpoints[1].inFlight.Add(1)
	for range 3 {
		if got := s.targets[0].order(time.Now())[0]; got != s.targets[0].endpoints[2] {
			t.Error("the first choice is not the least busy endpoint")
		}
	}
}

func TestForwardUnixSocket(t *testing.T) {
	srv := startStandIn(t, standin.Config{Socket: filepath.Join(t.TempDir(), "model.sock")})
	s := newSet(t, declare("vault", PostureAirGapped, engine.DialectOpenAI, srv.URL()))
	out, _, err := forward(t, s, chat(t, streamBody))
	if err != nil || !out.content() {
		t.Errorf("text = %q, error = %v", out.text(), err)
	}
	if got := srv.Last().Path; got != "/v1/chat/completions" {
		t.Errorf("path = %q", got)
	}
}

func TestForwardHTTP2(t *testing.T) {
	var proto atomic.Value
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		io.WriteString(w, rawReply)
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report the refused certificate
	srv.StartTLS()
	defer srv.Close()
	s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.URL))
	_, _, err := forward(t, s, chat(t, unaryBody))
	upstreamError(t, err, codeConnect) // its certificate is nobody's

	s.targets[0].endpoints[0].transport.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
		t.Fatal(err)
	}
	if proto.Load() != "HTTP/2.0" {
		t.Errorf("protocol = %v, want HTTP/2.0", proto.Load())
	}
}

// TestForwardIgnoresProxy checks that the environment cannot put a proxy
// between.
func TestForwardIgnoresProxy(t *testing.T) {
	for _, v := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(v, closedURL(t))
	}
	srv := startStandIn(t, standin.Config{})
	s := newSet(t, declare("demo", PostureCloud, engine.DialectOpenAI, srv.URL()))
	if s.targets[0].endpoints[0].transport.Proxy != nil {
		t.Error("the transport has a proxy function")
	}
	if _, _, err := forward(t, s, chat(t, unaryBody)); err != nil {
		t.Error(err)
	}
}

func TestForwardUnsupported(t *testing.T) {
	decl := declare("demo", PostureEdge, engine.DialectOllama)
	decl.StandIn = &StandIn{}
	s := newSet(t, decl)
	_, _, err := forward(t, s, chat(t, `{"model":"m","n":3,"messages":[{"role":"user","content":"secret words"}]}`))
	e := upstreamError(t, err, codeUnsupported)
	why, _ := errors.AsType[*engine.RequestError](err)
	if !e.Retryable || !e.Unsent || why == nil || why.Field != "n" || strings.Contains(e.Error(), "secret words") {
		t.Errorf("error = %v, retryable = %v, unsent = %v, why = %+v", e, e.Retryable, e.Unsent, why)
	}
	if n := s.targets[0].standIn.Requests(); n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
	if st := s.Status()[0]; st.Attempts != 0 || st.Failures != 0 {
		t.Errorf("%d attempts and %d failures are counted, though nothing was sent", st.Attempts, st.Failures)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "3", 3 * time.Second},
		{"Retry-After", "0.5", 500 * time.Millisecond},
		{"Retry-After", "-3", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "1e300", maxRetryAfter},
		{"Retry-After", "Inf", maxRetryAfter},
		{"Retry-After", "soon", 0},
		{"Retry-After", "Mon, 23 Nov 2026 16:00:20 GMT", 20 * time.Second},
		{"Retry-After", "Mon, 23 Nov 2026 15:00:00 GMT", 0},
		{"Retry-After-Ms", "250", 250 * time.Millisecond},
	} {
		if got := retryAfter(http.Header{tc.name: {tc.value}}, now); got != tc.want {
			t.Errorf("%s: %s = %v, want %v", tc.name, tc.value, got, tc.want)
		}
	}
}

func TestReplyBuffersAreUsedAgain(t *testing.T) {
	var tg target
	if n := testing.AllocsPerRun(100, func() { tg.giveBuffer(tg.takeBuffer()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
