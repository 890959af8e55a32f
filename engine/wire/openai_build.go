package wire

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// openAIChat is the body of a chat completion request that is built from the
// neutral form.
type openAIChat struct {
	Model               string               `json:"model"`
	Messages            []openAITurn         `json:"messages"`
	Tools               []openAITool         `json:"tools,omitzero"`
	ToolChoice          any                  `json:"tool_choice,omitzero"` // a string or an openAIChoiceOf
	ParallelToolCalls   *bool                `json:"parallel_tool_calls,omitzero"`
	ResponseFormat      *openAIFormat        `json:"response_format,omitzero"`
	ReasoningEffort     string               `json:"reasoning_effort,omitzero"`
	MaxTokens           int                  `json:"max_tokens,omitzero"`
	MaxCompletionTokens int                  `json:"max_completion_tokens,omitzero"`
	Temperature         *float64             `json:"temperature,omitzero"`
	TopP                *float64             `json:"top_p,omitzero"`
	TopK                *int                 `json:"top_k,omitzero"`
	PresencePenalty     *float64             `json:"presence_penalty,omitzero"`
	FrequencyPenalty    *float64             `json:"frequency_penalty,omitzero"`
	Seed                *int64               `json:"seed,omitzero"`
	N                   int                  `json:"n,omitzero"`
	Stop                []string             `json:"stop,omitzero"`
	Logprobs            bool                 `json:"logprobs,omitzero"`
	TopLogprobs         int                  `json:"top_logprobs,omitzero"`
	Stream              bool                 `json:"stream,omitzero"`
	StreamOptions       *openAIStreamOptions `json:"stream_options,omitzero"`
}

type openAIStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// openAITurn is a message of a request.
type openAITurn struct {
	Role             string       `json:"role"`
	Content          any          `json:"content"` // nil, a string or []openAIPart
	Refusal          string       `json:"refusal,omitzero"`
	Reasoning        string       `json:"reasoning,omitzero"`
	ReasoningContent string       `json:"reasoning_content,omitzero"`
	ToolCalls        []openAICall `json:"tool_calls,omitzero"`
	ToolCallID       string       `json:"tool_call_id,omitzero"`
}

// openAIPart is a part of a message's content. Exactly the member of its type is
// set.
type openAIPart struct {
	Type       string           `json:"type"`
	Text       *string          `json:"text,omitzero"`
	ImageURL   *openAIReference `json:"image_url,omitzero"`
	VideoURL   *openAIReference `json:"video_url,omitzero"`
	InputAudio *openAIAudio     `json:"input_audio,omitzero"`
	File       *openAIFile      `json:"file,omitzero"`
}

type openAIReference struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitzero"`
}

type openAIAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"`
}

type openAIFile struct {
	Filename string `json:"filename,omitzero"`
	FileData string `json:"file_data,omitzero"`
	FileID   string `json:"file_id,omitzero"`
}

// openAICall is a tool call of a message: of a function or of a custom tool.
type openAICall struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Function *openAIFunction `json:"function,omitzero"`
	Custom   *openAICustom   `json:"custom,omitzero"`
}

type openAICustom struct {
	Name  string `json:"name"`
	Input string `json:"input"`
}

// openAIBuild writes a request of another API than OpenAI's own as a chat
// completion for one kind of server.
type openAIBuild struct {
	req    *engine.Request
	up     *Upstream
	server Server
	out    openAIChat
	losses *losses
	kinds  map[string]engine.ToolKind // of tools by name
	// later are images of tool results: a tool's message holds text alone, so they
	// are said by the user once all results of the turn have been given.
	later []openAIPart
}

// refuse says that the server cannot be sent a field.
func (b *openAIBuild) refuse(at int, why string) error {
	return inexpressible(engine.DialectOpenAI, pathAt(b.req, at, ""), why)
}

// messages writes the conversation.
func (b *openAIBuild) messages() error {
	for i := range b.req.Messages {
		m := &b.req.Messages[i]
		if m.Role == engine.RoleTool {
			if err := b.result(m); err != nil {
				return err
			}
			continue
		}
		turn := openAITurn{Role: m.Role.String()}
		if m.Native == "developer" && b.server.DeveloperRole {
			turn.Role = m.Native
		}
		var parts []openAIPart
		if len(b.later) > 0 {
			if m.Role == engine.RoleUser {
				parts, b.later = b.later, nil
			} else {
				b.flush()
			}
		}
		parts, err := b.parts(m, &turn, parts)
		if err != nil {
			return err
		}
		if turn.Content = contentOf(parts); turn.Content == nil {
			switch {
			case m.Role != engine.RoleAssistant:
				turn.Content = ""
			case len(turn.ToolCalls) == 0 && turn.Refusal == "":
				if len(m.Parts) > 0 && turn.Reasoning == "" && turn.ReasoningContent == "" {
					continue // nothing of it could be carried; that is a loss already
				}
				turn.Content = ""
			}
		}
		b.out.Messages = append(b.out.Messages, turn)
	}
	b.flush()
	// Anthropic's models go on with an assistant's last message; OpenAI's answer it.
	if last := len(b.req.Messages) - 1; last >= 0 && b.req.Dialect == engine.DialectAnthropicMessages && b.req.Messages[last].Role == engine.RoleAssistant {
		b.losses.approximateAt(b.req.Messages[last].At, "", "")
	}
	if len(b.out.Messages) == 0 {
		return inexpressible(engine.DialectOpenAI, "messages", "it needs a message that is not empty")
	}
	return nil
}

// flush has the user say what tools have shown.
func (b *openAIBuild) flush() {
	if len(b.later) > 0 {
		b.out.Messages = append(b.out.Messages, openAITurn{Role: "user", Content: b.later})
		b.later = nil
	}
}

// contentOf is a content in its simplest form, for many servers' chat templates
// know a string only: nil for nothing, a string for one text.
func contentOf(parts []openAIPart) any {
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) == 1 && parts[0].Type == "text":
		return *parts[0].Text
	}
	return parts
}

func textPart(s string) openAIPart { return openAIPart{Type: "text", Text: &s} }

// parts writes what a message says: content is appended to parts, all else goes
// into the turn.
func (b *openAIBuild) parts(m *engine.Message, turn *openAITurn, parts []openAIPart) ([]openAIPart, error) {
	called := make([]bool, len(m.ToolCalls))
	var thoughts []string
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Kind {
		case engine.PartRefusal:
			if b.server.Refusals {
				turn.Refusal += value(p.Text)
				continue
			}
			b.losses.approximateAt(p.At, "", "text")
		case engine.PartReasoning:
			thoughts = append(thoughts, b.thought(p)...)
			continue
		case engine.PartToolCall:
			called[p.Call] = true
			call, err := b.call(&m.ToolCalls[p.Call])
			if err != nil {
				return nil, err
			}
			turn.ToolCalls = append(turn.ToolCalls, call)
			continue
		}
		if len(turn.ToolCalls) > 0 {
			// Content stands before calls, whichever came first.
			b.losses.approximateAt(p.At, "", "")
		}
		part, err := b.part(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	for i := range m.ToolCalls {
		if called[i] {
			continue
		}
		call, err := b.call(&m.ToolCalls[i])
		if err != nil {
			return nil, err
		}
		turn.ToolCalls = append(turn.ToolCalls, call)
	}
	switch text := strings.Join(thoughts, "\n"); b.server.ReasoningField {
	case "reasoning":
		turn.Reasoning = text
	case "reasoning_content":
		turn.ReasoningContent = text
	}
	return parts, nil
}

// thought is the text of a piece of thinking, where the server takes back any. Its
// signature goes in no case: a server of this API made none.
func (b *openAIBuild) thought(p *engine.Part) []string {
	switch {
	case p.Text == nil || b.server.ReasoningField == "":
		b.losses.dropAt(p.At, "")
		return nil
	case p.Seal != nil:
		b.losses.approximateAt(p.At, "", "")
	}
	return []string{value(p.Text)}
}

// part writes a part of a message's content.
func (b *openAIBuild) part(p *engine.Part) (openAIPart, error) {
	switch p.Kind {
	case engine.PartText, engine.PartRefusal:
		return textPart(value(p.Text)), nil
	case engine.PartJSON:
		return textPart(string(p.JSON.Bytes())), nil
	case engine.PartImage:
		url, err := b.url(p)
		return openAIPart{Type: "image_url", ImageURL: &openAIReference{URL: url, Detail: p.Detail}}, err
	case engine.PartVideo:
		if !b.server.VideoURL {
			return openAIPart{}, b.refuse(p.At, "it takes no video")
		}
		url, err := b.url(p)
		return openAIPart{Type: "video_url", VideoURL: &openAIReference{URL: url}}, err
	case engine.PartAudio:
		format := audioFormat(p.MediaType)
		if p.Data == "" || format == "" {
			return openAIPart{}, b.refuse(p.At, "it takes audio as base64 of WAV or MP3 only")
		}
		return openAIPart{Type: "input_audio", InputAudio: &openAIAudio{Data: p.Data, Format: format}}, nil
	case engine.PartFile:
		return b.file(p)
	}
	return openAIPart{}, b.refuse(p.At, "it has no such part")
}

// url is where an image or a film is.
func (b *openAIBuild) url(p *engine.Part) (string, error) {
	switch {
	case p.URL != nil && p.Kind == engine.PartImage && b.server.NoImageURL:
		return "", b.refuse(p.At, "it does not fetch images: send a data URL")
	case p.URL != nil:
		return value(p.URL), nil
	case p.Data == "":
		return "", b.refuse(p.At, "it must be sent inline or by its URL")
	}
	return "data:" + p.MediaType + ";base64," + p.Data, nil
}

// audioFormat is OpenAI's name for a kind of audio, "" where it takes none such.
func audioFormat(media string) string {
	switch media {
	case "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave":
		return "wav"
	case "audio/mpeg", "audio/mp3":
		return "mp3"
	}
	return ""
}

// file writes a document. One of plain text is said as a text, for the API takes
// none as a file.
func (b *openAIBuild) file(p *engine.Part) (openAIPart, error) {
	if p.Text != nil {
		b.losses.approximateAt(p.At, "", "text")
		return textPart(value(p.Text)), nil
	}
	f := openAIFile{}
	if p.Filename != nil {
		f.Filename = value(p.Filename)
	}
	switch {
	case p.FileID != nil && b.server.Files && b.req.Dialect == engine.DialectOpenAIResponses:
		f.FileID = value(p.FileID)
	case p.Data == "":
		return openAIPart{}, b.refuse(p.At, "it must be sent inline")
	default:
		if f.Filename == "" { // it must have one; the media type is what counts
			f.Filename = "document"
			if _, subtype, _ := strings.Cut(p.MediaType, "/"); plain(subtype, 8) {
				f.Filename += "." + subtype
			}
		}
		f.FileData = "data:" + p.MediaType + ";base64," + p.Data
	}
	return openAIPart{Type: "file", File: &f}, nil
}

// call writes a tool call.
func (b *openAIBuild) call(c *engine.ToolCall) (openAICall, error) {
	out := openAICall{ID: b.callID(c.ID), Type: "function"}
	if c.Seal != nil {
		b.losses.approximateAt(c.At, "", "")
	}
	if c.Input != nil {
		if !b.server.CustomTools {
			return out, b.refuse(c.At, "it has no custom tools")
		}
		out.Type, out.Custom = "custom", &openAICustom{Name: c.Name, Input: value(c.Input)}
		return out, nil
	}
	arguments := c.Arguments.Bytes()
	if !jsontext.Value(arguments).IsValid() {
		return out, b.refuse(c.At, "its arguments must be JSON")
	}
	out.Function = &openAIFunction{Name: c.Name, Arguments: string(arguments)}
	return out, nil
}

// callID is the id of a call as the server takes it: OpenAI's own are at most 40
// characters long, and it refuses longer ones.
func (b *openAIBuild) callID(id string) string {
	const limit = 40
	if len(id) <= limit {
		return id
	}
	return toolID(id[:limit/2]) + hashOf(id)
}

// result writes a tool's result.
func (b *openAIBuild) result(m *engine.Message) error {
	if m.ToolCallID == "" {
		return b.refuse(m.At, "the result names no tool call of an earlier message")
	}
	turn := openAITurn{Role: "tool", ToolCallID: b.callID(m.ToolCallID)}
	if m.IsError {
		b.losses.dropAt(m.At, "")
	}
	var texts []openAIPart
	for i := range m.Parts {
		p := &m.Parts[i]
		part, err := b.part(p)
		if err != nil {
			return err
		}
		if part.Type == "text" {
			texts = append(texts, part)
			continue
		}
		b.losses.approximateAt(p.At, "", "user")
		b.later = append(b.later, part)
	}
	if turn.Content = contentOf(texts); turn.Content == nil {
		turn.Content = ""
	}
	b.out.Messages = append(b.out.Messages, turn)
	return nil
}
