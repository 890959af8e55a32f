package policies

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// keep writes what decides in s to a folder.
func keep(t *testing.T, s *Set) string {
	t.Helper()
	files := map[string]string{}
	for _, f := range s.Deciding() {
		files[f.Path] = string(f.Bytes)
	}
	return write(t, files)
}

func TestKept(t *testing.T) {
	rules := write(t, map[string]string{"blue.rego": nested, "blue_test.rego": "package sallyport.rules.teams.blue_test\n\ntest_true if true\n",
		"acme/data.json": `{"limit": 3}`})
	single := filepath.Join(write(t, map[string]string{"residency.rego": residency}), "residency.rego")
	for name, cfg := range map[string]Config{
		"standard policy":     {},
		"folder":              {Paths: []string{rules}},
		"folder and file":     {Paths: []string{rules, single}},
		"beside the standard": {Paths: []string{single}, Standard: true},
		"a bundle": {Paths: []string{single}, Bundles: []Bundle{{Name: "blue", Files: []BundleFile{
			{Name: "rules/blue.rego", Bytes: []byte(nested)}, {Name: ".well-hidden/acme/data.json", Bytes: []byte(`{"limit": 3}`)}}}}},
		"a bundle alone":     {Bundles: []Bundle{{Name: "blue", Files: []BundleFile{{Name: "blue.rego", Bytes: []byte(nested)}}}}},
		"an earlier library": {Paths: []string{rules}, FS: os.DirFS(earlierLibrary(t))},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Timeout = patience
			s, err := Load(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			dir := keep(t, s)
			kept, err := LoadKept(t.Context(), dir, s.Revision(), patience)
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.Decide(t.Context(), exampleInput(4))
			if err != nil {
				t.Fatal(err)
			}
			got, err := kept.Decide(t.Context(), exampleInput(4))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decision (-as loaded +as kept):\n%s", diff)
			}
			for _, f := range kept.Deciding() {
				if strings.HasSuffix(f.Path, "_test.rego") {
					t.Errorf("%s was kept", f.Path)
				}
			}
		})
	}
}

// earlierLibrary is the library as another version of this program has it.
func earlierLibrary(t *testing.T) string {
	dir := t.TempDir()
	if err := os.CopyFS(dir, Embedded()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lib", "kinds.rego"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n# as it was\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An obligation that is known only now was unknown to the library of a policy that
// is decided again, and is unknown still.
func TestObligationOfALaterLibrary(t *testing.T) {
	rules := write(t, map[string]string{"lossless.rego": "package sallyport.rules.lossless\n\nobligation.lossy := \"deny\"\n"})
	lib := t.TempDir()
	if err := os.CopyFS(lib, Embedded()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sallyport.rego", "sallyport_test.rego", "shapes.rego"} {
		path := filepath.Join(lib, "lib", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var before []string
		for line := range strings.Lines(string(b)) {
			if !strings.Contains(line, "lossy") {
				before = append(before, line)
			}
		}
		if err := os.WriteFile(path, []byte(strings.Join(before, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		cfg  Config
		want engine.Obligations
		raw  string
	}{
		"the present library": {Config{Paths: []string{rules}}, engine.Obligations{Lossy: engine.LossyDeny}, `"obligations":{"lossy":"deny"}`},
		"an earlier one":      {Config{Paths: []string{rules}, FS: os.DirFS(lib)}, engine.Obligations{Unknown: []string{"lossy"}}, `"obligations":{"lossy":["deny"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Timeout = patience
			s, err := Load(t.Context(), test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			d, same, err := s.DecideTwice(t.Context(), exampleInput(2))
			if err != nil || !same {
				t.Fatalf("same %v, %v", same, err)
			}
			if diff := cmp.Diff(test.want, d.Obligations); diff != "" {
				t.Errorf("obligations (-want +got):\n%s", diff)
			}
			if !strings.Contains(string(d.Raw), test.raw) {
				t.Errorf("decision %s", d.Raw)
			}
		})
	}
}

func TestKeptDamaged(t *testing.T) {
	s := load(t, map[string]string{"residency.rego": residency, "data.json": `{"a": 1}`})
	for name, damage := range map[string]func(dir string) error{
		"changed rule": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "0", "residency.rego"), []byte(strings.Replace(residency, "300", "301", 1)), 0o600)
		},
		"changed data":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "0", "data.json"), []byte(`{}`), 0o600) },
		"missing data":    func(dir string) error { return os.Remove(filepath.Join(dir, "0", "data.json")) },
		"missing rules":   func(dir string) error { return os.RemoveAll(filepath.Join(dir, "0")) },
		"missing library": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "lib")) },
		"a rule more": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "0", "more.rego"), []byte("package sallyport.rules.more\n"), 0o600)
		},
		"a stranger": func(dir string) error { return os.Mkdir(filepath.Join(dir, "notes"), 0o700) },
		"not a rule": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "0", "residency.rego"), []byte("pack"), 0o600)
		},
		"no copy":     os.RemoveAll,
		"other names": func(dir string) error { return os.Rename(filepath.Join(dir, "0"), filepath.Join(dir, "00")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := keep(t, s)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadKept(context.Background(), dir, s.Revision(), patience); err == nil {
				t.Error("loaded")
			}
		})
	}
}
