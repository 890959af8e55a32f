package policies

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// TestInputs evaluates the standard policy, each example and the reference policy
// both ways on inputs that are grown out of the policy's own references and
// constants, until each rule has held for one input and not held for another. An
// input that reaches something new is kept and changed further: that finds what
// lies behind several conditions, which blind changes do not.
func TestInputs(t *testing.T) {
	sequential(t)
	const seed, least, most = 5, 200, 20_000
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			reached := newReach(s.rules)
			corpus := slices.Clone(s.seeds)
			n := 0
			for n = range most {
				if n >= least && len(reached.open()) == 0 {
					break
				}
				var in map[string]any
				if n < len(s.seeds) {
					in = s.seeds[n]
				} else {
					from := corpus
					if r.IntN(3) == 0 {
						from = s.seeds
					}
					in = s.mutate(r, reached, from[r.IntN(len(from))])
				}
				before := reached.seen()
				skipped, difference := s.compare(t.Context(), in, reached)
				if skipped {
					continue
				}
				reached.count()
				if difference != "" {
					text, _ := json.Marshal(in)
					t.Fatalf("seed %d, input %d: %s\n%s", seed, n, difference, text)
				}
				if reached.seen() > before && n >= len(s.seeds) {
					corpus = append(corpus, in)
				}
			}
			t.Logf("%d inputs, %d kept; %d of %d rules both held and did not hold", n, len(corpus), len(s.rules)-len(reached.open()), len(s.rules))
			for _, rule := range reached.open() {
				t.Errorf("seed %d: %v: held for %d inputs, did not for %d", seed, rule, rule.held, rule.not)
			}
		})
	}
}

// ruleReach is a rule and how often it held.
type ruleReach struct {
	at        string
	held, not int
	now       bool
}

func (r *ruleReach) String() string { return r.at }

// reach follows which rules hold and which expressions are come to.
type reach struct {
	rules map[string]*ruleReach
	steps map[string]bool
}

func newReach(rules []*ruleReach) *reach {
	r := &reach{rules: map[string]*ruleReach{}, steps: map[string]bool{}}
	for _, rule := range rules {
		r.rules[rule.at] = rule
	}
	return r
}

func (r *reach) Enabled() bool               { return true }
func (r *reach) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (r *reach) TraceEvent(e topdown.Event) {
	switch e.Op {
	case topdown.ExitOp:
		if rule, ok := e.Node.(*ast.Rule); ok {
			if known := r.rules[place(rule.Location)]; known != nil {
				known.now = true
			}
		}
	case topdown.EvalOp:
		if expr, ok := e.Node.(*ast.Expr); ok && expr.Location != nil {
			r.steps[place(expr.Location)] = true
		}
	}
}

// count takes note of the rules that held in the last evaluation.
func (r *reach) count() {
	for _, rule := range r.rules {
		if rule.now {
			rule.held++
		} else {
			rule.not++
		}
		rule.now = false
	}
}

// seen grows with each new thing.
func (r *reach) seen() int {
	n := len(r.steps)
	for _, rule := range r.rules {
		n += min(rule.held, 1) + min(rule.not, 1)
	}
	return n
}

func (r *reach) open() []*ruleReach {
	var open []*ruleReach
	for _, rule := range r.rules {
		if rule.held == 0 || rule.not == 0 {
			open = append(open, rule)
		}
	}
	slices.SortFunc(open, func(a, b *ruleReach) int { return cmp.Compare(a.at, b.at) })
	return open
}

// place is the same in each copy of a policy.
func place(loc *ast.Location) string {
	return fmt.Sprintf("%s:%d:%d", filepath.Base(loc.File), loc.Row, loc.Col)
}
