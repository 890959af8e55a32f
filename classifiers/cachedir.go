package classifiers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
)

// The runtime keeps the machine code it compiled in files, and later runs what it
// finds there; its own checksum covers only part of them. So each file has a
// second one beside it with its SHA-256, and what does not match, or has none, is
// removed before the runtime looks. This is against torn writes and worn disks.
// Whoever may write into the folder could run code in this process anyway, which
// is why it must be the owner's alone.

const cacheSum = ".sha256"

// openCacheDir makes a folder for compiled modules, or checks the one that is there.
func openCacheDir(dir string) (wazero.CompilationCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s can be written by others than its owner (mode %#o): the code in it would run in this process", dir, info.Mode().Perm())
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// compileModule compiles a metered module, or takes what the cache has.
func (h *Host) compileModule(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	h.compile.Lock()
	defer h.compile.Unlock()
	if h.cache != nil {
		if err := checkCacheDir(h.cfg.CacheDir); err != nil {
			return nil, fmt.Errorf("check the cache of compiled classifiers: %w", err)
		}
	}
	compiled, err := h.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", firstLine(err))
	}
	if h.cache != nil {
		if err := sumCacheDir(h.cfg.CacheDir); err != nil {
			return nil, errors.Join(fmt.Errorf("write the cache of compiled classifiers: %w", err), compiled.Close(ctx))
		}
	}
	return compiled, nil
}

// checkCacheDir removes the files that are not what was written.
func checkCacheDir(dir string) error {
	return eachCached(dir, func(path string) error {
		want, err := os.ReadFile(path + cacheSum)
		if err == nil {
			var have string
			if have, err = fileSum(path); err == nil && have == string(want) {
				return nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// sumCacheDir writes the sums of files that have none.
func sumCacheDir(dir string) error {
	return eachCached(dir, func(path string) error {
		sum, err := fileSum(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // another process removed it
			}
			return err
		}
		if old, err := os.ReadFile(path + cacheSum); err == nil && string(old) == sum {
			return nil
		}
		// A rename, so that another process sees all of it or nothing.
		tmp, err := os.CreateTemp(filepath.Dir(path), "sum-*.tmp")
		if err != nil {
			return err
		}
		_, err = tmp.WriteString(sum)
		if err = errors.Join(err, tmp.Close()); err == nil {
			err = os.Rename(tmp.Name(), path+cacheSum)
		}
		if err != nil {
			return errors.Join(err, os.Remove(tmp.Name()))
		}
		return nil
	})
}

// eachCached calls f for the path of each compiled module.
func eachCached(dir string, f func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if !d.Type().IsRegular() || len(name) != 2*sha256.Size || strings.Trim(name, "0123456789abcdef") != "" {
			return nil
		}
		return f(path)
	})
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
