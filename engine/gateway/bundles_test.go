package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBundleState(t *testing.T) {
	states := []BundleState{
		{Name: "main", Revision: "r7", SHA256: "ab", Succeeded: time.Unix(1_790_000_000, 500_000_000), Fetches: map[string]uint64{"new": 2, "unchanged": 40}},
		{Name: "none", Failing: true, Fetches: map[string]uint64{"failed": 3}},
	}
	ts := start(t, &fakeHandler{}, func(c *Config) {
		c.Bundles = func() []BundleState { return states }
		c.Admin.Ready = []Check{{Name: "bundles", Degraded: true, Probe: func() error { return errors.New("bundle \"none\": status 500\nsecond line") }}}
	})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	c.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	_, body := c.read()
	for _, want := range []string{
		`sallyport_bundle_info{bundle="main",revision="r7",sha256="ab"} 1`,
		`sallyport_bundle_fetches_total{bundle="main",result="unchanged"} 40`,
		`sallyport_bundle_last_success_timestamp_seconds{bundle="main"} 1.7900000005e+09`,
		`sallyport_bundle_failing{bundle="main"} 0`,
		`sallyport_bundle_failing{bundle="none"} 1`,
		`sallyport_bundle_fetches_total{bundle="none",result="failed"} 3`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(body, `sallyport_bundle_info{bundle="none"`) {
		t.Error("a bundle that is not there is shown in force")
	}
	// What is degraded is said, and the service stays ready.
	c.send("GET /readyz?verbose HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp, body := c.read(); resp.StatusCode != http.StatusOK || !strings.Contains(body, "[!] bundles: bundle \"none\": status 500\n    second line\n") || !strings.HasSuffix(body, "ready\n") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
