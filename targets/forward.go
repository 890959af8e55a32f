package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// Codes of an engine.UpstreamError. An attempt that failed with codeBusy,
// codeRateLimited or codeUnsupported has sent nothing; the last is no attempt.
const (
	codeBusy           = "busy"         // max_concurrency is reached
	codeRateLimited    = "rate_limited" // the declared rate limit is reached
	codeUnsupported    = engine.UpstreamUnsupported
	codeConnect        = "connect"            // no connection
	codeRefusedAddress = "refused_address"    // the dialer refused it
	codeFirstByte      = "first_byte_timeout" // Attempt.FirstByteBy passed
	codeTimeout        = "timeout"            // Attempt.Deadline passed, or the upstream fell silent
	codeStatus         = "status"             // an HTTP status other than 2xx
	codeUpstream       = "upstream"           // an error in the reply, before any content
	codeCut            = "cut"                // the reply broke off
	codeMalformed      = "malformed"          // the reply is not what the dialect says
	codeTooLarge       = "too_large"          // the reply exceeds maxUnaryBody
	codeCancelled      = "cancelled"          // the caller gave up
)

const (
	maxUnaryBody = 64 << 20 // bytes of a reply that is not streamed
	maxErrorBody = 64 << 10 // bytes of an error's body that are kept
	maxMessage   = 4 << 10  // bytes of an upstream's message that are kept
	// unaryWait bounds the silence before a reply that is not streamed, which
	// lasts as long as the whole generation. The official SDKs wait as long.
	unaryWait = 10 * time.Minute
	// drainTime is how long the end of a connection's reply is waited for after
	// the stream's own end marker, so that the connection can be used again.
	drainTime = 250 * time.Millisecond
	// maxRetryAfter bounds the pause that an upstream can ask for.
	maxRetryAfter = time.Hour
)

// Causes of a cancelled upstream.
var (
	errSilent    = errors.New("the upstream fell silent")
	errFirstByte = errors.New("no content came in time")
	errDeadline  = errors.New("the attempt's deadline passed")
	errUnasked   = errors.New("the reply has a content encoding that was not asked for")
)

// Forward implements engine.Forwarder. It never calls sink.Start.
//
// Endpoints of the target are tried in turn while none could be connected to.
// Usage is what the upstream reported, or an estimate where it reported none;
// after an error it is what was used up to then.
func (s *Set) Forward(ctx context.Context, a *engine.Attempt, sink engine.Sink) (engine.Usage, error) {
	t := s.byName[a.Candidate.Target]
	if t == nil {
		return engine.Usage{}, &engine.UpstreamError{Target: a.Candidate.Target, Code: codeUnsupported, Retryable: true, Err: errors.New("no such target")}
	}
	w, why := t.write(a.Request, &a.Candidate, a.MaxOutputTokens)
	if why != nil {
		return engine.Usage{}, &engine.UpstreamError{Target: t.Name, Code: codeUnsupported, Retryable: true, Unsent: true, Err: why}
	}
	t.attempts.Add(1)
	usage, err := t.forward(ctx, a, w, sink)
	if again := t.withoutReasoning(a, w, err); again != nil {
		a.Candidate.Losses = again.up.Losses
		usage, err = t.forward(ctx, a, again, sink)
	}
	if a.Request.Operation == engine.OpCountTokens {
		usage = engine.Usage{} // what was counted is in the reply; nothing was used
	}
	if up, ok := errors.AsType[*engine.UpstreamError](err); ok {
		up.Target = t.Name
		t.note(up)
	} else if err == nil {
		t.health.succeed()
	}
	return usage, err
}

// note counts a failure and lets it weigh on the target's health if it says
// something about the target: a spent budget, a client that left and a limit of
// our own do not, nor does what the upstream finds wrong with the request.
func (t *target) note(e *engine.UpstreamError) {
	if e.Code == codeCancelled {
		return
	}
	now := time.Now()
	t.failures.Add(1)
	t.lastFail.Store(&failure{e.Code, now})
	switch e.Code {
	case codeConnect, codeRefusedAddress, codeCut, codeMalformed, codeUpstream, codeTooLarge:
		t.health.fail(now)
	case codeTimeout:
		if !errors.Is(e.Err, errDeadline) {
			t.health.fail(now)
		}
	case codeStatus:
		if e.Status >= http.StatusInternalServerError {
			t.health.fail(now)
		}
	}
}

func (t *target) forward(ctx context.Context, a *engine.Attempt, w *written, sink engine.Sink) (engine.Usage, error) {
	if w.up.Local {
		return t.counted(t.egress.API(a.Request, &w.how), a, sink)
	}
	if n := t.inFlight.Add(1); t.MaxConcurrency > 0 && n > int64(t.MaxConcurrency) {
		t.inFlight.Add(-1)
		return engine.Usage{}, &engine.UpstreamError{Code: codeBusy, Retryable: true, Unsent: true, Err: errors.New("max_concurrency is reached")}
	}
	defer t.inFlight.Add(-1)

	now := time.Now()
	reserved := float64(a.Request.PromptTokens + expectedOutput(a.MaxOutputTokens))
	wait, ok := t.requests.take(1, now)
	if ok {
		if wait, ok = t.tokens.take(reserved, now); !ok {
			t.requests.give(1)
		}
	}
	if !ok {
		return engine.Usage{}, &engine.UpstreamError{Code: codeRateLimited, Retryable: true, Unsent: true, RetryAfter: wait, Err: errors.New("the declared rate_limit is reached")}
	}
	var usage engine.Usage
	var err error
	defer func() { t.tokens.give(reserved - float64(usage.Input+usage.Output)) }()
	for _, e := range t.order(now) {
		x := exchange{target: t, endpoint: e, attempt: a, how: &w.how, up: w.up, sink: sink}
		usage, err = x.run(ctx)
		if upErr, isUp := errors.AsType[*engine.UpstreamError](err); isUp && (upErr.Code == codeConnect || upErr.Code == codeRefusedAddress) {
			e.health.fail(time.Now())
			if ctx.Err() == nil {
				continue
			}
		}
		break
	}
	return usage, err
}

// exchange is one request to one endpoint.
type exchange struct {
	target   *target
	endpoint *endpoint
	attempt  *engine.Attempt
	how      *wire.Upstream
	up       *wire.UpstreamRequest
	sink     engine.Sink

	parent context.Context // the caller's
	ctx    context.Context // ends with a cause of ours as well
	silent *time.Timer     // runs while the upstream is waited for
	first  *time.Timer     // until content has come; nil: no limit

	content bool // something of the answer has gone to the sink
	ended   bool // the dialect's end marker came
	meter   meter
	sinkErr error
}

func (x *exchange) run(parent context.Context) (engine.Usage, error) {
	x.parent = parent
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if d := x.attempt.Deadline; !d.IsZero() {
		timed, stop := context.WithDeadlineCause(ctx, d, errDeadline)
		defer stop()
		ctx = timed
	}
	x.ctx = ctx
	quiet := x.target.IdleTimeout
	if !x.up.Stream {
		quiet = max(quiet, unaryWait)
	}
	x.silent = time.AfterFunc(quiet, func() { cancel(errSilent) })
	defer x.silent.Stop()
	if by := x.attempt.FirstByteBy; !by.IsZero() {
		x.first = time.AfterFunc(time.Until(by), func() { cancel(errFirstByte) })
		defer x.first.Stop()
	}

	x.endpoint.inFlight.Add(1)
	defer x.endpoint.inFlight.Add(-1)
	resp, connected, err := x.endpoint.send(ctx, x.target, x.attempt, x.up)
	if err != nil {
		code := codeCut
		if !connected {
			code = codeConnect
		}
		return engine.Usage{}, x.fail(code, err)
	}
	defer resp.Body.Close()
	x.endpoint.health.succeed()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return engine.Usage{}, x.refused(resp)
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return engine.Usage{}, x.fail(codeMalformed, errUnasked)
	}
	err = x.relay(resp.Body)
	if x.sinkErr != nil {
		err = x.sinkErr
	}
	return x.meter.usage(x.target.vocabularies, x.attempt, x.content, err == nil || x.ended), err
}

// relay reads the reply to its end.
func (x *exchange) relay(body io.Reader) error {
	reader := x.target.egress.NewReader(x.attempt.Request, x.how)
	buf := x.target.takeBuffer()
	defer x.target.giveBuffer(buf) // a reader keeps nothing of what it was given
	total := 0
	for {
		n, readErr := x.read(body, buf[:])
		total += n
		if !x.up.Stream && total > maxUnaryBody {
			return x.fail(codeTooLarge, fmt.Errorf("the reply is larger than %d bytes", maxUnaryBody))
		}
		if n > 0 && !x.ended {
			if err := reader.Read(buf[:n], x.emit); err != nil {
				return x.fail(codeMalformed, err)
			}
		}
		switch {
		case readErr == nil:
		case x.ended:
			return nil
		case readErr == io.EOF:
			if err := reader.Close(x.emit); err != nil {
				code := codeMalformed
				if x.up.Stream {
					code = codeCut
				}
				return x.fail(code, err)
			}
			return nil
		default:
			return x.fail(codeCut, readErr)
		}
	}
}

// replyBuffer is what a reply is read into. Taken from a pool, it spares a
// request a quarter of the bytes that the whole service allocates for it.
type replyBuffer [32 << 10]byte

func (t *target) takeBuffer() *replyBuffer {
	if b, ok := t.buffers.Get().(*replyBuffer); ok {
		return b
	}
	return new(replyBuffer)
}

func (t *target) giveBuffer(b *replyBuffer) { t.buffers.Put(b) }

// read is one read of the body, bounded by the idle timeout. The time that the
// client takes is not the upstream's, so the timer runs in here only.
func (x *exchange) read(body io.Reader, buf []byte) (int, error) {
	d := x.target.IdleTimeout
	if x.ended {
		d = drainTime
	}
	x.silent.Reset(d)
	n, err := body.Read(buf)
	x.silent.Stop()
	return n, err
}

// emit takes one frame from the reader.
func (x *exchange) emit(f *engine.Frame) error {
	if err := x.ctx.Err(); err != nil {
		return err // a frame that comes after its deadline does not count
	}
	for i := range f.Events {
		ev := &f.Events[i]
		x.meter.add(ev)
		switch ev.Kind {
		case engine.EventError:
			return &inBand{ev.Code, strings.Clone(ev.Text)} // which is valid for this frame alone
		case engine.EventEnd:
			x.ended = true
			x.content = true
		default:
			x.content = x.content || ev.Content()
		}
	}
	if x.content && x.first != nil {
		x.first.Stop()
	}
	if err := x.sink.Frame(f); err != nil {
		x.sinkErr = err
		return err
	}
	return nil
}

// inBand is an error that an upstream reported in its reply. Its text may hold
// anything, so it is in no error string.
type inBand struct{ code, message string }

func (e *inBand) Error() string { return "the upstream reported an error in its reply" }

// fail makes an error of the exchange. Why the context ended, if it did, is the
// better explanation.
func (x *exchange) fail(code string, err error) *engine.UpstreamError {
	e := &engine.UpstreamError{Code: code, Retryable: !x.content, Err: err}
	cause := context.Cause(x.ctx)
	reported, isInBand := errors.AsType[*inBand](err)
	switch {
	case x.parent.Err() != nil && !errors.Is(cause, errDeadline):
		e.Code, e.Retryable, e.Err = codeCancelled, false, context.Cause(x.parent)
	case errors.Is(cause, errFirstByte):
		e.Code, e.Err = codeFirstByte, cause
	case errors.Is(cause, errSilent), errors.Is(cause, errDeadline):
		e.Code, e.Err = codeTimeout, cause
	case errors.Is(err, errRefusedAddress):
		e.Code = codeRefusedAddress
	case isInBand:
		e.Code, e.Message = codeUpstream, x.target.message(reported.message)
		if x.content {
			e.Code = codeCut
		}
	}
	return e
}

// message is an upstream's text, bounded and without our own secrets.
func (t *target) message(s string) string {
	s = t.hide(s)
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	return strings.ToValidUTF8(s, "")
}

// refused makes an error of a reply with an error status.
func (x *exchange) refused(resp *http.Response) *engine.UpstreamError {
	body, err := io.ReadAll(io.LimitReader(idleReader{x, resp.Body}, maxErrorBody))
	if err != nil && x.ctx.Err() != nil {
		return x.fail(codeCut, err)
	}
	body = []byte(x.target.hide(string(body)))
	code, message := x.target.egress.ReadError(resp.StatusCode, body)
	e := &engine.UpstreamError{
		Status: resp.StatusCode, Code: codeStatus, Message: x.target.message(message),
		Retryable: retryable(resp.StatusCode), RetryAfter: retryAfter(resp.Header, time.Now()),
		Err: fmt.Errorf("HTTP status %d", resp.StatusCode),
	}
	if code == "insufficient_quota" {
		e.RetryAfter = 0 // waiting does not help
	}
	if json.Valid(body) {
		e.Body = body
	}
	return e
}

// idleReader reads a body under the exchange's idle timeout.
type idleReader struct {
	x    *exchange
	body io.Reader
}

func (r idleReader) Read(p []byte) (int, error) { return r.x.read(r.body, p) }

// retryable says whether another target may do better with the same request:
// not where the request itself was found wanting. Credentials, quota, the model's
// upstream name and the path are this target's own, and so is a redirect.
func retryable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status < 400 || status >= 500
}

// retryAfter reads the pause that an upstream asks for: Retry-After in seconds
// or as a date, or OpenAI's and Anthropic's retry-after-ms.
func retryAfter(h http.Header, now time.Time) time.Duration {
	var d time.Duration
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		d = bounded(ms, time.Millisecond)
	} else if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		d = bounded(s, time.Second)
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, maxRetryAfter))
}

// bounded is n units, at most maxRetryAfter: a float may exceed what a duration
// holds, or be no number.
func bounded(n float64, unit time.Duration) time.Duration {
	if !(n > 0) {
		return 0
	}
	return time.Duration(min(n, float64(maxRetryAfter/unit)) * float64(unit))
}
