package whatif

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Answer is what policy said about one input. It does not change and may be
// shared.
type Answer struct {
	failed  bool
	raw     []byte
	allow   bool
	deny    []engine.Reason
	exclude map[string][]engine.Reason
	prefer  map[string]float64
}

// Failed is the answer of a policy that could not be evaluated: nobody may go
// anywhere.
func Failed() *Answer { return &Answer{failed: true} }

// Made is the answer of a decision that was just made. The Answer keeps parts of d.
func Made(d *engine.Decision) *Answer {
	return &Answer{raw: d.Raw, allow: d.Allow && len(d.Deny) == 0, deny: d.Deny, exclude: d.Exclude, prefer: d.Prefer}
}

// ReadAnswer reads data.sallyport.decision in canonical JSON. The Answer keeps raw.
func ReadAnswer(raw []byte) (*Answer, error) {
	var d struct {
		Allow       bool                       `json:"allow"`
		Deny        []engine.Reason            `json:"deny"`
		Exclude     map[string][]engine.Reason `json:"exclude"`
		Prefer      map[string]float64         `json:"prefer"`
		Obligations map[string]jsontext.Value  `json:"obligations"` // of the right form, for obligations
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, errors.New("the decision is not of a form that this version knows") // err would quote it
	}
	return &Answer{raw: raw, allow: d.Allow && len(d.Deny) == 0, deny: d.Deny, exclude: d.Exclude, prefer: d.Prefer}, nil
}

// reasons are those to deny and to exclude, and their texts, both sorted.
func (a *Answer) reasons() (reasons []Reason, messages []string) {
	add := func(target string, of []engine.Reason) {
		for _, r := range of {
			reasons = append(reasons, Reason{Rule: r.Rule, Code: r.Code, Target: target})
			messages = append(messages, strings.Join([]string{target, r.Rule, r.Code, r.Message}, "\x00"))
		}
	}
	add("", a.deny)
	for target, of := range a.exclude {
		add(target, of)
	}
	slices.SortFunc(reasons, func(x, y Reason) int {
		return cmp.Or(cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Target, y.Target))
	})
	slices.Sort(messages)
	return slices.Compact(reasons), messages
}

// obligations are by name what the decision states.
func (a *Answer) obligations() map[string]jsontext.Value {
	var d struct {
		Obligations map[string]jsontext.Value `json:"obligations"`
	}
	if a.failed || json.Unmarshal(a.raw, &d) != nil { // it could be read once
		return nil
	}
	return d.Obligations
}

// Verdict is allow or deny, as engine.Verdict prints it.
func (a *Answer) Verdict() string {
	if a.allow {
		return engine.Allow.String()
	}
	return engine.Deny.String()
}

// permitted are the candidates the request may go to, sorted.
func (a *Answer) permitted(in *engine.Input) []string {
	if !a.allow {
		return nil
	}
	var keys []string
	for key, t := range in.Targets {
		if !a.excludes(key, &t) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// excludes says whether policy excluded a candidate, by its key or by the name of
// its target.
func (a *Answer) excludes(key string, t *engine.TargetFacts) bool {
	return len(a.exclude) > 0 && (len(a.exclude[key]) > 0 || t.Target != "" && len(a.exclude[t.Target]) > 0)
}

// weight is policy's preference for a candidate: one for its key holds before one
// for its target's name.
func (a *Answer) weight(in *engine.Input, key string) float64 {
	if len(a.prefer) == 0 {
		return 1
	}
	if w, ok := a.prefer[key]; ok {
		return w
	}
	if w, ok := a.prefer[in.Targets[key].Target]; ok {
		return w
	}
	return 1
}

// Estimate is what a request costs under this answer, in US dollars, and the
// candidate that is assumed to serve it: of those permitted the one with the
// greatest weight in policy's preference, of several the cheapest, of several the
// first by name. Its price is cost_estimate_usd of the input, which is 0 where the
// target declares none. A denied request costs nothing.
//
// That is policy's part of the choice. The scheduler also weighs latency and load,
// and an obligation may shorten the answer; neither is known here.
func (a *Answer) Estimate(in *engine.Input) (usd float64, candidate string) {
	if !a.allow {
		return 0, ""
	}
	best := -1.0 // weights are not negative
	for key, t := range in.Targets {
		if a.excludes(key, &t) {
			continue
		}
		weight := a.weight(in, key)
		if cmp.Or(cmp.Compare(best, weight), cmp.Compare(t.CostEstimate, usd), cmp.Compare(key, candidate)) < 0 {
			best, usd, candidate = weight, t.CostEstimate, key
		}
	}
	return usd, candidate
}
