package policies

import (
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// freeInputs frees the packages that no decision reads from the schema of a
// decision's input. They are documents for clients of the Data API and of
// AuthZEN, whose input is of their own making. What a rule package uses, however
// indirectly, stays checked.
func (b *built) freeInputs() Diagnostics {
	read := b.readByDecisions()
	own := map[string]*ast.Annotations{} // package annotations by path
	free := map[string]*ast.Package{}
	for _, m := range b.modules {
		path := m.Package.Path.String()
		if !read[path] {
			free[path] = m.Package
		}
		for _, a := range m.Annotations {
			if a.Scope == "package" {
				own[path] = a
			}
		}
	}
	var ds Diagnostics
	for _, path := range slices.Sorted(maps.Keys(free)) {
		// An annotation is bound to the package clause it was parsed with.
		file := embeddedPrefix + "input of " + path
		m, err := ast.ParseModuleWithOpts(file, fmt.Sprintf("# METADATA\n# scope: package\n# schemas:\n#   - input: {}\n%v\n", free[path]),
			ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		switch {
		case err != nil:
			ds = append(ds, diagnose(err, file)...)
		case own[path] != nil:
			own[path].Schemas = append(slices.Clone(m.Annotations[0].Schemas), own[path].Schemas...)
		default:
			b.modules[file] = m
		}
	}
	return ds
}

// readByDecisions are the packages, by path, that the library and the rule
// packages read, directly or through others, and they themselves.
func (b *built) readByDecisions() map[string]bool {
	byPath := map[string][]*ast.Module{}
	refs := map[string]ast.Ref{}
	for _, m := range b.modules {
		path := m.Package.Path.String()
		byPath[path] = append(byPath[path], m)
		refs[path] = m.Package.Path
	}
	read := map[string]bool{}
	var next []string
	add := func(path string) {
		if !read[path] {
			read[path] = true
			next = append(next, path)
		}
	}
	for path, ref := range refs {
		if len(ref) > 1 && ref[1].Equal(ast.StringTerm("sallyport")) {
			add(path)
		}
	}
	for len(next) > 0 {
		path := next[len(next)-1]
		next = next[:len(next)-1]
		for _, m := range byPath[path] {
			ast.WalkRefs(m, func(ref ast.Ref) bool {
				if !ref.HasPrefix(ast.DefaultRootRef) {
					return false
				}
				// What follows the first unknown step may be anything.
				known := ref.GroundPrefix()
				for other, at := range refs {
					if known.HasPrefix(at) || at.HasPrefix(known) {
						add(other)
					}
				}
				return false
			})
		}
	}
	return read
}
