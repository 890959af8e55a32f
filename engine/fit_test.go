package engine

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cannot is a forwarder's answer for candidates whose API has no such field.
func cannot(field string, keys ...string) func(*Candidate) ([]Loss, *RequestError) {
	return func(c *Candidate) ([]Loss, *RequestError) {
		if slices.Contains(keys, c.Key) {
			return nil, &RequestError{Status: 400, Code: ReasonUnsupportedField, Field: field, Message: "its API knows one answer only"}
		}
		return nil, nil
	}
}

func TestWhatNoTargetCanRepresent(t *testing.T) {
	no := false
	excluding := func(key string) Decider {
		return fakeDecider{func(*Input) (*Decision, error) {
			return &Decision{Allow: true, Exclude: map[string][]Reason{key: {{Code: "far"}}}}, nil
		}}
	}
	for _, test := range []struct {
		name    string
		decider Decider
		unable  []string
		status  int
		code    string
		message string
		tried   []string
	}{
		{"one of two", allowing(Obligations{}), []string{"a"}, 200, "", "", []string{"b"}},
		{"all", allowing(Obligations{}), []string{"a", "b"}, 400, CodeUnsupportedField,
			`no permitted target can take n as it is; target "a": its API knows one answer only`, nil},
		{"targets not disclosed", allowing(Obligations{DiscloseTarget: &no}), []string{"a", "b"}, 400, CodeUnsupportedField,
			"no permitted target can take n as it is", nil},
		{"the only one permitted", excluding("a"), []string{"b"}, 400, CodeUnsupportedField,
			`no permitted target can take n as it is; target "b": its API knows one answer only`, nil},
		{"one that is not permitted", excluding("a"), []string{"a"}, 200, "", "", []string{"b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(test.decider)
			r.forwarder.fit = cannot("n", test.unable...)
			out := r.Handle(t.Context(), request("hi"), r.sink)
			field := ""
			if test.code != "" {
				field = "n"
			}
			if out.Status != test.status || out.Code != test.code || out.Message != test.message || out.Field != field {
				t.Errorf("%d %q %q at %q", out.Status, out.Code, out.Message, out.Field)
			}
			if !slices.Equal(r.forwarder.tried, test.tried) || len(out.Attempts) != len(test.tried) || len(r.scheduler.samples) != len(test.tried) {
				t.Errorf("tried %v, attempts %v, samples %v; want %v", r.forwarder.tried, out.Attempts, r.scheduler.samples, test.tried)
			}
			d := r.recorder.records[0]
			for _, key := range test.unable {
				if got := d.Excluded[key]; len(got) != 1 || got[0].Code != ReasonUnsupportedField && got[0].Code != "far" {
					t.Errorf("the record excludes %s by %v", key, got)
				}
			}
			if test.code != "" && (d.Verdict != "allow" || d.Action != ActionDeny || len(d.Reasons) != 1 || d.Reasons[0].Code != test.code) {
				t.Errorf("the record says %s, %s, %v", d.Verdict, d.Action, d.Reasons)
			}
		})
	}
}

// A target that finds only while it is tried that it cannot represent the request.
func TestUnsupportedByATry(t *testing.T) {
	why := &RequestError{Field: "n", Message: "one answer only"}
	r := newRig(allowing(Obligations{}))
	unable := []string{"a"}
	r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
		if slices.Contains(unable, a.Candidate.Key) {
			return Usage{}, &UpstreamError{Target: a.Candidate.Key, Code: UpstreamUnsupported, Retryable: true, Unsent: true, Err: why}
		}
		return answer(sink, "hello")
	}
	out := r.Handle(t.Context(), request("hi"), r.sink)
	if out.Status != http.StatusOK || len(out.Attempts) != 1 || out.Attempts[0].Target != "b" {
		t.Errorf("%d, attempts %v", out.Status, out.Attempts)
	}
	unable = []string{"a", "b"}
	out = r.Handle(t.Context(), request("hi"), r.sink)
	if out.Status != http.StatusBadRequest || out.Code != CodeUnsupportedField || out.Field != "n" || len(out.Attempts) != 0 {
		t.Errorf("%d %s at %q, attempts %v", out.Status, out.Code, out.Field, out.Attempts)
	}
	for _, s := range r.scheduler.samples {
		if s.Failed {
			t.Errorf("the scheduler is told of a failure: %+v", s)
		}
	}
	if r.scheduler.running != 0 {
		t.Errorf("%d attempts did not end", r.scheduler.running)
	}
}

func TestUnsentTriesAreMarked(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
		if a.Candidate.Key == "a" {
			return Usage{}, &UpstreamError{Code: "busy", Retryable: true, Unsent: true}
		}
		return answer(sink, "hello")
	}
	out := r.Handle(t.Context(), request("hi"), r.sink)
	if len(out.Attempts) != 2 || !out.Attempts[0].Unsent || out.Attempts[1].Unsent {
		t.Errorf("attempts %+v", out.Attempts)
	}
}

func TestLosses(t *testing.T) {
	seed := Loss{Field: "seed", How: LossDropped}
	warm := Loss{Field: "temperature", How: LossApproximated, To: "1"}
	for _, test := range []struct {
		name    string
		lossy   Lossy
		losses  map[string][]Loss
		status  int
		field   string
		message string
		tried   []string
	}{
		{"allowed by default", "", map[string][]Loss{"a": {seed, warm}}, 200, "", "", []string{"a"}},
		{"allowed", LossyAllow, map[string][]Loss{"a": {seed}, "b": {seed}}, 200, "", "", []string{"a"}},
		{"denied of one", LossyDeny, map[string][]Loss{"a": {seed}}, 200, "", "", []string{"b"}},
		{"denied of all", LossyDeny, map[string][]Loss{"a": {warm, seed}, "b": {seed}}, 400, "temperature",
			`no permitted target can take temperature as it is; target "a": it would become 1, and policy permits no loss`, nil},
		{"not an obligation", "some", nil, 403, "", "policy obliges to what cannot be done", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(allowing(Obligations{Lossy: test.lossy}))
			r.forwarder.fit = func(c *Candidate) ([]Loss, *RequestError) { return test.losses[c.Key], nil }
			out := r.Handle(t.Context(), request("hi"), r.sink)
			if out.Status != test.status || out.Field != test.field || out.Message != test.message || !slices.Equal(r.forwarder.tried, test.tried) {
				t.Errorf("%d %q at %q, tried %v", out.Status, out.Message, out.Field, r.forwarder.tried)
			}
			if len(test.tried) == 0 {
				return
			}
			want := test.losses[test.tried[0]]
			if diff := cmp.Diff(want, r.sink.head.Losses); diff != "" {
				t.Errorf("losses the client hears of (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, r.recorder.records[1].Attempts[0].Losses); diff != "" {
				t.Errorf("losses of the recorded attempt (-want +got):\n%s", diff)
			}
			for key, losses := range test.losses {
				got := r.recorder.records[0].Excluded[key]
				if denied := test.lossy == LossyDeny && len(losses) > 0; denied != (len(got) == 1 && got[0].Code == ReasonLossy) {
					t.Errorf("the record excludes %s by %v", key, got)
				}
			}
		})
	}
}

// finishing is a sink that knows at its end what the client did not get.
type finishing struct {
	fakeSink
	err      error
	finished int
}

func (s *finishing) Finish() ([]Loss, error) {
	s.finished++
	return []Loss{{Field: "choices[0].message.annotations", How: LossDropped}}, s.err
}

func TestLossesOfTheReplyAreRecorded(t *testing.T) {
	r := newRig(allowing(Obligations{}))
	sink := &finishing{}
	out := r.Handle(t.Context(), request("hi"), sink)
	got := r.recorder.records[1].Outcome.Losses
	if out.Status != http.StatusOK || sink.finished != 1 || len(got) != 1 || got[0].Field != "choices[0].message.annotations" {
		t.Errorf("%d, finished %d times, losses %v", out.Status, sink.finished, got)
	}
	sink = &finishing{err: errors.New("cannot be written")}
	out = r.Handle(t.Context(), request("hi"), sink)
	if got := r.recorder.records[3].Outcome; out.Code == "" || got.Status == http.StatusOK || len(out.Attempts) != 1 {
		t.Errorf("%d %q, recorded %+v", out.Status, out.Code, got)
	}
}

// Candidates that policy excludes are not written for, those of one form once.
func TestFitIsAskedOncePerForm(t *testing.T) {
	r := newRig(fakeDecider{func(*Input) (*Decision, error) {
		return &Decision{Allow: true, Exclude: map[string][]Reason{"c": {{Code: "far"}}}}, nil
	}})
	r.forwarder.candidates = nil
	for key, form := range map[string]string{"a": "ollama", "b": "ollama", "c": "gemini", "d": "", "e": ""} {
		c := candidate(key, "cloud")
		c.Form = form
		r.forwarder.candidates = append(r.forwarder.candidates, c)
	}
	r.forwarder.fit = cannot("n", "a")
	out := r.Handle(t.Context(), request("hi"), r.sink)
	if want := []string{"a", "d", "e"}; !slices.Equal(r.forwarder.asked, want) {
		t.Errorf("asked for %v, want %v", r.forwarder.asked, want)
	}
	var permitted []string
	for _, c := range r.scheduler.lastPlan.Permitted {
		permitted = append(permitted, c.Key)
	}
	if diff := cmp.Diff([]string{"d", "e"}, permitted); diff != "" || out.Status != http.StatusOK {
		t.Errorf("%d, permitted (-want +got):\n%s", out.Status, diff)
	}
}
