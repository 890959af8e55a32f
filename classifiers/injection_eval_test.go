package classifiers

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// TestEvalInjection scores attacks and hard benign texts, each by halves: one
// looked at while the rules were written, one not. The benign chat prompts of
// WildGuard and the sentences of the web treebank were never looked at.
func TestEvalInjection(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:injection", TimeLimit: time.Minute})
	score := func(role engine.Role, kind engine.TextKind, text string) float64 {
		rep, err := c.Classify(context.Background(), []*engine.Text{{Role: role, Kind: kind, Value: validUTF8(text)}})
		if err != nil {
			t.Fatal(err)
		}
		return rep.Scores["injection"]
	}
	levels := map[string]map[float64]int{"recall": {}, "false alarms": {}}
	all := map[string]int{}
	flagged := func(role engine.Role, kind engine.TextKind, texts []string, rule, show string) float64 {
		n := 0
		for _, text := range texts {
			p := score(role, kind, text)
			levels[rule][p]++
			all[rule]++
			if p >= 0.5 {
				n++
			}
			if os.Getenv("DEV") != "" && (show == "FALSE" && p >= 0.2 || show == "MISS" && p < 0.5) {
				t.Logf("%s %.2f %.300q", show, p, text)
			}
		}
		return float64(n) / float64(len(texts))
	}
	prompt := func(data, rule string, texts []string, show, target string) {
		evalRow(t, "injection", data, len(texts), rule, flagged(engine.RoleUser, engine.KindText, texts, rule, show), target)
	}
	document := func(data, rule string, texts []string, show, target string) {
		evalRow(t, "injection", data, len(texts), rule, flagged(engine.RoleTool, engine.KindToolResult, texts, rule, show), target)
	}
	halves := func(texts []string, key func(string) string) (seen, held []string) {
		for _, text := range texts {
			if heldOut(key(text)) {
				held = append(held, text)
			} else {
				seen = append(seen, text)
			}
		}
		return seen, held
	}
	self := func(s string) string { return s }

	var benign []string
	for _, name := range []string{"one", "two"} {
		var rows []struct{ Prompt string }
		readJSON(t, "injection/injecguard_NotInject_"+name+".json", &rows)
		for _, r := range rows {
			benign = append(benign, r.Prompt)
		}
	}
	seen, held := halves(benign, self)
	prompt("NotInject one, two, looked at", "false alarms", seen, "FALSE", "<= 0.05")
	prompt("NotInject one, two, held out", "false alarms", held, "", "<= 0.05")
	var rows []struct{ Prompt string }
	readJSON(t, "injection/injecguard_wildguard.json.gz", &rows)
	var wild []string
	for _, r := range rows {
		wild = append(wild, r.Prompt)
	}
	prompt("WildGuard benign, not looked at", "false alarms", wild, "", "<= 0.05")
	var chat []string
	for _, file := range []string{"arena_hard_v01_question", "gsm8k_test", "mt_bench_question", "vicuna_question"} {
		chat = append(chat, evalPrompts(t, file)...)
	}
	prompt("arena_hard, gsm8k, mt_bench, vicuna", "false alarms", chat, "FALSE", "")

	attacks, err := csv.NewReader(evalFile(t, "injection/giskard_prompt_injections.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := slices.Index(attacks[0], "prompt")
	var giskard []string
	for _, row := range attacks[1:] {
		giskard = append(giskard, row[col])
	}
	seen, held = halves(giskard, self)
	prompt("Giskard, looked at", "recall", seen, "MISS", "")
	prompt("Giskard, held out", "recall", held, "", "")

	for _, name := range []string{"text", "code"} {
		categories := map[string][]string{}
		readJSON(t, "injection/bipia_"+name+"_attack_train.json", &categories)
		var seen, held []string
		for category, texts := range categories {
			if heldOut(category) {
				held = append(held, texts...)
			} else {
				seen = append(seen, texts...)
			}
		}
		document("BIPIA "+name+" in tool results, looked at", "recall", seen, "MISS", "")
		document("BIPIA "+name+" in tool results, held out", "recall", held, "", "")
	}
	document("uner_ewt_dev, paragraphs of 8 sentences, as tool results", "false alarms", evalParagraphs(t, "ner/uner_ewt_dev.iob2.gz"), "", "<= 0.05")
	document("wikigold, paragraphs of 8 sentences, as tool results", "false alarms", evalParagraphs(t, "ner/wikigold.conll.gz"), "FALSE", "<= 0.05")
	// What share of the texts with a score are attacks, were there as many attacks
	// as benign texts.
	for _, p := range twinChance {
		attack := float64(levels["recall"][p]) / float64(all["recall"])
		benign := float64(levels["false alarms"][p]) / float64(all["false alarms"])
		evalRow(t, "injection", fmt.Sprintf("all of the above with score %v", p), levels["recall"][p]+levels["false alarms"][p],
			"share of attacks at equal numbers", attack/(attack+benign), "")
	}
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.NewDecoder(evalFile(t, name)).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// evalParagraphs joins the sentences of a file of one token a line, eight at a
// time.
func evalParagraphs(t testing.TB, name string) []string {
	t.Helper()
	b := new(strings.Builder)
	if _, err := evalReadAll(t, name, b); err != nil {
		t.Fatal(err)
	}
	var out, words []string
	sentences := 0
	for line := range strings.Lines(b.String()) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case len(f) == 0:
			if sentences++; sentences%8 == 0 && len(words) > 0 {
				out = append(out, strings.Join(words, " "))
				words = nil
			}
		case strings.HasSuffix(name, ".iob2.gz"):
			words = append(words, f[1])
		default:
			words = append(words, f[0])
		}
	}
	return out
}
