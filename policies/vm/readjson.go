package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader is kept with a machine, for it has buffers.
type jsonReader struct {
	text    bytes.Reader
	decoder *jsontext.Decoder
}

// FromJSON reads one JSON value. Names that are there twice and invalid UTF-8 are
// errors; numbers keep their digits. An error does not quote what it found.
func (m *Machine) FromJSON(b []byte) (Value, error) {
	r := &m.json
	r.text.Reset(b)
	if r.decoder == nil {
		r.decoder = jsontext.NewDecoder(&r.text)
	} else {
		r.decoder.Reset(&r.text)
	}
	v, err := m.readJSON(r.decoder)
	if err != nil {
		return Value{}, err
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("there is more than one value")
	}
	return v, nil
}

func (m *Machine) readJSON(d *jsontext.Decoder) (Value, error) {
	t, err := d.ReadToken()
	if err != nil {
		return Value{}, fmt.Errorf("the JSON is malformed at byte %d", d.InputOffset())
	}
	switch t.Kind() {
	case 'n':
		return Null(), nil
	case 't', 'f':
		return Bool(t.Bool()), nil
	case '"':
		return m.program.consts.known(&m.arena, t.String()), nil
	case '0':
		return numberOf(&m.arena, t.String()), nil
	case '[':
		x := m.newArray(0)
		for d.PeekKind() != ']' {
			e, err := m.readJSON(d)
			if err != nil {
				return Value{}, err
			}
			x.append(&m.arena, e)
		}
		_, err := d.ReadToken()
		return x.value(), err
	}
	o := m.newTable(kindObject, 0)
	for d.PeekKind() != '}' {
		k, err := m.readJSON(d)
		if err != nil {
			return Value{}, err
		}
		v, err := m.readJSON(d)
		if err != nil {
			return Value{}, err
		}
		o.add(&m.arena, k, v) // the decoder has seen to it that each name is there once
	}
	_, err = d.ReadToken()
	return o.value(), err
}
