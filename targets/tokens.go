package targets

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"

	"github.com/sallyport-ai/sallyport/engine"
)

const (
	// maxCounted bounds what is counted of the texts of a request, and what is kept
	// of a reply to be counted, in bytes. The rest is engine.EstimateTokens.
	maxCounted = 1 << 20
	// countedAtOnce bounds the text that the tokenizer is given at a time, in
	// bytes. Its time can grow with the square of that.
	countedAtOnce = 4 << 10
	// longestSpace is the longest run of white space that the tokenizer is given,
	// in bytes: spaces and newlines in turn are such a case.
	longestSpace = 128
	// What a chat costs beside its texts, with its roles (OpenAI, "How to count
	// tokens with tiktoken").
	tokensPerMessage = 4
	tokensPerReply   = 3
)

// vocabularies count tokens as OpenAI's models do. They are part of the program,
// and are made ready when they are first needed, which takes about 15 ms and
// 7 MB. They are safe for concurrent use.
type vocabularies struct {
	o200k  func() *codec.Codec
	cl100k func() *codec.Codec
}

func newVocabularies() *vocabularies {
	return &vocabularies{o200k: sync.OnceValue(codec.NewO200kBase), cl100k: sync.OnceValue(codec.NewCl100kBase)}
}

// of is the vocabulary of a model: cl100k of GPT-4, GPT-3.5 and the models for
// embeddings, o200k of newer ones. Other makers' models have vocabularies of their
// own; o200k is near enough for an estimate.
func (v *vocabularies) of(model string) *codec.Codec {
	if model == "gpt-4" || model == "gpt-35" {
		return v.cl100k()
	}
	for _, prefix := range []string{"gpt-4-", "gpt-3.5", "gpt-35-", "text-embedding-"} {
		if strings.HasPrefix(model, prefix) {
			return v.cl100k()
		}
	}
	return v.o200k()
}

// request estimates the tokens of a request's input: of its texts and, of a chat,
// of what stands around them.
func (v *vocabularies) request(req *engine.Request, model string) int {
	n, left := 0, maxCounted
	if req.Operation == engine.OpChat || req.Operation == engine.OpCountTokens {
		n = tokensPerMessage*len(req.Messages) + tokensPerReply
	}
	c := v.of(model)
	for _, t := range req.Texts {
		now := min(len(t.Value), left)
		n += count(c, t.Value[:now]) + engine.EstimateTokens(t.Value[now:])
		left -= now
	}
	return n
}

// count is the tokens of a text. It goes through it in pieces, which may make it
// a token more for each.
func count(c *codec.Codec, s string) int {
	n := 0
	for s != "" {
		piece, space := nextPiece(s)
		s = s[len(piece):]
		if space {
			n += engine.EstimateTokens(piece)
			continue
		}
		tokens, err := c.Count(piece)
		if err != nil {
			tokens = engine.EstimateTokens(piece)
		}
		n += tokens
	}
	return n
}

// nextPiece is the beginning of a text that is counted at once: as many whole
// words as countedAtOnce holds, or, where space is set, a run of white space that
// is too long for that.
func nextPiece(s string) (piece string, space bool) {
	limit := min(len(s), countedAtOnce)
	word := 0 // where the last word ends
	run := -1 // where the white space that is under way begins
	for i, r := range s[:limit] {
		if !unicode.IsSpace(r) {
			run = -1
			continue
		}
		if run < 0 {
			run, word = i, i
		}
		if i-run < longestSpace {
			continue
		}
		if run > 0 {
			return s[:run], false
		}
		end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) })
		if end < 0 {
			end = len(s)
		}
		return s[:end], true
	}
	switch {
	case limit == len(s):
		return s, false
	case word > 0:
		return s[:word], false
	}
	for limit > countedAtOnce-utf8.UTFMax && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], false
}
