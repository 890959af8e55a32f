package wire

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// ReadInput reads a decision input document. What it leaves out is empty rather
// than null, as it is in the documents this program makes, so that one policy
// reads both. now is the time of a document that states none.
func ReadInput(raw []byte, now time.Time) (*engine.Input, *engine.RequestError) {
	in := &engine.Input{}
	if err := json.Unmarshal(raw, in, json.RejectUnknownMembers(true)); err != nil {
		return nil, DocumentError(err)
	}
	if in.Time == "" {
		in.Time = now.UTC().Format(time.RFC3339)
	}
	if _, err := time.Parse(time.RFC3339, in.Time); err != nil {
		return nil, malformed("time", "must be a time of RFC 3339, such as 2026-11-23T16:00:00Z")
	}
	for _, l := range []*[]string{&in.Request.Tools, &in.Request.Modalities, &in.Principal.Roles} {
		if *l == nil {
			*l = []string{}
		}
	}
	for _, m := range []*map[string]string{&in.Request.Metadata, &in.Request.Headers, &in.Principal.Attributes} {
		orEmpty(m)
	}
	orEmpty(&in.Classifiers)
	orEmpty(&in.Targets)
	for key, t := range in.Targets {
		orEmpty(&t.Attributes)
		if t.Target == "" {
			t.Target = key
		}
		in.Targets[key] = t
	}
	return in, nil
}

func orEmpty[V any](m *map[string]V) {
	if *m == nil {
		*m = map[string]V{}
	}
}

// DocumentError says where a JSON document is wrong. The text of err may quote
// values, so it is left out.
func DocumentError(err error) *engine.RequestError {
	field := func(p jsontext.Pointer) string { return strings.Join(slices.Collect(p.Tokens()), ".") }
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return malformed(field(s.JSONPointer), "is given twice")
		}
		return malformed(field(s.JSONPointer), "is not valid JSON at byte %d", s.ByteOffset)
	}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(err, json.ErrUnknownName) {
			return malformed(field(s.JSONPointer), "is not a member of this document")
		}
		return malformed(field(s.JSONPointer), "is of the wrong type")
	}
	return malformed("", "is not a decision input document")
}
