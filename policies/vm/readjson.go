package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader is kept with a machine, for it has buffers.
type jsonReader struct {
	buffer  bytes.Buffer // of the bytes to be read, which the decoder reads in their place
	decoder *jsontext.Decoder
	text    string // the same bytes; strings are parts of it
	long    bool   // there was a number that a float64 may not hold
}

// sureDigits is how many characters a whole number has at most to be what it is as a
// float64, too.
const sureDigits = 15

// FromJSON reads one JSON value. Names that are there twice and invalid UTF-8 are
// errors; numbers keep their digits. An error does not quote what it found. exact
// says that AppendJSON will give what RFC 8785 gives for b: where it is false, there
// may be a whole number that a float64 does not hold, which RFC 8785 rounds.
func (m *Machine) FromJSON(b []byte) (v Value, exact bool, err error) {
	r := &m.json
	r.buffer, r.text, r.long = *bytes.NewBuffer(b), string(b), false
	if r.decoder == nil {
		r.decoder = jsontext.NewDecoder(&r.buffer)
	} else {
		r.decoder.Reset(&r.buffer)
	}
	defer func() { // so that a machine that rests does not hold the bytes
		r.buffer, r.text = bytes.Buffer{}, ""
		r.decoder.Reset(&r.buffer)
	}()
	if v, err = m.readJSON(); err != nil {
		return Value{}, false, err
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return Value{}, false, errors.New("there is more than one value")
	}
	return v, !r.long, nil
}

func (m *Machine) readJSON() (Value, error) {
	d := m.json.decoder
	switch d.PeekKind() {
	case '"', '0':
		return m.readScalar()
	case '[':
		if _, err := d.ReadToken(); err != nil {
			return Value{}, malformed(d)
		}
		x := m.newArray(0)
		for d.PeekKind() != ']' {
			e, err := m.readJSON()
			if err != nil {
				return Value{}, err
			}
			x.append(&m.arena, e)
		}
		if _, err := d.ReadToken(); err != nil {
			return Value{}, malformed(d)
		}
		return x.value(), nil
	case '{':
		if _, err := d.ReadToken(); err != nil {
			return Value{}, malformed(d)
		}
		o := m.newTable(kindObject, 0)
		for d.PeekKind() != '}' {
			k, err := m.readScalar()
			if err != nil {
				return Value{}, err
			}
			v, err := m.readJSON()
			if err != nil {
				return Value{}, err
			}
			o.add(&m.arena, k, v) // the decoder has seen to it that each name is there once
		}
		if _, err := d.ReadToken(); err != nil {
			return Value{}, malformed(d)
		}
		return o.value(), nil
	}
	t, err := d.ReadToken()
	switch {
	case err != nil:
		return Value{}, malformed(d)
	case t.Kind() == 'n':
		return Null(), nil
	}
	return Bool(t.Bool()), nil
}

// readScalar reads a string, a number or a member's name.
func (m *Machine) readScalar() (Value, error) {
	r := &m.json
	raw, err := r.decoder.ReadValue()
	if err != nil {
		return Value{}, malformed(r.decoder)
	}
	end := int(r.decoder.InputOffset())
	text := r.text[end-len(raw) : end]
	if raw[0] != '"' {
		v := numberOf(&m.arena, text)
		r.long = r.long || len(raw) > sureDigits && integer(text) || v.kind() == kindNumber && math.IsInf(v.number().f, 0)
		return v, nil
	}
	text = text[1 : len(text)-1]
	if bytes.IndexByte(raw, '\\') >= 0 {
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return Value{}, malformed(r.decoder)
		}
		text = string(unquoted)
	}
	return m.program.consts.known(&m.arena, text), nil
}

func malformed(d *jsontext.Decoder) error {
	return fmt.Errorf("the JSON is malformed at byte %d", d.InputOffset())
}
