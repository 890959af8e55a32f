package classifiers

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// counter is a module whose sp_classify counts its calls, in memory or in a
// global, and returns the count as an error code: -101 for the first.
func counter(instructions []byte, globals []byte) []byte {
	return testGuest{classify: instructions, globals: globals}.module()
}

// memoryCounter counts in a byte of memory, and traps for "!".
var memoryCounter = cat(i32Const(16), i32Const(16), []byte{0x2d, 0, 0}, i32Const(1), []byte{0x6a, 0x3a, 0, 0}, // i32.load8_u, i32.add, i32.store8
	when(opUnreachable),
	i64Const(-100), i32Const(16), []byte{0x31, 0, 0, 0x7d, opReturn}) // i64.load8_u, i64.sub

// globalCounter does so in a global.
var globalCounter = cat([]byte{opGlobalGet, 0}, i64Const(1), []byte{0x7c, opGlobalSet, 0}, // i64.add
	when(opUnreachable),
	i64Const(-100), []byte{opGlobalGet, 0, 0x7d, opReturn})

// tableCounter grows a table by one and returns -100 - its size.
var tableCounter = cat([]byte{opRefNull, 0x70}, i32Const(1), []byte{opMisc, 15, 0, opDrop},
	i64Const(-100), []byte{opMisc, 16, 0, 0xad, 0x7d, opReturn}) // i64.extend_i32_u

// growingCounter grows memory by a page and returns -100 - its size.
var growingCounter = cat(i32Const(1), []byte{opMemoryGrow, 0, opDrop},
	i64Const(-100), []byte{opMemorySize, 0, 0xad, 0x7d, opReturn})

// TestStateIsNotKept: whatever a module does to remember what it saw, the next
// call finds it as it was before the first.
func TestStateIsNotKept(t *testing.T) {
	i64Global := vector(cat([]byte{0x7e, 1}, i64Const(0), []byte{opEnd}))
	for _, tt := range []struct {
		name   string
		module []byte
		says   string
	}{
		{"memory", counter(memoryCounter, nil), "returned -101"},
		{"global", counter(globalCounter, i64Global), "returned -101"},
		{"table", testGuest{classify: tableCounter, table: true}.module(), "returned -103"},
		{"memory.grow", counter(growingCounter, nil), "returned -103"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, newHost(t), ModuleConfig{Wasm: tt.module})
			for range 3 {
				_, err := c.Classify(context.Background(), userTexts("x"))
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("got %v, want %q", err, tt.says)
				}
			}
		})
	}
}

// TestTextIsNotKept: of the text of a call nothing is left in the memory of a
// module that is not built in.
func TestTextIsNotKept(t *testing.T) {
	const text = "the launch is on Tuesday"
	c := load(t, newHost(t), ModuleConfig{Wasm: testGuest{}.module()})
	if _, err := c.Classify(context.Background(), userTexts(text)); err != nil {
		t.Fatal(err)
	}
	inst, err := c.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { c.pool <- inst }()
	b, _ := inst.mem.Read(0, inst.mem.Size())
	if strings.Contains(string(b), text) {
		t.Error("the text is still there")
	}
}

// TestTrapKeepsInstance: after a trap the same instance goes on, without a new one
// being made.
func TestTrapKeepsInstance(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Wasm: testGuest{classify: when(opUnreachable)}.module()})
	peek := func() *instance {
		inst, err := c.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.pool <- inst
		return inst
	}
	before := peek()
	_, err := c.Classify(context.Background(), userTexts("!"))
	checkCode(t, err, engine.ClassifierTrap)
	if peek() != before {
		t.Error("the trap cost the instance")
	}
	if _, err := c.Classify(context.Background(), userTexts("x")); err != nil {
		t.Error(err)
	}
}
