package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/recall"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// Handler decides about requests and answers them. *engine.Engine is one.
//
// Its methods are called from many goroutines at once. The context ends when the
// client is gone or the server gives up on draining; its cause is then an
// *engine.RequestError with the code client_closed_request or shutting_down.
type Handler interface {
	Handle(ctx context.Context, req *engine.Request, sink engine.Sink) engine.Outcome
	Decide(ctx context.Context, req *engine.Request) engine.Outcome
	DecideInputFor(ctx context.Context, client *engine.Principal, in *engine.Input) engine.Outcome
	Query(ctx context.Context, q *engine.DocumentQuery) engine.DocumentOutcome
	Snapshot() *engine.Snapshot
}

// Limits bound what a client may take up. A zero field is its default.
type Limits struct {
	MaxBodyBytes   int           // of a request; default 8 MiB
	MaxHeaderBytes int           // of a request, its first line included; default 16 KiB
	HeaderTimeout  time.Duration // from a request's first byte to the end of its header; default 10 s
	BodyTimeout    time.Duration // for a request's body; default 60 s
	IdleTimeout    time.Duration // of a kept-alive connection between requests; default 2 min
	WriteIdle      time.Duration // for a client to take the next 16 KiB of a reply; default 30 s
	KeepAlive      time.Duration // silence in a streamed reply before a keep-alive frame; default 15 s
}

func (l Limits) withDefaults() Limits {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&l.HeaderTimeout, 10*time.Second)
	or(&l.BodyTimeout, time.Minute)
	or(&l.IdleTimeout, 2*time.Minute)
	or(&l.WriteIdle, 30*time.Second)
	or(&l.KeepAlive, 15*time.Second)
	if l.MaxBodyBytes == 0 {
		l.MaxBodyBytes = 8 << 20
	}
	if l.MaxHeaderBytes == 0 {
		l.MaxHeaderBytes = 16 << 10
	}
	return l
}

// Config is what a Server is made of.
type Config struct {
	Handler Handler
	// Ingress looks a client dialect up, as wire.IngressFor does.
	Ingress  func(engine.Dialect) (wire.Ingress, bool)
	Limits   Limits
	Logger   zerolog.Logger
	Registry *prometheus.Registry // nil: one of its own
	Version  string               // of the program
	Log      func() LogState      // nil: the decision log has no figures
	Bundles  func() []BundleState // nil: there are no policy bundles
	Policy   func() PolicyState   // nil: how decisions are made has no figures
	// Candidate is the state of the candidate policy; nil: it has no figures.
	Candidate func() CandidateState
	Admin     Admin
}

// Server serves the data plane and the admin interface. Its methods are safe for
// concurrent use.
type Server struct {
	handler  Handler
	ingress  func(engine.Dialect) (wire.Ingress, bool)
	limits   Limits
	log      zerolog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	router   *router
	// documents are answers of the Data API that may be given again.
	documents knownDocuments
	// inputs are decision input documents by what they were read from.
	inputs  *recall.Cache[*engine.Input]
	admin   adminState
	started time.Time
	version string

	data     plane
	control  plane
	draining atomic.Bool
	// base is the parent of every request's context.
	base   context.Context
	giveUp context.CancelCauseFunc
}

// plane is a fasthttp server and the listeners it serves on.
type plane struct {
	*fasthttp.Server
	mu        sync.Mutex
	closed    bool
	listeners []*listener
}

// hangUpPoll is how often the socket of a request under way is looked at. A
// client that went away is noticed in a quarter of a second, for one poll(2)
// that takes about a microsecond.
const hangUpPoll = 250 * time.Millisecond

// drainGrace is how long a drain that ran out of time waits for requests to end
// after their contexts did.
const drainGrace = 5 * time.Second

// New returns a server that listens nowhere yet.
func New(c Config) (*Server, error) {
	if c.Handler == nil || c.Ingress == nil {
		return nil, errors.New("gateway: a handler and an ingress lookup are required")
	}
	s := &Server{
		handler: c.Handler, ingress: c.Ingress, limits: c.Limits.withDefaults(), log: c.Logger, registry: c.Registry,
		admin: adminState{Admin: c.Admin}, started: time.Now(), version: c.Version,
	}
	s.inputs = recall.New[*engine.Input](knownInputBytes)
	if s.registry == nil {
		s.registry = prometheus.NewRegistry()
	}
	var err error
	if s.router, err = newRouter(Routes(), c.Ingress); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if s.metrics, err = newMetrics(s.registry, c.Version); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if c.Log != nil {
		if err := registerLog(s.registry, c.Log); err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
	}
	if c.Bundles != nil {
		if err := s.registry.Register(newBundleMetrics(c.Bundles)); err != nil {
			return nil, fmt.Errorf("gateway: register metrics: %w", err)
		}
	}
	if c.Candidate != nil {
		if err := s.registry.Register(newCandidateMetrics(c.Candidate)); err != nil {
			return nil, fmt.Errorf("gateway: register metrics: %w", err)
		}
	}
	if c.Policy != nil {
		if err := registerPolicy(s.registry, c.Policy); err != nil {
			return nil, fmt.Errorf("gateway: register metrics: %w", err)
		}
	}
	s.base, s.giveUp = context.WithCancelCause(context.Background())
	s.data.Server = s.newFastHTTP(s.serve, s.refuseMalformed)
	s.control.Server = s.newFastHTTP(s.serveAdmin, refuseAdmin)
	return s, nil
}

func (s *Server) newFastHTTP(h fasthttp.RequestHandler, onError func(*fasthttp.RequestCtx, error)) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:      h,
		ErrorHandler: onError,
		Logger:       fasthttpLogger{s.log},
		// Its messages otherwise quote the header of a malformed request, with the
		// credentials in it.
		SecureErrorLogMessage: true,
		MaxRequestBodySize:    s.limits.MaxBodyBytes,
		ReadBufferSize:        s.limits.MaxHeaderBytes,
		ReadTimeout:           s.limits.HeaderTimeout,
		IdleTimeout:           s.limits.IdleTimeout,
		HeaderReceived: func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
			return fasthttp.RequestConfig{ReadTimeout: s.limits.BodyTimeout}
		},
		// Multipart bodies would be unpacked into temporary files before any limit
		// or credential is looked at.
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
	}
}

// Serve answers the data plane on ln until the server is shut down, and closes
// ln. For TLS, pass a listener of crypto/tls. It returns nil after Shutdown.
func (s *Server) Serve(ln net.Listener) error { return s.data.serve(ln, s.limits.WriteIdle) }

func (p *plane) serve(ln net.Listener, writeIdle time.Duration) error {
	l := newListener(ln, writeIdle)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return l.Close()
	}
	p.listeners = append(p.listeners, l)
	p.mu.Unlock()
	if err := p.Server.Serve(l); err != nil {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown drains the server: it is no longer ready, takes no new connection,
// answers new requests on open ones with 503 and waits for those under way. When
// ctx ends first, the requests still under way are cut off with an error in
// their stream, and the error of ctx is returned. The admin listener goes last.
// A server that was shut down stays so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	err := s.data.shutdown(ctx, func() { s.giveUp(errShuttingDown) })
	if err != nil {
		err = fmt.Errorf("drain: requests were cut off: %w", err)
	}
	s.giveUp(errShuttingDown)
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// Whatever an operator still reads from the admin listener may be cut off.
	_ = s.control.shutdown(brief, func() {})
	return err
}

// shutdown closes the listeners and waits for the requests under way, as long as
// ctx lets it. Then it calls giveUp, which ends their contexts, and after a grace
// ends their connections.
func (p *plane) shutdown(ctx context.Context, giveUp func()) error {
	p.mu.Lock()
	p.closed = true
	listeners := p.listeners
	p.mu.Unlock()
	for _, l := range listeners {
		// Also reaches a listener that fasthttp has not seen yet.
		_ = l.Close()
	}
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	finished := make(chan error, 1)
	go func() { finished <- p.ShutdownWithContext(hard) }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
	}
	giveUp()
	grace := time.NewTimer(drainGrace)
	defer grace.Stop()
	select {
	case <-finished:
	case <-grace.C:
		for _, l := range listeners {
			l.closeConns()
		}
		kill()
		<-finished
	}
	return context.Cause(ctx)
}

// Causes of the end of a request's context.
var (
	errClientGone = &engine.RequestError{Status: 499, Code: engine.CodeClientGone,
		Message: "the client closed the connection"}
	errShuttingDown = &engine.RequestError{Status: fasthttp.StatusServiceUnavailable, Code: engine.CodeShuttingDown,
		Message: "the server is shutting down; try again"}
)

// serve answers one request of the data plane.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	start := time.Now()
	e, model, allow, rerr := s.router.find(ctx)
	defer func() {
		if p := recover(); p != nil {
			s.logPanic(p)
			ctx.Response.Reset()
			s.refuse(ctx, e, start, errInternal)
		}
	}()
	// fasthttp holds an answer back while the connection's next request, already
	// read, is worked on. It does not after a deadline was set.
	_ = ctx.SetWriteDeadline(start.Add(s.limits.WriteIdle))
	if e.Kind == RouteEvaluation || e.Kind == RouteEvaluations {
		echoRequestID(ctx)
	}
	if rerr != nil {
		if allow != "" {
			ctx.Response.Header.Set("Allow", allow)
		}
		s.refuse(ctx, e, start, rerr)
		return
	}
	if s.draining.Load() {
		ctx.SetConnectionClose()
		s.refuse(ctx, e, start, errShuttingDown)
		return
	}
	snap := s.handler.Snapshot()
	principal, rerr := authenticate(ctx, e, snap.Keys)
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	if !principal.Authenticated && rebound(ctx) {
		s.refuse(ctx, e, start, unauthenticated("web pages reach this address anonymously under localhost or an IP address only"))
		return
	}
	switch e.Kind {
	case RouteInference:
		s.infer(ctx, e, model, start, snap, principal)
	case RouteDecision:
		s.decide(ctx, e, start, snap, principal)
	case RouteModels:
		s.models(ctx, e, model, start, snap)
	case RouteData:
		s.document(ctx, e, start, snap, principal)
	case RouteEvaluation, RouteEvaluations:
		s.access(ctx, e, start, snap, principal)
	}
}

// errInternal is all that a client learns of a mistake in this program.
var errInternal = &engine.RequestError{Status: fasthttp.StatusInternalServerError, Code: engine.CodeInternal,
	Message: "an internal error; the server's log has its place"}

// refuse answers a request that did not get as far as the Handler.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, rerr *engine.RequestError) {
	o := refusal(rerr, start)
	s.answerError(ctx, e, &o)
	s.finish(e, "", start, &o)
}

func refusal(rerr *engine.RequestError, now time.Time) engine.Outcome {
	o := engine.Outcome{DecisionID: engine.NewID(now), Status: rerr.Status, Code: rerr.Code, Message: rerr.Message, Field: rerr.Field}
	if rerr == errShuttingDown {
		o.RetryAfter = time.Second
	}
	return o
}

// answerError writes an outcome that is an error, in the dialect of the route.
func (s *Server) answerError(ctx *fasthttp.RequestCtx, e *endpoint, o *engine.Outcome) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(o.Status)
	contentType, body := e.error(o)
	h.SetContentType(contentType)
	h.Set("Sallyport-Decision-Id", o.DecisionID)
	if o.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(o.RetryAfter.Seconds())), 10))
	}
	if o.Status == fasthttp.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if t := serverTiming(&o.Timings); t != "" {
		h.Set("Server-Timing", t)
	}
	ctx.Response.SetBodyRaw(body)
}

// refuseMalformed answers a request that fasthttp could not read. It closes the
// connection afterwards.
func (s *Server) refuseMalformed(ctx *fasthttp.RequestCtx, err error) {
	rerr := &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Message: "the request is not well-formed HTTP"}
	var small *fasthttp.ErrSmallBuffer
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		rerr.Status, rerr.Code = fasthttp.StatusRequestEntityTooLarge, engine.CodeTooLarge
		rerr.Message = fmt.Sprintf("the body is larger than %d bytes", s.limits.MaxBodyBytes)
	case errors.As(err, &small):
		rerr.Status, rerr.Code = fasthttp.StatusRequestHeaderFieldsTooLarge, engine.CodeTooLarge
		rerr.Message = fmt.Sprintf("the header is larger than %d bytes", s.limits.MaxHeaderBytes)
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &timeout) && timeout.Timeout():
		rerr.Status, rerr.Message = fasthttp.StatusRequestTimeout, "the request did not arrive in time"
	}
	if c, ok := ctx.Conn().(*conn); ok {
		c.linger = true
	}
	s.refuse(ctx, s.router.fallback(string(ctx.Path())), time.Now(), rerr)
}

// logPanic logs where a panic happened. Its value is logged where the runtime
// made it: any other may hold a user's text.
func (s *Server) logPanic(p any) {
	line := s.log.Error().Bytes("stack", debug.Stack())
	if err, ok := p.(runtime.Error); ok {
		line = line.Str("panic", err.Error())
	} else {
		line = line.Str("panic", fmt.Sprintf("%T", p))
	}
	line.Msg("handler panicked")
}

// fasthttpLogger takes what fasthttp logs: connections that failed, which their
// clients know of. The arguments are left out, for they may quote a request.
type fasthttpLogger struct{ log zerolog.Logger }

func (l fasthttpLogger) Printf(format string, _ ...any) {
	l.log.Debug().Str("format", format).Msg("connection error")
}
