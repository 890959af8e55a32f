package policies

import (
	"math"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// factKeys are the members of an input, for building one on a machine. The value
// is the one that inputValue builds for OPA.
type factKeys struct {
	root, request, principal, budget, usage, spent, finding, target *vm.Keys
	classifier                                                      [8]*vm.Keys // by which of error (1), findings (2) and scores (4) there are
}

func newFactKeys(p *vm.Program) *factKeys {
	k := &factKeys{
		root: p.Keys("budget", "classifiers", "principal", "request", "targets", "time", "usage"),
		request: p.Keys("dialect", "headers", "max_output_tokens", "messages", "metadata", "modalities", "model", "operation",
			"prompt_bytes", "prompt_tokens", "stream", "tools"),
		principal: p.Keys("attributes", "authenticated", "id", "roles", "tenant"),
		budget:    p.Keys("total_ms", "tpot_ms", "ttft_ms"),
		usage:     p.Keys("requests_per_minute", "spent_usd"),
		spent:     p.Keys("day", "hour", "month"),
		finding:   p.Keys("count", "max_score"),
		target: p.Keys("attributes", "cost_estimate_usd", "dialect", "healthy", "jurisdiction", "model", "posture", "quality",
			"stand_in", "target"),
	}
	for i := range k.classifier {
		var names []string
		for bit, name := range []string{"error", "findings", "scores"} {
			if i&(1<<bit) != 0 {
				names = append(names, name)
			}
		}
		k.classifier[i] = p.Keys(names...)
	}
	return k
}

// input is in as a value of m; false: it holds a number that is not finite.
func (k *factKeys) input(m *vm.Machine, in *engine.Input) (vm.Value, bool) {
	b := factBuilder{k, m, false}
	r, u := &in.Request, &in.Usage
	v := m.Record(k.root,
		m.Record(k.budget, vm.Int(in.Budget.TotalMs), vm.Int(in.Budget.TPOTMs), vm.Int(in.Budget.TTFTMs)),
		b.classifiers(in.Classifiers),
		m.Record(k.principal, b.textMap(in.Principal.Attributes), vm.Bool(in.Principal.Authenticated), m.String(in.Principal.ID),
			m.Texts(in.Principal.Roles), m.String(in.Principal.Tenant)),
		m.Record(k.request, m.String(r.Dialect), b.textMap(r.Headers), vm.Int(int64(r.MaxOutputTokens)), vm.Int(int64(r.Messages)),
			b.textMap(r.Metadata), m.Texts(r.Modalities), m.String(r.Model), m.String(r.Operation), vm.Int(int64(r.PromptBytes)),
			vm.Int(int64(r.PromptTokens)), vm.Bool(r.Stream), m.Texts(r.Tools)),
		b.targets(in.Targets),
		m.String(in.Time),
		m.Record(k.usage, vm.Int(int64(u.RequestsPerMinute)),
			m.Record(k.spent, b.number(u.SpentUSD.Day), b.number(u.SpentUSD.Hour), b.number(u.SpentUSD.Month))),
	)
	return v, !b.notFinite
}

type factBuilder struct {
	*factKeys
	m         *vm.Machine
	notFinite bool
}

func (b *factBuilder) number(f float64) vm.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		b.notFinite = true
		return vm.Int(0)
	}
	return b.m.Float(f)
}

func (b *factBuilder) textMap(of map[string]string) vm.Value {
	o := b.m.Object(len(of))
	for name, v := range of {
		b.m.Insert(o, b.m.String(name), b.m.String(v))
	}
	return o
}

func (b *factBuilder) classifiers(of map[string]engine.ClassifierFacts) vm.Value {
	o := b.m.Object(len(of))
	for name, c := range of {
		b.m.Insert(o, b.m.String(name), b.classifierFacts(c))
	}
	return o
}

func (b *factBuilder) classifierFacts(c engine.ClassifierFacts) vm.Value {
	var vals [3]vm.Value
	which, n := 0, 0
	if c.Error != "" {
		vals[n] = b.m.String(c.Error)
		which, n = which|1, n+1
	}
	if c.Findings != nil {
		found := b.m.Object(len(c.Findings))
		for kind, f := range c.Findings {
			b.m.Insert(found, b.m.String(kind), b.m.Record(b.finding, vm.Int(int64(f.Count)), b.number(f.MaxScore)))
		}
		vals[n] = found
		which, n = which|2, n+1
	}
	if c.Scores != nil {
		scores := b.m.Object(len(c.Scores))
		for name, score := range c.Scores {
			b.m.Insert(scores, b.m.String(name), b.number(score))
		}
		vals[n] = scores
		which, n = which|4, n+1
	}
	return b.m.Record(b.classifier[which], vals[:n]...)
}

func (b *factBuilder) targets(of map[string]engine.TargetFacts) vm.Value {
	o := b.m.Object(len(of))
	for name, t := range of {
		b.m.Insert(o, b.m.String(name), b.m.Record(b.target,
			b.textMap(t.Attributes), b.number(t.CostEstimate), b.m.String(t.Dialect), vm.Bool(t.Healthy), b.m.String(t.Jurisdiction),
			b.m.String(t.Model), b.m.String(t.Posture), b.number(t.Quality), vm.Bool(t.StandIn), b.m.String(t.Target)))
	}
	return o
}
