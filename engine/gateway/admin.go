package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"

	"github.com/sallyport-ai/sallyport/engine"
)

// Admin is what the admin listener shows and does. All functions must be safe
// for concurrent use.
type Admin struct {
	Reload  func(context.Context) error // POST /-/reload
	Targets func() any                  // /targets, written as JSON
	Config  func() any                  // /config, written as JSON; its secrets are redacted already
	// Candidate is shown by /policy/candidate, written as JSON. Promote is POST
	// /-/promote: it puts the candidate in force, if it has the given revision or none
	// is given, and returns what is answered, written as JSON.
	Candidate func() any
	Promote   func(ctx context.Context, revision string) (any, error)
	Ready     []Check // of /readyz
}

// Check is a condition of readiness.
type Check struct {
	Name  string
	Probe func() error // nil: ready; must return at once
	// Degraded says that a failure is shown and leaves the service ready: it goes on
	// with what it has.
	Degraded bool
}

// adminState is the admin interface and the last reload.
type adminState struct {
	Admin
	reloading sync.Mutex // one at a time

	mu   sync.Mutex
	last lastReload
}

type lastReload struct {
	Time  string `json:"time"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// ServeAdmin answers the admin interface on ln until the server is shut down,
// and closes ln. It asks nobody for a credential, so it refuses a listener that
// others than this machine can reach.
func (s *Server) ServeAdmin(ln net.Listener) error {
	if !local(ln.Addr()) {
		_ = ln.Close()
		return fmt.Errorf("admin listener on %s: the admin interface has no authentication, so it must listen on a loopback address or a unix socket", ln.Addr())
	}
	return s.control.serve(ln, s.limits.WriteIdle)
}

func local(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// Reload runs the configured reload, one at a time, and notes its result for
// /snapshot and the metrics. Signals and file watchers come through here too.
func (s *Server) Reload(ctx context.Context) error {
	if s.admin.Reload == nil {
		return errors.New("this server has no configuration to reload")
	}
	s.admin.reloading.Lock()
	defer s.admin.reloading.Unlock()
	err := s.admin.Reload(ctx)
	now := time.Now()
	last := lastReload{Time: engine.FormatTime(now), OK: err == nil}
	if err != nil {
		last.Error = err.Error()
		s.log.Error().Err(err).Msg("reload refused; the configuration in force stays")
	} else {
		s.log.Info().Str("revision", s.handler.Snapshot().Revision).Msg("reloaded")
	}
	s.metrics.reloaded(err, now)
	s.admin.mu.Lock()
	s.admin.last = last
	s.admin.mu.Unlock()
	return err
}

// adminRoute is a row of the admin interface.
type adminRoute struct {
	method, path, about string
	serve               func(*Server, *fasthttp.RequestCtx)
}

func adminRoutes() []adminRoute {
	metrics := func(s *Server, ctx *fasthttp.RequestCtx) {
		fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))(ctx)
	}
	return []adminRoute{
		{"GET", "/livez", "the process answers", (*Server).live},
		{"GET", "/healthz", "the same", (*Server).live},
		{"GET", "/readyz", "it takes requests; ?verbose lists the checks", (*Server).ready},
		{"GET", "/metrics", "figures for Prometheus", metrics},
		{"GET", "/targets", "declared targets and their health", func(s *Server, ctx *fasthttp.RequestCtx) { show(ctx, s.admin.Targets) }},
		{"GET", "/config", "configuration in force, secrets left out", func(s *Server, ctx *fasthttp.RequestCtx) { show(ctx, s.admin.Config) }},
		{"GET", "/snapshot", "revisions in force and the last reload", (*Server).snapshot},
		{"POST", "/-/reload", "reload the configuration", (*Server).reload},
		{"GET", "/policy/candidate", "the candidate policy and how its decisions differ", func(s *Server, ctx *fasthttp.RequestCtx) { show(ctx, s.admin.Candidate) }},
		{"POST", "/-/promote", "put the candidate policy in force; ?revision= says which is meant", (*Server).promote},
		{"GET", "/debug/pprof/", "profiles of the process", func(_ *Server, ctx *fasthttp.RequestCtx) { pprofhandler.PprofHandler(ctx) }},
		{"GET", "/", "this list", (*Server).index},
	}
}

// serveAdmin answers one request of the admin interface.
func (s *Server) serveAdmin(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			s.logPanic(p)
			ctx.Response.Reset()
			adminError(ctx, errInternal.Status, errInternal.Code, errInternal.Message)
		}
	}()
	if why := foreign(ctx); why != "" {
		adminError(ctx, fasthttp.StatusForbidden, "forbidden", why)
		return
	}
	path := string(ctx.Path())
	for _, r := range adminRoutes() {
		if path != r.path && !(r.path == "/debug/pprof/" && strings.HasPrefix(path, r.path)) {
			continue
		}
		if method := string(ctx.Method()); method != r.method && !(method == "HEAD" && r.method == "GET") {
			ctx.Response.Header.Set("Allow", r.method)
			adminError(ctx, fasthttp.StatusMethodNotAllowed, engine.CodeMethodNotAllowed, "this path answers "+r.method+" only")
			return
		}
		r.serve(s, ctx)
		return
	}
	adminError(ctx, fasthttp.StatusNotFound, engine.CodeUnknownRoute, "there is no such path; / lists what there is")
}

// foreign says why a request was not made by an operator but by a web page in an
// operator's browser. A page whose name was rebound to this address (DNS
// rebinding) still sends that name as Host; one that just posts here sends its
// own Origin.
func foreign(ctx *fasthttp.RequestCtx) string {
	if ctx.LocalAddr().Network() == "unix" {
		return "" // no browser reaches it
	}
	if !ownName(string(ctx.Host())) {
		return "the Host header must be localhost or an IP address"
	}
	if origin := string(ctx.Request.Header.Peek("Origin")); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, string(ctx.Host())) {
			return "requests from other sites are refused"
		}
	}
	if site := string(ctx.Request.Header.Peek("Sec-Fetch-Site")); site == "cross-site" || site == "same-site" {
		return "requests from other sites are refused"
	}
	return ""
}

// ownName says whether a Host header names this machine without DNS.
func ownName(hostport string) bool {
	host := hostname(hostport)
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost")
}

func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

func (s *Server) live(ctx *fasthttp.RequestCtx) { plain(ctx, fasthttp.StatusOK, "ok\n") }

// ready is 503 while the server drains or a check fails.
func (s *Server) ready(ctx *fasthttp.RequestCtx) {
	status := fasthttp.StatusOK
	var lines strings.Builder
	check := func(name string, degraded bool, err error) {
		if err != nil && degraded {
			fmt.Fprintf(&lines, "[!] %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "\n    "))
			return
		}
		if err != nil {
			status = fasthttp.StatusServiceUnavailable
			fmt.Fprintf(&lines, "[-] %s: %v\n", name, err)
			return
		}
		fmt.Fprintf(&lines, "[+] %s\n", name)
	}
	var draining error
	if s.draining.Load() {
		draining = errors.New("draining")
	}
	check("serving", false, draining)
	for _, c := range s.admin.Ready {
		check(c.Name, c.Degraded, c.Probe())
	}
	text := "ready\n"
	if status != fasthttp.StatusOK {
		text = "not ready\n"
	}
	if ctx.QueryArgs().Has("verbose") {
		text = lines.String() + text
	}
	plain(ctx, status, text)
}

func (s *Server) snapshot(ctx *fasthttp.RequestCtx) {
	snap := s.handler.Snapshot()
	answer := struct {
		Revision       string                  `json:"revision"`
		PolicyRevision string                  `json:"policy_revision"`
		ConfigSHA256   string                  `json:"config_sha256"`
		Classifiers    []engine.ClassifierInfo `json:"classifiers"`
		Started        string                  `json:"started"`
		LastReload     *lastReload             `json:"last_reload"`
	}{Revision: snap.Revision, ConfigSHA256: snap.ConfigSHA256, Classifiers: []engine.ClassifierInfo{}, Started: engine.FormatTime(s.started)}
	if snap.Decider != nil {
		answer.PolicyRevision = snap.Decider.Revision()
	}
	for _, c := range snap.Classifiers {
		answer.Classifiers = append(answer.Classifiers, c.Info())
	}
	s.admin.mu.Lock()
	if last := s.admin.last; last.Time != "" {
		answer.LastReload = &last
	}
	s.admin.mu.Unlock()
	writeJSON(ctx, fasthttp.StatusOK, answer)
}

// reload answers 422 with the diagnostics where the new configuration is
// refused: the one in force stays.
func (s *Server) reload(ctx *fasthttp.RequestCtx) {
	if err := s.Reload(s.base); err != nil {
		adminError(ctx, fasthttp.StatusUnprocessableEntity, "reload_refused", err.Error())
		return
	}
	writeJSON(ctx, fasthttp.StatusOK, map[string]string{"revision": s.handler.Snapshot().Revision})
}

func (s *Server) index(ctx *fasthttp.RequestCtx) {
	var b strings.Builder
	b.WriteString("Sallyport, admin interface\n\n")
	for _, r := range adminRoutes() {
		fmt.Fprintf(&b, "%-4s %-17s %s\n", r.method, r.path, r.about)
	}
	plain(ctx, fasthttp.StatusOK, b.String())
}

// show answers with what f returns, 404 where this server has no such thing.
func show(ctx *fasthttp.RequestCtx, f func() any) {
	if f == nil {
		adminError(ctx, fasthttp.StatusNotFound, engine.CodeUnknownRoute, "this server does not show that")
		return
	}
	writeJSON(ctx, fasthttp.StatusOK, f())
}

func plain(ctx *fasthttp.RequestCtx, status int, text string) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
	ctx.Response.SetBodyString(text)
}

func adminError(ctx *fasthttp.RequestCtx, status int, code, message string) {
	writeJSON(ctx, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// refuseAdmin answers a request that fasthttp could not read.
func refuseAdmin(ctx *fasthttp.RequestCtx, _ error) {
	adminError(ctx, fasthttp.StatusBadRequest, engine.CodeMalformed, "the request could not be read")
}
