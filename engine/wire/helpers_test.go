package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/engine"
)

// capture is a recorded exchange of a real server: the request's body, and the
// reply.
type capture struct {
	status  int
	request []byte
	body    []byte
}

// readCapture reads testdata/captures/name: a note on the request, the reply's
// head and its body.
func readCapture(t testing.TB, name string) capture {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "captures", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	note, rest, _ := bytes.Cut(raw, []byte{'\n'})
	head, body, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("%s: no end of head", name)
	}
	var c capture
	if _, err := fmt.Sscanf(string(head), "HTTP/1.1 %d", &c.status); err != nil {
		t.Fatal(err)
	}
	_, request, _ := bytes.Cut(note, []byte(" -d "))
	c.request, c.body = request, body
	return c
}

// readAll feeds a reader body in pieces of at most size bytes and returns copies
// of its frames.
func readAll(r ReplyReader, body []byte, size int) ([]engine.Frame, error) {
	return readPieces(r, slices.Collect(slices.Chunk(body, max(1, size)))...)
}

func readPieces(r ReplyReader, pieces ...[]byte) ([]engine.Frame, error) {
	var out []engine.Frame
	emit := func(f *engine.Frame) error {
		out = append(out, f.Clone())
		return nil
	}
	var buf []byte // reused, as a caller's would be
	for _, p := range pieces {
		buf = append(buf[:0], p...)
		if err := r.Read(buf, emit); err != nil {
			return out, err
		}
	}
	return out, r.Close(emit)
}

// write runs frames through a reply.
func write(t testing.TB, rep Reply, frames []engine.Frame) string {
	t.Helper()
	var dst []byte
	var err error
	for i := range frames {
		if dst, err = rep.Frame(dst, &frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if dst, err = rep.End(dst); err != nil {
		t.Fatal(err)
	}
	return string(dst)
}

// chatRequest parses a chat body that must be good.
func chatRequest(t testing.TB, body string) *engine.Request {
	t.Helper()
	req, err := OpenAIChat{}.ReadRequest(&Inbound{Body: []byte(body)}, Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return req
}

// fold joins the texts of frames, by choice and kind, into one line each.
func fold(frames []engine.Frame) string {
	var b strings.Builder
	last := ""
	for _, f := range frames {
		for _, e := range f.Events {
			var key, text string
			switch e.Kind {
			case engine.EventStart:
				key, text = "start", e.ID+" "+e.Model
			case engine.EventText:
				key, text = fmt.Sprintf("text %d", e.Choice), e.Text
			case engine.EventReasoning:
				key, text = fmt.Sprintf("reasoning %d", e.Choice), e.Text
			case engine.EventRefusal:
				key, text = fmt.Sprintf("refusal %d", e.Choice), e.Text
			case engine.EventToolCall:
				key, text = fmt.Sprintf("call %d.%d", e.Choice, e.Tool), e.ID+" "+e.Name
			case engine.EventToolArgs:
				key, text = fmt.Sprintf("args %d.%d", e.Choice, e.Tool), e.Text
			case engine.EventFinish:
				key, text = fmt.Sprintf("finish %d", e.Choice), e.Finish
			case engine.EventUsage:
				key, text = "usage", usageText(e.Usage)
			case engine.EventError:
				key, text = "error "+e.Code, e.Text
			case engine.EventEnd:
				key = "end"
			case engine.EventSignature:
				key, text = fmt.Sprintf("signature %d.%d", e.Choice, e.Tool), sealText(e.Seal)
			case engine.EventRedacted:
				key, text = fmt.Sprintf("redacted %d", e.Choice), sealText(e.Seal)
			case engine.EventCitation:
				key, text = fmt.Sprintf("citation %d", e.Choice), fmt.Sprintf("%+v", *e.Citation)
			case engine.EventImage:
				key, text = fmt.Sprintf("image %d", e.Choice), fmt.Sprintf("%s %s", e.Name, e.Data)
			case engine.EventLogprobs:
				key, text = fmt.Sprintf("logprobs %d", e.Choice), fmt.Sprintf("%+v", e.Logprobs)
			case engine.EventVector:
				key, text = fmt.Sprintf("vector %d", e.Choice), fmt.Sprint(e.Vector)
			case engine.EventOther:
				key, text = fmt.Sprintf("other %d", e.Choice), e.Name
			}
			if key == last && e.Kind != engine.EventUsage {
				b.WriteString(text)
				continue
			}
			fmt.Fprintf(&b, "\n%s: %s", key, text)
			last = key
		}
	}
	return strings.TrimPrefix(b.String()+"\n", "\n")
}

// usageText names the figures that every dialect has, and the others where they
// are not 0.
func usageText(u engine.Usage) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Input:%d Output:%d CachedInput:%d Reasoning:%d Estimated:%v", u.Input, u.Output, u.CachedInput, u.Reasoning, u.Estimated)
	for _, f := range []struct {
		name string
		n    int
	}{{"CacheWrite", u.CacheWrite}, {"CacheWriteLong", u.CacheWriteLong}, {"AudioInput", u.AudioInput}, {"AudioOutput", u.AudioOutput}} {
		if f.n != 0 {
			fmt.Fprintf(&b, " %s:%d", f.name, f.n)
		}
	}
	return b.String() + "}"
}

func sealText(s *engine.Opaque) string {
	return fmt.Sprintf("%s kind %d id %q %s", s.Origin, s.Kind, s.ID, s.Data)
}

var randomID = regexp.MustCompile(`[A-Z2-7]{26}`)

func requestError(t *testing.T, err error) *engine.RequestError {
	t.Helper()
	re, ok := err.(*engine.RequestError)
	if !ok {
		t.Fatalf("error is %T (%v), not an *engine.RequestError", err, err)
	}
	if re.Status != http.StatusBadRequest || re.Code == "" || re.Message == "" {
		t.Fatalf("incomplete error: %+v", re)
	}
	return re
}
