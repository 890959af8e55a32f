package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	URL         string  `json:"url"`
	Loop        string  `json:"loop"` // open or closed
	Stream      bool    `json:"stream"`
	Rate        float64 `json:"rate,omitempty"` // requests due each second, open loop
	Concurrency int     `json:"concurrency"`
	Interrupted bool    `json:"interrupted,omitempty"`

	Seconds   float64 `json:"seconds"`
	Requests  int     `json:"requests"` // with an answer or a failure
	Succeeded int     `json:"succeeded"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"requests_per_second"` // succeeded

	// Times of the requests that succeeded; in an open loop from when they were
	// due. Failures are not in them: a service that refuses quickly is not fast.
	TTFT  *Latency `json:"ttft_ms,omitempty"` // streams only
	Total *Latency `json:"total_ms,omitempty"`

	// Late counts the requests that were sent more than lateness after they were
	// due, because every worker was still waiting. Where it is not zero, more
	// Concurrency would put more load on the service.
	Late       int     `json:"late"`
	MaxDelayMs float64 `json:"max_delay_ms"`

	Errors map[string]int `json:"errors,omitempty"` // by code
}

// lateness is what a scheduler's hiccup may delay a request without notice.
const lateness = 10 * time.Millisecond

// maxCodes bounds the error codes told apart.
const maxCodes = 64

// Latency sums up times in milliseconds. Quantiles are by nearest rank over all
// measurements.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// tally holds the measurements of a worker, then of all.
type tally struct {
	ttft, total []time.Duration
	failed      int
	errors      map[string]int
	late        int
	maxDelay    time.Duration
}

func (t *tally) add(due, sent, end time.Time, r reply) {
	delay := sent.Sub(due)
	t.maxDelay = max(t.maxDelay, delay)
	if delay > lateness {
		t.late++
	}
	if r.code != "" {
		t.failed++
		t.count(r.code, 1)
		return
	}
	t.total = append(t.total, end.Sub(due))
	if !r.first.IsZero() {
		t.ttft = append(t.ttft, r.first.Sub(due))
	}
}

func (t *tally) count(code string, n int) {
	if t.errors == nil {
		t.errors = map[string]int{}
	}
	if _, known := t.errors[code]; !known && len(t.errors) >= maxCodes {
		code = codeOther
	}
	t.errors[code] += n
}

func (t *tally) merge(o *tally) {
	t.ttft = append(t.ttft, o.ttft...)
	t.total = append(t.total, o.total...)
	t.failed += o.failed
	t.late += o.late
	t.maxDelay = max(t.maxDelay, o.maxDelay)
	for code, n := range o.errors {
		t.count(code, n)
	}
}

func (t *tally) report(c Config, took time.Duration, interrupted bool) *Report {
	r := &Report{
		Loop: "closed", Stream: c.Stream, Rate: c.Rate, Concurrency: c.Concurrency, Interrupted: interrupted,
		Seconds: took.Seconds(), Requests: len(t.total) + t.failed, Succeeded: len(t.total), Failed: t.failed,
		TTFT: latency(t.ttft), Total: latency(t.total),
		Late: t.late, MaxDelayMs: milliseconds(t.maxDelay), Errors: t.errors,
	}
	if c.Rate > 0 {
		r.Loop = "open"
	}
	if took > 0 {
		r.PerSecond = float64(len(t.total)) / took.Seconds()
	}
	return r
}

// latency sorts d and sums it up; nil where it is empty.
func latency(d []time.Duration) *Latency {
	if len(d) == 0 {
		return nil
	}
	slices.Sort(d)
	sum := 0.0
	for _, x := range d {
		sum += milliseconds(x)
	}
	rank := func(percent int) float64 {
		return milliseconds(d[(len(d)*percent+99)/100-1])
	}
	return &Latency{Mean: sum / float64(len(d)), P50: rank(50), P90: rank(90), P99: rank(99), Max: milliseconds(d[len(d)-1])}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// WritePretty writes the report for a reader at a terminal.
func (r *Report) WritePretty(w io.Writer) error {
	var b strings.Builder
	kind := "unary"
	if r.Stream {
		kind = "streaming"
	}
	loop := "closed loop"
	if r.Loop == "open" {
		loop = fmt.Sprintf("open loop, %g requests due each second", r.Rate)
	}
	fmt.Fprintf(&b, "%s: %s, %s, concurrency %d\n", r.URL, kind, loop, r.Concurrency)
	fmt.Fprintf(&b, "%d requests in %.1f s: %d succeeded (%.1f/s), %d failed\n", r.Requests, r.Seconds, r.Succeeded, r.PerSecond, r.Failed)
	if r.Interrupted {
		b.WriteString("interrupted before its end\n")
	}
	if r.Total != nil {
		fmt.Fprintf(&b, "\n%-8s%10s%10s%10s%10s%10s\n", "ms", "mean", "p50", "p90", "p99", "max")
		for _, row := range []struct {
			name string
			l    *Latency
		}{{"ttft", r.TTFT}, {"total", r.Total}} {
			if l := row.l; l != nil {
				fmt.Fprintf(&b, "%-8s%10.2f%10.2f%10.2f%10.2f%10.2f\n", row.name, l.Mean, l.P50, l.P90, l.P99, l.Max)
			}
		}
	}
	if r.Late > 0 {
		fmt.Fprintf(&b, "\n%d requests were sent late, by up to %.0f ms: every worker was busy\n", r.Late, r.MaxDelayMs)
	}
	if len(r.Errors) > 0 {
		b.WriteString("\nfailures\n")
		for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
			fmt.Fprintf(&b, "%8d  %s\n", r.Errors[code], code)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
