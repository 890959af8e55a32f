package wire

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

// geminiErrorBody is Google's error envelope. What is ours stands in its details,
// in the types of google.rpc (error_details.proto).
type geminiErrorBody struct {
	Error struct {
		Code    int            `json:"code"`
		Message string         `json:"message"`
		Status  string         `json:"status"`
		Details []geminiDetail `json:"details"`
	} `json:"error"`
}

type geminiDetail struct {
	Type            string            `json:"@type"`
	Reason          string            `json:"reason,omitzero"`
	Domain          string            `json:"domain,omitzero"`
	Metadata        map[string]string `json:"metadata,omitzero"`
	FieldViolations []geminiViolation `json:"fieldViolations,omitzero"`
	RetryDelay      string            `json:"retryDelay,omitzero"`
}

type geminiViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

const rpcType = "type.googleapis.com/google.rpc."

// geminiError is the envelope for an outcome.
func geminiError(o *engine.Outcome) []byte {
	var body geminiErrorBody
	e := &body.Error
	e.Code, e.Message, e.Status = o.Status, o.Message, geminiStatus(o.Status)
	info := func(reason string, metadata map[string]string) {
		e.Details = append(e.Details, geminiDetail{Type: rpcType + "ErrorInfo", Reason: reason, Domain: "sallyport", Metadata: metadata})
	}
	first := map[string]string{"code": o.Code}
	if o.DecisionID != "" {
		first["decision_id"] = o.DecisionID
	}
	info(o.Code, first)
	switch o.Code {
	case engine.CodePolicyDenied:
		for _, r := range o.Reasons {
			info(r.Code, map[string]string{"message": r.Message})
		}
	case engine.CodeNoPermittedTarget:
		if o.Disclose {
			for _, candidate := range slices.Sorted(maps.Keys(o.Excluded)) {
				info(o.Code, map[string]string{"target": candidate, "codes": strings.Join(codes(o.Excluded[candidate]), ",")})
			}
			break
		}
		var all []engine.Reason
		for _, reasons := range o.Excluded {
			all = append(all, reasons...)
		}
		list := codes(all)
		slices.Sort(list)
		first["codes"] = strings.Join(list, ",")
	}
	if o.Field != "" {
		e.Details = append(e.Details, geminiDetail{Type: rpcType + "BadRequest", FieldViolations: []geminiViolation{{o.Field, o.Message}}})
	}
	if o.RetryAfter > 0 {
		e.Details = append(e.Details, geminiDetail{Type: rpcType + "RetryInfo", RetryDelay: fmt.Sprintf("%.3fs", o.RetryAfter.Seconds())})
	}
	b, err := json.Marshal(&body, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and maps of strings always marshal
		panic(err)
	}
	return b
}

// geminiStatus is the name that google.rpc.Code has for an HTTP status.
func geminiStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return "UNIMPLEMENTED"
	case http.StatusUnprocessableEntity:
		return "FAILED_PRECONDITION"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case 499:
		return "CANCELLED"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= http.StatusInternalServerError {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}
