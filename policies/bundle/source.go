package bundle

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Config is what a Source is made of.
type Config struct {
	Name   string // of the block; a part of file names
	URL    string
	Key    Key
	Bearer string         // sent as Authorization; "": none
	Roots  *x509.CertPool // authorities of the server; nil: the system's
	// AllowRollback takes any bundle with a good signature, an older one too and
	// one that states no order.
	AllowRollback bool
	Dir           string // where the last good bundle is kept; created where absent
	Limits        Limits
}

// Source is one bundle's server and what is known of its bundle. Its methods are
// safe for concurrent use.
//
// A downloaded bundle is a candidate until Activate says that it is in force:
// whether it loads and passes its tests is for others to find out.
type Source struct {
	config Config
	fetch  *fetcher

	mu        sync.Mutex
	active    *Bundle // nil: none yet
	candidate *Bundle // newer than active; nil: none
	mark      Order   // no bundle that is not after it is taken, active itself aside
	succeeded time.Time
	fetches   map[string]uint64 // by result
	fetchErr  error             // of the last download
	refusal   error             // of candidate, by those who load it
	keptErr   error             // of the copy on disk
}

// Results of a download, as Status counts them.
const (
	ResultNew       = "new"
	ResultUnchanged = "unchanged"
	ResultRefused   = "refused" // a bad signature, an older bundle, a broken archive
	ResultFailed    = "failed"  // nothing came
)

var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Open returns a source with the bundle that was kept on disk, if it still
// verifies. A copy that does not is left out and reported by Status; what it said
// of its order still counts.
func Open(c Config) (*Source, error) {
	c.Limits = c.Limits.withDefaults()
	if !fileName.MatchString(c.Name) {
		return nil, fmt.Errorf("bundle %q: a name is letters, digits, dashes and underscores, 64 at most", c.Name)
	}
	if c.Key.PEM == "" || c.Dir == "" {
		return nil, fmt.Errorf("bundle %q: a key and a folder are required", c.Name)
	}
	f, err := newFetcher(c.URL, c.Bearer, c.Roots, c.Limits.ArchiveBytes)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", c.Name, err)
	}
	s := &Source{config: c, fetch: f, fetches: map[string]uint64{}}
	s.active, s.mark, s.keptErr = s.readKept(time.Now())
	return s, nil
}

// Close lets go of the connection to the server.
func (s *Source) Close() { s.fetch.client.CloseIdleConnections() }

// Name is the configured name.
func (s *Source) Name() string { return s.config.Name }

// Bundles are the bundle in force, nil for none, and the one to be put in force
// instead, nil for none.
func (s *Source) Bundles() (active, candidate *Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active, s.candidate
}

// Fetch asks the server for a newer bundle and verifies it. It reports whether
// there is another candidate now.
func (s *Source) Fetch(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	etag := ""
	if known := s.latest(); known != nil {
		etag = known.etag
	}
	s.mu.Unlock()
	archive, etag, err := s.fetch.fetch(ctx, etag)
	now := time.Now()
	var b *Bundle
	result := ResultFailed
	if err == nil {
		if b, err = read(s.config.Name, archive, s.config.Key, s.config.Limits, now); err != nil {
			result = ResultRefused
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.latest()
	switch {
	case errors.Is(err, errUnchanged):
		result, err = ResultUnchanged, nil
	case err != nil:
	case known != nil && known.SHA256 == b.SHA256:
		result, known.etag = ResultUnchanged, etag
	case s.active != nil && s.active.SHA256 == b.SHA256:
		// The server took back a candidate.
		result, s.active.etag, s.candidate, s.refusal = ResultNew, etag, nil, nil
	default:
		if err = s.admissible(b); err != nil {
			result = ResultRefused
			break
		}
		b.etag = etag
		result, changed, s.candidate, s.refusal = ResultNew, true, b, nil
	}
	s.fetches[result]++
	if s.fetchErr = err; err != nil {
		return false, fmt.Errorf("bundle %q: %w", s.config.Name, err)
	}
	s.succeeded = now
	return changed, nil
}

// latest is the bundle that the server was last known to have. It is called with
// the lock held, as is admissible.
func (s *Source) latest() *Bundle {
	if s.candidate != nil {
		return s.candidate
	}
	return s.active
}

// admissible says whether b may follow the bundle in force.
func (s *Source) admissible(b *Bundle) error {
	switch {
	case s.config.AllowRollback:
		return nil
	case !b.Order.stated():
		return errors.New("the bundle states no order: give its manifest a metadata.sequence, or its signature the claim iat, or set allow_rollback")
	case s.mark.stated() && !b.Order.after(s.mark):
		return fmt.Errorf("the bundle is not newer (%v) than the one that was in force (%v); allow_rollback would take it", b.Order, s.mark)
	}
	return nil
}

// Activate says that b is in force, and keeps it on disk. An error is that of
// keeping it; b is in force all the same.
func (s *Source) Activate(b *Bundle) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == b {
		s.candidate, s.refusal = nil, nil
	}
	if s.active != nil && s.active.SHA256 == b.SHA256 {
		s.active = b
		return nil
	}
	s.active, s.mark = b, b.Order
	if s.keptErr = s.keep(b); s.keptErr != nil {
		return fmt.Errorf("bundle %q: keep a copy: %w", s.config.Name, s.keptErr)
	}
	return nil
}

// Refused says that b could not be put in force, and why. It stays a candidate:
// with another configuration it may load.
func (s *Source) Refused(b *Bundle, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == b {
		s.refusal = why
	}
}

// Status is a source's state at one moment.
type Status struct {
	Name      string
	Active    *Bundle           // nil: none
	Succeeded time.Time         // of the last answer of the server that was good; zero: none yet
	Fetches   map[string]uint64 // by result
	Err       error             // what an operator should know; nil: all is well
}

// Status returns the source's state.
func (s *Source) Status(now time.Time) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Name: s.config.Name, Active: s.active, Succeeded: s.succeeded, Fetches: map[string]uint64{}}
	for k, v := range s.fetches {
		st.Fetches[k] = v
	}
	var expired error
	if s.active != nil && !s.active.Expires.IsZero() && !now.Before(s.active.Expires) {
		expired = fmt.Errorf("the signature of the bundle in force expired at %s; it stays in force until the service stops", s.active.Expires.UTC().Format(time.RFC3339))
	}
	if err := errors.Join(s.fetchErr, s.refusal, s.keptErr, expired); err != nil {
		st.Err = fmt.Errorf("bundle %q: %w", s.config.Name, err)
	}
	return st
}

// Poll fetches every interval until ctx ends and calls changed for each new
// candidate. Each pause is up to a fifth shorter or longer, so that many services
// do not ask at once; while the server fails, pauses double up to maxPause. What
// comes from now ends a pause.
func (s *Source) Poll(ctx context.Context, interval time.Duration, now <-chan struct{}, changed func(), failed func(error)) {
	failures := 0
	for {
		timer := time.NewTimer(pause(interval, failures, rand.Float64()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-now:
			timer.Stop()
		case <-timer.C:
		}
		isNew, err := s.Fetch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			failed(err)
			continue
		case isNew:
			changed()
		}
		failures = 0
	}
}

// maxPause bounds the pause between tries of a server that fails, unless the
// interval itself is longer.
const maxPause = 5 * time.Minute

func pause(interval time.Duration, failures int, r float64) time.Duration {
	longest := max(interval, maxPause)
	p := interval
	for ; failures > 0 && p < longest; failures-- {
		p = min(2*p, longest)
	}
	return time.Duration(float64(p) * (0.8 + 0.4*r))
}

// kept is what stands beside a kept archive. The order is there so that an
// archive that was damaged does not take it along.
type kept struct {
	ETag     string `json:"etag,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	IssuedAt int64  `json:"issued_at,omitempty"`
	SHA256   string `json:"sha256"`
}

func (s *Source) path(ext string) string { return filepath.Join(s.config.Dir, s.config.Name+ext) }

// readKept reads the copy on disk and verifies it like a download.
func (s *Source) readKept(now time.Time) (b *Bundle, mark Order, err error) {
	archive, err := os.ReadFile(s.path(".tar.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.readMark(nil), nil
	}
	if err != nil {
		return nil, s.readMark(nil), fmt.Errorf("the kept copy: %w", err)
	}
	b, err = read(s.config.Name, archive, s.config.Key, s.config.Limits, now)
	mark = s.readMark(b)
	switch {
	case err != nil:
		return nil, mark, fmt.Errorf("the kept copy: %w", err)
	case mark.stated() && mark != b.Order && !b.Order.after(mark) && !s.config.AllowRollback:
		return nil, mark, errors.New("the kept copy is older than one that was in force before it")
	case mark != b.Order && b.Order.after(mark):
		mark = b.Order // the process ended between the two files
	}
	return b, mark, nil
}

// readMark reads what stands beside the archive, and gives b its ETag.
func (s *Source) readMark(b *Bundle) Order {
	var k kept
	raw, err := os.ReadFile(s.path(".json"))
	if err != nil || json.Unmarshal(raw, &k) != nil {
		if b != nil {
			return b.Order
		}
		return Order{}
	}
	if b != nil && k.SHA256 == b.SHA256 {
		b.etag = k.ETag
	}
	return Order{Sequence: k.Sequence, IssuedAt: k.IssuedAt}
}

// keep writes b to disk: the archive first, so that its order never runs ahead of
// it.
func (s *Source) keep(b *Bundle) error {
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return err
	}
	note, err := json.Marshal(kept{ETag: b.etag, Sequence: b.Order.Sequence, IssuedAt: b.Order.IssuedAt, SHA256: b.SHA256})
	if err != nil {
		return err
	}
	if err := replace(s.path(".tar.gz"), b.archive); err != nil {
		return err
	}
	return replace(s.path(".json"), note)
}

// replace writes a file so that after a crash the old or the new one is there.
func replace(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // nobody will look for it
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
