package classifiers

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// useCache loads a module with a cache in dir, and uses it.
func useCache(t *testing.T, dir string) {
	t.Helper()
	ctx := context.Background()
	h, err := New(ctx, Config{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Load(ctx, ModuleConfig{Name: "x", Module: "builtin:secrets", Pool: 1})
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := c.Classify(ctx, userTexts("token ghp_"+strings.Repeat("a", 36))); err != nil {
		t.Error(rep, err)
	}
	if err := errors.Join(c.Close(ctx), h.Close(ctx)); err != nil {
		t.Error(err)
	}
}

func cachedFiles(t *testing.T, dir string) (compiled []string) {
	t.Helper()
	if err := eachCached(dir, func(path string) error { compiled = append(compiled, path); return nil }); err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestDamagedCache: whatever happened to the files of the cache, the module loads
// and works, and the cache is good again afterwards.
func TestDamagedCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	useCache(t, dir)
	files := cachedFiles(t, dir)
	if len(files) == 0 {
		t.Fatal("nothing was cached")
	}
	good := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		good[f] = string(b)
	}
	edit := func(change func(b []byte) []byte) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, change(b), 0o600)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func(path string) error{
		"empty":            edit(func([]byte) []byte { return nil }),
		"cut short":        edit(func(b []byte) []byte { return b[:len(b)/2] }),
		"longer":           edit(func(b []byte) []byte { return append(b, 0) }),
		"other bytes":      edit(func(b []byte) []byte { clear(b); return b }),
		"function offset":  edit(func(b []byte) []byte { b[20] ^= 0x40; return b }),
		"any bit":          edit(func(b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b }),
		"without a sum":    func(path string) error { return os.Remove(path + cacheSum) },
		"with another sum": func(path string) error { return os.WriteFile(path+cacheSum, []byte("0"), 0o600) },
		"gone":             os.Remove,
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			for _, f := range files {
				if err := damage(f); err != nil {
					t.Fatal(err)
				}
			}
			useCache(t, dir)
			for _, f := range files {
				if b, err := os.ReadFile(f); err != nil || string(b) != good[f] {
					t.Errorf("%s is not what it was: %v", filepath.Base(f), err)
				}
			}
		})
	}
}

// TestCacheIsUsed: a second start does not write the files again.
func TestCacheIsUsed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	useCache(t, dir)
	before := map[string]fs.FileInfo{}
	for _, f := range cachedFiles(t, dir) {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		before[f] = info
	}
	useCache(t, dir)
	for _, f := range cachedFiles(t, dir) {
		info, err := os.Stat(f)
		if err != nil || before[f] == nil || !os.SameFile(info, before[f]) {
			t.Errorf("%s was written again: %v", filepath.Base(f), err)
		}
	}
}

func TestCacheOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	h, err := New(context.Background(), Config{CacheDir: dir})
	if err == nil {
		h.Close(context.Background())
		t.Fatal("a folder that anybody can write to was taken")
	}
	if !strings.Contains(err.Error(), "can be written by others") {
		t.Error(err)
	}
}
