package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestCandidate(t *testing.T) {
	ts := newServer(t, &fakeHandler{}, func(c *Config) {
		c.Candidate = func() CandidateState {
			return CandidateState{Revision: "sha256:next", Evaluations: 7, Errors: 1, Dropped: 2, Differences: map[string]uint64{"verdict": 3, "messages": 1}}
		}
		c.Admin.Candidate = func() any { return map[string]string{"candidate": "sha256:next"} }
		c.Admin.Promote = func(_ context.Context, revision string) (any, error) {
			if revision != "" && revision != "sha256:next" {
				return nil, errors.New("the candidate is sha256:next")
			}
			return map[string]string{"policy_revision": "sha256:next"}, nil
		}
	})
	c := dial(t, ts.listen(t, ts.ServeAdmin, nil))
	for _, tt := range []struct {
		method, path string
		status       int
		contains     []string
	}{
		{"GET", "/metrics", 200, []string{`sallyport_candidate_info{revision="sha256:next"} 1`, `sallyport_candidate_differences_total{differs="verdict"} 3`,
			`sallyport_candidate_differences_total{differs="permitted"} 0`, `sallyport_candidate_differences_total{differs="messages"} 1`,
			"sallyport_candidate_evaluations_total 7", "sallyport_candidate_errors_total 1", "sallyport_candidate_dropped_total 2", "sallyport_candidate_refused 0"}},
		{"GET", "/policy/candidate", 200, []string{`{"candidate":"sha256:next"}`}},
		{"GET", "/-/promote", 405, nil},
		{"POST", "/-/promote?revision=sha256:other", 409, []string{"promote_refused", "the candidate is sha256:next"}},
		{"POST", "/-/promote?revision=sha256:next", 200, []string{`{"policy_revision":"sha256:next"}`}},
		{"POST", "/-/promote", 200, []string{`"policy_revision"`}},
	} {
		c.send(adminRequest(tt.method, tt.path))
		resp, body := c.read()
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, resp.StatusCode, body)
		}
		for _, s := range tt.contains {
			if !strings.Contains(body, s) {
				t.Errorf("%s %s lacks %q", tt.method, tt.path, s)
			}
		}
	}
	// A web page in an operator's browser promotes nothing.
	c.send(strings.Replace(adminRequest("POST", "/-/promote"), "\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n", 1))
	if resp, body := c.read(); resp.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s", resp.StatusCode, body)
	}

	without := newServer(t, &fakeHandler{}, func(*Config) {})
	c = dial(t, without.listen(t, without.ServeAdmin, nil))
	c.send(adminRequest("POST", "/-/promote"))
	if resp, body := c.read(); resp.StatusCode != http.StatusConflict {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
