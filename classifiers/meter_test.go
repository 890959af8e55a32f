package classifiers

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/sallyport-ai/sallyport/engine"
)

// FuzzMeter holds metering to its promise: it never panics, what it makes of a
// valid module is valid too, and does the same until its fuel ends.
func FuzzMeter(f *testing.F) {
	for _, name := range Builtins() {
		wasm, _ := Builtin(name)
		f.Add(wasm)
	}
	f.Add(testGuest{}.module())
	f.Add(testGuest{classify: endlessLoop, helpers: doublings(3), start: []byte{opNop}}.module())
	f.Add(everyConstruct())
	for seed := range uint64(5) {
		f.Add((&program{r: rand.New(rand.NewPCG(seed, 2))}).module())
	}
	original, metered := meaningRunners(f)
	f.Fuzz(func(t *testing.T, module []byte) {
		if _, err := sameMeaning(original, metered, module); err != nil {
			t.Fatal(err)
		}
	})
}

// everyConstruct is a valid module with the parts that C compilers rarely write:
// tables, element segments of several forms, function references, br_table,
// multi-value blocks, passive data.
func everyConstruct() []byte {
	ref := []byte{opRefFunc, 1, opEnd}
	code := cat(
		i32Const(2), []byte{opLoop, 2}, i32Const(1), []byte{opI32Sub, 0x22, 0, opLocalGet, 0, opBrIf, 0, opEnd, opDrop},
		[]byte{opBlock, blockVoid, opBlock, blockVoid, opBlock, blockVoid}, i32Const(1), []byte{opBrTable, 2, 0, 1, 2, opEnd, opEnd, opEnd},
		i32Const(0), []byte{opIf, typeI32}, i32Const(5), []byte{opElse}, i32Const(6), []byte{opEnd, opDrop},
		i32Const(0), i32Const(0), i32Const(4), []byte{opMisc, 8, 0, 0, opMisc, 9, 0},
		[]byte{opRefFunc, 1, opRefIsNull, opDrop, opRefNull, 0x70}, i32Const(3), []byte{opMisc, 15, 0, opDrop},
		i32Const(0), []byte{opCallIndirect, 0, 0},
		[]byte{opSIMD, 12}, make([]byte, 16), []byte{opSIMD, 0x53, opDrop, opReturn},
	)
	f := append([]byte{1, 1, typeI32}, append(code, opEnd)...)
	return cat(wasmHeader,
		section(secType, vector([]byte{0x60, 0, 0}, []byte{0x60, 1, typeI32, 0}, []byte{0x60, 1, typeI32, 1, typeI32})...),
		section(secImport, vector(append(appendName(appendName(nil, "env"), "f"), 0, 1))...),
		section(secFunction, 2, 0, 0),
		section(secTable, 1, 0x70, 0, 4),
		section(secMemory, 1, 0, 1),
		section(secGlobal, vector([]byte{0x70, 0, opRefFunc, 2, opEnd}, cat([]byte{0x7e, 1}, i64Const(1<<40), []byte{opEnd}))...),
		section(secExport, vector(append(appendName(nil, "run"), 0, 1), append(appendName(nil, "table"), 1, 0))...),
		section(secStart, 2),
		section(secElement, vector(
			[]byte{0, opI32Const, 0, opEnd, 2, 1, 2},
			cat([]byte{5, 0x70, 2}, ref, ref),
			[]byte{3, 0, 2, 1, 2},
			cat([]byte{4, opI32Const, 2, opEnd, 1}, ref))...),
		section(secDataCount, 1),
		section(secCode, vector(append(appendU32(nil, uint32(len(f))), f...), body())...),
		section(secData, vector([]byte{1, 4, 1, 2, 3, 4})...))
}

func TestMeterEveryConstruct(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, everyConstruct()); err != nil {
		t.Fatal("the test's own module:", err)
	}
	out, err := meter(everyConstruct(), 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.CompileModule(ctx, out.wasm)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.ExportedFunctions()["run"]; !ok {
		t.Error("an export is gone")
	}
}

// TestMemoryLimit: what a module may grow to follows its configuration, not what
// it declares.
func TestMemoryLimit(t *testing.T) {
	h := newHost(t)
	grow := func(pages int32) []byte {
		// Return -pages when growing by pages fails.
		return cat(i32Const(pages), []byte{opMemoryGrow, 0}, i32Const(-1), []byte{0x46, opIf, blockVoid}, i64Const(int64(-pages)), []byte{opReturn, opEnd})
	}
	for _, tt := range []struct {
		pages int32
		ok    bool
	}{{6, true}, {7, false}} {
		c := load(t, h, ModuleConfig{Wasm: testGuest{classify: grow(tt.pages)}.module(), MemoryLimitBytes: 8*pageSize + 100})
		if _, err := c.Classify(context.Background(), userTexts("x")); (err == nil) != tt.ok {
			t.Errorf("growing 2 pages by %d within 8: %v", tt.pages, err)
		}
	}
}

// TestTextBeyondMemory: a request that cannot fit says so, and does no harm.
func TestTextBeyondMemory(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", MemoryLimitBytes: 1 << 20})
	for range 2 {
		_, err := c.Classify(context.Background(), userTexts(string(make([]byte, 1<<20))))
		checkCode(t, err, engine.ClassifierMemoryLimit)
		// It fits, but not with a folded copy.
		_, err = c.Classify(context.Background(), userTexts(string(make([]byte, 600<<10))+"\u200b"))
		checkCode(t, err, engine.ClassifierMemoryLimit)
		if _, err := c.Classify(context.Background(), userTexts("a@example.com")); err != nil {
			t.Error(err)
		}
	}
}

// TestLargeText: a megabyte of one thing, the more of it begins a form the
// better, and 8 MB of one character. All of it is read.
func TestLargeText(t *testing.T) {
	h := newHost(t)
	for _, name := range Builtins() {
		c := load(t, h, ModuleConfig{Module: BuiltinPrefix + name, TimeLimit: time.Minute})
		texts := []string{strings.Repeat("a", 8<<20), strings.Repeat("\u200b", 1<<20), strings.Repeat("\uff11", 1<<20)}
		for _, unit := range []string{"1", "@", ":", "-", "é", "1 ", "a@", "1.", "::1", "=", "token=\"", "( ", "eyJ."} {
			texts = append(texts, strings.Repeat(unit, 1<<20/len(unit)))
		}
		for _, text := range texts {
			if _, err := c.Classify(context.Background(), userTexts(text)); err != nil {
				t.Errorf("%s: %d bytes of %q: %v", name, len(text), text[:4], err)
			}
		}
	}
}
