package record

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// inputReader reads recorded decision inputs back. It keeps what inputs have in
// common, so that most of their strings and small objects are read once. It is
// for one goroutine.
type inputReader struct {
	in      engine.Input // filled anew by read
	rounded bool

	strings   memo[string]
	lists     memo[[]string]
	maps      memo[map[string]string]
	facts     memo[engine.ClassifierFacts]
	principal memo[engine.Principal]
	targets   memo[*targetForm]
	row       [64]*targetForm // of the input before, in order

	// Of classifiers that are not remembered: no input outlives the next.
	findings spareMaps[engine.FindingFacts]
	scores   spareMaps[float64]
}

// spareMaps are maps to read into.
type spareMaps[V any] struct {
	all  []map[string]V
	used int
}

func (m *spareMaps[V]) next() map[string]V {
	if m.used == len(m.all) {
		m.all = append(m.all, map[string]V{})
	}
	m.used++
	return m.all[m.used-1]
}

// read decodes the input at s into memory that the next call reuses and that is
// shared with other inputs. It fails s where what stands there is not an input of
// a form this version knows; rounded says that it holds a number whose last
// digits the record lost.
func (r *inputReader) read(s *scan) (in *engine.Input, rounded bool) {
	r.rounded, r.findings.used, r.scores.used = false, 0, 0
	classifiers, targets := r.in.Classifiers, r.in.Targets
	r.in = engine.Input{}
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "time":
			r.in.Time = s.unquote(s.quoted()) // seldom seen again
		case "request":
			r.request(s, &r.in.Request)
		case "principal":
			r.in.Principal = remember(r, &r.principal, s, r.readPrincipal)
		case "classifiers":
			r.in.Classifiers = readMap(r, s, classifiers, r.classifier)
		case "budget":
			r.budget(s, &r.in.Budget)
		case "usage":
			r.usage(s, &r.in.Usage)
		case "targets":
			r.in.Targets = r.readTargets(s, targets)
		default:
			s.fail()
		}
	}
	return &r.in, r.rounded
}

func (r *inputReader) request(s *scan, q *engine.InputRequest) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "dialect":
			q.Dialect = r.text(s)
		case "operation":
			q.Operation = r.text(s)
		case "model":
			q.Model = r.text(s)
		case "stream":
			q.Stream = s.boolean()
		case "prompt_tokens":
			q.PromptTokens = int(s.integer(&r.rounded))
		case "prompt_bytes":
			q.PromptBytes = int(s.integer(&r.rounded))
		case "max_output_tokens":
			q.MaxOutputTokens = int(s.integer(&r.rounded))
		case "messages":
			q.Messages = int(s.integer(&r.rounded))
		case "tools":
			q.Tools = r.list(s)
		case "modalities":
			q.Modalities = r.list(s)
		case "metadata":
			q.Metadata = r.textMap(s)
		case "headers":
			q.Headers = r.textMap(s)
		default:
			s.fail()
		}
	}
}

func (r *inputReader) readPrincipal(s *scan) (p engine.Principal) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "id":
			p.ID = r.text(s)
		case "tenant":
			p.Tenant = r.text(s)
		case "roles":
			p.Roles = r.list(s)
		case "attributes":
			p.Attributes = r.textMap(s)
		case "authenticated":
			p.Authenticated = s.boolean()
		default:
			s.fail()
		}
	}
	return p
}

// classifier remembers what a classifier says that found nothing. Scores have more
// digits than that, and are seldom seen again.
func (r *inputReader) classifier(s *scan, _ []byte) engine.ClassifierFacts {
	const nothing = len(`{"findings":{},"scores":{}}`)
	if len(s.b)-s.i >= nothing && s.b[s.i+nothing-1] == '}' && s.b[s.i+nothing-2] == '}' {
		return remember(r, &r.facts, s, r.readNoFacts)
	}
	return r.readFacts(s, r.findings.next(), r.scores.next())
}

func (r *inputReader) readNoFacts(s *scan) engine.ClassifierFacts { return r.readFacts(s, nil, nil) }

// readFacts reads into the maps where there are some.
func (r *inputReader) readFacts(s *scan, findings map[string]engine.FindingFacts, scores map[string]float64) (f engine.ClassifierFacts) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "findings":
			f.Findings = readMap(r, s, findings, r.finding)
		case "scores":
			f.Scores = readMap(r, s, scores, func(s *scan, _ []byte) float64 { return s.float() })
		case "error":
			f.Error = r.text(s)
		default:
			s.fail()
		}
	}
	return f
}

func (r *inputReader) finding(s *scan, _ []byte) (f engine.FindingFacts) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "count":
			f.Count = int(s.integer(&r.rounded))
		case "max_score":
			f.MaxScore = s.float()
		default:
			s.fail()
		}
	}
	return f
}

func (r *inputReader) budget(s *scan, b *engine.InputBudget) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "ttft_ms":
			b.TTFTMs = s.integer(&r.rounded)
		case "tpot_ms":
			b.TPOTMs = s.integer(&r.rounded)
		case "total_ms":
			b.TotalMs = s.integer(&r.rounded)
		default:
			s.fail()
		}
	}
}

func (r *inputReader) usage(s *scan, u *engine.InputUsage) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "spent_usd":
			r.spent(s, &u.SpentUSD)
		case "requests_per_minute":
			u.RequestsPerMinute = int(s.integer(&r.rounded))
		default:
			s.fail()
		}
	}
}

func (r *inputReader) spent(s *scan, u *engine.SpentUSD) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "hour":
			u.Hour = s.float()
		case "day":
			u.Day = s.float()
		case "month":
			u.Month = s.float()
		default:
			s.fail()
		}
	}
}

// targetForm is a target as it was last read under its name: the bytes around the
// one fact that differs with every request. It makes most of a target a comparison
// of bytes.
type targetForm struct {
	name          string
	before, after string // of the number, the name included; "": not kept
	facts         engine.TargetFacts
}

// at reads what stands at s where it is this target but for its cost.
func (f *targetForm) at(s *scan) (cost float64, ok bool) {
	start := s.i
	if f.before != "" && s.literal(f.before) {
		if cost = s.float(); s.bad || s.literal(f.after) {
			return cost, true
		}
		s.i = start
	}
	return 0, false
}

// readTargets reads targets into m where there is one. null is nil. One input mostly
// has the targets of the one before.
func (r *inputReader) readTargets(s *scan, m map[string]engine.TargetFacts) map[string]engine.TargetFacts {
	if s.null() {
		return nil
	}
	if clear(m); m == nil {
		m = map[string]engine.TargetFacts{}
	}
	n := 0
	for more := s.enter('{'); more; more = s.another('{') {
		place := n % len(r.row)
		f := r.row[place]
		cost, ok := 0.0, false
		if f != nil {
			cost, ok = f.at(s)
		}
		if !ok {
			f, cost = r.target(s)
			r.row[place] = f
		}
		t := f.facts
		t.CostEstimate = cost
		m[f.name] = t
		n++
	}
	if len(m) != n { // a name was given twice
		s.fail()
	}
	return m
}

// target reads a target that is another one than in the input before, and its name.
func (r *inputReader) target(s *scan) (*targetForm, float64) {
	start := s.i
	quoted := s.quoted()
	if known, ok := r.targets.m[string(quoted)]; ok {
		s.i = start
		if cost, ok := known.at(s); ok {
			return known, cost
		}
		s.quoted()
	}
	f := &targetForm{name: r.kept(s, quoted)}
	if !s.next(':') {
		s.fail()
	}
	costAt, costEnd := 0, 0
	f.facts = r.readTarget(s, &costAt, &costEnd)
	if !s.bad && costEnd > 0 && s.i-start <= memoKeyBytes {
		f.before, f.after = string(s.b[start:costAt]), string(s.b[costEnd:s.i])
		r.targets.put(quoted, f)
	}
	return f, f.facts.CostEstimate
}

// readTarget reads a target and says where the number of its cost stands.
func (r *inputReader) readTarget(s *scan, costAt, costEnd *int) (t engine.TargetFacts) {
	var prev []byte
	for more := s.enter('{'); more; more = s.another('{') {
		switch string(s.name(&prev)) {
		case "target":
			t.Target = r.text(s)
		case "posture":
			t.Posture = r.text(s)
		case "dialect":
			t.Dialect = r.text(s)
		case "jurisdiction":
			t.Jurisdiction = r.text(s)
		case "attributes":
			t.Attributes = r.textMap(s)
		case "model":
			t.Model = r.text(s)
		case "quality":
			t.Quality = s.float()
		case "cost_estimate_usd":
			*costAt = s.i
			t.CostEstimate = s.float()
			*costEnd = s.i
		case "healthy":
			t.Healthy = s.boolean()
		case "stand_in":
			t.StandIn = s.boolean()
		default:
			s.fail()
		}
	}
	return t
}

func (r *inputReader) text(s *scan) string { return r.kept(s, s.quoted()) }

// kept is the string that stands quoted in a record. One that was read before has
// been checked before.
func (r *inputReader) kept(s *scan, quoted []byte) string {
	if v, ok := r.strings.m[string(quoted)]; ok {
		return v
	}
	v := s.unquote(quoted)
	if !s.bad {
		r.strings.put(quoted, v)
	}
	return v
}

func (r *inputReader) list(s *scan) []string { return remember(r, &r.lists, s, r.readList) }

func (r *inputReader) readList(s *scan) []string {
	if s.null() {
		return nil
	}
	list := []string{}
	for more := s.enter('['); more; more = s.another('[') {
		list = append(list, r.text(s))
	}
	return list
}

func (r *inputReader) textMap(s *scan) map[string]string {
	return remember(r, &r.maps, s, r.readTextMap)
}

func (r *inputReader) readTextMap(s *scan) map[string]string {
	return readMap(r, s, nil, func(s *scan, _ []byte) string { return r.text(s) })
}

// readMap reads an object of any names, into m where there is one. null is nil.
func readMap[V any](r *inputReader, s *scan, m map[string]V, value func(s *scan, name []byte) V) map[string]V {
	if s.null() {
		return nil
	}
	if clear(m); m == nil {
		m = map[string]V{}
	}
	n := 0
	for more := s.enter('{'); more; more = s.another('{') {
		quoted := s.quoted()
		name := r.kept(s, quoted)
		if !s.next(':') {
			s.fail()
		}
		m[name] = value(s, quoted)
		n++
	}
	if len(m) != n { // a name was given twice
		s.fail()
	}
	return m
}

// memo keeps values by the bytes they were read from. It is emptied when it has
// become large, which is cheaper than to know what was used last.
type memo[V any] struct {
	m     map[string]V
	bytes int
}

// Bounds of one memo, and of one of its keys: what is longer is seldom seen again.
const (
	memoBytes      = 1 << 20
	memoKeyBytes   = 512
	memoEntryBytes = 128 // about, of an entry beside its key
)

func (m *memo[V]) put(key []byte, v V) {
	if len(key) > memoKeyBytes {
		return
	}
	if m.m == nil || m.bytes > memoBytes {
		m.m, m.bytes = map[string]V{}, 0
	}
	if _, replaced := m.m[string(key)]; !replaced {
		m.bytes += len(key) + memoEntryBytes
	}
	m.m[string(key)] = v
}

// remember reads the value at s with read, unless the same bytes were read
// before. What it returns is shared.
func remember[V any](r *inputReader, m *memo[V], s *scan, read func(*scan) V) V {
	start := s.i
	raw := s.skip()
	if v, ok := m.m[string(raw)]; ok {
		return v
	}
	end := s.i
	s.i = start
	v := read(s)
	if s.i != end {
		s.fail()
	}
	if !s.bad && !r.rounded { // a number that was rounded has to show each time
		m.put(raw, v)
	}
	return v
}
