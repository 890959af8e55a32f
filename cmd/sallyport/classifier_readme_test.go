package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The way from nothing to a deployed classifier works as its page has it.
func TestClassifierReadme(t *testing.T) {
	sequential(t)
	b, err := os.ReadFile(filepath.Join("..", "..", "classifiers", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## From nothing")
	section, _, _ = strings.Cut(section, "\n## ")
	commands, settings, rules, code := blocks(section, "sh"), blocks(section, "hcl"), blocks(section, "rego"), blocks(section, "go")
	if len(commands) != 3 || len(settings) != 1 || len(rules) != 1 || len(code) != 1 {
		t.Fatalf("%d blocks of commands, %d of settings, %d of rules, %d of Go", len(commands), len(settings), len(rules), len(code))
	}
	// Not this test's own binary, which compiles modules slowly where it looks for
	// races.
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s%v", out, err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	project := filepath.Join(dir, "codeword")
	sh := func(dir, script string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sh", "-ec", script)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%s%v", script, out, err)
		}
		return string(out)
	}
	sh(dir, commands[0])
	source, err := os.ReadFile(filepath.Join(project, "classifier.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), code[0]) {
		t.Errorf("the project does not hold\n%s", code[0])
	}
	if out := sh(project, commands[1]); !strings.Contains(out, `"kind":"CODE_WORD","score":0.9,"start":4,"end":12`) {
		t.Error(out)
	}
	write(t, filepath.Join(project, "sallyport.hcl"), settings[0])
	write(t, filepath.Join(project, "rules", "codeword.rego"), rules[0])
	out := sh(project, commands[2]+"sallyport fmt --check rules sallyport.hcl\n")
	if !regexp.MustCompile(`(?s)valid: 2 targets.*"cluster": \[\s+\{\s+"code": "codeword"`).MatchString(out) || strings.Contains(out, `"vault"`) {
		t.Error(out)
	}
}
