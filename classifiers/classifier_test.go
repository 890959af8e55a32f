package classifiers

import (
	"context"
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
	c, err := h.Load(context.Background(), cfg)
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
	h := newHost(t)
	t.Log("slice", h.slice)
	c := load(t, h, ModuleConfig{Module: "builtin:pii", TimeLimit: 5 * time.Second})
	got, err := c.Classify(context.Background(), userTexts("", "write to a@b now", "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Report{Findings: []engine.Finding{{
		Classifier: "test", Kind: "EMAIL_ADDRESS", Score: 0.5, Text: 1, Span: engine.Span{Start: 9, End: 12},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
