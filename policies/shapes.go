package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// shape says whether values of a type can be what the library reads. What the
// compiler knows nothing about can be anything: the library checks values again
// when it evaluates them (lib/shapes.rego).
type shape func(types.Type) bool

// checkShapes finds contributions whose inferred types cannot be read, and warns
// of obligations that nobody knows.
func (b *built) checkShapes() Diagnostics {
	var ds Diagnostics
	env := b.compiler.TypeEnv
	for _, name := range b.packages {
		rules := map[string][]*ast.Rule{}
		var pkg ast.Ref
		for file, m := range b.modules {
			if _, compiled := b.compiler.Modules[file]; !compiled {
				continue // set aside for another mistake
			}
			if n, ok := rulePackage(m); ok && n == name {
				pkg = m.Package.Path
				for _, r := range m.Rules {
					if kind := contribution(r); kind != "" && len(r.Head.Args) == 0 {
						rules[kind] = append(rules[kind], r)
					}
				}
			}
		}
		check := func(path []string, of []*ast.Rule, t types.Type, is shape, want string) {
			if t == nil || is(t) {
				return
			}
			ds = append(ds, at(culprit(of, is).Loc(), fmt.Sprintf("%s is %s", strings.Join(path, "."), types.Sprint(t)), "it must be "+want))
		}
		typeOf := func(kind string) types.Type {
			return env.GetByRef(append(slices.Clone(pkg), ast.StringTerm(kind)))
		}
		if of := rules["deny"]; of != nil {
			check([]string{"deny"}, of, typeOf("deny"), setOf(reasonShape), `a set of reasons: deny contains {"code": "…", "message": "…"} if { … }`)
		}
		if of := rules["exclude"]; of != nil {
			check([]string{"exclude"}, of, typeOf("exclude"), objectOfShape(setOf(reasonShape)),
				`sets of reasons by target: exclude[target] contains {"code": "…", "message": "…"} if { … }`)
		}
		if of := rules["prefer"]; of != nil {
			check([]string{"prefer"}, of, typeOf("prefer"), objectOfShape(isNumber), "numbers from 0 to 1 by target: prefer[target] := 0.8 if { … }")
		}
		of := rules["obligation"]
		if of == nil {
			continue
		}
		t, ok := typeOf("obligation").(*types.Object)
		if !ok {
			check([]string{"obligation"}, of, typeOf("obligation"), objectOfShape(anything), `values by name: obligation.redact contains "EMAIL_ADDRESS" if { … }`)
			continue
		}
		for _, p := range t.StaticProperties() {
			key, ok := p.Key.(string)
			if !ok {
				continue
			}
			named := slices.DeleteFunc(slices.Clone(of), func(r *ast.Rule) bool {
				ref := r.Head.Ref()
				return len(ref) > 1 && !ref[1].Equal(ast.StringTerm(key))
			})
			if len(named) == 0 {
				named = of
			}
			known, ok := obligationShapes[key]
			if !ok {
				d := at(named[0].Loc(), fmt.Sprintf("there is no obligation %q: a request it applies to is denied", key),
					"the obligations are "+strings.Join(knownObligations[:], ", "))
				d.Severity = SeverityWarning
				if near := nearest(key, knownObligations[:]); near != "" {
					d.Severity, d.Hint = SeverityError, "did you mean obligation."+near+"? "+d.Hint
				}
				ds = append(ds, d)
				continue
			}
			check([]string{"obligation", key}, named, p.Value, known.is, known.want)
		}
	}
	return ds
}

// culprit is the rule to blame: the first whose literal head has not the shape,
// or else the first.
func culprit(rules []*ast.Rule, is shape) *ast.Rule {
	for _, r := range rules {
		literal := r.Head.Value
		if r.Head.RuleKind() == ast.MultiValue {
			literal = r.Head.Key
		}
		if literal == nil || !literal.IsGround() {
			continue
		}
		t := types.TypeOf(nil)
		if v, err := ast.JSON(literal.Value); err == nil {
			t = types.TypeOf(v)
		}
		if r.Head.RuleKind() == ast.MultiValue {
			t = types.NewSet(t)
		}
		if kind := contribution(r); kind != "deny" && kind != "obligation" {
			t = types.NewObject(nil, types.NewDynamicProperty(types.NewString(), t))
		}
		if !is(t) {
			return r
		}
	}
	return rules[0]
}

type obligationShape struct {
	is   shape
	want string
}

var obligationShapes = map[string]obligationShape{
	"redact":                {collectionOf(isString), `a set of finding kinds: obligation.redact contains "EMAIL_ADDRESS" if { … }`},
	"strip_tools":           {collectionOf(isString), `a set of tool names: obligation.strip_tools contains "shell" if { … }`},
	"inspect_completion":    {collectionOf(isString), `a set of classifier names: obligation.inspect_completion contains "pii" if { … }`},
	"max_output_tokens":     {isNumber, "a whole number, at least 1"},
	"priority_max":          {isNumber, "a whole number from 0 to 7"},
	"max_cost_usd":          {isNumber, "a number, at least 0"},
	"restore":               {isBoolean, "true or false"},
	"hedge":                 {isBoolean, "true or false"},
	"disclose_target":       {isBoolean, "true or false"},
	"lossy":                 {isString, `"allow" or "deny"`},
	"log":                   {isString, `"metadata", "full" or "none"`},
	"on_miss":               {isString, `"finish" or "cancel"`},
	"on_completion_finding": {isString, `"report", "redact" or "deny"`},
	"budget":                {objectOfShape(isNumber), "an object of ttft_ms, tpot_ms and total_ms in whole milliseconds"},
}

// every makes a shape hold for each type of a union.
func every(is shape) shape {
	return func(t types.Type) bool {
		if named, ok := t.(*types.NamedType); ok {
			t = named.Type
		}
		union, ok := t.(types.Any)
		if !ok {
			return is(t)
		}
		return !slices.ContainsFunc(union, func(one types.Type) bool { return !every(is)(one) })
	}
}

func anything(types.Type) bool { return true }

func isString(t types.Type) bool {
	return every(func(t types.Type) bool { _, ok := t.(types.String); return ok })(t)
}

func isNumber(t types.Type) bool {
	return every(func(t types.Type) bool { _, ok := t.(types.Number); return ok })(t)
}

func isBoolean(t types.Type) bool {
	return every(func(t types.Type) bool { _, ok := t.(types.Boolean); return ok })(t)
}

func setOf(member shape) shape {
	return every(func(t types.Type) bool {
		set, ok := t.(*types.Set)
		return ok && (set.Of() == nil || member(set.Of()))
	})
}

func collectionOf(member shape) shape {
	return every(func(t types.Type) bool {
		switch t := t.(type) {
		case *types.Set:
			return t.Of() == nil || member(t.Of())
		case *types.Array:
			return t.Dynamic() == nil && t.Len() == 0 || member(types.Values(t))
		}
		return false
	})
}

func objectOfShape(member shape) shape {
	return every(func(t types.Type) bool {
		o, ok := t.(*types.Object)
		if !ok {
			return false
		}
		for _, p := range o.StaticProperties() {
			if !member(p.Value) {
				return false
			}
		}
		return o.DynamicValue() == nil || member(o.DynamicValue())
	})
}

// reasonShape is an object of code and message and nothing else.
func reasonShape(t types.Type) bool {
	return every(func(t types.Type) bool {
		o, ok := t.(*types.Object)
		if !ok {
			return false
		}
		for _, p := range o.StaticProperties() {
			if p.Key != "code" && p.Key != "message" || !isString(p.Value) {
				return false
			}
		}
		return o.DynamicProperties() != nil || len(o.StaticProperties()) == 2
	})(t)
}
