package vm

// slab hands out zeroed Ts that all end together.
type slab[T any] struct {
	chunks [][]T
	chunk  int // in use
	next   int // within it
}

const (
	slabChunk  = 128
	keptChunks = 64 // of a slab between evaluations; more go back to the collector
)

func (s *slab[T]) new() *T {
	if s.chunk == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, slabChunk))
	}
	t := &s.chunks[s.chunk][s.next]
	if s.next++; s.next == slabChunk {
		s.chunk, s.next = s.chunk+1, 0
	}
	return t
}

// reset ends all Ts; clean makes one fit to be handed out again.
func (s *slab[T]) reset(clean func(*T)) {
	for c := range min(s.chunk+1, len(s.chunks)) {
		used := slabChunk
		if c == s.chunk {
			used = s.next
		}
		for i := range used {
			clean(&s.chunks[c][i])
		}
	}
	if len(s.chunks) > keptChunks {
		s.chunks = s.chunks[:keptChunks:keptChunks]
	}
	s.chunk, s.next = 0, 0
}

// words hands out runs of Values that all end together.
type words struct {
	chunks [][]Value
	chunk  int
	next   int
}

const wordsChunk = 1024

// take gives room for n Values, empty.
func (w *words) take(n int) []Value {
	for {
		if w.chunk == len(w.chunks) {
			w.chunks = append(w.chunks, make([]Value, max(wordsChunk, n)))
			w.next = 0
		}
		c := w.chunks[w.chunk]
		if len(c)-w.next >= n {
			w.next += n
			return c[w.next-n : w.next-n : w.next]
		}
		w.chunk, w.next = w.chunk+1, 0
	}
}

func (w *words) reset() {
	for c := range min(w.chunk+1, len(w.chunks)) {
		if c == w.chunk {
			clear(w.chunks[c][:w.next])
		} else {
			clear(w.chunks[c])
		}
	}
	if len(w.chunks) > keptChunks {
		w.chunks = w.chunks[:keptChunks:keptChunks]
	}
	w.chunk, w.next = 0, 0
}

// arena is where an evaluation's values live.
type arena struct {
	strs    slab[str]
	numbers slab[number]
	arrays  slab[array]
	tables  slab[table]
	words   words
}

func (a *arena) values(n int) []Value { return a.words.take(n) }

func (a *arena) reset() {
	a.strs.reset(func(s *str) { *s = str{} })
	a.numbers.reset(func(n *number) { *n = number{} })
	a.arrays.reset(func(x *array) { *x = array{} })
	a.tables.reset(func(t *table) { *t = table{spare: t.spare} })
	a.words.reset()
}

// String is a string value that shares s's bytes.
func (a *arena) String(s string) Value {
	v := a.strs.new()
	v.kind, v.s = kindString, s
	return v.value()
}

// Float is a number that is not an int64, in the digits that encoding/json would
// give it. f must be finite.
func (a *arena) Float(f float64) Value {
	if i := int64(f); float64(i) == f && i > -1e15 && i < 1e15 {
		return Int(i)
	}
	v := a.numbers.new()
	v.kind, v.f = kindNumber, f
	return v.value()
}

func (a *arena) newArray(capacity int) *array {
	v := a.arrays.new()
	v.kind = kindArray
	if capacity > 0 {
		v.elems = a.values(capacity)
	}
	return v
}

func (a *arena) newTable(k kind, capacity int) *table {
	t := a.tables.new()
	t.kind, t.sorted = k, true
	if capacity > 0 {
		t.keys = a.values(capacity)
		if k == kindObject {
			t.vals = a.values(capacity)
		}
	}
	return t
}

func (x *array) append(a *arena, v Value) {
	if len(x.elems) == cap(x.elems) {
		x.elems = append(a.values(max(4, 2*len(x.elems))), x.elems...)
	}
	x.elems = append(x.elems, v)
}
