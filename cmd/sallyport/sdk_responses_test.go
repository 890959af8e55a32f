package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// denyByWish is a policy that refuses who asks for it.
const denyByWish = `package sallyport.rules.words

deny contains {"code": "not_this", "message": "not this"} if input.request.metadata.wish == "deny"

obligation["redact"] contains kind if {
	input.request.metadata.wish == "redact"
	some kind, _ in input.classifiers.pii.findings
}

obligation.restore if input.request.metadata.wish == "redact"
`

// respond asks for a response.
func respond(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: "m", Instructions: openai.String("Be brief."),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

// streamed is a streamed response, as the SDK's own accumulator puts it together,
// which takes no event out of place.
func streamed(t *testing.T, c openai.Client, params responses.ResponseNewParams) (whole *responses.Response, deltas string) {
	t.Helper()
	stream := c.Responses.NewStreaming(t.Context(), params)
	var acc responses.ResponseAccumulator
	for stream.Next() {
		e := stream.Current()
		if e.Type == "response.output_text.delta" {
			deltas += e.Delta
		}
		var u responses.ResponsesServerEventUnion
		if err := json.Unmarshal([]byte(e.RawJSON()), &u); err != nil {
			t.Fatal(err)
		}
		if err := acc.AddEvent(u); err != nil {
			t.Fatalf("%v: %s", err, e.RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	whole, err := acc.ReconstructedResponse()
	if err != nil {
		t.Fatal(err)
	}
	return whole, deltas
}

// The official client of the Responses API, with a target of each dialect.
func TestResponsesWithTheOfficialClient(t *testing.T) {
	schema := map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}, "additionalProperties": false}
	for name, dialect := range map[string]string{"openai": `"openai"`, "anthropic": `"anthropic"`, "gemini": `"gemini"`, "ollama": `"ollama"`,
		"the same API": "\"openai\"\n  server = \"openai\""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "policies", "words.rego"), denyByWish)
			config := strings.NewReplacer(`"gemini"`, dialect, `"anthropic"`, dialect).Replace(twoTargets)
			s := serveConfig(t, dir, config, environment("TEAM_KEY", "team-secret"))
			c := client(s, "team-secret")

			whole, err := c.Responses.New(t.Context(), respond("What is the capital of France?"))
			if err != nil {
				t.Fatal(err)
			}
			if got := whole.OutputText(); !strings.Contains(got, "capital of France") || whole.Status != "completed" || whole.Usage.TotalTokens == 0 ||
				whole.Usage.TotalTokens != whole.Usage.InputTokens+whole.Usage.OutputTokens || whole.Instructions.OfString != "Be brief." {
				t.Errorf("unary: %q in %s", got, whole.RawJSON())
			}
			again, deltas := streamed(t, c, respond("What is the capital of France?"))
			if deltas != whole.OutputText() || again.OutputText() != deltas || again.Status != "completed" || again.Usage.TotalTokens == 0 {
				t.Errorf("stream: %q, and whole %s", deltas, again.RawJSON())
			}

			// What was redacted from the request is back in every copy of the reply.
			secret := respond("write to ann@example.org and <no one>")
			secret.Metadata = shared.Metadata{"wish": "redact"}
			if r, err := c.Responses.New(t.Context(), secret); err != nil || !strings.Contains(r.OutputText(), "ann@example.org and <no one>") || strings.Contains(r.RawJSON(), "<EMAIL") {
				t.Errorf("restored: %v %s", err, r.RawJSON())
			}
			if r, deltas := streamed(t, c, secret); !strings.Contains(deltas, "ann@example.org and <no one>") || r.OutputText() != deltas || strings.Contains(r.RawJSON(), "<EMAIL") {
				t.Errorf("restored in a stream: %q in %s", deltas, r.RawJSON())
			}

			limited := respond("What is the capital of France?")
			limited.MaxOutputTokens = openai.Int(3)
			if cut, err := c.Responses.New(t.Context(), limited); err != nil || cut.Status != "incomplete" || cut.IncompleteDetails.Reason != "max_output_tokens" {
				t.Errorf("cut short: %v %+v", err, cut)
			}
			if cut, _ := streamed(t, c, limited); cut.Status != "incomplete" {
				t.Errorf("stream cut short: %s", cut.RawJSON())
			}

			tools := respond("look it up [[tool]]")
			tools.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("look_up", schema, true)}
			called, err := c.Responses.New(t.Context(), tools)
			if err != nil {
				t.Fatal(err)
			}
			calledAgain, _ := streamed(t, c, tools)
			for _, r := range []*responses.Response{called, calledAgain} {
				if len(r.Output) != 1 || r.Output[0].Type != "function_call" || r.Output[0].Name != "look_up" || r.Output[0].CallID == "" {
					t.Fatalf("a call: %s", r.RawJSON())
				}
				var args map[string]string
				if err := json.Unmarshal([]byte(r.Output[0].AsFunctionCall().Arguments), &args); err != nil || args["city"] != "Paris" {
					t.Errorf("arguments: %v %s", err, r.RawJSON())
				}
			}
			// The call and its result go back as items.
			call := called.Output[0].AsFunctionCall()
			result := responses.ResponseInputItemParamOfFunctionCallOutput("18 degrees")
			result.OfFunctionCallOutput.CallID = openai.String(call.CallID)
			next := tools
			next.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
				responses.ResponseInputItemParamOfMessage("look it up", responses.EasyInputMessageRoleUser),
				responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name), result,
			}}
			if r, err := c.Responses.New(t.Context(), next); err != nil || !strings.Contains(r.OutputText(), "18 degrees") {
				t.Errorf("a result: %v %+v", err, r)
			}

			structured := respond("Paris")
			structured.Text = responses.ResponseTextConfigParam{Format: responses.ResponseFormatTextConfigParamOfJSONSchema("place", schema)}
			if r, err := c.Responses.New(t.Context(), structured); err != nil || r.Text.Format.Name != "place" || r.OutputText() == "" {
				t.Errorf("structured: %v %+v", err, r)
			}

			if name == "openai" || name == "the same API" || name == "ollama" { // whose targets are not asked
				counted, err := c.Responses.InputTokens.Count(t.Context(), responses.InputTokenCountParams{Model: openai.String("m"),
					Instructions: openai.String("Be brief."), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("What is the capital of France?")}})
				if err != nil || counted.InputTokens < 8 || counted.InputTokens > 40 || counted.Object != "response.input_tokens" {
					t.Errorf("counted: %v %+v", err, counted)
				}
			}

			refused := func(what string, p responses.ResponseNewParams, status int, code, field string) {
				t.Helper()
				var apiErr *openai.Error
				_, err := c.Responses.New(t.Context(), p)
				if !errors.As(err, &apiErr) || apiErr.StatusCode != status || apiErr.Code != code || apiErr.Param != field {
					t.Errorf("%s: %v", what, err)
				}
				stream := c.Responses.NewStreaming(t.Context(), p)
				for stream.Next() {
					t.Errorf("%s: an event %s", what, stream.Current().RawJSON())
				}
				if !errors.As(stream.Err(), &apiErr) || apiErr.StatusCode != status {
					t.Errorf("%s: %v", what, stream.Err())
				}
			}
			denied, kept, later := respond("hi"), respond("hi"), respond("hi")
			denied.Metadata = shared.Metadata{"wish": "deny"}
			kept.PreviousResponseID = openai.String("resp_1")
			later.Background = openai.Bool(true)
			refused("denied", denied, http.StatusForbidden, "policy_denied", "")
			refused("kept", kept, http.StatusBadRequest, "malformed_request", "previous_response_id")
			refused("later", later, http.StatusBadRequest, "malformed_request", "background")
		})
	}
}
