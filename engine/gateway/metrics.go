package gateway

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sallyport-ai/sallyport/engine"
)

// metrics are what Prometheus reads. Every label takes its values from the
// configuration or from constants of this program; none from a client.
type metrics struct {
	requests    *prometheus.CounterVec   // route, verdict, action, code
	duration    *prometheus.HistogramVec // route
	ttft        *prometheus.HistogramVec // target
	stages      *prometheus.HistogramVec // stage
	tokens      *prometheus.CounterVec   // target, direction
	estimated   *prometheus.CounterVec   // target, direction
	cost        *prometheus.CounterVec   // target
	attempts    *prometheus.CounterVec   // target, result
	decisions   *prometheus.CounterVec   // verdict
	findings    *prometheus.CounterVec   // classifier, kind
	completions *prometheus.CounterVec   // action
	replyFound  *prometheus.CounterVec   // classifier, kind
	replyFailed *prometheus.CounterVec   // classifier, error
	inflight    prometheus.Gauge
	disconnects prometheus.Counter
	reloadOK    prometheus.Gauge
	reloadTime  prometheus.Gauge
}

func newMetrics(reg *prometheus.Registry, version string) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sallyport", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "sallyport", Name: name, Help: help, Buckets: buckets}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sallyport", Name: name, Help: help})
	}
	// Replies take from milliseconds to minutes, the stages before them from
	// microseconds to the seconds of a queue.
	reply := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	m := &metrics{
		requests:    counter("requests_total", "Requests answered.", "route", "verdict", "action", "code"),
		duration:    histogram("request_duration_seconds", "Time from a request's receipt to the end of its reply.", reply, "route"),
		ttft:        histogram("ttft_seconds", "Time from a request's receipt to the first token.", reply, "target"),
		stages:      histogram("stage_duration_seconds", "Time in each stage of a request.", prometheus.ExponentialBuckets(1e-5, 4, 12), "stage"),
		tokens:      counter("tokens_total", "Tokens read and written by targets.", "target", "direction"),
		estimated:   counter("estimated_tokens_total", "Those of tokens_total that were counted here, for the target did not say.", "target", "direction"),
		cost:        counter("cost_usd_total", "Cost of replies where the price is known, in US dollars.", "target"),
		attempts:    counter("attempts_total", "Tries at a target.", "target", "result"),
		decisions:   counter("decisions_total", "Policy decisions.", "verdict"),
		findings:    counter("findings_total", "Findings of classifiers.", "classifier", "kind"),
		completions: counter("completions_inspected_total", "Replies that classifiers read, by what was done about them.", "action"),
		replyFound:  counter("completion_findings_total", "Findings of classifiers in replies.", "classifier", "kind"),
		replyFailed: counter("completion_errors_total", "Failures of classifiers on replies.", "classifier", "error"),
		inflight:    gauge("inflight_requests", "Inference requests being answered now."),
		disconnects: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "sallyport", Name: "client_disconnects_total", Help: "Requests whose client went away before the end of the reply."}),
		reloadOK:    gauge("config_last_reload_successful", "1 where the last reload of the configuration took effect."),
		reloadTime:  gauge("config_last_reload_success_timestamp_seconds", "When a configuration last took effect."),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sallyport", Name: "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()}})
	build.Set(1)
	m.reloaded(nil, time.Now()) // a configuration took effect, or there would be no server
	var errs []error
	for _, c := range []prometheus.Collector{
		m.requests, m.duration, m.ttft, m.stages, m.tokens, m.estimated, m.cost, m.attempts, m.decisions, m.findings,
		m.completions, m.replyFound, m.replyFailed,
		m.inflight, m.disconnects, m.reloadOK, m.reloadTime, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) reloaded(err error, now time.Time) {
	if err != nil {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(now.UnixMilli()) / 1000)
}

// answered counts a request and all that its outcome tells.
func (m *metrics) answered(route string, o *engine.Outcome, took time.Duration) {
	verdict, action, code := labels(o)
	m.requests.WithLabelValues(route, verdict, action, code).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
	if verdict != none {
		m.decisions.WithLabelValues(verdict).Inc()
	}
	for _, s := range stages(&o.Timings) {
		if s.took > 0 {
			m.stages.WithLabelValues(s.name).Observe(s.took.Seconds())
		}
	}
	for i := range o.Findings {
		m.findings.WithLabelValues(o.Findings[i].Classifier, o.Findings[i].Kind).Inc()
	}
	if c := o.Completion; c != nil {
		m.completions.WithLabelValues(c.Action).Inc()
		for i := range c.Findings {
			m.replyFound.WithLabelValues(c.Findings[i].Classifier, c.Findings[i].Kind).Add(float64(c.Findings[i].Count))
		}
		for classifier, code := range c.Errors {
			m.replyFailed.WithLabelValues(classifier, code).Inc()
		}
	}
	for i := range o.Attempts {
		result := "ok"
		if e := o.Attempts[i].Error; e != "" {
			result = e
		}
		m.attempts.WithLabelValues(o.Attempts[i].Target, result).Inc()
	}
	if len(o.Attempts) == 0 {
		return
	}
	target := o.Target.Target
	if o.Timings.TTFT > 0 {
		m.ttft.WithLabelValues(target).Observe(o.Timings.TTFT.Seconds())
	}
	m.tokens.WithLabelValues(target, "input").Add(float64(o.Usage.Input))
	m.tokens.WithLabelValues(target, "output").Add(float64(o.Usage.Output))
	if o.Usage.Estimated {
		m.estimated.WithLabelValues(target, "input").Add(float64(o.Usage.Input))
		m.estimated.WithLabelValues(target, "output").Add(float64(o.Usage.Output))
	}
	m.cost.WithLabelValues(target).Add(o.CostUSD)
}

// none stands for the verdict and action of a request that did not get as far
// as policy.
const none = "none"

func labels(o *engine.Outcome) (verdict, action, code string) {
	verdict, action, code = none, none, "ok"
	if o.Action != "" {
		verdict, action = o.Verdict.String(), string(o.Action)
	}
	if o.Code != "" {
		code = o.Code
	}
	return verdict, action, code
}

// finish counts a request and writes its line of the access log: what was asked
// of which route and what became of it, never a text of it.
func (s *Server) finish(e *endpoint, traceID string, start time.Time, o *engine.Outcome) {
	took := time.Since(start)
	s.metrics.answered(e.Pattern, o, took)
	if o.RecordErr != nil {
		s.log.Error().Err(o.RecordErr).Str("decision_id", o.DecisionID).Msg("decision log not written")
	}
	verdict, action, code := labels(o)
	line := s.log.Info().Str("decision_id", o.DecisionID).Str("route", e.Pattern).Int("status", o.Status).
		Str("code", code).Str("verdict", verdict).Str("action", action)
	if traceID != "" {
		line = line.Str("trace_id", traceID)
	}
	if len(o.Attempts) > 0 {
		line = line.Str("target", o.Target.Target).Str("model", o.Target.Model).Int("attempts", len(o.Attempts)).
			Int("input_tokens", o.Usage.Input).Int("output_tokens", o.Usage.Output)
		if o.Timings.TTFT > 0 {
			line = line.RawJSON("ttft_ms", milliseconds(o.Timings.TTFT))
		}
	}
	line.RawJSON("ms", milliseconds(took)).Msg("request")
}

// milliseconds is a duration as a JSON number with three decimals at most.
func milliseconds(d time.Duration) []byte {
	return strconv.AppendFloat(nil, float64(d.Microseconds())/1000, 'f', -1, 64)
}

// LogState is the state of the decision log at one moment.
type LogState struct {
	Records uint64 // written since the start
	Dropped uint64 // left out since the start, in mode best_effort
	Queued  int    // waiting to be written
	Failing bool   // the disk takes nothing at present
}

// registerLog shows the decision log's state. In modes that do not refuse requests
// for it, a failing disk shows here and nowhere else.
func registerLog(reg *prometheus.Registry, state func() LogState) error {
	collectors := []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "sallyport", Name: "log_records_total",
			Help: "Records written to the decision log."}, func() float64 { return float64(state().Records) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "sallyport", Name: "log_dropped_total",
			Help: "Records left out of the decision log in mode best_effort."}, func() float64 { return float64(state().Dropped) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sallyport", Name: "log_queued",
			Help: "Records waiting to be written to the decision log."}, func() float64 { return float64(state().Queued) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sallyport", Name: "log_failing",
			Help: "1 while the decision log cannot be written."}, func() float64 {
			if state().Failing {
				return 1
			}
			return 0
		}),
	}
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// PolicyState says how decisions are made at one moment. The counts are those of
// the policy in force.
type PolicyState struct {
	Compiled   bool   // by compiled policy; otherwise by OPA's own evaluator
	Looked     uint64 // decisions that were looked up in the cache
	Hits       uint64
	Rechecked  uint64 // decisions that were made again on OPA's own evaluator
	Mismatches uint64 // of those, that differed
}

// registerPolicy shows how decisions are made.
func registerPolicy(reg *prometheus.Registry, state func() PolicyState) error {
	gauge := func(name, help string, of func(PolicyState) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sallyport", Name: name, Help: help},
			func() float64 { return of(state()) })
	}
	for _, c := range []prometheus.Collector{
		gauge("policy_compiled", "1 while decisions are made by compiled policy, 0 while by OPA's own evaluator.", func(s PolicyState) float64 {
			if s.Compiled {
				return 1
			}
			return 0
		}),
		gauge("policy_cache_lookups", "Decisions of the policy in force that were looked up.", func(s PolicyState) float64 { return float64(s.Looked) }),
		gauge("policy_cache_hits", "Decisions of the policy in force that were found.", func(s PolicyState) float64 { return float64(s.Hits) }),
		gauge("policy_rechecks", "Decisions of the policy in force that were made again on OPA's own evaluator.", func(s PolicyState) float64 { return float64(s.Rechecked) }),
		gauge("policy_mismatches", "Decisions of the policy in force that OPA's own evaluator makes otherwise: a fault of this program.", func(s PolicyState) float64 { return float64(s.Mismatches) }),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
