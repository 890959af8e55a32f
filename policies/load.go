package policies

import (
	"container/list"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/sallyport-ai/sallyport/engine"
)

// DefaultTimeout bounds one evaluation where Config.Timeout is zero. It is there
// for policies without an end, in wall-clock time, so it leaves room for a machine
// that is short of processors: the standard policy takes about a millisecond of one.
const DefaultTimeout = time.Second

// Config says what a policy set is made of.
type Config struct {
	// Paths are .rego, .json and .yaml files and folders of them. Data is rooted by
	// its folder, as in OPA. None: the standard policy alone.
	Paths []string
	// Standard adds the standard policy to Paths.
	Standard bool
	// Bundles are sets of files that come from elsewhere than a folder. They are
	// read like further Paths.
	Bundles []Bundle
	// FS holds "lib" and "standard" in place of what the program carries; nil: Embedded().
	// It is for evaluating decisions that an earlier version recorded.
	FS fs.FS
	// Timeout bounds one evaluation. 0: DefaultTimeout.
	Timeout time.Duration
	// Logged are inputs of logged decisions, on which invariants are tried beside
	// those made for it. nil: none.
	Logged iter.Seq[*engine.Input]
	// Unproven leaves out the search for inputs that break an invariant, for a set
	// that has passed it or that decides nothing.
	Unproven bool
	// OnMismatch has all decisions of the first minute and one in a thousand of the
	// rest made again on OPA's own evaluator, off the way of requests. It is told of
	// one that differs, after which OPA's evaluator makes all decisions of the set. It
	// is called by one goroutine of the set's. nil: no decision is made again.
	OnMismatch func(Mismatch)
}

// Load reads, checks, compiles and tests a policy set. An error is a Diagnostics
// with every mistake that was found, or ctx's own error.
func Load(ctx context.Context, cfg Config) (*Set, error) {
	b, ds := build(&cfg)
	if ds.failed() {
		return nil, ds.inOrder()
	}
	results, err := b.runTests(ctx, nil, "")
	if err != nil {
		return nil, err
	}
	if failed := failures(results); failed.failed() {
		return nil, append(ds, failed...).inOrder()
	}
	s, err := b.prepare(ctx, cfg.Timeout, ds.inOrder())
	if err == nil {
		err = b.holdInvariants(ctx, s, &cfg)
	}
	if err != nil {
		return nil, err
	}
	if cfg.OnMismatch != nil && s.fast != nil {
		s.recheck = newRechecker(s, cfg.OnMismatch)
	}
	return s, err
}

// built is a checked and compiled set.
type built struct {
	sources  []source
	modules  map[string]*ast.Module // what decides, by name shown, the generated one included
	tests    map[string]*ast.Module
	data     map[string]any
	packages []string
	compiler *ast.Compiler
}

func build(cfg *Config) (*built, Diagnostics) {
	sources, ds := readSources(cfg)
	data, bad := mergeData(sources)
	ds = append(ds, bad...)

	b := &built{sources: sources, data: data, modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}}
	seen := map[string]bool{}
	unparsed := false
	own := map[string]*ast.Module{} // the user's, tests included
	for _, s := range sources {
		if seen[s.shown] {
			ds = append(ds, Diagnostic{File: s.shown, Severity: SeverityError, Message: "is given twice", Hint: "policy paths must not overlap"})
			continue
		}
		seen[s.shown] = true
		if !s.rego() {
			continue
		}
		m, err := ast.ParseModuleWithOpts(s.shown, string(s.bytes), ast.ParserOptions{
			ProcessAnnotation: true,
			RegoVersion:       ast.RegoV1,
		})
		if err == nil && m == nil {
			continue // comments only
		}
		if err != nil {
			ds = append(ds, diagnose(err, s.shown)...)
			unparsed = true
			continue
		}
		if s.test() {
			b.tests[s.shown] = m
		} else {
			b.modules[s.shown] = m
		}
		if s.origin == fromUser {
			own[s.shown] = m
		}
	}

	ds = append(ds, checkPackages(own)...)
	ds = append(ds, checkBuiltins(own)...)
	b.packages = rulePackages(b.modules)
	if len(b.packages) == 0 && !unparsed {
		ds = append(ds, Diagnostic{Severity: SeverityError, Message: "there is no rule package: such a set would permit everything",
			Hint: "rules stand in packages named sallyport.rules.…"})
	}
	ds = append(ds, b.bindContributions()...)
	ds = append(ds, b.freeInputs()...)
	ds = append(ds, b.compile(unparsed)...)
	if !b.compiler.Failed() {
		ds = append(ds, b.checkInputRefs()...)
		ds = append(ds, b.checkShapes()...)
		ds = append(ds, b.checkInvariants()...)
	}
	if !ds.failed() {
		ds = append(ds, b.checkRefs(own)...)
		ds = append(ds, b.checkUnread(own)...)
	}
	return b, ds
}

// bindContributions adds the module that tells the library what there is to join:
//
//	contributed.deny.residency := value if {
//		value := … data.sallyport.rules.residency.deny …
//		value != set()
//	}
//
// Most packages say nothing about a request, and the library then need not look.
// The library could look for packages itself only by walking data.sallyport.rules,
// which would evaluate every helper rule in it and mistake a target named "deny"
// for a rule. Bound by name, a nested package is read like any other and nothing
// else is evaluated. object.get is there for its type: it gives "any", so that a
// contribution in the wrong shape is reported where it was written (checkShapes)
// and not as a type error in the library.
func (b *built) bindContributions() Diagnostics {
	m, ds := b.contributed(`object.get({"of": %v}, "of", null)`)
	if m != nil {
		b.modules[generatedFile] = m
	}
	return ds
}

// contributed is the module that bindContributions describes; form is how each
// contribution is named in it.
func (b *built) contributed(form string) (*ast.Module, Diagnostics) {
	lines := map[string]bool{}
	var ds Diagnostics
	for _, file := range slices.Sorted(maps.Keys(b.modules)) {
		m := b.modules[file]
		name, ok := rulePackage(m)
		if !ok {
			continue
		}
		for _, r := range m.Rules {
			kind := contribution(r)
			if kind == "" {
				continue
			}
			if len(r.Head.Args) > 0 {
				ds = append(ds, at(r.Loc(), kind+" must not be a function", "the library reads "+kind+" as a rule"))
				continue
			}
			ref := append(slices.Clone(m.Package.Path), ast.StringTerm(kind))
			nothing := "{}"
			if kind == "deny" {
				nothing = "set()"
			}
			lines[fmt.Sprintf("contributed.%s[%v] := value if {\n\tvalue := "+form+"\n\tvalue != %s\n}\n", kind, ast.StringTerm(name), ref, nothing)] = true
		}
	}
	var src strings.Builder
	src.WriteString("package sallyport\n\n")
	// Each kind exists even where no package states it, so the library never reads
	// something undefined.
	for _, kind := range contributions {
		fmt.Fprintf(&src, "contributed.%s[name] := value if { some name, value in {} }\n", kind)
	}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		src.WriteString(line)
	}
	m, err := ast.ParseModuleWithOpts(generatedFile, src.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, append(ds, diagnose(err, generatedFile)...)
	}
	return m, ds
}

const generatedFile = embeddedPrefix + "contributed.rego"

// compile compiles what decides. OPA stops at the first stage that finds a
// mistake; to report all of them, the files that have one are set aside and the
// rest is compiled again. What is then undefined because of that is left out.
func (b *built) compile(unparsed bool) Diagnostics {
	var ds Diagnostics
	modules := maps.Clone(b.modules)
	for complete := !unparsed; ; complete = false {
		b.compiler = newCompiler().WithStrict(true).WithSchemas(inputSchemas()).WithUseTypeCheckAnnotations(true).WithPathConflictsCheck(b.dataAt)
		b.compiler.Compile(modules)
		if !b.compiler.Failed() {
			return ds
		}
		dropped := false
		for _, e := range b.compiler.Errors {
			d := b.suggest(fromAST(e, ""), e)
			if complete || !undefinedElsewhere(e) {
				ds = append(ds, d)
			}
			if _, ok := modules[d.File]; ok && d.File != generatedFile {
				delete(modules, d.File)
				dropped = true
			}
		}
		if !dropped {
			return ds
		}
		// Bindings of a package that is set aside would be undefined.
		delete(modules, generatedFile)
		for file := range modules {
			if strings.HasPrefix(file, embeddedPrefix+"lib/") {
				delete(modules, file)
			}
		}
	}
}

// newCompiler has OPA's built-ins but those whose result is not a function of
// their arguments. It leaves out OPA's index of comprehensions, which evaluates
// them for values that they are never asked for: where one of those fails, so would
// a decision that has a result.
func newCompiler() *ast.Compiler {
	return ast.NewCompiler().
		SetErrorLimit(0).
		WithSkipStages(ast.StageBuildComprehensionIndices).
		WithCapabilities(capabilities()).
		WithDefaultRegoVersion(ast.RegoV1)
}

func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), (*ast.Builtin).IsNondeterministic)
	return c
}

// dataAt says whether data files give a value at a path or at one it lies under:
// a rule of that path would be hidden by it.
func (b *built) dataAt(path []string) (bool, error) {
	var at any = b.data
	for _, step := range path {
		members, ok := at.(map[string]any)
		if !ok {
			return true, nil
		}
		if at, ok = members[step]; !ok {
			return false, nil
		}
	}
	return true, nil
}

func (b *built) store() storage.Store {
	return inmem.NewFromObjectWithOpts(b.data,
		inmem.OptReturnASTValuesOnRead(true), // no conversion of data at each read
		inmem.OptRoundTripOnWrite(false),     // b.data is ours and nobody else writes to it
	)
}

func (b *built) prepare(ctx context.Context, timeout time.Duration, warnings Diagnostics) (*Set, error) {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	s := &Set{
		sources:  b.sources,
		packages: b.packages,
		revision: revision(b.sources),
		warnings: warnings,
		timeout:  timeout,
		compiler: b.compiler,
		modules:  b.modules,
		store:    b.store(),
		queries:  &preparedQueries{byPath: map[string]*list.Element{}},
	}
	var err error
	if s.read, err = s.store.NewTransaction(ctx); err != nil {
		return nil, fmt.Errorf("open policy data: %w", err)
	}
	s.decision, err = s.query(ctx, decisionPath)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", decisionPath, err)
	}
	data, err := s.baseDocument(ctx)
	if err != nil {
		return nil, fmt.Errorf("read policy data: %w", err)
	}
	if s.fast, err = b.compileFast(ctx, data, timeout); err != nil {
		s.warnings = append(s.warnings, slowWarning(err)).inOrder()
	}
	return s, nil
}

func (s *Set) query(ctx context.Context, ref string) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.Query(ref),
		rego.Compiler(s.compiler),
		rego.Store(s.store),
		rego.Transaction(s.read),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
}
