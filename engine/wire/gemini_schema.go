package wire

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// schemaOf is a schema of req as JSON Schema. Clients of Gemini's API send either
// that or the API's own Schema, a subset of OpenAPI 3.0's: types in capitals,
// nullable, numbers in quotes and an order of properties. A schema that is JSON
// Schema already stays as it is.
func schemaOf(req *engine.Request, v jsontext.Value) jsontext.Value {
	if req.Dialect != engine.DialectGeminiContent {
		return v
	}
	t, err := parse(v, maxReplyDepth)
	if err != nil {
		return v // has been parsed once
	}
	return appendSchema(nil, t, 0)
}

// appendSchema appends the schema at node i.
func appendSchema(dst []byte, t *tree, i int) []byte {
	if t.kind(i) != '{' {
		return appendNode(dst, t, i)
	}
	nullable := false
	if n := t.member(i, "nullable"); n >= 0 {
		nullable = t.kind(n) == 't'
	}
	dst = append(dst, '{')
	first := true
	for c := range t.children(i) {
		name := t.name(c)
		if name == "nullable" || name == "propertyOrdering" || name == "property_ordering" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		out := camelCase(name)
		switch out {
		case "anyOf", "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "additionalProperties":
		case "defs":
			out = "$defs"
		case "ref":
			out = "$ref"
		default:
			out = name
		}
		dst = append(append(dst, engine.Quote(out)...), ':')
		switch out {
		case "type":
			dst = appendType(dst, t, c, nullable)
		case "properties", "$defs", "definitions", "patternProperties":
			dst = appendSchemas(dst, t, c)
		case "items", "additionalProperties", "not":
			dst = appendSchema(dst, t, c)
		case "anyOf", "oneOf", "allOf", "prefixItems":
			dst = appendSchemas(dst, t, c)
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			if t.kind(c) == '"' && jsontext.Value(t.str(c)).Kind() == '0' && jsontext.Value(t.str(c)).IsValid() {
				dst = append(dst, t.str(c)...)
				break
			}
			dst = appendNode(dst, t, c)
		case "enum":
			dst = appendEnum(dst, t, c, nullable)
		default:
			dst = appendNode(dst, t, c)
		}
	}
	return append(dst, '}')
}

func appendNode(dst []byte, t *tree, i int) []byte {
	s := t.span(i)
	return append(dst, t.raw[s.Start:s.End]...)
}

// appendSchemas appends an object or an array whose values are schemas.
func appendSchemas(dst []byte, t *tree, i int) []byte {
	kind := t.kind(i)
	if kind != '{' && kind != '[' {
		return appendNode(dst, t, i)
	}
	dst = append(dst, byte(kind))
	for c := range t.children(i) {
		if c > i+1 {
			dst = append(dst, ',')
		}
		if kind == '{' {
			k := t.keySpan(c)
			dst = append(append(dst, t.raw[k.Start:k.End]...), ':')
		}
		dst = appendSchema(dst, t, c)
	}
	return append(dst, byte(kind)+2) // ] and } are the second after [ and {
}

// appendType appends a type, and null beside it where the value may be that.
func appendType(dst []byte, t *tree, i int, nullable bool) []byte {
	if t.kind(i) != '"' {
		return appendNode(dst, t, i)
	}
	name := t.str(i)
	switch name {
	case "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL":
		name = strings.ToLower(name)
	}
	if nullable && name != "null" {
		return append(append(append(dst, '['), engine.Quote(name)...), `,"null"]`...)
	}
	return append(dst, engine.Quote(name)...)
}

// appendEnum appends the allowed values, null among them where the value may be
// that.
func appendEnum(dst []byte, t *tree, i int, nullable bool) []byte {
	list := appendNode(nil, t, i)
	if !nullable || t.kind(i) != '[' || bytes.HasSuffix(list, []byte("null]")) {
		return append(dst, list...)
	}
	list = bytes.TrimRight(list[:len(list)-1], " \t\r\n")
	if list[len(list)-1] != '[' {
		list = append(list, ',')
	}
	return append(append(dst, list...), "null]"...)
}
