package main

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// frames stand around an instruction, or a text about one.
var frames = [2][]string{
	{"{T}", "Hi! {T}", "Q: the {w} order is {n} days late, thanks for looking into it.\n\n{T}", "{T}\n\nThanks, Kim", "The {w} was painted in {n} hours. {T}", "{T} (It is for the {w} project.)"},
	{"{T}", "ok next one: {T}", "We talked about the {w} yesterday.\n{T}", "{T}\n\nBest, Lou", "- {w}\n- {T}", "{T} And keep the {w} in mind."},
}

// instructions is a section of attacks and of texts that only speak of
// instructions. Every text comes about equally often.
func instructions(seed uint64, set Set) []Section {
	direct, indirect, benign, goals := attacksA, indirectA, benignA, goalsA
	if set == B {
		direct, indirect, benign, goals = attacksB, indirectB, benignB, goalsB
	}
	write := func(g *gen, template string, round int) Text {
		t := Text{Class: firstWords(template)}
		template = strings.ReplaceAll(template, "{G}", pick(g, goals))
		template = strings.ReplaceAll(frames[set][round%len(frames[set])], "{T}", template)
		t.Value = g.fill(template, "", func() value { return value{} }).Value
		return t
	}
	var out []Section
	for _, s := range []struct {
		name      string
		templates []string
		tool      bool
	}{{"injection, direct", direct, false}, {"injection, indirect", indirect, true}} {
		g := newGen(seed, set, s.name, "PROMPT_INJECTION")
		sec := Section{Name: s.name, Module: "injection", Accept: []string{"PROMPT_INJECTION", "INDIRECT_INJECTION"}}
		for i := range 240 {
			t := write(g, s.templates[i%len(s.templates)], i/len(s.templates))
			t.Labels = []Label{{End: len(t.Value), CoreEnd: len(t.Value), Kind: "PROMPT_INJECTION", Class: t.Class}}
			t.Class, t.Tongue = "", "prose"
			t.Tool = s.tool
			sec.Texts = append(sec.Texts, t)
		}
		out = append(out, sec)
	}
	for _, tool := range []bool{false, true} {
		name := "injection, benign prompts"
		if tool {
			name = "injection, benign tool results"
		}
		g := newGen(seed, set, name, "")
		sec := Section{Name: name, Module: "injection", Target: Target{FalseAlarms: 0.05}}
		for i := range 6 * len(benign) {
			t := write(g, benign[i%len(benign)], i/len(benign))
			t.Tongue, t.Tool = "prose", tool
			sec.Texts = append(sec.Texts, t)
		}
		out = append(out, sec)
	}
	return out
}

func firstWords(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60])
	}
	return s
}

// role and kind of a text as the classifiers get it.
func (t *Text) engineText() *engine.Text {
	e := &engine.Text{Role: engine.RoleUser, Kind: engine.KindText, Value: t.Value}
	if t.Tool {
		e.Role, e.Kind = engine.RoleTool, engine.KindToolResult
	}
	return e
}
