package wire

import (
	"strconv"

	"github.com/sallyport-ai/sallyport/engine"
)

// OpenAI is a target's side of OpenAI's API: chat and legacy completions and
// embeddings, as OpenAI, vLLM, llama.cpp, SGLang and TGI serve them.
type OpenAI struct{}

// Supports implements Egress.
func (OpenAI) Supports(op engine.Operation) bool {
	switch op {
	case engine.OpChat, engine.OpCompletion, engine.OpEmbeddings, engine.OpCountTokens:
		return true
	}
	return false
}

// API implements Egress.
func (OpenAI) API(req *engine.Request, up *Upstream) engine.Dialect {
	if speaksResponses(req, up) {
		return engine.DialectOpenAIResponses
	}
	switch req.Operation {
	case engine.OpCompletion:
		return engine.DialectOpenAICompletions
	case engine.OpEmbeddings:
		return engine.DialectOpenAIEmbeddings
	}
	return engine.DialectOpenAIChat
}

// NewReader implements Egress.
func (e OpenAI) NewReader(req *engine.Request, up *Upstream) ReplyReader {
	if speaksResponses(req, up) {
		return newResponsesReader(req)
	}
	return newOpenAIReader(req, e.API(req, up), up.Server)
}

// ReadError implements Egress.
func (OpenAI) ReadError(_ int, body []byte) (code, message string) { return readError(body) }

// chatForm, completionForm and embeddingsForm are how bodies of OpenAI's APIs are
// relayed. n_predict is llama.cpp's own limit, which it takes beside OpenAI's and
// prefers to it; -1 is no limit.
var (
	chatForm = relayForm{
		model: "model", limits: []string{"max_tokens", "max_completion_tokens"}, ownLimits: []string{"n_predict"},
		tools: []string{"tools", "functions"}, choices: []string{"tool_choice", "function_call"}, withTools: []string{"parallel_tool_calls"},
	}
	completionForm = relayForm{model: "model", limits: []string{"max_tokens"}, ownLimits: []string{"max_completion_tokens", "n_predict"}}
	embeddingsForm = relayForm{model: "model"}
)

// WriteRequest implements Egress. Of a client of OpenAI's API it relays the bytes:
// only the model's name, edited texts, stripped tools, the cap on output tokens,
// "slo" and the demand for usage in a stream are changed.
func (OpenAI) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	if req.Operation == engine.OpCountTokens {
		return &UpstreamRequest{Local: true}, nil
	}
	if speaksResponses(req, up) {
		return relayResponses(req, up)
	}
	out := &UpstreamRequest{Stream: req.Stream}
	form := &chatForm
	switch req.Dialect {
	case engine.DialectOpenAIChat:
		out.Path = "/chat/completions"
	case engine.DialectOpenAICompletions:
		out.Path, form = "/completions", &completionForm
	case engine.DialectOpenAIEmbeddings:
		out.Path, form, out.Stream = "/embeddings", &embeddingsForm, false
	default:
		return buildOpenAI(req, up)
	}
	r, err := form.relay(req, up)
	if err != nil {
		return nil, err
	}
	if _, stated := req.Field("max_tokens"); !stated && up.Server.MaxTokensOnly {
		if _, newer := req.Field("max_completion_tokens"); newer {
			r.drop["max_completion_tokens"] = true
			if n := maxTokens(req, up); n > 0 {
				r.put("max_tokens", strconv.AppendInt(nil, int64(n), 10))
			}
		}
	}
	if out.Stream {
		if err := r.set("stream_options.include_usage", []byte("true")); err != nil {
			return nil, err
		}
	}
	out.Body = r.body()
	return out, nil
}
