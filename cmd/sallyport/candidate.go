package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/gateway"
	"github.com/sallyport-ai/sallyport/engine/record"
	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/policies/shadow"
	"github.com/sallyport-ai/sallyport/targets/block"
)

// promotion says that a candidate is in force in the place of what the
// configuration names. It stands beside the decision log and holds, over reloads
// and restarts, as long as the configuration's paths have the revision that it
// replaced: once they change, they are what was meant last.
type promotion struct {
	Revision string `json:"revision"` // in force
	Replaces string `json:"replaces"` // of the configuration's paths
	Time     string `json:"time"`
}

// promotionFile is in the log's folder, which one process alone writes to.
func promotionFile(dir string) string { return filepath.Join(dir, "promoted.json") }

// readPromotion is nil where nothing is promoted.
func readPromotion(dir string) (*promotion, error) {
	b, err := os.ReadFile(promotionFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	p := &promotion{}
	if err == nil {
		err = json.Unmarshal(b, p)
	}
	if err != nil {
		return nil, fmt.Errorf("read which policy was promoted: %w", err)
	}
	return p, nil
}

// writePromotion makes p durable; nil: nothing is promoted any more.
func writePromotion(dir string, p *promotion) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("note which policy is promoted: %w", err)
		}
	}()
	name := promotionFile(dir)
	if p == nil {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncFolder(filepath.Dir(name))
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "promoted-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(name))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// choose settles which of the loaded policies is in force and which in shadow. A
// candidate that does not load is no mistake of the configuration: the policy in
// force stays, and p says why the candidate is not beside it.
func (a *app) choose(ctx context.Context, p *parts) error {
	cfg, dir := p.config, a.logFolder(p.config)
	p.named = p.policies.Revision()
	if len(cfg.candidate) > 0 {
		p.candidate, p.refused = policies.Load(ctx, a.candidateConfig(cfg))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	promoted, err := readPromotion(dir)
	if err != nil || promoted == nil {
		return err
	}
	if promoted.Replaces != p.named {
		p.outdated = true
		return nil
	}
	p.promoted = promoted
	if p.candidate != nil && p.candidate.Revision() == promoted.Revision {
		// It has passed its tests a moment ago; here it is loaded as one that decides.
		c := a.candidateConfig(cfg)
		c.Unproven, c.OnMismatch = true, a.mismatch
		set, err := policies.Load(ctx, c)
		if err == nil && set.Revision() == promoted.Revision {
			p.policies, p.candidate = set, nil
			return nil
		}
	}
	copied, err := record.PolicyCopy(dir, promoted.Revision)
	if err == nil {
		p.policies, err = policies.LoadKept(ctx, copied, promoted.Revision, 0)
	}
	if err != nil {
		return fmt.Errorf("the promoted policy %s cannot be loaded: %w; put its files where policy.paths looks, or remove %s to have those in force that are there",
			promoted.Revision, err, promotionFile(dir))
	}
	return nil
}

func (a *app) candidateConfig(cfg *config) policies.Config {
	return policies.Config{Paths: cfg.candidate, Standard: cfg.standardPolicy, Logged: a.logged(cfg), Unproven: a.unproven}
}

// loggedInputs is on how many logged decisions invariants are tried.
const loggedInputs = 1000

// logged are the inputs of the newest decisions in a configuration's log. It is
// read where there are invariants to be tried.
func (a *app) logged(cfg *config) iter.Seq[*engine.Input] {
	return record.Latest(a.logFolder(cfg), loggedInputs)
}

// logFolder is where decisions are logged now: a reload does not move the log.
func (a *app) logFolder(cfg *config) string {
	if a.logDir != "" {
		return a.logDir
	}
	return cfg.log.Dir
}

// candidate reads which policy is in shadow. Whether it loads is not a matter of the
// configuration.
func (d *configDecoder) candidate(r *block.Reader) {
	if !r.Has("candidate") {
		return
	}
	paths, _ := r.Strings("candidate")
	if len(paths) == 0 {
		r.Fail(r.At("candidate"), "No path", "candidate must name at least one file or folder; leave it out where no policy is in shadow.")
	}
	for _, p := range paths {
		d.config.candidate = append(d.config.candidate, d.path(p))
	}
	if len(d.config.bundles) > 0 {
		r.Fail(r.At("candidate"), "Candidate beside a bundle", "candidate takes the place of paths. Serve the next bundle to a Sallyport of its own, or try it with sallyport replay --policy.")
	}
}

// refuseCandidate makes mistakes of what keeps a candidate from being in shadow.
func (m *mistakes) refuseCandidate(p *parts) bool {
	if p == nil || p.refused == nil {
		return false
	}
	if ds, ok := errors.AsType[policies.Diagnostics](p.refused); ok {
		m.policy = append(m.policy, ds...)
	} else {
		m.other = append(m.other, fmt.Errorf("load the candidate policy: %w", p.refused))
	}
	return true
}

// snapshot makes the snapshot of p, with the candidate beside the policy in force.
func (s *service) snapshot(p *parts) *engine.Snapshot {
	snap := p.snapshot()
	if p.candidate != nil {
		snap.Shadow = s.shadow.Against(p.policies, p.candidate)
	}
	return snap
}

// tellOfCandidate says once per reload what an operator should know.
func (s *service) tellOfCandidate(p *parts) {
	switch {
	case p.refused != nil:
		s.log.Warn().Err(p.refused).Msg("the candidate policy is refused; the policy in force stays")
	case p.candidate != nil:
		s.log.Info().Str("candidate", p.candidate.Revision()).Str("live", p.policies.Revision()).Msg("a candidate policy is in shadow")
	}
	if p.promoted != nil {
		s.log.Warn().Str("revision", p.promoted.Revision).Str("replaces", p.promoted.Replaces).
			Msg("a promoted policy is in force; it stays until what policy.paths names changes")
	}
	if p.outdated {
		s.log.Warn().Str("revision", p.policies.Revision()).Msg("what policy.paths names has changed since a policy was promoted, and is in force again")
		if err := writePromotion(p.config.log.Dir, nil); err != nil {
			s.log.Warn().Err(err).Msg("the note of the promotion stays; it is without effect")
		}
	}
}

// candidateErr is for readiness.
func (s *service) candidateErr() error {
	if err := s.parts.Load().refused; err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	return nil
}

func (s *service) candidateState() gateway.CandidateState {
	n, p := s.shadow.Counts(), s.parts.Load()
	state := gateway.CandidateState{Refused: p.refused != nil, Evaluations: n.Evaluations, Errors: n.Errors, Differences: n.Differences,
		Dropped: n.Dropped, Unrecorded: n.Unrecorded}
	if p.candidate != nil {
		state.Revision = p.candidate.Revision()
	}
	return state
}

// candidateView is what /policy/candidate shows.
type candidateView struct {
	Live      string     `json:"live"`      // revision in force
	Candidate string     `json:"candidate"` // revision in shadow; "": there is none
	Refused   string     `json:"refused,omitempty"`
	Promoted  *promotion `json:"promoted,omitempty"` // the one in force is not what the configuration names
	*shadow.State
}

func (s *service) candidateView() any {
	p := s.parts.Load()
	v := candidateView{Live: p.policies.Revision(), Promoted: p.promoted}
	if p.refused != nil {
		v.Refused = p.refused.Error()
	}
	if p.candidate != nil {
		v.Candidate = p.candidate.Revision()
		state := s.shadow.State()
		v.State = &state
	}
	return v
}

// promote puts the candidate in force, which is a reload with a note of it: all is
// checked once more, and every mistake leaves what was.
func (s *service) promote(ctx context.Context, revision string) (any, error) {
	p := s.parts.Load()
	switch {
	case p.refused != nil:
		return nil, fmt.Errorf("the candidate policy is refused: %w", p.refused)
	case p.candidate == nil:
		return nil, errors.New("there is no candidate policy: name one with policy.candidate and reload")
	case revision != "" && revision != p.candidate.Revision():
		return nil, fmt.Errorf("the candidate policy is %s and not %s", p.candidate.Revision(), revision)
	}
	promoted := &promotion{Revision: p.candidate.Revision(), Replaces: p.named, Time: engine.FormatTime(time.Now())}
	// Without the copy it could not come back after a restart.
	if err := s.keep(p.candidate); err != nil {
		return nil, err
	}
	if err := writePromotion(p.config.log.Dir, promoted); err != nil {
		return nil, err
	}
	err := s.reload(ctx)
	now := s.parts.Load()
	if err == nil && now.policies.Revision() != promoted.Revision {
		err = errors.New("what policy.paths names has changed meanwhile, and is in force")
	} else if err != nil {
		err = errors.Join(err, writePromotion(p.config.log.Dir, p.promoted))
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Revision string `json:"policy_revision"`
		Previous string `json:"previous_revision"`
		Until    string `json:"until"`
		File     string `json:"file"`
	}{promoted.Revision, p.policies.Revision(),
		"what policy.paths names changes; restarts and reloads keep it", promotionFile(p.config.log.Dir)}, nil
}
