package classifiers

import (
	"context"
	"crypto/sha256"
	"os"
	"strings"
	"testing"
	"time"
)

// heldOut is the fixed split of rule families and task names into those that may
// be looked at and those that are only scored.
func heldOut(family string) bool { return sha256.Sum256([]byte(family))[0]&1 == 1 }

// TestEvalSecrets scores the labelled strings of the gitleaks project by halves of
// their rule families (the first word of a rule's name), one half looked at while
// the rules were written and one not.
func TestEvalSecrets(t *testing.T) {
	rows := evalLines[struct{ Rule, Label, Text string }](t, "secrets/gitleaks_labelled.dev.jsonl.gz")
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:secrets", TimeLimit: time.Minute})
	found := func(text string) bool {
		rep, err := c.Classify(context.Background(), userTexts(validUTF8(text)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range rep.Findings {
			if f.Score >= 0.5 {
				return true
			}
		}
		return false
	}
	prompts := 0
	negatives := 0
	for _, file := range []string{"arena_hard_v01_question", "gsm8k_test", "mt_bench_question", "vicuna_question"} {
		for _, text := range evalPrompts(t, file) {
			negatives++
			if found(text) {
				prompts++
				rep, _ := c.Classify(context.Background(), userTexts(text))
				for _, f := range rep.Findings {
					t.Logf("in a prompt: %s %v %q", f.Kind, f.Score, text[max(0, f.Span.Start-60):f.Span.End])
				}
			}
		}
	}
	evalRow(t, "secrets", "arena_hard, gsm8k, mt_bench, vicuna", negatives, "prompts flagged", float64(prompts), "0")
	for _, held := range []bool{false, true} {
		name := map[bool]string{false: "gitleaks, families looked at", true: "gitleaks, families held out"}[held]
		n, hit, not, flagged := 0, 0, 0, 0
		for _, row := range rows {
			family, _, _ := strings.Cut(row.Rule, "-")
			if heldOut(family) != held {
				continue
			}
			is := found(row.Text)
			if row.Label == "secret" {
				n++
				if is {
					hit++
				} else if !held && os.Getenv("DEV") != "" {
					t.Logf("MISS %s %.200q", row.Rule, row.Text)
				}
			} else {
				not++
				if is {
					flagged++
					if !held && os.Getenv("DEV") != "" {
						t.Logf("FALSE %s %.200q", row.Rule, row.Text)
					}
				}
			}
		}
		evalRow(t, "secrets", name, n, "recall", float64(hit)/float64(n), "0.90")
		evalRow(t, "secrets", name+" + prompts", not+negatives, "precision", float64(hit)/float64(hit+flagged+prompts), "0.95")
		evalRow(t, "secrets", name+", documented false positives", not, "share flagged", float64(flagged)/float64(not), "")
	}
}
