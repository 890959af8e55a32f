package classifiers

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// useCache loads a module with a cache in dir, and uses it. It returns what the
// cache complained of.
func useCache(t *testing.T, dir string) error {
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
	complaint := h.CacheError()
	if err := errors.Join(c.Close(ctx), h.Close(ctx)); err != nil {
		t.Error(err)
	}
	return complaint
}

// cacheEntries are what a cache holds, by path; nothing else may be in it.
func cacheEntries(t *testing.T, dir string) map[string]fs.FileInfo {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]fs.FileInfo{}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 || len(f.Name()) != cacheNameSize {
			t.Errorf("%s with mode %v is in the cache", f.Name(), info.Mode())
		}
		entries[filepath.Join(dir, f.Name())] = info
	}
	return entries
}

// TestSecondStartLoads: the second start takes everything from the cache: the
// runtime compiles nothing, which would write an entry anew.
func TestSecondStartLoads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "the", "host")
	if err := useCache(t, dir); err != nil {
		t.Fatal(err)
	}
	before := cacheEntries(t, dir)
	if len(before) != 2 { // the module, and what the host measures this machine with
		t.Fatalf("%d entries", len(before))
	}
	if err := useCache(t, dir); err != nil {
		t.Fatal(err)
	}
	after := cacheEntries(t, dir)
	if len(after) != len(before) {
		t.Errorf("%d entries, then %d", len(before), len(after))
	}
	for path, info := range before {
		if !os.SameFile(info, after[path]) {
			t.Errorf("%s was written again", filepath.Base(path))
		}
	}
}

// TestDamagedCache: whatever happened to the entries, none of it reaches the
// runtime, the module loads and works, and the cache is good again afterwards.
func TestDamagedCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	if err := useCache(t, dir); err != nil {
		t.Fatal(err)
	}
	good := map[string][]byte{}
	for path := range cacheEntries(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		good[path] = b
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
	const head = cacheHead
	r := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func(path string) error{
		"empty":               edit(func([]byte) []byte { return nil }),
		"cut short":           edit(func(b []byte) []byte { return b[:len(b)/2] }),
		"shorter by one":      edit(func(b []byte) []byte { return b[:len(b)-1] }),
		"no more than a head": edit(func(b []byte) []byte { return b[:head] }),
		"longer":              edit(func(b []byte) []byte { return append(b, 0) }),
		"other bytes":         edit(func(b []byte) []byte { clear(b[head:]); return b }),
		"function offset":     edit(func(b []byte) []byte { b[head+20] ^= 0x40; return b }),
		"any bit":             edit(func(b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b }),
		"another name":        edit(func(b []byte) []byte { copy(b[sha256.Size:], "../../"); return b }),
		"gone":                os.Remove,
		"for anybody":         func(path string) error { return os.Chmod(path, 0o622) },
		"of another module": func(path string) error {
			for other, b := range good {
				if other != path {
					return os.WriteFile(path, b, 0o600)
				}
			}
			return errors.New("there is no other")
		},
	}
	if os.Geteuid() == 0 {
		damages["of another user"] = func(path string) error { return os.Chown(path, 65534, -1) }
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			for path := range good {
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
			}
			c, err := openCodeCache(dir)
			if err != nil {
				t.Fatal(err)
			}
			for path := range good {
				if c.put(path) != nil {
					t.Error("the runtime can see it")
				}
			}
			if left, err := os.ReadDir(c.code); err != nil || len(left) > 0 {
				t.Errorf("%d files are left where the runtime looks: %v", len(left), err)
			}
			if err := c.close(); err != nil {
				t.Error(err)
			}
			if err := useCache(t, dir); err != nil {
				t.Error(err)
			}
			for path, want := range good {
				if b, err := os.ReadFile(path); err != nil || string(b) != string(want) {
					t.Errorf("%s is not what it was: %v", filepath.Base(path), err)
				}
			}
		})
	}
}

// TestUnusableCache: a cache that cannot be used, or that others can write to, is
// said to be so, nothing of it is read, and everything works.
func TestUnusableCache(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"writable by others": {func(dir string) error { return os.Chmod(dir, 0o770) }, "can be written by others"},
		"of another user":    {func(dir string) error { return os.Chown(dir, 65534, -1) }, "belongs to another user"},
		"a file":             {func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "code")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := tt.spoil(dir); err != nil {
				if os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
					t.Skip("only root can give a folder to another user")
				}
				t.Fatal(err)
			}
			if err := useCache(t, dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
				t.Errorf("%d files were written", len(files))
			}
		})
	}
}

// TestCacheStopsWorking: a cache that can be written no longer fails no load.
func TestCacheStopsWorking(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "code")
	h, err := New(ctx, Config{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(ctx) })
	if err := h.CacheError(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil { // as good as a full disk, for root too
		t.Fatal(err)
	}
	for range 2 {
		c := load(t, h, ModuleConfig{Module: "builtin:pii"})
		if rep, err := c.Classify(ctx, userTexts("a@example.com")); err != nil || len(rep.Findings) != 1 {
			t.Error(rep, err)
		}
		if h.CacheError() == nil {
			t.Error("it does not say that nothing is kept")
		}
	}
	if _, err := h.Load(ctx, ModuleConfig{Name: "x", Wasm: []byte("\x00asm\x01\x00\x00\x00")}); err == nil {
		t.Error("what is no classifier was loaded")
	}
}

// TestCacheSweep: what was not used for the longest time makes room, and what a
// killed process left behind goes.
func TestCacheSweep(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	file := func(name string, size int64, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close(), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(c string) string { return strings.Repeat(c, cacheNameSize) }
	file(entry("a"), codeCacheBytes/2, time.Hour)
	file(entry("b"), codeCacheBytes/2, 2*time.Hour)
	file(entry("c"), 1, 3*time.Hour)
	file("not ours", codeCacheBytes, 4*time.Hour)
	for name, age := range map[string]time.Duration{stagePrefix + "1": time.Hour, stagePrefix + "2": 2 * staleStage} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&codeCache{dir: dir}).sweep(now); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		entry("a"): true, entry("b"): true, entry("c"): false, "not ours": true, stagePrefix + "1": true, stagePrefix + "2": false,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%.10s: %v", name, err)
		}
	}
}
