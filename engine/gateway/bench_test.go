package gateway

import (
	"bufio"
	"context"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// BenchmarkHandlerOverhead is all that the gateway and the dialect's reader and
// writer add to a request: the handler behind them answers at once.
func BenchmarkHandlerOverhead(b *testing.B) {
	words := make([]string, 64)
	for i := range words {
		words[i] = "word "
	}
	relayed := []byte(`{"id":"c","object":"chat.completion.chunk","created":1,"model":"small","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}`)
	relay := func(_ context.Context, _ *engine.Request, sink engine.Sink) engine.Outcome {
		o := engine.Outcome{DecisionID: "decision-1", Status: 200, Action: engine.ActionForward, Sent: true}
		_ = sink.Start(head())
		f := engine.Frame{Dialect: engine.DialectOpenAIChat, Raw: relayed, Events: []engine.Event{{Kind: engine.EventText, Text: "word "}}}
		for range words {
			if sink.Frame(&f) != nil {
				return o
			}
		}
		return o
	}
	write := func(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome {
		return reply(ctx, req, sink, words...)
	}
	long := strings.Replace(chatBody, "hi", strings.Repeat("some words of a prompt ", 360), 1) // 8 kB
	for _, bb := range []struct {
		name, body string
		handle     func(context.Context, *engine.Request, engine.Sink) engine.Outcome
	}{
		{"unary", chatBody, nil},
		{"unary-8kB-prompt", long, nil},
		{"stream-64-built", streamBody, write},
		{"stream-64-relayed", streamBody, relay},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s, err := New(Config{Handler: &fakeHandler{handle: bb.handle}, Ingress: wire.IngressFor, Logger: zerolog.New(&discard{})})
			if err != nil {
				b.Fatal(err)
			}
			ln := fasthttputil.NewInmemoryListener()
			served := make(chan error, 1)
			go func() { served <- s.Serve(ln) }()
			conn, err := ln.Dial()
			if err != nil {
				b.Fatal(err)
			}
			request := []byte(post(chatPath, bb.body))
			r := bufio.NewReader(conn)
			var resp fasthttp.Response
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if err := resp.Read(r); err != nil || resp.StatusCode() != 200 {
					b.Fatal(err, resp.StatusCode())
				}
			}
			_ = conn.Close()
			if err := s.Shutdown(context.Background()); err != nil {
				b.Error(err)
			}
			if err := <-served; err != nil {
				b.Error(err)
			}
		})
	}
}

// discard takes log lines, so that writing them is measured.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
