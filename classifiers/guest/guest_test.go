package guest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page on languages shows what a new project holds.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	fences := map[string]string{"assemblyscript": "ts", "c": "c", "go": "go", "rust": "rust"}
	for _, l := range Languages() {
		p, err := l.Project("codeword")
		if err != nil {
			t.Fatal(err)
		}
		want := "```" + fences[l.Name] + "\n" + string(p[l.Source]) + "```\n"
		if !strings.Contains(string(b), want) {
			t.Errorf("%s: the page does not show\n%s", l.Name, want)
		}
	}
}

func TestProject(t *testing.T) {
	for _, l := range Languages() {
		p, err := l.Project("some_name")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{l.Source, "README.md", "tests.jsonl", ".gitignore"} {
			if len(p[file]) == 0 {
				t.Errorf("%s: no %s", l.Name, file)
			}
		}
		for file, text := range p {
			if regexp.MustCompile(`\{\{[a-z]`).Match(text) || strings.HasSuffix(file, ".tmpl") {
				t.Errorf("%s: %s is not filled in", l.Name, file)
			}
		}
		if !strings.Contains(string(p[l.Source]), "some_name") {
			t.Errorf("%s: the classifier has another name", l.Name)
		}
	}
	names := []string{}
	for _, l := range Languages() {
		names = append(names, l.Name)
	}
	if !slices.IsSorted(names) {
		t.Error(names)
	}
}
