package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"time"
)

// decide reads the request's texts, gathers the facts and asks policy.
func (x *exchange) decide(ctx context.Context) bool {
	x.out.Candidates = x.snap.Forwarder.Candidates(x.req)
	if len(x.out.Candidates) == 0 {
		return x.refuse(ActionDeny, http.StatusNotFound, CodeUnknownModel,
			fmt.Sprintf("no target declares a model or alias %q; GET /v1/models lists what there is", x.req.Model))
	}
	facts, failed := x.classify(ctx)
	x.maskFindings()
	x.in = x.input(facts)
	if n := x.in.clientBytes(); n > MaxInputBytes {
		x.in = nil // it would be recorded
		return x.refuse(ActionDeny, http.StatusRequestEntityTooLarge, CodeTooLarge,
			fmt.Sprintf("metadata, names of tools and headers have %d bytes together; at most %d can be judged", n, MaxInputBytes))
	}
	if !x.evaluate(ctx) {
		return false
	}
	if len(failed) > 0 {
		// Policy has been asked, so that its view stands in the record; but no
		// allow holds over texts that nobody could read.
		return x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied,
			"a classifier that must read every request failed", failed...)
	}
	return true
}

// classify runs every classifier over the texts it inspects. It returns the
// facts for policy and a reason for each failure that policy was not asked to
// judge.
func (x *exchange) classify(ctx context.Context) (map[string]ClassifierFacts, []Reason) {
	begun := time.Now()
	facts := make(map[string]ClassifierFacts, len(x.snap.Classifiers))
	var failed []Reason
	for _, c := range x.snap.Classifiers {
		info := c.Info()
		x.classified = append(x.classified, info)
		report, err := x.read(ctx, c, info)
		if err != nil {
			code := ClassifierUnavailable
			if ce, ok := errors.AsType[*ClassifierError](err); ok {
				code = ce.Code
			}
			facts[info.Name] = ClassifierFacts{Error: code}
			if !info.Report {
				failed = append(failed, Reason{Code: ReasonClassifierFailed,
					Message: fmt.Sprintf("classifier %q failed: %s", info.Name, code), Rule: "engine"})
			}
			continue
		}
		found := map[string]FindingFacts{}
		for _, f := range report.Findings {
			f.Classifier = info.Name
			x.out.Findings = append(x.out.Findings, f)
			n := found[f.Kind]
			found[f.Kind] = FindingFacts{Count: n.Count + 1, MaxScore: max(n.MaxScore, f.Score)}
		}
		x.truncated = x.truncated || report.Truncated
		scores := report.Scores
		if scores == nil {
			scores = map[string]float64{}
		}
		of := ClassifierFacts{Findings: found, Scores: scores}
		if report.Truncated {
			// What is missing may be the finding that matters: whoever fills the
			// report with harmless ones must gain nothing by it.
			of.Error = ClassifierTruncated
			if !info.Report {
				failed = append(failed, Reason{Code: ReasonClassifierFailed,
					Message: fmt.Sprintf("classifier %q found more than it can report", info.Name), Rule: "engine"})
			}
		}
		facts[info.Name] = of
	}
	x.out.Timings.Classify = time.Since(begun)
	return facts, failed
}

// read has one classifier read the texts it inspects. Findings are located in the
// request's texts.
func (x *exchange) read(ctx context.Context, c Classifier, info ClassifierInfo) (Report, error) {
	texts, index := x.inspected(info.Inspect)
	report, err := readTexts(ctx, c, info.Name, texts)
	for i := range report.Findings {
		report.Findings[i].Text = index[report.Findings[i].Text]
	}
	return report, err
}

// readTexts has a classifier read texts, and once more those that hold escapes, as
// they are without them. Scores are those of the first reading; the findings of
// both are located in the texts, each once. The caller owns the findings.
func readTexts(ctx context.Context, c Classifier, name string, texts []*Text) (Report, error) {
	report, err := c.Classify(ctx, texts)
	if err != nil {
		return Report{}, err
	}
	report.Findings = slices.Clone(report.Findings)
	var decoded []*Text
	var views []*view
	var of []int
	for i, t := range texts {
		if v := newView(t.Value); v != nil {
			d := *t
			d.Value = v.value
			decoded, views, of = append(decoded, &d), append(views, v), append(of, i)
		}
	}
	if len(decoded) == 0 {
		return report, nil
	}
	second, err := c.Classify(ctx, decoded)
	if err != nil {
		return Report{}, err
	}
	seen := make(map[Finding]bool, len(report.Findings))
	place := func(f Finding) Finding { return Finding{Kind: f.Kind, Text: f.Text, Span: f.Span} }
	for _, f := range report.Findings {
		seen[place(f)] = true
	}
	for _, f := range second.Findings {
		span, ok := views[f.Text].span(f.Span)
		if !ok {
			return Report{}, &ClassifierError{Classifier: name, Code: ClassifierBadResult, Err: errors.New("a finding lies outside of its text")}
		}
		f.Text, f.Span = of[f.Text], span
		if !seen[place(f)] {
			seen[place(f)] = true
			report.Findings = append(report.Findings, f)
		}
	}
	report.Truncated = report.Truncated || second.Truncated
	return report, nil
}

// inspected returns the texts a classifier reads and their places in the
// request. A text that holds a document is read through that document's leaves.
func (x *exchange) inspected(inspect []string) ([]*Text, []int) {
	prompt := len(inspect) == 0 || slices.Contains(inspect, "prompt")
	tools := len(inspect) == 0 || slices.Contains(inspect, "tools")
	texts := make([]*Text, 0, len(x.req.Texts))
	index := make([]int, 0, len(x.req.Texts))
	for i, t := range x.req.Texts {
		ofTools := t.Kind == KindToolArguments || t.Kind == KindToolResult || t.Kind == KindToolDefinition
		if t.Inner == nil && (ofTools && tools || !ofTools && prompt) {
			texts, index = append(texts, t), append(index, i)
		}
	}
	return texts, index
}

// maskFindings notes the strings in which something was found. Names of tools and
// metadata are the client's words in the input, which is recorded: policy and the
// log see a placeholder there, as a target may.
func (x *exchange) maskFindings() {
	found := map[int][]int{}
	for i, f := range x.out.Findings {
		found[f.Text] = append(found[f.Text], i)
	}
	x.masks = make(map[string]string, len(found))
	places := newPlaceholders(x.req.Texts)
	for text, t := range x.req.Texts { // in order, as redact numbers them
		if len(found[text]) == 0 {
			continue
		}
		value, ok := places.replace(t.Value, x.findings(found[text]))
		if !ok {
			value = "<" + x.out.Findings[found[text][0]].Kind + ">"
		}
		x.masks[t.Value] = value
	}
}

// masked is a string of the request as the input has it.
func (x *exchange) masked(s string) string {
	if m, ok := x.masks[s]; ok {
		return m
	}
	return s
}

// input gathers everything the decision depends on.
func (x *exchange) input(facts map[string]ClassifierFacts) *Input {
	r := x.req
	budget := x.snap.Budgets.Apply(r.Budget)
	in := &Input{
		Time: x.start.UTC().Format(time.RFC3339),
		Request: InputRequest{
			Dialect: string(r.Dialect), Operation: string(r.Operation), Model: r.Model, Stream: r.Stream,
			PromptTokens: r.PromptTokens, PromptBytes: r.PromptBytes, MaxOutputTokens: r.MaxOutputTokens,
			Messages: len(r.Messages), Tools: []string{}, Modalities: r.Modalities,
			Metadata: make(map[string]string, len(r.Metadata)), Headers: r.Headers,
		},
		Principal:   r.Principal,
		Classifiers: facts,
		Budget: InputBudget{
			TTFTMs: budget.TTFT.Milliseconds(), TPOTMs: budget.TPOT.Milliseconds(), TotalMs: budget.Total.Milliseconds(),
		},
		Usage:   x.e.ledger.Request(r.Principal.Tenant, x.start),
		Targets: make(map[string]TargetFacts, len(x.out.Candidates)),
	}
	for _, t := range r.Tools {
		in.Request.Tools = append(in.Request.Tools, x.masked(t.Name))
	}
	if in.Request.Modalities == nil {
		in.Request.Modalities = []string{}
	}
	for k, v := range r.Metadata {
		in.Request.Metadata[x.masked(k)] = x.masked(v)
	}
	if in.Request.Headers == nil {
		in.Request.Headers = map[string]string{}
	}
	for _, c := range x.out.Candidates {
		in.Targets[c.Key] = c.Facts
	}
	return in
}

// evaluate asks policy. Only an allow lets the request go on.
func (x *exchange) evaluate(ctx context.Context) bool {
	begun := time.Now()
	x.out.Input = x.in
	d, err := x.snap.Decider.Decide(ctx, x.in)
	x.out.Timings.Policy = time.Since(begun)
	if err != nil || d == nil {
		code, message := ReasonPolicyError, "policy gave no decision"
		if err != nil {
			message = "policy could not be evaluated: " + err.Error()
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			// Not a property of the input: a replay cannot come to the same.
			code = ReasonPolicyInterrupted
		}
		return x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied, "policy could not be evaluated",
			Reason{Code: code, Message: message, Rule: "engine"})
	}
	x.out.Decision, x.out.Verdict = d, d.Verdict()
	x.out.Disclose = d.Obligations.DiscloseTarget == nil || *d.Obligations.DiscloseTarget
	if l := d.Obligations.Log; l != "" {
		x.logLevel = l
	}
	x.exclude(d)
	if x.out.Verdict == Allow {
		return true
	}
	if len(d.Deny) > 0 {
		return x.refuse(ActionDeny, http.StatusForbidden, CodePolicyDenied, "policy denies this request", d.Deny...)
	}
	return x.refuse(ActionDeny, http.StatusForbidden, CodeNoPermittedTarget,
		"policy permits none of the targets that could serve this request")
}

// exclude notes which candidates policy excluded: by their key, or by the name of
// their target.
func (x *exchange) exclude(d *Decision) {
	x.out.Excluded = map[string][]Reason{}
	for key, t := range x.in.Targets {
		reasons := slices.Clone(d.Exclude[key])
		if t.Target != "" && t.Target != key {
			for _, r := range d.Exclude[t.Target] {
				if !slices.Contains(reasons, r) {
					reasons = append(reasons, r)
				}
			}
		}
		if len(reasons) > 0 {
			x.out.Excluded[key] = reasons
		}
	}
}

// permit leaves the candidates that policy did not exclude and that can carry
// the request as obliged.
func (x *exchange) permit() bool {
	left := slices.DeleteFunc(slices.Clone(x.out.Candidates), func(c Candidate) bool { return len(x.out.Excluded[c.Key]) > 0 })
	slices.SortFunc(left, func(a, b Candidate) int { return strings.Compare(a.Key, b.Key) })
	var fits fits
	for _, c := range left {
		if r, ok := x.unfit(c); !ok {
			x.out.Excluded[c.Key] = []Reason{r}
			continue
		}
		if r, ok := x.fit(&fits, &c); !ok {
			x.out.Excluded[c.Key] = []Reason{r}
			continue
		}
		x.permitted = append(x.permitted, c)
	}
	if len(x.permitted) == 0 {
		if n := len(fits.misfits); n > 0 && n == len(left) {
			return x.refuseField(&fits.misfits[0])
		}
		return x.refuse(ActionDeny, http.StatusForbidden, CodeNoPermittedTarget,
			"none of the targets that declare this model is permitted and able to serve this request")
	}
	return true
}

// contextSlack is how far the estimate of prompt tokens may lie above a declared
// context before the candidate is dropped: the estimate is good to about a fifth.
const contextSlack = 1.25

func (x *exchange) unfit(c Candidate) (Reason, bool) {
	if !c.Supports {
		return Reason{Code: ReasonOperationUnsupported, Rule: "engine",
			Message: fmt.Sprintf("the target's dialect %s cannot carry the operation %s", c.Facts.Dialect, x.req.Operation)}, false
	}
	if c.ContextTokens > 0 && float64(x.req.PromptTokens) > contextSlack*float64(c.ContextTokens) {
		return Reason{Code: ReasonContextTooLong, Rule: "engine",
			Message: fmt.Sprintf("the prompt is longer than the model's context of %d tokens", c.ContextTokens)}, false
	}
	if most := x.out.Decision.Obligations.MaxCostUSD; most != nil {
		output := x.maxOutput
		if output == 0 {
			output = x.req.MaxOutputTokens
		}
		estimate := max(c.Facts.CostEstimate, c.Price.Cost(Usage{Input: x.req.PromptTokens, Output: output}))
		switch {
		case !c.Price.Known:
			return Reason{Code: ReasonMaxCost, Rule: "engine", Message: "policy caps the cost and the target states no price"}, false
		case estimate > *most:
			return Reason{Code: ReasonMaxCost, Rule: "engine", Message: "the estimated cost is above policy's cap"}, false
		}
	}
	return Reason{}, true
}

// plan orders the permitted candidates within the budget. A default that nobody
// stated for this request orders them too, but refuses nothing.
func (x *exchange) plan() bool {
	now := time.Now()
	q := &PlanQuery{
		Permitted:       x.permitted,
		Prefer:          x.preferences(),
		Budget:          x.budget,
		Elapsed:         now.Sub(x.start),
		PromptTokens:    x.req.PromptTokens,
		MaxOutputTokens: x.outputCap(),
		Stream:          x.req.Stream,
	}
	p := x.e.scheduler.Plan(q, now)
	if len(p.Attempts) == 0 && x.budget != x.stated {
		q.Budget = x.stated
		p = x.e.scheduler.Plan(q, now)
	}
	x.out.Plan, x.out.RetryAfter = p, p.RetryAfter
	switch {
	case p.Infeasible:
		return x.refuse(ActionShed, http.StatusUnprocessableEntity, CodeBudgetInfeasible,
			"no permitted target could meet the stated budget, not even an idle one; state a longer budget")
	case p.Shed || len(p.Attempts) == 0:
		return x.refuse(ActionShed, http.StatusServiceUnavailable, CodeShed,
			"no permitted target can take this request in time; try again later")
	}
	for _, a := range p.Attempts {
		if !slices.ContainsFunc(x.permitted, func(c Candidate) bool { return c.Key == a.Candidate.Key }) {
			return x.refuse(ActionDeny, http.StatusInternalServerError, CodeInternal,
				"the scheduler planned a target that policy did not permit")
		}
	}
	return true
}

// preferences are policy's weights by candidate; a weight for a target's name
// holds for each of its models.
func (x *exchange) preferences() map[string]float64 {
	weights := make(map[string]float64, len(x.permitted))
	for _, c := range x.permitted {
		w, ok := x.out.Decision.Prefer[c.Key]
		if !ok {
			w, ok = x.out.Decision.Prefer[c.Target]
		}
		if ok {
			weights[c.Key] = w
		}
	}
	return weights
}

func (x *exchange) outputCap() int {
	if x.maxOutput > 0 {
		return x.maxOutput
	}
	return x.req.MaxOutputTokens
}
