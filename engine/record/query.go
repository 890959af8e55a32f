package record

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Entry is one result of a query: a decision with its outcome, or a gap. Each is
// the record's canonical JSON, owned by who receives it.
type Entry struct {
	Decision []byte // or a query's record; nil for a gap
	Outcome  []byte // nil: the request is under way, the process died, or only the decision was asked for
	Gap      []byte // records a log in mode best_effort left out here
}

// Query yields the decisions that f chooses, each with its outcome, and every
// gap within f's times: what was left out might have matched. It may run while
// another process writes. An error is yielded once and ends it.
//
// A decision comes when its outcome is found, so the order is that of outcomes;
// those without one come last, in the order of decisions. Memory grows with the
// number of decisions that wait for an outcome, by about a hundred bytes each,
// not with the log.
func Query(dir string, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		q := query{folder: segmentFolder(dir), filter: f, pending: map[string]pending{}, yield: yield}
		err := scanFrames(q.folder, 0, q.frame)
		if err == nil {
			err = q.rest()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Entry{}, err)
		}
	}
}

// errStopped says that whoever ranges over a query has seen enough.
var errStopped = errors.New("stopped")

type query struct {
	folder  folder
	filter  Filter
	pending map[string]pending // by decision id
	yield   func(Entry, error) bool
}

// pending is a decision that waits for its outcome: where it stands, and what of
// the filter is open.
type pending struct {
	seq     uint64
	segment uint64
	off     int64
	open    Filter
}

func (q *query) frame(segment uint64, f frame) error {
	var v view
	if err := json.Unmarshal(f.payload, &v); err != nil {
		// The bytes are those that were written, so a field has another type than
		// here. The error itself would quote it.
		return fmt.Errorf("read decision log: record %d is not of a form that this version knows", f.seq)
	}
	switch v.Kind {
	case engine.RecordGap:
		if q.filter.inTime(v.Time) {
			return q.emit(Entry{Gap: slices.Clone(f.payload)})
		}
	case engine.RecordDecision, engine.RecordQuery:
		ok, open := q.filter.verdictOn(&v)
		switch {
		case !ok:
		case v.Action == engine.ActionAnswer || v.Kind == engine.RecordQuery: // has no outcome
			if open == (Filter{}) {
				return q.emit(Entry{Decision: slices.Clone(f.payload)})
			}
		default:
			q.pending[v.DecisionID] = pending{seq: f.seq, segment: segment, off: f.off, open: open}
		}
	case engine.RecordOutcome:
		p, ok := q.pending[v.DecisionID]
		if !ok {
			return nil
		}
		delete(q.pending, v.DecisionID)
		if p.open.holdsFor(&v) {
			return q.join(p, slices.Clone(f.payload))
		}
	}
	return nil
}

// rest yields the decisions that have no outcome.
func (q *query) rest() error {
	left := make([]pending, 0, len(q.pending))
	for _, p := range q.pending {
		if p.open == (Filter{}) {
			left = append(left, p)
		}
	}
	slices.SortFunc(left, func(a, b pending) int { return int(int64(a.seq - b.seq)) })
	for _, p := range left {
		if err := q.join(p, nil); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) join(p pending, outcome []byte) error {
	f, size, err := q.folder.openToRead(p.segment)
	if err != nil {
		return fmt.Errorf("read decision log: %w", err)
	}
	defer f.Close()
	fr, err := readFrame(f, p.off, size)
	if err == nil && fr.seq != p.seq {
		err = errTorn
	}
	if err != nil {
		return fmt.Errorf("read decision log: %s: record %d again: %w", f.Name(), p.seq, err)
	}
	return q.emit(Entry{Decision: fr.payload, Outcome: outcome})
}

func (q *query) emit(e Entry) error {
	if !q.yield(e, nil) {
		return errStopped
	}
	return nil
}

// WriteJSON writes e as one line: {"decision":{…},"outcome":{…}}, without
// outcome where there is none, or {"gap":{…}}.
func WriteJSON(w io.Writer, e Entry) error {
	line, err := json.Marshal(struct {
		Decision jsontext.Value `json:"decision,omitzero"`
		Outcome  jsontext.Value `json:"outcome,omitzero"`
		Gap      jsontext.Value `json:"gap,omitzero"`
	}{e.Decision, e.Outcome, e.Gap})
	if err != nil {
		return errors.New("write a decision: its record is not JSON")
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
