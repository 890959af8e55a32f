package vm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// constants makes the values that live with a Program: each string once.
type constants struct {
	arena   arena
	strings map[string]Value
}

func newConstants() *constants {
	return &constants{strings: map[string]Value{}}
}

// String is the one value of s.
func (c *constants) String(s string) Value {
	v, ok := c.strings[s]
	if !ok {
		v = c.arena.String(s)
		v.str().sum()
		c.strings[s] = v
	}
	return v
}

// of is a value of OPA as a frozen one.
func (c *constants) of(v ast.Value) (Value, error) {
	made, err := fromAST(&c.arena, c, true, v)
	if err != nil {
		return Value{}, err
	}
	freeze(made)
	return made, nil
}

// known is the string of a program that s is, or a new one.
func (c *constants) known(a *arena, s string) Value {
	if c != nil {
		if v, ok := c.strings[s]; ok {
			return v
		}
	}
	return a.String(s)
}

// fromAST makes a value out of OPA's. Strings that are a program's are its own; keep
// says that the value becomes one of it. What is not a ground value is an error.
func fromAST(a *arena, c *constants, keep bool, v ast.Value) (Value, error) {
	switch v := v.(type) {
	case ast.Null:
		return Null(), nil
	case ast.Boolean:
		return Bool(bool(v)), nil
	case ast.Number:
		return numberOf(a, string(v)), nil
	case ast.String:
		if keep {
			return c.String(string(v)), nil
		}
		return c.known(a, string(v)), nil
	case *ast.Array:
		x := a.newArray(v.Len())
		for i := range v.Len() {
			e, err := fromAST(a, c, keep, v.Elem(i).Value)
			if err != nil {
				return Value{}, err
			}
			x.elems = append(x.elems, e)
		}
		if keep {
			x.origin = v
		}
		return x.value(), nil
	case ast.Set:
		t := a.newTable(kindSet, v.Len())
		for _, e := range v.Slice() {
			k, err := fromAST(a, c, keep, e.Value)
			if err != nil {
				return Value{}, err
			}
			t.keys = append(t.keys, k) // in order, each once
		}
		if keep {
			t.origin = v
		}
		return t.value(), nil
	case ast.Object:
		t := a.newTable(kindObject, v.Len())
		err := v.Iter(func(k, e *ast.Term) error {
			key, err := fromAST(a, c, keep, k.Value)
			if err != nil {
				return err
			}
			val, err := fromAST(a, c, keep, e.Value)
			t.keys, t.vals = append(t.keys, key), append(t.vals, val)
			return err
		})
		if keep {
			t.origin = v
		}
		return t.value(), err
	}
	return Value{}, fmt.Errorf("%s is not a value", ast.ValueName(v))
}

// numberOf is the number of a decimal text.
func numberOf(a *arena, text string) Value {
	if len(text) <= 20 && !strings.ContainsAny(text, ".eE") { // an error would be an allocation
		if i, err := strconv.ParseInt(text, 10, 64); err == nil && (i != 0 || text == "0") {
			return Int(i)
		}
	}
	n := a.numbers.new()
	n.kind, n.text = kindNumber, text
	n.f, _ = strconv.ParseFloat(text, 64) // out of range: an infinity, which orders it rightly
	return n.value()
}

// toAST is v as a value of OPA; v must be defined.
func toAST(v Value) ast.Value {
	switch v.kind() {
	case kindNull:
		return ast.NullValue
	case kindBool:
		return ast.Boolean(v.n != 0)
	case kindInt, kindNumber:
		return v.decimal()
	case kindString:
		return ast.String(v.str().s)
	case kindArray:
		x := v.array()
		if x.origin != nil {
			return x.origin
		}
		terms := make([]*ast.Term, len(x.elems))
		for i, e := range x.elems {
			terms[i] = ast.NewTerm(toAST(e))
		}
		return ast.NewArray(terms...)
	case kindSet:
		t := v.table()
		if t.origin != nil {
			return t.origin
		}
		terms := make([]*ast.Term, len(t.keys))
		for i, k := range t.keys {
			terms[i] = ast.NewTerm(toAST(k))
		}
		return ast.NewSet(terms...)
	case kindObject:
		t := v.table()
		if t.origin != nil {
			return t.origin
		}
		members := make([][2]*ast.Term, len(t.keys))
		for i, k := range t.keys {
			members[i] = [2]*ast.Term{ast.NewTerm(toAST(k)), ast.NewTerm(toAST(t.vals[i]))}
		}
		return ast.NewObject(members...)
	}
	panic("vm: an undefined value has no form in OPA")
}
