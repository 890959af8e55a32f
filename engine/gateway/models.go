package gateway

import (
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// models answers with the names that targets declare, as created when this server
// started, or with the one that the path or an Ollama client's body names.
func (s *Server) models(ctx *fasthttp.RequestCtx, e *endpoint, model string, start time.Time, snap *engine.Snapshot) {
	d, names := e.Dialect, snap.Forwarder.Models()
	if d == engine.DialectOpenAIChat && len(ctx.Request.Header.Peek("Anthropic-Version")) > 0 {
		d = engine.DialectAnthropicMessages // the path is the same
	}
	if e.Verb == "show" {
		raw, rerr := body(ctx)
		if rerr == nil {
			model, rerr = wire.ShownModel(raw)
		}
		if rerr != nil {
			s.refuse(ctx, e, start, rerr)
			return
		}
	}
	var list []byte
	ok := false
	switch {
	case e.Verb == "version":
		list, ok = wire.OllamaVersion(s.version), true
	case model == "":
		list, ok = wire.Models(d, names, s.started)
	case slices.Contains(names, model):
		list, ok = wire.Model(d, model, s.started)
	}
	if !ok {
		s.refuse(ctx, e, start, &engine.RequestError{Status: fasthttp.StatusNotFound, Code: engine.CodeUnknownModel, Field: "model",
			Message: "no target serves a model of that name"})
		return
	}
	o := engine.Outcome{DecisionID: engine.NewID(start), Status: fasthttp.StatusOK}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(list)
	s.finish(e, "", start, &o)
}
