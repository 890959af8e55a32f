package classifiers

import (
	"context"
	"testing"
	"time"
)

// TestComplexityTasks holds floors for the task scores on prompts of our own;
// they were looked at while the words were chosen.
func TestComplexityTasks(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:complexity", TimeLimit: time.Minute})
	prompts := taskPrompts(t)
	if len(prompts) != 60 {
		t.Fatalf("%d prompts", len(prompts))
	}
	got := evalTasks(t, "own prompts", "", prompts, func(text string) map[string]float64 {
		rep, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		return rep.Scores
	})
	for kind, floor := range map[string]float64{"code": 0.95, "math": 0.95, "extraction": 0.95, "translation": 0.95, "reasoning": 0.9, "chat": 0.95, "best": 0.85} {
		if got[kind] < floor {
			t.Errorf("%s: %.3f, floor %v", kind, got[kind], floor)
		}
	}
}
