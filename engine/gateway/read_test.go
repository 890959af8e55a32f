package gateway

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
)

// recording is a handler that keeps the last request it was given.
type recording struct {
	fakeHandler
	last box[*engine.Request]
}

func newRecording() *recording {
	r := &recording{}
	r.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		r.last.set(req)
		return reply(ctx, req, sink, "ok")
	}
	return r
}

// request is a chat request with the given header lines.
func request(body string, lines ...string) string {
	h := "POST " + chatPath + " HTTP/1.1\r\nHost: x\r\n"
	for _, l := range lines {
		h += l + "\r\n"
	}
	return h + "Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

func itoa(n int) string { return string(fasthttp.AppendUint(nil, n)) }

func TestAuthentication(t *testing.T) {
	const other = "another-key"
	tests := []struct {
		name    string
		headers []string
		strict  int // status where every request needs a key
		open    int // status where anonymous requests are allowed
		as      string
	}{
		{"bearer", []string{"Authorization: Bearer " + testKey}, 200, 200, "team-a"},
		{"bearer, odd case and spaces", []string{"authorization:   bEARER   " + testKey + "  "}, 200, 200, "team-a"},
		{"x-api-key", []string{"x-api-key: " + testKey}, 200, 200, "team-a"},
		{"x-goog-api-key", []string{"x-goog-api-key: " + testKey}, 200, 200, "team-a"},
		{"api-key", []string{"api-key: " + testKey}, 200, 200, "team-a"},
		{"the same twice", []string{"Authorization: Bearer " + testKey, "x-api-key: " + testKey}, 200, 200, "team-a"},
		{"none", nil, 401, 200, "anonymous"},
		{"empty", []string{"Authorization: Bearer ", "x-api-key:"}, 401, 200, "anonymous"},
		{"unknown", []string{"Authorization: Bearer " + other}, 401, 401, ""},
		{"prefix of a key", []string{"x-api-key: " + testKey[:5]}, 401, 401, ""},
		{"another scheme", []string{"Authorization: Basic " + testKey}, 401, 401, ""},
		{"no scheme", []string{"Authorization: " + testKey}, 401, 401, ""},
		{"two that differ", []string{"Authorization: Bearer " + testKey, "x-api-key: " + other}, 400, 400, ""},
		{"two that differ, the known last", []string{"api-key: " + other, "x-goog-api-key: " + testKey}, 400, 400, ""},
		{"one header twice", []string{"x-api-key: " + testKey, "x-api-key: " + other}, 400, 400, ""},
	}
	for _, anonymous := range []bool{false, true} {
		h := newRecording()
		h.anonymous = anonymous
		ts := start(t, h)
		c := dial(t, ts.addr)
		for _, tt := range tests {
			want := tt.strict
			if anonymous {
				want = tt.open
			}
			h.last.set(nil)
			c.send(request(chatBody, tt.headers...))
			resp, body := c.read()
			if resp.StatusCode != want {
				t.Errorf("%s, anonymous %v: status %d, want %d: %s", tt.name, anonymous, resp.StatusCode, want, body)
				continue
			}
			if want == 200 {
				if p := h.last.get().Principal; p.ID != tt.as || p.Authenticated != (tt.as == "team-a") {
					t.Errorf("%s, anonymous %v: principal %+v", tt.name, anonymous, p)
				}
				continue
			}
			e := decodeError(t, body)
			if h.last.get() != nil || strings.Contains(body, testKey) || strings.Contains(body, other) {
				t.Errorf("%s: handled %v, %s", tt.name, h.last.get() != nil, body)
			}
			if want == 401 && (e.Error.Code != engine.CodeUnauthenticated || resp.Header.Get("WWW-Authenticate") != "Bearer") {
				t.Errorf("%s: %v %s", tt.name, resp.Header, body)
			}
			// Who may not ask does not learn what is wrong with the question.
			c.send(request("{", tt.headers...))
			if resp, body := c.read(); resp.StatusCode != want {
				t.Errorf("%s, malformed: status %d: %s", tt.name, resp.StatusCode, body)
			}
		}
	}
}

// Without a keyring there is nobody to let in.
func TestAuthenticationWithoutKeys(t *testing.T) {
	if _, err := authenticate(&fasthttp.RequestCtx{}, &endpoint{}, nil); err == nil || err.Status != 401 {
		t.Errorf("got %v", err)
	}
}

// Gemini's clients may send their key in the query, and others may not.
func TestKeyInQuery(t *testing.T) {
	keys := (&fakeHandler{}).Snapshot().Keys
	for _, tt := range []struct {
		dialect       engine.Dialect
		query, header string
		status        int
	}{
		{engine.DialectGeminiContent, "alt=sse&key=" + testKey, "", 0},
		{engine.DialectGeminiContent, "key=" + testKey, testKey, 0},
		{engine.DialectGeminiContent, "key=" + testKey, "another", 400},
		{engine.DialectGeminiContent, "key=" + testKey + "&key=another", "", 400},
		{engine.DialectGeminiContent, "key=another", "", 401},
		{engine.DialectOpenAIChat, "key=" + testKey, "", 401},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/v1beta/models/m:generateContent?" + tt.query)
		if tt.header != "" {
			ctx.Request.Header.Set("x-goog-api-key", tt.header)
		}
		_, err := authenticate(&ctx, &endpoint{Route: Route{Dialect: tt.dialect}}, keys)
		if status := 0; err != nil && err.Status != tt.status || err == nil && status != tt.status {
			t.Errorf("%s %s, header %q: %v, want status %d", tt.dialect, tt.query, tt.header, err, tt.status)
		}
	}
}

func TestBodyHeaders(t *testing.T) {
	ts := start(t, &fakeHandler{anonymous: true})
	c := dial(t, ts.addr)
	tests := []struct {
		header, param string
		status        int
	}{
		{"Content-Type: application/json", "", 200},
		{"Content-Type: Application/JSON; charset=utf-8", "", 200},
		{"Content-Type: application/vnd.api+json", "", 200},
		{"Content-Type:", "", 200},
		{"X-None: 1", "", 200},
		{"Content-Type: application/json\r\nOrigin: https://evil.example", "", 200},
		// What curl sends by itself.
		{"Content-Type: application/x-www-form-urlencoded", "", 200},
		// What a page of another site can make a browser send.
		{"Content-Type: application/x-www-form-urlencoded\r\nOrigin: https://evil.example", "content-type", 400},
		{"Content-Type: text/plain\r\nOrigin: null", "content-type", 400},
		{"Content-Type: multipart/form-data; boundary=x\r\nSec-Fetch-Site: cross-site", "content-type", 400},
		{"Sec-Fetch-Site: cross-site", "content-type", 400},
		{"Content-Encoding: identity", "", 200},
		{"Content-Encoding: gzip", "content-encoding", 400},
		{"Content-Encoding: identity, gzip", "content-encoding", 400},
	}
	for _, tt := range tests {
		c.send(strings.Replace(request(chatBody, tt.header), "Host: x", "Host: localhost", 1))
		resp, body := c.read()
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.header, resp.StatusCode, body)
		}
		if tt.status != 200 {
			if e := decodeError(t, body); e.Error.Code != engine.CodeMalformed || e.param() != tt.param {
				t.Errorf("%s: %s", tt.header, body)
			}
		}
	}
}

// A page whose name was rebound to this machine is same-origin to its browser. It
// gets nothing that needs no key.
func TestReboundPages(t *testing.T) {
	ts := start(t, &fakeHandler{anonymous: true})
	c := dial(t, ts.addr)
	for _, tt := range []struct {
		host, header string
		status       int
	}{
		{"evil.example", "Origin: http://evil.example", 401},
		{"evil.example:8080", "Sec-Fetch-Site: same-origin", 401},
		{"localhost.evil.example", "Origin: http://localhost.evil.example", 401},
		{"127.0.0.1.evil.example:80", "Origin: null", 401},
		{"evil.example", "Origin: http://evil.example\r\nAuthorization: Bearer " + testKey, 200},
		{"localhost:8080", "Origin: http://localhost:8080", 200},
		{"[::1]:8080", "Origin: http://[::1]:8080", 200},
		{"127.0.0.1", "Sec-Fetch-Site: same-origin", 200},
		{"gateway.corp.example", "X-None: 1", 200}, // a proxy, or a container's name
	} {
		c.send(strings.Replace(request(chatBody, "Content-Type: application/json", tt.header), "Host: x", "Host: "+tt.host, 1))
		if resp, body := c.read(); resp.StatusCode != tt.status {
			t.Errorf("%s, %s: %d %s", tt.host, tt.header, resp.StatusCode, body)
		}
	}
}

func TestBudgetHeaders(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	inBody := `{"model":"small","slo":{"ttft_ms":500,"total_ms":9000},"messages":[{"role":"user","content":"hi"}]}`
	tests := []struct {
		name    string
		body    string
		headers []string
		want    engine.Budget
		bad     string // the field at fault
	}{
		{"none", chatBody, nil, engine.Budget{}, ""},
		{"all", chatBody, []string{"x-slo-ttft-ms: 200", "X-SLO-TPOT-MS: 30", "x-slo-total-ms: 4000", "x-slo-on-miss: cancel"},
			engine.Budget{TTFT: ms(200), TPOT: ms(30), Total: ms(4000), OnMiss: engine.OnMissCancel}, ""},
		{"body", inBody, nil, engine.Budget{TTFT: ms(500), Total: ms(9000)}, ""},
		{"header wins field by field", inBody, []string{"x-slo-ttft-ms: 800", "x-slo-on-miss: finish"},
			engine.Budget{TTFT: ms(800), Total: ms(9000), OnMiss: engine.OnMissFinish}, ""},
		{"greatest", chatBody, []string{"x-slo-total-ms: 86400000"}, engine.Budget{Total: 24 * time.Hour}, ""},
		{"too great", chatBody, []string{"x-slo-total-ms: 86400001"}, engine.Budget{}, headerTotal},
		{"overflow", chatBody, []string{"x-slo-total-ms: 99999999999999999999"}, engine.Budget{}, headerTotal},
		{"zero", chatBody, []string{"x-slo-ttft-ms: 0"}, engine.Budget{}, headerTTFT},
		{"negative", chatBody, []string{"x-slo-ttft-ms: -5"}, engine.Budget{}, headerTTFT},
		{"signed", chatBody, []string{"x-slo-ttft-ms: +5"}, engine.Budget{}, headerTTFT},
		{"fraction", chatBody, []string{"x-slo-tpot-ms: 1.5"}, engine.Budget{}, headerTPOT},
		{"unit", chatBody, []string{"x-slo-tpot-ms: 5ms"}, engine.Budget{}, headerTPOT},
		{"empty", chatBody, []string{"x-slo-tpot-ms:"}, engine.Budget{}, headerTPOT},
		{"list", chatBody, []string{"x-slo-tpot-ms: 5, 6"}, engine.Budget{}, headerTPOT},
		{"twice", chatBody, []string{"x-slo-tpot-ms: 5", "x-slo-tpot-ms: 5"}, engine.Budget{}, headerTPOT},
		{"on miss", chatBody, []string{"x-slo-on-miss: Cancel"}, engine.Budget{}, headerOnMiss},
		{"priority", chatBody, []string{"Priority: u=9"}, engine.Budget{}, "priority"},
	}
	h := newRecording()
	h.anonymous = true
	ts := start(t, h)
	c := dial(t, ts.addr)
	for _, tt := range tests {
		h.last.set(nil)
		c.send(request(tt.body, tt.headers...))
		resp, body := c.read()
		if tt.bad != "" {
			if e := decodeError(t, body); resp.StatusCode != 400 || e.Error.Code != engine.CodeMalformed || e.param() != tt.bad || h.last.get() != nil {
				t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
			}
			continue
		}
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
			continue
		}
		if d := cmp.Diff(tt.want, h.last.get().Budget); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

func TestHeadersForPolicy(t *testing.T) {
	h := newRecording()
	h.anonymous = true
	h.headers = []string{"x-project", "x-team", "authorization", "x-absent"}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(request(chatBody, "X-Project: one", "x-project: two", "X-TEAM: caf\xe9", "X-Secret: no", "Authorization: Bearer "+testKey, "Priority: u=1"))
	if resp, body := c.read(); resp.StatusCode != 200 {
		t.Fatal(body)
	}
	want := map[string]string{"x-project": "one, two", "x-team": "caf\uFFFD"}
	if d := cmp.Diff(want, h.last.get().Headers); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if h.last.get().Priority != 1 || len(h.last.get().TraceID) != 32 {
		t.Errorf("priority %d, trace id %q", h.last.get().Priority, h.last.get().TraceID)
	}
}

func TestUrgency(t *testing.T) {
	tests := []struct {
		in   string
		want int
		ok   bool
	}{
		{"", 3, true}, {"   ", 3, true}, {"u=0", 0, true}, {"u=7", 7, true}, {" u=5 ", 5, true}, {"u=5, i", 5, true}, {"i, u=2", 2, true},
		{"u=5,i", 5, true}, {"u=5\t,\ti", 5, true}, {"i", 3, true}, {"i=?0", 3, true}, {"u=1, u=2", 2, true}, {"u=2;a=1;b", 2, true},
		{`x="u=9, \"\\", u=4`, 4, true}, {"x=:aGk=:, u=4", 4, true}, {"x=(1 2;q=0.5 \"a\"), u=4", 4, true}, {"x=@1659578233, u=1", 1, true},
		{`x=%"caf%c3%a9", u=1`, 1, true}, {"*x-._*=token/a:b, u=6", 6, true}, {"x=1.5, u=6", 6, true}, {"u=03", 3, true}, {"x=(), u=1", 1, true},
		{"u=8", 0, false}, {"u=-1", 0, false}, {"u=1.0", 0, false}, {"u", 0, false}, {"u=", 0, false}, {"u=high", 0, false}, {`u="3"`, 0, false},
		{"U=3", 0, false}, {"u=3,", 0, false}, {",u=3", 0, false}, {"u=3 i", 0, false}, {"u=3;", 0, false}, {"u = 3", 0, false}, {"u=(3)", 0, false},
		{`x="open`, 0, false}, {"x=(1 2", 0, false}, {"x=:no!:", 0, false}, {"x=?2", 0, false}, {"x=1234567890123456", 0, false}, {"x=1.2345", 0, false},
		{"x=\"a\x01\"", 0, false}, {"x=(1\"a\")", 0, false}, {"caf\xe9", 0, false},
	}
	for _, tt := range tests {
		if got, ok := parseUrgency(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %d %v, want %d %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestTraceparent(t *testing.T) {
	id, parent := "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := []struct {
		in string
		ok bool
	}{
		{"00-" + id + "-" + parent + "-01", true},
		{"01-" + id + "-" + parent + "-01-more", true},
		{"00-" + id + "-" + parent + "-01-more", false},
		{"01-" + id + "-" + parent + "-01more", false},
		{"ff-" + id + "-" + parent + "-01", false},
		{"00-" + strings.ToUpper(id) + "-" + parent + "-01", false},
		{"00-" + strings.Repeat("0", 32) + "-" + parent + "-01", false},
		{"00-" + id + "-" + strings.Repeat("0", 16) + "-01", false},
		{"00-" + id + "-" + parent + "-0", false},
		{"00-" + id + "_" + parent + "-01", false},
		{"", false},
	}
	for _, tt := range tests {
		got := traceID(tt.in)
		if (got == id) != tt.ok || len(got) != 32 || !lowerHex(got) {
			t.Errorf("%q: %q", tt.in, got)
		}
	}
	if first, second := traceID(""), traceID(""); first == second {
		t.Error("two fresh ids are the same")
	}
}

func FuzzBudgetHeaders(f *testing.F) {
	for _, s := range [][2]string{{"200", "cancel"}, {"-1", "finish"}, {"9223372036854775808", ""}, {"86400000", "no"}, {" 7", "cancel "}, {"٣", "x"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, ttft, onMiss string) {
		var h fasthttp.RequestHeader
		h.Set(headerTTFT, ttft)
		h.Set(headerOnMiss, onMiss)
		b, err := headerBudget(&h, engine.Budget{Total: time.Second})
		if err != nil {
			if err.Status != 400 || err.Code != engine.CodeMalformed || (err.Field != headerTTFT && err.Field != headerOnMiss) {
				t.Fatalf("%+v", err)
			}
			return
		}
		if b.TTFT < time.Millisecond || b.TTFT > 24*time.Hour || b.TTFT%time.Millisecond != 0 || b.Total != time.Second {
			t.Fatalf("%q gave %+v", ttft, b)
		}
		if b.OnMiss != engine.OnMissCancel && b.OnMiss != engine.OnMissFinish {
			t.Fatalf("%q gave %q", onMiss, b.OnMiss)
		}
	})
}

func FuzzPriority(f *testing.F) {
	for _, s := range []string{"u=3, i", "", `x="\"";a=?1, u=7`, "x=(1 (2))", "u=08", "x=:YQ==:", `x=%"%zz"`, "u=5, u=?1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		u, ok := parseUrgency(v)
		if u < 0 || u > 7 || !ok && u != 0 {
			t.Fatalf("%q gave %d %v", v, u, ok)
		}
		if !ok || strings.Trim(v, " ") == "" {
			return
		}
		// A dictionary stays one when a member is put before or behind it, and the
		// last u holds.
		if got, ok := parseUrgency(v + ", u=6"); !ok || got != 6 {
			t.Fatalf("%q with another u gave %d %v", v, got, ok)
		}
		if got, ok := parseUrgency("unknown=1, " + strings.Trim(v, " ")); !ok || got != u {
			t.Fatalf("%q behind another member gave %d %v, want %d", v, got, ok, u)
		}
	})
}
