package wire

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// maxLosses bounds the losses of a request or a reply; one more says that there
// were others.
const maxLosses = 32

// losses gathers what a writer leaves out or approximates.
type losses struct {
	dialect engine.Dialect  // of the client
	req     *engine.Request // whose body paths are of; nil: of a reply
	list    []engine.Loss
}

// crossing is the losses of every request that is written in another API than its
// own: the hints that no other knows.
func crossing(req *engine.Request) *losses {
	l := &losses{dialect: req.Dialect, req: req}
	for _, h := range req.Hints {
		l.drop(h)
	}
	return l
}

// drop notes that a field is left out. Fields are named as FieldIn takes them.
func (l *losses) drop(field string) { l.lose(engine.Loss{Field: field, How: engine.LossDropped}) }

// approximate notes that a field went on as something else; to is a number or a
// word of ours, and never the client's.
func (l *losses) approximate(field, to string) {
	l.lose(engine.Loss{Field: field, How: engine.LossApproximated, To: to})
}

// dropAt and approximateAt name the field by where it begins in the client's body,
// as of pathAt. To find that takes a walk over the body, which no more losses than
// are kept may cost.
func (l *losses) dropAt(at int, inside string) {
	if len(l.list) <= maxLosses {
		l.drop(pathAt(l.req, at, inside))
	}
}

func (l *losses) approximateAt(at int, inside, to string) {
	if len(l.list) <= maxLosses {
		l.approximate(pathAt(l.req, at, inside), to)
	}
}

func (l *losses) lose(loss engine.Loss) {
	loss.Field = FieldIn(l.dialect, loss.Field)
	switch n := len(l.list); {
	case slices.ContainsFunc(l.list, func(o engine.Loss) bool { return o.Field == loss.Field }):
	case n < maxLosses:
		l.list = append(l.list, loss)
	case n == maxLosses:
		l.list = append(l.list, engine.Loss{Field: "…", How: loss.How})
	}
}

// FieldIn is the name of a field in a client's dialect. Writers name fields as
// OpenAI's chat API does, or by a path of the client's own body, which stays.
func FieldIn(d engine.Dialect, field string) string {
	if name, ok := fieldNames(d)[field]; ok {
		return name
	}
	return field
}

// fieldNames are a dialect's names of the fields that OpenAI's chat API names
// otherwise.
func fieldNames(d engine.Dialect) map[string]string {
	switch d {
	case engine.DialectAnthropicMessages:
		return anthropicFields
	case engine.DialectGeminiContent:
		return geminiFields
	case engine.DialectOllamaChat, engine.DialectOllamaGenerate:
		return ollamaFields
	case engine.DialectOpenAIResponses:
		return responsesFields
	}
	return nil
}

var anthropicFields = map[string]string{
	"stop":                               "stop_sequences",
	"max_completion_tokens":              "max_tokens",
	"parallel_tool_calls":                "tool_choice.disable_parallel_tool_use",
	"response_format":                    "output_config.format",
	"reasoning_effort":                   "output_config.effort",
	"response_format.json_schema.schema": "output_config.format.schema",
	"response_format.json_schema.strict": "output_config.format",
}

var geminiFields = map[string]string{
	"messages":                           "contents",
	"temperature":                        "generationConfig.temperature",
	"top_p":                              "generationConfig.topP",
	"top_k":                              "generationConfig.topK",
	"n":                                  "generationConfig.candidateCount",
	"max_tokens":                         "generationConfig.maxOutputTokens",
	"stop":                               "generationConfig.stopSequences",
	"seed":                               "generationConfig.seed",
	"presence_penalty":                   "generationConfig.presencePenalty",
	"frequency_penalty":                  "generationConfig.frequencyPenalty",
	"logprobs":                           "generationConfig.responseLogprobs",
	"top_logprobs":                       "generationConfig.logprobs",
	"response_format":                    "generationConfig.responseMimeType",
	"reasoning_effort":                   "generationConfig.thinkingConfig",
	"tool_choice":                        "toolConfig.functionCallingConfig",
	"response_format.json_schema.schema": "generationConfig.responseJsonSchema",
}

var ollamaFields = map[string]string{
	"temperature":                        "options.temperature",
	"top_p":                              "options.top_p",
	"top_k":                              "options.top_k",
	"max_tokens":                         "options.num_predict",
	"stop":                               "options.stop",
	"seed":                               "options.seed",
	"presence_penalty":                   "options.presence_penalty",
	"frequency_penalty":                  "options.frequency_penalty",
	"response_format":                    "format",
	"reasoning_effort":                   "think",
	"response_format.json_schema.schema": "format",
}

var responsesFields = map[string]string{
	"messages":                           "input",
	"max_tokens":                         "max_output_tokens",
	"reasoning_effort":                   "reasoning.effort",
	"response_format":                    "text.format",
	"response_format.json_schema.schema": "text.format.schema",
	"response_format.json_schema.strict": "text.format.strict",
}

// pathAt is the JSON path of the value that begins at byte at of the client's
// body, "" where at is 0. It walks the body and is meant for what goes wrong.
// inside is added where the client speaks OpenAI's chat API, whose names it holds.
func pathAt(req *engine.Request, at int, inside string) string {
	if at <= 0 {
		return ""
	}
	dec := jsontext.NewDecoder(bytes.NewReader(req.Body.Raw))
	for {
		dec.PeekKind() // moves over white space, commas and colons
		before := dec.InputOffset()
		if _, err := dec.ReadToken(); err != nil {
			return ""
		}
		if end := dec.InputOffset(); end > int64(at) || before > int64(at) {
			path := pointerPath(dec.StackPointer())
			if req.Dialect == engine.DialectOpenAIChat {
				path += inside
			}
			return path
		}
	}
}
