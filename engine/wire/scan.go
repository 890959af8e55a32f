package wire

import (
	"bytes"
	"errors"
	"io"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// textScanner reads the payloads that nearly all of a stream consists of: those
// that go on with some text, and have nothing else in them with a meaning. It is as
// strict as the decoder that reads all others and takes a third of its time, without
// an allocation.
//
// Its methods return the text, which is valid as long as the payload and until the
// next call. Any error leaves the payload to the decoder, which knows what else it
// may be, or what is wrong with it.
type textScanner struct {
	buffer  bytes.Buffer // of the payload, which the decoder reads in place
	decoder jsontext.Decoder
	text    []byte // of a text with escapes
}

// errOther says that a payload is not of that kind.
var errOther = errors.New("not a piece of text alone")

// openAI reads a chunk of a chat with one choice.
func (s *textScanner) openAI(payload []byte) (choice int, text string, err error) {
	choice = -1
	err = s.payload(payload, func(name []byte) error {
		switch string(name) {
		case `"error"`, `"data"`:
			return errOther
		case `"usage"`:
			return s.null()
		case `"id"`, `"model"`:
			return s.name()
		case `"choices"`:
			choice, text, err = s.choices()
			return err
		}
		return s.decoder.SkipValue()
	})
	if err == nil && (choice < 0 || text == "") {
		err = errOther
	}
	return choice, text, err
}

// anthropic reads a content_block_delta with a text_delta.
func (s *textScanner) anthropic(payload []byte) (block int, text string, err error) {
	typed, block := false, -1
	err = s.payload(payload, func(name []byte) error {
		switch string(name) {
		case `"type"`:
			typed = true
			return s.is(`"content_block_delta"`)
		case `"index"`:
			block, err = s.index()
			return err
		case `"delta"`:
			text, err = s.textDelta()
			return err
		case `"error"`, `"message"`, `"usage"`, `"content_block"`, `"content"`, `"id"`, `"model"`, `"stop_reason"`:
			return errOther
		}
		return s.decoder.SkipValue()
	})
	if err == nil && (!typed || block < 0 || text == "") {
		err = errOther
	}
	return block, text, err
}

// textDelta reads the delta of a content_block_delta.
func (s *textScanner) textDelta() (text string, err error) {
	typed := false
	err = s.object(func(name []byte) error {
		switch string(name) {
		case `"type"`:
			typed = true
			return s.is(`"text_delta"`)
		case `"text"`:
			text, err = s.str()
			return err
		}
		return errOther
	})
	if err == nil && !typed {
		err = errOther
	}
	return text, err
}

// ollama reads a line of a chat that is not the last.
func (s *textScanner) ollama(payload []byte) (text string, err error) {
	err = s.payload(payload, func(name []byte) error {
		switch string(name) {
		case `"message"`:
			text, err = s.message(`"thinking"`, `"images"`, `"tool_calls"`)
			return err
		case `"done"`:
			return s.is("false")
		case `"model"`:
			return s.name()
		case `"error"`, `"response"`, `"thinking"`, `"logprobs"`, `"done_reason"`, `"prompt_eval_count"`, `"eval_count"`:
			return errOther
		}
		return s.decoder.SkipValue()
	})
	if err == nil && text == "" {
		err = errOther
	}
	return text, err
}

// payload reads a whole payload, which is an object.
func (s *textScanner) payload(payload []byte, member func(name []byte) error) error {
	s.buffer = *bytes.NewBuffer(payload)
	s.decoder.Reset(&s.buffer)
	if err := s.object(member); err != nil {
		return err
	}
	if _, err := s.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errOther
	}
	return nil
}

// object reads an object and calls member behind each name, which is quoted and
// valid until the next read, to read the value.
func (s *textScanner) object(member func(name []byte) error) error {
	if err := s.begin('{'); err != nil {
		return err
	}
	for s.decoder.PeekKind() != '}' {
		name, err := s.decoder.ReadValue()
		if err != nil {
			return err
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			return errOther // it may be one of those that count
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := s.decoder.ReadToken()
	return err
}

func (s *textScanner) begin(kind jsontext.Kind) error {
	if s.decoder.PeekKind() != kind {
		return errOther
	}
	_, err := s.decoder.ReadToken()
	return err
}

func (s *textScanner) null() error {
	if s.decoder.PeekKind() != 'n' {
		return errOther
	}
	return s.decoder.SkipValue()
}

// name reads a string or null, whichever it is.
func (s *textScanner) name() error {
	if k := s.decoder.PeekKind(); k != '"' && k != 'n' {
		return errOther
	}
	return s.decoder.SkipValue()
}

// choices reads a list of one choice.
func (s *textScanner) choices() (choice int, text string, err error) {
	if err := s.begin('['); err != nil {
		return 0, "", err
	}
	err = s.object(func(name []byte) (err error) {
		switch string(name) {
		case `"index"`:
			choice, err = s.index()
			return err
		case `"delta"`:
			text, err = s.message(`"refusal"`, `"reasoning"`, `"reasoning_content"`, `"tool_calls"`, `"function_call"`, `"annotations"`, `"images"`, `"audio"`)
			return err
		case `"finish_reason"`, `"logprobs"`, `"message"`, `"text"`:
			return s.null()
		}
		return s.decoder.SkipValue()
	})
	if err == nil {
		err = s.begin(']')
	}
	return choice, text, err
}

func (s *textScanner) index() (int, error) {
	raw, err := s.decoder.ReadValue()
	if err != nil || len(raw) == 0 || len(raw) > 2 {
		return 0, errOther
	}
	n := 0
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, errOther
		}
		n = 10*n + int(c-'0')
	}
	return n, nil
}

// message reads a message or a delta whose content is a text. Of members that are
// named in others there must be none but null.
func (s *textScanner) message(others ...string) (text string, err error) {
	err = s.object(func(name []byte) error {
		if string(name) == `"content"` {
			text, err = s.str()
			return err
		}
		for _, other := range others {
			if string(name) == other {
				return s.null()
			}
		}
		return s.decoder.SkipValue()
	})
	return text, err
}

// str reads a string.
func (s *textScanner) str() (string, error) {
	raw, err := s.decoder.ReadValue()
	switch {
	case err != nil || raw.Kind() != '"':
		return "", errOther
	case bytes.IndexByte(raw, '\\') < 0:
		raw = raw[1 : len(raw)-1]
	default:
		if s.text, err = jsontext.AppendUnquote(s.text[:0], raw); err != nil {
			return "", err
		}
		raw = s.text
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw)), nil
}

// is reads a value that has to be written so.
func (s *textScanner) is(want string) error {
	if raw, err := s.decoder.ReadValue(); err != nil || string(raw) != want {
		return errOther
	}
	return nil
}
