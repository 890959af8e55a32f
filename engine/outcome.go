package engine

import "time"

// Stable error codes of the data plane.
const (
	CodeMalformed         = "malformed_request"
	CodeUnauthenticated   = "unauthenticated"
	CodePolicyDenied      = "policy_denied"
	CodeNoPermittedTarget = "no_permitted_target"
	CodeUnsupportedField  = "unsupported_field" // no permitted target can represent it
	CodeUnknownModel      = "model_not_found"
	CodeUnknownRoute      = "route_not_found"
	CodeMethodNotAllowed  = "method_not_allowed"
	CodeTooLarge          = "request_too_large"
	CodeBudgetInfeasible  = "budget_infeasible"
	CodeUpstreamError     = "upstream_error"
	CodeShed              = "shed"
	CodeBudgetSpent       = "budget_spent"
	CodeLogUnavailable    = "decision_log_unavailable"
	CodeShuttingDown      = "shutting_down"
	CodeClientGone        = "client_closed_request"
	CodeInternal          = "internal_error"
	CodePolicyError       = "policy_error" // of a query; a request is denied then
	CodeForbidden         = "forbidden"    // of a document that the configuration does not offer
)

// Reason codes that the engine itself gives; all others come from policy.
const (
	ReasonPolicyError           = "policy_error"
	ReasonPolicyInterrupted     = "policy_interrupted" // by its time limit, or because the client left
	ReasonClassifierFailed      = "classifier_failed"
	ReasonObligationUnknown     = "obligation_unknown"
	ReasonObligationUnsupported = "obligation_unsupported"
	ReasonRedactionFailed       = "redaction_failed"
	ReasonOperationUnsupported  = "operation_unsupported"
	ReasonMaxCost               = "max_cost"
	ReasonContextTooLong        = "context_too_long"
	ReasonLossy                 = "lossy"              // policy denies what the target's API loses of the request
	ReasonUnsupportedField      = "unsupported_field"  // the target's API cannot represent it
	ReasonCompletionFinding     = "completion_finding" // of a classifier in the reply, where policy denies that
	ReasonCompletionUnread      = "completion_unread"  // the reply is too long for what policy obliges to
)

// RequestError is a mistake of the client: what is wrong, where, and how to
// mend it. Its text holds no user content beyond names of fields.
type RequestError struct {
	Status  int    // HTTP
	Code    string // stable
	Field   string // JSON path such as "messages[2].content", or a header's name; "" where none
	Message string
}

func (e *RequestError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Outcome is the result of handling a request. Where Sent is false nothing was
// given to the sink and Status, Code and Message are for the client to see.
type Outcome struct {
	DecisionID string
	Seq        uint64 // of the decision's record
	Status     int
	Code       string // "" on success
	Message    string // no user content
	Field      string // of a RequestError
	Verdict    Verdict
	Action     Action
	Reasons    []Reason
	Excluded   map[string][]Reason // by candidate
	Decision   *Decision
	Input      *Input // what was decided on
	Candidates []Candidate
	Plan       Plan
	RetryAfter time.Duration
	Sent       bool // the sink was started
	Disclose   bool // policy lets the client see target names and upstream errors
	Upstream   *UpstreamError

	Target   Candidate // that served it
	Attempts []AttemptResult
	Usage    Usage
	CostUSD  float64
	Met      bool
	Losses   []Loss // of the reply on its way to the client
	Timings  Timings
	Findings []Finding
	// Completion is what the reply's classifiers found; nil where policy obliged to
	// none, or nothing was answered.
	Completion *Completion
	// RecordErr is a failure to write the decision log, for the operator's log.
	RecordErr error
}

// Timings are the times a request's stages took.
type Timings struct {
	Classify time.Duration
	Policy   time.Duration
	Record   time.Duration
	Queue    time.Duration
	Upstream time.Duration // from the start of the serving attempt to its end
	Inspect  time.Duration // of that, what the reply's classifiers took
	TTFT     time.Duration // from receipt to the first token; 0: none came
	Total    time.Duration
}
