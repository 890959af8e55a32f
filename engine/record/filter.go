package record

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Filter chooses decisions. Every field that is set must hold; the zero Filter
// chooses all.
type Filter struct {
	Since, Until time.Time // of the decision; Since is included, Until is not
	Tenant       string
	Principal    string // id
	Verdict      string // allow, deny
	DecisionID   string
	Code         string // of a reason, an exclusion, an error answered to the client, or a failed attempt
	Control      string // label of a rule that fired
	Target       string // declared name; one that was tried, whether or not it served
	Posture      string // of a target that was tried
	Kind         string // of a finding in the request or the reply, such as EMAIL_ADDRESS
	Model        string // as the client named it, or of a target that was tried
}

// ParseTime reads a filter's time: RFC 3339, or a Go duration before now, such
// as "24h".
func ParseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T16:00:00Z nor a duration before now such as 24h", s)
}

// view is what queries read of a record, whatever its kind. Counts that came from
// a target are floats, as they are in canonical JSON: one beyond 2^53 must not make
// the log unreadable.
type view struct {
	Kind       string           `json:"kind"`
	Time       time.Time        `json:"time"`
	DecisionID string           `json:"decision_id"`
	Principal  engine.Principal `json:"principal"`
	Request    struct {
		Model string `json:"model"`
	} `json:"request"`
	Verdict  string            `json:"verdict"`
	Action   engine.Action     `json:"action"`
	Controls []string          `json:"controls"`
	Reasons  []code            `json:"reasons"`
	Excluded map[string][]code `json:"excluded"`
	Findings []kind            `json:"findings"`

	Target   string `json:"target"`
	Model    string `json:"model"`
	Posture  string `json:"posture"`
	Attempts []struct {
		Target  string `json:"target"`
		Model   string `json:"model"`
		Posture string `json:"posture"`
		Error   string `json:"error"`
	} `json:"attempts"`
	Outcome struct {
		Status int    `json:"status"`
		Code   string `json:"code"`
		Tokens struct {
			Input  float64 `json:"input"`
			Output float64 `json:"output"`
		} `json:"tokens"`
		CostUSD float64 `json:"cost_usd"`
		TotalMs float64 `json:"total_ms"`
	} `json:"outcome"`
	Completion struct {
		Findings []kind `json:"findings"`
	} `json:"completion"`
	Query engine.RecordQueried `json:"query"`
	Gap   engine.RecordDropped `json:"gap"`
}

type code struct {
	Code string `json:"code"`
}

type kind struct {
	Kind string `json:"kind"`
}

func (f *Filter) inTime(t time.Time) bool {
	return !t.Before(f.Since) && (f.Until.IsZero() || t.Before(f.Until))
}

// verdictOn judges what a decision's record settles. rest is what only the
// outcome can settle.
func (f *Filter) verdictOn(d *view) (ok bool, rest Filter) {
	ok = f.inTime(d.Time) &&
		is(f.Tenant, d.Principal.Tenant) && is(f.Principal, d.Principal.ID) && is(f.Verdict, d.Verdict) &&
		is(f.DecisionID, d.DecisionID) &&
		(f.Control == "" || slices.Contains(d.Controls, f.Control))
	rest = Filter{Target: f.Target, Posture: f.Posture, Code: f.Code, Model: f.Model, Kind: f.Kind}
	if hasKind(d.Findings, f.Kind) {
		rest.Kind = ""
	}
	if has(d.Reasons, f.Code) || f.Code == d.Query.Error {
		rest.Code = ""
	}
	for _, reasons := range d.Excluded {
		if has(reasons, f.Code) {
			rest.Code = ""
		}
	}
	if is(f.Model, d.Request.Model) {
		rest.Model = ""
	}
	return ok, rest
}

// holdsFor judges an outcome by what a decision left open.
func (f *Filter) holdsFor(o *view) bool {
	target, posture, model := is(f.Target, o.Target), is(f.Posture, o.Posture), is(f.Model, o.Model)
	answered := is(f.Code, o.Outcome.Code) || has(o.Reasons, f.Code)
	for _, a := range o.Attempts {
		target = target || a.Target == f.Target
		posture = posture || a.Posture == f.Posture
		model = model || a.Model == f.Model
		answered = answered || a.Error == f.Code
	}
	return target && posture && model && answered && hasKind(o.Completion.Findings, f.Kind)
}

// is says whether v is what is wanted; nothing wanted is always met.
func is(wanted, v string) bool { return wanted == "" || wanted == v }

func hasKind(findings []kind, wanted string) bool {
	return wanted == "" || slices.ContainsFunc(findings, func(k kind) bool { return k.Kind == wanted })
}

func has(reasons []code, wanted string) bool {
	return wanted == "" || slices.ContainsFunc(reasons, func(r code) bool { return r.Code == wanted })
}
