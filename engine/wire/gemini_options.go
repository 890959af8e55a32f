package wire

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

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
	ResponseLogprobs   bool            `json:"responseLogprobs,omitzero"`
	Logprobs           int             `json:"logprobs,omitzero"`
	ResponseMIMEType   string          `json:"responseMimeType,omitzero"`
	ResponseJSONSchema jsontext.Value  `json:"responseJsonSchema,omitzero"`
	ThinkingConfig     *geminiThinking `json:"thinkingConfig,omitzero"`
}

type geminiThinking struct {
	IncludeThoughts bool   `json:"includeThoughts,omitzero"`
	ThinkingLevel   string `json:"thinkingLevel,omitzero"`
	ThinkingBudget  *int   `json:"thinkingBudget,omitzero"`
}

// Limits of Gemini's API, as its reference states them.
const (
	geminiMaxStops    = 5
	geminiMaxLogprobs = 20
)

// tools writes the functions and the choice among them.
func (b *geminiBuild) tools() error {
	const d = engine.DialectGemini
	choice := chosenTool(b.req)
	var list geminiTools
	for i := range b.req.Tools {
		t := &b.req.Tools[i]
		if why := badName(t.Name, 64, ".:"); why != "" {
			return inexpressible(d, toolPath(b.req, i, ".function.name"), why)
		}
		if choice.Mode == "auto" && choice.Names != nil && !slices.Contains(choice.Names, t.Name) {
			continue // names can be allowed there only where one must be called
		}
		f := geminiFunction{Name: t.Name, Description: description(t)}
		if t.Parameters != nil {
			v, err := schema(b.req, i, d)
			if err != nil {
				return err
			}
			f.ParametersJSONSchema = v
		}
		if t.Strict != nil && *t.Strict {
			b.losses.approximateAt(t.Span.Start, ".function.strict", "false")
		}
		list.FunctionDeclarations = append(list.FunctionDeclarations, f)
	}
	if len(list.FunctionDeclarations) == 0 {
		return nil
	}
	if b.req.ParallelTools != nil && !*b.req.ParallelTools {
		b.losses.approximate("parallel_tool_calls", "true")
	}
	b.out.Tools = []geminiTools{list}
	var config geminiToolConfig
	calling := &config.FunctionCallingConfig
	switch choice.Mode {
	case "":
		return nil
	case "none":
		calling.Mode = "NONE"
	case "auto":
		calling.Mode = "AUTO"
	case "required":
		calling.Mode, calling.AllowedFunctionNames = "ANY", choice.Names
	case "tool":
		calling.Mode, calling.AllowedFunctionNames = "ANY", []string{choice.Name}
	default:
		return inexpressible(d, "tool_choice", "it has no such choice")
	}
	b.out.ToolConfig = &config
	return nil
}

func (b *geminiBuild) generation() error {
	s := b.req.Sampling
	g := &b.out.GenerationConfig
	*g = geminiGeneration{Temperature: least(s.Temperature, 2), TopP: s.TopP, TopK: s.TopK, MaxOutputTokens: maxTokens(b.req, b.up),
		StopSequences: s.Stop, PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty}
	if g.Temperature != s.Temperature {
		b.losses.approximate("temperature", "2")
	}
	if len(g.StopSequences) > geminiMaxStops {
		g.StopSequences = g.StopSequences[:geminiMaxStops]
		b.losses.approximate("stop", strconv.Itoa(geminiMaxStops))
	}
	if s.N > 1 {
		g.CandidateCount = s.N
	}
	switch {
	case s.Seed == nil:
	case *s.Seed >= math.MinInt32 && *s.Seed <= math.MaxInt32:
		g.Seed = s.Seed // an int32 there
	default:
		b.losses.drop("seed")
	}
	if n := b.req.Logprobs; n != nil {
		if g.ResponseLogprobs, g.Logprobs = true, *n; *n > geminiMaxLogprobs {
			return inexpressible(engine.DialectGemini, "top_logprobs", "it gives at most "+strconv.Itoa(geminiMaxLogprobs))
		}
	}
	v, ok, err := formatSchema(b.req, engine.DialectGemini)
	if err != nil {
		return err
	}
	if ok || b.req.Format.Type == "json_object" {
		g.ResponseMIMEType, g.ResponseJSONSchema = "application/json", v
	}
	if strict := b.req.Format.Strict; ok && strict != nil && !*strict {
		b.losses.approximate("response_format.json_schema.strict", "true") // it holds the model to it
	}
	g.ThinkingConfig = b.thinking()
	return nil
}

// thinking writes how hard the model shall think: models from the third generation
// on are told a level, those before it a number of tokens.
func (b *geminiBuild) thinking() *geminiThinking {
	r := &b.req.Reasoning
	t := &geminiThinking{IncludeThoughts: r.Show}
	switch {
	case r.Off || r.Effort == "none":
		t.ThinkingBudget = new(int)
	case r.Budget != 0:
		t.ThinkingBudget = &r.Budget
	case r.Effort == "":
	case strings.Contains(b.up.Model, "gemini-2"):
		budget := budgetOf(r.Effort)
		t.ThinkingBudget = &budget
		b.losses.approximate("reasoning_effort", strconv.Itoa(budget))
	case r.Effort == "xhigh" || r.Effort == "max":
		t.ThinkingLevel = "high"
		b.losses.approximate("reasoning_effort", t.ThinkingLevel)
	default:
		t.ThinkingLevel = r.Effort
	}
	if *t == (geminiThinking{}) {
		return nil
	}
	return t
}

// budgetOf is the number of thinking tokens that an effort stands for, with the
// steps of effortOf; 24576 is the most that every model of the second generation
// takes.
func budgetOf(effort string) int {
	switch effort {
	case "minimal":
		return 512
	case "low":
		return 1024
	case "medium":
		return 8192
	}
	return 24576
}
