package classifiers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func newHost(t testing.TB) *Host {
	t.Helper()
	h, err := New(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// load loads a module with one instance, so that tests see what a call leaves
// behind for the next.
func load(t testing.TB, h *Host, cfg ModuleConfig) *Classifier {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	if cfg.Pool == 0 {
		cfg.Pool = 1
	}
	c, wasm, err := h.plan(cfg)
	if err == nil {
		err = c.load(context.Background(), wasm)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func userTexts(values ...string) []*engine.Text {
	texts := make([]*engine.Text, len(values))
	for i, v := range values {
		texts[i] = &engine.Text{Role: engine.RoleUser, Kind: engine.KindText, Message: i, Value: v}
	}
	return texts
}

func TestClassify(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", Inspect: []string{"prompt"}, Report: true})
	got, err := c.Classify(context.Background(), userTexts("", "write to a@example.com now", "é 192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Report{Findings: []engine.Finding{
		{Classifier: "test", Kind: "EMAIL_ADDRESS", Score: 0.99, Text: 1, Span: engine.Span{Start: 9, End: 22}},
		{Classifier: "test", Kind: "IP_ADDRESS", Score: 0.99, Text: 2, Span: engine.Span{Start: 3, End: 12}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := c.Classify(context.Background(), nil); err != nil || len(got.Findings) > 0 {
		t.Errorf("no texts: %+v %v", got, err)
	}
	info, d := c.Info(), c.Describe()
	if info.Name != "test" || !info.Report || len(info.SHA256) != 64 || !slices.Contains(info.Kinds, "IBAN_CODE") || d.Name != "pii" || d.ConfigSchema == nil {
		t.Errorf("info %+v, description %+v", info, d)
	}
}

// TestTruncated: more findings than the module can return are said to be so.
func TestTruncated(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	got, err := c.Classify(context.Background(), userTexts(strings.Repeat("a@example.com ", 5000)))
	if err != nil || !got.Truncated || len(got.Findings) != 4096 {
		t.Errorf("%d findings, truncated %v, %v", len(got.Findings), got.Truncated, err)
	}
}

// TestBuiltinsArePinned: what is embedded is what SHA256SUMS and so the build
// say. build.sh --check rebuilds the modules where the compiler is there.
func TestBuiltinsArePinned(t *testing.T) {
	sums, err := os.ReadFile("SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Builtins() {
		wasm, ok := Builtin(name)
		if !ok {
			t.Fatal(name)
		}
		if line := fmt.Sprintf("%x  %s/%s.wasm\n", sha256.Sum256(wasm), name, name); !strings.Contains(string(sums), line) {
			t.Errorf("SHA256SUMS lacks %q: run classifiers/build.sh", line)
		}
	}
}

func TestCompilationCache(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		h, err := New(context.Background(), Config{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c, err := h.Load(context.Background(), ModuleConfig{Name: "x", Module: "builtin:pii", Pool: 1})
		if err != nil {
			t.Fatal(err)
		}
		if rep, err := c.Classify(context.Background(), userTexts("a@example.com")); err != nil || len(rep.Findings) != 1 {
			t.Error(rep, err)
		}
		if err := errors.Join(c.Close(context.Background()), h.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
		t.Errorf("%v %v", files, err)
	}
}
