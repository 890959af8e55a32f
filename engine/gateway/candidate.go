package gateway

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// CandidateState is the state of the candidate policy at one moment. The counts
// are since the start, whatever the candidates were.
type CandidateState struct {
	Revision    string            // "": there is none in shadow
	Refused     bool              // there is one that is not put beside the policy in force
	Evaluations uint64            // decisions made again on a candidate
	Errors      uint64            // of those, that it could not be evaluated for
	Differences map[string]uint64 // by what differs
	Dropped     uint64            // decisions that found no room
	Unrecorded  uint64            // differences that could not be recorded
}

// candidateMetrics shows the candidate policy, which comes and goes with the
// configuration.
type candidateMetrics struct {
	state func() CandidateState

	info, refused, evaluations, errors, differences, dropped, unrecorded *prometheus.Desc
}

func newCandidateMetrics(state func() CandidateState) *candidateMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sallyport_candidate_"+name, help, labels, nil)
	}
	return &candidateMetrics{
		state:       state,
		info:        desc("info", "Always 1; the label says which candidate policy is in shadow.", "revision"),
		refused:     desc("refused", "1 where the candidate policy does not load, fails a test or breaks an invariant."),
		evaluations: desc("evaluations_total", "Decisions made again on a candidate policy."),
		errors:      desc("errors_total", "Decisions that a candidate policy could not make."),
		differences: desc("differences_total", "Decisions that a candidate policy makes otherwise, by what differs.", "differs"),
		dropped:     desc("dropped_total", "Decisions that were not made again for want of time."),
		unrecorded:  desc("unrecorded_total", "Differences that could not be written to the decision log."),
	}
}

// Describe implements prometheus.Collector.
func (m *candidateMetrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.info, m.refused, m.evaluations, m.errors, m.differences, m.dropped, m.unrecorded} {
		c <- d
	}
}

// differs are what decisions can differ in: a series that is not there yet cannot
// raise an alarm.
var differs = [...]string{"verdict", "permitted", "reasons", "obligations", "prefer", "failed"}

// Collect implements prometheus.Collector.
func (m *candidateMetrics) Collect(c chan<- prometheus.Metric) {
	s := m.state()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	if s.Revision != "" {
		c <- prometheus.MustNewConstMetric(m.info, prometheus.GaugeValue, 1, s.Revision)
	}
	refused := 0.0
	if s.Refused {
		refused = 1
	}
	c <- prometheus.MustNewConstMetric(m.refused, prometheus.GaugeValue, refused)
	count(m.evaluations, s.Evaluations)
	count(m.errors, s.Errors)
	count(m.dropped, s.Dropped)
	count(m.unrecorded, s.Unrecorded)
	for _, kind := range differs {
		if s.Differences[kind] == 0 {
			count(m.differences, 0, kind)
		}
	}
	for kind, n := range s.Differences {
		if n > 0 {
			count(m.differences, n, kind)
		}
	}
}

// Promote puts the candidate policy in force. It takes turns with Reload.
// revision, where it is not empty, is the candidate's that is meant.
func (s *Server) Promote(ctx context.Context, revision string) (any, error) {
	if s.admin.Promote == nil {
		return nil, errors.New("this server has no candidate policy")
	}
	s.admin.reloading.Lock()
	defer s.admin.reloading.Unlock()
	promoted, err := s.admin.Promote(ctx, revision)
	if err != nil {
		s.log.Error().Err(err).Msg("promotion refused; the policy in force stays")
		return nil, err
	}
	s.log.Info().Str("revision", s.handler.Snapshot().Revision).Msg("promoted the candidate policy")
	return promoted, nil
}

// promote answers 409 where nothing is promoted: the policy in force stays.
func (s *Server) promote(ctx *fasthttp.RequestCtx) {
	promoted, err := s.Promote(s.base, string(ctx.QueryArgs().Peek("revision")))
	if err != nil {
		adminError(ctx, fasthttp.StatusConflict, "promote_refused", err.Error())
		return
	}
	writeJSON(ctx, fasthttp.StatusOK, promoted)
}
