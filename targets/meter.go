package targets

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// counted answers a request for the number of its tokens where the target's API
// has no such answer: nothing is sent to the target.
func counted(api engine.Dialect, a *engine.Attempt, sink engine.Sink) (engine.Usage, error) {
	u := engine.Usage{Input: a.Request.PromptTokens, Estimated: true}
	return u, sink.Frame(&engine.Frame{Dialect: api, Events: []engine.Event{{Kind: engine.EventUsage, Usage: u}, {Kind: engine.EventEnd}}})
}

// meter follows the tokens of a reply.
type meter struct {
	reported engine.Usage
	known    bool
	text     strings.Builder // output since the last count, for an estimate
	counted  int
}

func (m *meter) add(ev *engine.Event) {
	switch ev.Kind {
	case engine.EventUsage:
		m.reported, m.known = ev.Usage, true
		m.text.Reset()
	case engine.EventText, engine.EventReasoning, engine.EventRefusal, engine.EventToolArgs:
		m.text.WriteString(ev.Text)
	case engine.EventToolCall:
		m.text.WriteString(ev.Name)
	}
	if m.text.Len() > 64<<10 { // an endless reply must not fill the memory
		m.count()
	}
}

func (m *meter) count() {
	m.counted += engine.EstimateTokens(m.text.String())
	m.text.Reset()
}

// usage is the tokens so far: the upstream's word, or an estimate.
func (m *meter) usage(prompt int, content bool) engine.Usage {
	if m.known {
		return m.reported
	}
	if !content {
		return engine.Usage{}
	}
	m.count()
	return engine.Usage{Input: prompt, Output: m.counted, Estimated: true}
}
