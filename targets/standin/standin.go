// Package standin serves the dialects of real inference servers without a model
// behind them, for the demonstration that needs no keys and for tests.
//
// It hides how each dialect frames its replies, a model of a server's latency
// (time to the first token, time for each further one, jitter from a seed), and
// faults that a real server shows rarely. Every reply says that it is a
// stand-in's, and repeats the last text it was given, so that what reached the
// target can be seen.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// maxBody bounds a request's body in bytes, as real servers do.
const maxBody = 64 << 20

// Config says what a stand-in imitates.
type Config struct {
	Name    string         // of the target, told in every reply
	Posture string         // told in every reply
	Dialect engine.Dialect // openai, azure-openai, anthropic, gemini or ollama
	Models  []string       // what the list of models shows

	TTFT   time.Duration // before the first piece of a reply
	TPOT   time.Duration // before each further piece
	Jitter float64       // 0..1: a delay d becomes d × (1 ± Jitter)
	Seed   uint64        // of the jitter

	Socket   string       // path of a unix socket to listen on instead of 127.0.0.1:0
	Listener net.Listener // listened on instead, closed by Close
}

// Server is a running stand-in. It is safe for concurrent use.
type Server struct {
	cfg      Config
	dialect  dialect
	url      string
	http     *http.Server
	handlers sync.WaitGroup
	served   chan struct{}

	requests atomic.Int64
	active   atomic.Int64

	mu    sync.Mutex
	rng   *rand.Rand
	fault Fault
	last  Request
}

// Request is what a stand-in received.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
}

// dialect is one server's language. Its methods are pure.
type dialect interface {
	// base is the path that a target's base URL ends in.
	base() string
	// handle answers a request, or says that its path is unknown.
	handle(r *http.Request, body []byte, cfg *Config) (answer, error)
	// fail is an error body.
	fail(status int, message string) []byte
	// inBand is the frame a server sends for a failure in the middle of a stream.
	inBand(message string) []byte
	// broken is a frame whose JSON is cut short.
	broken() []byte
}

// answer is a reply, ready to be sent: frames of a stream or one unary body.
type answer struct {
	contentType string
	frames      []frame
}

// frame is a unit of a reply. Tokens is how many pieces it stands for: the first
// piece of a reply costs TTFT, each further one TPOT.
type frame struct {
	data   []byte
	tokens int
}

var errUnknownPath = errors.New("unknown path")

// Start listens and serves until Close.
func Start(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, served: make(chan struct{}), rng: rand.New(rand.NewPCG(cfg.Seed, 0x5a11))}
	switch cfg.Dialect {
	case engine.DialectOpenAI, engine.DialectAzureOpenAI:
		s.dialect = openAI{}
	case engine.DialectAnthropic:
		s.dialect = anthropic{}
	case engine.DialectGemini:
		s.dialect = gemini{}
	case engine.DialectOllama:
		s.dialect = ollama{}
	default:
		return nil, fmt.Errorf("stand-in %q: dialect %q is not one of openai, azure-openai, anthropic, gemini, ollama", cfg.Name, cfg.Dialect)
	}
	l := cfg.Listener
	var err error
	switch {
	case l != nil:
	case cfg.Socket != "":
		l, err = net.Listen("unix", cfg.Socket)
	default:
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("stand-in %q: %w", cfg.Name, err)
	}
	if cfg.Socket != "" {
		s.url = "unix://" + cfg.Socket
		if b := s.dialect.base(); b != "" {
			s.url += ":" + b
		}
	} else {
		s.url = "http://" + l.Addr().String() + s.dialect.base()
	}
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		s.http.Serve(l) // returns http.ErrServerClosed, or the stand-in is gone and its target unhealthy
	}()
	return s, nil
}

// URL is the base URL for a target's declaration.
func (s *Server) URL() string { return s.url }

// Close stops the server, ends its replies and waits for them.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.served
	s.handlers.Wait()
	if err != nil {
		return fmt.Errorf("stand-in %q: %w", s.cfg.Name, err)
	}
	return nil
}

// Requests is the number of requests received.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// Active is the number of replies under way: zero again soon after a client has
// gone.
func (s *Server) Active() int { return int(s.active.Load()) }

// Last returns the last request received; its fields must not be changed.
func (s *Server) Last() Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// SetFault makes the next requests fail in that way; the zero Fault ends it.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.handlers.Add(1)
	s.active.Add(1)
	s.requests.Add(1)
	defer s.handlers.Done()
	defer s.active.Add(-1)

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client has gone, or sent too much and has been told so
	}
	fault := s.take(Request{Path: r.URL.Path, Header: r.Header.Clone(), Body: body})
	if fault.before(s, w, r) {
		return
	}
	a, err := s.dialect.handle(r, body, &s.cfg)
	switch {
	case errors.Is(err, errUnknownPath):
		s.refuse(w, http.StatusNotFound, "no such path: "+r.Method+" "+r.URL.Path)
	case err != nil:
		s.refuse(w, http.StatusBadRequest, err.Error())
	default:
		s.send(w, r, a, fault)
	}
}

// take notes a request and returns the fault that applies to it.
func (s *Server) take(r Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
	f := s.fault
	if s.fault.Times > 0 {
		if s.fault.Times--; s.fault.Times == 0 {
			s.fault = Fault{}
		}
	}
	return f
}

func (s *Server) refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(s.dialect.fail(status, message)) // a client that has gone needs no answer
}

// send delivers an answer at the modelled speed.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer, fault Fault) {
	w.Header().Set("Content-Type", a.contentType)
	flush := http.NewResponseController(w)
	started := false // a piece has been sent
	for i, f := range a.frames {
		var d time.Duration
		if f.tokens > 0 && !started {
			d = s.jitter(s.cfg.TTFT)
			started = true
			f.tokens--
		}
		for range f.tokens {
			d += s.jitter(s.cfg.TPOT)
		}
		if wait(r.Context(), d) != nil {
			return
		}
		if fault.at(i, s, w, r) {
			return
		}
		if _, err := w.Write(f.data); err != nil {
			return
		}
		if err := flush.Flush(); err != nil {
			return
		}
	}
}

// jitter scales a delay by a random factor.
func (s *Server) jitter(d time.Duration) time.Duration {
	if d <= 0 || s.cfg.Jitter == 0 {
		return d
	}
	s.mu.Lock()
	x := 2*s.rng.Float64() - 1
	s.mu.Unlock()
	return time.Duration(float64(d) * (1 + s.cfg.Jitter*x))
}

// wait sleeps until d has passed or ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// encode is v as JSON. Every value here is made of strings, numbers, maps and
// slices, which cannot fail.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // placeholders such as <EMAIL_ADDRESS_1> stay readable
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

func sse(v any) []byte {
	return append(append([]byte("data: "), encode(v)...), "\n\n"...)
}
