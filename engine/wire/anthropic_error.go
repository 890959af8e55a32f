package wire

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// anthropicErrorBody is Anthropic's error envelope with our additions. The request's
// id is that of the decision.
type anthropicErrorBody struct {
	Type  string `json:"type"`
	Error struct {
		Type        string `json:"type"`
		Message     string `json:"message"`
		Code        string `json:"code"`
		Param       string `json:"param,omitzero"`
		DecisionID  string `json:"decision_id,omitzero"`
		errorDetail `json:",inline"`
	} `json:"error"`
	RequestID *string `json:"request_id"`
}

// anthropicError is the envelope for an outcome.
func anthropicError(o *engine.Outcome) []byte {
	body := anthropicErrorBody{Type: "error"}
	e := &body.Error
	e.Type, e.Message, e.Code, e.Param, e.DecisionID = anthropicErrorType(o.Status), o.Message, o.Code, o.Field, o.DecisionID
	e.errorDetail = detailOf(o)
	if o.DecisionID != "" {
		body.RequestID = &o.DecisionID
	}
	b, err := json.Marshal(&body, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and maps of strings always marshal
		panic(err)
	}
	return b
}

// anthropicErrorType is the type that Anthropic gives errors of a status.
func anthropicErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case http.StatusServiceUnavailable, 529: // 529 is Anthropic's own
		return "overloaded_error"
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return "invalid_request_error"
}
