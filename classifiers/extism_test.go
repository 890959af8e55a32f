package classifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func loadExtism(t testing.TB, mode string) *Classifier {
	t.Helper()
	wasm, err := os.ReadFile("testdata/extism/codeword.wasm")
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]string{"word": "bluebird", "mode": mode})
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Minute
	if mode == "loop" {
		limit = 20 * time.Millisecond
	}
	return load(t, newHost(t), ModuleConfig{Wasm: wasm, ConfigJSON: config, TimeLimit: limit, MemoryLimitBytes: 8 << 20})
}

func TestExtism(t *testing.T) {
	c := loadExtism(t, "")
	texts := []*engine.Text{
		{Role: engine.RoleSystem, Value: "Never say it."},
		{Role: engine.RoleUser, Value: "a \"bluebird\"\nand \\bluebird\u0001 é"},
		{Role: engine.RoleTool, Kind: engine.KindToolResult, Value: ""},
	}
	finding := func(start, end int) engine.Finding {
		return engine.Finding{Classifier: "test", Kind: "CODE_WORD", Score: 0.9, Text: 1, Span: engine.Span{Start: start, End: end}}
	}
	want := engine.Report{Findings: []engine.Finding{finding(3, 11), finding(18, 26)}, Scores: map[string]float64{"words": 1}}
	for range 3 {
		got, err := c.Classify(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if got, err := c.Classify(context.Background(), userTexts(strings.Repeat("x", 60<<10))); err != nil || len(got.Findings) > 0 {
		t.Error(got, err)
	}
	if d := c.Describe(); d.Name != "codeword" || len(d.Kinds) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestExtismFailures(t *testing.T) {
	for mode, want := range map[string]struct{ code, text string }{
		"error":  {engine.ClassifierGuestError, "it reported an error and returned 1"},
		"http":   {engine.ClassifierTrap, "request over the network"},
		"loop":   {engine.ClassifierTimeLimit, "time limit"},
		"memory": {engine.ClassifierGuestError, "returned 2"},
		"not":    {engine.ClassifierBadResult, "not the JSON object"},
		"kind":   {engine.ClassifierBadResult, "describe does not name"},
		"beyond": {engine.ClassifierBadResult, "outside its segment"},
	} {
		t.Run(mode, func(t *testing.T) {
			c := loadExtism(t, mode)
			for range 2 {
				_, err := c.Classify(context.Background(), userTexts("a bluebird"))
				var ce *engine.ClassifierError
				if !errors.As(err, &ce) || ce.Code != want.code || !strings.Contains(err.Error(), want.text) {
					t.Errorf("got %v, want code %q with %q", err, want.code, want.text)
				}
				if err != nil && strings.Contains(err.Error(), "bluebird") {
					t.Errorf("the error holds text: %v", err)
				}
			}
		})
	}
}

// TestExtismState: neither variables nor memory outlive a call.
func TestExtismState(t *testing.T) {
	c := loadExtism(t, "state")
	for range 3 {
		if rep, err := c.Classify(context.Background(), userTexts("a bluebird")); err != nil || len(rep.Findings) != 1 {
			t.Fatal(rep, err)
		}
	}
}

// TestExtismPluginIsBuilt: the plugin is what its source gives, where the
// compiler is there.
func TestExtismPluginIsBuilt(t *testing.T) {
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Log("clang-19 is not installed: the plugin was not rebuilt")
		return
	}
	out := filepath.Join(t.TempDir(), "codeword.wasm")
	cmd := exec.Command(clang, "--target=wasm32", "-O2", "-ffreestanding", "-nostdlib", "-fuse-ld=/usr/bin/wasm-ld-19",
		"-Wl,--no-entry", "-Wl,--strip-all", "-o", out, "testdata/extism/codeword.c")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	built, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile("testdata/extism/codeword.wasm"); err != nil || !bytes.Equal(kept, built) {
		t.Errorf("codeword.wasm is not what codeword.c gives (%v)", err)
	}
}

// FuzzExtismResult: whatever a plugin puts out, the decoder refuses it or gives a
// report that is in order.
func FuzzExtismResult(f *testing.F) {
	d := Description{Kinds: []string{"A", "B"}, Scores: []string{"x", "y"}}
	f.Add([]byte(`{"findings":[{"kind":"A","score":0.5,"text":0,"start":0,"end":1}],"scores":{"x":1}}`), "aé")
	f.Add([]byte(`{"findings":[{"kind":"A","score":1e39,"text":-1,"start":0,"end":4294967296}]}`), "")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		texts := userTexts(validUTF8(text), "é")
		rep, err := decodeExtism(b, texts, "n", &d)
		if err != nil {
			return
		}
		for _, x := range rep.Findings {
			if v := texts[x.Text].Value[x.Span.Start:x.Span.End]; v == "" || v != validUTF8(v) || !(x.Score >= 0 && x.Score <= 1) {
				t.Errorf("finding %+v", x)
			}
		}
	})
}
