package policies

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/sys/unix"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// processorTime is what the process has used, all threads: the garbage collector
// works for whoever allocates.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// way is one of several ways to decide.
type way struct {
	name  string
	calls int              // in a round
	begin func(calls int)  // makes the round's inputs, not measured
	call  func(i int) bool // false: it went wrong
}

// cost is what a call takes.
type cost struct {
	cpu    time.Duration // median of the rounds
	allocs float64
}

// measure runs the ways in turns, so that other work on the machine meets all of
// them alike.
func measure(b *testing.B, rounds int, ways ...way) []cost {
	b.Helper()
	took := make([][]time.Duration, len(ways))
	costs := make([]cost, len(ways))
	for round := range rounds + 1 {
		for i, w := range ways {
			w.begin(w.calls)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := processorTime(b)
			for n := range w.calls {
				if !w.call(n) {
					b.Fatalf("%s: call %d of round %d went wrong", w.name, n, round)
				}
			}
			spent := processorTime(b) - begin
			runtime.ReadMemStats(&after)
			if round > 0 { // the first warms up
				took[i] = append(took[i], spent/time.Duration(w.calls))
			}
			costs[i].allocs = float64((after.Mallocs - before.Mallocs) / uint64(w.calls)) // whole, as testing.AllocsPerRun
		}
	}
	for i := range ways {
		slices.Sort(took[i])
		costs[i].cpu = took[i][len(took[i])/2]
	}
	return costs
}

// row prints one row of the table that make bench-policy shows. A target is
// ">= number" or "<= number" of value, or "". Not with b.Log, which cuts long logs short.
func row(what string, value float64, unit, target string) {
	verdict := ""
	if sign, text, ok := strings.Cut(target, " "); ok {
		limit, err := strconv.ParseFloat(text, 64)
		verdict = "met"
		if err != nil || sign == "<=" && value > limit || sign == ">=" && value < limit {
			verdict = "MISSED"
		}
	}
	fmt.Println("BENCH | " + strings.Join([]string{what, strconv.FormatFloat(value, 'f', 1, 64) + " " + unit, target, verdict}, " | "))
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// BenchmarkPolicyTable prints what a decision costs against topdown with every
// option that makes it faster: an input that is parsed already, data read as terms,
// one transaction, and the result as a term. Each call has an input of its own.
func BenchmarkPolicyTable(b *testing.B) {
	for b.Loop() {
		benchReference(b)
		benchStandard(b)
	}
}

const benchRounds = 15

func benchReference(b *testing.B) {
	source, data, input := referenceFiles(b)
	topdown := prepareReference(b, "rego", source, data)
	m, err := ast.ParseModuleWithOpts("routing.rego", source, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		b.Fatal(err)
	}
	const entry = "gateway/routing/decision"
	policy, err := plan(b.Context(), map[string]*ast.Module{"routing.rego": m}, entry)
	if err != nil {
		b.Fatal(err)
	}
	base, err := ast.InterfaceToValue(data)
	if err != nil {
		b.Fatal(err)
	}
	program, err := vm.Compile(vm.Config{Policy: policy, Data: base, Strict: true})
	if err != nil {
		b.Fatal(err)
	}

	r := rand.New(rand.NewPCG(1, 0))
	unique := 0
	var values []ast.Value
	var ready []vm.Value
	begin := func(calls int) {
		values, ready = values[:0], ready[:0]
		for range calls {
			in := clone(input).(map[string]any)
			unique++
			in["usage"].(map[string]any)["spent_microusd"] = json.Number(strconv.Itoa(182_340_000 + unique))
			in["request"].(map[string]any)["prompt_tokens"] = json.Number(strconv.Itoa(100 + r.IntN(40_000)))
			in["complexity"].(map[string]any)["score"] = json.Number(strconv.FormatFloat(r.Float64(), 'f', 4, 64))
			in["tenant"] = fmt.Sprintf("tenant-%03d", r.IntN(200))
			in["key"].(map[string]any)["id"] = fmt.Sprintf("key-%s-%d", in["tenant"].(string)[7:], r.IntN(8))
			v, err := ast.InterfaceToValue(in)
			if err != nil {
				b.Fatal(err)
			}
			values = append(values, v)
			own, err := program.FromAST(v)
			if err != nil {
				b.Fatal(err)
			}
			ready = append(ready, own)
		}
	}
	eval := func(machine *vm.Machine, in vm.Value) bool {
		result, err := machine.Eval(b.Context(), entry, in)
		return err == nil && result.Defined()
	}
	costs := measure(b, benchRounds,
		way{"topdown", 40, begin, func(i int) bool {
			v, err := evalTerm(b.Context(), topdown, values[i])
			return err == nil && v != nil
		}},
		way{"vm", 1000, begin, func(i int) bool {
			machine := program.Machine()
			defer machine.Release()
			return eval(machine, ready[i])
		}},
		way{"vm, the input converted", 1000, begin, func(i int) bool {
			machine := program.Machine()
			defer machine.Release()
			in, err := machine.FromAST(values[i])
			return err == nil && eval(machine, in)
		}},
	)
	row("reference policy: topdown, parsed input, raw result", micros(costs[0].cpu), "cpu-µs", "")
	row("reference policy: closures, input in their own form, raw result", micros(costs[1].cpu), "cpu-µs", "")
	row("reference policy: the same and the input converted from OPA's terms", micros(costs[2].cpu), "cpu-µs", "")
	row("reference policy: topdown / closures", float64(costs[0].cpu)/float64(costs[1].cpu), "times", ">= 40")
	row("reference policy: allocations, topdown", costs[0].allocs, "", "")
	row("reference policy: allocations, closures", costs[1].allocs, "", "<= 40")
}

func benchStandard(b *testing.B) {
	s, err := Load(b.Context(), standard)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 0))
	unique := 0
	var inputs []*engine.Input
	var values []ast.Value
	begin := func(calls int) {
		inputs, values = inputs[:0], values[:0]
		for range calls {
			in := exampleInput(4)
			unique++
			in.Request.PromptTokens = 100 + r.IntN(40_000)
			in.Usage.SpentUSD.Month = float64(unique) / 1000
			in.Classifiers["complexity"].Scores["complexity"] = r.Float64()
			if unique%2 == 0 {
				in.Classifiers["pii"].Findings["EMAIL_ADDRESS"] = engine.FindingFacts{Count: 1 + r.IntN(5), MaxScore: 0.5 + r.Float64()/2}
			}
			v, err := inputValue(in)
			if err != nil {
				b.Fatal(err)
			}
			inputs, values = append(inputs, in), append(values, v)
		}
	}
	same := func(calls int) {
		begin(1)
		for range calls - 1 {
			inputs = append(inputs, inputs[0])
		}
		// Until it is remembered, and the set has learnt that inputs repeat.
		for range 5000 {
			if _, err := s.Decide(b.Context(), inputs[0]); err != nil {
				b.Fatal(err)
			}
		}
	}
	decide := func(i int) bool {
		d, err := s.Decide(b.Context(), inputs[i])
		return err == nil && d.Raw != nil
	}
	costs := measure(b, benchRounds,
		way{"topdown", 40, begin, func(i int) bool {
			v, err := s.eval(b.Context(), s.decision, values[i])
			return err == nil && v != nil
		}},
		way{"Decide by topdown", 40, begin, func(i int) bool {
			_, err := s.reference(b.Context(), inputs[i])
			return err == nil
		}},
		way{"closures", 1000, begin, func(i int) bool {
			m := s.fast.program.Machine()
			defer m.Release()
			in, ok := s.fast.facts.input(m, inputs[i])
			if !ok {
				return false
			}
			_, err := m.Eval(b.Context(), decisionEntry, in)
			return err == nil
		}},
		way{"Decide", 1000, begin, decide},
		way{"Decide again", 5000, same, decide},
	)
	row("standard policy: topdown, parsed input, raw result", micros(costs[0].cpu), "cpu-µs", "")
	row("standard policy: closures, input from the struct, raw result", micros(costs[2].cpu), "cpu-µs", "")
	row("standard policy: topdown / closures", float64(costs[0].cpu)/float64(costs[2].cpu), "times", ">= 40")
	row("standard policy: Decide by topdown, from the struct to bytes", micros(costs[1].cpu), "cpu-µs", "")
	row("standard policy: Decide, all inputs different", micros(costs[3].cpu), "cpu-µs", "")
	row("standard policy: Decide by topdown / Decide", float64(costs[1].cpu)/float64(costs[3].cpu), "times", ">= 40")
	row("standard policy: allocations, Decide by topdown", costs[1].allocs, "", "")
	row("standard policy: allocations, closures", costs[2].allocs, "", "<= 40")
	row("standard policy: allocations, Decide, all inputs different", costs[3].allocs, "", "<= 40")
	row("standard policy: Decide, the same input again", micros(costs[4].cpu), "cpu-µs", "<= 3")
	row("standard policy: allocations, Decide, the same input again", costs[4].allocs, "", "<= 0")
}
