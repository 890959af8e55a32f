package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// maxBuffered is how many bytes of a stream wait for a slow client before the
// target has to wait too.
const maxBuffered = 256 << 10

// errCut ends a streamed body without its end marker, and with it the
// connection.
var errCut = errors.New("the reply was cut off")

// exchange is one inference request and its reply on the way to the client.
//
// Two goroutines share it. The producer runs Handler.Handle and gives frames to
// the exchange, which is its sink. fasthttp's own goroutine waits for the reply
// to begin and then reads a streamed one as the body of its response. It is the
// one that looks at the socket, and it does not leave before the producer has
// ended.
type exchange struct {
	s       *Server
	e       *endpoint
	conn    *conn
	req     *engine.Request
	stream  bool // the reply is a stream of frames
	live    bool // and the client gets it while it is made
	traceID string
	start   time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc
	ticker  *time.Ticker // of looks at the socket

	started chan struct{} // closed when a streamed reply has begun
	done    chan struct{} // closed when the producer has ended
	ready   chan struct{} // holds one where buf was filled
	space   chan struct{} // holds one where buf was emptied
	written time.Time     // when fasthttp was last given bytes; of its goroutine

	mu      sync.Mutex
	reply   wire.Reply
	head    engine.ReplyHead
	begun   bool
	buf     []byte // bytes for the client, of which taken are with fasthttp
	taken   int
	failed  error // of the writer of replies
	whole   bool  // buf holds all that is to be in it
	ended   bool  // and the producer has ended
	cut     bool  // what is in buf ends in an error
	outcome engine.Outcome
}

// infer answers an inference request.
func (s *Server) infer(ctx *fasthttp.RequestCtx, e *endpoint, model string, start time.Time, snap *engine.Snapshot, p engine.Principal) {
	req, rerr := readRequest(ctx, e, model, snap, p)
	if rerr != nil {
		s.refuse(ctx, e, start, rerr)
		return
	}
	x := &exchange{
		s: s, e: e, req: req, traceID: req.TraceID, start: start, reply: e.ingress.NewReply(req),
		stream:  req.Stream && req.Operation != engine.OpEmbeddings, // those have nothing to stream
		ticker:  time.NewTicker(hangUpPoll),
		started: make(chan struct{}), done: make(chan struct{}),
		ready: make(chan struct{}, 1), space: make(chan struct{}, 1),
	}
	x.conn = ctx.Conn().(*conn) // as every listener of a plane makes them
	x.ctx, x.cancel = context.WithCancelCause(s.base)
	// A stream needs chunks, which HTTP/1.0 does not have; it gets its stream in
	// one piece.
	x.live = x.stream && ctx.Request.Header.IsHTTP11()
	s.metrics.inflight.Inc()
	go x.produce()
	handedOver := false
	defer func() {
		if !handedOver {
			x.end()
		}
	}()
	if x.live && x.begin() {
		s.streamHead(ctx, x)
		ctx.Response.SetBodyStream(x, -1) // which calls x.Close
		handedOver = true
		return
	}
	x.wait()
	x.answer(ctx)
}

// produce runs the Handler and lets the reader come to the end of the reply.
func (x *exchange) produce() {
	defer close(x.done)
	growStack(0)
	o := x.recovered(func() engine.Outcome { return x.s.handler.Handle(x.ctx, x.req, sink{x}) })
	o = x.recovered(func() engine.Outcome { return x.settle(o) })
	x.s.finish(x.e, x.traceID, x.start, &o)
	x.mu.Lock()
	x.ended, x.cut, x.outcome = true, x.begun && o.Code != "", o
	x.mu.Unlock()
	signal(x.ready)
}

// growStack makes the stack of a new goroutine large at once. The evaluation of
// policy goes deep: without this the stack doubles six times under it and is
// copied each time with all that stands on it, 5 to 10 % of the processor time of
// a request (BenchmarkHandler in cmd/sallyport).
//
//go:noinline
func growStack(i int) byte {
	var room [120 << 10]byte // the stack becomes 128 KiB
	return room[i]
}

// recovered is the outcome of f, an internal error where f panics.
func (x *exchange) recovered(f func() engine.Outcome) (o engine.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			x.s.logPanic(p)
			o = refusal(errInternal, x.start)
			x.mu.Lock()
			if x.begun {
				o.DecisionID = x.head.DecisionID
			}
			x.mu.Unlock()
		}
	}()
	return f()
}

// settle completes the reply, and decides what the client gets to see of an
// outcome that is an error.
func (x *exchange) settle(o engine.Outcome) engine.Outcome {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.begun && o.Code == "" {
		x.complete()
	}
	finished := x.whole
	x.whole = true
	cause, cancelled := errors.AsType[*engine.RequestError](context.Cause(x.ctx))
	switch {
	case cancelled && o.Code == engine.CodeClientGone:
		// The engine takes every end of the context for the client's.
		o.Status, o.Code, o.Message = cause.Status, cause.Code, cause.Message
	case x.failed != nil:
		// The error may quote the reply, so only its type is told.
		x.s.log.Error().Str("decision_id", o.DecisionID).Type("error", x.failed).Msg("reply could not be written")
		o.Status, o.Code, o.Message = errInternal.Status, errInternal.Code, errInternal.Message
	case o.Code == "" && !x.begun:
		x.s.log.Error().Str("decision_id", o.DecisionID).Msg("handler ended without a reply or an error")
		o.Status, o.Code, o.Message = errInternal.Status, errInternal.Code, errInternal.Message
	}
	if x.begun && x.stream && o.Code != "" && !finished {
		x.buf = x.reply.Fail(x.buf, &o)
	}
	return o
}

// complete ends the reply, once.
func (x *exchange) complete() {
	if x.whole || x.failed != nil {
		return
	}
	var buf []byte
	if buf, x.failed = x.reply.End(x.buf); x.failed == nil {
		x.buf, x.whole = buf, true
	}
}

// sink is the exchange as the Handler sees it.
type sink struct{ *exchange }

// Start implements engine.Sink.
func (k sink) Start(h engine.ReplyHead) error {
	k.mu.Lock()
	k.head, k.begun = h, true
	k.mu.Unlock()
	if k.live {
		close(k.started)
	}
	return context.Cause(k.ctx)
}

// Frame implements engine.Sink. It waits while a slow client has too much
// before it.
func (k sink) Frame(f *engine.Frame) error {
	for {
		if err := context.Cause(k.ctx); err != nil {
			return err
		}
		k.mu.Lock()
		if !k.live || len(k.buf)-k.taken < maxBuffered {
			break
		}
		k.mu.Unlock()
		select {
		case <-k.space:
		case <-k.ctx.Done():
		}
	}
	defer k.mu.Unlock()
	buf, err := k.reply.Frame(k.buf, f)
	if err != nil {
		k.failed = err
		return err
	}
	k.buf = buf
	if k.live && len(buf) > k.taken {
		signal(k.ready)
	}
	return nil
}

// Finish implements engine.Finisher. What a writer has left out is known at the end
// of the reply.
func (k sink) Finish() ([]engine.Loss, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.complete()
	if k.live && len(k.buf) > k.taken {
		signal(k.ready)
	}
	return k.reply.Losses(), k.failed
}

// begin waits for a streamed reply to begin. It is false where the request ended
// without one.
func (x *exchange) begin() bool {
	for {
		select {
		case <-x.started:
			return true
		case <-x.done:
			// Both may be ready.
			select {
			case <-x.started:
				return true
			default:
				return false
			}
		case <-x.ticker.C:
			x.watch()
		}
	}
}

// wait waits for the producer to end.
func (x *exchange) wait() {
	for {
		select {
		case <-x.done:
			return
		case <-x.ticker.C:
			x.watch()
		}
	}
}

// watch ends the request where its client is gone.
func (x *exchange) watch() {
	if x.conn.hungUp() {
		x.leave()
	}
}

// leave ends the request's context because its client is gone.
func (x *exchange) leave() {
	if x.ctx.Err() == nil {
		x.s.metrics.disconnects.Inc()
		x.cancel(errClientGone)
	}
}

// end waits for the producer and releases what the exchange holds.
func (x *exchange) end() {
	x.cancel(nil)
	<-x.done
	x.ticker.Stop()
	x.s.metrics.inflight.Dec()
}

// answer writes a reply that was not streamed.
func (x *exchange) answer(ctx *fasthttp.RequestCtx) {
	o := &x.outcome
	switch {
	case x.begun && x.stream:
		// To an HTTP/1.0 client: the whole stream, its error event included.
		x.s.streamHead(ctx, x)
		ctx.SetConnectionClose()
		ctx.Response.SetBodyRaw(x.buf)
	case o.Code != "":
		if o.Code == engine.CodeClientGone {
			ctx.SetConnectionClose()
		}
		x.s.answerError(ctx, x.e, o)
	default:
		x.s.replyHead(ctx, x, &o.Timings)
		ctx.Response.SetBodyRaw(x.buf)
	}
}

// replyHead writes the header of a reply.
func (s *Server) replyHead(ctx *fasthttp.RequestCtx, x *exchange, t *engine.Timings) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(fasthttp.StatusOK)
	h.SetContentType(x.reply.ContentType())
	h.Set("Sallyport-Decision-Id", x.head.DecisionID)
	h.Set("Inference-Status", inferenceStatus(&x.head))
	// Of a stream's reply nothing has been lost yet.
	if l := lossy(x.head.Losses, x.reply.Losses()); l != "" {
		h.Set("Sallyport-Lossy", l)
	}
	if t := serverTiming(t); t != "" {
		h.Set("Server-Timing", t)
	}
}

// streamHead writes the header of a streamed reply, which no cache and no proxy
// shall hold back.
func (s *Server) streamHead(ctx *fasthttp.RequestCtx, x *exchange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s.replyHead(ctx, x, &x.head.Timings)
	ctx.Response.Header.Set("Cache-Control", "no-cache")
	ctx.Response.Header.Set("X-Accel-Buffering", "no")
	x.written = time.Now()
}

// Read gives fasthttp the next bytes of a stream as soon as there are any;
// fasthttp flushes them before it reads again.
func (x *exchange) Read(p []byte) (int, error) {
	for {
		x.mu.Lock()
		if n := copy(p, x.buf[x.taken:]); n > 0 {
			x.taken += n
			if x.taken == len(x.buf) || x.taken >= maxBuffered/4 {
				// Also where a slow client never lets it run empty.
				x.buf, x.taken = x.buf[:copy(x.buf, x.buf[x.taken:])], 0
			}
			x.mu.Unlock()
			signal(x.space)
			x.written = time.Now()
			return n, nil
		}
		ended, cut := x.ended, x.cut
		x.mu.Unlock()
		switch {
		case ended && cut:
			return 0, errCut
		case ended:
			return 0, io.EOF
		}
		select {
		case <-x.ready:
		case now := <-x.ticker.C:
			if x.watch(); x.ctx.Err() == nil && now.Sub(x.written) >= x.s.limits.KeepAlive {
				x.keepAlive(now)
			}
		}
	}
}

func (x *exchange) keepAlive(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.whole {
		x.buf = x.reply.KeepAlive(x.buf)
	}
	x.written = now
}

// Close is called by fasthttp when the stream is out or could not be written.
// Then the client is gone, or too slow to be told from one that is.
func (x *exchange) Close() error {
	x.mu.Lock()
	out := x.ended && x.taken == len(x.buf)
	x.mu.Unlock()
	if !out {
		x.leave()
	}
	x.end()
	return nil
}

// signal leaves a token in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
