package policies

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// suggest completes a diagnostic of the compiler's with what was probably meant.
func (b *built) suggest(d Diagnostic, e *ast.Error) Diagnostic {
	if d.Hint != "" {
		return d
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if strings.HasPrefix(name, "data.sallyport.") {
			d.Hint = "the library offers " + strings.Join(b.offered(), ", ")
			if near := nearest(strings.TrimPrefix(name, "data."), b.offered()); near != "" {
				d.Hint = "did you mean data." + near + "? " + d.Hint
			}
		} else if near := nearest(name, append(b.functions(), b.visible(d.File)...)); near != "" {
			d.Hint = "did you mean " + near + "?"
		}
		return d
	}
	if name, ok := strings.CutPrefix(e.Message, "var "); ok && e.Code == ast.UnsafeVarErr {
		name, _, _ = strings.Cut(name, " ")
		if near := nearest(name, b.visible(d.File)); near != "" {
			d.Hint = "did you mean " + near + "?"
		}
	}
	return d
}

// functions are the names of what can be called: built-ins and functions of the set.
func (b *built) functions() []string {
	var names []string
	for name, bi := range ast.BuiltinMap {
		if !withheld(name) && bi.Infix == "" && !strings.HasPrefix(name, "internal.") {
			names = append(names, name)
		}
	}
	for _, m := range b.modules {
		for _, r := range m.Rules {
			if len(r.Head.Args) > 0 {
				names = append(names, r.Ref().String())
			}
		}
	}
	slices.Sort(names)
	return names
}

// visible are the names that a file's rules can use without declaring them.
func (b *built) visible(file string) []string {
	m := b.modules[file]
	if m == nil {
		return nil
	}
	names := map[string]bool{"input": true, "data": true}
	for _, i := range m.Imports {
		names[string(i.Name())] = true
	}
	for _, other := range b.modules {
		if other.Package.Path.Equal(m.Package.Path) {
			for _, r := range other.Rules {
				names[strings.TrimPrefix(r.Head.Ref()[0].String(), "data.")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// unified says in words why two terms are never equal.
func unified(detail *ast.UnificationErrDetail) string {
	if detail.Left == nil || detail.Right == nil {
		return ""
	}
	left, right := kindOfType(detail.Left), kindOfType(detail.Right)
	if left == right {
		return "the two sides are never equal"
	}
	return "the left side is " + left + " and the right side " + right + ", which are never equal"
}

// kindOfType is a type without what it is made of, which can be all of the input.
func kindOfType(t types.Type) string {
	switch t.(type) {
	case *types.Object:
		return "object"
	case *types.Array:
		return "array"
	case *types.Set:
		return "set"
	case types.Any:
		return "one of several types"
	}
	return types.Sprint(t)
}
