package engine

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRedact(t *testing.T) {
	for _, test := range []struct {
		name     string
		text     string
		findings []Finding
		want     string
	}{
		{"one", "mail ann@x.org now", []Finding{{Kind: "EMAIL", Span: Span{5, 14}, Score: 1}}, "mail <EMAIL_1> now"},
		{"the same value twice", "ann bob ann", []Finding{{Kind: "N", Span: Span{0, 3}}, {Kind: "N", Span: Span{4, 7}}, {Kind: "N", Span: Span{8, 11}}}, "<N_1> <N_2> <N_1>"},
		{"overlap goes to the surest", "4111 1111", []Finding{{Kind: "PHONE", Span: Span{0, 6}, Score: 0.4}, {Kind: "CARD", Span: Span{2, 9}, Score: 0.9}}, "<CARD_1>"},
		{"of equals the longest", "abcdef", []Finding{{Kind: "A", Span: Span{0, 3}, Score: 1}, {Kind: "B", Span: Span{0, 6}, Score: 1}}, "<B_1>"},
		{"touching stay apart", "abcd", []Finding{{Kind: "A", Span: Span{0, 2}}, {Kind: "B", Span: Span{2, 4}}}, "<A_1><B_1>"},
		{"out of order", "ab cd", []Finding{{Kind: "A", Span: Span{3, 5}}, {Kind: "A", Span: Span{0, 2}}}, "<A_1> <A_2>"},
		{"other kinds stay", "ab cd", []Finding{{Kind: "KEEP", Span: Span{0, 2}}, {Kind: "A", Span: Span{3, 5}}}, "ab <A_1>"},
		{"forged placeholders are passed over", "<A_1> ab <A_3 <<A_2>", []Finding{{Kind: "A", Span: Span{6, 8}}}, "<A_1> <A_3> <A_3 <<A_2>"},
		{"whole text", "ü", []Finding{{Kind: "A", Span: Span{0, 2}}}, "<A_1>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(allowing(Obligations{Redact: []string{"EMAIL", "N", "PHONE", "CARD", "A", "B"}}),
				&fakeClassifier{info: ClassifierInfo{Name: "c"}, report: Report{Findings: test.findings}})
			req := request(test.text)
			out := r.Handle(t.Context(), req, r.sink)
			if got := req.Texts[0].Value; out.Status != 200 || got != test.want {
				t.Errorf("status %d, got %q, want %q", out.Status, got, test.want)
			}
		})
	}
}

// A value has one placeholder throughout the request, in every part of it.
func TestRedactAcrossTexts(t *testing.T) {
	args := &Document{Raw: []byte(`{"to":"ann@x.org","n":4111111111111111}`)}
	args.Leaves = []*Text{{Kind: KindToolArguments, Value: "ann@x.org", Span: Span{6, 17}}, {Kind: KindToolArguments, Value: "4111111111111111", Span: Span{22, 38}}}
	req := request("write to ann@x.org or bob@x.org")
	req.Body.Raw = []byte(`{"arguments":"{\"to\":\"ann@x.org\",\"n\":4111111111111111}"}`)
	literal := &Text{Kind: KindToolArguments, Inner: args, Span: Span{13, 60}}
	req.Body.Leaves = []*Text{literal}
	req.Texts = append(req.Texts, literal, args.Leaves[0], args.Leaves[1])
	r := newRig(allowing(Obligations{Redact: []string{"EMAIL", "CARD"}}),
		finder("pii", "EMAIL", "ann@x.org", "bob@x.org"), finder("cards", "CARD", "4111111111111111"))
	if out := r.Handle(t.Context(), req, r.sink); out.Status != 200 {
		t.Fatalf("got %d: %v", out.Status, out.Reasons)
	}
	if got, want := req.Texts[0].Value, "write to <EMAIL_1> or <EMAIL_2>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A number that is redacted becomes a string: the document stays JSON.
	if got, want := string(args.Bytes()), `{"to":"<EMAIL_1>","n":"<CARD_1>"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(req.Body.Bytes()), `{"arguments":"{\"to\":\"<EMAIL_1>\",\"n\":\"<CARD_1>\"}"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, f := range r.recorder.records[0].Findings {
		if !f.Redacted {
			t.Errorf("finding %+v is not marked as redacted", f)
		}
	}
}

func TestRedactRefusesFixedTexts(t *testing.T) {
	r := newRig(allowing(Obligations{Redact: []string{"EMAIL"}}), finder("pii", "EMAIL", "ann@x.org"))
	req := request("hello")
	req.Texts = append(req.Texts, &Text{Kind: KindName, Value: "ann@x.org", Fixed: true})
	if out := r.Handle(t.Context(), req, r.sink); out.Status != 403 || out.Reasons[0].Code != ReasonRedactionFailed {
		t.Errorf("got %d %v", out.Status, out.Reasons)
	}
}

func TestObligationsChangeTheRequest(t *testing.T) {
	n, priority := 50, 5
	r := newRig(allowing(Obligations{MaxOutputTokens: &n, StripTools: []string{"shell"}, PriorityMax: &priority}))
	req := request("hi")
	req.MaxOutputTokens, req.Priority = 100, 1
	req.Tools = []Tool{{Name: "shell"}, {Name: "weather"}}
	req.ToolChoice = ToolChoice{Mode: "tool", Name: "shell"}
	r.Handle(t.Context(), req, r.sink)
	capped := r.scheduler.lastPlan.MaxOutputTokens
	if capped != 50 || len(req.Tools) != 1 || req.Tools[0].Name != "weather" || req.ToolChoice.Mode != "" || req.Priority != 5 {
		t.Errorf("cap %d, tools %v, choice %v, priority %d", capped, req.Tools, req.ToolChoice, req.Priority)
	}

	req = request("hi")
	req.Tools = []Tool{{Name: "shell"}, {Name: "weather"}}
	r = newRig(allowing(Obligations{StripTools: []string{"*"}}))
	r.Handle(t.Context(), req, r.sink)
	if len(req.Tools) != 0 {
		t.Errorf("tools left: %v", req.Tools)
	}
}

func TestBudgets(t *testing.T) {
	s := time.Second
	for _, test := range []struct{ a, b, want Budget }{
		{Budget{}, Budget{}, Budget{}},
		{Budget{TTFT: s}, Budget{}, Budget{TTFT: s}},
		{Budget{}, Budget{Total: s}, Budget{Total: s}},
		{Budget{TTFT: 2 * s, Total: s}, Budget{TTFT: s, Total: 2 * s}, Budget{TTFT: s, Total: s}},
		{Budget{OnMiss: OnMissFinish}, Budget{OnMiss: OnMissCancel}, Budget{OnMiss: OnMissCancel}},
	} {
		if got := test.a.Tighten(test.b); got != test.want {
			t.Errorf("%v tightened by %v is %v, want %v", test.a, test.b, got, test.want)
		}
		if got := test.b.Tighten(test.a); got != test.want {
			t.Errorf("tightening depends on the order: %v, want %v", got, test.want)
		}
	}
	d := BudgetDefaults{TTFT: 2 * s, Total: 60 * s, MaxTotal: 100 * s}
	for _, test := range []struct{ stated, want Budget }{
		{Budget{}, Budget{TTFT: 2 * s, Total: 60 * s}},
		{Budget{Total: 1000 * s}, Budget{Total: 100 * s}},
		{Budget{TTFT: s}, Budget{TTFT: s, Total: 60 * s}},
	} {
		if got := d.Apply(test.stated); got != test.want {
			t.Errorf("%v becomes %v, want %v", test.stated, got, test.want)
		}
	}
}

func TestLedger(t *testing.T) {
	l := NewLedger()
	now := time.Date(2026, 12, 31, 23, 59, 30, 0, time.UTC)
	l.Spend("a", 1, now)
	l.Spend("b", 5, now)
	if got, want := l.Request("a", now), (InputUsage{SpentUSD: SpentUSD{1, 1, 1}, RequestsPerMinute: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := l.Request("a", now.Add(59*time.Second)), (InputUsage{RequestsPerMinute: 2}); got != want {
		t.Errorf("in the next month: got %+v, want %+v", got, want)
	}
	if got := l.Request("a", now.Add(61*time.Second)).RequestsPerMinute; got != 2 {
		t.Errorf("after a minute: %d requests, want 2", got)
	}
	if got := l.Request("a", now.Add(-time.Hour)); got.RequestsPerMinute != 1 {
		t.Errorf("with the clock set back: %+v", got)
	}
}

func TestKeyring(t *testing.T) {
	k := &Keyring{Keys: []Key{{SHA256: [32]byte{1}}, {SHA256: sha256.Sum256([]byte("right")), Principal: Principal{ID: "team"}}}}
	if p, ok := k.Authenticate([]byte("right")); !ok || p.ID != "team" || !p.Authenticated {
		t.Errorf("got %+v, %v", p, ok)
	}
	for _, secret := range []string{"", "wrong"} {
		if _, ok := k.Authenticate([]byte(secret)); ok {
			t.Errorf("%q is let in", secret)
		}
	}
	k.Anonymous = true
	if p, ok := k.Authenticate(nil); !ok || p.Authenticated {
		t.Errorf("anonymous: %+v, %v", p, ok)
	}
	if _, ok := k.Authenticate([]byte("wrong")); ok {
		t.Error("a wrong key passes as anonymous")
	}
}

func TestSplice(t *testing.T) {
	raw := []byte(`{"a":"x","b":["y","z"]}`)
	edits := []Edit{{Span{18, 21}, []byte(`"Z"`)}, {Span{5, 8}, []byte(`"<&>"`)}, {Span{13, 22}, []byte(`[]`)}}
	if got, want := string(Splice(raw, edits)), `{"a":"<&>","b":[]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Splice(raw, nil); &got[0] != &raw[0] {
		t.Error("a document without edits was copied")
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", `<a href="x">&amp;</a>`, "\\u003c", "\x00\u2028\\", "ü😀", `\\u003c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		var back string
		if err := json.Unmarshal(Quote(s), &back); err != nil || back != s {
			t.Errorf("%q comes back as %q (%v) from %s", s, back, err, Quote(s))
		}
	})
}

func TestEstimateTokens(t *testing.T) {
	got := map[string]int{}
	for _, s := range []string{"", "hello world", "日本語", "naïve"} {
		got[s] = EstimateTokens(s)
	}
	if diff := cmp.Diff(map[string]int{"": 0, "hello world": 3, "日本語": 2, "naïve": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// Metadata and the names of tools stand in the input, and with it in the record:
// what was found in them does not.
func TestInputHoldsNoFindings(t *testing.T) {
	const mail, card = "ann@x.org", "4111111111111111"
	var seen InputRequest
	policy := fakeDecider{func(in *Input) (*Decision, error) {
		seen = in.Request
		return &Decision{Allow: true, Obligations: Obligations{StripTools: in.Request.Tools[:1]}}, nil
	}}
	r := newRig(policy, finder("pii", "EMAIL", mail), finder("cards", "CARD", card))
	req := request("hi")
	req.Metadata = map[string]string{mail: "to " + mail, "team": "x", card: "y"}
	req.Tools = []Tool{{Name: "pay_" + card}, {Name: "look"}}
	for _, v := range []string{mail, "to " + mail, "team", "x", card, "y", "pay_" + card, "look"} {
		req.Texts = append(req.Texts, &Text{Kind: KindName, Value: v})
	}
	if out := r.Handle(t.Context(), req, r.sink); out.Status != 200 {
		t.Fatalf("got %d: %v", out.Status, out.Reasons)
	}
	want := map[string]string{"<EMAIL_1>": "to <EMAIL_1>", "team": "x", "<CARD_1>": "y"}
	if d := cmp.Diff(want, seen.Metadata); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"pay_<CARD_1>", "look"}, seen.Tools); d != "" {
		t.Errorf("tools (-want +got):\n%s", d)
	}
	all, err := json.Marshal(r.recorder.records)
	if err != nil || strings.Contains(string(all), mail) || strings.Contains(string(all), card) {
		t.Errorf("%v, recorded: %s", err, all)
	}
	// An obligation that names a tool as policy saw it is met all the same.
	if len(req.Tools) != 1 || req.Tools[0].Name != "look" {
		t.Errorf("tools left: %v", req.Tools)
	}
}
