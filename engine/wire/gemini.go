package wire

import (
	"math"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Gemini is a target's side of Google's generateContent, version v1beta.
type Gemini struct{}

type geminiRequest struct {
	SystemInstruction *geminiContent    `json:"systemInstruction,omitzero"`
	Contents          []geminiContent   `json:"contents"`
	Tools             []geminiTools     `json:"tools,omitzero"`
	ToolConfig        *geminiToolConfig `json:"toolConfig,omitzero"`
	GenerationConfig  geminiGeneration  `json:"generationConfig,omitzero"`
}

type geminiContent struct {
	Role  string       `json:"role,omitzero"`
	Parts []geminiPart `json:"parts"`
}

// geminiPart is a part of any type.
type geminiPart struct {
	Text             *string         `json:"text,omitzero"`
	InlineData       *geminiBlob     `json:"inlineData,omitzero"`
	FunctionCall     *geminiCall     `json:"functionCall,omitzero"`
	FunctionResponse *geminiResponse `json:"functionResponse,omitzero"`
}

type geminiBlob struct {
	MIMEType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiCall struct {
	Name string         `json:"name"`
	Args jsontext.Value `json:"args"`
}

type geminiResponse struct {
	Name     string         `json:"name"`
	Response jsontext.Value `json:"response"`
}

type geminiTools struct {
	FunctionDeclarations []geminiFunction `json:"functionDeclarations"`
}

type geminiFunction struct {
	Name                 string         `json:"name"`
	Description          string         `json:"description,omitzero"`
	ParametersJSONSchema jsontext.Value `json:"parametersJsonSchema,omitzero"`
}

type geminiToolConfig struct {
	FunctionCallingConfig struct {
		Mode                 string   `json:"mode"`
		AllowedFunctionNames []string `json:"allowedFunctionNames,omitzero"`
	} `json:"functionCallingConfig"`
}

type geminiGeneration struct {
	Temperature        *float64        `json:"temperature,omitzero"`
	TopP               *float64        `json:"topP,omitzero"`
	TopK               *int            `json:"topK,omitzero"`
	CandidateCount     int             `json:"candidateCount,omitzero"`
	MaxOutputTokens    int             `json:"maxOutputTokens,omitzero"`
	StopSequences      []string        `json:"stopSequences,omitzero"`
	PresencePenalty    *float64        `json:"presencePenalty,omitzero"`
	FrequencyPenalty   *float64        `json:"frequencyPenalty,omitzero"`
	Seed               *int64          `json:"seed,omitzero"`
	ResponseMIMEType   string          `json:"responseMimeType,omitzero"`
	ResponseJSONSchema jsontext.Value  `json:"responseJsonSchema,omitzero"`
	ThinkingConfig     *geminiThinking `json:"thinkingConfig,omitzero"`
}

type geminiThinking struct {
	ThinkingLevel  string `json:"thinkingLevel,omitzero"`
	ThinkingBudget *int   `json:"thinkingBudget,omitzero"`
}

// Supports implements Egress.
func (Gemini) Supports(op engine.Operation) bool { return op == engine.OpChat }

// API implements Egress.
func (Gemini) API(*engine.Request, *Upstream) engine.Dialect { return engine.DialectGeminiContent }

// NewReader implements Egress.
func (Gemini) NewReader(req *engine.Request, _ *Upstream) ReplyReader { return newGeminiReader(req) }

// ReadError implements Egress.
func (Gemini) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// WriteRequest implements Egress.
func (Gemini) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	const d = engine.DialectGemini
	if err := checkPortable(req, d); err != nil {
		return nil, err
	}
	if req.Logprobs != nil {
		return nil, inexpressible(d, "logprobs", "it is not asked for any there")
	}
	l := crossing(req)
	var out geminiRequest
	system, conversation := turns(req, l)
	for _, p := range system {
		text, err := p.text(d)
		if err != nil {
			return nil, err
		}
		if out.SystemInstruction == nil {
			out.SystemInstruction = &geminiContent{}
		}
		out.SystemInstruction.Parts = append(out.SystemInstruction.Parts, geminiPart{Text: &text})
	}
	for _, t := range conversation {
		c := geminiContent{Role: "user"}
		if t.role == engine.RoleAssistant {
			c.Role = "model"
		}
		for _, p := range t.parts {
			if p.part != nil && p.part.Kind == engine.PartReasoning {
				l.drop(p.path("")) // of another vendor, unsigned
				continue
			}
			part, err := geminiPartOf(p)
			if err != nil {
				return nil, err
			}
			c.Parts = append(c.Parts, part)
		}
		if len(c.Parts) > 0 {
			out.Contents = append(out.Contents, c)
		}
	}
	if len(out.Contents) == 0 {
		return nil, inexpressible(d, "messages", "it needs a message of the user")
	}
	if err := out.tools(req); err != nil {
		return nil, err
	}
	if err := out.generation(req, up); err != nil {
		return nil, err
	}
	body, err := build(&out)
	if err != nil {
		return nil, err
	}
	model := strings.Split(up.Model, "/")
	for i := range model {
		model[i] = url.PathEscape(model[i])
	}
	if len(model) == 1 {
		model = []string{"models", model[0]}
	}
	path := "/" + strings.Join(model, "/") + ":generateContent"
	if req.Stream {
		path = "/" + strings.Join(model, "/") + ":streamGenerateContent"
	}
	return &UpstreamRequest{Path: path, Query: geminiQuery(req.Stream), Body: body, Stream: req.Stream, Losses: l.list}, nil
}

// geminiQuery asks for a stream as server-sent events; it is a JSON array
// otherwise.
func geminiQuery(stream bool) string {
	if stream {
		return "alt=sse"
	}
	return ""
}

func geminiPartOf(p turnPart) (geminiPart, error) {
	const d = engine.DialectGemini
	switch {
	case p.call != nil:
		args, err := p.arguments(d)
		if err != nil {
			return geminiPart{}, err
		}
		if why := badName(p.call.Name, 64, ".:"); why != "" {
			return geminiPart{}, inexpressible(d, p.path(".function.name"), why)
		}
		return geminiPart{FunctionCall: &geminiCall{Name: p.call.Name, Args: args}}, nil
	case p.result != nil:
		return geminiResult(p)
	case p.part.Kind == engine.PartImage && p.part.URL != nil:
		return geminiPart{}, inexpressible(d, p.path(".image_url.url"), "it does not fetch images: send a data URL")
	case p.part.Kind == engine.PartImage:
		return geminiPart{InlineData: &geminiBlob{MIMEType: p.part.MediaType, Data: p.part.Data}}, nil
	case p.part.Kind == engine.PartOther:
		return geminiPart{}, inexpressible(d, p.path(""), "it has no such part")
	}
	text, err := p.text(d)
	return geminiPart{Text: &text}, err
}

// geminiResult writes a tool's result: an object as it is, all else as the member
// that Google's SDKs put it in.
func geminiResult(p turnPart) (geminiPart, error) {
	text, err := p.resultText(engine.DialectGemini)
	if err != nil {
		return geminiPart{}, err
	}
	response := jsontext.Value(text)
	if response.Kind() != '{' || !response.IsValid() || p.result.IsError {
		name := `{"result":`
		if p.result.IsError {
			name = `{"error":`
		}
		response = append(quoted(nil, name, text), '}')
	}
	return geminiPart{FunctionResponse: &geminiResponse{Name: p.result.ToolName, Response: response}}, nil
}

// tools writes the functions and the choice among them.
func (out *geminiRequest) tools(req *engine.Request) error {
	const d = engine.DialectGemini
	if len(req.Tools) == 0 {
		return nil
	}
	if req.ParallelTools != nil && !*req.ParallelTools {
		return inexpressible(d, "parallel_tool_calls", "it cannot promise one call at a time")
	}
	var list geminiTools
	for i := range req.Tools {
		t := &req.Tools[i]
		if why := badName(t.Name, 64, ".:"); why != "" {
			return inexpressible(d, toolPath(req, i, ".function.name"), why)
		}
		f := geminiFunction{Name: t.Name, Description: description(t)}
		if t.Parameters != nil {
			v, err := schema(req, i, d)
			if err != nil {
				return err
			}
			f.ParametersJSONSchema = v
		}
		list.FunctionDeclarations = append(list.FunctionDeclarations, f)
	}
	out.Tools = []geminiTools{list}
	var config geminiToolConfig
	calling := &config.FunctionCallingConfig
	switch c := chosenTool(req); c.Mode {
	case "":
		return nil
	case "none":
		calling.Mode = "NONE"
	case "auto":
		calling.Mode = "AUTO"
	case "required":
		calling.Mode = "ANY"
	case "tool":
		calling.Mode, calling.AllowedFunctionNames = "ANY", []string{c.Name}
	default:
		return inexpressible(d, "tool_choice", "it has no such choice")
	}
	out.ToolConfig = &config
	return nil
}

func (out *geminiRequest) generation(req *engine.Request, up *Upstream) error {
	s := req.Sampling
	g := &out.GenerationConfig
	*g = geminiGeneration{Temperature: least(s.Temperature, 2), TopP: s.TopP, TopK: s.TopK, MaxOutputTokens: maxTokens(req, up),
		StopSequences: s.Stop, PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty}
	if s.N > 1 {
		g.CandidateCount = s.N
	}
	if s.Seed != nil && *s.Seed >= math.MinInt32 && *s.Seed <= math.MaxInt32 {
		g.Seed = s.Seed // an int32 there
	}
	v, ok, err := formatSchema(req, engine.DialectGemini)
	if err != nil {
		return err
	}
	if ok || req.Format.Type == "json_object" {
		g.ResponseMIMEType, g.ResponseJSONSchema = "application/json", v
	}
	switch req.Reasoning.Effort {
	case "":
	case "none":
		zero := 0
		g.ThinkingConfig = &geminiThinking{ThinkingBudget: &zero}
	case "xhigh", "max":
		g.ThinkingConfig = &geminiThinking{ThinkingLevel: "high"}
	default:
		g.ThinkingConfig = &geminiThinking{ThinkingLevel: req.Reasoning.Effort}
	}
	return nil
}
