package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/policies"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are a language's code blocks in the README.
func blocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// The README's rule and configuration work as they stand.
func TestReadmeSnippets(t *testing.T) {
	text := readme(t)
	rules, settings := blocks(text, "rego"), blocks(text, "hcl")
	if len(rules) != 1 || len(settings) != 1 {
		t.Fatalf("%d Rego and %d HCL blocks, want one of each", len(rules), len(settings))
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules", "hours.rego"), rules[0])
	if _, err := policies.Load(t.Context(), policies.Config{Paths: []string{filepath.Join(dir, "rules")}, Standard: true}); err != nil {
		t.Error(err)
	}
	s := serveConfig(t, dir, demo()+settings[0], environment())
	c := anonymous(s)
	if _, err := c.Chat.Completions.New(t.Context(), ask("auto", "hello")); err != nil {
		t.Error(err)
	}
}

// What the README shows of the demonstration is what it says.
func TestReadmeOutput(t *testing.T) {
	text := readme(t)
	a := &app{env: environment()}
	cfg, _, diags := a.loadConfig("")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, c := range cfg.targets {
		line := regexp.MustCompile(regexp.QuoteMeta(c.Name) + ` +` + c.Posture + ` +` + string(c.Dialect) + ` +` + c.Models[0].Name)
		if !line.MatchString(text) {
			t.Errorf("the README does not show target %s as it is", c.Name)
		}
	}
	for _, want := range []string{"http://" + cfg.server.listen, "http://" + cfg.server.admin, cfg.log.Dir} {
		if !strings.Contains(text, want) {
			t.Errorf("the README does not mention %s", want)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", "..", link[1])); err != nil {
			t.Errorf("link %s: %v", link[1], err)
		}
	}
}
