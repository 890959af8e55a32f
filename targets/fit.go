package targets

import (
	"errors"
	"net/http"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// Fit implements engine.Forwarder: it writes the request as Forward would. Fields
// are named as the client's dialect does.
func (s *Set) Fit(req *engine.Request, c *engine.Candidate, maxOutputTokens int) ([]engine.Loss, *engine.RequestError) {
	t := s.byName[c.Target]
	if t == nil {
		return nil, &engine.RequestError{Status: http.StatusBadRequest, Code: engine.ReasonUnsupportedField, Message: "there is no such target"}
	}
	w, err := t.write(req, c, maxOutputTokens)
	if err != nil {
		return nil, err
	}
	if len(w.up.Body) <= maxKept {
		c.Written = w
	}
	return w.up.Losses, nil
}

// maxKept is how large a written body may be that waits for Forward: a request has as
// many as its candidates have forms. Larger ones are written twice.
const maxKept = 256 << 10

// written is a request as it is sent.
type written struct {
	target *target
	how    wire.Upstream
	up     *wire.UpstreamRequest
}

// write writes a request in the target's dialect, or finds that Fit has.
func (t *target) write(req *engine.Request, c *engine.Candidate, maxOutputTokens int) (*written, *engine.RequestError) {
	w := &written{target: t, how: wire.Upstream{Model: c.Upstream, MaxOutputTokens: maxOutputTokens, Version: t.APIVersion, Server: t.server,
		NoReasoning: t.doesNotReason(c.Upstream)}}
	if kept, ok := c.Written.(*written); ok && kept.target == t && kept.how == w.how {
		return kept, nil
	}
	var err error
	if w.up, err = t.egress.WriteRequest(req, &w.how); err == nil {
		return w, nil
	}
	why := &engine.RequestError{Status: http.StatusBadRequest, Code: engine.ReasonUnsupportedField, Message: "it cannot be written for the target"}
	if known, ok := errors.AsType[*engine.RequestError](err); ok {
		why.Field, why.Message = wire.FieldIn(req.Dialect, known.Field), known.Message
	}
	return nil, why
}

// formOf is the form of requests for a model of the target.
func (t *target) formOf(m *Model) string {
	if t.doesNotReason(m.Upstream) {
		return t.form + " without reasoning"
	}
	return t.form
}

// reasoner is an API whose error says that a model does not reason.
type reasoner interface {
	RefusedReasoning(status int, message string) bool
}

// doesNotReason says whether the model has once refused to reason. It is forgotten
// with the configuration.
func (t *target) doesNotReason(model string) bool {
	_, known := t.unreasoning.Load(model)
	return known
}

// withoutReasoning is the request once more for a model that has just refused to
// reason, unless policy denies that loss: that refusal came before anything was
// done. A client that speaks the target's own API gets its answer as it is.
func (t *target) withoutReasoning(a *engine.Attempt, w *written, err error) *written {
	r, able := t.egress.(reasoner)
	up, failed := errors.AsType[*engine.UpstreamError](err)
	if !able || !failed || up.Code != codeStatus || !r.RefusedReasoning(up.Status, up.Message) ||
		w.how.NoReasoning || t.egress.API(a.Request, &w.how) == a.Request.Dialect {
		return nil
	}
	t.unreasoning.Store(w.how.Model, true)
	if a.Lossless {
		return nil
	}
	again, why := t.write(a.Request, &a.Candidate, a.MaxOutputTokens)
	if why != nil {
		return nil
	}
	return again
}
