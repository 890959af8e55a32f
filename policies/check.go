package policies

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// contributions are the rules that the library reads from a rule package.
var contributions = [...]string{"deny", "exclude", "prefer", "obligation"}

// contribution is which of them a rule adds to, or "".
func contribution(r *ast.Rule) string {
	name := string(r.Head.Name)
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			name = string(v)
		}
	}
	if slices.Contains(contributions[:], name) {
		return name
	}
	return ""
}

// packagePath is the names of a package clause: a.b is ["a", "b"].
func packagePath(m *ast.Module) []string {
	var path []string
	for _, t := range m.Package.Path[1:] {
		if s, ok := t.Value.(ast.String); ok {
			path = append(path, string(s))
		}
	}
	return path
}

// rulePackage is the name of a rule package; false: m is none.
func rulePackage(m *ast.Module) (string, bool) {
	path := packagePath(m)
	if len(path) < 3 || path[0] != "sallyport" || path[1] != "rules" {
		return "", false
	}
	return strings.Join(path[2:], "."), true
}

func rulePackages(modules map[string]*ast.Module) []string {
	names := map[string]bool{}
	for _, m := range modules {
		if name, ok := rulePackage(m); ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// checkPackages keeps users out of the library's packages.
func checkPackages(modules map[string]*ast.Module) Diagnostics {
	var ds Diagnostics
	for _, m := range modules {
		path := packagePath(m)
		switch {
		case path[0] != "sallyport":
			continue
		case len(path) < 2 || path[1] != "rules":
			ds = append(ds, at(m.Package.Loc(), fmt.Sprintf("package %s belongs to the library, which is not edited", strings.Join(path, ".")),
				"put rules in a package sallyport.rules.NAME, and helpers in a package of any name outside sallyport"))
		case len(path) == 2:
			ds = append(ds, at(m.Package.Loc(), "package sallyport.rules has no name of its own",
				"name the story the rules tell: package sallyport.rules.residency"))
		default:
			for _, name := range path[2:] {
				if strings.Contains(name, ".") {
					ds = append(ds, at(m.Package.Loc(), fmt.Sprintf("the package name %q holds a dot", name), "nest packages or use an underscore"))
				}
			}
		}
	}
	return ds
}

// checkBuiltins finds the built-ins that would make a decision depend on more
// than its input. The compiler refuses them too, in words that do not help and
// only when nothing else is wrong; this is for the author, that is for certain.
func checkBuiltins(modules map[string]*ast.Module) Diagnostics {
	var ds Diagnostics
	for _, m := range modules {
		check := func(op *ast.Term) {
			name := op.Value.String()
			if bi, ok := ast.BuiltinMap[name]; ok && bi.Nondeterministic {
				ds = append(ds, at(op.Loc(), unsafeMessage(name), unsafeHint(name)))
			}
		}
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if call, ok := t.Value.(ast.Call); ok {
				check(call[0])
			}
			return false
		})
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			if e.IsCall() {
				check(e.OperatorTerm())
			}
			return false
		})
	}
	return ds
}

func unsafeMessage(name string) string {
	return "the built-in " + name + " is not available: its result depends on more than its arguments, so the decision could not be made again"
}

func unsafeHint(name string) string {
	switch {
	case name == "time.now_ns":
		return "use time.parse_rfc3339_ns(input.time)"
	case strings.HasPrefix(name, "http.") || strings.HasPrefix(name, "net."):
		return "give what it would fetch as a data file"
	}
	return "give the value as data or take it from input"
}

// checkLibraryRefs finds references to things under data.sallyport that are not
// there. Rego calls them undefined and the rule never fires: a misspelt
// data.sallyport.personal_kinds would let personal data pass in silence.
func (b *built) checkLibraryRefs(own map[string]*ast.Module) Diagnostics {
	var ds Diagnostics
	for file := range own {
		m, ok := b.compiler.Modules[file]
		if !ok {
			continue
		}
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			if !ref.HasPrefix(libraryRef) || len(ref) < 3 {
				return false
			}
			name, ok := ref[2].Value.(ast.String)
			if !ok || name == "settings" {
				return false
			}
			ground := ref.GroundPrefix()
			if name == "rules" && len(ground) < 4 {
				return false
			}
			ground = ground[:min(len(ground), len(libraryRef)+depthOf(name))]
			if len(b.compiler.GetRulesWithPrefix(ground)) > 0 || len(b.compiler.GetRulesForVirtualDocument(ground)) > 0 {
				return false
			}
			ds = append(ds, at(ref[0].Loc(), ground.String()+" does not exist, so the rule would never fire", b.libraryHint(string(name))))
			return false
		})
	}
	return ds
}

var libraryRef = ast.MustParseRef("data.sallyport")

// depthOf is how many names below data.sallyport must exist: the package and rule
// names that are written out, or the library's own rule.
func depthOf(name ast.String) int {
	if name == "rules" {
		return 1 << 10
	}
	return 1
}

func (b *built) libraryHint(name string) string {
	if name == "rules" {
		return "the rule packages are " + strings.Join(b.packages, ", ")
	}
	names := map[string]bool{}
	for file, m := range b.compiler.Modules {
		if strings.HasPrefix(file, embeddedPrefix+"lib/") && !strings.HasSuffix(file, "_test.rego") {
			for _, r := range m.Rules {
				if documented(m, r) {
					names[r.Head.Ref()[0].String()] = true
				}
			}
		}
	}
	return "the library offers " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// documented rules are those the library offers to others.
func documented(m *ast.Module, r *ast.Rule) bool {
	return slices.ContainsFunc(m.Annotations, func(a *ast.Annotations) bool {
		return a.GetTargetPath().Equal(r.Ref().GroundPrefix()) || a.GetTargetPath().HasPrefix(r.Ref().GroundPrefix())
	})
}

// undefinedElsewhere says whether a compile error may come from another file's
// absence.
func undefinedElsewhere(e *ast.Error) bool {
	return strings.Contains(e.Message, "undefined") && !strings.Contains(e.Message, "input.")
}

func at(loc *ast.Location, message, hint string) Diagnostic {
	d := Diagnostic{Severity: SeverityError, Message: message, Hint: hint}
	if loc != nil {
		d.File, d.Line, d.Col = loc.File, loc.Row, loc.Col
	}
	return d
}

// diagnose turns OPA's errors into diagnostics.
func diagnose(err error, file string) Diagnostics {
	var many ast.Errors
	if errors.As(err, &many) {
		var ds Diagnostics
		for i, e := range many {
			// The parser says some things twice, once without the detail.
			if i+1 < len(many) && many[i+1].Location.Equal(e.Location) && strings.HasPrefix(many[i+1].Message, e.Message) {
				continue
			}
			ds = append(ds, fromAST(e, file))
		}
		return ds
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return Diagnostics{fromAST(one, file)}
	}
	return Diagnostics{{File: file, Severity: SeverityError, Message: err.Error()}}
}

func fromAST(e *ast.Error, file string) Diagnostic {
	d := at(e.Location, e.Message, "")
	if d.File == "" {
		d.File = file
	}
	if name, ok := strings.CutPrefix(e.Message, "unsafe built-in function calls in expression: "); ok {
		d.Message, d.Hint = unsafeMessage(name), unsafeHint(name)
		return d
	}
	switch detail := e.Details.(type) {
	case *ast.RefErrInvalidDetail:
		names := make([]string, len(detail.OneOf))
		for i, v := range detail.OneOf {
			names[i] = strings.Trim(v.String(), `"`)
		}
		if len(names) > 0 {
			d.Hint = "there are " + strings.Join(names, ", ")
		}
	case *ast.RefErrUnsupportedDetail:
		d.Hint = fmt.Sprintf("%v is %v", detail.Ref[:detail.Pos+1], detail.Have)
	}
	return d
}
