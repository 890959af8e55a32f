package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// entry is a record on its way to the disk.
type entry struct {
	json  []byte // canonical, with 0 in the place of the number
	seqAt int    // where that 0 stands
	seq   uint64 // given when it is queued
	stand uint64 // records it stands for: 1, or those a gap record counts
	gap   bool
	done  chan error // receives one value; nil where nobody waits
}

// seqMember is the record's number as it stands in a record that has none yet.
var seqMember = []byte(`,"seq":0`)

// encode renders r as RFC 8785 canonical JSON. r is read, not kept or changed.
//
// Where r has an Input, its hash is that of its canonical bytes, whatever r says.
// At log level "none" the hash alone is kept.
func encode(r *engine.Record) (*entry, error) {
	c := *r
	c.Seq = 0
	if len(r.Input) > 0 {
		input, err := canonical(slices.Clone(r.Input))
		if err != nil {
			return nil, fmt.Errorf("record of decision %q: input: %w", r.DecisionID, withoutText(err))
		}
		sum := sha256.Sum256(input)
		c.InputSHA256 = hex.EncodeToString(sum[:])
		c.Input = json.RawMessage(input)
		if r.Log == engine.LogNone {
			c.Input = nil
		}
	}
	raw, err := json.Marshal(&c)
	if err == nil {
		raw, err = canonical(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("record of decision %q: %w", r.DecisionID, withoutText(err))
	}
	if len(raw) > maxRecordBytes-seqDigits {
		return nil, fmt.Errorf("record of decision %q: %d bytes; a record has at most %d", r.DecisionID, len(raw), maxRecordBytes-seqDigits)
	}
	// The member is the last of this form: those sorted behind it hold no object
	// with such a member, and inside a string the quotes would be escaped.
	at := bytes.LastIndex(raw, seqMember)
	if at < 0 {
		return nil, fmt.Errorf("record of decision %q: no place for its number", r.DecisionID)
	}
	return &entry{json: raw, seqAt: at + len(seqMember) - len("0"), stand: 1}, nil
}

// canonical rewrites raw, which it owns, in the form of RFC 8785.
func canonical(raw []byte) ([]byte, error) {
	v := jsontext.Value(raw)
	if err := v.Canonicalize(); err != nil {
		return nil, err
	}
	return v, nil
}

// withoutText keeps what an encoder's error says about the kind and place of a
// mistake and leaves out the value, which can be a part of a prompt.
func withoutText(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("malformed JSON at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*json.UnsupportedValueError](err); ok {
		return fmt.Errorf("a %s that JSON cannot represent", e.Value.Kind())
	}
	return errors.New("it cannot be represented as JSON")
}
