package record

import (
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var revisionA = "sha256:" + strings.Repeat("a1", 32)

func policyFiles(m map[string]string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for name, content := range maps.All(m) {
			if !yield(name, []byte(content)) {
				return
			}
		}
	}
}

var policyA = map[string]string{"lib/a.rego": "package a", "0/rules/b.rego": "package b", "0/data.json": "{}", "1/empty.json": ""}

// tree is what stands below dir: content by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestKeepPolicy(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	// What a crash left of an earlier attempt is not taken for a part of the copy.
	leftover := filepath.Join(dir, "policies", "unfinished", "lib")
	if err := os.MkdirAll(leftover, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(leftover, "half.rego"), []byte("pack"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there
		if err := l.KeepPolicy(revisionA, policyFiles(policyA)); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := PolicyCopy(dir, revisionA)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policyA, tree(t, kept)); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "policies")); err != nil || len(entries) != 1 {
		t.Errorf("%v %v, want the copy alone", entries, err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "policies"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeepPolicyOverwritesNothing(t *testing.T) {
	for name, damage := range map[string]func(kept string) error{
		"was changed": func(kept string) error {
			return os.WriteFile(filepath.Join(kept, "lib", "a.rego"), []byte("package c"), 0o600)
		},
		"is missing":                   func(kept string) error { return os.Remove(filepath.Join(kept, "0", "data.json")) },
		"is not part of that revision": func(kept string) error { return os.WriteFile(filepath.Join(kept, "x.rego"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openLog(t, Config{Dir: dir})
			if err := l.KeepPolicy(revisionA, policyFiles(policyA)); err != nil {
				t.Fatal(err)
			}
			kept, _ := PolicyCopy(dir, revisionA)
			if err := damage(kept); err != nil {
				t.Fatal(err)
			}
			before := tree(t, kept)
			if err := l.KeepPolicy(revisionA, policyFiles(policyA)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want one that says %q", err, name)
			}
			if diff := cmp.Diff(before, tree(t, kept)); diff != "" {
				t.Errorf("the copy was changed:\n%s", diff)
			}
		})
	}
}

func TestKeepPolicyRefuses(t *testing.T) {
	for _, revision := range []string{"", "sha256:", "r1", "sha256:" + strings.Repeat("A1", 32), "sha256:" + strings.Repeat("../", 21) + "a", strings.Repeat("a1", 32)} {
		if path, err := PolicyCopy("log", revision); err == nil {
			t.Errorf("revision %q has a copy at %s", revision, path)
		}
	}
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	for _, name := range []string{"../b.rego", "/etc/b.rego", "", "0/../../b.rego"} {
		if err := l.KeepPolicy(revisionA, policyFiles(map[string]string{"lib/a.rego": "package a", name: "package b"})); err == nil {
			t.Errorf("the name %q was taken", name)
		}
		kept, _ := PolicyCopy(dir, revisionA)
		if _, err := os.Stat(kept); err == nil {
			t.Errorf("the name %q left a copy", name)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.KeepPolicy(revisionA, policyFiles(policyA)); err == nil {
		t.Error("a copy was kept in a directory that was removed")
	}
}
