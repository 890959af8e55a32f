// Package targets declares, watches and reaches the destinations of requests.
//
// It hides the configuration language of the target blocks and its diagnostics,
// the one dialer through which this program reaches a target and the addresses
// it refuses, HTTP to the targets (endpoints, credentials, deadlines, stale
// connections), their health, and the stand-ins that serve where no model is.
package targets

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/wire"
	"github.com/sallyport-ai/sallyport/targets/standin"
)

// auto is the model name that stands for every model.
const auto = "auto"

// AssumedOutputTokens is the length of a reply for the estimate of its cost and
// of its share of a rate limit, where the client states no maximum.
const AssumedOutputTokens = 256

// Config is what a Set is made of.
type Config struct {
	Targets []Target // as Decode returns them
}

// Set is the declared targets, ready to be used. It implements engine.Forwarder
// and is safe for concurrent use.
type Set struct {
	targets []*target
	byName  map[string]*target
	index   map[string][]ref // by what a client may write as its model
}

// ref is a model of a target.
type ref struct {
	target *target
	model  *Model
}

// target is a declared target at work.
type target struct {
	Target
	egress wire.Egress
	server wire.Server
	form   string // of engine.Candidate
	// unreasoning are the models, by their upstream name, that refused to reason.
	unreasoning sync.Map
	endpoints   []*endpoint
	standIn     *standin.Server

	vocabularies *vocabularies // the set's
	health       health
	requests     *bucket
	tokens       *bucket

	next     atomic.Uint64 // rotates the order of equally loaded endpoints
	inFlight atomic.Int64
	attempts atomic.Int64
	failures atomic.Int64
	lastFail atomic.Pointer[failure]
	buffers  sync.Pool // of *replyBuffer
}

// failure is the last error of a target.
type failure struct {
	code string
	at   time.Time
}

// endpoint is one server of a target.
type endpoint struct {
	shown     string // its URL, or "(sensitive)"
	base      string // URL that a dialect's path is appended to
	transport *http.Transport
	health    health // of connecting alone
	inFlight  atomic.Int64
}

// New starts the stand-ins and returns the set. Close it after the last request
// to it has ended.
func New(cfg Config) (*Set, error) {
	s := &Set{byName: map[string]*target{}, index: map[string][]ref{}}
	var prices pricer
	words := newVocabularies()
	for _, decl := range cfg.Targets {
		decl.Models = slices.Clone(decl.Models)
		if err := prices.complete(&decl); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		t, err := newTarget(decl)
		if err == nil && s.byName[decl.Name] != nil {
			err = errors.New("another target has this name")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("target %q: %w", decl.Name, err), t.close(), s.Close())
		}
		t.vocabularies = words
		s.targets = append(s.targets, t)
		s.byName[t.Name] = t
	}
	qualified := map[string][]ref{}
	for _, t := range s.targets {
		for i := range t.Models {
			r := ref{t, &t.Models[i]}
			s.index[auto] = append(s.index[auto], r)
			for _, name := range append([]string{r.model.Name}, r.model.Aliases...) {
				s.index[name] = append(s.index[name], r)
				qualified[t.Name+"/"+name] = append(qualified[t.Name+"/"+name], r)
			}
		}
	}
	for name, refs := range qualified {
		if s.index[name] == nil { // a model may be called "a/b" itself
			s.index[name] = refs
		}
	}
	return s, nil
}

func newTarget(decl Target) (*target, error) {
	t := &target{Target: decl, requests: newBucket(decl.RateLimit.RequestsPerMinute), tokens: newBucket(decl.RateLimit.TokensPerMinute)}
	t.health.threshold = failuresToPause
	if t.ConnectTimeout == 0 {
		t.ConnectTimeout = DefaultConnectTimeout
	}
	if t.IdleTimeout == 0 {
		t.IdleTimeout = DefaultIdleTimeout
	}
	var ok bool
	if t.egress, ok = wire.EgressFor(t.Dialect); !ok {
		return t, fmt.Errorf("dialect %q is not supported", t.Dialect)
	}
	if t.server, ok = wire.ServerFor(t.program()); !ok {
		return t, fmt.Errorf("server %q is not known", t.Server)
	}
	t.form = strings.TrimSpace(string(t.Dialect) + " " + t.server.Name + " " + t.APIVersion)
	endpoints, allowed := t.Endpoints, t.AllowedCIDRs
	if t.StandIn != nil {
		var models []string
		for _, m := range t.Models {
			models = append(models, m.Upstream)
		}
		var err error
		t.standIn, err = standin.Start(standin.Config{Name: t.Name, Posture: t.Posture, Dialect: t.Dialect, Models: models,
			TTFT: t.StandIn.TTFT, TPOT: t.StandIn.TPOT, Jitter: t.StandIn.Jitter, Seed: t.StandIn.Seed})
		if err != nil {
			return t, err
		}
		endpoints = []Endpoint{{URL: t.standIn.URL()}}
		allowed = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 32)}
	}
	if len(endpoints) == 0 {
		return t, errors.New("it has no endpoint")
	}
	for _, e := range endpoints {
		a, err := parseAddress(e.URL)
		if err == nil && t.Posture == PostureAirGapped {
			err = a.airGapped(allowed)
		}
		if err != nil {
			return t, fmt.Errorf("endpoint %q: %w", e, err)
		}
		d := &dialer{airGapped: t.Posture == PostureAirGapped, allowed: allowed, socket: a.socket, timeout: t.ConnectTimeout}
		t.endpoints = append(t.endpoints, &endpoint{
			shown: e.String(), base: a.url.String(), transport: newTransport(d.dial, t.ConnectTimeout), health: health{threshold: 1},
		})
	}
	return t, nil
}

// program is the name of the program behind the target: the declared one, or the one
// that answers at the vendor's own host.
func (t *Target) program() string {
	if t.Server != "" || len(t.Endpoints) == 0 {
		return t.Server
	}
	u, err := url.Parse(t.Endpoints[0].URL)
	if err != nil {
		return "" // newTarget says what is wrong with it
	}
	switch host := u.Hostname(); {
	case t.Dialect == engine.DialectAzureOpenAI, t.Dialect == engine.DialectOpenAI && strings.HasSuffix(host, ".openai.azure.com"):
		return "azure"
	case t.Dialect == engine.DialectOpenAI && (host == "api.openai.com" || strings.HasSuffix(host, ".api.openai.com")): // its regions
		return "openai"
	}
	return ""
}

// Close stops the stand-ins and closes idle connections.
func (s *Set) Close() error {
	var errs []error
	for _, t := range s.targets {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

func (t *target) close() error {
	for _, e := range t.endpoints {
		e.transport.CloseIdleConnections()
	}
	if t.standIn != nil {
		return t.standIn.Close()
	}
	return nil
}

// serves says whether the model can be asked for the operation.
func (r ref) serves(op engine.Operation) bool {
	return r.target.egress.Supports(op) && (len(r.model.Operations) == 0 || slices.Contains(r.model.Operations, op))
}

// Candidates implements engine.Forwarder. A name is looked up as the name or
// alias of a model, then as "target/model"; "auto" is every model. Models that do
// not serve the operation are left out as long as one does. The maps in the facts
// are the set's own: they must not be changed.
func (s *Set) Candidates(req *engine.Request) []engine.Candidate {
	refs := s.index[req.Model]
	if able := func(r ref) bool { return r.serves(req.Operation) }; slices.ContainsFunc(refs, able) {
		refs = slices.DeleteFunc(slices.Clone(refs), func(r ref) bool { return !able(r) })
	}
	now := time.Now()
	list := make([]engine.Candidate, 0, len(refs))
	for i, r := range refs {
		t, m := r.target, r.model
		// The models of a target stand one after the other.
		alone := (i == 0 || refs[i-1].target != t) && (i == len(refs)-1 || refs[i+1].target != t)
		key := t.Name
		if !alone {
			key += "/" + m.Name
		}
		list = append(list, engine.Candidate{
			Key: key, Target: t.Name, Model: m.Name, Upstream: m.Upstream,
			Facts: engine.TargetFacts{
				Target: t.Name, Posture: t.Posture, Dialect: string(t.Dialect), Jurisdiction: t.Jurisdiction, Attributes: t.Attributes,
				Model: m.Name, Quality: m.Quality, CostEstimate: m.Price.Cost(engine.Usage{Input: req.PromptTokens, Output: expectedOutput(req.MaxOutputTokens)}),
				Healthy: t.health.healthy(now), StandIn: t.StandIn != nil,
			},
			Price: m.Price, ContextTokens: m.ContextTokens, MaxConcurrency: t.MaxConcurrency,
			TTFTHint: m.TTFTHint, TPOTHint: m.TPOTHint,
			Supports: r.serves(req.Operation),
			Form:     t.formOf(m),
		})
	}
	return list
}

// Models are the names and aliases that clients may ask for, sorted, "auto"
// among them.
func (s *Set) Models() []string {
	names := []string{auto}
	for _, t := range s.targets {
		for _, m := range t.Models {
			names = append(append(names, m.Name), m.Aliases...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// expectedOutput is the tokens a reply may have; stated 0: not stated.
func expectedOutput(stated int) int {
	if stated > 0 {
		return stated
	}
	return AssumedOutputTokens
}

// order is the endpoints as they are to be tried: those that could be connected
// to last time first, among them the least busy, among equals in turn.
func (t *target) order(now time.Time) []*endpoint {
	n := len(t.endpoints)
	if n == 1 {
		return t.endpoints
	}
	start := int(t.next.Add(1) % uint64(n))
	list := make([]*endpoint, 0, n)
	list = append(append(list, t.endpoints[start:]...), t.endpoints[:start]...)
	type load struct {
		down bool
		busy int64
	}
	loads := make(map[*endpoint]load, n) // read once: the order must not change while it is sorted
	for _, e := range list {
		loads[e] = load{!e.health.healthy(now), e.inFlight.Load()}
	}
	slices.SortStableFunc(list, func(a, b *endpoint) int {
		la, lb := loads[a], loads[b]
		switch {
		case la.down != lb.down && la.down:
			return 1
		case la.down != lb.down:
			return -1
		}
		return int(la.busy - lb.busy)
	})
	return list
}
