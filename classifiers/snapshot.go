package classifiers

import (
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// warmArena is the input arena that an instance asks for before its snapshot is
// taken: requests up to that size need no other.
const warmArena = 64 << 10

// snapshot is what there is to an instance after sp_configure: its memory and
// its mutable globals. All instances of a classifier come to the same state, since
// nothing they can see differs, so one snapshot serves them all: to start another
// without running it, to put one back in order after a failure, and, where a
// module must not remember, after each call. It does not change.
type snapshot struct {
	size    uint32 // of the memory
	memory  []byte // without the zeros at its end
	globals []uint64
	arena   uint32
	length  uint32
}

// snapshot returns the instance's state; nil where that is more than memory and
// globals.
func (i *instance) snapshot() *snapshot {
	if i.of.lasting {
		return nil
	}
	s := &snapshot{size: i.mem.Size(), arena: i.arena, length: i.length}
	b, _ := i.mem.Read(0, s.size)
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	s.memory = append([]byte(nil), b...)
	for _, g := range i.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s
}

// restore brings the instance to the state of s. It cannot where its memory has
// grown beyond that, since memory does not shrink.
func (i *instance) restore(s *snapshot) bool {
	if s == nil || i.mem.Size() != s.size {
		return false
	}
	b, _ := i.mem.Read(0, s.size)
	clear(b[copy(b, s.memory):])
	for k, g := range i.globals {
		g.Set(s.globals[k])
	}
	i.arena, i.length = s.arena, s.length
	return true
}

// adopt is restore for an instance that was just made.
func (i *instance) adopt(s *snapshot) error {
	if have := i.mem.Size(); have < s.size {
		if _, ok := i.mem.Grow((s.size - have) / pageSize); !ok {
			return fmt.Errorf("start: its memory does not grow to %d bytes", s.size)
		}
	}
	if !i.restore(s) {
		return fmt.Errorf("start: it has %d bytes of memory, the first instance %d", i.mem.Size(), s.size)
	}
	return nil
}

// globalsOf returns the module's mutable globals in the order of names.
func globalsOf(m api.Module, names []string) []api.MutableGlobal {
	globals := make([]api.MutableGlobal, len(names))
	for k, name := range names {
		globals[k] = m.ExportedGlobal(name).(api.MutableGlobal)
	}
	return globals
}
