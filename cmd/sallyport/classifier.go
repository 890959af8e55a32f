package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/classifiers/guest"
)

func (a *app) classifier() *cobra.Command {
	c := &cobra.Command{
		Use:   "classifier",
		Short: "Write a classifier: new, build, check, bench",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.classifierNew(), a.classifierBuild(), a.classifierCheck(), a.classifierBench())
	return c
}

// classifierName is what a classifier may be called so that its name can be a
// folder, a Go module, and a field in Rego.
var classifierName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

func (a *app) classifierNew() *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a project for a classifier, in the folder NAME",
		Long: `Make a project in the folder NAME: a classifier that works, the library that hides
the binary interface, and tests. The project depends on nothing but its compiler.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.newClassifier(language, args[0])
		},
	}
	var names []string
	for _, l := range guest.Languages() {
		names = append(names, l.Name)
	}
	c.Flags().StringVarP(&language, "lang", "l", "go", "language: "+strings.Join(names, ", "))
	return c
}

func (a *app) newClassifier(language, name string) error {
	all := guest.Languages()
	i := slices.IndexFunc(all, func(l guest.Language) bool { return l.Name == language })
	if i < 0 {
		return fmt.Errorf("--lang: there is no %q; see --help", language)
	}
	if !classifierName.MatchString(name) {
		return fmt.Errorf("the name %q is not made of 1 to 48 of a-z, 0-9 and _, with a letter first", name)
	}
	project, err := all[i].Project(name)
	if err != nil {
		return err
	}
	if err := os.Mkdir(name, 0o777); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", name)
	} else if err != nil {
		return err
	}
	for file, text := range project {
		path := filepath.Join(name, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.out, "%s: the classifier is %s\nNext: cd %s, then sallyport classifier build, check and bench. Building needs %s.\n",
		name, filepath.Join(name, all[i].Source), name, all[i].Tools)
	return nil
}

// moduleFlags are what commands about one module have in common.
type moduleFlags struct {
	limit  time.Duration
	memory int64
	config string
}

func (f *moduleFlags) add(c *cobra.Command, limit time.Duration, limitUsage string) {
	c.Flags().DurationVar(&f.limit, "time-limit", limit, limitUsage)
	c.Flags().Int64Var(&f.memory, "memory-limit-bytes", 0, "of the module; 0 for the default of its kind")
	c.Flags().StringVar(&f.config, "config-json", "", "config of the module: a JSON object, or @FILE with one")
}

// changed says that one was given.
func (f *moduleFlags) changed(c *cobra.Command) bool {
	for _, name := range []string{"time-limit", "memory-limit-bytes", "config-json"} {
		if c.Flags().Changed(name) {
			return true
		}
	}
	return false
}

// module reads a module, which is a file or builtin:NAME.
func (f *moduleFlags) module(name string) (classifiers.ModuleConfig, error) {
	m := classifiers.ModuleConfig{Name: "module", Module: name, TimeLimit: f.limit, MemoryLimitBytes: f.memory}
	if text := f.config; text != "" {
		if file, ok := strings.CutPrefix(text, "@"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return m, fmt.Errorf("--config-json: %w", err)
			}
			text = string(b)
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
			return m, errors.New("--config-json: not a JSON object")
		}
		m.ConfigJSON = []byte(text)
	}
	if !strings.HasPrefix(name, classifiers.BuiltinPrefix) {
		wasm, err := os.ReadFile(name)
		if err != nil {
			return m, failure(exitInvalid, err)
		}
		m.Wasm = wasm
	}
	return m, nil
}

// builtModule is the module that a command is about: its argument, or the one
// .wasm file of this folder.
func builtModule(args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	found, err := filepath.Glob("*.wasm")
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("there are %d .wasm files here: name the module", len(found))
	}
	return found[0], nil
}

// withHost runs f with a host that compiles anew: what is measured, or changes with
// every build, has no use for a cache.
func withHost(ctx context.Context, f func(*classifiers.Host) error) (err error) {
	host, err := classifiers.New(ctx, classifiers.Config{})
	if err != nil {
		return fmt.Errorf("start the classifier runtime: %w", err)
	}
	defer func() { err = errors.Join(err, host.Close(ctx)) }()
	return f(host)
}
