package targets

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

// chat is a parsed request as the gateway hands it on.
func chat(t testing.TB, body string) *engine.Request {
	t.Helper()
	return readRequest(t, wire.OpenAIChat{}, body)
}

func readRequest(t testing.TB, in wire.Ingress, body string) *engine.Request {
	t.Helper()
	req, err := in.ReadRequest(&wire.Inbound{Body: []byte(body)}, wire.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const (
	unaryBody  = `{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello there"}]}`
	streamBody = `{"model":"m","stream":true,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello there"}]}`
)

// sink keeps what it is given.
type sink struct {
	events  []engine.Event
	raw     []string
	onFrame func(n int) error // before frame n, from 0
}

func (s *sink) Start(engine.ReplyHead) error { panic("a forwarder does not start the reply") }

func (s *sink) Frame(f *engine.Frame) error {
	if s.onFrame != nil {
		if err := s.onFrame(len(s.raw)); err != nil {
			return err
		}
	}
	s.raw = append(s.raw, string(bytes.Clone(f.Raw)))
	for _, ev := range f.Events {
		ev.Text = strings.Clone(ev.Text) // valid until Frame returns
		s.events = append(s.events, ev)
	}
	return nil
}

func (s *sink) text() string {
	var b strings.Builder
	for _, ev := range s.events {
		if ev.Kind == engine.EventText {
			b.WriteString(ev.Text)
		}
	}
	return b.String()
}

// content says whether a part of the answer came.
func (s *sink) content() bool { return s.text() != "" }

// pipes is a network in memory, for tests in a bubble of testing/synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// declare is a target with one model, "m", at the given base URLs.
func declare(name, posture string, dialect engine.Dialect, urls ...string) Target {
	d := Target{Name: name, Posture: posture, Dialect: dialect, Models: []Model{{Name: "m", Upstream: "m-upstream"}}}
	for _, u := range urls {
		d.Endpoints = append(d.Endpoints, Endpoint{URL: u})
	}
	return d
}

func newSet(t testing.TB, decls ...Target) *Set {
	t.Helper()
	s, err := New(Config{Targets: decls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func startStandIn(t testing.TB, cfg standin.Config) *standin.Server {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name, cfg.Posture = "demo", PostureCloud
	}
	if cfg.Dialect == "" {
		cfg.Dialect = engine.DialectOpenAI
	}
	srv, err := standin.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv
}

// attempt is the first candidate's attempt at req.
func attempt(t testing.TB, s *Set, req *engine.Request) *engine.Attempt {
	t.Helper()
	candidates := s.Candidates(req)
	if len(candidates) == 0 {
		t.Fatalf("no candidate for model %q", req.Model)
	}
	return &engine.Attempt{Candidate: candidates[0], Number: 1, Request: req}
}

// forward makes one try.
func forward(t testing.TB, s *Set, req *engine.Request) (*sink, engine.Usage, error) {
	t.Helper()
	out := &sink{}
	usage, err := s.Forward(t.Context(), attempt(t, s, req), out)
	return out, usage, err
}

// upstreamError is err as the error it has to be, with the code it has to have.
func upstreamError(t testing.TB, err error, code string) *engine.UpstreamError {
	t.Helper()
	e, ok := errors.AsType[*engine.UpstreamError](err)
	if !ok {
		t.Fatalf("error = %v, want an UpstreamError with code %q", err, code)
	}
	if e.Code != code {
		t.Fatalf("code = %q (%v), want %q", e.Code, e, code)
	}
	return e
}

// discard is a client that takes everything.
type discard struct{}

func (discard) Start(engine.ReplyHead) error { return nil }
func (discard) Frame(*engine.Frame) error    { return nil }
