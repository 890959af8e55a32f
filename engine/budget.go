package engine

import "time"

// OnMiss says what to do with a reply that misses its budget.
type OnMiss string

const (
	OnMissFinish OnMiss = "finish"
	OnMissCancel OnMiss = "cancel"
)

// Budget is the time a request may take, from its receipt. A zero field is no
// limit.
type Budget struct {
	TTFT   time.Duration // to the first token
	TPOT   time.Duration // mean, for each output token after the first
	Total  time.Duration
	OnMiss OnMiss // "": finish
}

// Tighten returns the least of both budgets, field by field. Cancel is stricter
// than finish.
func (b Budget) Tighten(o Budget) Budget {
	return Budget{
		TTFT:   least(b.TTFT, o.TTFT),
		TPOT:   least(b.TPOT, o.TPOT),
		Total:  least(b.Total, o.Total),
		OnMiss: strictest(b.OnMiss, o.OnMiss),
	}
}

func least(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

func strictest(a, b OnMiss) OnMiss {
	if a == OnMissCancel || b == OnMissCancel {
		return OnMissCancel
	}
	if a == "" {
		return b
	}
	return a
}

// BudgetDefaults are the budgets of the configuration. A default applies where
// the client stated nothing; MaxTotal bounds whatever it stated.
type BudgetDefaults struct {
	TTFT, Total, MaxTotal time.Duration
}

// Apply fills what the client left open and bounds the total.
func (d BudgetDefaults) Apply(b Budget) Budget {
	if b.TTFT == 0 && b.Total == 0 {
		b.TTFT = d.TTFT
	}
	if b.Total == 0 {
		b.Total = d.Total
	}
	b.Total = least(b.Total, d.MaxTotal)
	return b
}
