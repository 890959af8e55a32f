package classifiers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestPoolIsBounded(t *testing.T) {
	h := newHost(t)
	c := load(t, h, ModuleConfig{Wasm: testGuest{}.module(), Pool: 1})
	inst, err := c.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the client left"))
	_, err = c.Classify(ctx, userTexts("x"))
	checkCode(t, err, engine.ClassifierUnavailable)
	if !strings.Contains(err.Error(), "the client left") {
		t.Errorf("error %q does not say why the call was given up", err)
	}
	c.pool <- inst
	if _, err := c.Classify(context.Background(), userTexts("x")); err != nil {
		t.Error(err)
	}
}

func TestConcurrentCalls(t *testing.T) {
	h := newHost(t)
	c := load(t, h, ModuleConfig{Module: "builtin:pii", Pool: 2, TimeLimit: time.Minute})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				text := strings.Repeat("x", i) + " jane@example.com"
				rep, err := c.Classify(context.Background(), userTexts(text))
				if err != nil || len(rep.Findings) != 1 || rep.Findings[0].Span.Start != i+1 {
					t.Errorf("%v %v", rep, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCancelledCaller: a caller that leaves ends a long run at the next look at
// the clock, not at the time limit.
func TestCancelledCaller(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Wasm: testGuest{classify: when(endlessLoop...)}.module(), TimeLimit: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	_, err := c.Classify(ctx, userTexts("!"))
	checkCode(t, err, engine.ClassifierUnavailable)
}

func TestClose(t *testing.T) {
	h := newHost(t)
	c, err := h.Load(context.Background(), ModuleConfig{Name: "x", Wasm: testGuest{}.module(), Pool: 2})
	if err != nil {
		t.Fatal(err)
	}
	inst, err := c.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- c.Close(context.Background()) }()
	<-c.closed
	select {
	case err := <-closed:
		t.Fatalf("closed with a call under way: %v", err)
	default:
	}
	c.pool <- inst
	if err := <-closed; err != nil {
		t.Error(err)
	}
	_, err = c.Classify(context.Background(), userTexts("x"))
	checkCode(t, err, engine.ClassifierUnavailable)
	if err := c.Close(context.Background()); err != nil {
		t.Error("second close:", err)
	}
}

// TestMemoryGoesBack: an instance that grew for a large request is not kept.
func TestMemoryGoesBack(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	size := func() uint32 {
		inst, err := c.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { c.pool <- inst }()
		return inst.mem.Size()
	}
	before := size()
	if _, err := c.Classify(context.Background(), userTexts(strings.Repeat("a", 8<<20))); err != nil {
		t.Fatal(err)
	}
	if after := size(); after != before {
		t.Errorf("memory of the instance: %d bytes before, %d after", before, after)
	}
	if before > 512<<10 {
		t.Errorf("an idle instance takes %d bytes", before)
	}
}

func TestGuestLog(t *testing.T) {
	logCall := cat(i32Const(2), i32Const(describeAt), i32Const(8), []byte{opCall, 0})
	g := testGuest{
		imports:  []testImport{{moduleSallyport, "log", typeLog}},
		start:    logCall,
		classify: logCall,
	}
	var got []string
	h, err := New(context.Background(), Config{Log: func(classifier string, level int, message string) {
		got = append(got, classifier+" "+message)
		if level != 2 {
			t.Errorf("level %d", level)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	c := load(t, h, ModuleConfig{Wasm: g.module()})
	if _, err := c.Classify(context.Background(), userTexts("secret")); err != nil {
		t.Fatal(err)
	}
	// What it says while it classifies is dropped.
	if len(got) != 1 || got[0] != `test {"name":` {
		t.Errorf("logged %q", got)
	}
}

// TestImportsGiveNothing runs every WASI function a module may import, with
// arguments that point anywhere, and checks what those say that say something.
func TestImportsGiveNothing(t *testing.T) {
	h := newHost(t)
	i := &clock{}
	i.start(time.Hour)
	inst, err := load(t, h, ModuleConfig{Wasm: testGuest{}.module()}).take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { inst.of.pool <- inst }()
	for _, f := range hostFunctions() {
		if f.module != moduleWASI || f.name == "proc_exit" {
			continue
		}
		for _, arg := range []uint64{0, 65536, 0x7fffffff, 0xffffffff} {
			stack := make([]uint64, max(1, len(f.params)))
			for k := range stack {
				stack[k] = arg
			}
			f.call(i.attach(context.Background()), inst.mod, stack)
			if stack[0] > 76 {
				t.Errorf("%s(%#x...) returned %d, which is no WASI error number", f.name, arg, stack[0])
			}
		}
	}
	read := func(name string, args ...uint64) []byte {
		t.Helper()
		for _, f := range hostFunctions() {
			if f.name == name {
				f.call(i.attach(context.Background()), inst.mod, args)
			}
		}
		b, _ := inst.mem.Read(4096, 16)
		return append([]byte(nil), b...)
	}
	if b := read("clock_time_get", 0, 0, 4096); b[0] != 1 || b[1] != 0 {
		t.Errorf("time % x", b[:8])
	}
	if a, b := read("random_get", 4096, 16), read("random_get", 4096, 16); string(a) != string(b) {
		t.Error("randomness differs between calls")
	}
}
