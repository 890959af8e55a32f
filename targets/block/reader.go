package block

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Reader reads the attributes of one block and collects what is wrong with them.
// A method whose attribute is absent, null or wrong returns the zero value; the
// mistake, if there is one, is in Diags.
type Reader struct {
	Context *hcl.EvalContext // holds Functions
	Header  hcl.Range        // the block's type and labels
	Diags   *hcl.Diagnostics // what is wrong is appended here

	attrs hcl.Attributes
}

// Read takes the content of a body. An attribute that is null is as if it were
// not there.
func (b *Reader) Read(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	content, diags := body.Content(schema)
	*b.Diags = append(*b.Diags, diags...)
	b.attrs = content.Attributes
	for name, a := range b.attrs {
		if v, diags := a.Expr.Value(b.Context); !diags.HasErrors() && v.IsNull() {
			delete(b.attrs, name)
		}
	}
	return content
}

// Fail notes an error at a place: a summary of two or three words, and a sentence
// that says how to mend it.
func (b *Reader) Fail(at *hcl.Range, summary, format string, args ...any) {
	*b.Diags = append(*b.Diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Subject: at, Context: b.Header.Ptr(),
		Summary: summary, Detail: fmt.Sprintf(format, args...),
	})
}

// Warn is Fail for what still works.
func (b *Reader) Warn(at *hcl.Range, summary, format string, args ...any) {
	b.Fail(at, summary, format, args...)
	(*b.Diags)[len(*b.Diags)-1].Severity = hcl.DiagWarning
}

// At is where an attribute's value stands.
func (b *Reader) At(name string) *hcl.Range { return b.attrs[name].Expr.Range().Ptr() }

// Has says whether the attribute is given.
func (b *Reader) Has(name string) bool { return b.attrs[name] != nil }

// Value evaluates an attribute and converts it. secret says that it came from
// env() or file(); expected completes "must be".
func (b *Reader) Value(name string, want cty.Type, expected string) (v cty.Value, secret, ok bool) {
	if !b.Has(name) {
		return cty.NilVal, false, false
	}
	v, diags := Evaluate(b.attrs[name].Expr, b.Context)
	*b.Diags = append(*b.Diags, diags...)
	if diags.HasErrors() {
		return cty.NilVal, false, false
	}
	v, secret = Sensitive(v)
	if want != cty.DynamicPseudoType {
		c, err := convert.Convert(v, want)
		if err != nil || !c.IsWhollyKnown() {
			b.Fail(b.At(name), "Wrong type", "%s must be %s.", name, expected)
			return cty.NilVal, false, false
		}
		v = c
	}
	return v, secret, v.IsWhollyKnown()
}

// Plain is Value for what is shown: it refuses a sensitive one.
func (b *Reader) Plain(name string, want cty.Type, expected string) (cty.Value, bool) {
	v, secret, ok := b.Value(name, want, expected)
	if ok && secret {
		b.Fail(b.At(name), "Sensitive value", "%s is shown to operators and to policy, so it must not come from env() or file(). Write it out.", name)
		return cty.NilVal, false
	}
	return v, ok
}

// String reads a string that is not empty and has no control characters.
func (b *Reader) String(name string) string {
	v, ok := b.Plain(name, cty.String, "a string")
	if !ok {
		return ""
	}
	s := v.AsString()
	if s == "" || strings.ContainsFunc(s, control) {
		b.Fail(b.At(name), "Unusable string", "%s must not be empty or hold control characters.", name)
		return ""
	}
	return s
}

// Secret reads a value that is never shown. Space around it goes, as the newline
// at the end of a file does.
func (b *Reader) Secret(name string) Secret {
	v, _, ok := b.Value(name, cty.String, "a string")
	if !ok {
		return Secret{}
	}
	return b.AsSecret(name, b.At(name), v.AsString())
}

// AsSecret checks a secret that was found elsewhere, as in a map.
func (b *Reader) AsSecret(name string, at *hcl.Range, s string) Secret {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		b.Fail(at, "Empty secret", "%s is empty. Set the variable or file it is read from, or remove the attribute.", name)
	case strings.ContainsFunc(s, func(r rune) bool { return control(r) || r > 0x7e }):
		b.Fail(at, "Unusable secret", "%s goes into an HTTP header, so it must be one line of printable ASCII.", name)
	default:
		return NewSecret(s)
	}
	return Secret{}
}

// Strings reads a list of strings; secret says that one came from env() or file().
func (b *Reader) Strings(name string) (list []string, secret bool) {
	v, secret, ok := b.Value(name, cty.List(cty.String), "a list of strings, such as [\"a\", \"b\"]")
	if !ok {
		return nil, false
	}
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			b.Fail(b.At(name), "Null in a list", "%s must not hold null.", name)
			return nil, false
		}
		list = append(list, e.AsString())
	}
	return list, secret
}

// Element is where the i-th element of a list stands, or the whole list where
// it is not written out.
func (b *Reader) Element(name string, i int) *hcl.Range {
	if list, diags := hcl.ExprList(b.attrs[name].Expr); !diags.HasErrors() && i < len(list) {
		return list[i].Range().Ptr()
	}
	return b.At(name)
}

// StringMap reads a map of strings; secret says that one came from env() or file().
func (b *Reader) StringMap(name string) (m map[string]string, secret bool) {
	v, secret, ok := b.Value(name, cty.Map(cty.String), "a map of strings, such as { region = \"eu\" }")
	if !ok {
		return nil, false
	}
	// A mark on the whole, not on its values alone: the names are sensitive too.
	if whole, _ := Evaluate(b.attrs[name].Expr, b.Context); whole.IsMarked() {
		b.Fail(b.At(name), "Sensitive names", "%s must have its names written out; only values may come from env() or file().", name)
		return nil, false
	}
	m = map[string]string{}
	members := v.AsValueMap()
	for _, k := range slices.Sorted(maps.Keys(members)) {
		e := members[k]
		if e.IsNull() {
			b.Fail(b.Member(name, k), "Null in a map", "%s: %q must not be null.", name, k)
			continue
		}
		m[k] = e.AsString()
	}
	return m, secret
}

// Member is where the value of a key stands, or the whole attribute where the
// object is not written out.
func (b *Reader) Member(name, key string) *hcl.Range {
	pairs, diags := hcl.ExprMap(b.attrs[name].Expr)
	if diags.HasErrors() {
		return b.At(name)
	}
	for _, p := range pairs {
		if hcl.ExprAsKeyword(p.Key) == key {
			return p.Value.Range().Ptr()
		}
		if k, diags := p.Key.Value(b.Context); !diags.HasErrors() && !k.IsMarked() && k.Type() == cty.String && k.IsKnown() && !k.IsNull() && k.AsString() == key {
			return p.Value.Range().Ptr()
		}
	}
	return b.At(name)
}

// Numbers reads an object of numbers, each at least 0.
func (b *Reader) Numbers(name string, required, optional []string) (map[string]float64, bool) {
	all := slices.Concat(required, optional)
	v, ok := b.Plain(name, cty.DynamicPseudoType, "")
	if !ok {
		return nil, false
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		b.Fail(b.At(name), "Wrong type", "%s must be an object with the numbers %s.", name, strings.Join(all, ", "))
		return nil, false
	}
	out, good := map[string]float64{}, true
	members := v.AsValueMap()
	for _, k := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(all, k) {
			b.Fail(b.Member(name, k), "Unsupported key", "%s has no %q; its numbers are %s.", name, k, strings.Join(all, ", "))
			good = false
			continue
		}
		n, err := convert.Convert(members[k], cty.Number)
		if err != nil || n.IsNull() || n.AsBigFloat().Sign() < 0 || n.AsBigFloat().Cmp(big.NewFloat(1e12)) > 0 {
			b.Fail(b.Member(name, k), "Wrong number", "%s: %s must be a number from 0 to 1e12.", name, k)
			good = false
			continue
		}
		out[k], _ = n.AsBigFloat().Float64()
	}
	for _, k := range required {
		if _, ok := members[k]; !ok {
			b.Fail(b.At(name), "Missing number", "%s needs %s as well.", name, k)
			good = false
		}
	}
	return out, good
}

// Number reads a number from low to high.
func (b *Reader) Number(name string, low, high float64) float64 {
	v, ok := b.Plain(name, cty.Number, "a number")
	if !ok {
		return 0
	}
	n, _ := v.AsBigFloat().Float64()
	if n < low || n > high {
		b.Fail(b.At(name), "Number out of range", "%s must be a number from %g to %g.", name, low, high)
		return 0
	}
	return n
}

// Integer reads a whole number from low to high.
func (b *Reader) Integer(name string, low, high int64) int64 {
	v, ok := b.Plain(name, cty.Number, "a whole number")
	if !ok {
		return 0
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n < low || n > high {
		b.Fail(b.At(name), "Number out of range", "%s must be a whole number from %d to %d.", name, low, high)
		return 0
	}
	return n
}

// Bool reads true or false.
func (b *Reader) Bool(name string) bool {
	v, ok := b.Plain(name, cty.Bool, "true or false")
	return ok && v.True()
}

// Duration reads a Go duration from 0 to 24 hours.
func (b *Reader) Duration(name string) time.Duration {
	v, ok := b.Plain(name, cty.String, "a duration, such as \"250ms\" or \"5s\"")
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil || d < 0 || d > 24*time.Hour {
		b.Fail(b.At(name), "Not a duration", "%s must be a duration from 0 to 24h with its unit, such as \"250ms\" or \"5s\".", name)
		return 0
	}
	return d
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// Schema is the schema of a body with optional attributes only.
func Schema(names ...string) *hcl.BodySchema {
	s := &hcl.BodySchema{Attributes: make([]hcl.AttributeSchema, len(names))}
	for i, n := range names {
		s.Attributes[i].Name = n
	}
	return s
}
