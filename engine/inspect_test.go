package engine

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patterns is a classifier that finds what its expressions match, by kind.
func patterns(name string, kinds map[string]string) *fakeClassifier {
	var compiled []*regexp.Regexp
	var names []string
	for _, kind := range []string{"EMAIL", "CARD", "KEY"} {
		if p, ok := kinds[kind]; ok {
			compiled, names = append(compiled, regexp.MustCompile(p)), append(names, kind)
		}
	}
	return &fakeClassifier{
		info: ClassifierInfo{Name: name, SHA256: "00"},
		find: func(texts []*Text) Report {
			var r Report
			for i, t := range texts {
				for k, p := range compiled {
					for _, at := range p.FindAllStringIndex(t.Value, -1) {
						r.Findings = append(r.Findings, Finding{Kind: names[k], Score: 1, Text: i, Span: Span{at[0], at[1]}})
					}
				}
			}
			return r
		},
	}
}

func scanner() *fakeClassifier {
	return patterns("pii", map[string]string{
		"EMAIL": `[a-z0-9.]+@[a-z0-9.]+\.org`,
		"CARD":  `[0-9]{4}(?: [0-9]{4}){3}`,
		"KEY":   `-----BEGIN [A-Z ]*-----(?:[A-Za-z0-9/+=\n]*-----END [A-Z ]*-----)?`,
	})
}

// inspected is a rig whose policy obliges to read replies, and whose target sends
// the frames.
func inspected(o Obligations, c Classifier, frames ...Frame) *rig {
	if o.InspectCompletion == nil {
		o.InspectCompletion = []string{"pii"}
	}
	r := newRig(allowing(o), c)
	r.forwarder.forward = func(_ context.Context, _ *Attempt, sink Sink) (Usage, error) {
		for i := range frames {
			if err := sink.Frame(&frames[i]); err != nil {
				return Usage{Input: 7, Output: 3}, err
			}
		}
		return Usage{Input: 10, Output: 5}, nil
	}
	return r
}

// pieces are the frames of a reply whose text comes in pieces.
func pieces(kind EventKind, texts ...string) []Frame {
	frames := []Frame{{Dialect: DialectOpenAI, Raw: []byte("raw"), Events: []Event{{Kind: EventStart, ID: "r1"}}}}
	for _, text := range texts {
		frames = append(frames, Frame{Dialect: DialectOpenAI, Raw: []byte("raw"), Events: []Event{{Kind: kind, Text: text}}})
	}
	return append(frames, Frame{Dialect: DialectOpenAI, Raw: []byte("raw"), Events: []Event{{Kind: EventFinish, Finish: FinishStop}}},
		Frame{Dialect: DialectOpenAI, Raw: []byte("[DONE]"), Events: []Event{{Kind: EventEnd}}})
}

// findingText is longer than the window, with values at its edges and in its
// middle, of one word and of several.
func findingText() string {
	var b strings.Builder
	b.WriteString("ann@x.org first. ")
	for i := range 6 {
		b.WriteString("Some prose that goes on for a while, with déjà vu and 中文字符. ")
		switch i % 4 {
		case 0:
			b.WriteString("Write to bob@example.org or pay with 4111 1111 1111 1111, ")
		case 1:
			b.WriteString("to ann@x.org,ann@x.org\n")
		case 2:
			b.WriteString("<EMAIL_1> <EMA ")
		}
	}
	b.WriteString("-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("QUJDREVGR0hJSktM\n", 20) + "-----END PRIVATE KEY-----\n")
	b.WriteString("Last: " + strings.Repeat("x", 400) + "@long.org")
	return b.String()
}

// However a stream is cut, the same text comes out, in which nothing is found: that
// of a reply that came whole.
func TestInspectAtEveryCut(t *testing.T) {
	text := findingText()
	run := func(texts []string) (string, *Completion) {
		r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, scanner(), pieces(EventText, texts...)...)
		out := r.Handle(t.Context(), request("hello"), r.sink)
		if out.Status != 200 || out.Completion == nil {
			t.Fatalf("%d %s", out.Status, out.Message)
		}
		return r.sink.text, out.Completion
	}
	want, found := run([]string{text})
	places := newPlaceholders(nil)
	report, _ := scanner().Classify(t.Context(), []*Text{{Value: text}})
	if whole, _ := places.replace(text, report.Findings); whole != want {
		t.Fatal(cmp.Diff(whole, want))
	}
	if d := cmp.Diff(&Completion{OnFinding: OnFindingRedact, Action: OnFindingRedact, Findings: []CompletionFinding{
		{"pii", "EMAIL", 8, 1}, {"pii", "CARD", 2, 1}, {"pii", "KEY", 1, 1}}}, found); d != "" {
		t.Error(d)
	}
	check := func(name string, texts []string) {
		t.Helper()
		got, counted := run(texts)
		if got != want {
			t.Fatalf("%s: %s", name, cmp.Diff(want, got))
		}
		if d := cmp.Diff(found, counted); d != "" {
			t.Fatalf("%s: %s", name, d)
		}
	}
	for i := range len(text) + 1 {
		check("cut in two", []string{text[:i], text[i:]})
	}
	check("cut at every byte", strings.Split(strings.ToValidUTF8(text, "?"), ""))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		var texts []string
		for rest := text; rest != ""; {
			n := 1 + rng.IntN(min(len(rest), 1+rng.IntN(400)))
			texts, rest = append(texts, rest[:n]), rest[n:]
		}
		check("random cuts", texts)
	}
}

// What went out of a stream never holds a part of a finding, at any time.
func TestInspectNeverSendsHalfAFinding(t *testing.T) {
	text := findingText()
	report, _ := scanner().Classify(t.Context(), []*Text{{Value: text}})
	for _, mode := range []string{OnFindingRedact, OnFindingDeny} {
		first := len(text)
		for _, f := range report.Findings {
			first = min(first, f.Span.Start)
		}
		r := inspected(Obligations{OnCompletionFinding: mode}, scanner(), pieces(EventText, strings.Split(text, "")...)...)
		held := 0
		out := r.Handle(t.Context(), request("hello"), r.sink)
		for _, word := range []string{"@", "4111", "BEGIN", "QUJD"} {
			held += strings.Count(r.sink.text, word)
		}
		if held > 0 {
			t.Errorf("%s: %q went out", mode, r.sink.text)
		}
		if mode == OnFindingDeny && (out.Code != CodePolicyDenied || len(r.sink.text) > first) {
			t.Errorf("%s: %s, %q", mode, out.Code, r.sink.text)
		}
	}
}

// The first text goes on when the window is full, and the rest follows it.
func TestInspectWindow(t *testing.T) {
	text := strings.Repeat("word ", 400)
	r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, scanner())
	r.forwarder.forward = func(_ context.Context, _ *Attempt, sink Sink) (Usage, error) {
		for i := range len(text) {
			if err := sink.Frame(&Frame{Events: []Event{{Kind: EventText, Text: text[i : i+1]}}}); err != nil {
				return Usage{}, err
			}
			if behind := i + 1 - len(r.sink.text); behind > lookahead+step+len("word ")+1 {
				t.Fatalf("%d bytes are held", behind)
			}
		}
		return Usage{}, sink.Frame(&Frame{Events: []Event{{Kind: EventFinish}, {Kind: EventEnd}}})
	}
	if out := r.Handle(t.Context(), request("hello"), r.sink); out.Status != 200 || r.sink.text != text || out.Completion.Action != CompletionPass {
		t.Errorf("%d, %d bytes, %+v", out.Status, len(r.sink.text), out.Completion)
	}
	if r.sink.frames < 20 {
		t.Errorf("%d bytes came in %d frames", len(text), r.sink.frames)
	}
}

// A value without an end is not held for ever, nor sent.
func TestInspectEndlessFinding(t *testing.T) {
	text := strings.Repeat("a", 100<<10) + "@x.org and so on"
	r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, patterns("pii", map[string]string{"EMAIL": `a+(@x\.org)?`}), pieces(EventText, text)...)
	out := r.Handle(t.Context(), request("hello"), r.sink)
	if out.Status != 200 || !strings.HasSuffix(r.sink.text, "nd so on") || strings.Contains(r.sink.text, "aa") {
		t.Errorf("%d: %.200q", out.Status, r.sink.text)
	}
}

func TestInspectDeny(t *testing.T) {
	long := strings.Repeat("harmless words ", 60)
	for _, test := range []struct {
		name   string
		frames []Frame
		stream bool
		sent   bool
	}{
		{"unary", pieces(EventText, "mail ann@x.org"), false, false},
		{"short stream", pieces(EventText, "mail ", "ann@", "x.org"), true, false},
		{"later in a stream", pieces(EventText, long, "mail ann@", "x.org ", long), true, true},
		{"at the end of a stream", pieces(EventText, long, "mail ann@", "x.org"), true, true},
		{"reasoning", pieces(EventReasoning, "ann@x.org"), true, false},
		{"refusal", pieces(EventRefusal, "ann@x.org"), true, false},
		{"arguments", pieces(EventToolArgs, `{"to":"ann\u0040x.org"}`), true, false},
		{"name of an argument", pieces(EventToolArgs, `{"ann@x.org":1}`), true, false},
		{"number in arguments", pieces(EventToolArgs, `{"card": "4111 1111 1111 1111"}`), true, false},
		{"broken arguments", pieces(EventToolArgs, `{"to":"ann@x.org`), true, false},
		{"name of a tool", []Frame{{Events: []Event{{Kind: EventToolCall, Name: "mail_ann@x.org"}}}}, true, false},
		{"without an end", pieces(EventText, "ann@x.org")[:2], true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := inspected(Obligations{OnCompletionFinding: OnFindingDeny}, scanner(), test.frames...)
			req := request("hello")
			req.Stream = test.stream
			out := r.Handle(t.Context(), req, r.sink)
			if out.Status != 403 || out.Code != CodePolicyDenied || out.Action != ActionDeny || out.Verdict != Allow || out.Sent != test.sent {
				t.Errorf("%d %s, %s, %s, sent %t", out.Status, out.Code, out.Action, out.Verdict, out.Sent)
			}
			if len(out.Reasons) == 0 || out.Reasons[0].Code != ReasonCompletionFinding {
				t.Errorf("reasons %+v", out.Reasons)
			}
			if strings.Contains(r.sink.text+out.Message+out.Reasons[0].Message, "ann") || strings.Contains(r.sink.text, "4111") {
				t.Errorf("%q went out, %s, %v", r.sink.text, out.Message, out.Reasons)
			}
			last := r.recorder.records[len(r.recorder.records)-1]
			if last.Kind != RecordOutcome || last.Action != ActionDeny || len(last.Reasons) == 0 || last.Completion.Action != OnFindingDeny ||
				last.Completion.Findings[0].Count != 1 || last.Attempts[0].Error != "reply_refused" || last.Outcome.CostUSD == 0 {
				t.Errorf("record %+v", last)
			}
			if s := r.scheduler.samples; len(s) != 1 || s[0].Failed || !s[0].Cancelled {
				t.Errorf("samples %+v", s)
			}
			if len(r.forwarder.tried) != 1 {
				t.Errorf("tried %v", r.forwarder.tried)
			}
		})
	}
}

func TestInspectReport(t *testing.T) {
	for _, stream := range []bool{false, true} {
		frames := pieces(EventText, "mail ann@", "x.org now")
		frames = append(frames[:3], append([]Frame{{Events: []Event{{Kind: EventToolCall, Name: "send"}, {Kind: EventToolArgs, Text: `{"to":"bob\u0040x.org"}`}}}}, frames[3:]...)...)
		r := inspected(Obligations{OnCompletionFinding: OnFindingReport}, scanner(), frames...)
		seen := 0
		r.sink.onFrame = func() error { seen++; return nil }
		req := request("hello")
		req.Stream = stream
		out := r.Handle(t.Context(), req, r.sink)
		if out.Status != 200 || out.Code != "" || !strings.HasPrefix(r.sink.text, "mail ann@x.org now") || seen != len(frames) {
			t.Errorf("%d %s, %q in %d frames", out.Status, out.Code, r.sink.text, seen)
		}
		want := &Completion{OnFinding: OnFindingReport, Action: OnFindingReport, Findings: []CompletionFinding{{"pii", "EMAIL", 2, 1}}}
		if d := cmp.Diff(want, r.recorder.records[1].Completion); d != "" {
			t.Error(d)
		}
	}
}

// What went out before the client left is reported.
func TestInspectReportAfterTheClientLeft(t *testing.T) {
	r := inspected(Obligations{OnCompletionFinding: OnFindingReport}, scanner(), pieces(EventText, "ann@x.org", "more")...)
	r.sink.onFrame = func() error {
		if strings.Contains(r.sink.text, "more") {
			return errors.New("gone")
		}
		return nil
	}
	out := r.Handle(t.Context(), request("hello"), r.sink)
	if out.Code != CodeClientGone || len(out.Completion.Findings) != 1 {
		t.Errorf("%s, %+v", out.Code, out.Completion)
	}
}

// A classifier that fails, or cannot report all it found, ends a reply that policy
// wants judged; in mode report it stands in the record.
func TestInspectFailsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		classifier *fakeClassifier
		code       string
	}{
		"trap":      {&fakeClassifier{err: &ClassifierError{Classifier: "pii", Code: ClassifierTrap}}, ClassifierTrap},
		"unknown":   {&fakeClassifier{err: errors.New("?")}, ClassifierUnavailable},
		"truncated": {&fakeClassifier{report: Report{Truncated: true}}, ClassifierTruncated},
		"span":      {&fakeClassifier{report: Report{Findings: []Finding{{Kind: "K", Span: Span{3, 99999}}}}}, ClassifierBadResult},
		"text":      {&fakeClassifier{report: Report{Findings: []Finding{{Kind: "K", Text: 7, Span: Span{0, 1}}}}}, ClassifierBadResult},
	} {
		for _, mode := range []string{OnFindingReport, OnFindingRedact, OnFindingDeny, ""} {
			for _, stream := range []bool{false, true} {
				c.classifier.info = ClassifierInfo{Name: "pii", Inspect: []string{"completion"}, Report: true}
				r := inspected(Obligations{OnCompletionFinding: mode}, c.classifier, pieces(EventText, "some words ", "and more")...)
				// It reads the reply alone: the request has no text.
				req := &Request{Dialect: DialectOpenAIChat, Operation: OpChat, Model: "m", Stream: stream}
				c.classifier.saw = nil
				find := c.classifier.find
				c.classifier.find = func(texts []*Text) Report {
					if len(texts) == 0 {
						return Report{}
					}
					return c.classifier.report
				}
				out := r.handleReply(t, req, c.classifier)
				c.classifier.find = find
				if out.Completion == nil || out.Completion.Errors["pii"] != c.code {
					t.Fatalf("%s, %q: %+v", name, mode, out.Completion)
				}
				if mode == OnFindingReport {
					if out.Status != 200 || r.sink.text != "some words and more" {
						t.Errorf("%s, %q: %d %q", name, mode, out.Status, r.sink.text)
					}
					continue
				}
				if out.Status != 403 || out.Code != CodePolicyDenied || out.Reasons[0].Code != ReasonClassifierFailed || r.sink.text != "" {
					t.Errorf("%s, %q: %d %s %v %q", name, mode, out.Status, out.Code, out.Reasons, r.sink.text)
				}
			}
		}
	}
}

// handleReply has a classifier's error come with the reply only.
func (r *rig) handleReply(t *testing.T, req *Request, c *fakeClassifier) Outcome {
	failing := c.err
	c.err = nil
	forward := r.forwarder.forward
	r.forwarder.forward = func(ctx context.Context, a *Attempt, sink Sink) (Usage, error) {
		c.err = failing
		return forward(ctx, a, sink)
	}
	defer func() { c.err = failing }()
	return r.Handle(t.Context(), req, r.sink)
}

// Redaction keeps arguments JSON, numbers placeholders on from those of the
// request, and takes nothing that restore puts back.
func TestInspectRedactAndRestore(t *testing.T) {
	c := scanner()
	frames := []Frame{
		{Raw: []byte("raw"), Events: []Event{{Kind: EventReasoning, Text: "zoe@x.org asks <EMAIL_1>"}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventText, Text: "to <EMAIL_1>, bob@x.org, ann@x.org, <EMAIL_9>"}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventToolCall, Tool: 0, Name: "send"}, {Kind: EventToolCall, Tool: 1, Name: "mail_bob@x.org"}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventToolArgs, Tool: 0, Text: `{"to": "bob\u0040x.org", "n": 41`}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventToolArgs, Tool: 1, Text: `{"zoe@x.org":["<EMAIL_1>"],`}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventToolArgs, Tool: 0, Text: `11111111111111, "k": [1, 2]}`}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventToolArgs, Tool: 1, Text: ` "bob@x.org, bob@x.org":"\"zoe@x.org\""}`}}},
		{Raw: []byte("raw"), Events: []Event{{Kind: EventFinish, Finish: FinishTools}, {Kind: EventUsage, Usage: Usage{Output: 4}}, {Kind: EventEnd}}},
	}
	c.find = wrap(c.find, regexp.MustCompile(`[0-9]{16}`))
	for _, stream := range []bool{true, false} {
		o := Obligations{Redact: []string{"EMAIL"}, Restore: true, OnCompletionFinding: OnFindingRedact}
		if !stream {
			var whole Frame
			for _, f := range frames {
				whole.Events = append(whole.Events, f.Events...)
			}
			whole.Raw = []byte("raw")
			frames = []Frame{whole}
		}
		r := inspected(o, c, frames...)
		got := map[channel]string{}
		usage := 0
		sink := sinkFunc(func(f *Frame) error {
			if f.Raw != nil {
				t.Error("bytes of the upstream went on")
			}
			for _, e := range f.Events {
				got[channel{e.Kind, e.Choice, e.Tool}] += e.Text + e.Name
				usage += e.Usage.Output
			}
			return nil
		})
		req := request("I am ann@x.org")
		req.Stream = stream
		out := r.Handle(t.Context(), req, sink)
		want := map[channel]string{
			{kind: EventReasoning}:         "<EMAIL_2> asks ann@x.org",
			{kind: EventText}:              "to ann@x.org, <EMAIL_3>, ann@x.org, <EMAIL_9>",
			{kind: EventToolCall}:          "send",
			{kind: EventToolCall, tool: 1}: "mail_<EMAIL_3>",
			{kind: EventToolArgs}:          `{"to": "<EMAIL_3>", "n": "<CARD_1>", "k": [1, 2]}`,
			{kind: EventToolArgs, tool: 1}: `{"<EMAIL_2>":["ann@x.org"], "<EMAIL_3>, <EMAIL_3>":"\"<EMAIL_2>\""}`,
			{kind: EventFinish}:            "", {kind: EventUsage}: "", {kind: EventEnd}: "",
		}
		if !stream {
			// The name is read before what is held.
			for c, text := range want {
				want[c] = strings.NewReplacer("_2>", "_3>", "_3>", "_2>").Replace(text)
			}
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(channel{})); d != "" {
			t.Errorf("stream %t: %s", stream, d)
		}
		for c, text := range got {
			if c.kind == EventToolArgs && !json.Valid([]byte(text)) {
				t.Errorf("arguments %s", text)
			}
			if strings.Contains(text, "bob") || strings.Contains(text, "zoe") || strings.Contains(text, "411111") {
				t.Errorf("%v: %s", c, text)
			}
		}
		if out.Status != 200 || usage != 4 || out.Completion.Action != OnFindingRedact {
			t.Errorf("%d, usage %d, %+v", out.Status, usage, out.Completion)
		}
	}
}

// wrap adds an expression's matches as cards.
func wrap(find func([]*Text) Report, p *regexp.Regexp) func([]*Text) Report {
	return func(texts []*Text) Report {
		r := find(texts)
		for i, t := range texts {
			for _, at := range p.FindAllStringIndex(t.Value, -1) {
				r.Findings = append(r.Findings, Finding{Kind: "CARD", Score: 1, Text: i, Span: Span{at[0], at[1]}})
			}
		}
		return r
	}
}

type sinkFunc func(f *Frame) error

func (sinkFunc) Start(ReplyHead) error  { return nil }
func (s sinkFunc) Frame(f *Frame) error { return s(f) }

// Reasoning goes out before what follows it, and choices do not mix.
func TestInspectOrder(t *testing.T) {
	var order []string
	r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, scanner(), []Frame{
		{Events: []Event{{Kind: EventReasoning, Text: "thinking"}, {Kind: EventReasoning, Choice: 1, Text: "other"}}},
		{Events: []Event{{Kind: EventText, Text: "ann@"}, {Kind: EventText, Choice: 1, Text: "bob@"}}},
		{Events: []Event{{Kind: EventReasoning, Text: " again"}}},
		{Events: []Event{{Kind: EventText, Text: "x.org"}, {Kind: EventText, Choice: 1, Text: "x.net"}}},
		{Events: []Event{{Kind: EventFinish, Choice: 1}}}, {Events: []Event{{Kind: EventFinish}, {Kind: EventEnd}}},
	}...)
	out := r.Handle(t.Context(), request("hello"), sinkFunc(func(f *Frame) error {
		for _, e := range f.Events {
			order = append(order, string(rune('0'+e.Choice))+e.Text)
		}
		return nil
	}))
	want := []string{"0thinking", "1other", "1bob@x.net", "1", "0 again", "0<EMAIL_1>", "0", "0"}
	if d := cmp.Diff(want, order); d != "" || out.Status != 200 {
		t.Errorf("%d: %s", out.Status, d)
	}
}

// Until something is with the client, another target can still answer.
func TestInspectLeavesRoomForAnotherTarget(t *testing.T) {
	r := inspected(Obligations{OnCompletionFinding: OnFindingDeny}, scanner())
	r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
		if a.Number == 1 {
			err := sink.Frame(&Frame{Events: []Event{{Kind: EventText, Text: "half of"}}})
			return Usage{}, errors.Join(err, &UpstreamError{Code: "cut", Retryable: true})
		}
		return answer(sink, "a whole answer")
	}
	if out := r.Handle(t.Context(), request("hello"), r.sink); out.Status != 200 || r.sink.text != "a whole answer" || r.sink.started != 1 {
		t.Errorf("%d %q", out.Status, r.sink.text)
	}
}

// A client that leaves while its reply is read is no finding and no failure.
func TestInspectClientGone(t *testing.T) {
	c := &fakeClassifier{info: ClassifierInfo{Name: "pii"}}
	ctx, cancel := context.WithCancel(t.Context())
	r := inspected(Obligations{OnCompletionFinding: OnFindingDeny}, c, pieces(EventText, "words")...)
	c.find = func(texts []*Text) Report {
		if len(texts) > 0 && texts[0].Value == "words" {
			cancel()
			c.err = ctx.Err()
		}
		return Report{}
	}
	if out := r.Handle(ctx, request("hello"), r.sink); out.Code != CodeClientGone || out.Action != ActionForward || len(out.Completion.Errors) > 0 {
		t.Errorf("%s %s %+v", out.Code, out.Action, out.Completion)
	}
}

func TestInspectWhatCannotBeMet(t *testing.T) {
	prompts := scanner()
	prompts.info.Inspect = []string{"prompt", "tools"}
	for name, test := range map[string]struct {
		o          Obligations
		classifier Classifier
		reason     string
	}{
		"no such classifier": {Obligations{InspectCompletion: []string{"names"}}, scanner(), ReasonObligationUnsupported},
		"not declared":       {Obligations{InspectCompletion: []string{"pii"}}, prompts, ReasonObligationUnsupported},
		"nothing to read":    {Obligations{InspectCompletion: []string{}, OnCompletionFinding: OnFindingDeny}, scanner(), ReasonObligationUnsupported},
		"unknown word":       {Obligations{InspectCompletion: []string{"pii"}, OnCompletionFinding: "ignore"}, scanner(), ReasonObligationUnknown},
	} {
		r := newRig(allowing(test.o), test.classifier)
		out := r.Handle(t.Context(), request("hello"), r.sink)
		if out.Code != CodePolicyDenied || len(out.Reasons) != 1 || out.Reasons[0].Code != test.reason || len(r.forwarder.tried) > 0 {
			t.Errorf("%s: %s, %v", name, out.Code, out.Reasons)
		}
	}
}

// Embeddings have no text, and a reply that nobody wants read keeps its bytes.
func TestInspectLeavesOthersAlone(t *testing.T) {
	for _, test := range []struct {
		operation Operation
		inspect   []string
	}{{OpEmbeddings, []string{"pii"}}, {OpChat, []string{}}} {
		r := inspected(Obligations{InspectCompletion: test.inspect}, scanner(), Frame{Raw: []byte("raw"), Events: []Event{{Kind: EventText, Text: "ann@x.org"}, {Kind: EventEnd}}})
		raw := 0
		req := request("hello")
		req.Operation, req.Stream = test.operation, false
		out := r.Handle(t.Context(), req, sinkFunc(func(f *Frame) error { raw += len(f.Raw); return nil }))
		if out.Status != 200 || raw != 3 || out.Completion != nil || r.recorder.records[1].Completion != nil {
			t.Errorf("%s: %d, %d bytes", test.operation, out.Status, raw)
		}
	}
}

// Where policy wants the decision alone on record, the reply's findings are not.
func TestInspectLogNone(t *testing.T) {
	r := inspected(Obligations{OnCompletionFinding: OnFindingRedact, Log: LogNone}, scanner(), pieces(EventText, "ann@x.org")...)
	r.Handle(t.Context(), request("hello"), r.sink)
	if c := r.recorder.records[1].Completion; c == nil || c.Action != OnFindingRedact || c.Findings != nil {
		t.Errorf("%+v", c)
	}
}

// A tool's arguments that never end are not held without end.
func TestInspectArgumentsTooLong(t *testing.T) {
	piece := strings.Repeat("x", 1<<20)
	r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, scanner(), pieces(EventToolArgs, piece, piece, piece, piece, "x")...)
	out := r.Handle(t.Context(), request("hello"), r.sink)
	if out.Code != CodePolicyDenied || out.Reasons[0].Code != ReasonCompletionUnread || r.sink.text != "" {
		t.Errorf("%s %v", out.Code, out.Reasons)
	}
}

func TestArgumentsDocument(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{`{"a":"b"}`, `{"A":"A"}`},
		{` { "a" : [ "b" , "c\"d" , true , null , 1 , 12345678 , -1.5e10 ] } `, ` { "A" : [ "A" , "A" , true , null , 1 , "A" , -1.5e10 ] } `},
		{`"x"`, `"A"`}, {`{}`, `{}`}, {`12345678`, `"A"`}, {`{"":{"":""}}`, `{"A":{"A":"A"}}`},
		{`{"a":"\ud800\u00e9"}`, `{"A":"A"}`},
	} {
		doc := argumentsDocument([]byte(test.raw))
		if doc == nil {
			t.Errorf("%s: not read", test.raw)
			continue
		}
		for _, leaf := range doc.Leaves {
			leaf.Set("A")
		}
		if got := string(doc.Bytes()); got != test.want {
			t.Errorf("%s: got %s, want %s", test.raw, got, test.want)
		}
	}
	for _, raw := range []string{"", "{", `{"a":1} {}`, `{"a"}`, "plain"} {
		if argumentsDocument([]byte(raw)) != nil {
			t.Errorf("%s was read", raw)
		}
	}
}

// A signature comes after what it signs, streamed or not, and not at all where
// that may have been changed.
func TestInspectSignature(t *testing.T) {
	for _, stream := range []bool{true, false} {
		for text, want := range map[string][]string{
			"thinking":  {"thinking", "sig", "answer"},
			"ann@x.org": {"<EMAIL_1>", "answer"},
		} {
			var order []string
			r := inspected(Obligations{OnCompletionFinding: OnFindingRedact}, scanner(), []Frame{
				{Events: []Event{{Kind: EventReasoning, Text: text}}},
				{Events: []Event{{Kind: EventSignature, Tool: -1, Seal: &Opaque{Data: "sig"}}}},
				{Events: []Event{{Kind: EventText, Text: "answer"}}},
				{Events: []Event{{Kind: EventFinish}, {Kind: EventEnd}}},
			}...)
			req := request("hello")
			req.Stream = stream
			out := r.Handle(t.Context(), req, sinkFunc(func(f *Frame) error {
				for _, e := range f.Events {
					if e.Seal != nil {
						order = append(order, e.Seal.Data)
					} else if e.Text != "" {
						order = append(order, e.Text)
					}
				}
				return nil
			}))
			if d := cmp.Diff(want, order); d != "" || out.Status != 200 {
				t.Errorf("stream %v, %q: %d: %s", stream, text, out.Status, d)
			}
		}
	}
}
