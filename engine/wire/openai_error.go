package wire

import (
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// openAIErrorBody is OpenAI's error envelope with our additions.
type openAIErrorBody struct {
	Error struct {
		Message     string  `json:"message"`
		Type        string  `json:"type"`
		Param       *string `json:"param"`
		Code        string  `json:"code"`
		DecisionID  string  `json:"decision_id,omitzero"`
		errorDetail `json:",inline"`
	} `json:"error"`
}

// errorDetail is our additions to any dialect's error: why a decision was made.
type errorDetail struct {
	Reasons []errorReason       `json:"reasons,omitzero"` // of policy_denied
	Targets map[string][]string `json:"targets,omitzero"` // of no_permitted_target: codes by candidate
	Codes   []string            `json:"codes,omitzero"`   // of no_permitted_target, where the candidates are not disclosed
}

// detailOf is the detail of an outcome.
func detailOf(o *engine.Outcome) (d errorDetail) {
	switch o.Code {
	case engine.CodePolicyDenied:
		for _, r := range o.Reasons {
			d.Reasons = append(d.Reasons, errorReason{Code: r.Code, Message: r.Message})
		}
	case engine.CodeNoPermittedTarget:
		if o.Disclose {
			d.Targets = map[string][]string{}
		}
		for candidate, reasons := range o.Excluded {
			for _, r := range reasons {
				d.Codes = append(d.Codes, r.Code)
			}
			if o.Disclose {
				d.Targets[candidate] = codes(reasons)
			}
		}
		if slices.Sort(d.Codes); o.Disclose {
			d.Codes = nil
		} else {
			d.Codes = slices.Compact(d.Codes)
		}
	}
	return d
}

type errorReason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// openAIError is the envelope for an outcome.
func openAIError(o *engine.Outcome) []byte {
	var body openAIErrorBody
	e := &body.Error
	e.Message, e.Type, e.Code, e.DecisionID = o.Message, openAIErrorType(o.Status), o.Code, o.DecisionID
	if o.Field != "" {
		e.Param = &o.Field
	}
	e.errorDetail = detailOf(o)
	b, err := json.Marshal(&body, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and maps of strings always marshal
		panic(err)
	}
	return b
}

func codes(reasons []engine.Reason) []string {
	out := []string{}
	for _, r := range reasons {
		if !slices.Contains(out, r.Code) {
			out = append(out, r.Code)
		}
	}
	return out
}

// openAIErrorType is the type that OpenAI gives errors of a status; its SDKs
// choose their exception by the status itself.
func openAIErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return "invalid_request_error"
}
