package policies

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Deciding are those of Files that the revision covers: all but the tests.
func (s *Set) Deciding() []File {
	var files []File
	for _, src := range s.sources {
		if !src.test() {
			files = append(files, File{Path: src.kept(), Bytes: src.bytes})
		}
	}
	return files
}

// LoadKept loads a revision from a folder that its Deciding files were written
// to. A folder that holds anything else, more or less of it, is an error. timeout
// is Config.Timeout.
func LoadKept(ctx context.Context, dir, revision string, timeout time.Duration) (*Set, error) {
	cfg := Config{FS: os.DirFS(dir), Timeout: timeout, Unproven: true}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var roots []int
	for _, e := range entries {
		switch n, err := strconv.Atoi(e.Name()); {
		case e.Name() == "lib":
		case e.Name() == "standard":
			cfg.Standard = true
		case err == nil && n >= 0 && strconv.Itoa(n) == e.Name():
			roots = append(roots, n)
		default:
			return nil, fmt.Errorf("%s is not part of a policy set", filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(roots)
	for _, n := range roots {
		b, err := keptRoot(filepath.Join(dir, strconv.Itoa(n)))
		if err != nil {
			return nil, err
		}
		cfg.Bundles = append(cfg.Bundles, b)
	}
	if !cfg.Standard && len(cfg.Bundles) == 0 {
		return nil, fmt.Errorf("%s holds no rules", dir)
	}
	s, err := Load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if s.Revision() != revision {
		return nil, fmt.Errorf("the files in %s are those of another revision, %s", dir, s.Revision())
	}
	return s, nil
}

// keptRoot is a kept folder with all of its files. Of a folder in Config.Paths
// those whose names begin with a dot are left out; one that was named itself, or
// came in a bundle, was not.
func keptRoot(dir string) (Bundle, error) {
	b := Bundle{Name: dir}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		b.Files = append(b.Files, BundleFile{Name: filepath.ToSlash(name), Bytes: content})
		return err
	})
	return b, err
}
