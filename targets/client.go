package targets

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// newTransport is the HTTP client of one endpoint. The transport is used bare,
// without http.Client: it follows no redirect, keeps no cookie and puts no URL
// into its errors. It has no proxy. HTTP/2 is used where TLS negotiates it.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		DisableCompression:     true, // a compressed stream cannot be relayed frame by frame
		ForceAttemptHTTP2:      true, // off by default beside a DialContext
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		// All streams share an HTTP/2 connection: one that died in silence must not
		// cost each of them its idle timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// trace notes what became of a connection. Its fields are set from the
// transport's goroutines.
type trace struct {
	connected atomic.Bool
	reused    atomic.Bool // a kept-alive HTTP/1 connection
	answered  atomic.Bool // a byte of the reply came
}

func (t *trace) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.connected.Store(true)
			c, isTLS := info.Conn.(*tls.Conn)
			http2 := isTLS && c.ConnectionState().NegotiatedProtocol == "h2"
			t.reused.Store(info.Reused && !http2)
		},
		GotFirstResponseByte: func() { t.answered.Store(true) },
	})
}

// send posts a request and returns the head of the reply, whatever its status.
// connected says whether a connection stood: without one nothing has left.
//
// A server may close a kept-alive connection just as a request is on its way to
// it. Where that connection dies before a byte of the reply has come, the
// request is sent once more, on a new one. (llama.cpp's server does so after
// five seconds. HTTP/2 says itself what was not begun, and net/http repeats it.)
func (e *endpoint) send(ctx context.Context, t *target, a *engine.Attempt, up *wire.UpstreamRequest) (resp *http.Response, connected bool, err error) {
	u, err := url.Parse(e.base + up.Path)
	if err == nil {
		u.RawQuery = up.Query
	}
	if err != nil || !strings.HasPrefix(up.Path, "/") {
		return nil, false, fmt.Errorf("the dialect's path is not one")
	}
	for again := true; ; again = false {
		var tr trace
		req := (&http.Request{
			Method: http.MethodPost, URL: u, Host: u.Host, Header: t.header(a, up),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Body: io.NopCloser(bytes.NewReader(up.Body)), ContentLength: int64(len(up.Body)),
			// For net/http to repeat what it knows was not begun.
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(up.Body)), nil },
		}).WithContext(tr.watch(ctx))
		resp, err = e.transport.RoundTrip(req)
		if err == nil {
			return resp, true, nil
		}
		if !again || !tr.reused.Load() || tr.answered.Load() || ctx.Err() != nil {
			return nil, tr.connected.Load(), err
		}
		e.transport.CloseIdleConnections() // its siblings are as old
	}
}

// header is what an upstream sees beside the body. Nothing of the client's own
// headers is in it but its trace.
func (t *target) header(a *engine.Attempt, up *wire.UpstreamRequest) http.Header {
	h := http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"},
		"User-Agent":      {"sallyport"},
	}
	if up.Stream {
		h.Set("Accept", "text/event-stream")
	}
	if up.Accept != "" {
		h.Set("Accept", up.Accept)
	}
	for _, f := range up.Header {
		h.Set(f[0], f[1])
	}
	if key := t.APIKey.Reveal(); key != "" {
		switch t.Dialect {
		case engine.DialectAnthropic:
			h.Set("X-Api-Key", key)
		case engine.DialectGemini:
			h.Set("X-Goog-Api-Key", key)
		case engine.DialectAzureOpenAI:
			h.Set("Api-Key", key)
		default:
			h.Set("Authorization", "Bearer "+key)
		}
	}
	if id := a.Request.TraceID; len(id) == 32 {
		var span [8]byte
		rand.Read(span[:]) // never fails
		h.Set("Traceparent", "00-"+id+"-"+hex.EncodeToString(span[:])+"-01")
	}
	for name, v := range t.Headers {
		h.Set(name, v.Reveal())
	}
	return h
}

// hide takes the target's secrets out of what an upstream has said.
func (t *target) hide(text string) string {
	text = t.APIKey.Hide(text)
	for _, v := range t.Headers {
		text = v.Hide(text)
	}
	return text
}
