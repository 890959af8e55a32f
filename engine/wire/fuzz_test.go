package wire

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// FuzzReadRequest: no body makes a reader panic; a refusal names what is wrong;
// an accepted body is described truly by its texts' spans, and is written for
// every dialect as valid JSON or refused.
func FuzzReadRequest(f *testing.F) {
	for _, file := range glob(f, "requests/*.json") {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, s := range sides {
		for _, m := range s.marked {
			f.Add([]byte((&marker{}).fill(m.body)))
		}
		for _, file := range pairFiles(f, &s) {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	f.Add([]byte(`{"model":"m","prompt":["a"],"suffix":"b","logprobs":2}`))
	f.Add([]byte(`{"model":"m","input":["a"],"dimensions":2}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"tool","content":"{\"a\":1,\"a\":\"\\ud800\"}"}]}`))
	others := append(slices.Clone(sides), side{dialect: engine.DialectOpenAICompletions}, side{dialect: engine.DialectOpenAIEmbeddings})
	f.Fuzz(func(t *testing.T, body []byte) {
		for i := range others {
			in, _ := IngressFor(others[i].dialect)
			req, err := in.ReadRequest(others[i].inbound(bytes.Clone(body), len(body)%2 == 0), Limits{})
			if err != nil {
				requestError(t, err)
				continue
			}
			checkLeaves(t, &req.Body)
			for _, e := range egressDialects {
				writeOrRefuse(t, e, req)
			}
			for i, x := range req.Texts {
				x.Set(fmt.Sprintf("<%d>", i))
			}
			for _, e := range egressDialects {
				writeEdited(t, e, req)
			}
		}
	})
}

// writeEdited is writeOrRefuse for a request whose every text was replaced: what
// is written for the client's own dialect must still be JSON.
func writeEdited(t *testing.T, d engine.Dialect, req *engine.Request) {
	e, _ := EgressFor(d)
	up, err := e.WriteRequest(req, &Upstream{Model: "m", MaxOutputTokens: 3})
	if err == nil && !up.Local && !jsontext.Value(up.Body).IsValid() {
		t.Fatalf("%s: not valid JSON: %s", d, up.Body)
	}
}

// checkLeaves says that the leaves of a document stand in order, apart, and on
// literals of their values.
func checkLeaves(t *testing.T, d *engine.Document) {
	at := 0
	for _, l := range d.Leaves {
		s := engine.Span{Start: l.Span.Start - d.Base, End: l.Span.End - d.Base}
		if s.Start < at || s.End <= s.Start || s.End > len(d.Raw) {
			t.Fatalf("leaf %+v is out of order in %q", l.Span, d.Raw)
		}
		at = s.End
		lit := d.Raw[s.Start:s.End]
		if lit[0] == '"' {
			v, _ := jsontext.AppendUnquote(nil, lit)
			if string(v) != l.Value {
				t.Fatalf("leaf %q stands on %s", l.Value, lit)
			}
		} else if string(lit) != l.Value {
			t.Fatalf("leaf %q stands on %s", l.Value, lit)
		}
		if l.Inner != nil {
			if !strings.HasPrefix(l.Value, string(l.Inner.Raw)) {
				t.Fatalf("inner document %q is not in %q", l.Inner.Raw, l.Value)
			}
			checkLeaves(t, l.Inner)
		}
	}
}

// FuzzSSE: events do not depend on how the stream is cut, and agree with a
// parser that splits lines the plain way.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("data: a\n\ndata: b\r\n\r\ndata:c\r\rdata\n\n"), 1)
	f.Add([]byte("\xef\xbb\xbfdata: a\n: comment\nevent: x\ndata: b\nid: 1\n\n\n\ndata: no blank line"), 3)
	f.Add([]byte("data: a\r"), 2)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		read := func(pieces ...[]byte) (out []string) {
			var s sse
			keep := func(data []byte) error { out = append(out, string(data)); return nil }
			for _, p := range pieces {
				if err := s.feed(bytes.Clone(p), keep); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.close(keep); err != nil {
				t.Fatal(err)
			}
			return out
		}
		var pieces [][]byte
		for rest, n := stream, 1+abs(size)%16; len(rest) > 0; {
			k := min(n, len(rest))
			pieces, rest = append(pieces, rest[:k]), rest[k:]
		}
		want := plainEvents(string(stream))
		if got := read(stream); !reflect.DeepEqual(got, want) {
			t.Fatalf("whole: %q, want %q", got, want)
		}
		if got := read(pieces...); !reflect.DeepEqual(got, want) {
			t.Fatalf("cut: %q, want %q", got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// plainEvents is the rules of the HTML standard, written for a whole string.
func plainEvents(s string) (out []string) {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(s, "\ufeff"))
	var data []string
	for line := range strings.SplitSeq(s+"\n\n", "\n") {
		if line == "" {
			if data != nil {
				out = append(out, strings.Join(data, "\n"))
			}
			data = nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		if name == "data" {
			data = append(data, strings.TrimPrefix(value, " "))
		}
	}
	return out
}

// FuzzReplyReaders: no reply makes a reader panic, any cut gives the same frames
// and the same error, and what a client gets of it is well formed.
func FuzzReplyReaders(f *testing.F) {
	for _, pattern := range []string{"replies/*.*.sse", "replies/*.*.json", "replies/*.*.ndjson"} {
		for _, file := range glob(f, pattern) {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body, 3)
		}
	}
	for _, file := range glob(f, "captures/*.txt") {
		f.Add(readCapture(f, strings.TrimSuffix(strings.TrimPrefix(file, "testdata/captures/"), ".txt")).body, 5)
	}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		for i := range sides {
			for _, stream := range []bool{false, true} {
				s := &sides[i]
				req := s.request(t, stream)
				for _, d := range egressDialects {
					e, _ := EgressFor(d)
					e.ReadError(500, body)
					frames, err := readAll(e.NewReader(req, &Upstream{}), body, len(body))
					again, errAgain := readAll(e.NewReader(req, &Upstream{}), body, 1+abs(size)%64)
					if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(frames, again) {
						t.Fatalf("%s: %v and %v from one reply, cut in two ways", d, err, errAgain)
					}
					clientGets(t, s, req, frames, err)
				}
			}
		}
	})
}

// clientGets writes frames for a client and checks the framing of what it gets.
func clientGets(t *testing.T, s *side, req *engine.Request, frames []engine.Frame, failed error) {
	in, _ := IngressFor(s.dialect)
	rep := in.NewReply(req)
	var dst []byte
	var err error
	for i := range frames {
		if dst, err = rep.Frame(dst, &frames[i]); err != nil {
			break // the gateway ends the reply with Fail
		}
	}
	if failed == nil && err == nil {
		if dst, err = rep.End(dst); err != nil {
			return // nothing to say
		}
	} else {
		dst = rep.Fail(dst, &engine.Outcome{Status: 502, Code: engine.CodeUpstreamError})
	}
	if why := badFraming(rep.ContentType(), string(dst)); why != "" {
		t.Fatalf("%s: %s in %q", s.dialect, why, dst)
	}
}

// badFraming says why a client could not take apart what it gets; "": it can.
func badFraming(contentType, out string) string {
	media, _, _ := strings.Cut(contentType, ";")
	var payloads []string
	switch media {
	case "text/event-stream":
		for event := range strings.SplitSeq(strings.TrimSuffix(out, "\n\n"), "\n\n") {
			for line := range strings.SplitSeq(event, "\n") {
				data, ok := strings.CutPrefix(line, "data: ")
				if !ok && line != "" && !strings.HasPrefix(line, "event: ") && !strings.HasPrefix(line, ":") || strings.Contains(line, "\r") {
					return fmt.Sprintf("line %q", line)
				}
				if ok && data != "[DONE]" {
					payloads = append(payloads, data)
				}
			}
		}
	case "application/x-ndjson":
		if out != "" {
			payloads = strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		}
	case "application/json":
		payloads = append(payloads, out)
	default:
		return "a content type of its own, " + contentType
	}
	for _, p := range payloads {
		if !jsontext.Value(p).IsValid() {
			return fmt.Sprintf("what is not JSON: %q", p)
		}
	}
	return ""
}
