package targets

import (
	"sync"
	"time"
)

// Passive health. After failuresToPause failures in a row a target, or after one
// failure to connect an endpoint, counts as unhealthy for minPause, then twice
// as long each time it fails again right after the pause, up to maxPause. One
// success heals it.
const (
	failuresToPause = 3
	minPause        = 5 * time.Second
	maxPause        = 60 * time.Second
)

// health judges by what requests have met; it sends none of its own.
type health struct {
	threshold int // failures in a row that begin a pause

	mu       sync.Mutex
	failures int
	pause    time.Duration
	until    time.Time
}

func (h *health) fail(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	if h.failures < h.threshold || now.Before(h.until) {
		return
	}
	h.pause = min(max(2*h.pause, minPause), maxPause)
	h.until = now.Add(h.pause)
}

func (h *health) succeed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures, h.pause, h.until = 0, 0, time.Time{}
}

// healthy is false during a pause.
func (h *health) healthy(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !now.Before(h.until)
}

// bucket is a token bucket that holds a minute's allowance and starts full. A
// nil bucket allows everything.
type bucket struct {
	perMinute float64

	mu    sync.Mutex
	level float64
	at    time.Time
}

func newBucket(perMinute int) *bucket {
	if perMinute == 0 {
		return nil
	}
	return &bucket{perMinute: float64(perMinute), level: float64(perMinute)}
}

// take takes n, or takes nothing and says how long until it could. What exceeds
// a whole minute's allowance needs a full bucket, and leaves it in debt.
func (b *bucket) take(n float64, now time.Time) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.at.IsZero() && now.After(b.at) {
		b.level = min(b.perMinute, b.level+now.Sub(b.at).Minutes()*b.perMinute)
	}
	b.at = now
	if missing := min(n, b.perMinute) - b.level; missing > 0 {
		return time.Duration(missing / b.perMinute * float64(time.Minute)), false
	}
	b.level -= n
	return 0, true
}

// give puts n back; a negative n takes what was used beyond the estimate.
func (b *bucket) give(n float64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.level = min(b.perMinute, b.level+n)
}
