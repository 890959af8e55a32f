package recall

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// ask finds a key or makes its value, as users do.
func ask(c *Cache[string], key string) (value string, found bool) {
	value, found, q := c.Find([]byte(key))
	if !found {
		value = "made of " + key
		c.Keep(q, []byte(key), value, len(value))
	}
	return value, found
}

func TestKeepsWhatIsSeenTwice(t *testing.T) {
	c := New[string](1 << 20)
	for i, want := range []bool{false, false, true, true} {
		if value, found := ask(c, "a"); found != want || value != "made of a" {
			t.Errorf("question %d: %q, found %v", i, value, found)
		}
	}
	if asked, hits := c.Stats(); asked != 4 || hits != 2 {
		t.Errorf("%d of %d", hits, asked)
	}
	if n := testing.AllocsPerRun(100, func() { c.Find([]byte("a")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two keys of one hash, as near as can be made: the second takes the place of the
// first and neither is ever given for the other.
func TestComparesWholeKeys(t *testing.T) {
	c := New[string](1 << 20)
	ask(c, "a")
	ask(c, "a")
	for i := range c.shards {
		for _, e := range c.shards[i].entries {
			e.key = []byte("b") // as if it had a's hash
		}
	}
	if value, found := ask(c, "a"); found {
		t.Errorf("found %q", value)
	}
	if value, found := ask(c, "a"); !found || value != "made of a" {
		t.Errorf("%q, found %v", value, found)
	}
}

func TestIsBounded(t *testing.T) {
	const limit = 64 << 10
	c := New[string](limit)
	for i := range 4000 {
		ask(c, strings.Repeat("x", i/4%50)+fmt.Sprint(i/4))
	}
	total, entries := 0, 0
	for i := range c.shards {
		s := &c.shards[i]
		n, ring := 0, 0
		for _, e := range s.entries {
			n += e.bytes
		}
		for e := s.hand; e != nil; e = e.next {
			if ring++; e.next == s.hand {
				break
			}
		}
		if n != s.bytes || n > s.limit || ring != len(s.entries) {
			t.Errorf("shard %d counts %d bytes, holds %d, may hold %d; %d entries, %d in the ring", i, s.bytes, n, s.limit, len(s.entries), ring)
		}
		total += n
		entries += len(s.entries)
	}
	if total > limit || entries < 100 {
		t.Errorf("%d entries of %d bytes", entries, total)
	}
	huge := strings.Repeat("y", limit)
	for range 3 {
		if _, found := ask(c, huge); found {
			t.Error("kept more than a shard's share")
		}
	}
}

// What is in use stays while what is not makes room.
func TestForgetsWhatIsNotUsed(t *testing.T) {
	c := New[string](64 << 10)
	for range 3 {
		ask(c, "used")
	}
	for i := range 2000 {
		ask(c, fmt.Sprint(i))
		ask(c, fmt.Sprint(i))
		if _, found := ask(c, "used"); !found {
			t.Fatalf("forgotten after %d others", i)
		}
	}
}

func TestIdlesWhereNothingRepeats(t *testing.T) {
	c := New[string](1 << 20)
	for i := range 4 * window {
		ask(c, fmt.Sprint(i))
	}
	looked := 0
	for range 10 * idleTurns {
		if !c.Idle() {
			looked++
		}
	}
	if looked != 10 {
		t.Errorf("of %d questions it wants %d", 10*idleTurns, looked)
	}
	for range 2 {
		ask(c, "again")
	}
	if c.Idle() {
		t.Error("idle although a key came again")
	}
}

func TestManyAtOnce(t *testing.T) {
	c := New[string](32 << 10)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				key := fmt.Sprint((i*7 + g) % 300)
				if value, _ := ask(c, key); value != "made of "+key {
					t.Errorf("%q for %q", value, key)
				}
			}
		})
	}
	wg.Wait()
}
