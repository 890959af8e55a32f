// Package recall remembers what was made for bytes that come again. It hides when
// remembering pays, what is forgotten first, and the locks.
package recall

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	shardCount = 16
	// recentKeys is how many keys a shard knows to have seen once, by a part of their
	// hash; a power of two.
	recentKeys = 1 << 12
	// window is after how many questions the cache looks whether it is of use, and
	// idleTurns how many it lets pass for each that it looks at when not.
	window    = 1 << 12
	idleTurns = 16
	// overhead is about what an entry takes beside its key and value.
	overhead = 160
)

// Cache remembers values by keys, which it compares as a whole. Most traffic never
// repeats: a value is kept when its key is seen a second time, and while next to
// nothing repeats most questions are not worth asking (see Idle). What has not been
// asked for since the clock's hand last came by is forgotten first.
//
// Its methods are safe for concurrent use. Values are given to many and must not be
// changed.
type Cache[V any] struct {
	seed   maphash.Seed
	shards [shardCount]shard[V]

	asked, hits atomic.Uint64
	turn        atomic.Uint32 // of the questions since the cache was idle
	idle        atomic.Bool   // next to nothing repeats
}

type shard[V any] struct {
	mu      sync.Mutex
	entries map[uint64]*entry[V]
	hand    *entry[V] // of the clock; the entries are a ring
	bytes   int
	limit   int
	seen    [recentKeys]uint32
	asked   int // in this window
	known   int // of them had been seen before
}

type entry[V any] struct {
	key        []byte
	hash       uint64
	value      V
	bytes      int
	used       bool
	next, prev *entry[V]
}

// New returns a cache of at most limit bytes, as far as those who fill it tell the
// size of their values.
func New[V any](limit int) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].entries, c.shards[i].limit = map[uint64]*entry[V]{}, limit/shardCount
	}
	return c
}

// Question is a key that was asked for and not found. The zero one keeps nothing.
type Question struct {
	hash  uint64
	again bool
}

// Again says whether the key had been seen before, so that Keep will keep its value.
func (q Question) Again() bool { return q.again }

// Idle says that this time the cache need not be asked: next to nothing repeats.
// One time in sixteen it is asked all the same.
func (c *Cache[V]) Idle() bool { return c.idle.Load() && c.turn.Add(1)%idleTurns != 0 }

// Find returns the value kept for a key, or what Keep needs to keep one.
func (c *Cache[V]) Find(key []byte) (v V, ok bool, q Question) {
	q.hash = maphash.Bytes(c.seed, key)
	s := &c.shards[q.hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	c.asked.Add(1)
	if e := s.entries[q.hash]; e != nil && bytes.Equal(e.key, key) {
		e.used = true
		c.hits.Add(1)
		c.learn(s, true)
		return e.value, true, Question{}
	}
	// The part of the hash that is kept is not the one that chose the shard.
	at, mark := q.hash>>8%recentKeys, uint32(q.hash>>32)|1
	q.again = s.seen[at] == mark
	s.seen[at] = mark
	c.learn(s, q.again)
	return v, false, q
}

// learn notes whether a key had been seen; s is locked.
func (c *Cache[V]) learn(s *shard[V], known bool) {
	s.asked++
	if known {
		s.known++
		c.idle.Store(false)
	}
	if s.asked >= window/shardCount {
		c.idle.Store(s.known*64 < s.asked)
		s.asked, s.known = 0, 0
	}
}

// Keep keeps the value of a key that Find did not find, where the key had been seen
// before. It copies the key; size is about what the value takes, in bytes.
func (c *Cache[V]) Keep(q Question, key []byte, v V, size int) {
	if !q.again {
		return
	}
	s := &c.shards[q.hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[q.hash]; old != nil {
		s.remove(old) // the same key, asked for by two at once, or another of the same hash
	}
	size += overhead + len(key)
	if size > s.limit {
		return
	}
	for s.bytes+size > s.limit {
		s.evict()
	}
	s.add(&entry[V]{key: bytes.Clone(key), hash: q.hash, value: v, bytes: size})
}

// Stats are how often the cache was asked, and how often it knew.
func (c *Cache[V]) Stats() (asked, hits uint64) { return c.asked.Load(), c.hits.Load() }

func (s *shard[V]) add(e *entry[V]) {
	s.entries[e.hash] = e
	s.bytes += e.bytes
	if s.hand == nil {
		e.next, e.prev = e, e
		s.hand = e
		return
	}
	e.next, e.prev = s.hand, s.hand.prev
	e.prev.next, e.next.prev = e, e
}

func (s *shard[V]) remove(e *entry[V]) {
	delete(s.entries, e.hash)
	s.bytes -= e.bytes
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
func (s *shard[V]) evict() {
	for s.hand.used {
		s.hand.used = false
		s.hand = s.hand.next
	}
	s.remove(s.hand)
}
