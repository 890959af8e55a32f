package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sallyport-ai/sallyport/engine/gateway"
	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/policies/bundle"
)

// bundleConfig is a bundle block. It is comparable: a source outlives a reload
// that leaves its block as it is.
type bundleConfig struct {
	name, url     string
	key           bundle.Key
	token         string // secret
	authorities   string // PEM; "": the system's
	poll          time.Duration
	allowRollback bool
	dir           string
}

// startFetch bounds the first download, for which a start waits.
const startFetch = 15 * time.Second

// bundleSources are the sources of the bundles in the configuration. Its methods
// are safe for concurrent use; open, settle and close come from one goroutine.
type bundleSources struct {
	changed chan struct{} // capacity 1: a bundle is waiting to be put in force

	mu      sync.Mutex
	sources map[bundleConfig]*polledSource
}

type polledSource struct {
	*bundle.Source
	stop context.CancelFunc // nil: not polled yet
	now  chan struct{}      // capacity 1: ask at once
	done chan struct{}
}

func newBundleSources() *bundleSources {
	return &bundleSources{changed: make(chan struct{}, 1), sources: map[bundleConfig]*polledSource{}}
}

// open returns the sources of a configuration. A new one is asked for its bundle
// at once: always where fresh is set, and else only where no copy of it is kept.
func (b *bundleSources) open(ctx context.Context, configs []bundleConfig, fresh bool) ([]*bundle.Source, error) {
	var all []*bundle.Source
	var errs []error
	for _, c := range configs {
		b.mu.Lock()
		s := b.sources[c]
		b.mu.Unlock()
		if s == nil {
			opened, err := openBundle(c)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			s = &polledSource{Source: opened}
			b.mu.Lock()
			b.sources[c] = s
			b.mu.Unlock()
			active, _ := s.Bundles()
			if fresh || active == nil {
				first, cancel := context.WithTimeout(ctx, startFetch)
				_, _ = s.Fetch(first) // in the source's status
				cancel()
			}
		}
		if active, candidate := s.Bundles(); active == nil && candidate == nil {
			errs = append(errs, fmt.Errorf("there is no bundle to decide by: %w", s.Status(time.Now()).Err))
			continue
		}
		all = append(all, s.Source)
	}
	return all, errors.Join(errs...)
}

func openBundle(c bundleConfig) (*bundle.Source, error) {
	var roots *x509.CertPool
	if c.authorities != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(c.authorities)) {
			return nil, fmt.Errorf("bundle %q: ca_file holds no certificate", c.name)
		}
	}
	return bundle.Open(bundle.Config{Name: c.name, URL: c.url, Key: c.key, Bearer: c.token, Roots: roots,
		AllowRollback: c.allowRollback, Dir: c.dir})
}

// settle lets go of the sources that configs does not have, and begins to poll
// those that it has.
func (b *bundleSources) settle(configs []bundleConfig, log zerolog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := map[bundleConfig]bool{}
	for _, c := range configs {
		wanted[c] = true
	}
	for c, s := range b.sources {
		switch {
		case !wanted[c]:
			s.end()
			delete(b.sources, c)
		case s.stop == nil:
			ctx, stop := context.WithCancel(context.Background())
			s.stop, s.now, s.done = stop, make(chan struct{}, 1), make(chan struct{})
			go func() {
				defer close(s.done)
				s.Poll(ctx, c.poll, s.now, b.wake, func(err error) {
					log.Warn().Err(err).Msg("the bundle could not be renewed; the policy in force stays")
				})
			}()
		}
	}
}

// ask has all servers asked at once: an operator who reloads will not want to wait
// for the end of a pause.
func (b *bundleSources) ask() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sources {
		if s.stop == nil {
			continue
		}
		select {
		case s.now <- struct{}{}:
		default: // it is about to
		}
	}
}

func (b *bundleSources) wake() {
	select {
	case b.changed <- struct{}{}:
	default: // it will be looked at anyway
	}
}

func (s *polledSource) end() {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	s.Close()
}

func (b *bundleSources) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c, s := range b.sources {
		s.end()
		delete(b.sources, c)
	}
}

// statuses are those of the sources in use, in no order.
func (b *bundleSources) statuses() []bundle.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []bundle.Status
	for _, s := range b.sources {
		if s.stop != nil {
			all = append(all, s.Status(time.Now()))
		}
	}
	return all
}

// err is what an operator should know of all sources.
func (b *bundleSources) err() error {
	var errs []error
	for _, s := range b.statuses() {
		errs = append(errs, s.Err)
	}
	return errors.Join(errs...)
}

func (b *bundleSources) states() []gateway.BundleState {
	var states []gateway.BundleState
	for _, s := range b.statuses() {
		g := gateway.BundleState{Name: s.Name, Succeeded: s.Succeeded, Fetches: s.Fetches, Failing: s.Err != nil}
		if s.Active != nil {
			g.Revision, g.SHA256 = s.Active.Revision, s.Active.SHA256
		}
		states = append(states, g)
	}
	return states
}

// chosenBundles are the bundles that a policy set was loaded from.
type chosenBundles map[*bundle.Source]*bundle.Bundle

// activate says to their sources that the bundles are in force, and returns what
// could not be kept on disk.
func (c chosenBundles) activate() error {
	var errs []error
	for s, b := range c {
		errs = append(errs, s.Activate(b))
	}
	return errors.Join(errs...)
}

// loadPolicies loads the policies of a configuration. New bundles are tried all
// together and, where that does not load, one by one: what does not load is
// refused and the one in force taken in its place.
func (a *app) loadPolicies(ctx context.Context, cfg *config) (*policies.Set, chosenBundles, error) {
	load := func(chosen chosenBundles) (*policies.Set, error) {
		c := policies.Config{Paths: cfg.policyPaths, Standard: cfg.standardPolicy, OnMismatch: a.mismatch,
			Logged: a.logged(cfg), Unproven: a.unproven}
		named := map[string]*bundle.Bundle{}
		for s, b := range chosen {
			named[s.Name()] = b
		}
		if err := bundle.Conflicts(named); err != nil {
			return nil, err
		}
		for _, block := range cfg.bundles {
			if b := named[block.name]; b != nil {
				files := make([]policies.BundleFile, len(b.Files))
				for i, f := range b.Files {
					files[i] = policies.BundleFile(f)
				}
				c.Bundles = append(c.Bundles, policies.Bundle{Name: block.name, Files: files})
			}
		}
		return policies.Load(ctx, c)
	}
	known := a.bundles
	if known == nil { // not serving: what is kept will do, and nothing is kept
		known = newBundleSources()
		defer known.close()
	}
	sources, err := known.open(ctx, cfg.bundles, a.bundles != nil)
	if err != nil {
		return nil, nil, err
	}
	newest, inForce := chosenBundles{}, chosenBundles{}
	for _, s := range sources {
		active, candidate := s.Bundles()
		if newest[s] = candidate; candidate == nil {
			newest[s] = active
		}
		if active != nil {
			inForce[s] = active
		}
	}
	set, all := load(newest)
	if all == nil || ctx.Err() != nil {
		return set, newest, all
	}
	refuse := func(why error) {
		for s, b := range newest {
			s.Refused(b, why)
		}
	}
	if len(inForce) < len(newest) {
		refuse(all)
		return nil, nil, all // there is nothing to go back to
	}
	set, err = load(inForce)
	if err != nil {
		refuse(all)
		return nil, nil, all
	}
	for _, s := range sources {
		b := newest[s]
		if b == inForce[s] {
			continue
		}
		old := inForce[s]
		inForce[s] = b
		next, err := load(inForce)
		if err != nil {
			s.Refused(b, err)
			inForce[s] = old
			continue
		}
		set = next
	}
	return set, inForce, nil
}
