package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCacheDir(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("these are the folders of Linux")
	}
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{nil, ""},
		{[]string{"HOME", "/h"}, "/h/.cache/sallyport/classifiers"},
		{[]string{"HOME", "."}, ""},
		{[]string{"HOME", "/h", "XDG_CACHE_HOME", "/c"}, "/c/sallyport/classifiers"},
		{[]string{"HOME", "/h", "XDG_CACHE_HOME", "x"}, "/h/.cache/sallyport/classifiers"},
		{[]string{"HOME", "/h", "CACHE_DIRECTORY", "/var/cache/sallyport"}, "/var/cache/sallyport/classifiers"},
	} {
		if got := (&app{env: environment(tt.env...)}).cacheDir(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.env, got, tt.want)
		}
	}
}

// The second start takes the compiled classifiers from the cache, which would be
// written again if it did not.
func TestServeKeepsCompiled(t *testing.T) {
	cache := t.TempDir()
	env := environment("CACHE_DIRECTORY", cache)
	start := func() map[string]os.FileInfo {
		t.Helper()
		dir := t.TempDir()
		path := filepath.Join(dir, "sallyport.hcl")
		write(t, path, demo())
		s, err := startService([]string{"serve", "-c", path}, env)
		if err != nil {
			t.Fatal(err)
		}
		if code := s.stop(); code != exitOK || strings.Contains(s.err.String(), "not kept") {
			t.Errorf("serve ended with %d: %s", code, s.err.String())
		}
		files, err := os.ReadDir(filepath.Join(cache, "classifiers"))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]os.FileInfo{}
		for _, f := range files {
			if found[f.Name()], err = f.Info(); err != nil {
				t.Fatal(err)
			}
		}
		return found
	}
	first := start()
	if len(first) != 4 { // of three classifiers, and of the loop that the host measures
		t.Errorf("%d entries", len(first))
	}
	second := start()
	if len(second) != len(first) {
		t.Errorf("%d entries, then %d", len(first), len(second))
	}
	for name, info := range first {
		if !os.SameFile(info, second[name]) {
			t.Errorf("%s was written again", name)
		}
	}
}

// A cache that cannot be used is no reason not to serve.
func TestServeWithoutCache(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"for anybody": func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		},
		"a file": func(t *testing.T, dir string) { write(t, dir, "") },
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			spoil(t, filepath.Join(cache, "classifiers"))
			s := serveConfig(t, t.TempDir(), demo(), environment("CACHE_DIRECTORY", cache))
			c := anonymous(s)
			if _, err := c.Chat.Completions.New(t.Context(), ask("auto", "hello")); err != nil {
				t.Error(err)
			}
			if !strings.Contains(s.err.String(), "compiled classifiers are not kept") {
				t.Errorf("it does not say so: %s", s.err.String())
			}
		})
	}
}
