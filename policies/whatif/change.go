// Package whatif says how two decisions on one input differ: what another policy
// would have permitted, denied, obliged and cost. It hides how a decision is
// taken apart and how many differences add up to a picture; where decisions come
// from is somebody else's business.
package whatif

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Change is how the second of two decisions on one input differs from the first.
// A member that does not apply is absent. Something differs in each Change.
type Change struct {
	Verdict *Pair[string] `json:"verdict,omitempty"` // allow, deny
	// Failed is there where exactly one side is no decision: the policy could not
	// be evaluated, which denies.
	Failed *Pair[bool] `json:"failed,omitempty"`
	// Permitted are the candidates that policy lets the request go to, of which
	// there are none where the verdict is deny.
	Permitted   *Sets              `json:"permitted,omitempty"`
	Reasons     *Reasons           `json:"reasons,omitempty"`
	Messages    bool               `json:"messages,omitempty"` // the same reasons in other words
	Obligations []ObligationChange `json:"obligations,omitempty"`
	Prefer      *Preference        `json:"prefer,omitempty"`
	Controls    *Sets              `json:"controls,omitempty"` // labels of the rules that fired
	CostUSD     *Cost              `json:"cost_usd,omitempty"`
	// Form is true where the bytes differ and nothing above does.
	Form bool `json:"form,omitempty"`
}

// Pair is a value before and after.
type Pair[T any] struct {
	From T `json:"from"`
	To   T `json:"to"`
}

// Sets are the members of a set that only one side has, sorted.
type Sets struct {
	Gained []string `json:"gained,omitempty"`
	Lost   []string `json:"lost,omitempty"`
}

// Reasons are those that only one side gives, sorted.
type Reasons struct {
	Added   []Reason `json:"added,omitempty"`
	Removed []Reason `json:"removed,omitempty"`
}

// Reason is a reason of a rule package to deny a request or to exclude a target.
type Reason struct {
	Rule   string `json:"rule"`             // the rule package
	Code   string `json:"code"`             // stable
	Target string `json:"target,omitempty"` // as policy named it; "": the whole request
}

// ObligationChange is an obligation that only one side states, or states another
// value of. The absent value is null.
type ObligationChange struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from"`
	To   json.RawMessage `json:"to"`
}

// Preference are the weights of the candidates that both sides permit, 1 where
// policy states none. Reordered says that they come in another order, ties
// included; without it only the distances differ.
type Preference struct {
	From      map[string]float64 `json:"from"`
	To        map[string]float64 `json:"to"`
	Reordered bool               `json:"reordered"`
}

// Cost is what a decision costs in US dollars, as Estimate has it.
type Cost struct {
	From       float64 `json:"from"`
	To         float64 `json:"to"`
	FromTarget string  `json:"from_target,omitempty"`
	ToTarget   string  `json:"to_target,omitempty"`
}

// Decision is one side of a comparison.
type Decision struct {
	*Answer
	Controls []string // labels of the rules that fired, sorted
}

// Compare says how to differs from from, both made on in; nil: not at all.
func Compare(in *engine.Input, from, to Decision) *Change {
	if from.failed == to.failed && bytes.Equal(from.raw, to.raw) && slices.Equal(from.Controls, to.Controls) {
		return nil
	}
	c := &Change{
		Verdict: pair(from.Verdict(), to.Verdict()),
		Failed:  pair(from.failed, to.failed),
	}
	if !slices.Equal(from.deny, to.deny) || !maps.EqualFunc(from.exclude, to.exclude, slices.Equal) {
		before, texts := from.reasons()
		after, otherTexts := to.reasons()
		c.Reasons = compareReasons(before, after)
		c.Messages = c.Reasons == nil && !slices.Equal(texts, otherTexts)
	}
	before, after := from.permitted(in), to.permitted(in)
	c.Permitted = compareSets(before, after)
	c.Obligations = compareObligations(from.obligations(), to.obligations())
	c.Prefer = comparePreference(in, from.Answer, to.Answer, intersect(before, after))
	c.Controls = compareSets(from.Controls, to.Controls)
	cost := Cost{}
	cost.From, cost.FromTarget = from.Estimate(in)
	cost.To, cost.ToTarget = to.Estimate(in)
	if cost.From != cost.To || cost.FromTarget != cost.ToTarget {
		c.CostUSD = &cost
	}
	c.Form = c.Verdict == nil && c.Failed == nil && c.Permitted == nil && c.Reasons == nil && !c.Messages &&
		len(c.Obligations) == 0 && c.Prefer == nil && c.Controls == nil && c.CostUSD == nil
	return c
}

func pair[T comparable](from, to T) *Pair[T] {
	if from == to {
		return nil
	}
	return &Pair[T]{from, to}
}

// compareSets compares sorted lists.
func compareSets(from, to []string) *Sets {
	s := Sets{Gained: without(to, from), Lost: without(from, to)}
	if s.Gained == nil && s.Lost == nil {
		return nil
	}
	return &s
}

func compareReasons(from, to []Reason) *Reasons {
	r := Reasons{Added: without(to, from), Removed: without(from, to)}
	if r.Added == nil && r.Removed == nil {
		return nil
	}
	return &r
}

func without[T comparable](all, some []T) (rest []T) {
	for _, v := range all {
		if !slices.Contains(some, v) {
			rest = append(rest, v)
		}
	}
	return rest
}

func intersect(a, b []string) (both []string) {
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}

func compareObligations(from, to map[string]jsontext.Value) (changes []ObligationChange) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(from)), maps.Keys(to))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if before, after := from[name], to[name]; string(before) != string(after) {
			changes = append(changes, ObligationChange{name, orNull(before), orNull(after)})
		}
	}
	return changes
}

func orNull(m jsontext.Value) json.RawMessage {
	if m == nil {
		return json.RawMessage("null")
	}
	return json.RawMessage(m)
}

func comparePreference(in *engine.Input, from, to *Answer, both []string) *Preference {
	p := &Preference{From: map[string]float64{}, To: map[string]float64{}}
	for _, key := range both {
		p.From[key], p.To[key] = from.weight(in, key), to.weight(in, key)
	}
	if maps.Equal(p.From, p.To) {
		return nil
	}
	for _, a := range both {
		for _, b := range both {
			p.Reordered = p.Reordered || p.From[a] < p.From[b] != (p.To[a] < p.To[b])
		}
	}
	return p
}
