package classifiers

import (
	"bytes"
	"context"
	"testing"
	"time"
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
