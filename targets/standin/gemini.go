package standin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// gemini speaks generateContent, streamGenerateContent with alt=sse, countTokens,
// embedContent and batchEmbedContents.
type gemini struct{}

type geminiParts []struct {
	Text             string `json:"text"`
	FunctionResponse *struct {
		Response json.RawMessage `json:"response"`
	} `json:"functionResponse"`
}

type geminiContent struct {
	Role  string      `json:"role"`
	Parts geminiParts `json:"parts"`
}

type geminiQuestion struct {
	System   geminiContent   `json:"systemInstruction"`
	Contents []geminiContent `json:"contents"`
	Tools    []struct {
		Functions []struct {
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
			JSONSchema json.RawMessage `json:"parametersJsonSchema"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
	Generation struct {
		MaxOutputTokens int `json:"maxOutputTokens"`
	} `json:"generationConfig"`
}

func (gemini) base() string { return "/v1beta" }

func (g gemini) handle(r *http.Request, body []byte, cfg *Config) (answer, error) {
	_, call, found := strings.Cut(r.URL.Path, "/models/")
	model, verb, _ := strings.Cut(call, ":")
	stream := verb == "streamGenerateContent"
	if r.Method != http.MethodPost || !found {
		return answer{}, errUnknownPath
	}
	var q geminiQuestion
	switch verb {
	case "generateContent", "streamGenerateContent":
		if err := decode(body, &q); err != nil {
			return answer{}, err
		}
	case "countTokens": // in either of two shapes
		count := struct {
			*geminiQuestion
			Whole *geminiQuestion `json:"generateContentRequest"`
		}{geminiQuestion: &q}
		if err := decode(body, &count); err != nil {
			return answer{}, err
		}
		if count.Whole != nil {
			q = *count.Whole
		}
	case "embedContent", "batchEmbedContents":
		return g.embeddings(verb, body)
	default:
		return answer{}, errUnknownPath
	}
	if len(q.Contents) == 0 {
		return answer{}, errors.New("contents is not specified")
	}
	a := ask{model: model, stream: stream, maxTokens: q.Generation.MaxOutputTokens}
	add := func(role string, p geminiParts) {
		var texts []string
		for _, part := range p {
			if part.FunctionResponse != nil {
				a.turns = append(a.turns, turn{"tool", string(part.FunctionResponse.Response)})
			} else if part.Text != "" {
				texts = append(texts, part.Text)
			}
		}
		if len(texts) > 0 {
			a.turns = append(a.turns, turn{role, strings.Join(texts, "\n")})
		}
	}
	add("system", q.System.Parts)
	for _, c := range q.Contents {
		role := c.Role
		if role == "" {
			role = "user"
		}
		add(role, c.Parts)
	}
	for _, t := range q.Tools {
		for _, f := range t.Functions {
			schema := f.Parameters
			if len(schema) == 0 {
				schema = f.JSONSchema
			}
			a.tools = append(a.tools, offered{f.Name, schema})
		}
	}
	rep := a.answerTo(cfg)
	if verb == "countTokens" {
		return answer{"application/json", []frame{{encode(map[string]any{"totalTokens": rep.input}), 1}}}, nil
	}
	if stream {
		return g.stream(&rep), nil
	}
	part := map[string]any{"text": rep.text()}
	if rep.tool != "" {
		part = g.call(&rep)
	}
	return answer{"application/json", []frame{{encode(g.chunk(&rep, part, g.finish(&rep))), max(1, rep.output)}}}, nil
}

// embeddings answers one request for an embedding, or a list of them.
func (gemini) embeddings(verb string, body []byte) (answer, error) {
	type request struct {
		Content geminiContent `json:"content"`
	}
	vector := func(q *request) map[string]any {
		var text strings.Builder
		for _, p := range q.Content.Parts {
			text.WriteString(p.Text)
		}
		return map[string]any{"values": embed(text.String())}
	}
	if verb == "embedContent" {
		var q request
		if err := decode(body, &q); err != nil {
			return answer{}, err
		}
		return answer{"application/json", []frame{{encode(map[string]any{"embedding": vector(&q)}), 1}}}, nil
	}
	var q struct {
		Requests []request `json:"requests"`
	}
	if err := decode(body, &q); err != nil {
		return answer{}, err
	}
	list := []any{}
	for i := range q.Requests {
		list = append(list, vector(&q.Requests[i]))
	}
	return answer{"application/json", []frame{{encode(map[string]any{"embeddings": list}), 1}}}, nil
}

func (g gemini) stream(r *reply) answer {
	a := answer{contentType: "text/event-stream"}
	if r.tool != "" {
		a.frames = append(a.frames, frame{sse(g.chunk(r, g.call(r), g.finish(r))), max(1, r.output)})
		return a
	}
	for i, p := range r.pieces {
		finish := ""
		if i == len(r.pieces)-1 {
			finish = g.finish(r)
		}
		a.frames = append(a.frames, frame{sse(g.chunk(r, map[string]any{"text": p}, finish)), 1})
	}
	return a
}

func (gemini) call(r *reply) map[string]any {
	return map[string]any{"functionCall": map[string]any{"name": r.tool, "args": r.args}}
}

func (gemini) chunk(r *reply, part map[string]any, finish string) map[string]any {
	c := map[string]any{"index": 0, "content": map[string]any{"role": "model", "parts": []any{part}}}
	usage := map[string]any{"promptTokenCount": r.input, "totalTokenCount": r.input}
	if finish != "" {
		c["finishReason"] = finish
		usage["candidatesTokenCount"], usage["totalTokenCount"] = r.output, r.input+r.output
	}
	return map[string]any{"candidates": []any{c}, "usageMetadata": usage, "modelVersion": r.model, "responseId": r.id}
}

func (gemini) finish(r *reply) string {
	if r.cut {
		return "MAX_TOKENS"
	}
	return "STOP"
}

func (gemini) fail(status int, message string) []byte {
	name := "INVALID_ARGUMENT"
	switch {
	case status == http.StatusTooManyRequests:
		name = "RESOURCE_EXHAUSTED"
	case status == http.StatusServiceUnavailable:
		name = "UNAVAILABLE"
	case status >= http.StatusInternalServerError:
		name = "INTERNAL"
	case status == http.StatusNotFound:
		name = "NOT_FOUND"
	}
	return encode(map[string]any{"error": map[string]any{"code": status, "message": message, "status": name}})
}

func (g gemini) inBand(message string) []byte {
	return sse(json.RawMessage(g.fail(http.StatusServiceUnavailable, message)))
}

func (gemini) broken() []byte { return []byte("data: {\"candidates\":[\n\n") }
