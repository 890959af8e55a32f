package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/engine"
)

// Cost is what decisions of a set cost, and why.
type Cost struct {
	// Compiled: decisions are made by compiled closures, and NotCompiled is nil. Else
	// they are made by OPA's own evaluator, and NotCompiled says what made it so.
	Compiled    bool        `json:"compiled"`
	NotCompiled *Diagnostic `json:"not_compiled,omitempty"`
	// Cacheable: a decision is remembered for inputs that agree in all of Reads. Else
	// Uncacheable says what keeps it from being so.
	Cacheable   bool        `json:"cacheable"`
	Uncacheable Diagnostics `json:"uncacheable,omitempty"`
	// Reads are the parts of the input that decisions depend on, by path.
	Reads []CostRead `json:"reads"`
	// Microseconds are how long one decision took that was not remembered, on this
	// machine, on the mean of Inputs generated inputs; 0: not measured.
	Microseconds float64 `json:"microseconds,omitempty"`
	Inputs       int     `json:"inputs,omitempty"`
}

// CostRead is a part of the input that decisions depend on.
type CostRead struct {
	Path string `json:"path"` // as Rego has it
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // where it is read first
	// Compared: only its place among constants counts, not its value.
	Compared bool `json:"compared,omitempty"`
	// There: only whether it is there counts or, of what is true or false, which.
	There bool `json:"there,omitempty"`
	// Varies: its value counts, and next to no two requests agree in it, so next to no
	// decision is found again.
	Varies bool `json:"varies,omitempty"`
}

// Cost says what the set's decisions depend on, without measuring.
func (s *Set) Cost() *Cost {
	c := &Cost{Compiled: s.fast != nil, Cacheable: s.fast != nil && s.fast.cache != nil, Reads: []CostRead{}}
	for _, d := range s.warnings {
		if d.Rule == lintSlow {
			c.NotCompiled = &d
		}
	}
	set := s.built().readSet()
	if s.fast == nil {
		for _, p := range set.paths {
			c.Reads = append(c.Reads, CostRead{Path: p.path.String(), File: p.loc.File, Line: p.loc.Row, Varies: varies(p.path)})
		}
	} else {
		for _, r := range s.fast.program.Reads() {
			var path inputPath
			for _, name := range r.Path {
				path = path.then(name)
			}
			read := CostRead{Path: path.String(), File: r.Place.File, Line: r.Place.Row, Compared: !r.Exact && len(r.Thresholds) > 0,
				There: onlyThere(r), Varies: r.Exact && varies(path)}
			c.Reads = append(c.Reads, read)
		}
	}
	if c.Cacheable {
		return c
	}
	if c.NotCompiled != nil {
		c.Uncacheable = append(c.Uncacheable, *c.NotCompiled)
	}
	for _, w := range set.whole {
		d := at(w.loc, "the whole input is read ("+w.how+")", "read members by name, such as input.request.model")
		d.Severity, d.Rule = SeverityWarning, lintWholeInput
		c.Uncacheable = append(c.Uncacheable, d)
	}
	return c
}

const (
	costInputs = 16
	costRounds = 5
	// costTime bounds one round, so that a set of any cost is measured in a second.
	costTime = 100 * time.Millisecond
)

// MeasuredCost is Cost and how long decisions take, on inputs that are generated
// from the schema with the policy's own constants, always the same. It takes less
// than a second for most sets. An error is ctx's.
func (s *Set) MeasuredCost(ctx context.Context) (*Cost, error) {
	c := s.Cost()
	inputs := s.generate(ctx, costInputs)
	decide := s.reference
	if s.fast != nil {
		decide = func(ctx context.Context, in *engine.Input) (*engine.Decision, error) {
			return s.fast.evaluate(ctx, in, s.revision)
		}
	}
	best := time.Duration(0)
	for round := range costRounds + 1 {
		start, n := time.Now(), 0
		for n == 0 || time.Since(start) < costTime/time.Duration(1+costRounds) {
			for _, in := range inputs {
				// What a decision costs that fails is part of it.
				_, _ = decide(ctx, in)
				n++
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		// The first round fills pools; of the others the one with the least disturbance.
		if each := time.Since(start) / time.Duration(n); round > 0 && (best == 0 || each < best) {
			best = each
		}
	}
	c.Microseconds, c.Inputs = float64(best.Nanoseconds())/1000, len(inputs)
	return c, nil
}

// generate makes inputs that the schema describes: the library's example for tests
// with some of its values replaced, by constants of the policy where they are texts.
func (s *Set) generate(ctx context.Context, n int) []*engine.Input {
	var example any = map[string]any{}
	if a, err := s.Query(ctx, "sallyport/testing/base", nil); err == nil && a.Result != nil {
		_ = json.Unmarshal(a.Result, &example) // an older library has none, or another
	}
	g := generator{rand: rand.New(rand.NewPCG(1, 0)), words: []string{"x"}}
	words := map[string]bool{}
	for _, r := range s.built().reachable(ast.MustParseRef(decisionPath)) {
		ast.WalkTerms(r, func(t *ast.Term) bool {
			if w, ok := t.Value.(ast.String); ok && !words[string(w)] {
				words[string(w)] = true
				g.words = append(g.words, string(w))
			}
			return false
		})
	}
	slices.Sort(g.words)
	var inputs []*engine.Input
	for range n {
		in := &engine.Input{}
		b, err := json.Marshal(g.value(parseInputType(), example))
		if err == nil {
			err = json.Unmarshal(b, in)
		}
		if err != nil {
			continue // a constant that is no value of its member
		}
		inputs = append(inputs, in)
	}
	return inputs
}

type generator struct {
	rand  *rand.Rand
	words []string
}

func (g *generator) word() string { return g.words[g.rand.IntN(len(g.words))] }

// value is old with some of its parts replaced; old may be nil.
func (g *generator) value(t *inputType, old any) any {
	if t == nil {
		return old
	}
	keep := old != nil && g.rand.IntN(4) > 0
	switch t.Type {
	case "object":
		out := map[string]any{}
		given, _ := old.(map[string]any)
		for _, name := range t.names() {
			out[name] = g.value(t.Properties[name], given[name])
		}
		if of := t.Additional.values; of != nil {
			for _, name := range slices.Sorted(maps.Keys(given)) {
				out[name] = g.value(of, given[name])
			}
			if len(given) == 0 {
				out[g.word()] = g.value(of, nil)
			}
		}
		return out
	case "array":
		if keep {
			return old
		}
		return []any{g.value(t.Items, nil), g.value(t.Items, nil)}
	}
	switch {
	case keep:
		return old
	case len(t.Enum) > 0:
		return t.Enum[g.rand.IntN(len(t.Enum))]
	case t.Type == "integer":
		return g.rand.IntN(10_000)
	case t.Type == "number":
		return float64(g.rand.IntN(100)) / 100
	case t.Type == "boolean":
		return g.rand.IntN(2) == 0
	}
	return g.word()
}

// WriteText writes the report for a person.
func (c *Cost) WriteText(w io.Writer) error {
	var b strings.Builder
	if c.Compiled {
		b.WriteString("decisions are compiled")
	} else {
		b.WriteString("decisions are made by OPA's own evaluator")
	}
	if c.Microseconds > 0 {
		fmt.Fprintf(&b, "; %.3g microseconds each on this machine, measured on %d generated inputs", c.Microseconds, c.Inputs)
	}
	b.WriteString("\n")
	if c.Cacheable {
		b.WriteString("a decision is remembered for requests that agree in:\n")
	} else {
		b.WriteString("no decision is remembered:\n")
		for _, d := range c.Uncacheable {
			fmt.Fprintf(&b, "  %v\n", d)
		}
		b.WriteString("decisions depend on:\n")
	}
	width := 0
	for _, r := range c.Reads {
		width = max(width, len(r.Path))
	}
	for _, r := range c.Reads {
		fmt.Fprintf(&b, "  %-*s", width, r.Path)
		if r.File != "" {
			fmt.Fprintf(&b, "  %s:%d", r.File, r.Line)
		}
		switch {
		case r.Compared:
			b.WriteString("  (only as compared with constants)")
		case r.There:
			b.WriteString("  (only whether it is there, or is true)")
		case r.Varies:
			b.WriteString("  (differs for nearly every request)")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
