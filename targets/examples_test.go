package targets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/sallyport-ai/sallyport/targets/block"
)

// TestExamples decodes every example without a diagnostic and makes a set of it.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		content, diags := parsed.Body.Content(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{BlockHeader()}})
		env := func(string) (string, bool) { return canary, true }
		list, more := Decode(content.Blocks, &hcl.EvalContext{Functions: block.Functions(env, "examples")})
		if diags = append(diags, more...); len(diags) > 0 {
			t.Errorf("%s:\n%s", file, render(diags))
			continue
		}
		if string(hclwrite.Format(src)) != string(src) {
			t.Errorf("%s is not formatted", file)
		}
		newSet(t, list...)
		for _, d := range list {
			seen[d.Posture] = true
		}
	}
	for _, posture := range []string{PostureCloud, PostureGPUCluster, PostureEdge, PostureAirGapped} {
		if !seen[posture] {
			t.Errorf("no example of posture %s", posture)
		}
	}
}

// TestReadmeSnippets decodes the configuration in README.md.
func TestReadmeSnippets(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, part := range strings.Split(string(readme), "```hcl\n")[1:] {
		src, _, _ := strings.Cut(part, "```")
		parsed, diags := hclsyntax.ParseConfig([]byte(src), "README.md", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		content, diags := parsed.Body.Content(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{BlockHeader()}})
		env := func(string) (string, bool) { return canary, true }
		if _, more := Decode(content.Blocks, &hcl.EvalContext{Functions: block.Functions(env, ".")}); len(diags)+len(more) > 0 {
			t.Errorf("%v %v in:\n%s", diags, more, src)
		}
		n++
	}
	if n == 0 {
		t.Error("no snippet found")
	}
}
