package classifiers

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

func call(i uint32) []byte { return appendU32([]byte{opCall}, i) }

var endlessLoop = []byte{opLoop, blockVoid, opBr, 0, opEnd}

// when guards instructions: they run only if the first text's first byte is "!",
// so that a test can see the next call succeed.
func when(instructions ...byte) []byte {
	text := int32(requestHeader + segmentSize)
	load := cat([]byte{opLocalGet, 0}, []byte{0x2d, 0}, appendU32(nil, uint32(text))) // i32.load8_u
	return cat(load, i32Const('!'), []byte{0x46, opIf, blockVoid}, instructions, []byte{opEnd})
}

// hostile is a module that misbehaves where the first text begins with "!".
type hostile struct {
	name string
	g    testGuest
	code string
	text string // in the error
}

func hostileGuests() []hostile {
	grow := cat([]byte{opLoop, blockVoid}, i32Const(1), []byte{opMemoryGrow, 0, opDrop, opBr, 0, opEnd})
	fill := cat([]byte{opLoop, blockVoid}, i32Const(0), i32Const(0), i32Const(131072), []byte{opMisc, 11, 0, opBr, 0, opEnd})
	// Loads 4 KiB apart, so that each waits for memory: i32.load(g = (g + 4099) & mask).
	afar := cat(i32Const(4<<20/pageSize), []byte{opMemoryGrow, 0, opDrop, opLoop, blockVoid, opLocalGet, 1}, i32Const(4099), []byte{0x6a},
		i32Const(4<<20-4), []byte{0x71, opLocalTee, 1, 0x28, 0, 0, opDrop, opBr, 0, opEnd})
	straight := cat([]byte{opLoop, blockVoid}, bytes.Repeat(cat(i32Const(1), i32Const(3), []byte{0x6d, opDrop}), 20_000), []byte{opBr, 0, opEnd})
	recurse := testGuest{}.helper(0)
	return []hostile{
		{"endless loop", testGuest{classify: when(endlessLoop...)}, engine.ClassifierTimeLimit, "time limit"},
		{"mutual recursion", testGuest{
			classify: when(call(recurse)...),
			helpers:  [][]byte{call(recurse + 1), call(recurse)},
		}, engine.ClassifierTrap, "nest too deep"},
		{"recursion", testGuest{classify: when(call(recurse)...), helpers: [][]byte{call(recurse)}}, engine.ClassifierTrap, "nest too deep"},
		{"exponential calls", testGuest{classify: when(call(recurse)...), helpers: doublings(60)}, engine.ClassifierTimeLimit, "time limit"},
		{"memory.grow without end", testGuest{classify: when(grow...)}, engine.ClassifierTimeLimit, "time limit"},
		{"memory.fill without end", testGuest{classify: when(fill...)}, engine.ClassifierTimeLimit, "time limit"},
		{"memory read from afar without end", testGuest{classify: when(afar...)}, engine.ClassifierTimeLimit, "time limit"},
		{"one long path, again and again", testGuest{classify: when(straight...)}, engine.ClassifierTimeLimit, "time limit"},
		{"host calls without end", testGuest{
			imports: []testImport{{moduleSallyport, "log", typeLog}},
			classify: when(cat([]byte{opLoop, blockVoid}, i32Const(0), i32Const(0), i32Const(4096),
				[]byte{opCall, 0, opBr, 0, opEnd})...),
		}, engine.ClassifierTimeLimit, "time limit"},
		{"unreachable", testGuest{classify: when(opUnreachable)}, engine.ClassifierTrap, "unreachable"},
		{"load out of bounds", testGuest{
			classify: when(cat(i32Const(-4), []byte{0x28, 0, 0, opDrop})...),
		}, engine.ClassifierTrap, "out of bounds"},
		{"error code", testGuest{classify: when(cat(i64Const(-7), []byte{opReturn})...)}, engine.ClassifierGuestError, "returned -7"},
		{"out of memory", testGuest{classify: when(cat(i64Const(-1), []byte{opReturn})...)}, engine.ClassifierMemoryLimit, "out of memory"},
		{"result beyond memory", testGuest{classify: when(cat(i64Const(0x7fffffff<<32|64), []byte{opReturn})...)}, engine.ClassifierBadResult, "outside its memory"},
		{"result reaching beyond memory", testGuest{classify: when(cat(i64Const(8192<<32|0xffffffff), []byte{opReturn})...)}, engine.ClassifierBadResult, "outside its memory"},
		{"no result", testGuest{classify: when(cat(i64Const(0), []byte{opReturn})...)}, engine.ClassifierBadResult, "shorter than its header"},
	}
}

// hostileLimit is the time limit of hostile guests.
const hostileLimit = 20 * time.Millisecond

// TestHostileGuests: each ends, with an error that says why, and neither the next
// call nor another classifier notices. How soon it ends is measured by
// BenchmarkTableHostile: a test that depended on it would depend on the machine.
func TestHostileGuests(t *testing.T) {
	h := newHost(t)
	neighbour(t, h)
	for _, tt := range hostileGuests() {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, h, ModuleConfig{Wasm: tt.g.module(), TimeLimit: hostileLimit, MemoryLimitBytes: 8 << 20})
			for range 2 {
				_, err := c.Classify(context.Background(), userTexts("! go wrong"))
				var ce *engine.ClassifierError
				if !errors.As(err, &ce) || ce.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
					t.Fatalf("got %v, want code %q with %q", err, tt.code, tt.text)
				}
				if strings.Contains(err.Error(), "go wrong") || strings.Contains(err.Error(), "\n") {
					t.Errorf("error holds the text or spans lines: %q", err)
				}
				if _, err := c.Classify(context.Background(), userTexts("behave")); err != nil {
					t.Fatalf("the next call: %v", err)
				}
			}
		})
	}
}

// neighbour has another classifier of the host at work for as long as the test
// runs. No call of it may fail or find something else than what is there.
func neighbour(t *testing.T, h *Host) {
	c := load(t, h, ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		calls := 0
		defer func() { done <- calls }()
		for ; ; calls++ {
			select {
			case <-stop:
				return
			default:
			}
			rep, err := c.Classify(context.Background(), userTexts("write to a@example.com now"))
			if err != nil || len(rep.Findings) != 1 {
				t.Errorf("the neighbour: %v %v", rep, err)
				return
			}
			runtime.Gosched()
		}
	}()
	t.Cleanup(func() {
		close(stop)
		if calls := <-done; calls == 0 {
			t.Error("the neighbour came to no call")
		}
	})
}

// TestHostilePointers: addresses that a module gives at load are held to its
// memory as well.
func TestHostilePointers(t *testing.T) {
	h := newHost(t)
	for _, tt := range []struct {
		name string
		g    testGuest
		text string
	}{
		{"arena outside of memory", testGuest{alloc: i32Const(0x7fff0000)}, "outside its memory"},
		{"arena at the end of memory", testGuest{alloc: i32Const(2*pageSize - 1)}, "outside its memory"},
		{"no arena", testGuest{alloc: i32Const(0)}, "has no 2 bytes"},
		{"endless sp_alloc", testGuest{alloc: cat(endlessLoop, i32Const(0))}, "time limit"},
		{"description outside of memory", testGuest{describeAt: 0x7fff0000}, "outside its memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := h.Load(context.Background(), ModuleConfig{Name: "x", Wasm: tt.g.module(), Pool: 1})
			if err == nil {
				c.Close(context.Background())
			}
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
}

// doublings are n functions of which each calls the next one twice.
func doublings(n int) [][]byte {
	fns := make([][]byte, n)
	for i := range fns {
		if i+1 < n {
			next := call(testGuest{}.helper(i + 1))
			fns[i] = cat(next, next)
		}
	}
	return fns
}

func TestBadResults(t *testing.T) {
	span := testSpan{text: 0, start: 0, end: 1, score: 0.5}
	with := func(change func(*testSpan)) []byte {
		s := span
		change(&s)
		return encodeResult(0, nil, []testSpan{s})
	}
	patch := func(at int, v byte) []byte {
		b := encodeResult(0, []testScore{{0, 0.5}}, []testSpan{span})
		b[at] = v
		return b
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name   string
		result []byte
		text   string // "": it is good
	}{
		{"good", encodeResult(1, []testScore{{0, 1}}, []testSpan{span}), ""},
		{"overlapping spans", encodeResult(0, nil, []testSpan{span, span}), ""},
		{"magic", patch(0, 'X'), "SPR1"},
		{"unknown flags", encodeResult(2, nil, nil), "flags"},
		{"count of scores", patch(10, 0xff), "take"},
		{"count of spans", patch(15, 0xff), "take"},
		{"counts that wrap around", append(patch(15, 0x80)[:12], 0, 0, 0, 0x80), "take"},
		{"bytes too many", append(encodeResult(0, nil, nil), 0), "take"},
		{"cut short", encodeResult(0, nil, []testSpan{span})[:30], "take"},
		{"score id", encodeResult(0, []testScore{{1, 0.5}}, nil), "score 0: id 1"},
		{"score twice", encodeResult(0, []testScore{{0, 0.5}, {0, 0.5}}, nil), "2 scores"},
		{"score NaN", encodeResult(0, []testScore{{0, nan}}, nil), "not in 0..1"},
		{"score reserved", patch(18, 1), "reserved"},
		{"text index", with(func(s *testSpan) { s.text = 1 }), "segment 1 of 1"},
		{"inverted", with(func(s *testSpan) { s.start, s.end = 2, 1 }), "not before"},
		{"empty", with(func(s *testSpan) { s.end = 0 }), "not before"},
		{"beyond the text", with(func(s *testSpan) { s.end = 9 }), "outside its segment"},
		{"end far beyond", with(func(s *testSpan) { s.end = 0xffffffff }), "outside its segment"},
		{"start inside a character", with(func(s *testSpan) { s.start, s.end = 2, 3 }), "UTF-8"},
		{"end inside a character", with(func(s *testSpan) { s.end = 2 }), "UTF-8"},
		{"kind", with(func(s *testSpan) { s.kind = 2 }), "kind 2"},
		{"span reserved", patch(38, 1), "reserved"},
		{"span NaN", with(func(s *testSpan) { s.score = nan }), "not in 0..1"},
		{"span infinite", with(func(s *testSpan) { s.score = inf }), "not in 0..1"},
		{"span negative", with(func(s *testSpan) { s.score = -0.1 }), "not in 0..1"},
	}
	h := newHost(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, h, ModuleConfig{Wasm: testGuest{result: tt.result}.module()})
			_, err := c.Classify(context.Background(), userTexts("aé bc"))
			var ce *engine.ClassifierError
			switch {
			case tt.text == "" && err != nil:
				t.Error(err)
			case tt.text != "" && (!errors.As(err, &ce) || ce.Code != engine.ClassifierBadResult || !strings.Contains(err.Error(), tt.text)):
				t.Errorf("got %v, want a bad result with %q", err, tt.text)
			}
		})
	}
}

func TestRefusedModules(t *testing.T) {
	good := testGuest{}.module()
	tests := []struct {
		name string
		wasm []byte
		text []string // all of them in the error
	}{
		{"empty", nil, []string{"not a WebAssembly module"}},
		{"text", []byte("(module)"), []string{"not a WebAssembly module"}},
		{"component", append([]byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}, good[8:]...), []string{"component"}},
		{"cut short", good[:len(good)-5], []string{"cut short"}},
		{"more data segments than bytes", cat(wasmHeader, section(secData, 0xff, 0xff, 0xff, 0x7f)), []string{"a vector of 268435455 elements"}},
		{"more data segments than are possible", cat(wasmHeader, section(secData, cat(appendU32(nil, maxItems+1), make([]byte, 8*maxItems))...)), []string{"100001 items"}},
		{"other data segments than announced", cat(wasmHeader, section(secDataCount, 2), section(secData, 1, 1, 0)), []string{"1 data segments where 2"}},
		{"nothing in it", wasmHeader, []string{exportABI, exportDescribe, exportConfigure, exportAlloc, exportClassify, exportMemory}},
		{"missing export", testGuest{without: exportAlloc}.module(), []string{"does not export sp_alloc"}},
		{"unknown imports", testGuest{imports: []testImport{{"env", "socket", typeNone}, {"wasi_snapshot_preview1", "fd_open_all", typeNone}}}.module(),
			[]string{"env.socket", "wasi_snapshot_preview1.fd_open_all"}},
		{"import of the wrong type", testGuest{imports: []testImport{{moduleSallyport, "log", typeNone}}}.module(), []string{"sallyport.log with the wrong type"}},
		{"import kept for metering", testGuest{imports: []testImport{{moduleMeter, "yield", typeNone}}}.module(), []string{"kept for metering"}},
		{"large initial memory", testGuest{memory: []byte{0, 200, 1}}.module(), []string{"starts with 13107200 bytes", "limit is 8388608"}},
		{"shared memory", testGuest{memory: []byte{3, 1, 2}}.module(), []string{"limits with flags 0x3"}},
		{"64-bit memory", testGuest{memory: []byte{4, 1}}.module(), []string{"limits with flags 0x4"}},
		{"endless start function", testGuest{start: endlessLoop}.module(), []string{"start: it ran longer"}},
		{"start function that traps", testGuest{start: []byte{opUnreachable}}.module(), []string{"start", "unreachable"}},
		{"unknown section", testGuest{extra: section(13, 0)}.module(), []string{"section 13"}},
		{"section out of order", testGuest{extra: section(secType, 0)}.module(), []string{"section 1 is there twice or out of order"}},
		{"unknown instruction", testGuest{classify: []byte{0x06, blockVoid, opEnd}}.module(), []string{"instruction 0x6"}},
		{"atomic instruction", testGuest{classify: []byte{0xfe, 0x03, 0}}.module(), []string{"instruction 0xfe"}},
		{"relaxed SIMD", testGuest{classify: []byte{opSIMD, 0x80, 0x02}}.module(), []string{"instruction fd 0x100"}},
		{"tail call", testGuest{classify: []byte{0x12, 0}}.module(), []string{"instruction 0x12"}},
		{"invalid code", testGuest{classify: []byte{opDrop}}.module(), []string{"compile"}},
		{"branch to nowhere", testGuest{classify: []byte{opBr, 9}}.module(), []string{"branch to label 9"}},
		{"description", testGuest{describe: "{}"}.module(), []string{"name is missing", "neither kinds nor scores"}},
		{"description without JSON", testGuest{describe: "hello"}.module(), []string{"not the JSON object"}},
		{"kind in lower case", testGuest{describe: `{"name":"x","kinds":["email"]}`}.module(), []string{"kinds[0]"}},
		{"kind twice", testGuest{describe: `{"name":"x","kinds":["A","A"]}`}.module(), []string{"twice"}},
		{"config refused", testGuest{config: 3}.module(), []string{"refuses its config with code 3"}},
	}
	h := newHost(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := h.Load(context.Background(), ModuleConfig{Name: "mine", Wasm: tt.wasm, MemoryLimitBytes: 8 << 20, Pool: 1})
			if err == nil {
				if err := c.Close(context.Background()); err != nil {
					t.Error(err)
				}
				t.Fatal("it loaded")
			}
			for _, want := range append(tt.text, `"mine"`) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestLoadConfig(t *testing.T) {
	h := newHost(t)
	good := testGuest{}.module()
	for _, tt := range []struct {
		name string
		cfg  ModuleConfig
		text string
	}{
		{"no name", ModuleConfig{Wasm: good}, "no name"},
		{"pin", ModuleConfig{Name: "x", Wasm: good, SHA256: strings.Repeat("0", 64)}, "pinned is 0000"},
		{"unknown builtin", ModuleConfig{Name: "x", Module: "builtin:nothing"}, "complexity, injection, names, pii, secrets"},
		{"memory limit", ModuleConfig{Name: "x", Wasm: good, MemoryLimitBytes: 100}, "memory limit"},
		{"time limit", ModuleConfig{Name: "x", Wasm: good, TimeLimit: -1}, "time limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := h.Load(context.Background(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
}

func checkCode(t *testing.T, err error, code string) {
	t.Helper()
	var ce *engine.ClassifierError
	if !errors.As(err, &ce) || ce.Code != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}
