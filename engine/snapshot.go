package engine

import (
	"sync"
	"sync/atomic"
)

// Snapshot is everything in force at one time. A request loads it once and keeps
// it to its end, so it is decided and forwarded under one configuration. Its
// fields do not change once it is in use.
type Snapshot struct {
	Classifiers  []Classifier
	Decider      Decider
	Shadow       Shadow // nil: there is no candidate policy
	Forwarder    Forwarder
	Keys         *Keyring
	Budgets      BudgetDefaults
	Headers      []string // allow-list of request headers that policy sees, lower case
	Documents    []string // paths that clients of the Data API may ask for, and below; nil: all
	AuthZEN      string   // path of the document that answers AuthZEN, as of Querier; "": DefaultAuthZEN
	ConfigSHA256 string
	Revision     string // of policies, classifiers and configuration together
	// Close releases what the snapshot holds; called once, when the last request
	// that uses it has ended after it was replaced. May be nil.
	Close func()

	refs    atomic.Int64
	retired atomic.Bool
	closed  sync.Once
}

// DefaultAuthZEN is the document that answers AuthZEN's clients unless the
// configuration names another.
const DefaultAuthZEN = "authzen/allow"

// AuthZENPath is the path of the document that answers AuthZEN's clients.
func (s *Snapshot) AuthZENPath() string {
	if s.AuthZEN == "" {
		return DefaultAuthZEN
	}
	return s.AuthZEN
}

func (s *Snapshot) retain() { s.refs.Add(1) }

func (s *Snapshot) release() {
	if s.refs.Add(-1) == 0 && s.retired.Load() {
		s.close()
	}
}

func (s *Snapshot) retire() {
	s.retired.Store(true)
	if s.refs.Load() == 0 {
		s.close()
	}
}

func (s *Snapshot) close() {
	s.closed.Do(func() {
		if s.Close != nil {
			s.Close()
		}
	})
}
