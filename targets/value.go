package targets

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

// block reads the attributes of one block and collects what is wrong with them.
// A method whose attribute is absent, null or wrong returns the zero value; the
// mistake, if there is one, is in diags.
type block struct {
	ctx    *hcl.EvalContext
	header hcl.Range // the block's type and labels
	attrs  hcl.Attributes
	diags  *hcl.Diagnostics
}

// read takes the content of a body. An attribute that is null is as if it were
// not there.
func (b *block) read(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	content, diags := body.Content(schema)
	*b.diags = append(*b.diags, diags...)
	b.attrs = content.Attributes
	for name, a := range b.attrs {
		if v, diags := a.Expr.Value(b.ctx); !diags.HasErrors() && v.IsNull() {
			delete(b.attrs, name)
		}
	}
	return content
}

func (b *block) fail(at *hcl.Range, summary, format string, args ...any) {
	*b.diags = append(*b.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Subject: at, Context: b.header.Ptr(),
		Summary: summary, Detail: fmt.Sprintf(format, args...),
	})
}

func (b *block) warn(at *hcl.Range, summary, format string, args ...any) {
	b.fail(at, summary, format, args...)
	(*b.diags)[len(*b.diags)-1].Severity = hcl.DiagWarning
}

// at is where an attribute's value stands.
func (b *block) at(name string) *hcl.Range { return b.attrs[name].Expr.Range().Ptr() }

func (b *block) has(name string) bool { return b.attrs[name] != nil }

// value evaluates an attribute and converts it.
func (b *block) value(name string, want cty.Type, expected string) (v cty.Value, secret, ok bool) {
	if !b.has(name) {
		return cty.NilVal, false, false
	}
	v, diags := Evaluate(b.attrs[name].Expr, b.ctx)
	*b.diags = append(*b.diags, diags...)
	if diags.HasErrors() {
		return cty.NilVal, false, false
	}
	v, secret = Sensitive(v)
	if want != cty.DynamicPseudoType {
		c, err := convert.Convert(v, want)
		if err != nil || !c.IsWhollyKnown() {
			b.fail(b.at(name), "Wrong type", "%s must be %s.", name, expected)
			return cty.NilVal, false, false
		}
		v = c
	}
	return v, secret, v.IsWhollyKnown()
}

// plain is value for what is shown: it refuses a sensitive one.
func (b *block) plain(name string, want cty.Type, expected string) (cty.Value, bool) {
	v, secret, ok := b.value(name, want, expected)
	if ok && secret {
		b.fail(b.at(name), "Sensitive value", "%s is shown to operators and to policy, so it must not come from env() or file(). Write it out.", name)
		return cty.NilVal, false
	}
	return v, ok
}

func (b *block) string(name string) string {
	v, ok := b.plain(name, cty.String, "a string")
	if !ok {
		return ""
	}
	s := v.AsString()
	if s == "" || strings.ContainsFunc(s, control) {
		b.fail(b.at(name), "Unusable string", "%s must not be empty or hold control characters.", name)
		return ""
	}
	return s
}

// secret is a value that is never shown. Space around it goes, as the newline
// at the end of a file does.
func (b *block) secret(name string) Secret {
	v, _, ok := b.value(name, cty.String, "a string")
	if !ok {
		return Secret{}
	}
	return b.asSecret(name, b.at(name), v.AsString())
}

func (b *block) asSecret(name string, at *hcl.Range, s string) Secret {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		b.fail(at, "Empty secret", "%s is empty. Set the variable or file it is read from, or remove the attribute.", name)
	case strings.ContainsFunc(s, func(r rune) bool { return control(r) || r > 0x7e }):
		b.fail(at, "Unusable secret", "%s goes into an HTTP header, so it must be one line of printable ASCII.", name)
	default:
		return NewSecret(s)
	}
	return Secret{}
}

func (b *block) strings(name string) (list []string, secret bool) {
	v, secret, ok := b.value(name, cty.List(cty.String), "a list of strings, such as [\"a\", \"b\"]")
	if !ok {
		return nil, false
	}
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			b.fail(b.at(name), "Null in a list", "%s must not hold null.", name)
			return nil, false
		}
		list = append(list, e.AsString())
	}
	return list, secret
}

// element is where the i-th element of a list stands, or the whole list where
// it is not written out.
func (b *block) element(name string, i int) *hcl.Range {
	if list, diags := hcl.ExprList(b.attrs[name].Expr); !diags.HasErrors() && i < len(list) {
		return list[i].Range().Ptr()
	}
	return b.at(name)
}

func (b *block) stringMap(name string) (m map[string]string, secret bool) {
	v, secret, ok := b.value(name, cty.Map(cty.String), "a map of strings, such as { region = \"eu\" }")
	if !ok {
		return nil, false
	}
	// A mark on the whole, not on its values alone: the names are sensitive too.
	if whole, _ := Evaluate(b.attrs[name].Expr, b.ctx); whole.IsMarked() {
		b.fail(b.at(name), "Sensitive names", "%s must have its names written out; only values may come from env() or file().", name)
		return nil, false
	}
	m = map[string]string{}
	members := v.AsValueMap()
	for _, k := range slices.Sorted(maps.Keys(members)) {
		e := members[k]
		if e.IsNull() {
			b.fail(b.member(name, k), "Null in a map", "%s: %q must not be null.", name, k)
			continue
		}
		m[k] = e.AsString()
	}
	return m, secret
}

// member is where the value of a key stands, or the whole attribute where the
// object is not written out.
func (b *block) member(name, key string) *hcl.Range {
	pairs, diags := hcl.ExprMap(b.attrs[name].Expr)
	if diags.HasErrors() {
		return b.at(name)
	}
	for _, p := range pairs {
		if hcl.ExprAsKeyword(p.Key) == key {
			return p.Value.Range().Ptr()
		}
		if k, diags := p.Key.Value(b.ctx); !diags.HasErrors() && !k.IsMarked() && k.Type() == cty.String && k.IsKnown() && !k.IsNull() && k.AsString() == key {
			return p.Value.Range().Ptr()
		}
	}
	return b.at(name)
}

// numbers reads an object of numbers, each at least 0.
func (b *block) numbers(name string, required, optional []string) (map[string]float64, bool) {
	all := slices.Concat(required, optional)
	v, ok := b.plain(name, cty.DynamicPseudoType, "")
	if !ok {
		return nil, false
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		b.fail(b.at(name), "Wrong type", "%s must be an object with the numbers %s.", name, strings.Join(all, ", "))
		return nil, false
	}
	out, good := map[string]float64{}, true
	members := v.AsValueMap()
	for _, k := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(all, k) {
			b.fail(b.member(name, k), "Unsupported key", "%s has no %q; its numbers are %s.", name, k, strings.Join(all, ", "))
			good = false
			continue
		}
		n, err := convert.Convert(members[k], cty.Number)
		if err != nil || n.IsNull() || n.AsBigFloat().Sign() < 0 || n.AsBigFloat().Cmp(big.NewFloat(1e12)) > 0 {
			b.fail(b.member(name, k), "Wrong number", "%s: %s must be a number from 0 to 1e12.", name, k)
			good = false
			continue
		}
		out[k], _ = n.AsBigFloat().Float64()
	}
	for _, k := range required {
		if _, ok := members[k]; !ok {
			b.fail(b.at(name), "Missing number", "%s needs %s as well.", name, k)
			good = false
		}
	}
	return out, good
}

func (b *block) number(name string, low, high float64) float64 {
	v, ok := b.plain(name, cty.Number, "a number")
	if !ok {
		return 0
	}
	n, _ := v.AsBigFloat().Float64()
	if n < low || n > high {
		b.fail(b.at(name), "Number out of range", "%s must be a number from %g to %g.", name, low, high)
		return 0
	}
	return n
}

func (b *block) integer(name string, low, high int64) int64 {
	v, ok := b.plain(name, cty.Number, "a whole number")
	if !ok {
		return 0
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n < low || n > high {
		b.fail(b.at(name), "Number out of range", "%s must be a whole number from %d to %d.", name, low, high)
		return 0
	}
	return n
}

func (b *block) duration(name string) time.Duration {
	v, ok := b.plain(name, cty.String, "a duration, such as \"250ms\" or \"5s\"")
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil || d < 0 || d > 24*time.Hour {
		b.fail(b.at(name), "Not a duration", "%s must be a duration from 0 to 24h with its unit, such as \"250ms\" or \"5s\".", name)
		return 0
	}
	return d
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
