package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// defaultMaxDepth is the nesting that Limits accepts where it states none. Tool
// schemas of real clients nest about twenty deep.
const defaultMaxDepth = 128

// node is one value of a tree.
type node struct {
	kind       jsontext.Kind // one of { [ " 0 t f n
	end        int32         // index after the last descendant
	start, lim int32         // the value's bytes
	key, keyTo int32         // the bytes of the member's name, quotes included; equal where it has none
}

// tree is a JSON text as a flat list of its values, in the order of the text:
// the children of node i begin at i+1, and the sibling of c is at nodes[c].end.
// Every value knows where its bytes are, so that a writer can replace them.
type tree struct {
	raw   []byte
	text  string // raw again: a string without escapes is a slice of it, not a copy
	nodes []node
}

// parse reads a whole JSON text: one value, no duplicate names, valid UTF-8, no
// lone surrogates, at most maxDepth deep (0: defaultMaxDepth). It is the only
// parse of a client's body. The error is errEmpty, errTooDeep, errTrailing or the
// decoder's; bodyError says it to a client.
func parse(raw []byte, maxDepth int, opts ...jsontext.Options) (*tree, error) {
	if maxDepth == 0 {
		maxDepth = defaultMaxDepth
	}
	if len(raw) > math.MaxInt32 {
		return nil, errTooLarge
	}
	t := &tree{raw: raw, text: string(raw), nodes: make([]node, 0, 16+len(raw)/24)}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), opts...)
	var stack []int32    // open objects and arrays
	var key, keyTo int32 // name waiting for its value
	for done := false; !done; {
		kind := dec.PeekKind()
		inObject := len(stack) > 0 && t.nodes[stack[len(stack)-1]].kind == '{'
		switch kind {
		case '{', '[':
			if _, err := dec.ReadToken(); err != nil {
				return nil, err
			}
			if len(stack) == maxDepth {
				return nil, errTooDeep
			}
			at := int32(dec.InputOffset())
			stack = append(stack, int32(len(t.nodes)))
			t.nodes = append(t.nodes, node{kind: kind, start: at - 1, key: key, keyTo: keyTo})
			key, keyTo = 0, 0
			continue
		case '}', ']':
			if _, err := dec.ReadToken(); err != nil {
				return nil, err
			}
			n := &t.nodes[stack[len(stack)-1]]
			n.lim, n.end = int32(dec.InputOffset()), int32(len(t.nodes))
			stack = stack[:len(stack)-1]
		case '"', '0', 't', 'f', 'n':
			v, err := dec.ReadValue()
			if err != nil {
				return nil, err
			}
			to := int32(dec.InputOffset())
			if inObject && keyTo == 0 {
				key, keyTo = to-int32(len(v)), to
				continue
			}
			t.nodes = append(t.nodes, node{kind: kind, end: int32(len(t.nodes) + 1), start: to - int32(len(v)), lim: to, key: key, keyTo: keyTo})
			key, keyTo = 0, 0
		default:
			_, err := dec.ReadToken()
			if len(stack) == 0 && errors.Is(err, io.EOF) {
				err = errEmpty
			}
			return nil, err
		}
		done = len(stack) == 0
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return t, nil
}

// kind is the kind of node i.
func (t *tree) kind(i int) jsontext.Kind { return t.nodes[i].kind }

// span is where the value of node i stands.
func (t *tree) span(i int) engine.Span {
	return engine.Span{Start: int(t.nodes[i].start), End: int(t.nodes[i].lim)}
}

// keySpan is where the name of member i stands, quotes included.
func (t *tree) keySpan(i int) engine.Span {
	return engine.Span{Start: int(t.nodes[i].key), End: int(t.nodes[i].keyTo)}
}

// lit is the text of node i as it was written.
func (t *tree) lit(i int) string { return t.text[t.nodes[i].start:t.nodes[i].lim] }

// str is the value of a string node.
func (t *tree) str(i int) string { return t.unquote(t.span(i)) }

// name is the name of member i.
func (t *tree) name(i int) string { return t.unquote(t.keySpan(i)) }

func (t *tree) unquote(s engine.Span) string {
	lit := t.text[s.Start:s.End]
	if strings.IndexByte(lit, '\\') < 0 {
		return lit[1 : len(lit)-1]
	}
	// The error only says that a lone surrogate was replaced, which parse either
	// refused or was told to allow.
	b, _ := jsontext.AppendUnquote(nil, lit)
	return string(b)
}

// children are the elements or members of node i.
func (t *tree) children(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for c := i + 1; c < int(t.nodes[i].end); c = int(t.nodes[c].end) {
			if !yield(c) {
				return
			}
		}
	}
}

// member is the member of object i with that name, or -1.
func (t *tree) member(i int, name string) int {
	if t.nodes[i].kind != '{' {
		return -1
	}
	for c := range t.children(i) {
		if t.name(c) == name {
			return c
		}
	}
	return -1
}

// fields lists the members of object i.
func (t *tree) fields(i int) []engine.Field {
	var out []engine.Field
	for c := range t.children(i) {
		out = append(out, engine.Field{Name: t.name(c), Value: t.span(c),
			Member: engine.Span{Start: int(t.nodes[c].key), End: int(t.nodes[c].lim)}})
	}
	return out
}

// path names node i for an error, such as messages[2].content.
func (t *tree) path(i int) string {
	var b strings.Builder
	for at := 0; at != i; {
		n := 0
		for c := range t.children(at) {
			if i < int(t.nodes[c].end) {
				if t.nodes[at].kind == '[' {
					fmt.Fprintf(&b, "[%d]", n)
				} else {
					writeName(&b, t.name(c))
				}
				at = c
				break
			}
			n++
		}
	}
	return b.String()
}

// writeName appends a member's name to a path. A name that does not look like
// one may be a user's text and is not repeated.
func writeName(b *strings.Builder, name string) {
	if !plain(name, 64) {
		name = "?"
	}
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(name)
}

// pointerPath turns a JSON pointer into a path.
func pointerPath(p jsontext.Pointer) string {
	var b strings.Builder
	for name := range p.Tokens() {
		if n, err := strconv.ParseUint(name, 10, 31); err == nil {
			fmt.Fprintf(&b, "[%d]", n)
		} else {
			writeName(&b, name)
		}
	}
	return b.String()
}

// plain says whether s is one to limit of the characters that identifiers and
// enumerated values are made of.
func plain(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return true
}

// digits counts the decimal digits in s.
func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

func malformed(field, format string, args ...any) *engine.RequestError {
	e := &engine.RequestError{Status: http.StatusBadRequest, Code: engine.CodeMalformed, Field: field, Message: fmt.Sprintf(format, args...)}
	if field == "" {
		e.Message = "the body " + e.Message
	}
	return e
}

// What parse refuses beside the decoder's own errors.
var (
	errEmpty    = errors.New("is empty: send a JSON object")
	errTooLarge = errors.New("is larger than 2 GiB")
	errTooDeep  = errors.New("is nested too deep")
	errTrailing = errors.New("has data after its JSON value: send one value")
)

// bodyError says where and how a body is not acceptable JSON, in words of our
// own: the decoder's would repeat parts of the body.
func bodyError(raw []byte, err error) *engine.RequestError {
	se := (*jsontext.SyntacticError)(nil)
	if !errors.As(err, &se) {
		return malformed("", "%v", err)
	}
	path := pointerPath(se.JSONPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return malformed(path, "appears twice in its object: send each name once")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return malformed(path, "ends before its JSON does, at byte %d", se.ByteOffset)
	case !utf8.Valid(raw):
		return malformed(path, "is not valid UTF-8 near byte %d", se.ByteOffset)
	}
	return malformed(path, "is not valid JSON near byte %d", se.ByteOffset)
}
