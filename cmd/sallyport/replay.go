package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/policies/whatif"
)

// replayOptions are replay's flags.
type replayOptions struct {
	dir        string
	filter     record.Filter
	config     string
	policy     []string
	standard   bool
	failOnDiff bool
	format     string
	limit      int
}

func (a *app) replay() *cobra.Command {
	var o replayOptions
	var chosen func() (record.Filter, error)
	c := &cobra.Command{
		Use:   "replay DIR",
		Short: "Make logged decisions again, on the policy of then or on another one",
		Long: `Make the decisions of a log again, on the inputs that it holds.

Without --policy, each on the policy that made it: that of -c where its revision
is the recorded one, or else the copy that is kept beside the log. The same
decision has to come out, byte for byte. With --policy, on that one instead: what
would have been permitted, denied, obliged and spent?

All of the first thousand decisions under a policy and one in a thousand of the
rest are made on OPA's own evaluator too, and its word holds: where the compiled
policy decides otherwise, the report says so, and OPA's evaluator goes on alone.

A decision that cannot be made again is counted and listed with the reason. With
--fail-on-diff the exit code is 7 where a decision differs, where the evaluators
do, and where a decision could not be made again because something is missing or
damaged; input_not_kept (the
policy obliged log = "none") and interrupted (a time limit, or the client left) do
not count. The log may be in use.

Costs are estimates: cost_estimate_usd, as the input has it, of the permitted
candidate that policy prefers most, of several the cheapest; 0 for a denial.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.dir = args[0]
			if err := oneOf("--format", o.format, "pretty", "json"); err != nil {
				return err
			}
			switch {
			case o.config != "" && len(o.policy) > 0:
				return errors.New("give -c, the policy of then, or --policy, another one, not both")
			case o.standard && len(o.policy) == 0:
				return errors.New("--standard goes with --policy")
			case o.limit < 0:
				return errors.New("--limit must not be negative")
			}
			if o.filter, err = chosen(); err != nil {
				return err
			}
			if o.limit == 0 && o.format == "pretty" {
				o.limit = prettyChanges
			}
			if err := isLog(o.dir); err != nil {
				return err
			}
			return a.makeAgain(c.Context(), &o)
		},
	}
	chosen = filterFlags(c)
	flags := c.Flags()
	flags.StringVarP(&o.config, "config", "c", "", "configuration whose policy decided")
	flags.StringArrayVar(&o.policy, "policy", nil, "policy files or folders to decide on instead; may be given more than once")
	flags.BoolVar(&o.standard, "standard", false, "the standard policy too, beside --policy")
	flags.BoolVar(&o.failOnDiff, "fail-on-diff", false, "exit code 7 where a decision differs")
	flags.StringVar(&o.format, "format", "pretty", "pretty or json")
	flags.IntVar(&o.limit, "limit", 0, fmt.Sprintf("differences listed one by one; 0: %d, with --format json all", prettyChanges))
	return c
}

// prettyChanges is how many differences a person reads one by one; the tables
// show the rest.
const prettyChanges = 20

// replayTimeout bounds one evaluation. A recorded decision took less than the
// service's limit; a busy machine must not make a difference of it.
const replayTimeout = 10 * time.Second

// Decisions that are made on both evaluators: so many of the first under a policy,
// and one in so many of the rest.
const (
	twiceFirst = 1000
	twiceEvery = 1000
)

// replayGC lets the heap grow to so many percent of what lives. A replay makes much
// garbage and keeps little: the collector's part of its time falls from a sixth to
// a twentieth.
const replayGC = 400

// Why a decision cannot be made again, beside record's obstacles.
const (
	policyUnknown record.Obstacle = "policy_unknown" // no copy of its revision
	policyDamaged record.Obstacle = "policy_damaged" // the copy does not load as that revision
)

// replayed is what came of one decision.
type replayed struct {
	tenant  string
	cost    whatif.Pair[float64]
	change  *change // nil: the same
	skipped *skipped
	twice   bool // on both evaluators
	faulty  bool // they decided differently
}

// change is a difference and what it is a difference of.
type change struct {
	Seq        uint64 `json:"seq"`
	Time       string `json:"time"`
	DecisionID string `json:"decision_id"`
	Tenant     string `json:"tenant"`
	Principal  string `json:"principal"`
	Model      string `json:"model"` // as the client named it
	Revision   string `json:"revision"`
	*whatif.Change
	Error string `json:"error,omitempty"` // why the policy could not be evaluated now
}

// skipped are the decisions that one reason keeps from being made again.
type skipped struct {
	Reason    record.Obstacle `json:"reason"`
	Revision  string          `json:"revision,omitempty"` // where the reason lies in the policy
	Detail    string          `json:"detail,omitempty"`
	Decisions uint64          `json:"decisions"`
	First     string          `json:"first"` // decision id; "" where it cannot be read
}

// innocent says whether the reason is no sign of something missing or damaged.
func (s *skipped) innocent() bool {
	return s.Reason == record.InputNotKept || s.Reason == record.Interrupted
}

func (a *app) makeAgain(ctx context.Context, o *replayOptions) error {
	r := newReplayer(ctx, o.dir)
	a.unproven = true
	policy := "the policy of then"
	switch {
	case len(o.policy) > 0:
		set, err := policies.Load(ctx, policies.Config{Paths: o.policy, Standard: o.standard, Timeout: replayTimeout, Unproven: true})
		if err != nil {
			return a.policyFailure(err)
		}
		r.whatIf, policy = &keptPolicy{given: true, set: set}, set.Revision()
	case o.config != "":
		cfg, files, diags := a.loadConfig(o.config)
		if diags.HasErrors() {
			(&mistakes{files: files, config: diags}).print(a.err)
			return failure(exitInvalid, nil)
		}
		set, _, err := a.loadPolicies(ctx, cfg)
		if err != nil {
			return a.policyFailure(err)
		}
		r.kept[set.Revision()] = &keptPolicy{given: true, set: set}
	}

	report := newReplayReport(a, o, policy)
	totals, err := r.run(ctx, record.ReplayConfig{Filter: o.filter, Progress: report.progress}, report)
	if err := report.end(totals, err); err != nil {
		return err
	}
	if o.failOnDiff && report.differs() {
		return failure(exitDiffers, nil)
	}
	return nil
}

// policyFailure reports what keeps a policy set from being loaded.
func (a *app) policyFailure(err error) error {
	if ds, ok := errors.AsType[policies.Diagnostics](err); ok {
		(&mistakes{policy: ds}).print(a.err)
		return failure(exitInvalid, nil)
	}
	return err
}

// replayer makes decisions again. It is safe for concurrent use.
type replayer struct {
	ctx    context.Context
	dir    string
	whatIf *keptPolicy // nil: the policy that decided

	mu   sync.Mutex
	kept map[string]*keptPolicy // by revision
	uses uint64                 // of kept so far

	reading sync.RWMutex
	answers map[string]*whatif.Answer // by the decision's bytes
}

func newReplayer(ctx context.Context, dir string) *replayer {
	return &replayer{ctx: ctx, dir: dir, kept: map[string]*keptPolicy{}, answers: map[string]*whatif.Answer{}}
}

// run makes the decisions again that c chooses.
func (r *replayer) run(ctx context.Context, c record.ReplayConfig, report *replayReport) (record.ReplayTotals, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(replayGC))
	return record.Replay(ctx, r.dir, c, r.judge, report.add)
}

// keptPolicy is a revision, loaded when the first decision under it comes.
type keptPolicy struct {
	once    sync.Once
	given   bool          // with -c or --policy, and not read from a copy
	set     *policies.Set // nil: skipped says why
	skipped skipped
	used    uint64 // when it was used last, in uses
	made    atomic.Uint64
}

// decide has some decisions made on both evaluators.
func (p *keptPolicy) decide(ctx context.Context, in *engine.Input, out *replayed) (d *engine.Decision, err error) {
	if n := p.made.Add(1); n > twiceFirst && n%twiceEvery != 0 {
		return p.set.Decide(ctx, in)
	}
	d, same, err := p.set.DecideTwice(ctx, in)
	out.twice, out.faulty = true, !same
	return d, err
}

// maxKept bounds the policies that are loaded at a time. Decisions come about in
// the order in which they were made, so that a revision is seldom needed again
// after several others.
const maxKept = 4

func (r *replayer) judge(d *record.Recorded) replayed {
	out := replayed{tenant: d.Tenant}
	skip := func(s skipped) replayed {
		s.First = d.DecisionID
		out.skipped = &s
		return out
	}
	if d.Input == nil {
		return skip(skipped{Reason: d.Obstacle})
	}
	p := r.whatIf
	if p == nil {
		if p = r.policy(d.Revision); p.set == nil {
			return skip(p.skipped)
		}
	}
	now, err := p.decide(r.ctx, d.Input, &out)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return skip(skipped{Reason: record.Interrupted})
	}
	from, to, bad := r.sides(d, now)
	if bad != nil {
		return skip(skipped{Reason: record.RecordUnknown, Detail: bad.Error()})
	}
	out.cost.From, _ = from.Estimate(d.Input)
	out.cost.To = out.cost.From
	diff := whatif.Compare(d.Input, from, to)
	if diff == nil {
		return out
	}
	out.cost.To, _ = to.Estimate(d.Input)
	out.change = &change{Seq: d.Seq, Time: d.Time, DecisionID: d.DecisionID, Tenant: d.Tenant, Principal: d.Principal,
		Model: d.Input.Request.Model, Revision: d.Revision, Change: diff}
	if err != nil {
		out.change.Error = err.Error()
	}
	return out
}

// sides are what was said then and what is said now; a nil now is a policy that
// failed.
func (r *replayer) sides(d *record.Recorded, now *engine.Decision) (from, to whatif.Decision, err error) {
	from, to = whatif.Decision{Answer: whatif.Failed(), Controls: d.Controls}, whatif.Decision{Answer: whatif.Failed()}
	if now != nil {
		to = whatif.Decision{Answer: whatif.Made(now), Controls: now.Controls}
	}
	switch {
	case d.Decision == nil:
	case now != nil && record.SameDecision(d.Decision, now.Raw):
		from.Answer = to.Answer // nobody has to read it
	default:
		from.Answer, err = r.answer(d.Decision)
	}
	return from, to, err
}

// maxAnswers bounds the recorded answers that are remembered. Where no weights
// follow from prices, most decisions of a log are one of a few.
const maxAnswers = 4096

func (r *replayer) answer(raw []byte) (*whatif.Answer, error) {
	r.reading.RLock()
	a, ok := r.answers[string(raw)]
	r.reading.RUnlock()
	if ok {
		return a, nil
	}
	a, err := whatif.ReadAnswer(slices.Clone(raw))
	if err != nil {
		return nil, err
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if len(r.answers) >= maxAnswers {
		clear(r.answers)
	}
	r.answers[string(raw)] = a
	return a, nil
}

// policy is the revision as it was kept beside the log.
func (r *replayer) policy(revision string) *keptPolicy {
	p := r.keptAs(revision)
	p.once.Do(func() {
		if p.given {
			return
		}
		p.skipped.Revision = revision
		dir, err := record.PolicyCopy(r.dir, revision)
		if err != nil {
			p.skipped.Reason, p.skipped.Detail = policyUnknown, err.Error()
			return
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			p.skipped.Reason, p.skipped.Detail = policyUnknown, dir+" does not exist"
			return
		}
		if p.set, err = policies.LoadKept(r.ctx, dir, revision, replayTimeout); err != nil {
			p.skipped.Reason, p.skipped.Detail = policyDamaged, err.Error()
		}
	})
	return p
}

// keptAs is the entry of a revision, in the place of the one that was not used for
// longest where there are too many.
func (r *replayer) keptAs(revision string) *keptPolicy {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uses++
	p := r.kept[revision]
	if p == nil {
		p = &keptPolicy{}
		r.kept[revision] = p
		if len(r.kept) > maxKept {
			oldest, since := "", r.uses
			for name, k := range r.kept {
				if k != p && !k.given && k.used < since {
					oldest, since = name, k.used
				}
			}
			delete(r.kept, oldest)
		}
	}
	p.used = r.uses
	return p
}
