package record

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sallyport-ai/sallyport/engine"
)

// Recorded is a decision as its record has it, ready to be made again. It is valid
// until the function it was given to returns, and what it holds must not be
// changed: parts of it are shared with other decisions. Strings may be kept.
type Recorded struct {
	Seq        uint64
	Time       string // RFC 3339, UTC
	DecisionID string
	Tenant     string
	Principal  string   // id of who asked
	Revision   string   // of the policy that decided
	Verdict    string   // allow, deny
	Controls   []string // labels of the rules that fired
	// Decision is the policy's answer as it was recorded, in canonical JSON; nil:
	// the policy failed on this input, which denied.
	Decision []byte
	// Input is everything the decision was made on; nil: it cannot be made again,
	// and Obstacle says why.
	Input    *engine.Input
	Obstacle Obstacle
}

// Obstacle is a stable code of why a decision cannot be made again; "": it can.
type Obstacle string

// What keeps a decision from being made again.
const (
	// InputNotKept: policy obliged log = "none", so the record holds the input's hash alone.
	InputNotKept Obstacle = "input_not_kept"
	// InputUnknown: the input is not of a form that this version knows.
	InputUnknown Obstacle = "input_form_unknown"
	// InputRounded: the input holds a whole number of 2^53 or more, whose last
	// digits canonical JSON does not keep. Only documents of POST /v1/decisions can.
	InputRounded Obstacle = "input_rounded"
	// Interrupted: the evaluation was cut short, by its time limit or because the
	// client left. That was no property of the input.
	Interrupted Obstacle = "interrupted"
	// RecordUnknown: the record is not of a form that this version knows.
	RecordUnknown Obstacle = "record_form_unknown"
)

// SameDecision says whether two decisions are the same once the second is in the
// form that records have.
func SameDecision(recorded, raw []byte) bool {
	if bytes.Equal(recorded, raw) {
		return true
	}
	c, err := canonical(raw)
	return err == nil && bytes.Equal(recorded, c)
}

// recordReader reads records for one goroutine.
type recordReader struct {
	filter   Filter
	input    inputReader
	scan     scan
	recorded Recorded // filled anew by read
	dropped  uint64   // of the last gap
}

type readKind uint8

const (
	recordOther readKind = iota
	recordChosen
	recordGap
)

// read reads a record of any kind. A decision that the filter chooses is valid
// until the next call.
func (r *recordReader) read(raw []byte) (*Recorded, readKind) {
	r.scan = scan{b: raw}
	s, d := &r.scan, &r.recorded
	*d = Recorded{}
	d.Obstacle = InputNotKept
	var kind, input, reasons []byte
	r.dropped = 0
	var rounded bool
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "decided":
			return nil, recordOther // an outcome, and nothing in it is of interest
		case "kind":
			kind = s.quoted()
		case "seq":
			d.Seq = uint64(s.integer(&rounded))
		case "time":
			d.Time = s.unquote(s.quoted()) // seldom seen again
		case "decision_id":
			d.DecisionID = s.unquote(s.quoted())
		case "principal":
			p := remember(&r.input, &r.input.principal, s, r.input.readPrincipal)
			d.Tenant, d.Principal = p.Tenant, p.ID
		case "policy":
			d.Revision = r.revision(s)
		case "verdict":
			d.Verdict = r.input.text(s)
		case "controls":
			d.Controls = r.input.list(s)
		case "decision":
			d.Decision = s.skip()
		case "reasons":
			reasons = s.skip()
		case "input":
			if r.filter == (Filter{}) {
				r.readInput(s)
			} else {
				input = s.skip() // most are not chosen
			}
		case "gap":
			r.dropped = r.gap(s)
		default:
			s.skip()
		}
	}
	switch {
	case s.bad || s.i != len(raw):
	case string(kind) == engine.RecordOutcome, string(kind) == engine.RecordQuery:
		return nil, recordOther
	case string(kind) == engine.RecordGap:
		return nil, r.inTime(recordGap)
	case string(kind) == engine.RecordDecision:
		if r.choose() == recordOther {
			return nil, recordOther
		}
		if input != nil {
			r.readInput(&scan{b: input})
		}
		if d.Decision == nil && interrupted(reasons) {
			d.Input, d.Obstacle = nil, Interrupted
		}
		return d, recordChosen
	}
	*d = Recorded{Obstacle: RecordUnknown}
	return d, recordChosen
}

func (r *recordReader) revision(s *scan) (revision string) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		if string(s.name(&prev)) == "revision" {
			revision = r.input.text(s)
		} else {
			s.skip()
		}
	}
	return revision
}

func (r *recordReader) gap(s *scan) (dropped uint64) {
	var rounded bool
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		if string(s.name(&prev)) == "count" {
			dropped = uint64(s.integer(&rounded))
		} else {
			s.skip()
		}
	}
	return dropped
}

// inTime is kind where the record lies within the filter's times.
func (r *recordReader) inTime(kind readKind) readKind {
	if r.filter.Since.IsZero() && r.filter.Until.IsZero() {
		return kind
	}
	t, err := time.Parse(time.RFC3339, r.recorded.Time)
	if err == nil && r.filter.inTime(t) {
		return kind
	}
	return recordOther
}

// choose applies what of a filter a decision's own record settles.
func (r *recordReader) choose() readKind {
	f, d := &r.filter, &r.recorded
	if is(f.Tenant, d.Tenant) && is(f.Principal, d.Principal) && is(f.Verdict, d.Verdict) && is(f.DecisionID, d.DecisionID) {
		return r.inTime(recordChosen)
	}
	return recordOther
}

// readInput reads the input at s and sets what it comes to.
func (r *recordReader) readInput(s *scan) {
	d := &r.recorded
	start := s.i
	in, rounded := r.input.read(s)
	d.Input, d.Obstacle = in, ""
	if s.bad {
		d.Input, d.Obstacle = nil, InputUnknown
		s.bad, s.i = false, start
		s.skip()
	} else if rounded {
		d.Input, d.Obstacle = nil, InputRounded
	}
}

// interrupted says whether the reasons of a denial without a decision name a
// policy that was not let finish.
func interrupted(reasons []byte) bool {
	var of []code
	return json.Unmarshal(reasons, &of) == nil && len(of) > 0 &&
		slices.ContainsFunc(of, func(c code) bool { return c.Code == engine.ReasonPolicyInterrupted })
}
