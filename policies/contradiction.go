package policies

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// never warns of a rule whose comparisons with constants exclude each other. It
// looks at what stands in the body itself, not into nested ones.
func (l *linter) never(r *ruleFlow) {
	same := map[ast.Var]*ast.Term{} // what a variable was set to
	for _, e := range r.rule.Body {
		if terms, ok := e.Terms.([]*ast.Term); ok && !e.Negated && len(e.With) == 0 && len(terms) == 3 && terms[0].Value.String() == "eq" {
			if v, ok := terms[1].Value.(ast.Var); ok && !ast.IsConstant(terms[2].Value) && same[v] == nil {
				same[v] = terms[2]
			}
		}
	}
	limits := map[string]*limit{}
	for _, e := range r.rule.Body {
		terms, ok := e.Terms.([]*ast.Term)
		if !ok || e.Negated || len(e.With) > 0 || len(terms) != 3 {
			continue
		}
		op, a, b := terms[0].Value.String(), terms[1], terms[2]
		if flipped, ok := flip[op]; ok && ast.IsConstant(a.Value) {
			op, a, b = flipped, b, a
		}
		if !ast.IsConstant(b.Value) || ast.IsConstant(a.Value) {
			continue
		}
		what := canonical(a, same, 0)
		if limits[what] == nil {
			limits[what] = &limit{line: e.Loc().Row}
		}
		if lim := limits[what]; !lim.narrow(op, b) {
			l.warn(r.rule, e.Loc(), lintNever, fmt.Sprintf("the rule never holds: %q contradicts line %d", strings.Join(strings.Fields(string(e.Loc().Text)), " "), lim.line),
				"of conditions in one body all must hold; write two rules for one or the other")
			return
		}
	}
}

var flip = map[string]string{"eq": "eq", "equal": "equal", "neq": "neq", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}

// canonical is what a term stands for, the same for all that stand for the same.
func canonical(t *ast.Term, same map[ast.Var]*ast.Term, depth int) string {
	if depth > 8 {
		return t.String()
	}
	switch v := t.Value.(type) {
	case ast.Var:
		if to := same[v]; to != nil {
			return canonical(to, same, depth+1)
		}
		return string(v) // two wildcards print alike
	case ast.Ref:
		parts := make([]string, len(v))
		for i, step := range v {
			parts[i] = canonical(step, same, depth+1)
		}
		return strings.Join(parts, "\x00")
	}
	return t.String()
}

// limit is what is left of the values that something may have.
type limit struct {
	line      int // of the first condition
	among     []*ast.Term
	listed    bool // only those among
	not       []*ast.Term
	low, high *ast.Term
	lowOpen   bool // low itself is not in it
	highOpen  bool
}

// narrow takes a condition in and says whether a value is left.
func (l *limit) narrow(op string, c *ast.Term) bool {
	keep := func(list []*ast.Term) {
		if !l.listed {
			l.among, l.listed = list, true
			return
		}
		var both []*ast.Term
		for _, t := range l.among {
			for _, o := range list {
				if t.Equal(o) {
					both = append(both, t)
				}
			}
		}
		l.among = both
	}
	_, number := c.Value.(ast.Number)
	switch {
	case op == "eq" || op == "equal":
		keep([]*ast.Term{c})
	case op == ast.Member.Name:
		var list []*ast.Term
		members(c, func(t *ast.Term) { list = append(list, t) })
		keep(list)
	case op == "neq":
		l.not = append(l.not, c)
	case !number:
		return true
	case op == "gt" || op == "gte":
		if l.low == nil || c.Value.Compare(l.low.Value) > 0 || c.Equal(l.low) && op == "gt" {
			l.low, l.lowOpen = c, op == "gt"
		}
	case op == "lt" || op == "lte":
		if l.high == nil || c.Value.Compare(l.high.Value) < 0 || c.Equal(l.high) && op == "lt" {
			l.high, l.highOpen = c, op == "lt"
		}
	}
	if !l.listed {
		if l.low == nil || l.high == nil {
			return true
		}
		order := l.low.Value.Compare(l.high.Value)
		return order < 0 || order == 0 && !l.lowOpen && !l.highOpen
	}
	for _, t := range l.among {
		if l.permits(t) {
			return true
		}
	}
	return false
}

func (l *limit) permits(t *ast.Term) bool {
	for _, n := range l.not {
		if n.Equal(t) {
			return false
		}
	}
	if _, number := t.Value.(ast.Number); !number {
		return true // how OPA orders types is not to be judged here
	}
	if l.low != nil {
		if c := t.Value.Compare(l.low.Value); c < 0 || c == 0 && l.lowOpen {
			return false
		}
	}
	if l.high != nil {
		if c := t.Value.Compare(l.high.Value); c > 0 || c == 0 && l.highOpen {
			return false
		}
	}
	return true
}
