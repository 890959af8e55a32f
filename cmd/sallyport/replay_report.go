package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/policies/whatif"
)

// replayReport prints a replay. Of its differences it holds no more than it will
// list; as JSON they are written as they come.
type replayReport struct {
	o       *replayOptions
	policy  string // that decides now
	out     *bufio.Writer
	tally   whatif.Tally
	skipped []skipped
	changes []*change // for people
	written int       // to JSON

	twice, faulty uint64 // made on both evaluators, and of those otherwise

	screen io.Writer // where progress shows; nil: nobody looks
	shown  time.Time
	begun  time.Time
}

func newReplayReport(a *app, o *replayOptions, policy string) *replayReport {
	r := &replayReport{o: o, policy: policy, out: bufio.NewWriter(a.out), begun: time.Now()}
	if f, ok := a.err.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(f.Fd())) {
		r.screen = a.err
	}
	if o.format == "json" {
		r.out.WriteString(`{"changes":[`) // an error stays with out until end
	}
	return r
}

// add takes the next decision's result.
func (r *replayReport) add(d replayed) error {
	if d.twice {
		r.twice++
	}
	if d.faulty {
		r.faulty++
	}
	if d.skipped != nil {
		r.skip(d.skipped)
		return nil
	}
	if d.change == nil {
		r.tally.Add(d.tenant, nil, d.cost)
		return nil
	}
	r.tally.Add(d.tenant, d.change.Change, d.cost)
	if r.o.format == "json" {
		return r.writeChange(d.change)
	}
	if len(r.changes) < r.o.limit {
		r.changes = append(r.changes, d.change)
	}
	return nil
}

func (r *replayReport) skip(s *skipped) {
	for i := range r.skipped {
		if k := &r.skipped[i]; k.Reason == s.Reason && k.Revision == s.Revision {
			k.Decisions++
			return
		}
	}
	s.Decisions = 1
	r.skipped = append(r.skipped, *s)
}

func (r *replayReport) writeChange(c *change) error {
	if r.o.limit > 0 && r.written >= r.o.limit {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("print the difference of decision %s: %w", c.DecisionID, err)
	}
	if r.written++; r.written > 1 {
		r.out.WriteByte(',')
	}
	r.out.WriteString("\n")
	_, err = r.out.Write(b)
	return err
}

// differs says whether the log could not be shown to hold the decisions that come
// out now.
func (r *replayReport) differs() bool {
	return r.tally.Summary().Differences > 0 || r.faulty > 0 ||
		slices.ContainsFunc(r.skipped, func(s skipped) bool { return !s.innocent() })
}

// end prints what the replay came to. Where it ended early, what it has is printed
// too, with the error, which is returned.
func (r *replayReport) end(totals record.ReplayTotals, ended error) error {
	r.clearProgress()
	summary := r.tally.Summary()
	var err error
	if r.o.format == "json" {
		err = r.endJSON(&summary, totals, ended)
	} else if ended == nil {
		r.endPretty(&summary, totals)
	}
	return errors.Join(ended, err, r.out.Flush())
}

func (r *replayReport) endJSON(s *whatif.Summary, totals record.ReplayTotals, ended error) error {
	doc := struct {
		*whatif.Summary
		Skipped []skipped `json:"skipped"`
		Dropped uint64    `json:"dropped"` // records that the log had to leave out
		Twice   uint64    `json:"twice"`   // decisions that were made on OPA's own evaluator too
		Faulty  uint64    `json:"faulty"`  // of those, that the compiled policy makes otherwise
		Policy  string    `json:"policy,omitempty"`
		Error   string    `json:"error,omitempty"` // the replay ended early
	}{s, append([]skipped{}, r.skipped...), totals.Dropped, r.twice, r.faulty, "", ""}
	if len(r.o.policy) > 0 {
		doc.Policy = r.policy
	}
	if ended != nil {
		doc.Error = ended.Error()
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	r.out.WriteString("\n],")
	r.out.Write(b[1:])
	return r.out.WriteByte('\n')
}

func (r *replayReport) endPretty(s *whatif.Summary, totals record.ReplayTotals) {
	var unmade uint64
	for _, k := range r.skipped {
		unmade += k.Decisions
	}
	fmt.Fprintf(r.out, "%d decisions made again on %s: %d differ, %d could not be made again\n", s.Decisions, r.policy, s.Differences, unmade)
	if r.faulty > 0 {
		fmt.Fprintf(r.out, "%d of %d that were made on OPA's own evaluator too came out otherwise there, which is a fault of this program: its word was taken\n", r.faulty, r.twice)
	}
	if totals.Dropped > 0 {
		fmt.Fprintf(r.out, "%d records of that time were never written: the log was in mode best_effort\n", totals.Dropped)
	}
	table(r.out, "NOT MADE AGAIN\tDECISIONS\tFIRST\tPOLICY\tBECAUSE", r.skipped, func(k *skipped) []any {
		because, _, _ := strings.Cut(k.Detail, "\n")
		return []any{k.Reason, k.Decisions, k.First, k.Revision, because}
	})
	if s.Differences == 0 {
		return
	}
	table(r.out, "WHAT DIFFERS\tDECISIONS", kinds(s), func(k *kindCount) []any { return []any{k.what, k.decisions} })
	table(r.out, "RULE\tCODE\tADDED\tREMOVED", s.Rules, func(k *whatif.RuleCount) []any {
		return []any{k.Rule, k.Code, k.Added, k.Removed}
	})
	table(r.out, "TARGET\tGAINED\tLOST", s.Targets, func(k *whatif.TargetCount) []any {
		return []any{k.Target, k.Gained, k.Lost}
	})
	table(r.out, "OBLIGATION\tCHANGED", s.Obligations, func(k *whatif.ObligationCount) []any {
		return []any{k.Name, k.Changed}
	})
	table(r.out, "TENANT\tDECISIONS\tDIFFER\tALLOW TO DENY\tDENY TO ALLOW\tESTIMATED COST", s.Tenants, func(k *whatif.TenantCount) []any {
		return []any{k.Tenant, k.Decisions, k.Differences, k.AllowToDeny, k.DenyToAllow, costs(k.CostUSD)}
	})
	fmt.Fprintf(r.out, "\nestimated cost %s\n", costs(s.CostUSD))
	r.list(s)
}

type kindCount struct {
	what      string
	decisions uint64
}

// kinds says in words what differs, and in how many decisions.
func kinds(s *whatif.Summary) (counts []kindCount) {
	all := []kindCount{
		{"verdict: allow to deny", s.Verdicts.AllowToDeny},
		{"verdict: deny to allow", s.Verdicts.DenyToAllow},
		{"policy fails on one side", s.Kinds["failed"]},
		{"permitted targets", s.Kinds["permitted"]},
		{"reasons", s.Kinds["reasons"]},
		{"wording of reasons", s.Kinds["messages"]},
		{"obligations", s.Kinds["obligations"]},
		{"preference", s.Kinds["prefer"]},
		{"controls", s.Kinds["controls"]},
		{"estimated cost", s.Kinds["cost_usd"]},
		{"form of the answer alone", s.Kinds["form"]},
	}
	return slices.DeleteFunc(all, func(k kindCount) bool { return k.decisions == 0 })
}

func costs(c whatif.Pair[float64]) string {
	text := fmt.Sprintf("$%.6f -> $%.6f", c.From, c.To)
	if c.From > 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100*(c.To-c.From)/c.From)
	}
	return text
}

// table prints rows under a head, and nothing where there are none. An empty cell
// is "-".
func table[T any](out *bufio.Writer, head string, rows []T, cells func(*T) []any) {
	if len(rows) == 0 {
		return
	}
	// Errors stay with out, as those of every write here do.
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n%s\n", head)
	for i := range rows {
		for n, cell := range cells(&rows[i]) {
			if n > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cmp.Or(printable(fmt.Sprint(cell)), "-"))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
}

// list prints the first differences, one line each.
func (r *replayReport) list(s *whatif.Summary) {
	title := "differences"
	if uint64(len(r.changes)) < s.Differences {
		title = fmt.Sprintf("the first %d differences", len(r.changes))
	}
	fmt.Fprintf(r.out, "\n%s:\n", title)
	for _, c := range r.changes {
		fmt.Fprintln(r.out, printable(fmt.Sprintf("%s  %s/%s  %s  %s  %s", c.Time, c.Tenant, c.Principal, cmp.Or(c.Model, "-"), c.DecisionID, describe(c))))
	}
}

// describe says in words what a difference is.
func describe(c *change) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if c.Verdict != nil {
		add("%s -> %s", c.Verdict.From, c.Verdict.To)
	}
	if c.Failed != nil && c.Failed.To {
		add("the policy fails: %s", c.Error)
	} else if c.Failed != nil {
		add("the policy failed then")
	}
	if p := c.Permitted; p != nil {
		for _, t := range p.Gained {
			add("+%s", t)
		}
		for _, t := range p.Lost {
			add("-%s", t)
		}
	}
	reason := func(sign string, r whatif.Reason) {
		if r.Target != "" {
			sign += r.Target + ":"
		}
		add("%s%s/%s", sign, r.Rule, r.Code)
	}
	if c.Reasons != nil {
		for _, r := range c.Reasons.Added {
			reason("+", r)
		}
		for _, r := range c.Reasons.Removed {
			reason("-", r)
		}
	}
	if c.Messages {
		add("other words")
	}
	for _, o := range c.Obligations {
		add("%s %s -> %s", o.Name, o.From, o.To)
	}
	if c.Prefer != nil && c.Prefer.Reordered {
		add("prefers others")
	} else if c.Prefer != nil {
		add("other weights")
	}
	if c.Controls != nil {
		for _, l := range c.Controls.Gained {
			add("+control %s", l)
		}
		for _, l := range c.Controls.Lost {
			add("-control %s", l)
		}
	}
	if c.CostUSD != nil {
		add("$%.6f -> $%.6f", c.CostUSD.From, c.CostUSD.To)
	}
	if c.Form {
		add("the same in another form")
	}
	return strings.Join(parts, ", ")
}

// printable makes what a client or a policy named safe for a terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsGraphic(c) && !unicode.Is(unicode.Cf, c) {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}

// progressEvery is how often progress is shown.
const progressEvery = 200 * time.Millisecond

func (r *replayReport) progress(t record.ReplayTotals) {
	if r.screen == nil || time.Since(r.shown) < progressEvery {
		return
	}
	r.shown = time.Now()
	part := ""
	if t.Size > 0 {
		part = fmt.Sprintf("%3.0f %%  ", min(100, 100*float64(t.Bytes)/float64(t.Size)))
	}
	fmt.Fprintf(r.screen, "\r\x1b[K%s%d decisions, %.0f a second", part, t.Decisions, float64(t.Decisions)/time.Since(r.begun).Seconds())
}

func (r *replayReport) clearProgress() {
	if r.screen != nil && !r.shown.IsZero() {
		fmt.Fprint(r.screen, "\r\x1b[K")
	}
}
