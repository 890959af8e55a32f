// Package guest holds what authors of classifiers need: for each language a library
// that hides the binary interface, and a project to begin with. The libraries'
// sources are copied into projects, which then depend on nothing.
//
// This package runs in the host. The library for classifiers in Go is the package
// in the folder go.
package guest

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed all:templates sallyport.h config.h fold.h rust/sallyport.rs assemblyscript/sallyport.ts
//go:embed go/guest.go go/config.go go/module_wasip1.go
var files embed.FS

// Language is one that classifiers can be written in.
type Language struct {
	Name   string // as --lang takes it
	Source string // the file, in a project's folder, that holds the classifier
	Tools  string // what has to be installed to build it, for a reader
	title  string
	sdk    []string // files of the library
	into   string   // folder of a project that they go to
}

// Languages are all there are, in the order of their names.
func Languages() []Language {
	return []Language{
		{
			Name: "assemblyscript", Source: "classifier.ts", title: "AssemblyScript",
			Tools: "Node.js, and once `npm install`",
			sdk:   []string{"assemblyscript/sallyport.ts"},
		},
		{
			Name: "c", Source: "classifier.c", title: "C",
			Tools: "clang and wasm-ld from 16 on (Debian: clang-19, lld-19)",
			sdk:   []string{"sallyport.h", "config.h", "fold.h"},
		},
		{
			Name: "go", Source: "classifier.go", title: "Go",
			Tools: "Go from 1.24 on",
			sdk:   []string{"go/guest.go", "go/config.go", "go/module_wasip1.go"}, into: "guest",
		},
		{
			Name: "rust", Source: "classifier.rs", title: "Rust",
			Tools: "rustc with the target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown; Debian 12: rustc, libstd-rust-dev-wasm32, lld-14)",
			sdk:   []string{"rust/sallyport.rs"},
		},
	}
}

// Project returns the files of a new project, by their slash-separated path in its
// folder. name is the classifier's.
func (l Language) Project(name string) (map[string][]byte, error) {
	library := make([]string, len(l.sdk))
	out := map[string][]byte{}
	for i, file := range l.sdk {
		b, err := files.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("project in %s: %w", l.title, err)
		}
		library[i] = path.Join(l.into, path.Base(file))
		out[library[i]] = b
	}
	if l.into != "" {
		library = []string{l.into + "/"}
	}
	fill := strings.NewReplacer("{{name}}", name, "{{language}}", l.title, "{{source}}", l.Source,
		"{{tools}}", l.Tools, "{{sdk}}", "`"+strings.Join(library, "`, `")+"`")
	for _, dir := range []string{"templates", path.Join("templates", l.Name)} {
		entries, err := fs.ReadDir(files, dir)
		if err != nil {
			return nil, fmt.Errorf("project in %s: %w", l.title, err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			b, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("project in %s: %w", l.title, err)
			}
			as := strings.TrimSuffix(e.Name(), ".tmpl")
			if as == "gitignore" {
				as = ".gitignore"
			}
			out[as] = []byte(fill.Replace(string(b)))
		}
	}
	return out, nil
}
