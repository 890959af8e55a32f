package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// entry is a record on its way to the disk.
type entry struct {
	json  []byte     // canonical, with 0 in the place of the number
	seqAt int        // where that 0 stands
	seq   uint64     // given when it is queued
	stand uint64     // records it stands for: 1, or those a gap record counts
	since time.Time  // of a gap record, when the first of those was dropped; else zero
	done  chan error // receives one value; nil where nobody waits
}

// encode renders r as RFC 8785 canonical JSON. r is read, not kept or changed.
//
// Where r has an Input, its hash is that of its canonical bytes, whatever r says.
// At log level "none" the hash alone is kept.
func encode(r *engine.Record) (*entry, error) {
	c := *r
	c.Seq = 0
	var err error
	if r.Document != nil || len(r.Input) > 0 {
		if c.Input, c.InputSHA256, err = inputOf(r); err != nil {
			return nil, fmt.Errorf("record of decision %q: input: %w", r.DecisionID, err)
		}
		if r.Log == engine.LogNone {
			c.Input = nil
		}
	}
	if len(r.Decision) > 0 && !r.Canonical {
		if c.Decision, err = canonical(r.Decision); err != nil {
			return nil, fmt.Errorf("record of decision %q: decision: %w", r.DecisionID, err)
		}
	}
	if len(r.Reference) > 0 {
		if c.Reference, err = canonical(r.Reference); err != nil {
			return nil, fmt.Errorf("record of a mismatch: reference: %w", err)
		}
	}
	if len(r.Change) > 0 {
		if c.Change, err = canonical(r.Change); err != nil {
			return nil, fmt.Errorf("record of a candidate's decision %q: change: %w", r.DecisionID, err)
		}
	}
	if r.Query != nil && len(r.Query.Result) > 0 {
		q := *r.Query
		if q.Result, err = canonical(q.Result); err != nil {
			return nil, fmt.Errorf("record of query %q: result: %w", r.DecisionID, err)
		}
		c.Query = &q
	}
	raw, seqAt, err := appendMembers(make([]byte, 0, 1024+len(c.Input)+len(c.Decision)), recordMembers, reflect.ValueOf(&c).Elem())
	if err != nil {
		return nil, fmt.Errorf("record of decision %q: %w", r.DecisionID, err)
	}
	if len(raw) > maxRecordBytes-seqDigits {
		return nil, fmt.Errorf("record of decision %q: %d bytes; a record has at most %d", r.DecisionID, len(raw), maxRecordBytes-seqDigits)
	}
	return &entry{json: raw, seqAt: seqAt, stand: 1}, nil
}

// inputOf is a record's input in canonical form, and the hash of that.
func inputOf(r *engine.Record) (json.RawMessage, string, error) {
	form := func() (b []byte, hash string, err error) {
		if r.Document != nil {
			b, err = documentAppender(make([]byte, 0, 2048), reflect.ValueOf(r.Document).Elem())
		} else {
			b, err = canonical(r.Input)
		}
		sum := sha256.Sum256(b)
		return b, hex.EncodeToString(sum[:]), err
	}
	if r.Document != nil && r.Document.Form != nil {
		return r.Document.Form.Made(form)
	}
	return form()
}
