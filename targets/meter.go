package targets

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// counted answers a request for the number of its tokens where the target's API
// has no such answer: nothing is sent to the target.
func (t *target) counted(api engine.Dialect, a *engine.Attempt, sink engine.Sink) (engine.Usage, error) {
	u := engine.Usage{Input: t.vocabularies.request(a.Request, a.Candidate.Upstream), Estimated: true}
	return u, sink.Frame(&engine.Frame{Dialect: api, Events: []engine.Event{{Kind: engine.EventUsage, Usage: u}, {Kind: engine.EventEnd}}})
}

// meter follows the tokens of a reply. What an upstream says it used is the sum
// so far, so that its last word counts; the text after that is kept, to be counted
// where no other word comes.
type meter struct {
	reported engine.Usage
	known    bool
	text     strings.Builder // at most maxCounted bytes
	beyond   int             // estimated tokens of the text beyond those
}

func (m *meter) add(ev *engine.Event) {
	switch ev.Kind {
	case engine.EventUsage:
		*m = meter{reported: ev.Usage, known: true}
	case engine.EventText, engine.EventReasoning, engine.EventRefusal, engine.EventToolArgs:
		m.keep(ev.Text)
	case engine.EventToolCall:
		m.keep(ev.Name)
	}
}

func (m *meter) keep(text string) {
	if m.text.Len()+len(text) > maxCounted {
		m.beyond += engine.EstimateTokens(text)
		return
	}
	m.text.WriteString(text)
}

// usage is the tokens of a reply, or of as much as came of it: the upstream's
// word where it gave one, a count where it gave none. Of a reply that broke off, or
// of whose output the upstream said nothing, what came after its last word is
// counted, too. It may take 0.1 ms for
// each KB that it has to count, so it is asked when the last frame has gone out.
func (m *meter) usage(v *vocabularies, a *engine.Attempt, content, complete bool) engine.Usage {
	u := m.reported
	if m.known && complete && u.Output > 0 || !m.known && !content {
		return u
	}
	if !m.known {
		u.Input, u.Estimated = v.request(a.Request, a.Candidate.Upstream), true
	}
	if m.text.Len()+m.beyond > 0 {
		u.Output += count(v.of(a.Candidate.Upstream), m.text.String()) + m.beyond
		u.Estimated = true
	}
	return u
}
