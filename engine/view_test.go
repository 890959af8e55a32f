package engine

import (
	"strings"
	"testing"
)

func TestView(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`plain, 100% \n & so on; C:\users \ü %zz &nope; %e4 \ud800 \udc00\ud800`, ""},
		{`jane\u0040x.org`, "jane@x.org"},
		{`{"a":"{\"b\":\"jane\\u0040x.org\"}"}`, `{"a":"{\"b\":\"jane@x.org\"}"}`},
		{`a\\\\u005cu0040b`, "a@b"},
		{`\uD83D\uDE00 \\ud83d\\ude00`, "😀 😀"},
		{`\x41\x6`, `A\x6`},
		{`u=jane%40x.org%2540`, "u=jane@x.org@"},
		{`jane&#64;x&period;org &#x40; &commat; &#1114112;`, "jane@x.org @ @ &#1114112;"},
	} {
		v := newView(test.text)
		if v == nil {
			v = &view{}
		}
		if v.value != test.want {
			t.Errorf("%q: got %q, want %q", test.text, v.value, test.want)
		}
	}
}

// A span of a view stands for the escapes that it was decoded from.
func TestViewSpans(t *testing.T) {
	text := `to \u006a\u0040x.org, "\ud83d\ude00"`
	v := newView(text)
	for _, word := range []string{"j@x.org", "to", "😀", "@", `"`} {
		at := strings.Index(v.value, word)
		s, ok := v.span(Span{at, at + len(word)})
		if back := newView(text[s.Start:s.End]); !ok || back == nil && text[s.Start:s.End] != word || back != nil && back.value != word {
			t.Errorf("%q stands at %q", word, text[s.Start:s.End])
		}
	}
	if _, ok := v.span(Span{0, len(v.value) + 1}); ok {
		t.Error("a span beyond the view was accepted")
	}
}

// Escapes that are none cost no more than others: in the square of its length,
// this would take minutes.
func TestViewOfManyBackslashes(t *testing.T) {
	for _, tail := range []string{"", "u", "ud800", strings.Repeat("&", 1<<20)} {
		if v := newView(strings.Repeat(`\`, 1<<22) + tail); v != nil {
			t.Errorf("%.5q...: decoded", tail)
		}
	}
	if v := newView(strings.Repeat(`\ud800`, 1<<20)); v != nil {
		t.Error("lone surrogates were decoded")
	}
	if v := newView(strings.Repeat(`\`, 1<<22) + "u0041"); v == nil || v.value != "A" {
		t.Error("a long escape was not decoded")
	}
}

func FuzzView(f *testing.F) {
	for _, s := range []string{`a\u0040b`, `\\\ud83d\ude00`, `%40%2540`, `&#64;&#x40;`, `\x`, `\u00`, `%`, `&;`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := newView(text)
		if v == nil {
			return
		}
		if len(v.from) != len(v.value)+1 || v.from[len(v.value)] != len(text) {
			t.Fatalf("%d offsets for %d bytes", len(v.from), len(v.value))
		}
		for i := 1; i < len(v.from); i++ {
			if v.from[i] < v.from[i-1] {
				t.Fatalf("offset %d goes back", i)
			}
		}
	})
}

// What hides behind an escape is found, counted once and replaced where it stands.
func TestRedactBehindEscapes(t *testing.T) {
	const mail = "ann@x.org"
	for _, test := range []struct{ text, want string }{
		{`see {"to":"ann\u0040x.org"}`, `see {"to":"<EMAIL_1>"}`},
		{`{"in":"{\"to\":\"\\u0061nn\\u0040x.org\"}"}`, `{"in":"{\"to\":\"<EMAIL_1>\"}"}`},
		{`https://x.test/?u=ann%40x.org&v=1`, `https://x.test/?u=<EMAIL_1>&v=1`},
		{`ann@x.org \u0041`, `<EMAIL_1> \u0041`},
	} {
		var count int
		policy := fakeDecider{func(in *Input) (*Decision, error) {
			count = in.Classifiers["pii"].Findings["EMAIL"].Count
			return &Decision{Allow: true, Obligations: Obligations{Redact: []string{"EMAIL"}}}, nil
		}}
		r := newRig(policy, finder("pii", "EMAIL", mail))
		req := request(test.text)
		out := r.Handle(t.Context(), req, r.sink)
		if got := req.Texts[0].Value; out.Status != 200 || got != test.want || count != 1 {
			t.Errorf("%s: status %d, %d findings, got %s, want %s", test.text, out.Status, count, got, test.want)
		}
	}
}
