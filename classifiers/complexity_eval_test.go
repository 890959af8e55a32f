package classifiers

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// auc is the area under the ROC curve: how often one of the first scores above
// one of the others, ties counted half.
func auc(first, others []float64) float64 {
	type item struct {
		score float64
		first bool
	}
	var all []item
	for _, s := range first {
		all = append(all, item{s, true})
	}
	for _, s := range others {
		all = append(all, item{s, false})
	}
	slices.SortFunc(all, func(a, b item) int { return cmp.Compare(a.score, b.score) })
	rank := 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].score == all[i].score {
			j++
		}
		for _, a := range all[i:j] {
			if a.first {
				rank += float64(i+j+1) / 2
			}
		}
		i = j
	}
	n := float64(len(first))
	return (rank - n*(n+1)/2) / (n * float64(len(others)))
}

// taskKinds are the kinds of task that the categories of MT-Bench and Vicuna are
// of; the others are of none.
var taskKinds = map[string]string{
	"writing": "chat", "roleplay": "chat", "generic": "chat", "reasoning": "reasoning", "common-sense": "reasoning", "fermi": "reasoning",
	"counterfactual": "reasoning", "math": "math", "coding": "code", "extraction": "extraction",
}

func TestEvalComplexity(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:complexity", TimeLimit: time.Minute})
	scores := func(text string) map[string]float64 {
		rep, err := c.Classify(context.Background(), userTexts(validUTF8(text)))
		if err != nil {
			t.Fatal(err)
		}
		return rep.Scores
	}
	of := func(score string, prompts []string) (out []float64) {
		for _, p := range prompts {
			out = append(out, scores(p)[score])
		}
		return out
	}
	vicuna := of("complexity", evalPrompts(t, "vicuna_question"))
	chat := append(of("complexity", evalPrompts(t, "mt_bench_question")), vicuna...)
	arena, gsm := of("complexity", evalPrompts(t, "arena_hard_v01_question")), of("complexity", evalPrompts(t, "gsm8k_test"))
	evalRow(t, "complexity", "vicuna or arena_hard", len(vicuna)+len(arena), "AUC of complexity", auc(arena, vicuna), "")
	evalRow(t, "complexity", "vicuna or gsm8k", len(vicuna)+len(gsm), "AUC of complexity", auc(gsm, vicuna), "")
	evalRow(t, "complexity", "vicuna, mt_bench or arena_hard", len(chat)+len(arena), "AUC of complexity", auc(arena, chat), "")
	evalRow(t, "complexity", "vicuna, mt_bench or gsm8k", len(chat)+len(gsm), "AUC of complexity", auc(gsm, chat), "")

	rows := evalLines[struct {
		Prompt, Task string
		WeakOK       bool `json:"weak_ok"`
	}](t, "prompts/routellm_labelled.dev.jsonl.gz")
	for _, held := range []bool{false, true} {
		by := map[string][2][]float64{}
		bins := [20]tally{}
		for _, r := range rows {
			if heldOut(r.Task) != held {
				continue
			}
			for name, s := range scores(r.Prompt) {
				b := by[name]
				b[b2i(r.WeakOK)] = append(b[b2i(r.WeakOK)], s)
				by[name] = b
				if name == "difficulty" {
					bins[min(19, int(s*20))].hit += b2i(!r.WeakOK)
					bins[min(19, int(s*20))].false += b2i(r.WeakOK)
				}
			}
		}
		data := map[bool]string{false: "routellm, tasks looked at", true: "routellm, tasks held out"}[held]
		for _, name := range []string{"difficulty", "complexity", "math"} {
			evalRow(t, "complexity", data, len(by[name][0])+len(by[name][1]), "AUC of "+name+": the weak model fails", auc(by[name][0], by[name][1]), "")
		}
		for i, b := range bins {
			if b.hit+b.false > 0 {
				evalRow(t, "complexity", data, b.hit+b.false, fmt.Sprintf("share of failures where difficulty is from %.2f", float64(i)/20), b.precision(), "")
			}
		}
	}

	var prompts []taskPrompt
	for _, file := range []string{"mt_bench_question", "vicuna_question"} {
		for _, r := range evalLines[struct {
			Category string
			Turns    []string
		}](t, "prompts/"+file+".jsonl") {
			prompts = append(prompts, taskPrompt{taskKinds[r.Category], r.Turns[0]})
		}
	}
	for _, half := range []string{"looked at", "held out"} {
		evalTasks(t, "mt_bench, vicuna, first turns, "+half, half, prompts, scores)
	}
	evalTasks(t, "own prompts", "", taskPrompts(t), scores)
}

type taskPrompt struct{ kind, text string }

func taskPrompts(t testing.TB) (prompts []taskPrompt) {
	t.Helper()
	f, err := os.Open("complexity/testdata/tasks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if kind, text, ok := strings.Cut(s.Text(), "\t"); ok {
			prompts = append(prompts, taskPrompt{kind, text})
		}
	}
	return prompts
}

// evalTasks grades each kind's score against the other prompts, and how often
// the greatest is the kind's.
func evalTasks(t *testing.T, data, half string, prompts []taskPrompt, scores func(string) map[string]float64) map[string]float64 {
	t.Helper()
	aucs := map[string]float64{}
	right, n := 0, 0
	by := map[string][2][]float64{}
	for _, p := range prompts {
		if half != "" && heldOut(p.text) != (half == "held out") {
			continue
		}
		s := scores(p.text)
		best := ""
		for _, kind := range []string{"code", "math", "extraction", "translation", "reasoning", "chat"} {
			b := by[kind]
			is := b2i(p.kind != kind)
			b[is] = append(b[is], s["task_"+kind])
			by[kind] = b
			if best == "" || s["task_"+kind] > s["task_"+best] {
				best = kind
			}
		}
		if p.kind != "" {
			n++
			right += b2i(best == p.kind)
			if best != p.kind && half != "held out" && os.Getenv("DEV") != "" {
				t.Logf("%s, not %s: %.160q %v", best, p.kind, p.text, s)
			}
		}
	}
	for _, kind := range []string{"code", "math", "extraction", "translation", "reasoning", "chat"} {
		if b := by[kind]; len(b[0]) > 0 {
			aucs[kind] = auc(b[0], b[1])
			evalRow(t, "complexity", data, len(b[0])+len(b[1]), "AUC of task_"+kind, aucs[kind], "")
		}
	}
	aucs["best"] = float64(right) / float64(n)
	evalRow(t, "complexity", data, n, "greatest task score is the right one", aucs["best"], "")
	return aucs
}
