package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/sallyport-ai/sallyport/classifiers"
)

// newHost starts the runtime of classifiers. It keeps what it compiles in this
// user's cache folder, because compiling is most of a start.
func (a *app) newHost(ctx context.Context, log func(classifier string, level int, message string)) (*classifiers.Host, error) {
	host, err := classifiers.New(ctx, classifiers.Config{CacheDir: a.cacheDir(), Log: log})
	if err != nil {
		return nil, fmt.Errorf("start the classifier runtime: %w", err)
	}
	return host, nil
}

// cacheDir is where compiled classifiers are kept: in the folder that systemd gives
// a unit with CacheDirectory=, else where this system has a user's caches. "" where
// the environment names neither.
func (a *app) cacheDir() string {
	under := func(variable string, path ...string) string {
		dir, _ := a.env(variable)
		if !filepath.IsAbs(dir) {
			return ""
		}
		return filepath.Join(append(append([]string{dir}, path...), "classifiers")...)
	}
	if dir := under("CACHE_DIRECTORY"); dir != "" {
		return dir
	}
	switch runtime.GOOS {
	case "darwin":
		return under("HOME", "Library", "Caches", "sallyport")
	case "windows":
		return under("LocalAppData", "sallyport")
	}
	if dir := under("XDG_CACHE_HOME", "sallyport"); dir != "" {
		return dir
	}
	return under("HOME", ".cache", "sallyport")
}
