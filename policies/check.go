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
		case len(path) == 0 || path[0] != "sallyport":
			continue
		case len(path) < 2 || path[1] != "rules" && path[1] != "invariants":
			ds = append(ds, at(m.Package.Loc(), fmt.Sprintf("package %s belongs to the library, which is not edited", strings.Join(path, ".")),
				"put rules in a package sallyport.rules.NAME, invariants in sallyport.invariants.NAME, and helpers in a package of any name outside sallyport"))
		case len(path) == 2 && path[1] == "invariants":
			ds = append(ds, at(m.Package.Loc(), "package sallyport.invariants has no name of its own",
				"name what the invariants protect: package sallyport.invariants.residency"))
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
// than its input. The compiler does not have them, which is for certain; this is
// for the author, who hears of it even where something else is wrong.
func checkBuiltins(modules map[string]*ast.Module) Diagnostics {
	var ds Diagnostics
	for _, m := range modules {
		check := func(op *ast.Term) {
			name := op.Value.String()
			if withheld(name) {
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
			for _, w := range e.With {
				check(w.Value) // a function replaced by a built-in
			}
			return false
		})
	}
	return ds
}

// withheld says whether a name is a built-in that policies may not call.
func withheld(name string) bool {
	bi, ok := ast.BuiltinMap[name]
	return ok && bi.IsNondeterministic()
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

// checkRefs finds references to documents that neither a rule nor a data file
// gives. Rego calls them undefined and the rule never fires: a misspelt
// data.sallyport.personal_kinds would let personal data pass in silence. Outside
// the library that is a warning only: what is missing may be meant to be missing.
func (b *built) checkRefs(own map[string]*ast.Module) Diagnostics {
	var ds Diagnostics
	for file := range own {
		m, ok := b.compiler.Modules[file]
		if !ok {
			continue // a test
		}
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			if !ref.HasPrefix(ast.DefaultRootRef) || len(ref) < 2 {
				return false
			}
			path := names(ref)
			if len(path) > 1 && path[0] == "sallyport" && path[1] == "settings" {
				return false // every setting has a default
			}
			if path == nil || b.defines(path) {
				return false
			}
			d := at(ref[0].Loc(), "data."+strings.Join(path, ".")+" does not exist, so the rule would never fire", "")
			switch {
			case path[0] != "sallyport":
				d.Severity, d.Hint = SeverityWarning, "no rule and no data file of the set gives it"
			case len(path) > 1 && path[1] == "rules":
				d.Hint = "the rule packages are " + strings.Join(b.packages, ", ")
			default:
				d.Hint = "the library offers " + strings.Join(b.offered(), ", ")
				if near := nearest(strings.Join(path, "."), b.offered()); near != "" {
					d.Hint = "did you mean data." + near + "? " + d.Hint
				}
			}
			ds = append(ds, d)
			return false
		})
	}
	return ds
}

// names are the names that a reference to data begins with, up to the first that
// is only known when it is evaluated.
func names(ref ast.Ref) []string {
	var path []string
	for _, t := range ref[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(s))
	}
	return path
}

// defines says whether there is a rule or a value at a path, above it (what lies
// in a rule's value is not known here) or below it.
func (b *built) defines(path []string) bool {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, name := range path {
		ref = append(ref, ast.StringTerm(name))
		if len(b.compiler.GetRulesExact(ref)) > 0 {
			return true
		}
	}
	if len(b.compiler.GetRulesWithPrefix(ref)) > 0 {
		return true
	}
	given, _ := b.dataAt(path)
	return given
}

// checkUnread warns of rules in rule packages that neither the library nor another
// rule reads. Such a rule is mostly a misspelt one, or an "allow", which does not
// exist here: whatever is not denied is allowed.
func (b *built) checkUnread(own map[string]*ast.Module) Diagnostics {
	read := map[string]bool{}
	for _, m := range b.compiler.Modules {
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			if !ref.HasPrefix(ast.DefaultRootRef) {
				return false
			}
			// Each beginning of a reference is read, and so is everything below its end.
			path := names(ref)
			for i := range path {
				read[strings.Join(path[:i+1], "/")] = true
			}
			if len(path) < len(ref)-1 {
				read[strings.Join(path, "/")+"/*"] = true
			}
			return false
		})
	}
	var ds Diagnostics
	for file, m := range own {
		if _, decides := b.modules[file]; !decides {
			continue
		}
		if _, ok := rulePackage(m); !ok {
			continue
		}
		pkg := strings.Join(packagePath(m), "/")
		for _, r := range m.Rules {
			name := strings.TrimPrefix(r.Head.Ref()[0].String(), "data.")
			if contribution(r) != "" || strings.HasPrefix(name, "test_") || read[pkg+"/"+name] || read[pkg+"/*"] {
				continue
			}
			d := at(r.Loc(), "nothing reads the rule "+name, "a rule package says deny, exclude, prefer or obligation")
			d.Severity = SeverityWarning
			if name == "allow" {
				d.Hint = "what no rule denies or excludes is allowed: say what to deny or exclude instead"
			} else if near := nearest(name, contributions[:]); near != "" {
				d.Hint = "did you mean " + near + "? " + d.Hint
				if !b.testsName(name) {
					d.Severity = SeverityError // it was to forbid something, and would not
				}
			}
			ds = append(ds, d)
		}
	}
	return ds
}

// testsName says whether a test of the set's author names a rule.
func (b *built) testsName(name string) bool {
	named := false
	for file, m := range b.tests {
		if strings.HasPrefix(file, embeddedPrefix) {
			continue
		}
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			named = named || slices.ContainsFunc(ref, func(t *ast.Term) bool { return textOf(t) == name })
			return named
		})
	}
	return named
}

// offered are the library's rules for others, which are marked "offered" in their
// annotations. The rest of the library depends on the rule packages, so that they
// cannot depend on it.
func (b *built) offered() []string {
	found := map[string]bool{}
	for _, m := range b.modules {
		for _, a := range m.Annotations {
			if path := a.GetTargetPath(); a.Custom["offered"] == true && len(path) > 2 {
				found[path[1:].String()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
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
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok && withheld(name) {
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
			name := strings.Trim(detail.Ref[detail.Pos].Value.String(), `"`)
			before, _, _ := strings.Cut(strings.TrimPrefix(e.Message, "undefined ref: "), "."+name)
			if near := nearest(name, names); near != "" {
				d.Hint = "did you mean " + before + member(near) + "? " + d.Hint
			}
		}
	case *ast.UnificationErrDetail:
		d.Hint = unified(detail)
	case *ast.RefErrUnsupportedDetail:
		d.Hint = fmt.Sprintf("%v is %v", detail.Ref[:detail.Pos+1], detail.Have)
	}
	return d
}
