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
	_, up, err := t.write(req, c, maxOutputTokens)
	if err != nil {
		return nil, err
	}
	return up.Losses, nil
}

// write writes a request in the target's dialect.
func (t *target) write(req *engine.Request, c *engine.Candidate, maxOutputTokens int) (*wire.Upstream, *wire.UpstreamRequest, *engine.RequestError) {
	how := &wire.Upstream{Model: c.Upstream, MaxOutputTokens: maxOutputTokens, Version: t.APIVersion, Server: t.server}
	up, err := t.egress.WriteRequest(req, how)
	if err == nil {
		return how, up, nil
	}
	why := &engine.RequestError{Status: http.StatusBadRequest, Code: engine.ReasonUnsupportedField, Message: "it cannot be written for the target"}
	if known, ok := errors.AsType[*engine.RequestError](err); ok {
		why.Field, why.Message = wire.FieldIn(req.Dialect, known.Field), known.Message
	}
	return nil, nil, why
}
