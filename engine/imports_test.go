package engine

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/sallyport-ai/sallyport/"

type listed struct {
	ImportPath   string
	Doc          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// packages lists every package of this module.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Name,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

// TestImports holds the layers apart: the core knows nobody, the packages around
// it know the core and not each other, and each foreign world has one package
// that speaks to it.
func TestImports(t *testing.T) {
	own := map[string]string{ // by prefix of a package: what of this module it may import
		"engine/wire":     "engine",
		"engine/gateway":  "engine engine/wire engine/recall",
		"engine/recall":   "",
		"engine/schedule": "engine",
		"engine/record":   "engine",
		"policies":        "engine policies engine/recall",
		"classifiers":     "engine classifiers",
		"targets":         "engine engine/wire targets",
		"benchmarks":      "*",
		"cmd":             "*",
		"engine":          "",
	}
	foreign := map[string]string{ // by prefix of an import path: who may import it
		"github.com/open-policy-agent/opa": "policies",
		"github.com/tetratelabs/wazero":    "classifiers",
		"github.com/hashicorp/hcl":         "targets cmd",
		"github.com/zclconf/go-cty":        "targets cmd",
		"github.com/valyala/fasthttp":      "engine/gateway",
		"github.com/tiktoken-go":           "targets",
		"github.com/prometheus":            "engine/gateway",
		"net/http":                         "engine targets benchmarks cmd engine/wire engine/gateway policies/bundle",
		"unsafe":                           "classifiers policies/vm engine/wire", // to hash a text without a copy; values of two words; to give one out
		"net/http/pprof":                   "engine/gateway",
	}
	for _, p := range packages(t) {
		owner := ""
		for prefix := range own {
			if within(p.ImportPath, prefix) && len(prefix) > len(owner) {
				owner = prefix
			}
		}
		if owner == "" {
			t.Errorf("package %s has no place in the layers", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			if ours, ok := strings.CutPrefix(path, module); ok && own[owner] != "*" && !anyWithin(ours, own[owner]) {
				t.Errorf("%s imports %s; a package of %s may import %q only", p.ImportPath, ours, owner, own[owner])
			}
			if p.ImportPath == "engine" && strings.Contains(path, ".") {
				t.Errorf("engine imports %s; it is to import the standard library only", path)
			}
			for prefix, who := range foreign {
				if within(path, prefix) && !anyWithin(p.ImportPath, who) {
					t.Errorf("%s imports %s, which belongs to %q alone", p.ImportPath, path, who)
				}
			}
		}
	}
}

// TestOneDialer: nothing in the program opens a connection but the dialer of
// targets, the loader of bundles, which dials the host of each bundle's URL and no
// other, and the load generator, which is a client of this service.
func TestOneDialer(t *testing.T) {
	opens := regexp.MustCompile(`\bnet\.(Dial\w*|Dialer)\b|\bhttp\.(Get|Post|PostForm|Head|DefaultClient|DefaultTransport|Client)\b|\bhttp\.Transport\{|\btls\.(Dial\w*|Dialer)\b|fasthttp\.(HostClient|Client|PipelineClient|Dial\w*|TCPDialer)\b`)
	may := map[string]string{
		"targets/dial.go":          "the one dialer",
		"targets/client.go":        "its HTTP transport",
		"policies/bundle/fetch.go": "the bundle loader",
		"benchmarks/":              "clients of this service, and a real server's",
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		for prefix := range may {
			if strings.HasPrefix(name, prefix) {
				return nil
			}
		}
		source, err := os.ReadFile(path)
		if found := opens.Find(source); found != nil {
			t.Errorf("%s uses %s: connections are opened by the dialer in targets", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPackageComments: each package says what it hides.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Doc) < 40 {
			t.Errorf("package %s has no package comment", p.ImportPath)
		}
	}
}

func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func anyWithin(path, prefixes string) bool {
	for prefix := range strings.FieldsSeq(prefixes) {
		if prefix == "engine" && path != "engine" {
			continue // the core itself, not what is below it
		}
		if within(path, prefix) {
			return true
		}
	}
	return false
}
