package gateway

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestEstimatedTokens(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := newMetrics(reg, "test")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(u engine.Usage) {
		m.answered("chat", &engine.Outcome{Attempts: []engine.AttemptResult{{Target: "t"}}, Target: engine.Candidate{Target: "t"}, Usage: u}, time.Second)
	}
	answer(engine.Usage{Input: 100, Output: 10})
	answer(engine.Usage{Input: 15, Output: 2, Estimated: true})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				if l.GetName() == "direction" {
					got[f.GetName()+" "+l.GetValue()] = metric.GetCounter().GetValue()
				}
			}
		}
	}
	want := map[string]float64{"sallyport_tokens_total input": 115, "sallyport_tokens_total output": 12,
		"sallyport_estimated_tokens_total input": 15, "sallyport_estimated_tokens_total output": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}
