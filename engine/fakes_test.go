package engine

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// The fakes of this package's tests: the smallest thing behind each interface.

type fakeClassifier struct {
	info   ClassifierInfo
	report Report
	err    error
	find   func(texts []*Text) Report // instead of report
	saw    []string
}

func (c *fakeClassifier) Info() ClassifierInfo { return c.info }

func (c *fakeClassifier) Classify(_ context.Context, texts []*Text) (Report, error) {
	for _, t := range texts {
		c.saw = append(c.saw, t.Value)
	}
	if c.find != nil {
		return c.find(texts), c.err
	}
	return c.report, c.err
}

type fakeDecider struct {
	decide func(in *Input) (*Decision, error)
}

func (d fakeDecider) Revision() string { return "sha256:test" }

func (d fakeDecider) Decide(_ context.Context, in *Input) (*Decision, error) {
	dec, err := d.decide(in)
	if dec != nil && dec.Raw == nil {
		dec.Raw, _ = json.Marshal(dec)
	}
	return dec, err
}

func allowing(o Obligations) fakeDecider {
	return fakeDecider{func(*Input) (*Decision, error) { return &Decision{Allow: true, Obligations: o}, nil }}
}

// fakeScheduler tries the permitted candidates in their order.
type fakeScheduler struct {
	mu       sync.Mutex
	plan     func(q *PlanQuery) Plan // instead
	running  int
	samples  []Sample
	lastPlan PlanQuery
}

func (s *fakeScheduler) Plan(q *PlanQuery, _ time.Time) Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastPlan = *q
	if s.plan != nil {
		return s.plan(q)
	}
	var p Plan
	for _, c := range q.Permitted {
		p.Attempts = append(p.Attempts, Attempt{Candidate: c})
		p.Considered = append(p.Considered, Consideration{Key: c.Key})
	}
	return p
}

func (s *fakeScheduler) Begin(string, string, int, time.Time) {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
}

func (s *fakeScheduler) End(sample Sample, _ time.Time) {
	s.mu.Lock()
	s.running--
	s.samples = append(s.samples, sample)
	s.mu.Unlock()
}

type fakeForwarder struct {
	mu         sync.Mutex
	candidates []Candidate
	forward    func(ctx context.Context, a *Attempt, sink Sink) (Usage, error)
	tried      []string
	fit        func(c *Candidate) ([]Loss, *RequestError) // nil: all of them take all
	asked      []string                                   // for their fit
}

func (f *fakeForwarder) Models() []string { return []string{"m"} }

func (f *fakeForwarder) Candidates(req *Request) []Candidate {
	if req.Model == "unknown" {
		return nil
	}
	return f.candidates
}

func (f *fakeForwarder) Fit(_ *Request, c *Candidate, _ int) ([]Loss, *RequestError) {
	f.mu.Lock()
	f.asked = append(f.asked, c.Key)
	f.mu.Unlock()
	if f.fit == nil {
		return nil, nil
	}
	return f.fit(c)
}

func (f *fakeForwarder) Forward(ctx context.Context, a *Attempt, sink Sink) (Usage, error) {
	f.mu.Lock()
	f.tried = append(f.tried, a.Candidate.Key)
	f.mu.Unlock()
	if f.forward != nil {
		return f.forward(ctx, a, sink)
	}
	return answer(sink, "hello")
}

// answer is a whole reply of one word.
func answer(sink Sink, text string) (Usage, error) {
	for _, f := range []Frame{
		{Dialect: DialectOpenAI, Events: []Event{{Kind: EventStart, ID: "r1"}}},
		{Dialect: DialectOpenAI, Events: []Event{{Kind: EventText, Text: text}}},
		{Dialect: DialectOpenAI, Events: []Event{{Kind: EventFinish, Finish: FinishStop}, {Kind: EventEnd}}},
	} {
		if err := sink.Frame(&f); err != nil {
			return Usage{}, err
		}
	}
	return Usage{Input: 10, Output: 2}, nil
}

type fakeRecorder struct {
	mu      sync.Mutex
	records []Record
	err     error
	onWrite func(*Record)
}

func (r *fakeRecorder) Record(_ context.Context, rec *Record) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.onWrite != nil {
		r.onWrite(rec)
	}
	if r.err != nil {
		return 0, r.err
	}
	r.records = append(r.records, *rec)
	return uint64(len(r.records)), nil
}

type fakeSink struct {
	started int
	head    ReplyHead
	text    string
	frames  int
	onFrame func() error
}

func (s *fakeSink) Start(h ReplyHead) error {
	s.started++
	s.head = h
	return nil
}

func (s *fakeSink) Frame(f *Frame) error {
	s.frames++
	for _, e := range f.Events {
		s.text += e.Text
	}
	if s.onFrame != nil {
		return s.onFrame()
	}
	return nil
}

// rig is an engine with a fake behind every interface.
type rig struct {
	*Engine
	forwarder *fakeForwarder
	scheduler *fakeScheduler
	recorder  *fakeRecorder
	sink      *fakeSink
}

func newRig(d Decider, classifiers ...Classifier) *rig {
	r := &rig{
		forwarder: &fakeForwarder{candidates: []Candidate{candidate("a", "cloud"), candidate("b", "air_gapped")}},
		scheduler: &fakeScheduler{}, recorder: &fakeRecorder{}, sink: &fakeSink{},
	}
	r.Engine = New(Config{
		Snapshot: &Snapshot{Classifiers: classifiers, Decider: d, Forwarder: r.forwarder, Keys: &Keyring{},
			Budgets: BudgetDefaults{Total: time.Minute, MaxTotal: 10 * time.Minute}},
		Scheduler: r.scheduler, Recorder: r.recorder,
	})
	return r
}

func candidate(name, posture string) Candidate {
	return Candidate{Key: name, Target: name, Model: "m", Supports: true,
		Price: Price{Input: 1, Output: 2, Known: true},
		Facts: TargetFacts{Target: name, Posture: posture, Model: "m", Healthy: true}}
}

func request(text string) *Request {
	t := &Text{Role: RoleUser, Kind: KindText, Value: text}
	return &Request{
		Dialect: DialectOpenAIChat, Operation: OpChat, Model: "m", Stream: true,
		Messages: []Message{{Role: RoleUser, Parts: []Part{{Text: t}}}}, Texts: []*Text{t},
		Principal: Principal{ID: "p", Tenant: "t", Authenticated: true},
	}
}

// finder is a classifier that finds every occurrence of the words.
func finder(name, kind string, words ...string) *fakeClassifier {
	return &fakeClassifier{
		info: ClassifierInfo{Name: name, SHA256: "00"},
		find: func(texts []*Text) Report {
			var r Report
			for i, t := range texts {
				for _, w := range words {
					for at := 0; at+len(w) <= len(t.Value); at++ {
						if t.Value[at:at+len(w)] == w {
							r.Findings = append(r.Findings, Finding{Kind: kind, Score: 1, Text: i, Span: Span{at, at + len(w)}})
						}
					}
				}
			}
			return r
		},
	}
}
