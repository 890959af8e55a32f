package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// BundleState is the state of one policy bundle's source at one moment.
type BundleState struct {
	Name      string
	Revision  string            // of the bundle in force; "" none
	SHA256    string            // of its archive, hex
	Succeeded time.Time         // of the server's last good answer; zero: none yet
	Fetches   map[string]uint64 // by result
	Failing   bool              // there is something to be looked at
}

// bundleMetrics shows the sources of bundles, which come and go with the
// configuration.
type bundleMetrics struct {
	state func() []BundleState

	info, fetches, succeeded, failing *prometheus.Desc
}

func newBundleMetrics(state func() []BundleState) *bundleMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sallyport_bundle_"+name, help, append([]string{"bundle"}, labels...), nil)
	}
	return &bundleMetrics{
		state:     state,
		info:      desc("info", "Always 1; the labels say which bundle is in force.", "revision", "sha256"),
		fetches:   desc("fetches_total", "Questions to the bundle's server.", "result"),
		succeeded: desc("last_success_timestamp_seconds", "When the bundle's server last gave a good answer."),
		failing:   desc("failing", "1 where the server, its bundle or the kept copy needs to be looked at."),
	}
}

// Describe implements prometheus.Collector.
func (m *bundleMetrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.info, m.fetches, m.succeeded, m.failing} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (m *bundleMetrics) Collect(c chan<- prometheus.Metric) {
	for _, b := range m.state() {
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{b.Name}, labels...)...)
		}
		if b.SHA256 != "" {
			gauge(m.info, 1, b.Revision, b.SHA256)
		}
		for result, n := range b.Fetches {
			c <- prometheus.MustNewConstMetric(m.fetches, prometheus.CounterValue, float64(n), b.Name, result)
		}
		if !b.Succeeded.IsZero() {
			gauge(m.succeeded, float64(b.Succeeded.UnixMilli())/1000)
		}
		failing := 0.0
		if b.Failing {
			failing = 1
		}
		gauge(m.failing, failing)
	}
}
