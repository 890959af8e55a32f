package policies

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

type schema struct {
	Type                 string             `json:"type"`
	Description          string             `json:"description"`
	Properties           map[string]*schema `json:"properties"`
	AdditionalProperties json.RawMessage    `json:"additionalProperties"`
	Items                *schema            `json:"items"`
	Enum                 []any              `json:"enum"`
}

func (s *schema) values(t *testing.T) *schema {
	t.Helper()
	var values schema
	if err := json.Unmarshal(s.AdditionalProperties, &values); err != nil {
		t.Fatalf("additionalProperties: %v", err)
	}
	return &values
}

// describe compares a schema with the Go type whose JSON form it describes: the
// same members with the same types, each of them documented.
func describe(t *testing.T, at string, s *schema, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	kinds := map[reflect.Kind]string{
		reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.Bool: "boolean",
		reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number",
	}
	if want := kinds[typ.Kind()]; s.Type != want && len(s.Enum) == 0 {
		t.Errorf("%s: type %q, want %q", at, s.Type, want)
	}
	switch typ.Kind() {
	case reflect.Struct:
		names := map[string]bool{}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "-" {
				continue
			}
			names[name] = true
			member := s.Properties[name]
			if member == nil {
				t.Errorf("%s.%s is not in the schema", at, name)
				continue
			}
			if member.Description == "" {
				t.Errorf("%s.%s is not documented", at, name)
			}
			describe(t, at+"."+name, member, typ.Field(i).Type)
		}
		for name := range s.Properties {
			if !names[name] {
				t.Errorf("%s.%s is in the schema and not in %v", at, name, typ)
			}
		}
	case reflect.Map:
		describe(t, at+"[…]", s.values(t), typ.Elem())
	case reflect.Slice:
		describe(t, at+"[…]", s.Items, typ.Elem())
	}
}

func TestInputSchemaDescribesInput(t *testing.T) {
	var s schema
	if err := json.Unmarshal(InputSchema(), &s); err != nil {
		t.Fatal(err)
	}
	describe(t, "input", &s, reflect.TypeFor[engine.Input]())
}

func TestDecisionSchemaDescribesObligations(t *testing.T) {
	var s schema
	if err := json.Unmarshal(DecisionSchema(), &s); err != nil {
		t.Fatal(err)
	}
	describe(t, "obligations", s.Properties["obligations"], reflect.TypeFor[engine.Obligations]())

	known := slices.Sorted(maps.Keys(s.Properties["obligations"].Properties))
	if diff := cmp.Diff(known, knownObligations[:]); diff != "" {
		t.Errorf("obligations of the schema and of the program (-schema +program):\n%s", diff)
	}
	if diff := cmp.Diff(known, slices.Sorted(maps.Keys(obligationShapes))); diff != "" {
		t.Errorf("obligations of the schema and shapes (-schema +shapes):\n%s", diff)
	}
	set, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	library, err := set.Query(t.Context(), "sallyport/known_obligations", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`["%s"]`, strings.Join(known, `","`)); string(library.Result) != want {
		t.Errorf("obligations of the library: %s\nwant %s", library.Result, want)
	}
}
