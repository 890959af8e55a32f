package policies

import (
	"strings"
	"testing"
)

// A bundle is read like a folder with the same files.
func TestBundles(t *testing.T) {
	files := map[string]string{"good.rego": good, "acme/data.json": `{"limit": 1}`}
	b := Bundle{Name: "main", Files: []BundleFile{{"good.rego", []byte(good)}, {"acme/data.json", []byte(`{"limit": 1}`)}, {"NOTES.md", []byte("not policy")}}}
	s, err := Load(t.Context(), Config{Bundles: []Bundle{b}})
	if err != nil {
		t.Fatal(err)
	}
	folder := load(t, files)
	if s.Revision() != folder.Revision() {
		t.Error("a bundle has another revision than the same files")
	}
	for _, f := range s.Files() {
		if strings.HasPrefix(f.Path, "standard/") {
			t.Errorf("the standard policy is there: %s", f.Path)
		}
	}
	if _, err := Load(t.Context(), Config{Paths: []string{write(t, map[string]string{"acme/data.json": `{"limit": 2}`})}, Bundles: []Bundle{b}}); err == nil ||
		!strings.Contains(err.Error(), "bundle:main/acme/data.json:1:1: \"acme.limit\" is given by another data file already") {
		t.Errorf("%v", err)
	}
	broken := Bundle{Name: "main", Files: []BundleFile{{"x.rego", []byte("package x\n\nallow if {")}}}
	if _, err := Load(t.Context(), Config{Standard: true, Bundles: []Bundle{broken}}); err == nil || !strings.Contains(err.Error(), "bundle:main/x.rego:3") {
		t.Errorf("%v", err)
	}
	tested := Bundle{Name: "main", Files: []BundleFile{{"good.rego", []byte(good)}, {"good_test.rego", []byte("package good_test\n\ntest_never if false\n")}}}
	if _, err := Load(t.Context(), Config{Bundles: []Bundle{tested}}); err == nil || !strings.Contains(err.Error(), "test good_test.test_never failed") {
		t.Errorf("%v", err)
	}
}
