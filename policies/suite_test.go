package policies

import "testing"

func TestEmbeddedPolicies(t *testing.T) {
	r, err := Test(t.Context(), Config{}, TestOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range r.Results {
		if result.Outcome != Pass {
			t.Errorf("%s:%d: %s: %s", result.File, result.Line, result.Name, result.Message)
		}
	}
	if c := r.Covered(); c < 0.95 {
		t.Errorf("the tests cover %.1f %% of library and standard policy, want 95", 100*c)
	}
	for _, c := range r.Coverage {
		if len(c.Missing) > 0 {
			t.Logf("%s: lines %v are not covered", c.File, c.Missing)
		}
	}
}
