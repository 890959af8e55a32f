package wire

import (
	"fmt"

	"github.com/sallyport-ai/sallyport/engine"
)

// countVerb is what the path of POST /v1/messages/count_tokens asks for.
const countVerb = "count_tokens"

// countForm is how its bodies are relayed: those of a message, without what says how
// the answer shall be.
var countForm = relayForm{model: messagesForm.model, tools: messagesForm.tools, choices: messagesForm.choices}

// count appends the answer of a request for the number of its tokens: the target's
// count, or the estimate that stands in for it.
func (r *anthropicReply) count(dst []byte) []byte {
	return fmt.Appendf(dst, `{"input_tokens":%d}`, r.total().Input)
}

// readCount reads such an answer.
func (r *anthropicReader) readCount(payload []byte) error {
	var c struct {
		Input *int `json:"input_tokens"`
	}
	if err := unmarshal(payload, &c); err != nil {
		return err
	}
	if c.Input == nil {
		return errNoAnswer
	}
	r.addUsage(engine.Usage{Input: *c.Input})
	r.add(engine.Event{Kind: engine.EventEnd})
	return nil
}
