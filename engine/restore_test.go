package engine

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

var restoreValues = map[string]string{
	"<EMAIL_ADDRESS_1>":  "ann@example.org",
	"<EMAIL_ADDRESS_10>": "zoe@example.org",
	"<PERSON_1>":         "Ann \"the <b>\" O'Neil\n",
}

// run passes pieces of text through a restorer and returns what comes out.
func run(kind EventKind, pieces []string) string {
	r := newRestorer(restoreValues)
	var out strings.Builder
	take := func(f *Frame) {
		if f == nil {
			return
		}
		for _, e := range f.Events {
			if e.Kind == kind {
				out.WriteString(e.Text)
			}
		}
	}
	for _, p := range pieces {
		take(r.frame(&Frame{Dialect: DialectOpenAI, Raw: []byte("raw"), Events: []Event{{Kind: kind, Text: p}}}))
	}
	take(r.frame(&Frame{Events: []Event{{Kind: EventFinish, Finish: FinishStop}}}))
	return out.String()
}

// However a reply is cut, at every byte, the same text comes out.
func TestRestoreAtEveryCut(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"write to <EMAIL_ADDRESS_1>, please", "write to ann@example.org, please"},
		{"<EMAIL_ADDRESS_1><EMAIL_ADDRESS_10>", "ann@example.orgzoe@example.org"},
		{"<<EMAIL_ADDRESS_1>>", "<ann@example.org>"},
		{"<EMAIL_ADDRESS_1", "<EMAIL_ADDRESS_1"},
		{"<EMAIL_ADDRESS_2> <EMAIL_ADDRESS_11> <email_address_1>", "<EMAIL_ADDRESS_2> <EMAIL_ADDRESS_11> <email_address_1>"},
		{"a < b && c > d <PERSON_1> é😀", "a < b && c > d Ann \"the <b>\" O'Neil\n é😀"},
		{"<PERSON_<PERSON_1>", "<PERSON_Ann \"the <b>\" O'Neil\n"},
		{"", ""}, {"<", "<"}, {"plain", "plain"},
	} {
		for i := range len(test.text) + 1 {
			for j := i; j <= len(test.text); j++ {
				if got := run(EventText, []string{test.text[:i], test.text[i:j], test.text[j:]}); got != test.want {
					t.Fatalf("%q cut at %d and %d: got %q, want %q", test.text, i, j, got, test.want)
				}
			}
		}
	}
}

func TestRestoreRandomCuts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	words := []string{"<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_10>", "<PERSON_1>", "<", ">", "<EMAIL", "é", " and ", "_1>", "<PERSON_1"}
	for range 3000 {
		var text string
		for range rng.IntN(8) {
			text += words[rng.IntN(len(words))]
		}
		want := run(EventText, []string{text})
		var pieces []string
		for rest := text; rest != ""; {
			n := 1 + rng.IntN(min(len(rest), 5))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := run(EventText, pieces); got != want {
			t.Fatalf("seed %d: %q in %q: got %q, want %q", seed, text, pieces, got, want)
		}
	}
}

// In a tool's arguments a value goes into a JSON string, whatever it holds.
func TestRestoreInToolArguments(t *testing.T) {
	got := run(EventToolArgs, []string{`{"to":"<PERS`, `ON_1>"}`})
	var args struct{ To string }
	if err := json.Unmarshal([]byte(got), &args); err != nil || args.To != restoreValues["<PERSON_1>"] {
		t.Errorf("%v: got %s", err, got)
	}
}

// Choices and tool calls that interleave do not mix.
func TestRestoreKeepsChannelsApart(t *testing.T) {
	r := newRestorer(restoreValues)
	got := map[int]string{}
	for _, e := range []Event{
		{Kind: EventText, Choice: 0, Text: "<EMAIL_"}, {Kind: EventText, Choice: 1, Text: "<PERSON"},
		{Kind: EventText, Choice: 0, Text: "ADDRESS_1>"}, {Kind: EventFinish, Choice: 1},
		{Kind: EventText, Choice: 0, Text: "<"}, {Kind: EventEnd},
	} {
		if f := r.frame(&Frame{Events: []Event{e}}); f != nil {
			for _, e := range f.Events {
				got[e.Choice] += e.Text
			}
		}
	}
	if got[0] != "ann@example.org<" || got[1] != "<PERSON" {
		t.Errorf("got %v", got)
	}
}

// A frame that has nothing to restore is the upstream's own.
func TestRestoreLeavesOtherFramesAlone(t *testing.T) {
	r := newRestorer(restoreValues)
	for _, text := range []string{"plain", "a < b", ""} {
		f := &Frame{Raw: []byte("raw"), Events: []Event{{Kind: EventStart}, {Kind: EventText, Text: text}}}
		if got := r.frame(f); got != f {
			t.Errorf("%q: the frame was rewritten", text)
		}
	}
}

// From end to end: the target sees placeholders, the client what it sent.
func TestRestoreEndToEnd(t *testing.T) {
	r := newRig(allowing(Obligations{Redact: []string{"EMAIL"}, Restore: true}), finder("pii", "EMAIL", "ann@x.org", "bob@x.org"))
	var given string
	r.forwarder.forward = func(_ context.Context, a *Attempt, sink Sink) (Usage, error) {
		given = a.Request.Texts[0].Value
		for _, piece := range []string{"I wrote to <EMA", "IL_2> and <EMAIL_1", "> today"} {
			if err := sink.Frame(&Frame{Events: []Event{{Kind: EventText, Text: piece}}}); err != nil {
				return Usage{}, err
			}
		}
		return Usage{}, sink.Frame(&Frame{Events: []Event{{Kind: EventFinish}, {Kind: EventEnd}}})
	}
	out := r.Handle(t.Context(), request("mail ann@x.org and bob@x.org"), r.sink)
	if given != "mail <EMAIL_1> and <EMAIL_2>" {
		t.Errorf("the target was given %q", given)
	}
	if out.Status != 200 || r.sink.text != "I wrote to bob@x.org and ann@x.org today" {
		t.Errorf("%d: the client was given %q", out.Status, r.sink.text)
	}
}

// Reasoning that its maker signs is left as it is; what repeats a text that was
// changed goes with it.
func TestRestoreSignedReasoning(t *testing.T) {
	for _, signed := range []bool{true, false} {
		r := newRestorer(restoreValues)
		r.signed = signed
		f := r.frame(&Frame{Raw: []byte("raw"), Events: []Event{
			{Kind: EventReasoning, Text: "to <PERSON_1>"}, {Kind: EventText, Text: "at <EMAIL_ADDRESS_1>"}, {Kind: EventLogprobs, Logprobs: []TokenLogprob{{Token: "at <"}}},
		}})
		want := "to " + restoreValues["<PERSON_1>"]
		if signed {
			want = "to <PERSON_1>"
		}
		if len(f.Events) != 2 || f.Events[0].Text != want || f.Events[1].Text != "at ann@example.org" {
			t.Errorf("signed %v: got %+v", signed, f.Events)
		}
	}
}

// What is held is a copy: a reader overwrites what it gave out.
func TestHeldTextIsCopied(t *testing.T) {
	r := newRestorer(restoreValues)
	b := []byte("to <EMAIL_")
	r.frame(&Frame{Raw: b, Events: []Event{{Kind: EventText, Text: unsafe.String(&b[0], len(b))}}})
	f := Frame{Raw: b, Events: []Event{{Kind: EventText, Text: unsafe.String(&b[0], len(b)), Data: b}}}
	c := f.Clone()
	for i := range b {
		b[i] = 'Z'
	}
	if c.Events[0].Text != "to <EMAIL_" || string(c.Raw) != "to <EMAIL_" || string(c.Events[0].Data) != "to <EMAIL_" {
		t.Errorf("the clone became %+v", c)
	}
	if got := r.frame(&Frame{Events: []Event{{Kind: EventText, Text: "ADDRESS_1>"}}}); got.Events[0].Text != "ann@example.org" {
		t.Errorf("got %q", got.Events[0].Text)
	}
}

// A frame in which nothing but texts changed says what they are now, in the order of
// their events; one that gains a text of another frame does not.
func TestRestoreSaysWhatTextsAreNow(t *testing.T) {
	text := func(kind EventKind, s string) Event { return Event{Kind: kind, Text: s} }
	for _, test := range []struct {
		name   string
		events []Event
		want   []string // nil: the frame is written from its events
	}{
		{"whole", []Event{text(EventReasoning, "I <"), text(EventText, "to <EMAIL_ADDRESS_1> <"), text(EventRefusal, "no"), {Kind: EventFinish}}, []string{"I <", "to ann@example.org <", "no"}},
		{"piece", []Event{text(EventText, "to <EMAIL_ADDRESS_1> <EM")}, []string{"to ann@example.org "}},
		{"arguments", []Event{{Kind: EventToolCall, Tool: 0, Custom: true}, {Kind: EventToolCall, Tool: 1}, text(EventToolArgs, "<PERSON_1>"), {Kind: EventToolArgs, Tool: 1, Text: `{"a":"<PERSON_1>"}`}},
			[]string{restoreValues["<PERSON_1>"], `{"a":"Ann \"the <b>\" O'Neil\n"}`}},
	} {
		r := newRestorer(restoreValues)
		f := r.frame(&Frame{Raw: []byte("raw"), Events: test.events})
		if f.Raw != nil || string(f.Was) != "raw" || !slices.Equal(f.Now, test.want) {
			t.Errorf("%s: %q of %q, want %q", test.name, f.Now, f.Was, test.want)
		}
	}
	r := newRestorer(restoreValues)
	r.frame(&Frame{Raw: []byte("raw"), Events: []Event{text(EventText, "<EM")}})
	if f := r.frame(&Frame{Raw: []byte("raw"), Events: []Event{{Kind: EventFinish}}}); f.Was != nil || f.Events[0].Text != "<EM" {
		t.Errorf("the end of what was held is taken for a text of its frame: %+v", f)
	}
}
