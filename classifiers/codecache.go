package classifiers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// codeCache keeps the machine code of modules in a folder between runs. The
// runtime can do that too, but runs what it finds: its checksum covers only part of
// a file, and it follows links. So it gets an empty folder of its own, the stage,
// into which an entry is copied once its digest is found right, and out of which
// what it has compiled is taken. It is used by one goroutine at a time; processes
// can share the folder.
//
// The digest is not keyed. It is against torn writes, worn disks and entries under
// a name that is not theirs. Whoever can write as this user needs no cache to run
// code in this process; against everybody else there are owner and mode of the
// folder and of each entry.
type codeCache struct {
	dir     string
	stage   string
	code    string // the folder in the stage that the runtime made
	build   string
	runtime wazero.CompilationCache
}

// An entry is its digest, then the name that the runtime gave the file, then what
// is in that.
const (
	cacheNameSize = 2 * sha256.Size // in hex, as names of entries are
	cacheHead     = sha256.Size + cacheNameSize
	stagePrefix   = "stage-"

	// codeCacheBytes is how much stays in the folder; what was not used for the
	// longest time goes first. The built-in modules take about 1 MiB, one in Go 8.
	codeCacheBytes = 256 << 20
	// staleStage is when the stage of a process that did not end well is removed.
	staleStage = 24 * time.Hour
)

func openCodeCache(dir string) (*codeCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if why := writableByOthers(info); why != "" {
		return nil, fmt.Errorf("%s %s: what is in it would run in this process", dir, why)
	}
	c := &codeCache{dir: dir, build: buildOf()}
	if err := c.sweep(time.Now()); err != nil {
		return nil, err
	}
	if c.stage, err = os.MkdirTemp(dir, stagePrefix+"*"); err != nil {
		return nil, err
	}
	if c.runtime, err = wazero.NewCompilationCacheWithDir(c.stage); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.stage))
	}
	made, err := os.ReadDir(c.stage)
	if err == nil && len(made) != 1 {
		err = fmt.Errorf("the runtime made %d folders, not one", len(made))
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.code = filepath.Join(c.stage, made[0].Name())
	return c, nil
}

func (c *codeCache) close() error {
	return errors.Join(c.runtime.Close(context.Background()), os.RemoveAll(c.stage))
}

// buildOf names what the runtime's machine code depends on beside the module.
func buildOf() string {
	build := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			if strings.Contains(m.Path, "wazero") {
				build += " " + m.Path + " " + m.Version + " " + m.Sum
			}
		}
	}
	return build
}

// entry is the path of what is kept for a module.
func (c *codeCache) entry(wasm []byte) string {
	h := sha256.New()
	fmt.Fprintln(h, c.build)
	h.Write(wasm)
	return filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil)))
}

// put copies an entry to the stage, if it is there and good, and returns the file;
// nil else. An entry that is not good is removed.
func (c *codeCache) put(entry string) fs.FileInfo {
	b, err := readPrivate(entry)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(entry) // it is of no use, and is written again
		}
		return nil
	}
	if len(b) < cacheHead || [sha256.Size]byte(b) != entrySum(entry, b[sha256.Size:]) {
		_ = os.Remove(entry)
		return nil
	}
	staged := filepath.Join(c.code, string(b[sha256.Size:cacheHead]))
	if err := os.WriteFile(staged, b[cacheHead:], 0o600); err != nil {
		_ = os.Remove(staged) // half of it must not be read
		return nil
	}
	info, err := os.Lstat(staged)
	if err != nil {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(entry, now, now) // else it only goes earlier
	return info
}

// take clears the stage, and keeps what the runtime has written there as an entry.
// staged is what put gave.
func (c *codeCache) take(entry string, staged fs.FileInfo) error {
	files, err := os.ReadDir(c.code)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(c.code, f.Name())
		info, err := f.Info()
		if err != nil {
			return err
		}
		if len(f.Name()) == cacheNameSize && (staged == nil || !os.SameFile(staged, info)) {
			if err := c.save(entry, path); err != nil {
				return errors.Join(err, c.clear())
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// save writes an entry. It is not synced: one that is torn has a wrong digest.
func (c *codeCache) save(entry, from string) error {
	code, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	b := slices.Concat(make([]byte, sha256.Size), []byte(filepath.Base(from)), code)
	sum := entrySum(entry, b[sha256.Size:])
	copy(b, sum[:])
	tmp, err := os.CreateTemp(c.stage, "entry-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, bytes.NewReader(b))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), entry)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// clear empties the stage.
func (c *codeCache) clear() error {
	files, err := os.ReadDir(c.code)
	for _, f := range files {
		err = errors.Join(err, os.Remove(filepath.Join(c.code, f.Name())))
	}
	return err
}

// sweep removes what is too much, and what processes left behind that were killed.
func (c *codeCache) sweep(now time.Time) error {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var entries []fs.FileInfo
	for _, f := range files {
		info, err := f.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // another process was faster
		case err != nil:
			return err
		case f.IsDir() && strings.HasPrefix(f.Name(), stagePrefix) && now.Sub(info.ModTime()) > staleStage:
			if err := os.RemoveAll(filepath.Join(c.dir, f.Name())); err != nil {
				return err
			}
		case info.Mode().IsRegular() && len(f.Name()) == cacheNameSize:
			entries = append(entries, info)
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	size := int64(0)
	for _, e := range entries {
		if size += e.Size(); size <= codeCacheBytes {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func entrySum(entry string, rest []byte) [sha256.Size]byte {
	h := sha256.New()
	io.WriteString(h, filepath.Base(entry))
	h.Write(rest)
	return [sha256.Size]byte(h.Sum(nil))
}

// readPrivate reads a file that nobody else can have written.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if why := writableByOthers(info); why != "" {
		return nil, fmt.Errorf("%s %s", path, why)
	}
	return io.ReadAll(f)
}

// writableByOthers says why a file or folder could have been changed by others
// than this user; "": it could not.
func writableByOthers(info fs.FileInfo) string {
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Sprintf("can be written by others than its owner (mode %#o)", info.Mode().Perm())
	}
	if ownedByOther(info) {
		return "belongs to another user"
	}
	return ""
}
