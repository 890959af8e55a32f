package classifiers

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// injectionCorpus reads a file of lines "user or tool, tab, text".
func injectionCorpus(t testing.TB, name string) []*engine.Text {
	t.Helper()
	f, err := os.Open("injection/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var texts []*engine.Text
	for s := bufio.NewScanner(f); s.Scan(); {
		place, text, ok := strings.Cut(s.Text(), "\t")
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
		if err != nil || !ok {
			t.Fatalf("%s: %q: %v", name, s.Text(), err)
		}
		switch place {
		case "user":
			texts = append(texts, &engine.Text{Role: engine.RoleUser, Kind: engine.KindText, Value: text})
		case "tool":
			texts = append(texts, &engine.Text{Role: engine.RoleTool, Kind: engine.KindToolResult, Value: text})
		default:
			t.Fatalf("%s: %q", name, s.Text())
		}
	}
	if len(texts) < 30 {
		t.Fatalf("%s: %d texts", name, len(texts))
	}
	return texts
}

func TestInjectionCorpus(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:injection", TimeLimit: time.Minute})
	for name, floor := range map[string]float64{"attacks.txt": 0.9, "benign.txt": 0, "later_attacks.txt": 0.5, "later_benign.txt": 0} {
		texts := injectionCorpus(t, name)
		flagged := 0
		for _, text := range texts {
			rep, err := c.Classify(context.Background(), []*engine.Text{text})
			if err != nil {
				t.Fatal(err)
			}
			is := rep.Scores["injection"] >= 0.5
			if is {
				flagged++
			}
			if is != (floor > 0) {
				t.Logf("%s: %.2f %q", name, rep.Scores["injection"], text.Value)
			}
			want := map[engine.TextKind]string{engine.KindText: "PROMPT_INJECTION", engine.KindToolResult: "INDIRECT_INJECTION"}[text.Kind]
			for _, f := range rep.Findings {
				if f.Kind != want && !strings.Contains(text.Value, "<document>") {
					t.Errorf("%s in %q", f.Kind, text.Value)
				}
			}
		}
		share := float64(flagged) / float64(len(texts))
		t.Logf("%s: %.3f of %d flagged", name, share, len(texts))
		if floor > 0 && share < floor || floor == 0 && share > 0.05 {
			t.Errorf("%s: %.3f flagged", name, share)
		}
	}
}
