package gateway

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// models answers GET /v1/models with the names that targets declare, as created
// when this server started.
func (s *Server) models(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, snap *engine.Snapshot) {
	o := engine.Outcome{DecisionID: engine.NewID(start), Status: fasthttp.StatusOK}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(wire.Models(snap.Forwarder.Models(), s.started.Unix()))
	s.finish(e, "", start, &o)
}
