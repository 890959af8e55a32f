package policies

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

// inputType is a node of the input's schema. OPA's own type checker takes what is
// below an object with free member names for anything; this does not, so that
// input.targets[t].postur is seen to be misspelt.
type inputType struct {
	Type       string                `json:"type"`
	Properties map[string]*inputType `json:"properties"`
	Additional additional            `json:"additionalProperties"`
	Items      *inputType            `json:"items"`
	Enum       []string              `json:"enum"`
}

// additional is what an object may have beside its named members: nothing, or
// values of one type.
type additional struct{ values *inputType }

func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	return json.Unmarshal(b, &a.values)
}

func parseInputType() *inputType {
	t := &inputType{}
	if err := json.Unmarshal(inputSchema, t); err != nil {
		panic(err) // the embedded file is not such a schema; a test reads it
	}
	return t
}

// member is the type of a member; nil and false: there is none of that name. For
// anyMember, and below a value whose type is not known, it is nil and true.
func (t *inputType) member(name string) (*inputType, bool) {
	switch {
	case t == nil:
		return nil, true
	case t.Type == "array":
		return t.Items, true
	case t.Type != "object":
		return nil, false
	case t.Additional.values != nil && (name == anyMember || t.Properties[name] == nil):
		return t.Additional.values, true
	case name == anyMember:
		return nil, true
	}
	m, ok := t.Properties[name]
	return m, ok
}

// at is the type at a path; nil: unknown, or none.
func (t *inputType) at(p inputPath) *inputType {
	for _, name := range p.steps() {
		t, _ = t.member(name)
	}
	return t
}

func (t *inputType) names() []string {
	return slices.Sorted(maps.Keys(t.Properties))
}

// inputPath is a place in the input: member names, each ended by a zero byte. ""
// is the whole input.
type inputPath string

// anyMember is a step of an inputPath that is known only when it is evaluated.
const anyMember = vm.AnyMember

func (p inputPath) then(name string) inputPath { return p + inputPath(name) + "\x00" }

func (p inputPath) steps() []string {
	if p == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(p), "\x00"), "\x00")
}

func (p inputPath) depth() int { return strings.Count(string(p), "\x00") }

// within says whether p is q or lies under it. anyMember is like any other name.
func (p inputPath) within(q inputPath) bool { return strings.HasPrefix(string(p), string(q)) }

// String is the path as Rego has it: input.targets[_].posture.
func (p inputPath) String() string {
	var b strings.Builder
	b.WriteString("input")
	for _, name := range p.steps() {
		switch {
		case name == anyMember:
			b.WriteString("[_]")
		case isName(name):
			b.WriteString("." + name)
		default:
			quoted, _ := json.Marshal(name) // a string always has a JSON form
			b.WriteString("[" + string(quoted) + "]")
		}
	}
	return b.String()
}

// isName says whether a member can be written after a dot.
func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
