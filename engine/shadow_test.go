package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeShadow notes what it is told, and how many records there were by then.
type fakeShadow struct {
	recorder *fakeRecorder
	told     []string
}

func (*fakeShadow) Revision() string { return "sha256:next" }

func (s *fakeShadow) Decided(id string, seq uint64, in *Input, d *Decision) {
	s.told = append(s.told, fmt.Sprintf("%t %d/%d %s %t", id != "", seq, len(s.recorder.records), in.Principal.ID, d != nil))
}

func TestShadowIsToldOfRecordedDecisions(t *testing.T) {
	var failure error
	r := newRig(fakeDecider{func(*Input) (*Decision, error) { return &Decision{Allow: failure == nil}, failure }})
	s := &fakeShadow{recorder: r.recorder}
	r.Snapshot().Shadow = s
	r.Handle(t.Context(), request("hi"), r.sink)
	r.Decide(t.Context(), request("hi"))
	if got := r.recorder.records[0].Policy; got.Candidate != "sha256:next" {
		t.Errorf("recorded %+v", got)
	}
	// A document that a client made up is no traffic.
	r.DecideInput(t.Context(), &Input{Targets: map[string]TargetFacts{"a": {}}})
	if got := r.recorder.records[3].Policy; got.Candidate != "" {
		t.Errorf("recorded %+v", got)
	}
	// A policy that fails denies, which a candidate may do otherwise; one that was
	// interrupted said nothing.
	failure = errors.New("a conflict")
	r.Handle(t.Context(), request("hi"), r.sink)
	failure = context.DeadlineExceeded
	r.Handle(t.Context(), request("hi"), r.sink)
	// What was not recorded was not decided.
	failure, r.recorder.err = nil, errors.New("disk full")
	r.Handle(t.Context(), request("hi"), r.sink)
	if diff := cmp.Diff([]string{"true 1/1 p true", "true 3/3 p true", "true 5/5 p false"}, s.told); diff != "" {
		t.Error(diff)
	}
}
