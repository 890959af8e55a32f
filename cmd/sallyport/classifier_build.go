package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers/guest"
)

func (a *app) classifierBuild() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Compile the classifier in a folder to WebAssembly",
		Long: `Compile the classifier in DIR, or in this folder, to a .wasm file in it with the
folder's name. Its language follows from its source: classifier.c, classifier.go (or
any other .go), classifier.ts or classifier.rs. The compiler is looked for in PATH;
CC, GO, ASC and RUSTC name another.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.buildClassifier(c.Context(), dir, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "the file to write; without it DIR/NAME.wasm")
	return c
}

func (a *app) buildClassifier(ctx context.Context, dir, output string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if output == "" {
		output = filepath.Join(dir, filepath.Base(dir)+".wasm")
	} else if output, err = filepath.Abs(output); err != nil {
		return err
	}
	language, err := languageOf(dir)
	if err != nil {
		return err
	}
	t := toolchain{ctx: ctx, env: a.env, dir: dir}
	var cmd *exec.Cmd
	switch language.Name {
	case "assemblyscript":
		cmd, err = t.assemblyScript(language.Source, output)
	case "c":
		cmd, err = t.c(language.Source, output)
	case "go":
		cmd, err = t.golang(output)
	case "rust":
		cmd, err = t.rust(language.Source, output)
	}
	if err != nil {
		return fmt.Errorf("%w. Building needs %s", err, language.Tools)
	}
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = a.err, a.err
	if err := cmd.Run(); err != nil {
		return failure(exitInvalid, fmt.Errorf("%s: %w", cmd.Path, err))
	}
	info, err := os.Stat(output)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: %d bytes, by %s\n", output, info.Size(), cmd.Path)
	return nil
}

// languageOf tells a folder's language by its source.
func languageOf(dir string) (guest.Language, error) {
	var found []guest.Language
	for _, l := range guest.Languages() {
		if _, err := os.Stat(filepath.Join(dir, l.Source)); err == nil {
			found = append(found, l)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return guest.Language{}, fmt.Errorf("%s holds both %s and %s", dir, found[0].Source, found[1].Source)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(files) > 0 {
		i := slices.IndexFunc(guest.Languages(), func(l guest.Language) bool { return l.Name == "go" })
		return guest.Languages()[i], nil
	}
	return guest.Language{}, fmt.Errorf("%s holds no classifier: none of classifier.c, classifier.go, classifier.ts and classifier.rs; sallyport classifier new makes one", dir)
}

// toolchain finds compilers. Its errors say what was not found and end without a
// full stop.
type toolchain struct {
	ctx context.Context
	env lookup
	dir string
}

// find returns the program that an environment variable names, or else the first
// of names that there is.
func (t toolchain) find(variable string, names ...string) (string, error) {
	if name, ok := t.env(variable); ok && name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%s is not in PATH", strings.Join(names, " or "))
}

// output runs a program that says something about itself.
func (t toolchain) output(path string, args ...string) string {
	b, err := exec.CommandContext(t.ctx, path, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

var clangVersion = regexp.MustCompile(`clang version ([0-9]+)`)

// c compiles with clang. Debian's clang-19 comes first, since the built-in
// classifiers are built with it.
func (t toolchain) c(source, output string) (*exec.Cmd, error) {
	clang, err := t.find("CC", "clang-19", "clang", "clang-22", "clang-21", "clang-20", "clang-18", "clang-17", "clang-16")
	if err != nil {
		return nil, errors.New("no clang is in PATH")
	}
	if !strings.Contains(t.output(clang, "--print-targets"), "wasm32") {
		return nil, fmt.Errorf("%s cannot compile to WebAssembly", clang)
	}
	var version string
	if m := clangVersion.FindStringSubmatch(t.output(clang, "--version")); m != nil {
		version = m[1]
	}
	linker, err := t.find("WASM_LD", "wasm-ld-"+version, "wasm-ld")
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(t.ctx, clang, "--target=wasm32", "-std=c11", "-O3", "-msimd128", "-mbulk-memory",
		"-ffreestanding", "-nostdlib", "-fuse-ld="+linker, "-Wall", "-Wextra", "-Wno-unused-function",
		"-Wl,--no-entry", "-Wl,--stack-first", "-Wl,-z,stack-size=65536", "-Wl,--strip-all",
		"-o", output, source), nil
}

func (t toolchain) golang(output string) (*exec.Cmd, error) {
	path, err := t.find("GO", "go")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(t.ctx, path, "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", output, ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	return cmd, nil
}

func (t toolchain) assemblyScript(source, output string) (*exec.Cmd, error) {
	local := filepath.Join(t.dir, "node_modules", ".bin", "asc")
	if runtime.GOOS == "windows" {
		local += ".cmd"
	}
	path, err := t.find("ASC", local, "asc")
	if err != nil {
		return nil, errors.New("AssemblyScript's compiler, asc, is neither in node_modules nor in PATH")
	}
	return exec.CommandContext(t.ctx, path, source, "-O3", "--runtime", "minimal", "--use", "abort=",
		"--enable", "simd", "-o", output), nil
}

var llvmVersion = regexp.MustCompile(`LLVM version: ([0-9]+)`)

// rust compiles with the first rustc that has the target's standard library. One
// from rustup brings its linker, Debian's needs the wasm-ld of its own LLVM.
func (t toolchain) rust(source, output string) (*exec.Cmd, error) {
	const target = "wasm32-unknown-unknown"
	var rustc, root, without string
	candidates := []string{"rustc", "/usr/bin/rustc"}
	if name, ok := t.env("RUSTC"); ok && name != "" {
		candidates = []string{name}
	}
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		root = t.output(path, "--print", "sysroot")
		if _, err := os.Stat(filepath.Join(root, "lib", "rustlib", target, "lib")); err == nil && root != "" {
			rustc = path
			break
		}
		without = path
	}
	switch {
	case rustc == "" && without == "":
		return nil, errors.New("rustc is not in PATH")
	case rustc == "":
		return nil, fmt.Errorf("%s has no standard library for %s", without, target)
	}
	args := []string{
		"--edition", "2021", "--target", target, "--crate-type", "cdylib",
		"-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols", "-C", "target-feature=+simd128,+bulk-memory",
		// Not a megabyte: the host puts memory in order after each call.
		"-C", "link-arg=-zstack-size=65536", "-C", "link-arg=--stack-first",
	}
	own, _ := filepath.Glob(filepath.Join(root, "lib", "rustlib", "*", "bin", "rust-lld*"))
	if len(own) == 0 {
		names := []string{"wasm-ld"}
		if m := llvmVersion.FindStringSubmatch(t.output(rustc, "-vV")); m != nil {
			names = []string{"wasm-ld-" + m[1], "wasm-ld"}
		}
		linker, err := t.find("WASM_LD", names...)
		if err != nil {
			return nil, err
		}
		args = append(args, "-C", "linker="+linker)
	}
	return exec.CommandContext(t.ctx, rustc, append(args, "-o", output, source)...), nil
}
