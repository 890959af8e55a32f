package gateway

import (
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
)

// models answers GET /v1/models with the names that targets declare.
func (s *Server) models(ctx *fasthttp.RequestCtx, e *endpoint, start time.Time, snap *engine.Snapshot) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"` // unknown; SDKs want a number
		OwnedBy string `json:"owned_by"`
	}
	names := []string{"auto"}
	for _, c := range snap.Forwarder.Candidates(&engine.Request{Model: "auto", Operation: engine.OpChat, Dialect: e.Dialect}) {
		names = append(names, c.Model)
	}
	slices.Sort(names)
	list := []model{}
	for _, n := range slices.Compact(names) {
		list = append(list, model{ID: n, Object: "model", OwnedBy: "sallyport"})
	}
	o := engine.Outcome{DecisionID: engine.NewID(start), Status: fasthttp.StatusOK}
	writeJSON(ctx, o.Status, map[string]any{"object": "list", "data": list})
	s.finish(e, "", start, &o)
}
