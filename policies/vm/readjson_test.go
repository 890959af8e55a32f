package vm

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/util"
)

// aMachine is one of a program that knows a few strings.
func aMachine(t testing.TB) *Machine {
	t.Helper()
	c := compile.New().WithRegoVersion(ast.RegoV1).WithTarget(compile.TargetPlan).WithEntrypoints("a/b").WithBundle(&bundle.Bundle{
		Data: map[string]any{}, Modules: []bundle.ModuleFile{{URL: "a.rego", Path: "a.rego", Parsed: ast.MustParseModule(`package a
b := input.known == "known \u00e9"`)}}})
	if err := c.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	policy := &ir.Policy{}
	if err := json.Unmarshal(c.Bundle().PlanModules[0].Raw, policy); err != nil {
		t.Fatal(err)
	}
	p, err := Compile(Config{Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Machine()
	t.Cleanup(m.Release)
	return m
}

var jsonTexts = []string{
	`null`, `true`, ` false `, `0`, `-0`, `1.0`, `1e2`, `-12.5e-3`, `9007199254740993`, `123456789012345678901234567890`, `0.1000000000000000055511151231257827`,
	`1e400`, `"" `, `"known"`, `"known é"`, `"known \u00e9"`, `"a\"b\\\/\n\t"`, `"\ud83d\ude00"`, `"😀"`, `[]`, `{}`, `[1,"a",[null,{}]]`,
	`{"b":1,"a":{"known":"known"},"ﬀ":2,"😀":3}`, `{"a\u0062":1,"b":2}`, "\t[ 1 ,\r\n 2 ]\n",
	``, `{`, `[1,`, `{"a":1,"a":2}`, `{"ab":1,"a\u0062":2}`, `"a`, `"\ud800"`, "\"\xff\"", `01`, `1 2`, `[1]]`, `nul`, `{"a"}`, `{1:2}`, `+1`,
}

// What is read is what OPA reads, or an error.
func checkFromJSON(t *testing.T, m *Machine, text []byte) {
	defer m.arena.reset()
	v, exact, err := m.FromJSON(text)
	if !jsontext.Value(text).IsValid() {
		if err == nil {
			t.Fatalf("%q was read", text)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var doc any
	if err := util.UnmarshalJSON(text, &doc); err != nil {
		return // a number that OPA does not take
	}
	want, err := ast.InterfaceToValue(doc)
	if err != nil {
		return
	}
	if got := toAST(v); ast.Compare(got, want) != 0 {
		t.Fatalf("%q is %v, want %v", text, got, want)
	}
	if !exact {
		return
	}
	canonical := jsontext.Value(bytes.Clone(text))
	if err := canonical.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	if got, err := v.AppendJSON(nil); err != nil || string(got) != string(canonical) {
		t.Fatalf("%q is written %s, %v, want %s", text, got, err, canonical)
	}
}

func TestFromJSON(t *testing.T) {
	m := aMachine(t)
	for _, text := range jsonTexts {
		checkFromJSON(t, m, []byte(text))
	}
	if _, _, err := m.FromJSON([]byte(`{"secret words": 1, "secret words": 2}`)); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if m.json.text != "" || m.json.buffer.Cap() != 0 {
		t.Error("the machine holds what it has read")
	}
}

func FuzzFromJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	m := aMachine(f)
	f.Fuzz(func(t *testing.T, text []byte) { checkFromJSON(t, m, text) })
}

func BenchmarkFromJSON(b *testing.B) {
	text, err := os.ReadFile("../testdata/reference/input.json")
	if err != nil {
		b.Fatal(err)
	}
	m := aMachine(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := m.FromJSON(text); err != nil {
			b.Fatal(err)
		}
		m.arena.reset()
	}
}
