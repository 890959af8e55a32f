package vm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// inputsPerPolicy is how many inputs a generated program is evaluated for.
const inputsPerPolicy = 6

// TestGeneratedPolicies compares the evaluators on programs from a grammar, the
// same ones every time. SALLYPORT_SEEDS asks for another number of them, from a
// seed of the clock's; FuzzPolicies lets a fuzzer choose.
func TestGeneratedPolicies(t *testing.T) {
	sequential(t)
	first, seeds := uint64(0), 1000
	if more := os.Getenv("SALLYPORT_SEEDS"); more != "" {
		n, err := strconv.Atoi(more)
		if err != nil {
			t.Fatal(err)
		}
		first, seeds = uint64(time.Now().UnixNano()), n
	}
	var compiled, unsupported, undefined, evaluated, stricter, mistakes int
	failed := map[string]int{}
	for i := range uint64(seeds) {
		seed := first + i
		found := compare(t.Context(), seeded(seed))
		compiled += found.compiled
		unsupported += found.unsupported
		stricter += found.stricter
		mistakes += found.mistakes
		undefined += found.undefined
		for code, n := range found.failed {
			failed[code] += n
		}
		evaluated += found.evaluated
		if found.difference != "" {
			t.Errorf("seed %d: %s", seed, found.difference)
		}
	}
	t.Logf("%d programs from seed %d, of which %d compile and %d of those are unsupported; %d evaluations, of which %d are undefined, %d fail for %s alone, %d fail for OPA's index of comprehensions, and fail by code: %v",
		seeds, first, compiled, unsupported, evaluated, undefined, stricter, underTest, mistakes, failed)
	if compiled < seeds/2 || undefined > evaluated/2 || unsupported > compiled/4 || stricter > evaluated/5 {
		t.Errorf("the programs say too little")
	}
	for _, code := range []string{topdown.ConflictErr, topdown.BuiltinErr, topdown.TypeErr} {
		if failed[code] < seeds/100 {
			t.Errorf("%d evaluations end with %s", failed[code], code)
		}
	}
}

// FuzzPolicies lets the fuzzer choose what the grammar writes.
func FuzzPolicies(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte(nil))
	}
	f.Add(uint64(0), []byte("\x01\x02\x03\x05\x08\x0d\x15\x22"))
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		c := seeded(seed)
		c.bytes = steps
		if found := compare(t.Context(), c); found.difference != "" {
			t.Error(found.difference)
		}
	})
}

// comparison is what came of one program.
type comparison struct {
	compiled, unsupported, evaluated, undefined, stricter, mistakes int
	failed                                                          map[string]int // by code
	difference                                                      string         // with the smallest program that shows it
}

// compare makes a program, data and inputs and evaluates them both ways.
func compare(ctx context.Context, c *choices) (found comparison) {
	p := newPolicy(c)
	data := newData(c)
	var inputs []ast.Value
	for range inputsPerPolicy {
		input, err := newInput(c)
		if err != nil {
			found.difference = fmt.Sprintf("make an input: %v", err)
			return found
		}
		inputs = append(inputs, input)
	}
	want, err := p.prepare(ctx, reference, data)
	if err != nil {
		return found // what does not compile is no program
	}
	found.compiled, found.failed = 1, map[string]int{}
	got, err := p.prepare(ctx, underTest, data)
	var planner *panicked
	if errors.As(err, &planner) && planner.inPlanner() {
		found.unsupported++
		return found
	}
	if err != nil {
		found.difference = fmt.Sprintf("does not compile for %s: %v\n%v", underTest, err, p)
		return found
	}
	if vm.Check(got.modules) != nil {
		found.unsupported++
		return found
	}
	for _, input := range inputs {
		w, g := evalBoth(ctx, want, got, input)
		found.evaluated++
		switch {
		case w.err != nil:
			found.failed[code(w.err)]++
		case (*w.value).Len() == 0:
			found.undefined++
		}
		if w.err != nil && g.err == nil {
			// It may be OPA's own mistake.
			again, err := p.unindexed(ctx, data)
			if err != nil {
				found.difference = fmt.Sprintf("without the index of comprehensions: %v\n%v", err, p)
				return found
			}
			if w = again.eval(ctx, input); w.err == nil {
				found.mistakes++
			}
		}
		d := difference(w, g)
		if d != "" && stricter(w, g) {
			found.stricter++
			continue
		}
		if d != "" {
			p = smaller(ctx, p, data, input)
			if w, g, ok := p.outcomes(ctx, data, input); ok {
				d = difference(w, g)
			}
			found.difference = fmt.Sprintf("%s\n%vinput: %v\ndata: %v", d, p, input, data)
			return found
		}
	}
	return found
}

// enough is far more than any generated program takes.
const enough = 20 * time.Second

func evalBoth(ctx context.Context, want, got *prepared, input ast.Value) (w, g outcome) {
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	return want.eval(ctx, input), got.eval(ctx, input)
}

func (p *policy) prepare(ctx context.Context, target string, data map[string]any) (*prepared, error) {
	return program{
		sources: p.sources(), options: ast.ParserOptions{RegoVersion: ast.RegoV1}, query: p.query, data: data, strict: p.strict,
	}.prepare(ctx, target)
}

func (p *policy) unindexed(ctx context.Context, data map[string]any) (*prepared, error) {
	return program{
		sources: p.sources(), options: ast.ParserOptions{RegoVersion: ast.RegoV1}, query: p.query, data: data, strict: p.strict, unindexed: true,
	}.prepare(ctx, reference)
}

// outcomes says whether the program compiles, and what it gives.
func (p *policy) outcomes(ctx context.Context, data map[string]any, input ast.Value) (w, g outcome, ok bool) {
	want, err := p.prepare(ctx, reference, data)
	if err != nil {
		return w, g, false
	}
	got, err := p.prepare(ctx, underTest, data)
	if err != nil {
		return w, g, false
	}
	if vm.Check(got.modules) != nil {
		return w, g, false
	}
	w, g = evalBoth(ctx, want, got, input)
	return w, g, true
}

// smaller leaves out rules and then lines for as long as the evaluators differ
// in the same way.
func smaller(ctx context.Context, p *policy, data map[string]any, input ast.Value) *policy {
	kind := func(w, g outcome) string { return code(w.err) + "/" + code(g.err) }
	w, g, ok := p.outcomes(ctx, data, input)
	if !ok {
		return p
	}
	same := kind(w, g)
	try := func(candidate *policy) bool {
		w, g, ok := candidate.outcomes(ctx, data, input)
		if !ok || difference(w, g) == "" || kind(w, g) != same {
			return false
		}
		p = candidate
		return true
	}
	for shrunk := true; shrunk; {
		shrunk = false
		for which := range 2 {
			for i := 0; i < len(*p.part(which)); i++ {
				if try(p.without(which, func(blocks []block) []block { return slices.Delete(blocks, i, i+1) })) {
					shrunk = true
					i--
				}
			}
			for i := 0; i < len(*p.part(which)); i++ {
				for size := len((*p.part(which))[i]) - 2; size > 0; size-- {
					for line := 1; line+size <= len((*p.part(which))[i]); line++ {
						if try(p.without(which, func(blocks []block) []block {
							blocks[i] = slices.Delete(slices.Clone(blocks[i]), line, line+size)
							return blocks
						})) {
							shrunk = true
							line--
						}
					}
				}
			}
		}
	}
	return p
}

func (p *policy) part(which int) *[]block {
	return []*[]block{&p.main, &p.other}[which]
}

func (p *policy) without(which int, edit func([]block) []block) *policy {
	candidate := *p
	part := candidate.part(which)
	*part = edit(slices.Clone(*part))
	return &candidate
}

// TestPlantedDifferencesAreSeen keeps the comparison itself honest.
func TestPlantedDifferencesAreSeen(t *testing.T) {
	eval := func(source string) outcome {
		p := program{sources: []string{"package p\n\n" + source}, options: ast.ParserOptions{RegoVersion: ast.RegoV1}, query: "data.p.x = x", strict: true}
		ready, err := p.prepare(t.Context(), reference)
		if err != nil {
			t.Fatal(err)
		}
		return ready.eval(t.Context(), nil)
	}
	all := []string{
		"x := 1", "x := 2", "x := 1.5", `x := "1"`, "x := [1]", "x := {1}", "x := {1, 2}", `x := {"a": 1}`, `x := {"a": null}`, "x := false", "x := null",
		"x := 1 if false", "x := 1 / 0", "x := 1\n\nx := 2", "x := 9007199254740993", "x := 9007199254740992",
	}
	for i, a := range all {
		for j, b := range all {
			if d := difference(eval(a), eval(b)); (d == "") != (i == j) {
				t.Errorf("%s and %s: %q", strings.ReplaceAll(a, "\n", " "), strings.ReplaceAll(b, "\n", " "), d)
			}
		}
	}
}
