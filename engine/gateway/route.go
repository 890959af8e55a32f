package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// RouteKind says what answers a route.
type RouteKind string

const (
	RouteInference RouteKind = "inference" // Handler.Handle
	RouteDecision  RouteKind = "decision"  // Handler.Decide or DecideInputFor
	RouteModels    RouteKind = "models"    // a list of names, or one; nothing is sent anywhere
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
	// Paths are what it answers. One that holds "{model}" is a pattern, in which that
	// stands for the name of a model: all between what is before it and what is
	// after, slashes and colons included.
	Paths []string
	// Verb is what its dialect's reader is told of the path where that says what is
	// asked for, such as "streamGenerateContent"; "" where the dialect says it all.
	Verb string
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
		azure("POST", "/chat/completions", engine.DialectOpenAIChat, RouteInference),
		azure("POST", "/completions", engine.DialectOpenAICompletions, RouteInference),
		azure("POST", "/embeddings", engine.DialectOpenAIEmbeddings, RouteInference),
		openAI("POST", "/responses", engine.DialectOpenAIResponses, RouteInference),
		counting(openAI("POST", "/responses/input_tokens", engine.DialectOpenAIResponses, RouteInference), "input_tokens"),
		openAI("GET", "/models", engine.DialectOpenAIChat, RouteModels),
		openAI("GET", "/models/"+modelName, engine.DialectOpenAIChat, RouteModels),
		{Method: "POST", Pattern: "/v1/messages", Paths: []string{"/v1/messages", "/v1/v1/messages", "/messages"}, Dialect: engine.DialectAnthropicMessages, Kind: RouteInference},
		{Method: "POST", Pattern: "/api/chat", Paths: []string{"/api/chat"}, Dialect: engine.DialectOllamaChat, Kind: RouteInference},
		{Method: "POST", Pattern: "/api/generate", Paths: []string{"/api/generate"}, Dialect: engine.DialectOllamaGenerate, Kind: RouteInference},
		{Method: "POST", Pattern: "/api/embed", Paths: []string{"/api/embed", "/api/embeddings"}, Dialect: engine.DialectOllamaEmbed, Kind: RouteInference},
		{Method: "GET", Pattern: "/api/tags", Paths: []string{"/api/tags"}, Dialect: engine.DialectOllamaChat, Kind: RouteModels},
		{Method: "GET", Pattern: "/api/ps", Paths: []string{"/api/ps"}, Dialect: engine.DialectOllamaChat, Kind: RouteModels},
		{Method: "POST", Pattern: "/api/show", Paths: []string{"/api/show"}, Verb: "show", Dialect: engine.DialectOllamaChat, Kind: RouteModels},
		{Method: "GET", Pattern: "/api/version", Paths: []string{"/api/version"}, Verb: "version", Dialect: engine.DialectOllamaChat, Kind: RouteModels},
		gemini("POST", ":generateContent", engine.DialectGeminiContent, RouteInference),
		gemini("POST", ":streamGenerateContent", engine.DialectGeminiContent, RouteInference),
		gemini("POST", ":countTokens", engine.DialectGeminiContent, RouteInference),
		gemini("POST", ":embedContent", engine.DialectGeminiEmbed, RouteInference),
		gemini("POST", ":batchEmbedContents", engine.DialectGeminiEmbed, RouteInference),
		gemini("GET", "", engine.DialectGeminiContent, RouteModels),
		{Method: "GET", Pattern: "/v1beta/models", Paths: []string{"/v1beta/models", "/v1alpha/models"}, Dialect: engine.DialectGeminiContent, Kind: RouteModels},
		{Method: "POST", Pattern: "/v1/messages/count_tokens", Paths: []string{"/v1/messages/count_tokens", "/v1/v1/messages/count_tokens", "/messages/count_tokens"}, Verb: "count_tokens", Dialect: engine.DialectAnthropicMessages, Kind: RouteInference},
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

// counting is a route whose verb asks for the number of tokens.
func counting(r Route, verb string) Route {
	r.Verb = verb
	return r
}

// azure is openAI under the path of Azure's API as well, which names the model.
func azure(method, path string, d engine.Dialect, kind RouteKind) Route {
	r := openAI(method, path, d, kind)
	r.Paths = append(r.Paths, "/openai/deployments/"+modelName+path)
	return r
}

// gemini is a route of Google's API for a model, under each version's prefix. That
// of its version 1 is OpenAI's as well: only calls with a verb are routed there.
func gemini(method, verb string, d engine.Dialect, kind RouteKind) Route {
	path := "/models/" + modelName + verb
	r := Route{Method: method, Pattern: "/v1beta" + path, Dialect: d, Kind: kind, Verb: strings.TrimPrefix(verb, ":"),
		Paths: []string{"/v1beta" + path, "/v1alpha" + path}}
	if verb != "" {
		r.Paths = append(r.Paths, "/v1"+path, "/v1beta/v1beta"+path)
	}
	return r
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

// router finds endpoints by exact path, else by the patterns of paths that name a
// model, and else by the path they lie below. It does not change once built.
type router struct {
	paths    map[string][]*endpoint
	patterns []pattern
	below    []string // paths, with a slash at the end, below which others are routed there
	// fallbacks have the dialects of answers to requests that no route took, by
	// prefixes of paths; the last is of all others.
	fallbacks []fallback
}

// pattern is a path that names a model.
type pattern struct {
	before, after string
	*endpoint
}

type fallback struct {
	prefix string
	*endpoint
}

// unrouted are the dialects of clients by how their paths begin.
var unrouted = []struct {
	prefix  string
	dialect engine.Dialect
}{
	{"/v1beta/", engine.DialectGeminiContent},
	{"/v1alpha/", engine.DialectGeminiContent},
	{"/v1/messages", engine.DialectAnthropicMessages},
	{"/v1/responses", engine.DialectOpenAIResponses},
	{"/api/", engine.DialectOllamaChat},
	{"", engine.DialectOpenAIChat},
}

// modelName stands for a model's name in a path.
const modelName = "{model}"

func newRouter(routes []Route, ingress func(engine.Dialect) (wire.Ingress, bool)) (*router, error) {
	r := &router{paths: map[string][]*endpoint{}}
	for _, route := range routes {
		in, ok := ingress(route.Dialect)
		if !ok && route.Dialect != "" {
			return nil, fmt.Errorf("route %s: no reader for dialect %q", route.Pattern, route.Dialect)
		}
		e := &endpoint{Route: route, ingress: in}
		for _, p := range route.Paths {
			taken := func(o *endpoint) bool { return o.Method == route.Method }
			if before, after, ok := strings.Cut(p, modelName); ok {
				if slices.ContainsFunc(r.patterns, func(o pattern) bool { return o.before == before && o.after == after && taken(o.endpoint) }) {
					return nil, fmt.Errorf("route %s: path %s is taken twice", route.Pattern, p)
				}
				r.patterns = append(r.patterns, pattern{before, after, e})
				continue
			}
			if slices.ContainsFunc(r.paths[p], taken) {
				return nil, fmt.Errorf("route %s: path %s is taken twice", route.Pattern, p)
			}
			r.paths[p] = append(r.paths[p], e)
		}
		if below := route.Paths[0] + "/"; route.Below && !slices.Contains(r.below, below) {
			r.below = append(r.below, below)
		}
	}
	// What says more goes first.
	slices.SortStableFunc(r.patterns, func(a, b pattern) int { return len(b.before+b.after) - len(a.before+a.after) })
	for _, u := range unrouted {
		if in, ok := ingress(u.dialect); ok {
			r.fallbacks = append(r.fallbacks, fallback{u.prefix, &endpoint{Route: Route{Pattern: "unmatched", Dialect: u.dialect}, ingress: in}})
		}
	}
	if n := len(r.fallbacks); n == 0 || r.fallbacks[n-1].prefix != "" {
		return nil, fmt.Errorf("no reader for dialect %q", unrouted[len(unrouted)-1].dialect)
	}
	return r, nil
}

// find returns the endpoint of a request, and the model that its path names.
// Where there is none the error says why, and allow lists the methods that the
// path does have.
func (r *router) find(ctx *fasthttp.RequestCtx) (e *endpoint, model, allow string, rerr *engine.RequestError) {
	path := string(ctx.Path())
	here := r.paths[path]
	if here == nil {
		if here, model = r.match(string(ctx.URI().PathOriginal()), string(ctx.Method())); len(here) == 1 && here[0].Method == string(ctx.Method()) {
			name, err := url.PathUnescape(model) // the only time
			if err != nil || !goodModel(name) {
				return here[0], "", "", malformed("model", "of the path is not the name of a model")
			}
			return here[0], name, "", nil
		}
	}
	if here == nil {
		for _, p := range r.below {
			if strings.HasPrefix(path, p) {
				here = r.paths[strings.TrimSuffix(p, "/")]
			}
		}
	}
	var methods []string
	for _, e := range here {
		if string(ctx.Method()) == e.Method {
			return e, "", "", nil
		}
		methods = append(methods, e.Method)
	}
	if len(here) > 0 {
		allow = strings.Join(methods, ", ")
		unmatched := *r.fallback(path)
		unmatched.Kind = here[0].Kind // whose clients read the error
		return &unmatched, "", allow, &engine.RequestError{Status: fasthttp.StatusMethodNotAllowed, Code: engine.CodeMethodNotAllowed,
			Message: "this route answers " + allow + " only"}
	}
	return r.fallback(path), "", "", &engine.RequestError{Status: fasthttp.StatusNotFound, Code: engine.CodeUnknownRoute,
		Message: "there is no such route; the API begins at /v1"}
}

// match finds the pattern of a path as it was sent, an escaped slash being a part
// of a name, and the model's name in it, still escaped. It is the one pattern that
// says most and has the method, or else all that have another.
func (r *router) match(path, method string) (here []*endpoint, model string) {
	for _, p := range r.patterns {
		rest, ok := strings.CutPrefix(path, p.before)
		if !ok {
			continue
		}
		if rest, ok = strings.CutSuffix(rest, p.after); !ok || rest == "" {
			continue
		}
		if p.Method == method {
			return []*endpoint{p.endpoint}, rest
		}
		here = append(here, p.endpoint)
	}
	return here, ""
}

// goodModel says whether a path's model may be a name: it stands in logs.
func goodModel(name string) bool {
	return name != "" && name[0] != '/' && len(name) <= maxModelBytes && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// maxModelBytes bounds the name of a model in a path.
const maxModelBytes = 512

// fallback has the dialect of answers to a request that no route took.
func (r *router) fallback(path string) *endpoint {
	for _, f := range r.fallbacks {
		if strings.HasPrefix(path, f.prefix) {
			return f.endpoint
		}
	}
	return r.fallbacks[len(r.fallbacks)-1].endpoint
}
