package gateway

import (
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// models answers with the names that targets declare, as created when this server
// started, or with the one that the path names.
func (s *Server) models(ctx *fasthttp.RequestCtx, e *endpoint, model string, start time.Time, snap *engine.Snapshot) {
	d, names := e.Dialect, snap.Forwarder.Models()
	if d == engine.DialectOpenAIChat && len(ctx.Request.Header.Peek("Anthropic-Version")) > 0 {
		d = engine.DialectAnthropicMessages // the path is the same
	}
	var body []byte
	var ok bool
	if model == "" {
		body, ok = wire.Models(d, names, s.started)
	} else if slices.Contains(names, model) {
		body, ok = wire.Model(d, model, s.started)
	}
	if !ok {
		s.refuse(ctx, e, start, &engine.RequestError{Status: fasthttp.StatusNotFound, Code: engine.CodeUnknownModel, Field: "model",
			Message: "no target serves a model of that name"})
		return
	}
	o := engine.Outcome{DecisionID: engine.NewID(start), Status: fasthttp.StatusOK}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(body)
	s.finish(e, "", start, &o)
}
