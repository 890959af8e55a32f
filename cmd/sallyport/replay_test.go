package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/engine/schedule"
	"github.com/sallyport-ai/sallyport/policies"
)

// decideAll has an engine with this policy decide on n inputs and record them, as the
// service does, and returns the log.
func decideAll(t testing.TB, set *policies.Set, n int, input func(i int) *engine.Input) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	records, err := record.Open(record.Config{Dir: dir, Mode: record.Async})
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{config: &config{log: record.Config{Mode: record.Require}}, policies: set}
	s := &service{records: records}
	s.parts.Store(p)
	if err := s.keepPolicy(p); err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Config{Snapshot: &engine.Snapshot{Decider: set}, Scheduler: schedule.New(schedule.Config{}), Recorder: records})
	for i := range n {
		if o := e.DecideInput(t.Context(), input(i)); o.RecordErr != nil {
			t.Fatal(o.RecordErr)
		}
	}
	e.Close()
	if err := records.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func standardPolicy(t testing.TB) *policies.Set {
	t.Helper()
	set, err := policies.Load(t.Context(), policies.Config{Timeout: replayTimeout})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// randomInput is one that a policy could meet, and what it could not.
func randomInput(rnd *rand.Rand) *engine.Input {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	number := func() float64 {
		return []float64{0, 1, 0.5, rnd.Float64(), math.Nextafter(0.5, 1), math.Nextafter(0.5, 0), 0.1 + 0.2, 1e-7, 1e21, 123456789.125, 1 << 53, rnd.ExpFloat64() * 1e-9}[rnd.IntN(12)]
	}
	texts := func() map[string]string {
		m := map[string]string{}
		for range rnd.IntN(3) {
			m[pick("region", "clearance", "personal_data", "x", "\u2028\"\\\U0001F600")] = pick("EU", "secret", "redact", "", "<é>\x00")
		}
		return m
	}
	in := &engine.Input{
		Time: pick("2026-11-23T16:00:00Z", "2026-11-22T23:59:59Z", "1999-12-31T00:00:00Z"),
		Request: engine.InputRequest{Dialect: "openai-chat", Operation: pick("chat", "embeddings"), Model: pick("auto", "m", "é"), Stream: rnd.IntN(2) == 0,
			PromptTokens: rnd.IntN(20_000), PromptBytes: rnd.IntN(80_000), MaxOutputTokens: rnd.IntN(1 << 31), Messages: rnd.IntN(9),
			Tools: []string{}, Modalities: []string{"text"}, Metadata: texts(), Headers: texts()},
		Principal: engine.Principal{ID: pick("a", "b"), Tenant: pick("acme", "other", ""), Roles: []string{pick("engineering", "admin")},
			Attributes: texts(), Authenticated: rnd.IntN(4) > 0},
		Classifiers: map[string]engine.ClassifierFacts{},
		Budget:      engine.InputBudget{TTFTMs: rnd.Int64N(5000), TotalMs: rnd.Int64N(1 << 40)},
		Usage:       engine.InputUsage{SpentUSD: engine.SpentUSD{Hour: number(), Day: number(), Month: 100 * number()}, RequestsPerMinute: rnd.IntN(500)},
		Targets:     map[string]engine.TargetFacts{},
	}
	for range rnd.IntN(3) {
		in.Request.Tools = append(in.Request.Tools, pick("shell", "get_weather", "delete_all"))
	}
	for _, name := range []string{"pii", "secrets", "injection", "complexity"} {
		f := engine.ClassifierFacts{Findings: map[string]engine.FindingFacts{}, Scores: map[string]float64{}}
		for range rnd.IntN(3) {
			f.Findings[pick("EMAIL_ADDRESS", "CREDIT_CARD", "SECRET_AWS_KEY", "PROMPT_INJECTION", "PERSON")] = engine.FindingFacts{Count: rnd.IntN(5), MaxScore: number()}
			f.Scores[pick("complexity", "injection")] = number()
		}
		switch rnd.IntN(6) {
		case 0:
			f = engine.ClassifierFacts{Error: pick("time_limit", "trap")}
		case 1:
			f.Findings, f.Scores = nil, nil
		}
		in.Classifiers[name] = f
	}
	for i := range rnd.IntN(6) {
		target := fmt.Sprintf("t%d", i/2)
		in.Targets[fmt.Sprintf("%s/m%d", target, i)] = engine.TargetFacts{Target: target, Posture: pick("cloud", "gpu_cluster", "edge", "air_gapped"),
			Dialect: "openai", Jurisdiction: pick("EU", "US", ""), Attributes: texts(), Model: fmt.Sprintf("m%d", i), Quality: 100 * number(),
			CostEstimate: number(), Healthy: rnd.IntN(3) > 0, StandIn: rnd.IntN(2) == 0}
	}
	return in
}

func runReplay(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"replay"}, args...), environment(), stdio{strings.NewReader(""), &out, &errs})
	return code, out.String(), errs.String()
}

// Whatever the input, the decision that comes out of the log's copy of it is the
// one that was made.
func TestReplayOfRandomInputs(t *testing.T) {
	const seed, decisions = 20261123, 600
	rnd := rand.New(rand.NewPCG(seed, 2))
	dir := decideAll(t, standardPolicy(t), decisions, func(int) *engine.Input { return randomInput(rnd) })
	code, out, errs := runReplay(t, dir, "--fail-on-diff", "--format", "json")
	var got struct {
		Decisions, Differences int
		Changes                []any
		Skipped                []any
		Kinds                  map[string]int
		Twice, Faulty          int
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err, out)
	}
	if code != exitOK || got.Decisions != decisions || got.Twice != decisions || got.Faulty != 0 || got.Differences != 0 || len(got.Changes) != 0 || len(got.Skipped) != 0 {
		t.Errorf("seed %d: exit code %d, %+v\n%s", seed, code, got, errs)
	}
}

// A log may have seen more revisions than are loaded at a time.
func TestReplayOfManyRevisions(t *testing.T) {
	const revisions = maxKept + 2
	dir := filepath.Join(t.TempDir(), "log")
	records, err := record.Open(record.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(t.TempDir(), "rules.rego")
	var sets []*policies.Set
	for i := range revisions {
		write(t, rules, fmt.Sprintf("package sallyport.rules.turn\n\ndeny contains {\"code\": \"turn_%d\", \"message\": \"not now\"} if input.request.messages == %d\n", i, i))
		set, err := policies.Load(t.Context(), policies.Config{Paths: []string{rules}, Timeout: replayTimeout})
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	for round := range 3 {
		for i, set := range sets {
			e := engine.New(engine.Config{Snapshot: &engine.Snapshot{Decider: set}, Scheduler: schedule.New(schedule.Config{}), Recorder: records})
			p := &parts{config: &config{log: record.Config{Mode: record.Require}}, policies: set}
			s := &service{records: records}
			s.parts.Store(p)
			if err := s.keepPolicy(p); err != nil {
				t.Fatal(err)
			}
			in := usualInput(round, 2)
			in.Request.Messages = i
			if o := e.DecideInput(t.Context(), in); o.RecordErr != nil || len(o.Decision.Deny) != 1 {
				t.Fatalf("%+v", o)
			}
			e.Close()
		}
	}
	if err := records.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := newReplayer(t.Context(), dir)
	if totals, err := record.Replay(t.Context(), dir, record.ReplayConfig{}, r.judge, func(d replayed) error {
		if d.change != nil || d.skipped != nil {
			t.Errorf("%+v %+v", d.change, d.skipped)
		}
		return nil
	}); err != nil || totals.Decisions != 3*revisions {
		t.Errorf("%v, %+v", err, totals)
	}
	if len(r.kept) > maxKept {
		t.Errorf("%d revisions are loaded, at most %d may be", len(r.kept), maxKept)
	}
}

func TestReplayProgress(t *testing.T) {
	var screen, out bytes.Buffer
	r := newReplayReport(&app{stdio: stdio{out: &out, err: &screen}}, &replayOptions{}, "")
	r.progress(record.ReplayTotals{Decisions: 10, Bytes: 50, Size: 200})
	if screen.Len() > 0 {
		t.Errorf("progress on what is no terminal: %q", screen.String())
	}
	r.screen = &screen
	for range 2 { // the second one comes too soon
		r.progress(record.ReplayTotals{Decisions: 10, Bytes: 50, Size: 200})
	}
	if got := screen.String(); strings.Count(got, "10 decisions") != 1 || !strings.Contains(got, " 25 %") {
		t.Errorf("progress %q", got)
	}
	if err := r.end(record.ReplayTotals{}, nil); err != nil || !strings.HasSuffix(screen.String(), "\r\x1b[K") {
		t.Errorf("%v; the progress line stays: %q", err, screen.String())
	}
}

// Where the evaluators disagree, nobody may read that all is well.
func TestReplayOfFaultyEvaluator(t *testing.T) {
	for format, want := range map[string]string{"pretty": "1 of 2 that were made on OPA's own evaluator too came out otherwise", "json": `"twice":2,"faulty":1`} {
		var out bytes.Buffer
		r := newReplayReport(&app{stdio: stdio{out: &out}}, &replayOptions{format: format}, "")
		for _, d := range []replayed{{twice: true}, {}, {twice: true, faulty: true}} {
			if r.differs() {
				t.Error("differs before it does")
			}
			if err := r.add(d); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.end(record.ReplayTotals{}, nil); err != nil || !r.differs() || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, differs %v\n%s", format, err, r.differs(), &out)
		}
	}
}
