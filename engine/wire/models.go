package wire

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// Models is the list of models as a dialect's clients ask for it, false where the
// dialect has none. created is when the models were declared.
func Models(d engine.Dialect, models []string, created time.Time) ([]byte, bool) {
	switch d {
	case engine.DialectAnthropicMessages:
		return listing(anthropicModelsOf(models, created)), true
	case engine.DialectOpenAIChat:
		list := struct {
			Object string        `json:"object"`
			Data   []openAIModel `json:"data"`
		}{Object: "list", Data: []openAIModel{}}
		for _, m := range models {
			list.Data = append(list.Data, openAIModelOf(m, created))
		}
		return listing(&list), true
	case engine.DialectOllamaChat:
		list := struct {
			Models []ollamaModel `json:"models"`
		}{Models: []ollamaModel{}}
		for _, m := range models {
			list.Models = append(list.Models, ollamaModel{Name: m, Model: m, ModifiedAt: created.UTC().Format(time.RFC3339)})
		}
		return listing(&list), true
	case engine.DialectGeminiContent:
		list := struct {
			Models []geminiModel `json:"models"`
		}{[]geminiModel{}}
		for _, m := range models {
			list.Models = append(list.Models, geminiModelOf(m))
		}
		return listing(&list), true
	}
	return nil, false
}

// Model is one model as a dialect's clients ask for it.
func Model(d engine.Dialect, model string, created time.Time) ([]byte, bool) {
	switch d {
	case engine.DialectAnthropicMessages:
		return listing(anthropicModelOf(model, created)), true
	case engine.DialectOpenAIChat:
		m := openAIModelOf(model, created)
		return listing(&m), true
	case engine.DialectOllamaChat:
		return listing(&ollamaModelShown{ModifiedAt: created.UTC().Format(time.RFC3339), ModelInfo: map[string]string{}, Capabilities: []string{"completion"}}), true
	case engine.DialectGeminiContent:
		m := geminiModelOf(model)
		return listing(&m), true
	}
	return nil, false
}

// anthropicModels is a page of Anthropic's list, which is all of it.
type anthropicModels struct {
	Data    []anthropicModel `json:"data"`
	FirstID *string          `json:"first_id"`
	HasMore bool             `json:"has_more"`
	LastID  *string          `json:"last_id"`
}

type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
	Lifecycle   string `json:"lifecycle"`
	// Not known here, and never left out by the API itself.
	Capabilities   *bool   `json:"capabilities"`
	DeprecatedAt   *string `json:"deprecated_at"`
	Line           *string `json:"line"`
	MaxInputTokens *int    `json:"max_input_tokens"`
	MaxTokens      *int    `json:"max_tokens"`
	RetiresAt      *string `json:"retires_at"`
}

func anthropicModelOf(model string, created time.Time) *anthropicModel {
	return &anthropicModel{Type: "model", ID: model, DisplayName: model, CreatedAt: created.UTC().Format(time.RFC3339), Lifecycle: "active"}
}

func anthropicModelsOf(models []string, created time.Time) *anthropicModels {
	list := &anthropicModels{Data: []anthropicModel{}}
	for _, m := range models {
		list.Data = append(list.Data, *anthropicModelOf(m, created))
	}
	if n := len(models); n > 0 {
		list.FirstID, list.LastID = &models[0], &models[n-1]
	}
	return list
}

// ollamaModel is a model in Ollama's list. What it weighs and is made of is the
// targets' own affair.
type ollamaModel struct {
	Name       string             `json:"name"`
	Model      string             `json:"model"`
	ModifiedAt string             `json:"modified_at"`
	Size       int64              `json:"size"`
	Digest     string             `json:"digest"`
	Details    ollamaModelDetails `json:"details"`
}

type ollamaModelDetails struct {
	Format   string   `json:"format"`
	Family   string   `json:"family"`
	Families []string `json:"families"`
}

type ollamaModelShown struct {
	ModifiedAt   string             `json:"modified_at"`
	Details      ollamaModelDetails `json:"details"`
	ModelInfo    map[string]string  `json:"model_info"`
	Capabilities []string           `json:"capabilities"`
}

// ShownModel is the model that the body of Ollama's POST /api/show names.
func ShownModel(raw []byte) (string, *engine.RequestError) {
	var q struct {
		Model string `json:"model"`
		Name  string `json:"name"` // of older clients
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		return "", DocumentError(err)
	}
	if q.Model == "" {
		q.Model = q.Name
	}
	if q.Model == "" {
		return "", malformed("model", "is missing: name a model")
	}
	return q.Model, nil
}

// OllamaVersion answers GET /api/version.
func OllamaVersion(version string) []byte {
	return listing(&struct {
		Version string `json:"version"`
	}{version})
}

type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func openAIModelOf(model string, created time.Time) openAIModel {
	return openAIModel{ID: model, Object: "model", Created: created.Unix(), OwnedBy: "sallyport"}
}

type geminiModel struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Display string   `json:"displayName"`
	Methods []string `json:"supportedGenerationMethods"`
}

func geminiModelOf(model string) geminiModel {
	return geminiModel{Name: "models/" + model, Version: "sallyport", Display: model,
		Methods: []string{"generateContent", "streamGenerateContent", "countTokens", "embedContent"}}
}

// listing renders a list of models.
func listing(v any) []byte {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return b
}
