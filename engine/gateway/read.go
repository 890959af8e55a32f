package gateway

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"mime"
	"net"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
)

// credentialHeaders may carry an API key, each as some SDK sends it. None of
// them is ever handed to policy, whatever the allow-list says.
var credentialHeaders = [...]string{"authorization", "x-api-key", "x-goog-api-key", "api-key"}

// authenticate returns who sent the request. It runs before the body is looked
// at.
func authenticate(ctx *fasthttp.RequestCtx, e *endpoint, keys *engine.Keyring) (engine.Principal, *engine.RequestError) {
	secret, err := credential(&ctx.Request.Header)
	if err == nil && keyInQuery(e.Dialect) {
		secret, err = queryCredential(ctx.QueryArgs(), secret)
	}
	if err != nil {
		return engine.Principal{}, err
	}
	if keys != nil {
		if p, ok := keys.Authenticate(secret); ok {
			return p, nil
		}
	}
	if len(secret) == 0 {
		return engine.Principal{}, unauthenticated("send an API key as Authorization: Bearer, x-api-key, x-goog-api-key or api-key")
	}
	return engine.Principal{}, unauthenticated("the API key is not known")
}

// credential returns the one secret the request carries, nil where it carries
// none. Two that differ are refused: whoever checks one of them could be made to
// check the wrong one.
func credential(h *fasthttp.RequestHeader) ([]byte, *engine.RequestError) {
	var secret []byte
	for _, name := range credentialHeaders {
		for _, v := range h.PeekAll(name) {
			v = bytes.TrimSpace(v)
			if name == "authorization" && len(v) > 0 {
				scheme, rest, _ := bytes.Cut(v, []byte(" "))
				if !strings.EqualFold(string(scheme), "bearer") {
					return nil, unauthenticated("the Authorization header must be of the scheme Bearer")
				}
				v = bytes.TrimSpace(rest)
			}
			if len(v) == 0 {
				continue
			}
			if secret != nil && subtle.ConstantTimeCompare(secret, v) == 0 {
				return nil, badHeader(name, "is not the same API key as in another header; send one")
			}
			secret = v
		}
	}
	return secret, nil
}

// keyInQuery says whether clients of a dialect may send their key as ?key=, as
// those of Gemini's REST API do. It goes nowhere else: a query is no part of a log.
func keyInQuery(d engine.Dialect) bool {
	return d == engine.DialectGeminiContent || d == engine.DialectGeminiEmbed
}

// queryCredential is the one secret of a request whose headers carry secret.
func queryCredential(q *fasthttp.Args, secret []byte) ([]byte, *engine.RequestError) {
	for _, v := range q.PeekMulti("key") {
		if len(v) == 0 {
			continue
		}
		if secret != nil && subtle.ConstantTimeCompare(secret, v) == 0 {
			return nil, badHeader("key", "is not the same API key as in a header; send one")
		}
		secret = v
	}
	return secret, nil
}

func unauthenticated(why string) *engine.RequestError {
	return &engine.RequestError{Status: fasthttp.StatusUnauthorized, Code: engine.CodeUnauthenticated, Message: why}
}

// body returns a copy of the request's body that outlives the handler.
func body(ctx *fasthttp.RequestCtx) ([]byte, *engine.RequestError) {
	raw, rerr := bodyInPlace(ctx)
	return bytes.Clone(raw), rerr
}

// bodyInPlace returns the request's body, which ends with the handler.
func bodyInPlace(ctx *fasthttp.RequestCtx) ([]byte, *engine.RequestError) {
	h := &ctx.Request.Header
	if !isJSON(string(h.ContentType())) && fromBrowser(h) {
		return nil, badHeader("content-type", "must be application/json")
	}
	// A body that only unpacks to its real size would walk past the size limit.
	if e := h.Peek("Content-Encoding"); len(e) > 0 && !strings.EqualFold(string(e), "identity") {
		return nil, badHeader("content-encoding", "must be identity: compressed requests are not read")
	}
	return ctx.Request.Body(), nil
}

// isJSON says whether a content type is JSON. A malformed parameter after the type
// does no harm: JSON is UTF-8.
func isJSON(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// fromBrowser says whether a page in a browser sent a request. A page of any site
// can send a body that is not declared as JSON to this machine without asking
// first, so from browsers only JSON is taken; a person with curl need not say it.
func fromBrowser(h *fasthttp.RequestHeader) bool {
	return len(h.Peek("Origin")) > 0 || len(h.Peek("Sec-Fetch-Site")) > 0
}

// rebound says whether a page in a browser may have come here by DNS rebinding:
// this machine, under a name that somebody else gave it. Such a page is no other
// site to its browser, but it has no key.
func rebound(ctx *fasthttp.RequestCtx) bool {
	a, ok := ctx.LocalAddr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback() && fromBrowser(&ctx.Request.Header) && !ownName(string(ctx.Host()))
}

// readRequest turns what came over HTTP into a request that owns its bytes.
func readRequest(ctx *fasthttp.RequestCtx, e *endpoint, model string, snap *engine.Snapshot, p engine.Principal) (*engine.Request, *engine.RequestError) {
	raw, rerr := body(ctx)
	if rerr != nil {
		return nil, rerr
	}
	h := &ctx.Request.Header
	req, rerr := parse(e.ingress, &wire.Inbound{Body: raw, Model: model, Verb: e.Verb, Query: string(ctx.URI().QueryString()), Header: func(name string) string { return joined(h, name) }})
	if rerr != nil {
		return nil, rerr
	}
	return req, addHeaders(req, &ctx.Request.Header, snap, p)
}

func parse(in wire.Ingress, inbound *wire.Inbound) (*engine.Request, *engine.RequestError) {
	req, err := in.ReadRequest(inbound, wire.Limits{})
	if err == nil {
		return req, nil
	}
	if rerr, ok := errors.AsType[*engine.RequestError](err); ok {
		return nil, rerr
	}
	// An error of another type may quote the body, so none of its text is passed on.
	return nil, &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Message: "the body cannot be read"}
}

// addHeaders completes a request with what its headers say.
func addHeaders(req *engine.Request, h *fasthttp.RequestHeader, snap *engine.Snapshot, p engine.Principal) *engine.RequestError {
	budget, rerr := headerBudget(h, req.Budget)
	if rerr != nil {
		return rerr
	}
	urgency, ok := parseUrgency(joined(h, "Priority"))
	if !ok {
		return badHeader("priority", "must be a structured field with an urgency u from 0 to 7, such as u=3")
	}
	req.Principal, req.Budget, req.Priority = p, budget, urgency
	req.TraceID = traceID(joined(h, "Traceparent"))
	req.Headers = make(map[string]string, len(snap.Headers))
	for _, name := range snap.Headers {
		if slices.Contains(credentialHeaders[:], name) {
			continue
		}
		if v := joined(h, name); v != "" {
			req.Headers[name] = strings.ToValidUTF8(v, "\uFFFD")
		}
	}
	return nil
}

// joined is a header's value, several of them as one list (RFC 9110 section 5.3).
func joined(h *fasthttp.RequestHeader, name string) string {
	return string(bytes.Join(h.PeekAll(name), []byte(", ")))
}
