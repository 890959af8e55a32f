package classifiers

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// TestLoadBesideCalls: while a large module is compiled and started, others go on
// serving calls, and it can take the place of one of them.
func TestLoadBesideCalls(t *testing.T) {
	h := newHost(t)
	old := load(t, h, ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	var helpers [][]byte
	for range 2000 {
		helpers = append(helpers, bytes.Repeat(cat(i32Const(8), i32Const(7), []byte{0x36, 0, 0}), 30)) // i32.store
	}
	large := testGuest{helpers: helpers}.module()
	loaded := make(chan *Classifier)
	go func() {
		c, err := h.Load(context.Background(), ModuleConfig{Name: "large", Wasm: large, Pool: 1})
		if err != nil {
			t.Error(err)
		}
		loaded <- c
	}()
	calls := 0
	for {
		select {
		case c := <-loaded:
			if c == nil {
				return
			}
			defer c.Close(context.Background())
			if calls < 100 {
				t.Errorf("%d calls while the other module was loaded", calls)
			}
			if _, err := c.Classify(context.Background(), userTexts("x")); err != nil {
				t.Error(err)
			}
			return
		default:
			if rep, err := old.Classify(context.Background(), userTexts("a@example.com")); err != nil || len(rep.Findings) != 1 {
				t.Fatal(rep, err)
			}
			calls++
		}
	}
}

// TestLoadAgain: what is loaded already is given again, warm as it is, until the
// last user has closed it; whatever differs makes another classifier.
func TestLoadAgain(t *testing.T) {
	h := newHost(t)
	ctx := context.Background()
	base := ModuleConfig{Name: "x", Wasm: testGuest{}.module(), Inspect: []string{"prompt"}, Pool: 1}
	open := func(change func(*ModuleConfig)) *Classifier {
		t.Helper()
		cfg := base
		change(&cfg)
		c, err := h.Load(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := open(func(*ModuleConfig) {})
	for name, change := range map[string]func(*ModuleConfig){
		"nothing":          func(*ModuleConfig) {},
		"a pin":            func(c *ModuleConfig) { c.SHA256 = first.Info().SHA256 },
		"a stated default": func(c *ModuleConfig) { c.TimeLimit, c.ConfigJSON = DefaultTimeLimit, []byte("{}") },
		"another path":     func(c *ModuleConfig) { c.Module = "moved.wasm" },
	} {
		c := open(change)
		if c != first {
			t.Errorf("%s made another classifier", name)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(*ModuleConfig){
		"name":         func(c *ModuleConfig) { c.Name = "y" },
		"module":       func(c *ModuleConfig) { c.Wasm = testGuest{describe: `{"name":"y","kinds":["CODE_WORD"]}`}.module() },
		"built in":     func(c *ModuleConfig) { c.Wasm, c.Module = nil, "builtin:secrets" },
		"inspect":      func(c *ModuleConfig) { c.Inspect = []string{"tools"} },
		"config":       func(c *ModuleConfig) { c.ConfigJSON = []byte(`{"x":1}`) },
		"time limit":   func(c *ModuleConfig) { c.TimeLimit = time.Second },
		"memory limit": func(c *ModuleConfig) { c.MemoryLimitBytes = 1 << 20 },
		"report":       func(c *ModuleConfig) { c.Report = true },
		"pool":         func(c *ModuleConfig) { c.Pool = 2 },
	} {
		c := open(change)
		if c == first {
			t.Errorf("another %s made no other classifier", name)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := first.Classify(ctx, userTexts("x")); err != nil {
		t.Errorf("after others have closed it: %v", err)
	}
	if err := first.Close(ctx); err != nil {
		t.Error(err)
	}
	_, err := first.Classify(ctx, userTexts("x"))
	checkCode(t, err, engine.ClassifierUnavailable)
	again := open(func(*ModuleConfig) {})
	if again == first {
		t.Error("what is closed was given again")
	}
	if err := again.Close(ctx); err != nil {
		t.Error(err)
	}
	if len(h.loaded) > 0 {
		t.Errorf("%d classifiers are left", len(h.loaded))
	}
}

// TestLoadConcurrently: users that load and close the same module at once do not
// take it away from each other.
func TestLoadConcurrently(t *testing.T) {
	h := newHost(t)
	ctx := context.Background()
	cfg := ModuleConfig{Name: "x", Wasm: testGuest{}.module(), Pool: 2}
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for range 50 {
				c, err := h.Load(ctx, cfg)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Classify(ctx, userTexts("x")); err != nil {
					t.Error(err)
				}
				if err := c.Close(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	if len(h.loaded) > 0 {
		t.Errorf("%d classifiers are left", len(h.loaded))
	}
}

// TestMemoryByKind: where the configuration says nothing, a module may take what
// its kind takes.
func TestMemoryByKind(t *testing.T) {
	h := newHost(t)
	producers := section(secCustom, cat(appendName(nil, "producers"), []byte{1}, appendName(nil, "language"), []byte{1},
		appendName(nil, "Go"), appendName(nil, "go1.26"))...)
	for _, tt := range []struct {
		name string
		cfg  ModuleConfig
		want int64
	}{
		{"built in", ModuleConfig{Module: "builtin:pii"}, DefaultBuiltinMemoryLimitBytes},
		{"plugin", ModuleConfig{Wasm: testGuest{}.module()}, DefaultMemoryLimitBytes},
		{"Go plugin", ModuleConfig{Wasm: testGuest{extra: producers}.module()}, DefaultGoMemoryLimitBytes},
		{"stated", ModuleConfig{Wasm: testGuest{extra: producers}.module(), MemoryLimitBytes: 1 << 20}, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := load(t, h, tt.cfg); c.memory != tt.want {
				t.Errorf("limit %d, want %d", c.memory, tt.want)
			}
		})
	}
}
