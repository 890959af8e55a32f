package targets

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/sallyport-ai/sallyport/targets/block"
)

var update = flag.Bool("update", false, "write the golden files")

// canary is the value of the environment variable that must never be shown.
const canary = "CANARY-5d41402abc4b2a76"

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"KEY": canary, "URL": "https://" + strings.ToLower(canary) + ".example/v1", "EMPTY": " "}[name]
	return v, ok
}

// decodeSource does what a configuration loader does with the target blocks.
func decodeSource(src []byte, name, dir string) ([]Target, hcl.Diagnostics) {
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	content, more := file.Body.Content(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{BlockHeader()}})
	diags = append(diags, more...)
	list, more := Decode(content.Blocks, &hcl.EvalContext{Functions: block.Functions(testEnv, dir)})
	return list, append(diags, more...)
}

func render(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		severity := "error"
		if d.Severity == hcl.DiagWarning {
			severity = "warning"
		}
		fmt.Fprintf(&b, "%d:%d: %s: %s; %s\n", d.Subject.Start.Line, d.Subject.Start.Column, severity, d.Summary, d.Detail)
	}
	return b.String()
}

// TestDecodeDiagnostics compares the diagnostics of each testdata/decode/*.hcl
// with the .diag beside it.
func TestDecodeDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/decode/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list, diags := decodeSource(src, file, "testdata/decode")
			got := render(diags)
			golden := strings.TrimSuffix(file, ".hcl") + ".diag"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			assertNoCanary(t, got)
			assertNoCanary(t, fmt.Sprintf("%v %+v %#v", list, list, list))
		})
	}
}

func assertNoCanary(t *testing.T, s string) {
	t.Helper()
	if strings.Contains(strings.ToLower(s), strings.ToLower(canary)) {
		t.Errorf("a secret is shown in: %s", s)
	}
}

// TestDecodeDiagnosticWriter checks that the full text of diagnostics, with
// source and values, shows no secret either.
func TestDecodeDiagnosticWriter(t *testing.T) {
	src := []byte(`target "cloud" "x" {
  dialect  = "openai"
  base_url = "https://x.example/v1"
  api_key  = jsondecode(env("KEY"))
  jurisdiction = { for k in [env("KEY"), env("KEY")] : k => 1 }
  headers  = { x = env(env("KEY")), y = {}[env("KEY")], z = file(env("KEY")), w = regex(env("KEY"), "(") }
  attributes = { a = env("KEY") }
  model "m" { upstream = env("KEY") }
}`)
	_, diags := decodeSource(src, "x.hcl", t.TempDir())
	if len(diags) < 5 {
		t.Fatalf("too few diagnostics: %v", diags)
	}
	var b strings.Builder
	file, _ := hclsyntax.ParseConfig(src, "x.hcl", hcl.InitialPos)
	if err := hcl.NewDiagnosticTextWriter(&b, map[string]*hcl.File{"x.hcl": file}, 100, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	assertNoCanary(t, b.String())
}

func TestDecodeTarget(t *testing.T) {
	src, err := os.ReadFile("testdata/decode/full.hcl")
	if err != nil {
		t.Fatal(err)
	}
	list, diags := decodeSource(src, "full.hcl", "testdata/decode")
	if diags.HasErrors() {
		t.Fatal(render(diags))
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/decode/full.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	assertNoCanary(t, string(got))
	if list[0].APIKey.Reveal() != canary {
		t.Error("the key is not the variable's value")
	}
	if got := list[0].Headers["X-Note"].Reveal(); got != "from a file" {
		t.Errorf("header from a file = %q, want its line without the newline", got)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := block.NewSecret(canary)
	inner := struct{ hidden block.Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		args := []any{s}
		if strings.Count(verb, "%") == 2 {
			args = append(args, s)
		}
		assertNoCanary(t, fmt.Sprintf(verb, args...))
		assertNoCanary(t, fmt.Sprintf(verb, append([]any{&s}, args[1:]...)...))
	}
	assertNoCanary(t, fmt.Sprintf("%v %+v %#v", inner, inner, inner))
	b, err := json.Marshal(map[string]any{"s": s, "m": map[string]block.Secret{"k": s}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"m":{"k":"(sensitive)"},"s":"(sensitive)"}`; string(b) != want {
		t.Errorf("JSON = %s, want %s", b, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/decode/*.hcl", "examples/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) {
		list, diags := decodeSource(src, "fuzz.hcl", dir)
		for _, d := range diags {
			if d.Subject == nil || d.Summary == "" || d.Detail == "" {
				t.Errorf("a diagnostic without a place or a text: %+v", d)
			}
			assertNoCanary(t, d.Summary+d.Detail)
		}
		assertNoCanary(t, fmt.Sprintf("%+v", list))
	})
}
