package engine

import (
	"encoding/json"
	"slices"
)

// Span is a byte range [Start, End).
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Len is the number of bytes in the span.
func (s Span) Len() int { return s.End - s.Start }

// Role says who wrote a text. The values are those of the classifier ABI.
type Role uint16

const (
	RoleSystem Role = iota
	RoleUser
	RoleAssistant
	RoleTool
)

// String is the name used in records.
func (r Role) String() string {
	switch r {
	case RoleSystem:
		return "system"
	case RoleUser:
		return "user"
	case RoleAssistant:
		return "assistant"
	case RoleTool:
		return "tool"
	}
	return "unknown"
}

// TextKind says what part of a request a text is. The values are those of the
// classifier ABI.
type TextKind uint16

const (
	KindText TextKind = iota
	KindToolArguments
	KindToolResult
	KindToolDefinition
	KindName
)

// String is the name used in records.
func (k TextKind) String() string {
	switch k {
	case KindText:
		return "text"
	case KindToolArguments:
		return "tool_arguments"
	case KindToolResult:
		return "tool_result"
	case KindToolDefinition:
		return "tool_definition"
	case KindName:
		return "name"
	}
	return "unknown"
}

// Text is one string of a request that a classifier reads and an obligation may
// rewrite. It knows the JSON literal it came from, so that a relay can change
// that literal and nothing else.
type Text struct {
	Role    Role
	Kind    TextKind
	Message int    // index into Request.Messages; -1 where it belongs to none
	Value   string // decoded, valid UTF-8
	Span    Span   // of the literal, quotes included, in the Raw of the Document it is a leaf of
	Edited  bool   // Value is no longer what the client sent
	// Fixed marks a string that other parts of the request repeat or refer to by
	// its value, such as the name of a tool: rewriting it would break the request
	// or leave the original elsewhere in it.
	Fixed bool

	// Inner is set where the literal itself holds a JSON document, as OpenAI's
	// tool arguments do. The strings inside are then texts of their own and this
	// one is not classified; its bytes follow from Inner.
	Inner *Document
}

// Set replaces the text's value.
func (t *Text) Set(v string) { t.Value, t.Edited = v, true }

func (t *Text) changed() bool {
	if t.Inner != nil {
		return t.Inner.Changed()
	}
	return t.Edited
}

// Document is a JSON value as the client wrote it, with the literals in it that
// are inspected. Leaves stand in the order of their spans and do not overlap.
type Document struct {
	Raw    []byte
	Leaves []*Text
	// Base is where Raw begins in the document that the spans of Leaves count
	// from: a value inside a larger document shares its leaves with it. 0 where
	// Raw is that document.
	Base int
}

// Changed says whether any leaf was edited.
func (d *Document) Changed() bool {
	return slices.ContainsFunc(d.Leaves, (*Text).changed)
}

// Edit is a replacement of a byte range of a document.
type Edit struct {
	Span Span
	With []byte
}

// Edits returns the replacements that the edited leaves call for, shifted by
// offset. Every replacement is a JSON string literal: a redacted number becomes
// a string, so the document stays valid JSON.
func (d *Document) Edits(offset int) []Edit {
	var edits []Edit
	for _, t := range d.Leaves {
		if !t.changed() {
			continue
		}
		v := t.Value
		if t.Inner != nil {
			v = string(t.Inner.Bytes())
		}
		edits = append(edits, Edit{Span{t.Span.Start + offset, t.Span.End + offset}, Quote(v)})
	}
	return edits
}

// Bytes is the document with its edited leaves in place. Without an edit it is
// Raw itself, not a copy.
func (d *Document) Bytes() []byte {
	return Splice(d.Raw, d.Edits(-d.Base))
}

// Splice returns raw with the edits applied. Edits must not overlap; their order
// does not matter. An edit that lies wholly inside another one is dropped: the
// outer one replaced that text already.
func Splice(raw []byte, edits []Edit) []byte {
	if len(edits) == 0 {
		return raw
	}
	slices.SortStableFunc(edits, func(a, b Edit) int {
		if a.Span.Start != b.Span.Start {
			return a.Span.Start - b.Span.Start
		}
		return b.Span.End - a.Span.End
	})
	out := make([]byte, 0, len(raw)+64)
	at := 0
	for _, e := range edits {
		if e.Span.Start < at {
			continue
		}
		out = append(out, raw[at:e.Span.Start]...)
		out = append(out, e.With...)
		at = e.Span.End
	}
	return append(out, raw[at:]...)
}

// Quote is v as a JSON string literal. HTML characters stay as they are.
func Quote(v string) []byte {
	b, err := json.Marshal(v) // cannot fail for a string
	if err != nil {
		panic(err)
	}
	return unescapeHTML(b)
}

// unescapeHTML undoes encoding/json's escaping of <, > and &, which would turn
// the placeholder <EMAIL_ADDRESS_1> into six-byte escapes and cost prompt bytes.
func unescapeHTML(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		if i+6 <= len(b) && b[i+1] == 'u' {
			switch string(b[i+2 : i+6]) {
			case "003c":
				out, i = append(out, '<'), i+5
				continue
			case "003e":
				out, i = append(out, '>'), i+5
				continue
			case "0026":
				out, i = append(out, '&'), i+5
				continue
			}
		}
		out = append(out, b[i], b[i+1])
		i++
	}
	return out
}
