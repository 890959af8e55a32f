package wire

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// splicer puts texts that were changed into the bytes that they came in: a chunk or
// a whole reply of OpenAI's API. Its walk is that of the reader, text by text.
type splicer struct {
	*tree
	now   []string // what is left of them
	edits []engine.Edit
	short bool // there are fewer than there are texts
}

// spliceOpenAI is was with the texts now in it; ok is false where they are not those
// of was.
func spliceOpenAI(was []byte, now []string) (raw []byte, ok bool) {
	t, err := parse(was, maxReplyDepth)
	if err != nil {
		return nil, false
	}
	s := splicer{tree: t, now: now}
	if at := t.member(0, "choices"); at >= 0 {
		for c := range t.children(at) {
			s.put(t.member(c, "text"))
			for _, name := range []string{"delta", "message"} {
				if m := t.member(c, name); m >= 0 && t.kind(m) == '{' {
					s.message(m)
				}
			}
		}
	}
	if s.short || len(s.now) > 0 {
		return nil, false
	}
	return engine.Splice(was, s.edits), true
}

// put replaces the string at node i with the next text, unless it is empty.
func (s *splicer) put(i int) {
	if i < 0 || s.kind(i) != '"' || s.str(i) == "" {
		return
	}
	if len(s.now) == 0 {
		s.short = true
		return
	}
	s.replace(i, s.now[0])
	s.now = s.now[1:]
}

func (s *splicer) replace(i int, text string) {
	s.edits = append(s.edits, engine.Edit{Span: s.span(i), With: quoted(nil, "", text)})
}

func (s *splicer) message(m int) {
	content, other := s.member(m, "reasoning_content"), s.member(m, "reasoning")
	if content < 0 || s.kind(content) != '"' || s.str(content) == "" {
		s.put(other)
	} else {
		if other >= 0 && s.kind(other) == '"' && len(s.now) > 0 { // the same twice
			s.replace(other, s.now[0])
		}
		s.put(content)
	}
	if c := s.member(m, "content"); c >= 0 && s.kind(c) == '[' {
		s.list(c)
	} else {
		s.put(c)
	}
	s.put(s.member(m, "refusal"))
	if calls := s.member(m, "tool_calls"); calls >= 0 {
		for c := range s.children(calls) {
			if custom := s.member(c, "custom"); custom >= 0 && s.kind(custom) == '{' {
				s.put(s.member(custom, "input"))
			} else if f := s.member(c, "function"); f >= 0 {
				s.put(s.member(f, "arguments"))
			}
		}
	}
	if f := s.member(m, "function_call"); f >= 0 {
		s.put(s.member(f, "arguments"))
	}
}

// list puts a text that stands in several parts into the first of them.
func (s *splicer) list(c int) {
	first := true
	for p := range s.children(c) {
		t := s.member(p, "text")
		switch {
		case t < 0 || s.kind(t) != '"' || s.str(t) == "":
		case first:
			first = false
			s.put(t)
		default:
			s.replace(t, "")
		}
	}
}
