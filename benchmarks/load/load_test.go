package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// TestOpenLoopCountsFromTheIntendedStart stalls the first of ten requests. The
// nine that were due meanwhile have waited, too, and must say so.
func TestOpenLoopCountsFromTheIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := Config{Rate: 10, Requests: 10}.check()
		if err != nil {
			t.Fatal(err)
		}
		r := measure(t.Context(), c, func(_ context.Context, i int) reply {
			if i == 0 {
				time.Sleep(time.Second)
			}
			time.Sleep(10 * ms)
			return reply{first: time.Now()}
		})
		// Request i is due at 100i ms and ends at 1010+10i ms, so it took 1010-90i.
		want := &Latency{Mean: 605, P50: 560, P90: 920, P99: 1010, Max: 1010}
		if d := cmp.Diff(want, r.Total); d != "" {
			t.Errorf("total (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want, r.TTFT); d != "" {
			t.Errorf("ttft (-want +got):\n%s", d)
		}
		if r.Late != 9 || r.MaxDelayMs != 910 {
			t.Errorf("late %d, by up to %v ms; want 9, 910", r.Late, r.MaxDelayMs)
		}
	})
}

func TestPacing(t *testing.T) {
	tests := []struct {
		name      string
		config    Config
		requests  int
		seconds   float64
		mostAtOne int
	}{
		{"open, by duration", Config{Rate: 100, Duration: time.Second, Concurrency: 50}, 100, 1.19, 21}, // one may end in the instant that another begins
		{"open, by requests", Config{Rate: 100, Duration: time.Second, Requests: 7, Concurrency: 50}, 7, 0.26, 7},
		{"open, workers bound what is in flight", Config{Rate: 100, Requests: 20, Concurrency: 2}, 20, 2.01, 2},
		{"closed, by duration", Config{Duration: time.Second, Concurrency: 3}, 15, 1, 3},
		{"closed, by requests", Config{Requests: 7, Concurrency: 3}, 7, 0.6, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := tt.config.check()
				if err != nil {
					t.Fatal(err)
				}
				var mu sync.Mutex
				now, most := 0, 0
				r := measure(t.Context(), c, func(context.Context, int) reply {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(200 * ms)
					mu.Lock()
					now--
					mu.Unlock()
					return reply{}
				})
				if r.Requests != tt.requests || r.Succeeded != tt.requests || most > tt.mostAtOne {
					t.Errorf("%d requests, %d succeeded, %d at once; want %d, and %d at once", r.Requests, r.Succeeded, most, tt.requests, tt.mostAtOne)
				}
				if d := r.Seconds - tt.seconds; d < -1e-6 || d > 1e-6 {
					t.Errorf("%v s, want %v", r.Seconds, tt.seconds)
				}
				if r.TTFT != nil {
					t.Errorf("a TTFT of replies that came whole: %v", r.TTFT)
				}
			})
		})
	}
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 450*ms)
		defer cancel()
		c, err := Config{Rate: 10, Requests: 1000, Concurrency: 4}.check()
		if err != nil {
			t.Fatal(err)
		}
		r := measure(ctx, c, func(ctx context.Context, _ int) reply {
			select {
			case <-time.After(80 * ms):
				return reply{}
			case <-ctx.Done():
				return reply{code: codeCut}
			}
		})
		// Due at 0, 100, 200 and 300 ms; the one of 400 ms was cut off.
		if !r.Interrupted || r.Requests != 4 || r.Failed != 0 {
			t.Errorf("interrupted %v, %d requests, %d failed", r.Interrupted, r.Requests, r.Failed)
		}
	})
}

const (
	chunkRole = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":null}}],"error":null}` + "\n\n"
	chunkText = `data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}` + "\n\n"
	chunkDone = "data: [DONE]\n\n"
)

func TestReplies(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	tests := []struct {
		name    string
		stream  bool
		handler http.HandlerFunc
		code    string // "": success
	}{
		{"unary", false, answer(200, `{"choices":[{"message":{"content":"Hi"}}]}`), ""},
		{"unary, not a reply", false, answer(200, `{"object":"list"}`), codeMalformed},
		{"unary, not JSON", false, answer(200, `<html>`), codeMalformed},
		{"unary, cut", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"choices":[`)
		}, codeCut},
		{"stream", true, answer(200, chunkRole+": keepalive\n\n"+chunkText+chunkText+chunkDone), ""},
		{"stream of a tool call", true, answer(200, `data:{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}`+"\n\n"+chunkDone), ""},
		{"stream without an end", true, answer(200, chunkRole+chunkText), codeCut},
		{"stream with an error", true, answer(200, chunkText+`data: {"error":{"code":"upstream_error","message":"gone"}}`+"\n\n"), "upstream_error"},
		{"stream with a nameless error", true, answer(200, `data: {"error":{"message":"gone"}}`+"\n\n"+chunkDone), codeCut},
		{"stream of rubbish", true, answer(200, "data: {\n\n"+chunkDone), codeMalformed},
		{"denied", false, answer(403, `{"error":{"code":"policy_denied","message":"no"}}`), "policy_denied"},
		{"denied stream", true, answer(403, `{"error":{"code":"policy_denied","message":"no"}}`), "policy_denied"},
		{"numeric code", false, answer(503, `{"error":{"code":503}}`), "http_503"},
		{"no envelope", false, answer(502, `Bad Gateway`), "http_502"},
		{"code that is a text", false, answer(400, `{"error":{"code":"Your text: hunter2"}}`), "http_400"},
		{"redirect", false, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		}, "http_307"},
		{"connection dropped", false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, codeTransport},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			r, err := Run(t.Context(), Config{URL: srv.URL, Requests: 3, Stream: tt.stream})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int(nil)
			if tt.code != "" {
				want = map[string]int{tt.code: 3}
			}
			if d := cmp.Diff(want, r.Errors); d != "" {
				t.Errorf("errors (-want +got):\n%s", d)
			}
			if ok := tt.code == ""; ok != (r.Succeeded == 3) || ok != (r.Total != nil) || (ok && tt.stream) != (r.TTFT != nil) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTimeoutAndRefusal(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, chunkText)
		w.(http.Flusher).Flush()
		<-release
	}))
	r, err := Run(t.Context(), Config{URL: srv.URL, Requests: 2, Stream: true, Timeout: 50 * ms})
	close(release)
	srv.Close()
	if err != nil || r.Errors[codeTimeout] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = Run(t.Context(), Config{URL: srv.URL, Requests: 2})
	if err != nil || r.Errors[codeRefused] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRequestsAsConfigured(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen[fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("Authorization"), " ", r.Header.Get("X-Slo-Ttft-Ms"), " ", string(body))]++
		io.WriteString(w, `{"choices":[{}]}`)
	}))
	defer srv.Close()
	r, err := Run(t.Context(), Config{
		URL: srv.URL + "/", APIKey: "k", Header: http.Header{"X-Slo-Ttft-Ms": {"900"}}, Model: "small",
		Prompts: []string{"a", "b \"quoted\""}, MaxTokens: 9, Requests: 40, Concurrency: 4,
	})
	if err != nil || r.Succeeded != 40 {
		t.Fatalf("%+v, %v", r, err)
	}
	want := map[string]int{
		`POST /v1/chat/completions Bearer k 900 {"model":"small","messages":[{"role":"user","content":"a"}],"max_tokens":9}`:            20,
		`POST /v1/chat/completions Bearer k 900 {"model":"small","messages":[{"role":"user","content":"b \"quoted\""}],"max_tokens":9}`: 20,
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestConnectionsAreReused guards the measurement: a run that dials for each
// request measures dialling.
func TestConnectionsAreReused(t *testing.T) {
	for _, stream := range []bool{false, true} {
		var dials atomic.Int64
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if stream {
				io.WriteString(w, chunkText+chunkDone)
			} else {
				io.WriteString(w, `{"choices":[{}]}`)
			}
		}))
		srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				dials.Add(1)
			}
		}
		srv.Start()
		r, err := Run(t.Context(), Config{URL: srv.URL, Requests: 100, Concurrency: 2, Stream: stream})
		srv.Close()
		if err != nil || r.Succeeded != 100 {
			t.Fatalf("%+v, %v", r, err)
		}
		if n := dials.Load(); n > 4 {
			t.Errorf("stream %v: %d connections for two workers", stream, n)
		}
	}
}

func TestRefusesWhatIsNotThisMachine(t *testing.T) {
	for _, u := range []string{
		"http://example.com", "http://192.0.2.1:8080", "http://0.0.0.0:1", "http://[::]:1", "http://localhost.example.com",
		"http://127.0.0.1.example.com", "https://10.0.0.1", "http://[fe80::1]:80", "",
		"127.0.0.1:8080", "ftp://127.0.0.1", "http://user:pw@127.0.0.1", "http://user:pw@127.0.0.1:port", "http://127.0.0.1/?x=1", "http://127.0.0.1/#x", "http://",
	} {
		if _, err := Run(t.Context(), Config{URL: u, Requests: 1}); err == nil {
			t.Errorf("%q: no error", u)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: the error shows the password: %v", u, err)
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"} {
		if !loopback(host) {
			t.Errorf("%q is this machine", host)
		}
	}
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80", "host:80"} {
		if refuseRemote("tcp", address, nil) == nil {
			t.Errorf("a name that resolves to %s was dialled", address)
		}
	}
	if err := refuseRemote("tcp", "127.0.0.1:80", nil); err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{
		{}, {Requests: -1}, {Duration: -1}, {Requests: 1, Concurrency: -1}, {Requests: 1, Concurrency: 1 << 20},
		{Requests: 1, Rate: -1}, {Requests: 1, Rate: 1e9}, {Requests: 1, Timeout: -1}, {Requests: 1, MaxTokens: -1},
	} {
		c.URL = "http://127.0.0.1:1"
		if r, err := Run(t.Context(), c); err == nil {
			t.Errorf("%+v: no error, report %+v", c, r)
		}
	}
}

func TestQuantiles(t *testing.T) {
	d := make([]time.Duration, 200)
	for i := range d {
		d[i] = time.Duration(200-i) * ms
	}
	if diff := cmp.Diff(&Latency{Mean: 100.5, P50: 100, P90: 180, P99: 198, Max: 200}, latency(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Latency{Mean: 3, P50: 3, P90: 3, P99: 3, Max: 3}, latency([]time.Duration{3 * ms})); diff != "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	if latency(nil) != nil {
		t.Error("a latency of nothing")
	}
}

func TestErrorCodesAreBounded(t *testing.T) {
	var total tally
	for w := range 3 {
		var one tally
		for i := range 100 {
			one.add(time.Time{}, time.Time{}, time.Time{}, reply{code: fmt.Sprintf("c%d_%d", w, i)})
		}
		total.merge(&one)
	}
	sum := 0
	for _, n := range total.errors {
		sum += n
	}
	if len(total.errors) > maxCodes+1 || sum != 300 || total.failed != 300 {
		t.Errorf("%d codes, %d in them, %d failed", len(total.errors), sum, total.failed)
	}
}

func TestReportForms(t *testing.T) {
	r := &Report{
		URL: "http://127.0.0.1:8080", Loop: "open", Stream: true, Rate: 50, Concurrency: 16,
		Seconds: 10, Requests: 500, Succeeded: 498, Failed: 2, PerSecond: 49.8,
		TTFT:  &Latency{Mean: 41.5, P50: 40, P90: 55.25, P99: 80, Max: 120.126},
		Total: &Latency{Mean: 410, P50: 400, P90: 550, P99: 800, Max: 1201},
		Late:  3, MaxDelayMs: 25, Errors: map[string]int{"shed": 1, "policy_denied": 1},
	}
	var pretty bytes.Buffer
	if err := r.WritePretty(&pretty); err != nil {
		t.Fatal(err)
	}
	want := `http://127.0.0.1:8080: streaming, open loop, 50 requests due each second, concurrency 16
500 requests in 10.0 s: 498 succeeded (49.8/s), 2 failed

ms            mean       p50       p90       p99       max
ttft         41.50     40.00     55.25     80.00    120.13
total       410.00    400.00    550.00    800.00   1201.00

3 requests were sent late, by up to 25 ms: every worker was busy

failures
       1  policy_denied
       1  shed
`
	if d := cmp.Diff(want, pretty.String()); d != "" {
		t.Errorf("pretty (-want +got):\n%s", d)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*r, back); d != "" {
		t.Errorf("JSON (-want +got):\n%s", d)
	}
}

func TestReadPrompts(t *testing.T) {
	got, err := ReadPrompts(strings.NewReader("one\r\n\n  two words \nthree"))
	if d := cmp.Diff([]string{"one", "two words", "three"}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for name, in := range map[string]string{
		"empty": "\n \n", "too long": strings.Repeat("x", maxPromptBytes+1), "too many": strings.Repeat("x\n", maxPrompts+1),
	} {
		if _, err := ReadPrompts(strings.NewReader(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(Prompts()) == 0 {
		t.Error("no built-in prompts")
	}
}
