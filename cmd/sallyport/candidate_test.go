package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine/record"
)

const onlyFar = `package sallyport.rules.place

exclude["near"] contains {"code": "not_near", "message": "near is closed"} if input.request.model == "m"
`

const nobodyShut = `package sallyport.invariants.place

invariant contains {"name": "far_is_shut", "message": "a request may go far"} if {
	input.request.model == "m"
	"far" in data.sallyport.permitted
}
`

// shown is what /policy/candidate says.
type shown struct {
	Live, Candidate, Refused string
	Promoted                 *promotion
	Evaluations              int
	Summary                  struct {
		Differences int
		Kinds       map[string]int
		Targets     []struct {
			Target       string
			Gained, Lost int
		}
	}
	Recent []struct {
		DecisionID string `json:"decision_id"`
		Differs    []string
	}
}

func candidateOf(t *testing.T, s *runningService) (v shown) {
	t.Helper()
	_, text, _ := strings.Cut(body(t, s.admin+"/policy/candidate"), " ")
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

func startAt(t *testing.T, path string) *runningService {
	t.Helper()
	s, err := startService([]string{"serve", "-c", path}, environment("TEAM_KEY", "team-secret"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCandidateInService(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sallyport.hcl")
	write(t, path, strings.Replace(twoTargets, `paths = ["policies"]`, "\n  paths     = [\"policies\"]\n  candidate = [\"next\"]\n", 1))
	live, next := filepath.Join(dir, "policies", "place.rego"), filepath.Join(dir, "next", "place.rego")
	write(t, live, onlyNear)
	write(t, next, onlyFar)
	s := startAt(t, path)
	stopped := false
	defer func() {
		if !stopped {
			s.stop()
		}
	}()
	goesTo := func(want, when string) {
		t.Helper()
		if target, _, err := served(t, client(s, "team-secret"), "hi"); err != nil || target != want {
			t.Fatalf("%s: served by %q, %v", when, target, err)
		}
	}

	// Beside the policy in force, the candidate decides nothing and is compared.
	goesTo("near", "with a candidate in shadow")
	becomes(t, "the comparison", func() bool { return candidateOf(t, s).Evaluations == 1 })
	v := candidateOf(t, s)
	if v.Summary.Differences != 1 || v.Summary.Kinds["permitted"] != 1 || v.Summary.Kinds["reasons"] != 1 || v.Summary.Kinds["verdict"] != 0 ||
		len(v.Summary.Targets) != 2 || len(v.Recent) != 1 || v.Live == v.Candidate || v.Promoted != nil {
		t.Errorf("%+v", v)
	}
	if got := body(t, s.admin+"/metrics"); !strings.Contains(got, `sallyport_candidate_differences_total{differs="permitted"} 1`) ||
		!strings.Contains(got, `sallyport_candidate_info{revision="`+v.Candidate+`"} 1`) || !strings.Contains(got, `sallyport_candidate_differences_total{differs="verdict"} 0`) {
		t.Errorf("metrics: %s", got)
	}
	records := func(kind string) (of []string) {
		t.Helper()
		if err := record.Scan(filepath.Join(dir, "log"), 0, func(_ uint64, raw []byte) error {
			if strings.Contains(string(raw), `"kind":"`+kind+`"`) {
				of = append(of, string(raw))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return of
	}
	becomes(t, "the record", func() bool { return len(records("candidate")) == 1 })
	if r := records("candidate")[0]; !strings.Contains(r, `"permitted":{"gained":["far"],"lost":["near"]}`) || !strings.Contains(r, `"decision_id":"`+v.Recent[0].DecisionID+`"`) ||
		!strings.Contains(r, `"decided":1`) {
		t.Errorf("%s", r)
	}
	if r := records("decision")[0]; !strings.Contains(r, `"policy":{"candidate":"`+v.Candidate+`","revision":"`+v.Live+`"}`) {
		t.Errorf("%s", r)
	}

	// One whose test fails, or whose invariant does not hold, is refused: nothing else changes.
	refused := func(what, file, text, why string) {
		t.Helper()
		write(t, file, text)
		becomes(t, what, func() bool { return strings.Contains(candidateOf(t, s).Refused, why) })
		if got := body(t, s.admin+"/readyz?verbose"); !strings.HasPrefix(got, "200") || !strings.Contains(got, "[!] candidate: refused: ") {
			t.Errorf("%s: %s", what, got)
		}
		if got := body(t, s.admin+"/metrics"); !strings.Contains(got, "sallyport_candidate_refused 1") {
			t.Errorf("%s: the metric does not say so", what)
		}
		if code, text := post(t, s.admin+"/-/promote"); code != http.StatusConflict || !strings.Contains(text, why) {
			t.Errorf("%s: promote answers %d %s", what, code, text)
		}
		goesTo("near", what)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		becomes(t, what+" and mended", func() bool { return candidateOf(t, s).Candidate == v.Candidate })
	}
	refused("a failing test", filepath.Join(dir, "next", "place_test.rego"), "package sallyport.rules.place_test\n\ntest_never if false\n", "test_never failed")
	refused("a broken invariant", filepath.Join(dir, "next", "never.rego"), nobodyShut, "the invariant far_is_shut does not hold")

	// Promotion is of what was looked at.
	if code, text := post(t, s.admin+"/-/promote?revision="+v.Live); code != http.StatusConflict || !strings.Contains(text, v.Candidate) {
		t.Errorf("%d %s", code, text)
	}
	code, text := post(t, s.admin+"/-/promote?revision="+v.Candidate)
	if code != http.StatusOK || !strings.Contains(text, `"policy_revision":"`+v.Candidate+`"`) || !strings.Contains(text, `"previous_revision":"`+v.Live+`"`) || !strings.Contains(text, "promoted.json") {
		t.Fatalf("%d %s", code, text)
	}
	goesTo("far", "after the promotion")
	if now := candidateOf(t, s); now.Live != v.Candidate || now.Candidate != "" || now.Promoted == nil || now.Promoted.Replaces != v.Live {
		t.Errorf("%+v", now)
	}
	if code, text := post(t, s.admin+"/-/promote"); code != http.StatusConflict || !strings.Contains(text, "there is no candidate") {
		t.Errorf("%d %s", code, text)
	}

	// It outlives a reload, a candidate that goes on changing, and a restart.
	if code, text := post(t, s.admin+"/-/reload"); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	goesTo("far", "after a reload")
	write(t, next, onlyFar+"\nprefer[\"far\"] := 0.5 if input.request.stream\n")
	becomes(t, "the next candidate", func() bool { v := candidateOf(t, s); return v.Candidate != "" && v.Candidate != v.Live })
	goesTo("far", "with the next candidate")
	if code := s.stop(); code != exitOK {
		t.Fatalf("%d: %s", code, s.err.String())
	}
	s = startAt(t, path)
	goesTo("far", "after a restart")
	if now := candidateOf(t, s); now.Live != v.Candidate || now.Promoted == nil {
		t.Errorf("%+v", now)
	}

	// What the configuration names comes back as soon as it changes.
	write(t, live, onlyNear+"\nprefer[\"near\"] := 0.5 if input.request.stream\n")
	becomes(t, "the changed policy", func() bool { return candidateOf(t, s).Promoted == nil })
	goesTo("near", "after the configuration's policy has changed")
	if _, err := os.Stat(filepath.Join(dir, "log", "promoted.json")); !os.IsNotExist(err) {
		t.Errorf("the note of the promotion is still there: %v", err)
	}

	// Each decision comes out the same on the policy that made it.
	stopped = true
	if code := s.stop(); code != exitOK {
		t.Fatalf("%d: %s", code, s.err.String())
	}
	var out, errs bytes.Buffer
	if code := runWith(&out, &errs, "replay", filepath.Join(dir, "log"), "--fail-on-diff"); code != exitOK {
		t.Errorf("%d: %s%s", code, out.String(), errs.String())
	}
}

// A start with a candidate that does not load is a start; one with a promoted policy
// that is gone is none.
func TestCandidateAtTheStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sallyport.hcl")
	write(t, path, strings.Replace(twoTargets, `paths = ["policies"]`, "\n  paths     = [\"policies\"]\n  candidate = [\"nowhere\"]\n", 1))
	write(t, filepath.Join(dir, "policies", "place.rego"), onlyNear)
	s := startAt(t, path)
	if got := candidateOf(t, s); got.Candidate != "" || !strings.Contains(got.Refused, "nowhere") {
		t.Errorf("%+v", got)
	}
	revision := candidateOf(t, s).Live
	if code := s.stop(); code != exitOK {
		t.Fatalf("%d: %s", code, s.err.String())
	}
	for note, why := range map[string]string{
		`{"revision":"sha256:` + strings.Repeat("0", 64) + `","replaces":"` + revision + `"}`: "promoted policy",
		"{": "which policy was promoted",
	} {
		write(t, filepath.Join(dir, "log", "promoted.json"), note)
		if _, err := startService([]string{"serve", "-c", path}, environment("TEAM_KEY", "team-secret")); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", note, err)
		}
	}
}

// A decision that was made shows a hole that no constant of the policy points at.
func TestInvariantsOnTheLog(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "policies", "place.rego")
	write(t, rules, strings.Replace(onlyNear, ` if input.request.model == "m"`, " if {\n\tinput.request.model == \"m\"\n\tnot startswith(base64.encode(input.principal.id), \"dGVh\")\n}", 1))
	s := serveConfig(t, dir, twoTargets, environment("TEAM_KEY", "team-secret"))
	reload := func() (int, string) { return post(t, s.admin+"/-/reload") }
	never := filepath.Join(dir, "policies", "never.rego")
	write(t, never, nobodyShut)
	if code, text := reload(); code != http.StatusOK {
		t.Fatalf("before it was decided: %d %s", code, text)
	}
	if _, _, err := served(t, client(s, "team-secret"), "hi"); err != nil {
		t.Fatal(err)
	}
	code, text := reload()
	if code != http.StatusUnprocessableEntity || !strings.Contains(text, "far_is_shut does not hold") || !strings.Contains(text, "a logged decision") {
		t.Errorf("%d %s", code, text)
	}
}
