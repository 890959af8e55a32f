package classifiers

import (
	"fmt"
	"math"
)

// wasmReader reads a module's bytes. After an error all reads are zero.
type wasmReader struct {
	b   []byte
	err error
}

func (r *wasmReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.b = nil
}

func (r *wasmReader) byte() byte {
	if len(r.b) == 0 {
		r.fail("unexpected end")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *wasmReader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail("unexpected end")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// leb reads an LEB128 number of at most size bytes, sign bits not extended.
func (r *wasmReader) leb(size int) uint64 {
	v := uint64(0)
	for i := range size {
		c := r.byte()
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v
		}
	}
	r.fail("a number is too long")
	return 0
}

func (r *wasmReader) u32() uint32 {
	v := r.leb(5)
	if v > math.MaxUint32 {
		r.fail("a number does not fit into 32 bits")
		return 0
	}
	return uint32(v)
}

// count is the length of a vector; 0 for an absent section. Each element takes a
// byte at least, so a length beyond the bytes left is a lie.
func (r *wasmReader) count() uint32 {
	if len(r.b) == 0 {
		return 0
	}
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.fail("a vector of %d elements in %d bytes", n, len(r.b))
		return 0
	}
	return n
}

// items is the length of a section.
func (r *wasmReader) items() uint32 {
	n := r.count()
	if n > maxItems {
		r.fail("%d items, more than %d", n, maxItems)
		return 0
	}
	return n
}

// limits reads a memory's or a table's; without a maximum it is the largest.
func (r *wasmReader) limits() (least, most uint32) {
	switch flags := r.byte(); flags {
	case 0:
		return r.u32(), math.MaxUint32
	case 1:
		least = r.u32()
		return least, r.u32()
	default:
		r.fail("limits with flags %#x (shared and 64-bit memories are not possible)", flags)
		return 0, 0
	}
}

func appendLimits(b []byte, least, most uint32) []byte {
	return appendU32(appendU32(append(b, 1), least), most)
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v&0x7f)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}
