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
	case engine.DialectOpenAIChat, engine.DialectAnthropicMessages:
		list := struct {
			Object string        `json:"object"`
			Data   []openAIModel `json:"data"`
		}{Object: "list", Data: []openAIModel{}}
		for _, m := range models {
			list.Data = append(list.Data, openAIModelOf(m, created))
		}
		return listing(&list), true
	}
	return nil, false
}

// Model is one model as a dialect's clients ask for it.
func Model(d engine.Dialect, model string, created time.Time) ([]byte, bool) {
	switch d {
	case engine.DialectOpenAIChat, engine.DialectAnthropicMessages:
		m := openAIModelOf(model, created)
		return listing(&m), true
	}
	return nil, false
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

// listing renders a list of models.
func listing(v any) []byte {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return b
}
