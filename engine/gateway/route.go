package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// RouteKind says what answers a route.
type RouteKind string

const (
	RouteInference RouteKind = "inference" // Handler.Handle
	RouteDecision  RouteKind = "decision"  // Handler.Decide or DecideInputFor
	RouteModels    RouteKind = "models"    // a list of names; nothing is sent anywhere
	RouteData      RouteKind = "data"      // Handler.Query, as OPA's Data API
	// Handler.Query or DecideInputFor, as AuthZEN's two APIs.
	RouteEvaluation  RouteKind = "evaluation"
	RouteEvaluations RouteKind = "evaluations"
)

// Route is a row of the data plane's only routing table. A route of the kind
// inference has no other way to an answer than Handler.Handle.
type Route struct {
	Method  string
	Pattern string // its name in logs and metrics, such as "/v1/chat/completions"
	Paths   []string
	// Below says that the route takes all paths below its first one, too.
	Below bool
	// Dialect is what requests and errors are written in; "": an API of its Kind,
	// which has a form of its own.
	Dialect engine.Dialect
	Kind    RouteKind
}

// Routes is the data plane's table, in a copy that is the caller's.
func Routes() []Route {
	return []Route{
		openAI("POST", "/chat/completions", engine.DialectOpenAIChat, RouteInference),
		openAI("POST", "/completions", engine.DialectOpenAICompletions, RouteInference),
		openAI("POST", "/embeddings", engine.DialectOpenAIEmbeddings, RouteInference),
		openAI("GET", "/models", engine.DialectOpenAIChat, RouteModels),
		{Method: "POST", Pattern: "/v1/decisions", Paths: []string{"/v1/decisions"}, Dialect: engine.DialectOpenAIChat, Kind: RouteDecision},
		{Method: "POST", Pattern: "/v1/data", Paths: []string{"/v1/data"}, Below: true, Kind: RouteData},
		{Method: "GET", Pattern: "/v1/data", Paths: []string{"/v1/data"}, Below: true, Kind: RouteData},
		{Method: "POST", Pattern: "/access/v1/evaluation", Paths: []string{"/access/v1/evaluation"}, Kind: RouteEvaluation},
		{Method: "POST", Pattern: "/access/v1/evaluations", Paths: []string{"/access/v1/evaluations"}, Kind: RouteEvaluations},
	}
}

// openAI is a route under every prefix that OpenAI SDKs come with: a base URL
// with or without /v1, the one of Azure's v1 API, and /v1 given twice, once in
// the base URL and once by the SDK.
func openAI(method, path string, d engine.Dialect, kind RouteKind) Route {
	return Route{
		Method: method, Pattern: "/v1" + path, Dialect: d, Kind: kind,
		Paths: []string{"/v1" + path, "/openai/v1" + path, path, "/v1/v1" + path},
	}
}

// endpoint is a route with what serves it.
type endpoint struct {
	Route
	ingress wire.Ingress // nil where the route has no dialect
}

// error is an answer that is an error, with its content type.
func (e *endpoint) error(o *engine.Outcome) (contentType string, body []byte) {
	switch e.Kind {
	case RouteData:
		return "application/json", opaError(o)
	case RouteEvaluation, RouteEvaluations:
		return "text/plain; charset=utf-8", accessError(o)
	}
	return "application/json", e.ingress.Error(o)
}

// router finds endpoints by exact path, and else by the path they lie below. It
// does not change once built.
type router struct {
	paths map[string][]*endpoint
	below []string // paths, with a slash at the end, below which others are routed there
	// fallback has the dialect of answers to requests that no route took.
	fallback *endpoint
}

func newRouter(routes []Route, ingress func(engine.Dialect) (wire.Ingress, bool)) (*router, error) {
	r := &router{paths: map[string][]*endpoint{}}
	for _, route := range routes {
		in, ok := ingress(route.Dialect)
		if !ok && route.Dialect != "" {
			return nil, fmt.Errorf("route %s: no reader for dialect %q", route.Pattern, route.Dialect)
		}
		e := &endpoint{Route: route, ingress: in}
		for _, p := range route.Paths {
			if slices.ContainsFunc(r.paths[p], func(o *endpoint) bool { return o.Method == route.Method }) {
				return nil, fmt.Errorf("route %s: path %s is taken twice", route.Pattern, p)
			}
			r.paths[p] = append(r.paths[p], e)
		}
		if below := route.Paths[0] + "/"; route.Below && !slices.Contains(r.below, below) {
			r.below = append(r.below, below)
		}
		if r.fallback == nil {
			r.fallback = &endpoint{Route: Route{Pattern: "unmatched", Dialect: route.Dialect}, ingress: in}
		}
	}
	return r, nil
}

// find returns the endpoint of a request. Where there is none the error says
// why, and allow lists the methods that the path does have.
func (r *router) find(ctx *fasthttp.RequestCtx) (e *endpoint, allow string, rerr *engine.RequestError) {
	here := r.paths[string(ctx.Path())]
	if here == nil {
		for _, p := range r.below {
			if strings.HasPrefix(string(ctx.Path()), p) {
				here = r.paths[strings.TrimSuffix(p, "/")]
			}
		}
	}
	var methods []string
	for _, e := range here {
		if string(ctx.Method()) == e.Method {
			return e, "", nil
		}
		methods = append(methods, e.Method)
	}
	if len(here) > 0 {
		allow = strings.Join(methods, ", ")
		unmatched := *r.fallback
		unmatched.Kind = here[0].Kind // whose clients read the error
		return &unmatched, allow, &engine.RequestError{Status: fasthttp.StatusMethodNotAllowed, Code: engine.CodeMethodNotAllowed,
			Message: "this route answers " + allow + " only"}
	}
	return r.fallback, "", &engine.RequestError{Status: fasthttp.StatusNotFound, Code: engine.CodeUnknownRoute,
		Message: "there is no such route; the API begins at /v1"}
}
