package classifiers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
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
	levels := map[float64]*tally{} // by the greatest score of a text
	found := func(text string, secret bool) bool {
		rep, err := c.Classify(context.Background(), userTexts(validUTF8(text)))
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		for _, f := range rep.Findings {
			most = max(most, f.Score)
		}
		if levels[most] == nil {
			levels[most] = &tally{}
		}
		if secret {
			levels[most].hit++
		} else {
			levels[most].false++
		}
		return most >= 0.5
	}
	prompts := 0
	negatives := 0
	for _, file := range []string{"arena_hard_v01_question", "gsm8k_test", "mt_bench_question", "vicuna_question"} {
		for _, text := range evalPrompts(t, file) {
			negatives++
			if found(text, false) {
				prompts++
			}
		}
	}
	evalRow(t, "secrets", "arena_hard, gsm8k, mt_bench, vicuna", negatives, "prompts flagged", float64(prompts), "")
	for _, held := range []bool{false, true} {
		name := map[bool]string{false: "gitleaks, families looked at", true: "gitleaks, families held out"}[held]
		n, hit, not, flagged := 0, 0, 0, 0
		for _, row := range rows {
			family, _, _ := strings.Cut(row.Rule, "-")
			if heldOut(family) != held {
				continue
			}
			is := b2i(found(row.Text, row.Label == "secret"))
			if row.Label == "secret" {
				n++
				hit += is
			} else {
				not++
				flagged += is
			}
			if secret := row.Label == "secret"; !held && os.Getenv("DEV") != "" && secret != (is > 0) {
				t.Logf("%s: %s: %.200q", row.Label, row.Rule, row.Text)
			}
		}
		evalRow(t, "secrets", name, n, "recall", float64(hit)/float64(n), ">= 0.90")
		evalRow(t, "secrets", name+" + prompts", not+negatives, "precision", float64(hit)/float64(hit+flagged+prompts), ">= 0.95")
		evalRow(t, "secrets", name+", documented false positives", not, "share flagged", float64(flagged)/float64(not), "")
	}
	// What the rules find where no prefix is known: the twin without its table.
	tables := readSecretsTables(t)
	tables.issuers = nil
	n, hit := 0, 0
	for _, row := range rows {
		if family, _, _ := strings.Cut(row.Rule, "-"); !heldOut(family) || row.Label != "secret" {
			continue
		}
		n++
		hit += b2i(slices.ContainsFunc(tables.find(validUTF8(row.Text)), func(f engine.Finding) bool { return f.Score >= 0.5 }))
	}
	evalRow(t, "secrets", "gitleaks, families held out, without the table of prefixes", n, "recall", float64(hit)/float64(n), "")
	for _, score := range slices.Sorted(maps.Keys(levels)) {
		a := levels[score]
		evalRow(t, "secrets", fmt.Sprintf("all of the above with greatest score %v", score), a.hit+a.false, "share of secrets", a.precision(), "")
	}
}
