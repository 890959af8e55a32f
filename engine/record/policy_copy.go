package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// PolicyCopy is where the log in dir keeps the copy of a policy revision, whether
// or not there is one. A revision is "sha256:" and 64 lower-case hex digits; any
// other is an error, for it becomes a path.
func PolicyCopy(dir, revision string) (string, error) {
	digits, ok := strings.CutPrefix(revision, "sha256:")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != 32 || strings.ToLower(digits) != digits {
		return "", fmt.Errorf("%.80q is not a policy revision", revision)
	}
	return filepath.Join(dir, "policies", digits), nil
}

// KeepPolicy keeps a copy of a policy revision beside the log, for decisions under
// it to be made again. files are its files by slash-separated relative paths. When
// it returns without error the copy is on the disk, so it is called before the
// revision decides.
//
// A copy that is there already is compared and never written again; where it
// differs from files, the error names the file that does.
func (l *Log) KeepPolicy(revision string, files iter.Seq2[string, []byte]) error {
	if err := l.keepPolicy(revision, files); err != nil {
		return fmt.Errorf("keep a copy of policy %s: %w", revision, err)
	}
	return nil
}

func (l *Log) keepPolicy(revision string, files iter.Seq2[string, []byte]) error {
	l.copies.Lock()
	defer l.copies.Unlock()
	if err := inPlace(l.lockFile); err != nil {
		return err // the directory may be another process's by now
	}
	final, err := PolicyCopy(filepath.Dir(l.lockFile.Name()), revision)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(final); err == nil {
		return compareCopy(final, files)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// What a crash leaves half written never has the name of a copy.
	parent := filepath.Dir(final)
	begun := filepath.Join(parent, "unfinished")
	if err := os.RemoveAll(begun); err != nil {
		return err
	}
	if err := os.MkdirAll(begun, dirMode); err != nil {
		return err
	}
	if err := writeCopy(begun, files); err != nil {
		return errors.Join(err, os.RemoveAll(begun))
	}
	if err := os.Rename(begun, final); err != nil {
		return err
	}
	return errors.Join(syncDir(parent), syncDir(filepath.Dir(parent)))
}

// writeCopy writes files below dir and makes them durable. They are synced side
// by side, which a file system turns into one commit of its journal.
func writeCopy(dir string, files iter.Seq2[string, []byte]) error {
	dirs := map[string]bool{dir: true}
	var written []*os.File
	err := func() error {
		for name, content := range files {
			path, err := copyPath(dir, name)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
				return err
			}
			for d := filepath.Dir(path); d != dir; d = filepath.Dir(d) {
				dirs[d] = true
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
			if err != nil {
				return err
			}
			written = append(written, f)
			if _, err := f.Write(content); err != nil {
				return err
			}
		}
		return nil
	}()
	errs := make([]error, len(written))
	var syncing sync.WaitGroup
	for i, f := range written {
		syncing.Go(func() { errs[i] = errors.Join(f.Sync(), f.Close()) })
	}
	syncing.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func copyPath(dir, name string) (string, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%q does not name a file of a policy set", name)
	}
	return filepath.Join(dir, filepath.FromSlash(name)), nil
}

// compareCopy says whether the copy in dir holds these files and no others.
func compareCopy(dir string, files iter.Seq2[string, []byte]) error {
	damaged := func(path, why string) error {
		return fmt.Errorf("%s %s; move the copy away, and what is there now is kept", path, why)
	}
	expected := map[string]bool{}
	for name, content := range files {
		path, err := copyPath(dir, name)
		if err != nil {
			return err
		}
		expected[path] = true
		found, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return damaged(path, "is missing")
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(found, content) {
			return damaged(path, "was changed")
		}
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !expected[path] {
			return damaged(path, "is not part of that revision")
		}
		return err
	})
}
