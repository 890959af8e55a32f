package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever fails, and wherever, nothing leaves.
func TestFailsClosed(t *testing.T) {
	yes, zero, big := true, 0, 9
	negative := -1.0
	oblige := func(o Obligations) Decider { return allowing(o) }
	failing := func(report bool) *fakeClassifier {
		return &fakeClassifier{info: ClassifierInfo{Name: "pii", Report: report},
			err: &ClassifierError{Classifier: "pii", Code: ClassifierTimeLimit, Err: errors.New("out of fuel")}}
	}
	for _, test := range []struct {
		name       string
		decider    Decider
		classifier Classifier
		recordErr  error
		schedule   func(*PlanQuery) Plan
		code       string
		reason     string
		status     int
	}{
		{name: "policy error", decider: fakeDecider{func(*Input) (*Decision, error) { return nil, errors.New("conflict") }}, code: CodePolicyDenied, reason: ReasonPolicyError},
		{name: "policy out of time", decider: fakeDecider{func(*Input) (*Decision, error) {
			return nil, fmt.Errorf("the policy did not decide: %w", context.DeadlineExceeded)
		}}, code: CodePolicyDenied, reason: ReasonPolicyInterrupted},
		{name: "no decision", decider: fakeDecider{func(*Input) (*Decision, error) { return nil, nil }}, code: CodePolicyDenied, reason: ReasonPolicyError},
		{name: "zero decision", decider: fakeDecider{func(*Input) (*Decision, error) { return &Decision{}, nil }}, code: CodeNoPermittedTarget},
		{name: "allow beside a ground to deny", decider: fakeDecider{func(*Input) (*Decision, error) {
			return &Decision{Allow: true, Deny: []Reason{{Code: "no"}}}, nil
		}}, code: CodePolicyDenied, reason: "no"},
		{name: "everything excluded", decider: fakeDecider{func(*Input) (*Decision, error) {
			return &Decision{Allow: true, Exclude: map[string][]Reason{"a": {{Code: "x"}}, "b": {{Code: "y"}}}}, nil
		}}, code: CodeNoPermittedTarget},
		{name: "unknown obligation", decider: oblige(Obligations{Unknown: []string{"shred"}}), code: CodePolicyDenied, reason: ReasonObligationUnknown},
		{name: "restore without anything redacted", decider: oblige(Obligations{Restore: true}), status: http.StatusOK},
		{name: "completion", decider: oblige(Obligations{InspectCompletion: []string{"pii"}}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "on completion finding", decider: oblige(Obligations{OnCompletionFinding: "deny"}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "cap of zero", decider: oblige(Obligations{MaxOutputTokens: &zero}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "priority out of range", decider: oblige(Obligations{PriorityMax: &big}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "negative cost", decider: oblige(Obligations{MaxCostUSD: &negative}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "negative budget", decider: oblige(Obligations{Budget: &ObligationBudget{TotalMs: -1}}), code: CodePolicyDenied, reason: ReasonObligationUnsupported},
		{name: "unknown log level", decider: oblige(Obligations{Log: "some"}), code: CodePolicyDenied, reason: ReasonObligationUnknown},
		{name: "unknown on_miss", decider: oblige(Obligations{OnMiss: "shrug"}), code: CodePolicyDenied, reason: ReasonObligationUnknown},
		{name: "hedge is a permission", decider: oblige(Obligations{Hedge: &yes}), status: http.StatusOK},
		{name: "classifier failure", decider: oblige(Obligations{}), classifier: failing(false), code: CodePolicyDenied, reason: ReasonClassifierFailed},
		{name: "classifier failure that policy judges", decider: oblige(Obligations{}), classifier: failing(true), status: http.StatusOK},
		{name: "truncated findings under redact", decider: oblige(Obligations{Redact: []string{"X"}}),
			classifier: &fakeClassifier{info: ClassifierInfo{Name: "pii"}, report: Report{Truncated: true}}, code: CodePolicyDenied, reason: ReasonClassifierFailed},
		{name: "truncated findings under redact, errors reported", decider: oblige(Obligations{Redact: []string{"X"}}),
			classifier: &fakeClassifier{info: ClassifierInfo{Name: "pii", Report: true}, report: Report{Truncated: true}}, code: CodePolicyDenied, reason: ReasonRedactionFailed},
		{name: "finding outside of its text", decider: oblige(Obligations{Redact: []string{"X"}}),
			classifier: &fakeClassifier{info: ClassifierInfo{Name: "pii"}, report: Report{Findings: []Finding{{Kind: "X", Span: Span{0, 99}}}}}, code: CodePolicyDenied, reason: ReasonRedactionFailed},
		{name: "log failure", decider: oblige(Obligations{}), recordErr: errors.New("disk full"), code: CodeLogUnavailable, status: http.StatusServiceUnavailable},
		{name: "plan outside of the permitted set", decider: oblige(Obligations{}), schedule: func(*PlanQuery) Plan {
			return Plan{Attempts: []Attempt{{Candidate: candidate("evil", "cloud")}}}
		}, code: CodeInternal, status: http.StatusInternalServerError},
		{name: "infeasible", decider: oblige(Obligations{}), schedule: func(*PlanQuery) Plan { return Plan{Infeasible: true} }, code: CodeBudgetInfeasible, status: http.StatusUnprocessableEntity},
		{name: "empty plan", decider: oblige(Obligations{}), schedule: func(*PlanQuery) Plan { return Plan{} }, code: CodeShed, status: http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			var cs []Classifier
			if test.classifier != nil {
				cs = append(cs, test.classifier)
			}
			r := newRig(test.decider, cs...)
			r.recorder.err = test.recordErr
			r.scheduler.plan = test.schedule
			out := r.Handle(t.Context(), request("hello"), r.sink)
			want := test.status
			if want == 0 {
				want = http.StatusForbidden
			}
			if out.Status != want || out.Code != test.code {
				t.Errorf("got %d %q, want %d %q (%s)", out.Status, out.Code, want, test.code, out.Message)
			}
			if test.reason != "" && !slices.ContainsFunc(out.Reasons, func(r Reason) bool { return r.Code == test.reason }) {
				t.Errorf("reasons %+v lack %q", out.Reasons, test.reason)
			}
			if want != http.StatusOK && (len(r.forwarder.tried) > 0 || r.sink.started > 0) {
				t.Errorf("refused, and yet %v was tried", r.forwarder.tried)
			}
			if want != http.StatusOK && test.recordErr == nil {
				if len(r.recorder.records) == 0 || r.recorder.records[0].Action == ActionForward {
					t.Errorf("the refusal is not recorded as one: %+v", r.recorder.records)
				}
			}
		})
	}
}

func TestZeroVerdictDenies(t *testing.T) {
	var v Verdict
	var d *Decision
	if v != Deny || d.Verdict() != Deny || (&Decision{}).Verdict() != Deny {
		t.Error("a zero value allows")
	}
}

// No attempt goes outside the permitted set, whatever targets fail and however
// policy excludes them: by candidate or by target.
func TestNothingOutsideThePermittedSet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		var candidates []Candidate
		for i := range 1 + rng.IntN(6) {
			target := fmt.Sprintf("t%d", i)
			for m := range 1 + rng.IntN(2) {
				c := candidate(target, "cloud")
				c.Key = fmt.Sprintf("%s/m%d", target, m)
				c.Facts.Target = target
				candidates = append(candidates, c)
			}
		}
		exclude := map[string][]Reason{}
		forbidden := map[string]bool{}
		for _, c := range candidates {
			switch rng.IntN(4) {
			case 0:
				exclude[c.Key] = []Reason{{Code: "by_key"}}
			case 1:
				exclude[c.Target] = []Reason{{Code: "by_target"}}
			}
		}
		for _, c := range candidates {
			forbidden[c.Key] = len(exclude[c.Key])+len(exclude[c.Target]) > 0
		}
		r := newRig(fakeDecider{func(*Input) (*Decision, error) { return &Decision{Allow: true, Exclude: exclude}, nil }})
		r.forwarder.candidates = candidates
		r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
			if rng.IntN(2) == 0 {
				return Usage{}, &UpstreamError{Target: a.Candidate.Target, Code: "connect", Retryable: true}
			}
			return answer(sink, "x")
		}
		r.Handle(t.Context(), request("hello"), r.sink)
		for _, key := range r.forwarder.tried {
			if forbidden[key] {
				t.Fatalf("seed %d: %q was tried and is excluded by %v", seed, key, exclude)
			}
		}
		if r.scheduler.running != 0 {
			t.Fatalf("seed %d: %d attempts begun and not ended", seed, r.scheduler.running)
		}
	}
}

// The decision is in the log before anything leaves, and its outcome names it.
func TestRecordsBeforeForwarding(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	r.forwarder.forward = func(_ context.Context, _ *Attempt, sink Sink) (Usage, error) {
		if n := len(r.recorder.records); n != 1 {
			t.Errorf("%d records at the time of forwarding, want 1", n)
		}
		return answer(sink, "hi")
	}
	out := r.Handle(t.Context(), request("hello"), r.sink)
	recs := r.recorder.records
	if len(recs) != 2 || recs[0].Kind != RecordDecision || recs[1].Kind != RecordOutcome {
		t.Fatalf("records: %+v", recs)
	}
	if recs[1].Decided != 1 || recs[1].DecisionID != recs[0].DecisionID || out.Seq != 1 {
		t.Errorf("the outcome does not name its decision: %+v", recs[1])
	}
	if recs[0].Verdict != "allow" || recs[0].Action != ActionForward || recs[1].Outcome.Status != 200 || recs[1].Target != "a" {
		t.Errorf("got %+v and %+v", recs[0], recs[1])
	}
	if want := (10*1.0 + 2*2.0) / 1e6; out.CostUSD != want {
		t.Errorf("cost %v, want %v", out.CostUSD, want)
	}
}

// A request's text is in its record only where policy obliged log = "full".
func TestRecordsHoldNoText(t *testing.T) {
	const secret = "the quick brown fox"
	for _, level := range []LogLevel{"", LogMetadata, LogNone, LogFull} {
		r := newRig(allowing(Obligations{Log: level}), finder("pii", "FOX", "fox"))
		r.Handle(t.Context(), request(secret), r.sink)
		all, err := json.Marshal(r.recorder.records)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(string(all), "brown"), level == LogFull; got != want {
			t.Errorf("log %q: text in the record: %v, want %v", level, got, want)
		}
		if d := r.recorder.records[0]; level == LogNone && (d.Findings != nil || d.Request != nil || d.Log != LogNone) {
			t.Errorf("log none keeps more than the decision: %s", all)
		}
	}
}

func TestFailsOverBeforeTheFirstByteOnly(t *testing.T) {
	start := Frame{Dialect: DialectOpenAI, Raw: []byte(`{"id":"dead"}`), Events: []Event{{Kind: EventStart, ID: "dead"}}}
	text := Frame{Dialect: DialectOpenAI, Events: []Event{{Kind: EventText, Text: "half"}}}
	broken := &UpstreamError{Code: "cut", Retryable: true}
	for _, test := range []struct {
		name   string
		frames []Frame
		err    error
		tried  int
		text   string
		status int
	}{
		{"nothing came", nil, broken, 2, "hello", 200},
		{"only a preamble came", []Frame{start}, broken, 2, "hello", 200},
		{"a preamble too large to hold back", []Frame{start, {Dialect: DialectOpenAI, Raw: make([]byte, maxHeldBytes)}}, broken, 1, "", 502},
		{"text came", []Frame{start, text}, broken, 1, "half", 502},
		{"the client's mistake", nil, &UpstreamError{Code: "status", Status: 400, Message: "bad tool"}, 1, "", 400},
		{"our own credentials", nil, &UpstreamError{Code: "status", Status: 401, Message: "wrong key sk-12...89"}, 1, "", 502},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(allowing(Obligations{}))
			r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
				if a.Number > 1 {
					return answer(sink, "hello")
				}
				for i := range test.frames {
					if err := sink.Frame(&test.frames[i]); err != nil {
						return Usage{}, err
					}
				}
				return Usage{}, test.err
			}
			out := r.Handle(t.Context(), request("hi"), r.sink)
			if len(r.forwarder.tried) != test.tried || r.sink.text != test.text || out.Status != test.status {
				t.Errorf("tried %v, text %q, status %d; want %d, %q, %d", r.forwarder.tried, r.sink.text, out.Status, test.tried, test.text, test.status)
			}
			if strings.Contains(out.Message, "key") {
				t.Errorf("the client is told %q", out.Message)
			}
			if r.sink.started > 1 {
				t.Errorf("the reply was started %d times", r.sink.started)
			}
			if got := len(r.recorder.records[1].Attempts); got != test.tried {
				t.Errorf("%d attempts recorded, want %d: each is a disclosure", got, test.tried)
			}
		})
	}
}

func TestReplyWithoutTextIsDelivered(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	r.forwarder.forward = func(_ context.Context, _ *Attempt, sink Sink) (Usage, error) {
		return Usage{Input: 3}, sink.Frame(&Frame{Dialect: DialectOpenAI, Raw: []byte(`{"data":[]}`), Events: []Event{{Kind: EventUsage}}})
	}
	out := r.Handle(t.Context(), request("hi"), r.sink)
	if out.Status != 200 || r.sink.started != 1 || r.sink.frames != 1 {
		t.Errorf("status %d, started %d, frames %d", out.Status, r.sink.started, r.sink.frames)
	}
}

func TestUnknownModel(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	req := request("hi")
	req.Model = "unknown"
	if out := r.Handle(t.Context(), req, r.sink); out.Status != 404 || out.Code != CodeUnknownModel || len(r.recorder.records) != 0 {
		t.Errorf("got %d %q, %d records", out.Status, out.Code, len(r.recorder.records))
	}
}

func TestEveryTextIsClassified(t *testing.T) {
	inner := &Document{Raw: []byte(`{"to":"x"}`), Leaves: []*Text{{Kind: KindToolArguments, Value: "x", Span: Span{6, 9}}}}
	req := request("user")
	req.Texts = append(req.Texts,
		&Text{Role: RoleSystem, Value: "system"}, &Text{Kind: KindToolResult, Value: "result"},
		&Text{Kind: KindToolDefinition, Value: "definition"}, &Text{Kind: KindName, Value: "name"},
		&Text{Kind: KindToolArguments, Value: `{"to":"x"}`, Inner: inner}, inner.Leaves[0])
	for _, test := range []struct {
		inspect []string
		want    string
	}{
		{nil, "user system result definition name x"},
		{[]string{"prompt"}, "user system name"},
		{[]string{"tools"}, "result definition x"},
		{[]string{"prompt", "tools", "completion"}, "user system result definition name x"},
	} {
		c := &fakeClassifier{info: ClassifierInfo{Name: "c", Inspect: test.inspect}}
		r := newRig(allowing(Obligations{}), c)
		r.Handle(t.Context(), req, r.sink)
		if got := strings.Join(c.saw, " "); got != test.want {
			t.Errorf("inspect %v: saw %q, want %q", test.inspect, got, test.want)
		}
	}
}

// Budgets are deadlines: a target that is silent is given up when they are spent.
func TestBudgetsEndAttempts(t *testing.T) {
	silent := func(ctx context.Context, a *Attempt, _ Sink) (Usage, error) {
		if !a.FirstByteBy.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, a.FirstByteBy)
			defer cancel()
		}
		<-ctx.Done()
		return Usage{}, &UpstreamError{Code: "first_byte_timeout", Retryable: true, Err: ctx.Err()}
	}
	for _, test := range []struct {
		name   string
		stated Budget
		policy Obligations
		want   time.Duration
		code   string
	}{
		{"a stated total ends the request", Budget{Total: 3 * time.Second}, Obligations{}, 3 * time.Second, CodeBudgetSpent},
		{"policy tightens it", Budget{Total: 3 * time.Second}, Obligations{Budget: &ObligationBudget{TotalMs: 1000}}, time.Second, CodeBudgetSpent},
		{"policy does not widen it", Budget{Total: 3 * time.Second}, Obligations{Budget: &ObligationBudget{TotalMs: 9000}}, 3 * time.Second, CodeBudgetSpent},
		{"finish runs to the maximum", Budget{Total: 3 * time.Second, OnMiss: OnMissFinish}, Obligations{}, 10 * time.Minute, CodeBudgetSpent},
		{"the default total does not cut", Budget{}, Obligations{}, 10 * time.Minute, CodeBudgetSpent},
		{"policy may cut", Budget{TTFT: time.Second}, Obligations{OnMiss: OnMissCancel}, time.Second, CodeBudgetSpent},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(allowing(test.policy))
				r.forwarder.forward = silent
				req := request("hi")
				req.Budget = test.stated
				req.Stream = true
				begun := time.Now()
				out := r.Handle(t.Context(), req, r.sink)
				if got := time.Since(begun); got != test.want || out.Code != test.code || out.Status != 504 {
					t.Errorf("ended after %v with %d %q, want %v with %q", got, out.Status, out.Code, test.want, test.code)
				}
			})
		})
	}
}

// A target that gives up when its deadline comes is heard as a spent budget, also
// where it is heard before the context has ended.
func TestDeadlineIsABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(allowing(Obligations{}))
		r.forwarder.forward = func(_ context.Context, a *Attempt, _ Sink) (Usage, error) {
			time.Sleep(time.Until(a.Deadline))
			return Usage{}, &UpstreamError{Code: "timeout", Retryable: true}
		}
		req := request("hi")
		req.Budget = Budget{Total: time.Second}
		if out := r.Handle(t.Context(), req, r.sink); out.Status != 504 || out.Code != CodeBudgetSpent {
			t.Errorf("got %d %q", out.Status, out.Code)
		}
	})
}

func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(allowing(Obligations{}))
		r.forwarder.forward = func(ctx context.Context, _ *Attempt, _ Sink) (Usage, error) {
			<-ctx.Done()
			return Usage{}, &UpstreamError{Code: "cancelled", Retryable: true, Err: ctx.Err()}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		out := r.Handle(ctx, request("hi"), r.sink)
		if out.Code != CodeClientGone || len(r.forwarder.tried) != 1 {
			t.Errorf("got %q after trying %v", out.Code, r.forwarder.tried)
		}
		if len(r.recorder.records) != 2 || r.recorder.records[1].Outcome.Code != CodeClientGone || !r.scheduler.samples[0].Cancelled {
			t.Errorf("outcome %+v, sample %+v", r.recorder.records[1].Outcome, r.scheduler.samples)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(allowing(Obligations{}))
		r.forwarder.forward = func(ctx context.Context, _ *Attempt, _ Sink) (Usage, error) {
			<-ctx.Done()
			return Usage{}, ctx.Err()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(&RequestError{Status: 503, Code: CodeShuttingDown}) })
		if out := r.Handle(ctx, request("hi"), r.sink); out.Code != CodeShuttingDown || out.Status != 503 {
			t.Errorf("a drain that ran out of time is told as %d %q", out.Status, out.Code)
		}
	})
	r := newRig(allowing(Obligations{}))
	r.sink.onFrame = func() error { return errors.New("broken pipe") }
	if out := r.Handle(t.Context(), request("hi"), r.sink); out.Code != CodeClientGone || len(r.forwarder.tried) != 1 {
		t.Errorf("got %q after trying %v", out.Code, r.forwarder.tried)
	}
}

func TestDecideForwardsNothing(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	if out := r.Decide(t.Context(), request("hi")); out.Action != ActionAnswer || out.Verdict != Allow {
		t.Errorf("got %+v", out)
	}
	in := &Input{Principal: Principal{ID: "x"}, Targets: map[string]TargetFacts{"a": {Target: "a"}}}
	if out := r.DecideInput(t.Context(), in); out.Action != ActionAnswer || out.Verdict != Allow {
		t.Errorf("got %+v", out)
	}
	// The record names who asked, whoever the document is about.
	client := &Principal{ID: "pep"}
	if out := r.DecideInputFor(t.Context(), client, in); out.Action != ActionAnswer {
		t.Errorf("got %+v", out)
	}
	if rec := r.recorder.records[2]; rec.Principal.ID != "pep" || rec.Document.Principal.ID != "x" {
		t.Errorf("recorded %v: %v", rec.Principal, rec.Document)
	}
	r.recorder.records = r.recorder.records[:2]
	if len(r.forwarder.tried) != 0 || len(r.recorder.records) != 2 {
		t.Errorf("tried %v, %d records, want none and 2", r.forwarder.tried, len(r.recorder.records))
	}
}

// What a client can add to the log with one request is bounded.
func TestInputIsBounded(t *testing.T) {
	long := strings.Repeat("x", MaxInputBytes/2)
	for name, fill := range map[string]func(*Request){
		"metadata": func(r *Request) { r.Metadata = map[string]string{"a": long, "b": long} },
		"tools":    func(r *Request) { r.Tools = []Tool{{Name: long}, {Name: long}} },
		"many":     func(r *Request) { r.Tools = make([]Tool, MaxInputBytes/3+1) },
	} {
		r := newRig(allowing(Obligations{}))
		req := request("hi")
		fill(req)
		if out := r.Handle(t.Context(), req, r.sink); out.Status != 413 || out.Code != CodeTooLarge || len(r.recorder.records)+len(r.forwarder.tried) != 0 {
			t.Errorf("%s: %d %s, %d records, tried %v", name, out.Status, out.Code, len(r.recorder.records), r.forwarder.tried)
		}
	}
}

func TestMaxCostAndContext(t *testing.T) {
	limit := 0.001
	r := newRig(allowing(Obligations{MaxCostUSD: &limit}))
	dear, unknown, short := candidate("dear", "cloud"), candidate("unknown", "cloud"), candidate("short", "cloud")
	dear.Facts.CostEstimate = 0.01
	unknown.Price.Known = false
	short.ContextTokens = 10
	r.forwarder.candidates = []Candidate{dear, unknown, short, candidate("fine", "cloud")}
	req := request("hi")
	req.PromptTokens = 100
	out := r.Handle(t.Context(), req, r.sink)
	if !slices.Equal(r.forwarder.tried, []string{"fine"}) {
		t.Errorf("tried %v", r.forwarder.tried)
	}
	for key, code := range map[string]string{"dear": ReasonMaxCost, "unknown": ReasonMaxCost, "short": ReasonContextTooLong} {
		if len(out.Excluded[key]) != 1 || out.Excluded[key][0].Code != code {
			t.Errorf("%s is excluded by %v, want %s", key, out.Excluded[key], code)
		}
	}
}

// Swap under load: a snapshot is closed once, after its last request, never
// before.
func TestSwapHammer(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	first := r.Snapshot()
	var closed, used atomic.Int64
	fresh := func() *Snapshot {
		s := &Snapshot{Decider: first.Decider, Keys: first.Keys}
		var done atomic.Bool
		s.Forwarder = &fakeForwarder{candidates: []Candidate{candidate("a", "cloud")}, forward: func(_ context.Context, _ *Attempt, sink Sink) (Usage, error) {
			used.Add(1)
			if done.Load() {
				t.Error("a closed snapshot is in use")
			}
			return answer(sink, "x")
		}}
		s.Close = func() {
			if done.Swap(true) {
				t.Error("a snapshot was closed twice")
			}
			closed.Add(1)
		}
		return s
	}
	r.Swap(fresh())
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.Handle(t.Context(), request("x"), &fakeSink{})
				}
			}
		})
	}
	for range 300 {
		r.Swap(fresh())
	}
	close(stop)
	wg.Wait()
	r.Close()
	if closed.Load() != 301 {
		t.Errorf("%d snapshots closed, want 301 (%d requests)", closed.Load(), used.Load())
	}
}

// A budget that nobody stated for this request orders the targets and refuses
// nothing; one that the client or policy stated does.
func TestDefaultBudgetsRefuseNothing(t *testing.T) {
	tight := func(q *PlanQuery) Plan {
		if q.Budget.Total > 0 {
			return Plan{Infeasible: true}
		}
		return Plan{Attempts: []Attempt{{Candidate: q.Permitted[0]}}}
	}
	for _, test := range []struct {
		name   string
		stated Budget
		policy Obligations
		status int
	}{
		{"a default", Budget{}, Obligations{}, 200},
		{"the client's", Budget{Total: time.Second}, Obligations{}, 422},
		{"policy's", Budget{}, Obligations{Budget: &ObligationBudget{TotalMs: 1000}}, 422},
	} {
		r := newRig(allowing(test.policy))
		r.scheduler.plan = tight
		req := request("hi")
		req.Budget = test.stated
		if out := r.Handle(t.Context(), req, r.sink); out.Status != test.status {
			t.Errorf("%s: got %d %q, want %d", test.name, out.Status, out.Code, test.status)
		}
	}
}
