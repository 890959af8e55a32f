package policies

import (
	"sync"

	"github.com/sallyport-ai/sallyport/engine"
	"github.com/sallyport-ai/sallyport/engine/recall"
	"github.com/sallyport-ai/sallyport/policies/vm"
)

// DefaultCacheBytes bounds the decisions that a set remembers.
const DefaultCacheBytes = 16 << 20

// decisionCache remembers decisions by the parts of the input that they depend on.
// It belongs to one set, so a new policy or new data begins with an empty one. It
// holds only what was decided without an error.
type decisionCache struct {
	key     *cacheKey
	writers sync.Pool // of *keyWriter
	kept    *recall.Cache[*engine.Decision]
}

// newDecisionCache is nil for a program whose decisions depend on the whole input.
func newDecisionCache(reads []vm.Read, limit int) *decisionCache {
	key, ok := newCacheKey(reads)
	if !ok {
		return nil
	}
	c := &decisionCache{key: key, kept: recall.New[*engine.Decision](limit)}
	c.writers.New = func() any { return &keyWriter{} }
	return c
}

// question is an input's key while its decision is made. The zero one keeps nothing.
type question struct {
	writer *keyWriter
	recall.Question
}

// find returns the decision for an input, or nil and what keep needs to remember
// it. Decisions are shared and must not be changed.
func (c *decisionCache) find(in *engine.Input) (*engine.Decision, question) {
	if c.kept.Idle() {
		return nil, question{}
	}
	w := c.writers.Get().(*keyWriter)
	w.buf = w.buf[:0]
	for _, part := range c.key.parts {
		part(w, in)
	}
	d, ok, q := c.kept.Find(w.buf)
	if ok {
		c.writers.Put(w)
		return d, question{}
	}
	return nil, question{w, q}
}

// keep ends a question: with its decision, or with nil where there is none.
func (c *decisionCache) keep(q question, d *engine.Decision) {
	if q.writer == nil {
		return
	}
	defer c.writers.Put(q.writer)
	if d == nil || !q.Again() {
		return
	}
	remembered := *d
	remembered.Cached = true
	c.kept.Keep(q.Question, q.writer.buf, &remembered, sizeOf(d))
}

// sizeOf is about what a decision takes.
func sizeOf(d *engine.Decision) int {
	n := 352 + len(d.Raw) + 48*len(d.Deny) + 64*len(d.Prefer)
	for _, reasons := range d.Exclude {
		n += 96 + 48*len(reasons)
	}
	return n
}
