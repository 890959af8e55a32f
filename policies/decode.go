package policies

import (
	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// decisionKeys are the member names of a decision.
type decisionKeys struct {
	allow, deny, exclude, prefer, obligations, code, message, rule, ttft, tpot, total vm.Value
}

func newDecisionKeys(p *vm.Program) decisionKeys {
	return decisionKeys{
		allow: p.Intern("allow"), deny: p.Intern("deny"), exclude: p.Intern("exclude"), prefer: p.Intern("prefer"),
		obligations: p.Intern("obligations"), code: p.Intern("code"), message: p.Intern("message"), rule: p.Intern("rule"),
		ttft: p.Intern("ttft_ms"), tpot: p.Intern("tpot_ms"), total: p.Intern("total_ms"),
	}
}

// decode reads a decision as decodeDecision does. It is false for everything that
// decodeDecision would find fault with or call unknown.
func (k *decisionKeys) decode(v vm.Value) (*engine.Decision, bool) {
	allow := v.Get(k.allow)
	if v.Len() != 5 || !allow.IsBool() {
		return nil, false
	}
	d := &engine.Decision{Allow: allow.IsTrue()}
	deny, ok := v.Get(k.deny).Elements()
	if !ok {
		return nil, false
	}
	d.Deny = make([]engine.Reason, len(deny))
	for i, r := range deny {
		if !k.reason(r, &d.Deny[i]) || d.Deny[i].Code == engine.ReasonPolicyError {
			return nil, false
		}
	}
	if d.Exclude, ok = k.exclusions(v.Get(k.exclude)); !ok {
		return nil, false
	}
	prefer := v.Get(k.prefer)
	if !prefer.IsObject() {
		return nil, false
	}
	d.Prefer = make(map[string]float64, prefer.Len())
	prefer.Members(func(name, weight vm.Value) {
		target, isText := name.Text()
		w, isNumber := weight.Float64()
		ok = ok && isText && isNumber
		d.Prefer[target] = w
	})
	obligations := v.Get(k.obligations)
	ok = ok && obligations.IsObject()
	obligations.Members(func(name, value vm.Value) {
		what, isText := name.Text()
		ok = ok && isText && k.oblige(&d.Obligations, what, value)
	})
	return d, ok
}

// exclusions are reasons by target. They share one array.
func (k *decisionKeys) exclusions(v vm.Value) (map[string][]engine.Reason, bool) {
	if !v.IsObject() {
		return nil, false
	}
	n := 0
	v.Members(func(_, reasons vm.Value) { n += reasons.Len() })
	all := make([]engine.Reason, n)
	exclude := make(map[string][]engine.Reason, v.Len())
	ok := true
	v.Members(func(target, reasons vm.Value) {
		name, isText := target.Text()
		of, isList := reasons.Elements()
		if !ok || !isText || !isList {
			ok = false
			return
		}
		own := all[:len(of):len(of)]
		all = all[len(of):]
		for i, r := range of {
			ok = ok && k.reason(r, &own[i])
		}
		exclude[name] = own
	})
	return exclude, ok
}

func (k *decisionKeys) reason(v vm.Value, r *engine.Reason) bool {
	var ok [3]bool
	r.Code, ok[0] = v.Get(k.code).Text()
	r.Message, ok[1] = v.Get(k.message).Text()
	r.Rule, ok[2] = v.Get(k.rule).Text()
	return v.Len() == 3 && ok[0] && ok[1] && ok[2]
}

// oblige sets one obligation; false: it is unknown or not of its shape.
func (k *decisionKeys) oblige(o *engine.Obligations, name string, v vm.Value) (ok bool) {
	switch name {
	case "redact":
		o.Redact, ok = textList(v)
	case "strip_tools":
		o.StripTools, ok = textList(v)
	case "inspect_completion":
		o.InspectCompletion, ok = textList(v)
	case "restore":
		o.Restore, ok = v.IsTrue(), v.IsBool()
	case "hedge":
		o.Hedge, ok = boolean(v)
	case "disclose_target":
		o.DiscloseTarget, ok = boolean(v)
	case "max_output_tokens":
		o.MaxOutputTokens, ok = integer(v)
	case "priority_max":
		o.PriorityMax, ok = integer(v)
	case "max_cost_usd":
		var f float64
		f, ok = v.Float64()
		o.MaxCostUSD = &f
	case "log":
		var s string
		s, ok = v.Text()
		o.Log = engine.LogLevel(s)
	case "lossy":
		var s string
		s, ok = v.Text()
		o.Lossy = engine.Lossy(s)
	case "on_miss":
		var s string
		s, ok = v.Text()
		o.OnMiss = engine.OnMiss(s)
	case "on_completion_finding":
		o.OnCompletionFinding, ok = v.Text()
	case "budget":
		o.Budget, ok = k.budget(v)
	}
	return ok
}

func (k *decisionKeys) budget(v vm.Value) (*engine.ObligationBudget, bool) {
	if !v.IsObject() {
		return nil, false
	}
	b, known := &engine.ObligationBudget{}, 0
	for _, f := range []struct {
		key vm.Value
		to  *int64
	}{{k.ttft, &b.TTFTMs}, {k.tpot, &b.TPOTMs}, {k.total, &b.TotalMs}} {
		at := v.Get(f.key)
		if !at.Defined() {
			continue
		}
		n, ok := at.Integer()
		if !ok {
			return nil, false
		}
		*f.to = n
		known++
	}
	return b, known == v.Len()
}

func textList(v vm.Value) ([]string, bool) {
	elems, ok := v.Elements()
	if !ok {
		return nil, false
	}
	list := make([]string, len(elems))
	for i, e := range elems {
		if list[i], ok = e.Text(); !ok {
			return nil, false
		}
	}
	return list, true
}

func boolean(v vm.Value) (*bool, bool) {
	b := v.IsTrue()
	return &b, v.IsBool()
}

func integer(v vm.Value) (*int, bool) {
	n, ok := v.Integer()
	i := int(n)
	return &i, ok
}
