package classifiers

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// Lengths are sums, since a constant one that is small is not cut into pieces.
func fillMemory(to, value, n int32) []byte {
	return cat(i32Const(to), i32Const(value), i32Const(n), i32Const(0), []byte{opI32Add, opMisc, bulkFill, 0})
}

func copyMemory(to, from, n int32) []byte {
	return cat(i32Const(to), i32Const(from), i32Const(n), i32Const(0), []byte{opI32Add, opMisc, bulkCopy, 0, 0})
}

// TestBulkInPieces: what is moved in pieces ends up where it would have at once,
// however the ends overlap.
func TestBulkInPieces(t *testing.T) {
	const from, pages = 1 << 20, 64
	h := newHost(t)
	for _, size := range []int32{0, bulkPiece, bulkPiece + 1, 3*bulkPiece + 12345} {
		for _, shift := range []int32{0, 1, -1, bulkPiece, -300_001, 1 << 21} {
			for _, loops := range []bool{false, true} {
				t.Run(fmt.Sprint(size, shift, loops), func(t *testing.T) {
					// Stripes, so that a byte out of place shows.
					want := make([]byte, pages*pageSize)
					var code []byte
					for n := int32(0); n*70_001 < 4*bulkPiece; n++ {
						at := from + n*70_001
						code = append(code, fillMemory(at, n+1, 70_001)...)
						copy(want[at:], bytes.Repeat([]byte{byte(n + 1)}, 70_001))
					}
					code = append(code, fillMemory(from+7, 99, size)...)
					copy(want[from+7:], bytes.Repeat([]byte{99}, int(size)))
					code = append(code, fillMemory(from+size/2, 98, 1)...)
					want[from+size/2] = 98
					code = append(code, copyMemory(from+shift, from, size)...)
					copy(want[from+shift:], want[from:from+size])
					if loops { // the same, in a function whose fuel is in a local
						code = cat([]byte{opLoop, blockVoid}, code, i32Const(0), []byte{opBrIf, 0, opEnd})
					}
					c := load(t, h, ModuleConfig{Wasm: testGuest{classify: code, memory: []byte{0, pages}}.module(), TimeLimit: time.Minute})
					c.builtin = true // its memory stays as it is
					if _, err := c.Classify(context.Background(), userTexts("x")); err != nil {
						t.Fatal(err)
					}
					inst, err := c.take(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					defer func() { c.pool <- inst }()
					got, _ := inst.mem.Read(from/2, pages*pageSize-from/2)
					if !bytes.Equal(got, want[from/2:]) {
						t.Error("memory is not what it should be")
					}
				})
			}
		}
	}
}

// TestBulkOutOfBounds: one that leaves memory traps, wherever it begins, and leaves
// nothing behind.
func TestBulkOutOfBounds(t *testing.T) {
	h := newHost(t)
	for name, code := range map[string][]byte{
		"fill":                    fillMemory(0, 1, 3<<20),
		"fill of all":             fillMemory(0, 1, -1),
		"fill from the end":       fillMemory(-16, 1, 1<<20),
		"copy forward":            copyMemory(0, 16, 3<<20),
		"copy backward":           copyMemory(16, 0, 3<<20),
		"copy backward of all":    copyMemory(16, 0, -1),
		"copy to the end":         copyMemory(-16, 0, 1<<20),
		"copy from the end":       copyMemory(0, -16, 1<<20),
		"copy beyond the address": copyMemory(1<<20, 0, -1<<19),
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, h, ModuleConfig{Wasm: testGuest{classify: when(code...), memory: []byte{0, 32}}.module(), TimeLimit: time.Minute})
			_, err := c.Classify(context.Background(), userTexts("!"))
			checkCode(t, err, engine.ClassifierTrap)
			if !strings.Contains(err.Error(), "out of bounds memory access") {
				t.Error(err)
			}
			if _, err := c.Classify(context.Background(), userTexts("x")); err != nil {
				t.Error(err)
			}
		})
	}
}
