package gateway

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/sallyport-ai/sallyport/engine"
)

// frame reads the next SSE frame of a stream.
func frame(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			t.Fatalf("the stream ended with %v after %q", err, b.String())
		}
		if line == "\n" {
			return b.String()
		}
	}
}

// Each frame reaches the client before the next one is made.
func TestStreamHoldsNothingBack(t *testing.T) {
	next := make(chan struct{})
	h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		o := engine.Outcome{DecisionID: "decision-1", Status: 200, Sent: true}
		_ = sink.Start(head())
		if !req.Stream {
			_ = sink.Frame(text("hello"))
			return o
		}
		for i := range 5 {
			if sink.Frame(text(fmt.Sprintf("word-%d", i))) != nil {
				return o
			}
			<-next
		}
		return o
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post(chatPath, streamBody))
	resp := c.response()
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Content-Encoding": "",
		"Sallyport-Decision-Id": "decision-1", "Inference-Status": `vllm;model="small";pred-ttft=420;p-meet=0.97;attempt=1`,
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r := bufio.NewReader(resp.Body)
	for i := range 5 {
		for f := ""; !strings.Contains(f, fmt.Sprintf("word-%d", i)); {
			f = frame(t, r)
		}
		next <- struct{}{}
	}
	rest, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the end: %v %q", err, rest)
	}
	c.send(post(chatPath, chatBody)) // the connection goes on
	if resp, _ := c.read(); resp.StatusCode != 200 {
		t.Errorf("the next request: %d", resp.StatusCode)
	}
}

// A stream may last longer than every timeout there is, as long as something
// comes, and silence in it is filled with keep-alive frames. The clock is
// synctest's, so these ten minutes pass at once.
func TestStreamOutlivesTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
			o := engine.Outcome{DecisionID: "decision-1", Status: 200, Sent: true}
			_ = sink.Start(head())
			_ = sink.Frame(text("first"))
			time.Sleep(10 * time.Minute)
			_ = sink.Frame(text("last"))
			return o
		}}
		ts := newServer(t, h)
		ln := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- ts.Serve(ln) }()
		conn, err := ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, Conn: conn, r: bufio.NewReader(conn)}
		c.send(post(chatPath, streamBody))
		_, body := c.read()
		if !strings.Contains(body, "first") || !strings.Contains(body, "last") || !strings.HasSuffix(body, "data: [DONE]\n\n") {
			t.Errorf("the stream: %q", body)
		}
		if n := strings.Count(body, ": keepalive\n\n"); n < 35 || n > 40 {
			t.Errorf("%d keep-alive frames in ten minutes, want about 40", n)
		}
		_ = c.Close()
		if err := ts.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // fasthttp's worker pool ends its cleaner
	})
}

// An upstream that dies ends the client's stream with the dialect's error and
// without a proper end of the body.
func TestStreamThatFailsIsNeverWhole(t *testing.T) {
	h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		_ = sink.Start(head())
		_ = sink.Frame(text("half an answer"))
		return engine.Outcome{DecisionID: "decision-1", Sent: true, Status: 502, Code: engine.CodeUpstreamError, Message: "the target failed to answer"}
	}}
	ts := start(t, h)
	c := dial(t, ts.addr)
	c.send(post(chatPath, streamBody))
	resp := c.response()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the body ended with %v, want an unexpected end", err)
	}
	frames := strings.Split(strings.TrimSuffix(string(body), "\n\n"), "\n\n")
	last, ok := strings.CutPrefix(frames[len(frames)-1], "data: ")
	if e := decodeError(t, last); !ok || e.Error.Code != engine.CodeUpstreamError || !strings.Contains(string(body), "half an answer") || strings.Contains(string(body), "[DONE]") {
		t.Errorf("%q", body)
	}
}

// A client of HTTP/1.0 cannot read chunks; it gets the stream in one piece.
func TestStreamToHTTP10(t *testing.T) {
	ts := start(t, &fakeHandler{})
	c := dial(t, ts.addr)
	c.send(strings.Replace(post(chatPath, streamBody), "HTTP/1.1", "HTTP/1.0", 1))
	resp, body := c.read()
	if resp.StatusCode != 200 || resp.ContentLength < 0 || !strings.HasSuffix(body, "data: [DONE]\n\n") || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v %q", resp, body)
	}
}

// waiting is a handler that says when it is at work and when its context ended.
type waiting struct {
	fakeHandler
	at    chan struct{}
	ended chan error
}

func newWaiting(begun bool) *waiting {
	w := &waiting{at: make(chan struct{}, 1), ended: make(chan error, 1)}
	w.handle = func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		if begun {
			_ = sink.Start(head())
			_ = sink.Frame(text("first"))
		}
		w.at <- struct{}{}
		<-ctx.Done()
		w.ended <- context.Cause(ctx)
		return engine.Outcome{DecisionID: "decision-1", Sent: begun, Status: 499, Code: engine.CodeClientGone, Message: "the client closed the connection"}
	}
	return w
}

// A client that goes away ends its request's context within a second, whatever
// the request is waiting for and however the client goes.
func TestDisconnect(t *testing.T) {
	tests := []struct {
		name    string
		request string
		begun   bool
		tls     bool
		leave   func(*client)
	}{
		{"before a unary reply", post(chatPath, chatBody), false, false, nil},
		{"before the first token", post(chatPath, streamBody), false, false, nil},
		{"in a stream", post(chatPath, streamBody), true, false, nil},
		{"with a pipelined request unread", post(chatPath, streamBody) + strings.Repeat(post(chatPath, chatBody), 100), false, false, nil},
		{"by a reset", post(chatPath, streamBody), false, false, func(c *client) { _ = c.Conn.(*net.TCPConn).SetLinger(0); _ = c.Close() }},
		{"by a half-close", post(chatPath, streamBody), false, false, func(c *client) { _ = c.Conn.(*net.TCPConn).CloseWrite() }},
		{"over TLS", post(chatPath, streamBody), true, true, nil},
		{"over TLS with close_notify", post(chatPath, chatBody), false, true, func(c *client) { _ = c.Conn.(*tls.Conn).CloseWrite(); _ = c.Close() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWaiting(tt.begun)
			ts := newServer(t, w)
			var c *client
			if tt.tls {
				server, roots := certificate(t)
				addr := ts.listen(t, ts.Serve, func(ln net.Listener) net.Listener { return tls.NewListener(ln, server) })
				conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: "localhost"})
				if err != nil {
					t.Fatal(err)
				}
				c = newClient(t, conn)
			} else {
				c = dial(t, ts.listen(t, ts.Serve, nil))
			}
			c.send(tt.request)
			await(t, "the handler", w.at)
			if tt.begun {
				frame(t, bufio.NewReader(c.response().Body))
			}
			left := time.Now()
			if tt.leave != nil {
				tt.leave(c)
			} else {
				_ = c.Close()
			}
			cause := await(t, "the end of the context", w.ended)
			took := time.Since(left)
			if cause != error(errClientGone) {
				t.Errorf("the context's cause is %v", cause)
			}
			if took > time.Second {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

// A client that takes nothing for the idle timeout is cut off, and its target is
// not read without limit meanwhile.
func TestSlowClientIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	var sent atomic.Int64
	h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		_ = sink.Start(head())
		word := strings.Repeat("x", 8<<10)
		for sink.Frame(text(word)) == nil {
			sent.Add(int64(len(word)))
		}
		ended <- context.Cause(ctx)
		return engine.Outcome{DecisionID: "d", Sent: true, Status: 499, Code: engine.CodeClientGone}
	}}
	ts := start(t, h, func(c *Config) { c.Limits.WriteIdle = 300 * time.Millisecond })
	c := dial(t, ts.addr)
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(4096)
	c.send(post(chatPath, streamBody))
	if cause := await(t, "the end of the context", ended); cause != error(errClientGone) {
		t.Errorf("the context's cause is %v", cause)
	}
	// What the kernel's buffers hold, and ours.
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("%d bytes were read from the target for a client that took none", n)
	}
}

// A slow client that never lets the buffer run empty does not make it grow.
func TestBufferStaysBounded(t *testing.T) {
	x := &exchange{s: &Server{}, live: true, ready: make(chan struct{}, 1), space: make(chan struct{}, 1), written: time.Now()}
	x.ctx, x.cancel = context.WithCancelCause(context.Background())
	p := make([]byte, 4096)
	want, got := 0, 0
	for range 10000 {
		for len(x.buf)-x.taken < 8192 {
			x.buf = append(x.buf, byte(want), byte(want>>8), byte(want>>16))
			want++
		}
		n, err := x.Read(p[:4095])
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+2 < n; i += 3 {
			if v := int(p[i]) | int(p[i+1])<<8 | int(p[i+2])<<16; v != got {
				t.Fatalf("read %d, want %d", v, got)
			}
			got++
		}
	}
	if cap(x.buf) > maxBuffered {
		t.Errorf("the buffer has grown to %d bytes", cap(x.buf))
	}
}

func TestDrainWaitsForStreams(t *testing.T) {
	at, finish := make(chan struct{}), make(chan struct{})
	h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		close(at)
		<-finish
		return reply(ctx, req, sink, "to the end")
	}}
	ts := start(t, h)
	busy := dial(t, ts.addr)
	busy.send(post(chatPath, streamBody))
	await(t, "the handler", at)
	waiting := dial(t, ts.addr) // open, with a request begun
	waiting.send(post(chatPath, chatBody)[:20])

	done := make(chan error, 1)
	go func() { done <- ts.Shutdown(context.Background()) }()
	for !ts.draining.Load() {
		await(t, "the drain", time.After(time.Millisecond))
	}
	waiting.send(post(chatPath, chatBody)[20:])
	resp, body := waiting.read()
	if e := decodeError(t, body); resp.StatusCode != 503 || e.Error.Code != engine.CodeShuttingDown || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("a request while draining: %d %s", resp.StatusCode, body)
	}
	for { // the listener goes at some time after the drain began
		c, err := net.Dial("tcp", ts.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	select {
	case err := <-done:
		t.Fatalf("the drain ended before the stream: %v", err)
	default:
	}
	close(finish)
	if _, body := busy.read(); !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Errorf("the stream: %q", body)
	}
	if err := await(t, "the drain's end", done); err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestDrainThatRunsOutOfTime(t *testing.T) {
	w := newWaiting(true)
	ts := start(t, w)
	c := dial(t, ts.addr)
	c.send(post(chatPath, streamBody))
	await(t, "the handler", w.at)
	ctx, cancel := context.WithCancelCause(context.Background())
	spent := errors.New("out of time")
	cancel(spent)
	if err := ts.Shutdown(ctx); !errors.Is(err, spent) {
		t.Errorf("drain: %v", err)
	}
	if cause := await(t, "the end of the context", w.ended); cause != error(errShuttingDown) {
		t.Errorf("the context's cause is %v", cause)
	}
	body, err := io.ReadAll(c.response().Body)
	if err == nil || !strings.Contains(string(body), engine.CodeShuttingDown) || strings.Contains(string(body), "[DONE]") {
		t.Errorf("%v %q", err, body)
	}
	if err := ts.Serve(nopListener{}); err != nil {
		t.Errorf("serve after the shutdown: %v", err)
	}
}

// A handler that does not heed the end of its context cannot hold a drain up for
// longer than the grace.
func TestDrainLeavesStuckHandlersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := &fakeHandler{handle: func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
			<-release
			return reply(ctx, req, sink, "too late")
		}}
		ts := newServer(t, h)
		ln := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- ts.Serve(ln) }()
		conn, err := ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, Conn: conn, r: bufio.NewReader(conn)}
		c.send(post(chatPath, chatBody))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		begun := time.Now()
		if err := ts.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v", err)
		}
		if took := time.Since(begun); took != 30*time.Second+drainGrace {
			t.Errorf("the drain took %v", took)
		}
		if _, err := c.r.ReadByte(); err == nil {
			t.Error("the connection is still open")
		}
		close(release)
		if err := <-served; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // fasthttp's worker pool ends its cleaner
	})
}

// nopListener fails a test that accepts on it.
type nopListener struct{ net.Listener }

func (nopListener) Close() error { return nil }

// certificate is a server configuration for localhost and the roots to trust it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
