package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Bounds of the search for an input that breaks an invariant. One takes about a
// tenth of a millisecond of a processor, so that the number mostly ends it; the time
// is for sets that are evaluated slowly.
const (
	proofInputs = 5000
	proofTime   = 60  // times what one evaluation may take: a minute, of which a free machine needs less than a second
	proofKept   = 200 // inputs that led to a decision not seen before, for further changes
	proofSeed   = 1
)

// counterexample is an input that breaks an invariant.
type counterexample struct {
	violation Violation
	input     map[string]any
	of        string // where the input came from
}

// proof is a search for inputs that break a set's invariants.
type proof struct {
	set   *Set
	seed  maphash.Seed
	seen  map[uint64]bool // decisions
	found map[Violation]*counterexample
	until time.Time
	tried int
	given int // of tried: logged decisions
}

// prove looks for inputs that break the set's invariants: first those of logged
// decisions, then inputs made of what the rules read and compare, one choice at a
// time, then pairs, all that one rule reads, and changes of whatever led to a new
// decision. The same set is tried on the same inputs, as far as the time lets it.
// nil: none was found.
func (b *built) prove(ctx context.Context, s *Set, logged iter.Seq[*engine.Input]) (Diagnostics, error) {
	if s.invariants == nil {
		return nil, nil
	}
	p := &proof{set: s, seed: maphash.MakeSeed(), seen: map[uint64]bool{}, found: map[Violation]*counterexample{}, until: time.Now().Add(proofTime * s.timeout)}
	if logged != nil {
		for in := range logged {
			if p.over(ctx) {
				break
			}
			doc, err := documentOf(in)
			if err != nil {
				continue // a number that JSON does not have
			}
			p.given++
			if _, err := p.try(ctx, doc, "a logged decision"); err != nil {
				return p.cannot(err), ctx.Err()
			}
		}
	}
	p.until = time.Now().Add(proofTime * s.timeout)
	err := p.search(ctx, b.prober())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return p.cannot(err), nil
	}
	var ds Diagnostics
	for _, e := range p.found {
		d := at(s.invariants.place(e.violation), fmt.Sprintf("the invariant %s does not hold: %s", e.violation.Name, e.violation.Message),
			"the input below, "+e.of+" as far as it matters, breaks it; sallyport eval -i takes it and --explain says which rules fired")
		text, err := json.Marshal(p.shrink(ctx, e))
		if err != nil {
			return nil, fmt.Errorf("write an input: %w", err)
		}
		d.Example = string(text)
		ds = append(ds, d)
	}
	if p.tried-p.given < proofInputs && len(ds) == 0 {
		ds = append(ds, Diagnostic{Severity: SeverityWarning,
			Message: fmt.Sprintf("the invariants were tried on %d inputs and not on %d: it took longer than %v", p.tried-p.given, proofInputs, proofTime*s.timeout)})
	}
	return ds, nil
}

// cannot is an invariant that fails: it says nothing, so the set is refused.
func (p *proof) cannot(err error) Diagnostics {
	d := Diagnostic{Severity: SeverityError, Message: "the invariants cannot be evaluated: " + err.Error()}
	for _, rules := range p.set.invariants.rules {
		if len(p.set.invariants.rules) == 1 {
			d.File, d.Line, d.Col = rules[0].Loc().File, rules[0].Loc().Row, rules[0].Loc().Col
		}
	}
	return Diagnostics{d}
}

func (p *proof) over(ctx context.Context) bool { return ctx.Err() != nil || time.Now().After(p.until) }

func (p *proof) search(ctx context.Context, from *prober) error {
	r := rand.New(rand.NewPCG(proofSeed, 0))
	kept := []map[string]any{from.base}
	made := p.tried
	try := func(doc map[string]any) error {
		fresh, err := p.try(ctx, doc, "a generated one")
		if fresh && len(kept) < proofKept {
			kept = append(kept, doc)
		}
		return err
	}
	if err := try(from.base); err != nil {
		return err
	}
	next := func(i int) map[string]any {
		doc, changes := copied(from.base).(map[string]any), 2
		set := func(c choice) { c.set(r, doc, c.path) }
		whole := func(rules [][][]choice) {
			if len(rules) > 0 {
				for _, place := range rules[r.IntN(len(rules))] {
					if r.IntN(4) > 0 {
						set(place[r.IntN(len(place))])
					}
				}
			}
		}
		switch {
		case i < len(from.choices) && i < proofInputs/2:
			set(from.choices[i])
			return doc
		case i%4 == 1:
			doc, changes = copied(kept[r.IntN(len(kept))]).(map[string]any), 1
			whole(from.rules)
		case i%4 == 2:
			changes = r.IntN(2)
			whole(from.exact)
			whole(from.exact)
		case i%4 == 3:
			doc, changes = copied(kept[r.IntN(len(kept))]).(map[string]any), 1+r.IntN(3)
		}
		for range changes {
			switch n := r.IntN(3); {
			case n == 0 && from.stated > 0:
				set(from.choices[r.IntN(from.stated)])
			case n == 1 && len(from.near) > 0:
				set(from.near[r.IntN(len(from.near))])
			default:
				set(from.choices[r.IntN(len(from.choices))])
			}
		}
		return doc
	}
	for i := 0; p.tried-made < proofInputs && !p.over(ctx); i++ {
		if err := try(next(i)); err != nil {
			return err
		}
	}
	return nil
}

// try checks one input. It is fresh where the decision has not been seen before.
func (p *proof) try(ctx context.Context, doc map[string]any, of string) (fresh bool, err error) {
	p.tried++
	c, err := p.check(ctx, doc)
	if err != nil || c == nil {
		return false, err
	}
	if sum := maphash.Bytes(p.seed, c.Decision); !p.seen[sum] {
		p.seen[sum], fresh = true, true
	}
	for _, v := range c.violations() {
		same := v
		same.Message = "" // one may tell of its input
		if p.found[same] == nil {
			p.found[same] = &counterexample{violation: v, input: doc, of: of}
		}
	}
	return fresh, nil
}

// check is nil where the document is no input or the policy does not decide it.
func (p *proof) check(ctx context.Context, doc map[string]any) (*checked, error) {
	in, err := inputOf(doc)
	if err != nil {
		return nil, nil
	}
	c, err := p.set.invariants.check(ctx, p.set, in)
	if errors.Is(err, errNoDecision) || errors.Is(err, context.DeadlineExceeded) {
		return nil, ctx.Err()
	}
	return c, err
}

// inputOf reads a document as a decision input, as a client's would be.
func inputOf(doc map[string]any) (*engine.Input, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	in := &engine.Input{}
	if err := json.Unmarshal(text, in); err != nil {
		return nil, err
	}
	for key, t := range in.Targets {
		if t.Target == "" {
			t.Target = key
			in.Targets[key] = t
		}
	}
	return in, nil
}

func documentOf(in *engine.Input) (map[string]any, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	err = json.Unmarshal(text, &doc)
	return doc, err
}

// shrinkSteps bounds how often a counterexample is tried with less in it.
const shrinkSteps = 1000

// shrink leaves out of an input what the violation does not need. The time stays:
// without one, an input is of the time it is read at.
func (p *proof) shrink(ctx context.Context, e *counterexample) map[string]any {
	doc, left := copied(e.input).(map[string]any), shrinkSteps
	breaks := func() bool {
		left--
		c, err := p.check(ctx, doc)
		return err == nil && c != nil && slices.ContainsFunc(c.violations(), func(v Violation) bool {
			return v.Package == e.violation.Package && v.Name == e.violation.Name
		})
	}
	for smaller := true; smaller && left > 0 && ctx.Err() == nil; {
		smaller = false
		for _, path := range membersOf(doc, nil) {
			if len(path) == 1 && path[0] == "time" || left <= 0 {
				continue
			}
			if undo := without(doc, path); undo != nil {
				if breaks() {
					smaller = true
				} else {
					undo()
				}
			}
		}
	}
	return doc
}

// membersOf are the paths of all members and elements, a larger part before its
// own parts and of elements the last first.
func membersOf(doc any, at []string) (paths [][]string) {
	under := func(step string, v any) {
		path := append(slices.Clone(at), step)
		paths = append(append(paths, path), membersOf(v, path)...)
	}
	switch doc := doc.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(doc)) {
			under(k, doc[k])
		}
	case []any:
		for i, v := range slices.Backward(doc) {
			under(strconv.Itoa(i), v)
		}
	}
	return paths
}

// without takes a member away and returns what puts it back; nil: it is gone.
func without(doc map[string]any, path []string) func() {
	var parent any
	var at any = doc
	for _, step := range path {
		parent = at
		switch of := parent.(type) {
		case map[string]any:
			v, ok := of[step]
			if !ok {
				return nil
			}
			at = v
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(of) {
				return nil
			}
			at = of[i]
		default:
			return nil
		}
	}
	last := path[len(path)-1]
	switch of := parent.(type) {
	case map[string]any:
		delete(of, last)
		return func() { of[last] = at }
	case []any:
		i, _ := strconv.Atoi(last) // it was read above
		grand, ok := memberAt(doc, path[:len(path)-2]).(map[string]any)
		if !ok {
			return nil
		}
		name := path[len(path)-2]
		grand[name] = slices.Concat(of[:i:i], of[i+1:])
		return func() { grand[name] = of }
	}
	return nil
}

func memberAt(doc any, path []string) any {
	for _, step := range path {
		members, ok := doc.(map[string]any)
		if !ok {
			return nil
		}
		doc = members[step]
	}
	return doc
}
