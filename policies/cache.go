package policies

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// DefaultCacheBytes bounds the decisions that a set remembers.
const DefaultCacheBytes = 16 << 20

// decisionCache remembers decisions by the parts of the input that they depend on.
// It belongs to one set, so a new policy or new data begins with an empty one. It
// holds only what was decided without an error.
//
// Most traffic never repeats. A decision is therefore kept when its key is seen a
// second time, and while next to nothing repeats most decisions are made without
// asking at all.
type decisionCache struct {
	key     *cacheKey
	seed    maphash.Seed
	writers sync.Pool // of *keyWriter
	shards  [cacheShards]cacheShard

	asked, hits atomic.Uint64
	turn        atomic.Uint32 // of the decisions since the cache was asked
	idle        atomic.Bool   // next to nothing repeats
}

const (
	cacheShards = 16
	// recentKeys is how many keys a shard knows to have seen once, by a part of their
	// hash; a power of two.
	recentKeys = 1 << 12
	// window is after how many questions the cache looks whether it is of use, and
	// idleTurns how many decisions it lets pass for each that it looks at when not.
	window    = 1 << 12
	idleTurns = 16
)

type cacheShard struct {
	mu      sync.Mutex
	entries map[uint64]*cached
	hand    *cached // of the clock; the entries are a ring
	bytes   int
	limit   int
	seen    [recentKeys]uint32
	asked   int // in this window
	known   int // of them had been seen before
}

type cached struct {
	key        []byte
	hash       uint64
	decision   *engine.Decision
	used       bool
	next, prev *cached
}

// newDecisionCache is nil for a program whose decisions depend on the whole input.
func newDecisionCache(reads []vm.Read, limit int) *decisionCache {
	key, ok := newCacheKey(reads)
	if !ok {
		return nil
	}
	c := &decisionCache{key: key, seed: maphash.MakeSeed()}
	c.writers.New = func() any { return &keyWriter{} }
	for i := range c.shards {
		c.shards[i].entries, c.shards[i].limit = map[uint64]*cached{}, limit/cacheShards
	}
	return c
}

// question is an input's key while its decision is made. The zero one keeps nothing.
type question struct {
	writer *keyWriter
	hash   uint64
	again  bool // the key has been seen before
}

// find returns the decision for an input, or nil and what keep needs to remember
// it. Decisions are shared and must not be changed.
func (c *decisionCache) find(in *engine.Input) (*engine.Decision, question) {
	if c.idle.Load() && c.turn.Add(1)%idleTurns != 0 {
		return nil, question{}
	}
	w := c.writers.Get().(*keyWriter)
	w.buf = w.buf[:0]
	for _, part := range c.key.parts {
		part(w, in)
	}
	q := question{writer: w, hash: maphash.Bytes(c.seed, w.buf)}
	s := &c.shards[q.hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c.asked.Add(1)
	if e := s.entries[q.hash]; e != nil && bytes.Equal(e.key, w.buf) {
		e.used = true
		c.hits.Add(1)
		c.learn(s, true)
		c.writers.Put(w)
		return e.decision, question{}
	}
	// The part of the hash that is kept is not the one that chose the shard.
	at, mark := q.hash>>8%recentKeys, uint32(q.hash>>32)|1
	q.again = s.seen[at] == mark
	s.seen[at] = mark
	c.learn(s, q.again)
	return nil, q
}

// learn notes whether a key had been seen; s is locked.
func (c *decisionCache) learn(s *cacheShard, known bool) {
	s.asked++
	if known {
		s.known++
		c.idle.Store(false)
	}
	if s.asked >= window/cacheShards {
		c.idle.Store(s.known*64 < s.asked)
		s.asked, s.known = 0, 0
	}
}

// keep ends a question: with its decision, or with nil where there is none.
func (c *decisionCache) keep(q question, d *engine.Decision) {
	if q.writer == nil {
		return
	}
	defer c.writers.Put(q.writer)
	if d == nil || !q.again {
		return
	}
	remembered := *d
	remembered.Cached = true
	e := &cached{key: bytes.Clone(q.writer.buf), hash: q.hash, decision: &remembered}
	s := &c.shards[q.hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[q.hash]; old != nil {
		s.remove(old) // the same key, decided by two at once, or another of the same hash
	}
	if e.size() > s.limit {
		return
	}
	for s.bytes+e.size() > s.limit {
		s.evict()
	}
	s.add(e)
}

// size is about what an entry takes.
func (e *cached) size() int {
	d := e.decision
	n := 512 + len(e.key) + len(d.Raw) + 48*len(d.Deny) + 64*len(d.Prefer)
	for _, reasons := range d.Exclude {
		n += 96 + 48*len(reasons)
	}
	return n
}

func (s *cacheShard) add(e *cached) {
	s.entries[e.hash] = e
	s.bytes += e.size()
	if s.hand == nil {
		e.next, e.prev = e, e
		s.hand = e
		return
	}
	e.next, e.prev = s.hand, s.hand.prev
	e.prev.next, e.next.prev = e, e
}

func (s *cacheShard) remove(e *cached) {
	delete(s.entries, e.hash)
	s.bytes -= e.size()
	if e.next == e {
		s.hand = nil
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	if s.hand == e {
		s.hand = e.next
	}
}

// evict removes the next entry that has not been used since the clock's hand last
// came by.
func (s *cacheShard) evict() {
	for s.hand.used {
		s.hand.used = false
		s.hand = s.hand.next
	}
	s.remove(s.hand)
}
