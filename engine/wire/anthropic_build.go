package wire

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicBuild writes a request of another API, or of another version of this
// one, as a message.
type anthropicBuild struct {
	req     *engine.Request
	up      *Upstream
	version string
	out     anthropicRequest
	losses  *losses
}

func (b *anthropicBuild) refuse(field, why string) error {
	return inexpressible(engine.DialectAnthropic, field, why)
}

func (b *anthropicBuild) request() (*UpstreamRequest, error) {
	chat := *b.req
	if chat.Operation == engine.OpCountTokens { // of what a chat would be
		chat.Operation = engine.OpChat
	}
	if err := checkPortable(&chat, engine.DialectAnthropic); err != nil {
		return nil, err
	}
	if b.req.Logprobs != nil {
		return nil, b.refuse("logprobs", "it gives none")
	}
	if b.req.Sampling.N > 1 {
		return nil, b.refuse("n", "it gives one answer")
	}
	b.out.Model, b.out.Stream = b.up.Model, b.req.Stream
	if err := b.conversation(); err != nil {
		return nil, err
	}
	if err := b.tools(); err != nil {
		return nil, err
	}
	if err := b.format(); err != nil {
		return nil, err
	}
	b.limit()
	b.reasoning()
	b.sampling()
	up := &UpstreamRequest{Path: "/messages", Header: [][2]string{{"Anthropic-Version", b.version}}, Stream: b.req.Stream}
	if b.req.Operation == engine.OpCountTokens {
		up.Path, up.Stream = "/messages/count_tokens", false
		b.out = anthropicRequest{Model: b.out.Model, System: b.out.System, Messages: b.out.Messages, Tools: b.out.Tools,
			ToolChoice: b.out.ToolChoice, Thinking: b.out.Thinking, OutputConfig: b.out.OutputConfig}
	}
	body, err := build(&b.out)
	if err != nil {
		return nil, err
	}
	up.Body, up.Losses = body, b.losses.list
	return up, nil
}

// conversation writes the messages. Only the later version of the API has system
// messages among them; for the other they are gathered at the front.
func (b *anthropicBuild) conversation() error {
	runs := [][]engine.Message{b.req.Messages}
	if b.version == anthropic2026 {
		runs = b.runs()
	}
	for i, run := range runs {
		part := *b.req // of the same body: only the messages are fewer
		part.Messages = run
		system, turns := turns(&part, b.losses)
		blocks, err := b.system(system)
		switch {
		case err != nil:
			return err
		case i == 0:
			b.out.System = blocks
		case len(blocks) > 0:
			b.out.Messages = append(b.out.Messages, anthropicMessage{Role: "system", Content: blocks})
		}
		for _, t := range turns {
			if err := b.turn(t); err != nil {
				return err
			}
		}
	}
	n := len(b.out.Messages)
	if n == 0 {
		return b.refuse("messages", "it needs a message of the user that is not empty")
	}
	if b.out.Messages[0].Role == "assistant" {
		return b.refuse(pathAt(b.req, b.req.Messages[0].At, ""), "a conversation begins with the user there")
	}
	if last := &b.out.Messages[n-1]; last.Role == "assistant" {
		// The answer goes on where this ends, which no other API promises. It must not
		// end in white space.
		if b.req.Dialect != engine.DialectAnthropicMessages {
			b.losses.approximate(pathAt(b.req, b.req.Messages[len(b.req.Messages)-1].At, ""), "prefill")
		}
		if block := &last.Content[len(last.Content)-1]; block.Type == "text" {
			block.Text = strings.TrimRightFunc(block.Text, unicode.IsSpace)
		}
	}
	return nil
}

// runs cuts the messages before each system message that comes behind others.
func (b *anthropicBuild) runs() (runs [][]engine.Message) {
	from, spoken := 0, false
	for i, m := range b.req.Messages {
		if m.Role != engine.RoleSystem {
			spoken = true
		} else if spoken {
			runs, from, spoken = append(runs, b.req.Messages[from:i]), i, false
		}
	}
	return append(runs, b.req.Messages[from:])
}

func (b *anthropicBuild) system(parts []turnPart) (out []anthropicBlock, err error) {
	for _, p := range parts {
		text, err := p.text(engine.DialectAnthropic)
		if err != nil {
			return nil, err
		}
		if b.says(p, text) {
			out = append(out, anthropicBlock{Type: "text", Text: text})
		}
	}
	return out, nil
}

// says says whether a text is more than white space, which the API refuses.
func (b *anthropicBuild) says(p turnPart, text string) bool {
	if strings.TrimSpace(text) != "" {
		return true
	}
	if text != "" {
		b.losses.drop(p.path(""))
	}
	return false
}

func (b *anthropicBuild) turn(t turn) error {
	m := anthropicMessage{Role: t.role.String()}
	for _, p := range t.parts {
		block, ok, err := b.part(p)
		if err != nil {
			return err
		}
		if ok {
			m.Content = append(m.Content, block)
		}
	}
	if len(m.Content) > 0 {
		b.out.Messages = append(b.out.Messages, m)
	}
	return nil
}

// part writes one thing that is said; ok is false where it is left out.
func (b *anthropicBuild) part(p turnPart) (block anthropicBlock, ok bool, err error) {
	const d = engine.DialectAnthropic
	switch {
	case p.call != nil:
		block.Type, block.ID, block.Name = "tool_use", toolID(p.call.ID), p.call.Name
		if why := badName(p.call.Name, 128, ""); why != "" {
			return block, false, b.refuse(p.path(".function.name"), why)
		}
		if p.call.Seal != nil { // of another family: this one signs its thinking alone
			b.losses.approximate(p.path(""), "unsigned")
		}
		block.Input, err = p.arguments(d)
		return block, true, err
	case p.result != nil:
		block.Type, block.ToolUseID, block.IsError = "tool_result", toolID(p.result.ToolCallID), p.result.IsError
		content, err := b.result(p)
		block.Content = content
		return block, true, err
	}
	switch p.part.Kind {
	case engine.PartReasoning:
		block, ok = b.thought(p)
		return block, ok, nil
	case engine.PartImage, engine.PartFile:
		block, err = b.source(p)
		return block, true, err
	case engine.PartText, engine.PartRefusal:
		block.Type, block.Text = "text", value(p.part.Text)
		return block, b.says(p, block.Text), nil
	}
	return block, false, b.refuse(p.path(""), "it has no such part")
}

// thought writes thinking, which the API takes back with its own signature only.
func (b *anthropicBuild) thought(p turnPart) (block anthropicBlock, ok bool) {
	switch {
	case !ownSeal(p.part):
		b.losses.drop(p.path(""))
		return block, false
	case p.part.Seal.Kind == engine.OpaqueRedacted:
		return anthropicBlock{Type: "redacted_thinking", Data: p.part.Seal.Data}, true
	}
	text := ""
	if p.part.Text != nil {
		text = value(p.part.Text)
	}
	return anthropicBlock{Type: "thinking", Thinking: &text, Signature: p.part.Seal.Data}, true
}

// source writes an image or a document.
func (b *anthropicBuild) source(p turnPart) (block anthropicBlock, err error) {
	part := p.part
	media := []string{"image/jpeg", "image/png", "image/gif", "image/webp"}
	block.Type = "image"
	if part.Kind == engine.PartFile {
		block.Type, media = "document", []string{"application/pdf"}
		if part.Filename != nil {
			block.Title = value(part.Filename)
		}
	}
	switch {
	case part.Text != nil:
		block.Source = &anthropicSource{Type: "text", MediaType: "text/plain", Data: value(part.Text)}
	case part.URL != nil:
		block.Source = &anthropicSource{Type: "url", URL: value(part.URL)}
	case part.FileID != nil && b.req.Dialect == engine.DialectAnthropicMessages:
		block.Source = &anthropicSource{Type: "file", FileID: value(part.FileID)}
	case part.Data == "":
		return block, b.refuse(p.path(""), "it must be sent inline or by its URL")
	case !slices.Contains(media, part.MediaType):
		return block, b.refuse(p.path(""), "it must be of type "+strings.Join(media, ", "))
	default:
		block.Source = &anthropicSource{Type: "base64", MediaType: part.MediaType, Data: part.Data}
	}
	return block, nil
}

// result is the content of a tool's result: a string where it is text alone.
func (b *anthropicBuild) result(p turnPart) (any, error) {
	var blocks []anthropicBlock
	for i := range p.result.Parts {
		part := turnPart{req: p.req, part: &p.result.Parts[i]}
		if part.part.Kind != engine.PartImage && part.part.Kind != engine.PartFile {
			continue
		}
		block, err := b.source(part)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	if blocks == nil {
		return p.resultText(engine.DialectAnthropic)
	}
	texts := *p.result
	texts.Parts = slices.DeleteFunc(slices.Clone(p.result.Parts), func(q engine.Part) bool {
		return q.Kind == engine.PartImage || q.Kind == engine.PartFile
	})
	text, err := turnPart{req: p.req, result: &texts}.resultText(engine.DialectAnthropic)
	if err == nil && strings.TrimSpace(text) != "" {
		blocks = slices.Insert(blocks, 0, anthropicBlock{Type: "text", Text: text})
	}
	return blocks, err
}
