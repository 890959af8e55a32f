package block

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxConfigFile bounds what file() and sha256file() read, in bytes.
const maxConfigFile = 64 << 20

// sensitiveMark is the cty mark of values from env() and file(). Whatever is
// made of them carries it on.
type sensitiveMark struct{}

// Functions are the functions of the configuration language: env, file and
// sha256file, and HCL's usual string and collection functions. The values of env
// and file are marked as sensitive: Decode takes them
// for secrets and endpoints only, and Evaluate keeps them out of diagnostics. Paths are relative to
// baseDir. env looks a variable up; pass os.LookupEnv.
func Functions(env func(string) (string, bool), baseDir string) map[string]function.Function {
	fns := map[string]function.Function{
		"env": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "name", Type: cty.String, AllowMarked: true}},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if args[0].IsMarked() {
					return cty.NilVal, function.NewArgErrorf(0, "the variable's name must not come from env() or file()")
				}
				name := args[0].AsString()
				v, ok := env(name)
				if !ok {
					return cty.NilVal, function.NewArgErrorf(0, "the environment variable %q is not set; set it, or remove what needs it", name)
				}
				if !utf8.ValidString(v) {
					return cty.NilVal, function.NewArgErrorf(0, "the environment variable %q does not hold UTF-8", name)
				}
				return cty.StringVal(v).Mark(sensitiveMark{}), nil
			},
		}),
		"file": fileFunction(baseDir, func(b []byte) (cty.Value, error) {
			if !utf8.Valid(b) {
				return cty.NilVal, errors.New("it is not UTF-8 text")
			}
			return cty.StringVal(string(b)).Mark(sensitiveMark{}), nil
		}),
		"sha256file": fileFunction(baseDir, func(b []byte) (cty.Value, error) {
			sum := sha256.Sum256(b)
			return cty.StringVal(hex.EncodeToString(sum[:])), nil
		}),
	}
	for name, f := range map[string]function.Function{
		"chomp": stdlib.ChompFunc, "coalesce": stdlib.CoalesceFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"flatten": stdlib.FlattenFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc,
		"range": stdlib.RangeFunc, "regex": stdlib.RegexFunc, "replace": stdlib.ReplaceFunc,
		"reverse": stdlib.ReverseListFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
		"split": stdlib.SplitFunc, "substr": stdlib.SubstrFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc,
		"zipmap": stdlib.ZipmapFunc,
	} {
		fns[name] = f
	}
	return fns
}

// Evaluate is the value of a configuration expression. A diagnostic of an
// expression that calls env or file says where and what, but not why: the detail
// of a failure further out, a duplicate key of a for expression say, can hold
// the value.
func Evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := expr.Value(ctx)
	if !diags.HasErrors() || !callsSensitive(expr) {
		return v, diags
	}
	quiet := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		q := *d
		q.EvalContext = nil
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); !ok || !sensitiveCall(call.CalledFunctionName()) {
			q.Detail = "The expression uses env() or file(), so no more can be said without showing a sensitive value. Check it with a value written out."
		}
		quiet[i] = &q
	}
	return v, quiet
}

func callsSensitive(expr hcl.Expression) bool {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return true // not the native syntax: it cannot be looked into
	}
	found := false
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && sensitiveCall(call.Name) {
			found = true
		}
		return nil
	})
	return found
}

func sensitiveCall(name string) bool { return name == "env" || name == "file" }

// Sensitive takes the mark of env() and file() off a value, at any depth, and
// says whether there was one. What is then done with the value must not show it.
func Sensitive(v cty.Value) (plain cty.Value, marked bool) {
	plain, marks := v.UnmarkDeep()
	return plain, len(marks) > 0
}

func fileFunction(baseDir string, value func([]byte) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].IsMarked() {
				return cty.NilVal, function.NewArgErrorf(0, "the path must not come from env() or file()")
			}
			path := args[0].AsString()
			b, err := readFile(baseDir, path)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "cannot read %q: %v", path, err)
			}
			v, err := value(b)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "cannot use %q: %v", path, err)
			}
			return v, nil
		},
	})
}

func readFile(baseDir, path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(baseDir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() { // a pipe could block for ever
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(b) > maxConfigFile {
		return nil, errors.New("it is larger than 64 MiB")
	}
	return b, nil
}

// bare takes the path off an error that is about to be shown beside it.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
