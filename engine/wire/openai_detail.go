package wire

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// openAILogprob is a token of a choice's logprobs.
type openAILogprob struct {
	Token   string          `json:"token"`
	Logprob float64         `json:"logprob"`
	Bytes   []int           `json:"bytes"` // null: no bytes of its own
	Top     []openAILogprob `json:"top_logprobs,omitzero"`
}

func (l *openAILogprob) neutral() engine.TokenLogprob {
	out := engine.TokenLogprob{Token: l.Token, Logprob: l.Logprob}
	for _, b := range l.Bytes {
		out.Bytes = append(out.Bytes, byte(b))
	}
	for i := range l.Top {
		out.Top = append(out.Top, l.Top[i].neutral())
	}
	return out
}

// logprobsOf writes the logprobs of tokens. Where bytes are not stated they are
// those of the token.
func logprobsOf(tokens []engine.TokenLogprob, top bool) []openAILogprob {
	out := make([]openAILogprob, 0, len(tokens))
	for _, t := range tokens {
		l := openAILogprob{Token: t.Token, Logprob: t.Logprob, Bytes: []int{}}
		b := t.Bytes
		if b == nil {
			b = []byte(t.Token)
		}
		for _, c := range b {
			l.Bytes = append(l.Bytes, int(c))
		}
		if top {
			l.Top = logprobsOf(t.Top, false)
		}
		out = append(out, l)
	}
	return out
}

// addLogprobs adds the logprobs of a piece of a choice's text.
func (r *openAIReader) addLogprobs(choice int, raw jsontext.Value) {
	if r.req.Logprobs == nil || raw.Kind() != '{' {
		return
	}
	var v struct {
		Content []openAILogprob `json:"content"`
		Refusal []openAILogprob `json:"refusal"`
	}
	if json.Unmarshal(raw, &v) != nil {
		return // some other server's form
	}
	e := engine.Event{Kind: engine.EventLogprobs, Choice: choice}
	for _, list := range [][]openAILogprob{v.Content, v.Refusal} {
		for i := range list {
			e.Logprobs = append(e.Logprobs, list[i].neutral())
		}
	}
	if len(e.Logprobs) > 0 {
		r.add(e)
	}
}

type openAIAnnotation struct {
	Type string            `json:"type"`
	URL  openAIURLCitation `json:"url_citation"`
}

type openAIURLCitation struct {
	Start int    `json:"start_index"`
	End   int    `json:"end_index"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// addAnnotations adds the citations of a choice. OpenAI counts the characters of
// the answer, the neutral form its bytes: only where the text has been kept can
// one be told from the other.
func (r *openAIReader) addAnnotations(choice int, state *readChoice, raw jsontext.Value) {
	var list []openAIAnnotation
	if raw.Kind() != '[' || json.Unmarshal(raw, &list) != nil {
		return
	}
	for _, a := range list {
		if a.Type != "url_citation" {
			r.add(engine.Event{Kind: engine.EventOther, Choice: choice, Name: "annotation"})
			continue
		}
		c := &engine.Citation{Kind: "url", URL: a.URL.URL, Title: a.URL.Title}
		text := state.text.String()
		if from, to := byteAt(text, a.URL.Start), byteAt(text, a.URL.End); 0 <= from && from <= to {
			c.Out = engine.Span{Start: from, End: to}
		}
		r.add(engine.Event{Kind: engine.EventCitation, Choice: choice, Citation: c})
	}
}

// byteAt is where character n of s begins, -1 where it has none such.
func byteAt(s string, n int) int {
	if n < 0 {
		return -1
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	if n == 0 {
		return len(s)
	}
	return -1
}

// characters is the number of characters in the first n bytes of s.
func characters(s string, n int) int { return utf8.RuneCountInString(s[:min(max(n, 0), len(s))]) }

// addImages adds the images of an answer, which OpenAI's chat API does not have but
// those who speak for others there do: a list of image parts.
func (r *openAIReader) addImages(choice int, raw jsontext.Value) {
	var list []openAIPart
	if raw.Kind() != '[' || json.Unmarshal(raw, &list) != nil {
		return
	}
	for _, p := range list {
		if p.ImageURL == nil {
			continue
		}
		u, ok := parseDataURL(p.ImageURL.URL)
		if !ok || !strings.HasPrefix(u.media, "image/") {
			r.add(engine.Event{Kind: engine.EventOther, Choice: choice, Name: "image"})
			continue
		}
		r.add(engine.Event{Kind: engine.EventImage, Choice: choice, Name: u.media, Data: []byte(u.data)})
	}
}

// maxDimensions bounds a vector; the largest models' have some ten thousand.
const maxDimensions = 1 << 16

var errBadVector = errors.New("the reply holds no embedding where one should be")

// vectors adds the embeddings of a reply, in the order in which it has them.
func (r *openAIReader) vectors(raw jsontext.Value) error {
	var list []struct {
		Index     int            `json:"index"`
		Embedding jsontext.Value `json:"embedding"`
	}
	if raw.Kind() != '[' {
		return errBadVector
	}
	if err := unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list) != len(r.req.Messages) {
		return errBadVector
	}
	seen := make([]bool, len(list))
	for i := range list {
		at := list[i].Index
		if at < 0 || at >= len(list) || seen[at] {
			return errBadVector
		}
		seen[at] = true
		v, err := vectorOf(list[i].Embedding)
		if err != nil {
			return err
		}
		r.add(engine.Event{Kind: engine.EventVector, Choice: at, Vector: v})
	}
	return nil
}

// vectorOf reads an embedding: an array of numbers, or the base64 of its values
// as little-endian 32-bit floats.
func vectorOf(raw jsontext.Value) (v []float32, err error) {
	switch raw.Kind() {
	case '[':
		if json.Unmarshal(raw, &v) != nil || len(v) == 0 || len(v) > maxDimensions {
			return nil, errBadVector
		}
		return v, nil
	case '"':
		b, err := base64.StdEncoding.DecodeString(text(raw))
		if err != nil || len(b) == 0 || len(b)%4 != 0 || len(b) > 4*maxDimensions {
			return nil, errBadVector
		}
		for ; len(b) > 0; b = b[4:] {
			v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
		return v, nil
	}
	return nil, errBadVector
}

// base64Vector is the other way around.
func base64Vector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}
