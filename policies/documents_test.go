package policies

import (
	"strings"
	"testing"
)

// Documents that decisions do not read have an input of their own; a misspelt
// member is still found in all that they do read.
func TestInputOfDocuments(t *testing.T) {
	rule := "package sallyport.rules.r\n\nimport data.helpers\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if helpers.bad\n"
	tests := []struct {
		name  string
		files map[string]string
		want  string // in the error; "": loads
	}{
		{"a document", map[string]string{"app.rego": "package app\n\nallow if input.user == \"alice\"\n"}, ""},
		{"in two files", map[string]string{"a1.rego": "package app.x\n\nallow if input.user == \"alice\"\n", "a2.rego": "package app.x\n\ndeny if input.user == \"bob\"\n"}, ""},
		{"that has annotations", map[string]string{"app.rego": "# METADATA\n# scope: package\n# title: who may\npackage app\n\nallow if input.user == \"alice\"\n"}, ""},
		{"a document that uses another", map[string]string{"app.rego": "package app\n\nimport data.people\n\nallow if people.known\n", "people.rego": "package people\n\nknown if input.user == \"alice\"\n"}, ""},
		{"a document that reads a decision", map[string]string{"app.rego": "package app\n\nallow if {\n\tdata.sallyport.allow\n\tinput.user == \"alice\"\n}\n"}, ""},
		{"its own schema", map[string]string{"app.rego": "# METADATA\n# scope: package\n# schemas:\n#   - input: {type: object, additionalProperties: false, properties: {user: {type: string}}}\npackage app\n\nallow if input.usr == \"alice\"\n"}, "input.usr"},
		{"read by a rule", map[string]string{"r.rego": rule, "h.rego": "package helpers\n\nbad if input.request.modle == \"x\"\n"}, "input.request.modle"},
		{"read through another", map[string]string{"r.rego": rule, "h.rego": "package helpers\n\nbad if data.deep.er.worse\n", "d.rego": "package deep.er\n\nworse if input.user == \"x\"\n"}, "input.user"},
		{"read from above", map[string]string{"r.rego": "package sallyport.rules.r\n\ndeny contains {\"code\": \"x\", \"message\": \"m\"} if data.deep[\"er\"].worse\n",
			"d.rego": "package deep.er\n\nworse if input.user == \"x\"\n"}, "input.user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["good.rego"] = good
			_, err := Load(t.Context(), Config{Paths: []string{write(t, tt.files)}})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
