package wire

import (
	"github.com/sallyport-ai/sallyport/engine"
)

// geminiGrounding says where pieces of an answer come from. Segments count the
// bytes of its text.
type geminiGrounding struct {
	Chunks   []geminiChunk   `json:"groundingChunks,omitzero"`
	Supports []geminiSupport `json:"groundingSupports,omitzero"`
}

type geminiChunk struct {
	Web *geminiSource `json:"web,omitzero"`
}

type geminiSource struct {
	URI   string `json:"uri,omitzero"`
	Title string `json:"title,omitzero"`
}

type geminiSupport struct {
	Segment struct {
		Start int    `json:"startIndex,omitzero"`
		End   int    `json:"endIndex,omitzero"`
		Text  string `json:"text,omitzero"`
	} `json:"segment"`
	Chunks []int `json:"groundingChunkIndices"`
}

// grounding is what a candidate has cited, each source once; nil: nothing.
func (c *geminiCandidate) grounding() *geminiGrounding {
	if len(c.cited) == 0 {
		return nil
	}
	g := &geminiGrounding{}
	known := map[geminiSource]int{}
	for _, cited := range c.cited {
		source := geminiSource{cited.URL, cited.Title}
		at, ok := known[source]
		if !ok {
			at = len(g.Chunks)
			known[source] = at
			g.Chunks = append(g.Chunks, geminiChunk{&source})
		}
		s := geminiSupport{Chunks: []int{at}}
		s.Segment.Start, s.Segment.End = cited.Out.Start, cited.Out.End
		g.Supports = append(g.Supports, s)
	}
	return g
}

// geminiLogprobs are the probabilities of a candidate's tokens: those chosen, and
// the likeliest in the place of each.
type geminiLogprobs struct {
	Top    []geminiTop    `json:"topCandidates,omitzero"`
	Chosen []geminiChosen `json:"chosenCandidates,omitzero"`
}

type geminiTop struct {
	Candidates []geminiChosen `json:"candidates"`
}

type geminiChosen struct {
	Token   string  `json:"token"`
	TokenID int     `json:"tokenId,omitzero"`
	Logprob float64 `json:"logProbability"`
}

// add appends the probabilities of more tokens; l may be nil.
func (l *geminiLogprobs) add(tokens []engine.TokenLogprob) *geminiLogprobs {
	if l == nil {
		l = &geminiLogprobs{}
	}
	for _, t := range tokens {
		l.Chosen = append(l.Chosen, geminiChosen{Token: t.Token, Logprob: t.Logprob})
		top := geminiTop{Candidates: []geminiChosen{}}
		for _, o := range t.Top {
			top.Candidates = append(top.Candidates, geminiChosen{Token: o.Token, Logprob: o.Logprob})
		}
		l.Top = append(l.Top, top)
	}
	return l
}

// tokens are the probabilities in neutral form; l may be nil.
func (l *geminiLogprobs) tokens() []engine.TokenLogprob {
	if l == nil {
		return nil
	}
	var out []engine.TokenLogprob
	for i, c := range l.Chosen {
		t := engine.TokenLogprob{Token: c.Token, Logprob: c.Logprob}
		if i < len(l.Top) {
			for _, o := range l.Top[i].Candidates {
				t.Top = append(t.Top, engine.TokenLogprob{Token: o.Token, Logprob: o.Logprob})
			}
		}
		out = append(out, t)
	}
	return out
}
