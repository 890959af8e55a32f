package record

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// node is what the tests read of a JSON Schema.
type node struct {
	Description string          `json:"description"`
	Ref         string          `json:"$ref"`
	Properties  map[string]node `json:"properties"`
	Items       *node           `json:"items"`
	// Additional is a schema or false.
	Additional json.RawMessage `json:"additionalProperties"`
	Defs       map[string]node `json:"$defs"`
}

func readSchema(t *testing.T) (root node) {
	t.Helper()
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestSchemaDescribesEveryField(t *testing.T) {
	root := readSchema(t)
	compare(t, "record", root, root, reflect.TypeFor[engine.Record]())
}

// compare checks that n has exactly the members of typ, each with a description.
func compare(t *testing.T, path string, root, n node, typ reflect.Type) {
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		n = root.Defs[name]
	}
	switch typ.Kind() {
	case reflect.Pointer:
		compare(t, path, root, n, typ.Elem())
	case reflect.Slice:
		if typ != reflect.TypeFor[json.RawMessage]() {
			if n.Items == nil {
				t.Fatalf("%s: the schema has no items", path)
			}
			compare(t, path+"[]", root, *n.Items, typ.Elem())
		}
	case reflect.Map:
		var values node
		if err := json.Unmarshal(n.Additional, &values); err != nil {
			t.Fatalf("%s: the schema has no additionalProperties: %v", path, err)
		}
		compare(t, path+"{}", root, values, typ.Elem())
	case reflect.Struct:
		if string(n.Additional) != "false" {
			t.Errorf("%s: the schema allows any member", path)
		}
		fields := map[string]reflect.Type{}
		for i := range typ.NumField() {
			if name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); name != "-" {
				fields[name] = typ.Field(i).Type
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(n.Properties))); diff != "" {
			t.Errorf("%s: (-type +schema)\n%s", path, diff)
		}
		for name, field := range fields {
			if n.Properties[name].Description == "" {
				t.Errorf("%s.%s has no description", path, name)
			}
			compare(t, path+"."+name, root, n.Properties[name], field)
		}
	}
}

// readmeFields is the README's table of fields, made from the schema.
func readmeFields(t *testing.T) string {
	var out strings.Builder
	out.WriteString("| field | meaning |\n|---|---|\n")
	// In the schema's own order, which maps would lose.
	dec := json.NewDecoder(bytes.NewReader(Schema()))
	root := readSchema(t)
	var path []string
	for {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		if tok == "properties" {
			break
		}
	}
	if _, err := dec.Token(); err != nil { // {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
		path = append(path, name.(string))
	}
	for _, name := range path {
		out.WriteString("| `" + name + "` | " + root.Properties[name].Description + " |\n")
	}
	return out.String()
}

func TestReadmeTableIsTheSchema(t *testing.T) {
	const begin, end = "<!-- fields: made from schema.json by go test -update -->\n", "<!-- end of fields -->"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the table of fields")
	}
	want := readmeFields(t)
	if *update {
		if err := os.WriteFile("README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Error(diff)
	}
}
