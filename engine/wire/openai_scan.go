package wire

import (
	"bytes"
	"errors"
	"io"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// chunkScanner reads the chunks that nearly all of a stream consists of: one choice
// that goes on with some text, and nothing else that has a meaning. It is as strict
// as the decoder that reads all others and takes a third of its time, without an
// allocation.
type chunkScanner struct {
	buffer  bytes.Buffer // of the payload, which the decoder reads in place
	decoder jsontext.Decoder
	text    []byte // of a text with escapes
}

// errOther says that a chunk is not of that kind.
var errOther = errors.New("not a chunk of text alone")

// scan returns the choice and the text, which is valid as long as the payload and
// until the next scan. Any error leaves the chunk to the decoder, which knows what
// else it may be, or what is wrong with it.
func (s *chunkScanner) scan(payload []byte) (choice int, text string, err error) {
	s.buffer = *bytes.NewBuffer(payload)
	s.decoder.Reset(&s.buffer)
	choice = -1
	err = s.object(func(name []byte) error {
		switch string(name) {
		case `"error"`, `"data"`:
			return errOther
		case `"usage"`:
			return s.null()
		case `"choices"`:
			choice, text, err = s.choices()
			return err
		}
		return s.decoder.SkipValue()
	})
	if err != nil {
		return 0, "", err
	}
	if _, err := s.decoder.ReadToken(); !errors.Is(err, io.EOF) || choice < 0 || text == "" {
		return 0, "", errOther
	}
	return choice, text, nil
}

// object reads an object and calls member behind each name, which is quoted and
// valid until the next read, to read the value.
func (s *chunkScanner) object(member func(name []byte) error) error {
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

func (s *chunkScanner) begin(kind jsontext.Kind) error {
	if s.decoder.PeekKind() != kind {
		return errOther
	}
	_, err := s.decoder.ReadToken()
	return err
}

func (s *chunkScanner) null() error {
	if s.decoder.PeekKind() != 'n' {
		return errOther
	}
	return s.decoder.SkipValue()
}

// choices reads a list of one choice.
func (s *chunkScanner) choices() (choice int, text string, err error) {
	if err := s.begin('['); err != nil {
		return 0, "", err
	}
	err = s.object(func(name []byte) (err error) {
		switch string(name) {
		case `"index"`:
			choice, err = s.index()
			return err
		case `"delta"`:
			text, err = s.delta()
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

func (s *chunkScanner) index() (int, error) {
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

func (s *chunkScanner) delta() (text string, err error) {
	err = s.object(func(name []byte) error {
		switch string(name) {
		case `"content"`:
			raw, err := s.decoder.ReadValue()
			if err != nil || raw.Kind() != '"' {
				return errOther
			}
			if bytes.IndexByte(raw, '\\') < 0 {
				raw = raw[1 : len(raw)-1]
			} else if s.text, err = jsontext.AppendUnquote(s.text[:0], raw); err != nil {
				return err
			} else {
				raw = s.text
			}
			text = unsafe.String(unsafe.SliceData(raw), len(raw))
			return nil
		case `"refusal"`, `"reasoning"`, `"reasoning_content"`, `"tool_calls"`, `"function_call"`, `"annotations"`, `"images"`, `"audio"`:
			return s.null()
		}
		return s.decoder.SkipValue()
	})
	return text, err
}
