package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/policies"
)

func (a *app) format() *cobra.Command {
	var check, showDiff bool
	c := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Format .hcl and .rego files",
		Long: `Format .hcl and .rego files in place; folders are walked. Without a path, the
current folder. The names of the files that change are printed.`,
		RunE: func(_ *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				paths = []string{"."}
			}
			return a.formatPaths(paths, check, showDiff)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; exit code 4 where a file is not formatted")
	c.Flags().BoolVar(&showDiff, "diff", false, "change nothing; print the differences")
	return c
}

func (a *app) formatPaths(paths []string, check, showDiff bool) error {
	changed, broken := 0, false
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			ext := filepath.Ext(path)
			if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			if d.IsDir() || ext != ".hcl" && ext != ".rego" {
				return nil
			}
			before, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			after, err := formatted(path, before)
			if err != nil {
				fmt.Fprintln(a.err, err)
				broken = true
				return nil
			}
			if bytes.Equal(before, after) {
				return nil
			}
			changed++
			if showDiff {
				_, err := a.out.Write(diff.Diff(path, before, path+" (formatted)", after))
				return err
			}
			fmt.Fprintln(a.out, path)
			if check {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			return os.WriteFile(path, after, info.Mode().Perm())
		})
		if err != nil {
			return err
		}
	}
	switch {
	case broken:
		return failure(exitInvalid, nil)
	case check && changed > 0:
		return failure(exitTests, fmt.Errorf("%d files are not formatted; run sallyport fmt", changed))
	}
	return nil
}

// formatted is the file's content as it should be. The error says where the file
// is not well-formed.
func formatted(path string, source []byte) ([]byte, error) {
	if filepath.Ext(path) == ".rego" {
		return policies.Format(source, path)
	}
	if _, diags := hclsyntax.ParseConfig(source, path, hcl.InitialPos); diags.HasErrors() {
		var errs []error
		for _, d := range diags {
			errs = append(errs, d)
		}
		return nil, errors.Join(errs...)
	}
	return hclwrite.Format(source), nil
}
