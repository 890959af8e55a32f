package engine

import (
	"slices"
	"strings"
)

// restorer puts back into a reply what was redacted from its request: each
// placeholder becomes the text it stands for. A placeholder may come in any
// number of pieces, so the end of a piece that could be the beginning of one is
// held until the next piece, or the end of the answer, settles it. Nothing else is
// held, and a frame in which nothing changes goes through as it is.
type restorer struct {
	values map[string]string // by placeholder
	held   []heldText
	// signed: the target signs its reasoning, which comes back to it with the
	// signature. It is left as it is, for a text that was changed does not match.
	signed bool
	// custom are the tool calls whose arguments are no JSON.
	custom []channel
}

// signsReasoning says whether targets of a dialect sign the text of their
// reasoning: Claude's do, wherever it is served.
func signsReasoning(family Dialect) bool {
	return family == DialectAnthropic || family == DialectBedrock || family == DialectVertex
}

// channel is a run of text in a reply: pieces of one channel belong together.
type channel struct {
	kind         EventKind
	choice, tool int
}

type heldText struct {
	channel
	text string
}

func newRestorer(values map[string]string) *restorer { return &restorer{values: values} }

// frame returns f with its placeholders restored: f itself where there are none,
// nil where all of it is held. A frame that changes has no upstream bytes any
// more, so it is written from its events.
func (r *restorer) frame(f *Frame) *Frame {
	for i := range f.Events {
		if e := &f.Events[i]; e.Kind == EventToolCall && e.Custom {
			r.custom = append(r.custom, channel{EventToolArgs, e.Choice, e.Tool})
		}
	}
	if len(r.held) == 0 && !slices.ContainsFunc(f.Events, func(e Event) bool { return textual(e.Kind) && strings.Contains(e.Text, "<") }) {
		return f
	}
	events := make([]Event, 0, len(f.Events)+1)
	changed, aligned := false, f.Raw != nil
	var now []string
	var of []channel // of each of now
	for _, e := range f.Events {
		c := channel{e.Kind, e.Choice, e.Tool}
		switch {
		case e.Kind == EventReasoning && r.signed:
			now, of = append(now, e.Text), append(of, c)
		case textual(e.Kind):
			text := r.piece(c, e.Text)
			now, of = append(now, text), append(of, c)
			changed = changed || text != e.Text
			if e.Text = text; text == "" {
				continue
			}
		case e.Kind == EventFinish || e.Kind == EventEnd || e.Kind == EventError:
			n := len(events)
			events = r.flush(events, e)
			for _, late := range events[n:] {
				changed = true
				at := len(of) - 1
				for at >= 0 && of[at] != (channel{late.Kind, late.Choice, late.Tool}) {
					at--
				}
				if aligned = aligned && at >= 0; aligned {
					now[at] += late.Text
				}
			}
		}
		events = append(events, e)
	}
	if !changed {
		return f
	}
	// They repeat the text as it was.
	events = slices.DeleteFunc(events, func(e Event) bool { return e.Kind == EventLogprobs })
	if len(events) == 0 {
		return nil
	}
	out := &Frame{Dialect: f.Dialect, Events: events}
	if aligned {
		out.Was, out.Now = f.Raw, now
	}
	return out
}

func textual(k EventKind) bool {
	return k == EventText || k == EventReasoning || k == EventRefusal || k == EventToolArgs
}

// piece restores the next piece of a channel and returns what is settled of it.
func (r *restorer) piece(c channel, text string) string {
	at := slices.IndexFunc(r.held, func(h heldText) bool { return h.channel == c })
	if at >= 0 {
		text = r.held[at].text + text
		r.held = slices.Delete(r.held, at, at+1)
	}
	if cut := r.unsettled(text); cut < len(text) {
		r.held = append(r.held, heldText{c, strings.Clone(text[cut:])})
		text = text[:cut]
	}
	return r.replace(c, text)
}

// unsettled is where the end of text begins that could become a placeholder; its
// length where there is none. A placeholder holds no second "<".
func (r *restorer) unsettled(text string) int {
	at := strings.LastIndexByte(text, '<')
	if at < 0 {
		return len(text)
	}
	for p := range r.values {
		if len(text)-at < len(p) && strings.HasPrefix(p, text[at:]) {
			return at
		}
	}
	return len(text)
}

func (r *restorer) replace(c channel, text string) string {
	if !strings.Contains(text, "<") {
		return text
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '<')
		if at < 0 {
			break
		}
		out.WriteString(text[:at])
		text = text[at:]
		end := strings.IndexByte(text, '>') + 1
		value, ok := r.values[text[:end]]
		if !ok {
			out.WriteByte('<')
			text = text[1:]
			continue
		}
		if c.kind == EventToolArgs && !slices.Contains(r.custom, c) {
			// A placeholder in arguments stands within a JSON string.
			quoted := Quote(value)
			value = string(quoted[1 : len(quoted)-1])
		}
		out.WriteString(value)
		text = text[end:]
	}
	out.WriteString(text)
	return out.String()
}

// flush adds what is held and will not be completed any more: of the choice that
// finishes, or of all of them.
func (r *restorer) flush(events []Event, last Event) []Event {
	rest := r.held[:0]
	for _, h := range r.held {
		if last.Kind == EventFinish && h.choice != last.Choice {
			rest = append(rest, h)
			continue
		}
		events = append(events, Event{Kind: h.kind, Choice: h.choice, Tool: h.tool, Text: h.text})
	}
	r.held = rest
	return events
}
