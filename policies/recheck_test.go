package policies

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

const allowing = `package sallyport.rules.a

deny contains {"code": "never", "message": "m"} if input.request.model == "no such model"
`

// TestRecheck gives a set the compiled form of another policy, as a fault of the
// compiler would.
func TestRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := make(chan Mismatch, 100)
		dir := write(t, map[string]string{"a.rego": strings.Replace(allowing, "==", "!=", 1)})
		s, err := Load(t.Context(), Config{Paths: []string{dir}, OnMismatch: func(m Mismatch) { found <- m }})
		if err != nil {
			t.Fatal(err)
		}
		other, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{"a.rego": allowing})}})
		if err != nil {
			t.Fatal(err)
		}
		in := exampleInput(2)
		if _, err := s.Decide(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(found) != 0 || !s.Evaluation().Compiled || s.Evaluation().Rechecked != 1 {
			t.Fatalf("a policy without a fault: %d mismatches, %+v", len(found), s.Evaluation())
		}

		s.fast = other.fast
		wrong, err := s.Decide(t.Context(), in)
		if err != nil || !wrong.Allow {
			t.Fatalf("the planted fault does nothing: %v, %v", wrong, err)
		}
		synctest.Wait()
		m := <-found
		if m.Revision != s.Revision() || m.Input != in || m.Compiled != wrong || m.Reference == nil || m.Reference.Allow {
			t.Errorf("mismatch: %+v", m)
		}
		if e := s.Evaluation(); e.Compiled || e.Mismatches != 1 {
			t.Errorf("evaluation: %+v", e)
		}
		if d, err := s.Decide(t.Context(), in); err != nil || d.Allow {
			t.Errorf("after the mismatch: %v, %v", d, err)
		}
	})
}

// TestRecheckOfDocuments gives a document the compiled form of another one.
func TestRecheckOfDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := make(chan Mismatch, 100)
		s, err := Load(t.Context(), Config{OnMismatch: func(m Mismatch) { found <- m },
			Paths: []string{write(t, map[string]string{"a.rego": allowing, "app.rego": "package app\n\nyes := input.user == \"alice\"\n\nno := input.user != \"alice\"\n"})}})
		if err != nil {
			t.Fatal(err)
		}
		input := []byte(`{"user":"alice"}`)
		ask := func(path string) string {
			a, err := s.Query(t.Context(), path, input)
			if err != nil {
				t.Fatal(err)
			}
			return string(a.Result)
		}
		for range compileAfter + 2 {
			ask("app/yes")
			ask("app/no")
		}
		synctest.Wait()
		yes, no := s.queries.byPath["app/yes"].Value.(preparedQuery), s.queries.byPath["app/no"].Value.(preparedQuery)
		if yes.compiled.program.Load() == nil || no.compiled.program.Load() == nil {
			t.Fatal("not compiled")
		}
		checked := s.Evaluation().Rechecked
		ask("app/yes")
		synctest.Wait()
		if e := s.Evaluation(); len(found) != 0 || e.Rechecked != checked+1 {
			t.Fatalf("without a fault: %d mismatches, %+v", len(found), e)
		}
		time.Sleep(2 * recheckAll) // of a document compiled just now the first answers are checked at any time
		yes.compiled.program.Store(no.compiled.program.Load())
		if got := ask("app/yes"); got != "false" {
			t.Fatalf("the planted fault does nothing: %s", got)
		}
		synctest.Wait()
		want := DocumentMismatch{Path: "app/yes", InputSHA256: hashOf(input), Compiled: hashOf([]byte("false")), Reference: hashOf([]byte("true"))}
		if m := <-found; m.Document == nil || *m.Document != want || m.Revision != s.Revision() {
			t.Errorf("mismatch: %+v", m)
		}
		if got := ask("app/yes"); got != "true" || s.Evaluation().Compiled {
			t.Errorf("after the mismatch: %s", got)
		}
	})
}

// TestRecheckAsksForNothingElse: OPA's index of comprehensions would turn every
// role into a number, also where no tool has its name, and fail.
func TestRecheckAsksForNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const source = `package sallyport.rules.a

deny contains {"code": "too_many", "message": "m"} if {
	some tool in input.request.tools
	limits := [limit | some role in input.principal.roles; role == tool; limit := to_number(role)]
	some limit in limits
	limit > 3
}
`
		var found []Mismatch
		s, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{"a.rego": source})}, OnMismatch: func(m Mismatch) { found = append(found, m) }})
		if err != nil {
			t.Fatal(err)
		}
		in := exampleInput(2)
		in.Request.Tools, in.Principal.Roles = []string{"2", "5"}, []string{"engineering", "5"}
		if d, err := s.Decide(t.Context(), in); err != nil || d.Allow {
			t.Errorf("%v, %v", d, err)
		}
		synctest.Wait()
		if e := s.Evaluation(); len(found) != 0 || !e.Compiled || e.Rechecked != 1 {
			t.Errorf("reported %+v, %+v", found, e)
		}
	})
}

// TestDecideTwice gives a set the compiled form of another policy, and one that
// panics.
func TestDecideTwice(t *testing.T) {
	dir := write(t, map[string]string{"a.rego": strings.Replace(allowing, "==", "!=", 1)})
	other, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{"a.rego": allowing})}})
	if err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(s *Set){
		"another policy's": func(s *Set) { s.fast = other.fast },
		"none of it works": func(s *Set) { s.fast.facts = nil },
	} {
		s, err := Load(t.Context(), Config{Paths: []string{dir}, Timeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		if d, same, err := s.DecideTwice(t.Context(), exampleInput(2)); err != nil || d.Allow || !same || !s.Evaluation().Compiled {
			t.Errorf("without a fault: %v, %v, %v", d, same, err)
		}
		plant(s)
		for _, want := range []bool{false, true} { // the second time OPA's evaluator is alone
			if d, same, err := s.DecideTwice(t.Context(), exampleInput(2)); err != nil || d.Allow || same != want || s.Evaluation().Compiled {
				t.Errorf("%s: %v, %v, %v", name, d, same, err)
			}
		}
	}
}

// TestCompiledFault: where the compiled form panics, OPA's evaluator decides this
// input and all that follow, and somebody hears of it.
func TestCompiledFault(t *testing.T) {
	var found []Mismatch
	dir := write(t, map[string]string{"a.rego": allowing})
	s, err := Load(t.Context(), Config{Paths: []string{dir}, Timeout: patience, OnMismatch: func(m Mismatch) { found = append(found, m) }})
	if err != nil {
		t.Fatal(err)
	}
	s.fast.facts = nil
	for range 2 {
		if d, err := s.Decide(t.Context(), exampleInput(2)); err != nil || !d.Allow {
			t.Errorf("%v, %v", d, err)
		}
	}
	if len(found) != 1 || found[0].CompiledError == "" || s.Evaluation().Compiled {
		t.Errorf("reported %+v, %+v", found, s.Evaluation())
	}
}

// TestDecisionCache: a decision is remembered when its key is seen again, by what
// it depends on and nothing else.
func TestDecisionCache(t *testing.T) {
	dir := write(t, map[string]string{"a.rego": `package sallyport.rules.a

deny contains {"code": "long", "message": "m"} if input.request.prompt_tokens > 100

deny contains {"code": "model", "message": "m"} if input.request.model == "x"
`})
	s, err := Load(t.Context(), Config{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	decide := func(change func(*engine.Input)) *engine.Decision {
		t.Helper()
		in := exampleInput(2)
		in.Request.PromptTokens = 50
		change(in)
		d, err := s.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.reference(t.Context(), in)
		if err != nil || !sameDecision(want, d) {
			t.Fatalf("decided %s, want %s, %v", d.Raw, want.Raw, err)
		}
		return d
	}
	none := func(*engine.Input) {}
	for i, want := range []bool{false, false, true, true} {
		if got := decide(none).Cached; got != want {
			t.Errorf("decision %d: cached %v, want %v", i, got, want)
		}
	}
	for name, same := range map[string]func(*engine.Input){
		"another time":             func(in *engine.Input) { in.Time = "2031-01-01T00:00:00Z" },
		"on this side of the mark": func(in *engine.Input) { in.Request.PromptTokens = 99 },
		"another header":           func(in *engine.Input) { in.Request.Headers["x"] = "y" },
	} {
		if !decide(same).Cached {
			t.Errorf("%s: decided anew", name)
		}
	}
	for name, other := range map[string]func(*engine.Input){
		"at the mark":      func(in *engine.Input) { in.Request.PromptTokens = 100 },
		"beyond the mark":  func(in *engine.Input) { in.Request.PromptTokens = 101 },
		"another model":    func(in *engine.Input) { in.Request.Model = "x" },
		"no such target":   func(in *engine.Input) { clear(in.Targets) },
		"another's target": func(in *engine.Input) { in.Targets["new"] = engine.TargetFacts{Target: "new"} },
	} {
		if decide(other).Cached {
			t.Errorf("%s: not decided anew", name)
		}
	}
}

func TestCacheHitAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("pools keep nothing for certain under the race detector")
	}
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	in := exampleInput(12)
	for range 3 {
		if _, err := s.Decide(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		if d, err := s.Decide(t.Context(), in); err != nil || !d.Cached {
			t.Fatal("not cached")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
