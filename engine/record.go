package engine

import (
	"context"
	"encoding/json"
	"time"
)

// Action is what this program did, which is not always what policy said.
type Action string

const (
	ActionForward Action = "forward" // sent, or about to be sent, to a target
	ActionDeny    Action = "deny"    // refused by policy or because a rule of the engine failed closed
	ActionShed    Action = "shed"    // refused by the scheduler
	ActionAnswer  Action = "answer"  // only the decision was asked for
)

// Kinds of Record.
const (
	RecordDecision = "decision"
	RecordOutcome  = "outcome"
	RecordGap      = "gap" // written by the log itself
	RecordQuery    = "query"
	RecordMismatch = "mismatch"
	// RecordCandidate says that a candidate policy decides otherwise.
	RecordCandidate = "candidate"
)

// Record is one entry of the decision log. A decision's record is written before
// anything leaves; what came of it is a second record that names the first.
type Record struct {
	Kind       string `json:"kind"` // decision, outcome, query, mismatch, candidate or gap
	Seq        uint64 `json:"seq"`  // set by the log
	Time       string `json:"time"` // RFC 3339 with nanoseconds, UTC
	DecisionID string `json:"decision_id"`

	// Of a decision.
	TraceID      string              `json:"trace_id,omitempty"`
	Principal    *Principal          `json:"principal,omitempty"`
	Request      *InputRequest       `json:"request,omitempty"`
	InputSHA256  string              `json:"input_sha256,omitempty"` // of Input's canonical bytes
	Input        json.RawMessage     `json:"input,omitempty"`
	Findings     []RecordFinding     `json:"findings,omitempty"`
	Texts        []RecordText        `json:"texts,omitempty"` // only where policy obliged log = "full"
	Policy       *RecordPolicy       `json:"policy,omitempty"`
	Classifiers  []ClassifierInfo    `json:"classifiers,omitempty"`
	ConfigSHA256 string              `json:"config_sha256,omitempty"`
	Decision     json.RawMessage     `json:"decision,omitempty"` // Decision.Raw
	Controls     []string            `json:"controls,omitempty"`
	Cache        string              `json:"cache,omitempty"` // "hit": made for an earlier input that differs in nothing it depends on
	Verdict      string              `json:"verdict,omitempty"`
	Action       Action              `json:"action,omitempty"`
	Reasons      []Reason            `json:"reasons,omitempty"` // of a denial or a shed, the engine's own included
	Excluded     map[string][]Reason `json:"excluded,omitempty"`
	Plan         []Consideration     `json:"plan,omitempty"`
	Log          LogLevel            `json:"log,omitempty"`

	// Not written. Document is Input before it is bytes, which the log then makes;
	// Canonical says that Decision is canonical JSON and need not be made so.
	Document  *Input `json:"-"`
	Canonical bool   `json:"-"`

	// Of an outcome.
	Decided  uint64          `json:"decided,omitempty"` // seq of the decision
	Target   string          `json:"target,omitempty"`
	Model    string          `json:"model,omitempty"`
	Posture  string          `json:"posture,omitempty"`
	Attempts []AttemptResult `json:"attempts,omitempty"`
	Outcome  *RecordOutcomes `json:"outcome,omitempty"`
	// Completion is of a reply that was read; Reasons say why it was refused.
	Completion *Completion `json:"completion,omitempty"`

	// Of a query, beside who, when, the input's hash, the policy and the action.
	Query *RecordQueried `json:"query,omitempty"`

	// Of a mismatch, beside the policy, the input and the decision as it was made:
	// what OPA's own evaluator says; none: Reasons says why.
	Reference json.RawMessage `json:"reference,omitempty"`

	// Of a candidate, beside the policies and the decision that it names: how the
	// candidate's decision differs.
	Change json.RawMessage `json:"change,omitempty"`

	// Of a gap.
	Gap *RecordDropped `json:"gap,omitempty"`
}

// RecordQueried is a document that was asked for, without its text.
type RecordQueried struct {
	API          string          `json:"api"`                     // APIData or APIAuthZEN
	Path         string          `json:"path"`                    // as of Querier
	Result       json.RawMessage `json:"result,omitempty"`        // where it is a boolean, a number or null
	ResultSHA256 string          `json:"result_sha256,omitempty"` // of its canonical bytes, hex; "": undefined, or Error
	Error        string          `json:"error,omitempty"`         // code of a failed evaluation
}

// RecordFinding is a finding without its text.
type RecordFinding struct {
	Classifier string  `json:"classifier"`
	Kind       string  `json:"kind"`
	Score      float64 `json:"score"`
	Text       int     `json:"text"`
	Role       string  `json:"role"`
	Part       string  `json:"part"` // TextKind
	Message    int     `json:"message"`
	Span       Span    `json:"span"`
	Redacted   bool    `json:"redacted"`
}

// RecordText is a text of the request as the client sent it.
type RecordText struct {
	Role    string `json:"role"`
	Part    string `json:"part"`
	Message int    `json:"message"`
	Text    string `json:"text"`
}

// RecordPolicy identifies the policy that decided.
type RecordPolicy struct {
	Revision  string `json:"revision"`
	Candidate string `json:"candidate,omitempty"` // revision of the policy that was asked beside it
}

// AttemptResult is one try at one target: one disclosure of the prompt, unless it
// was not sent.
type AttemptResult struct {
	Target  string  `json:"target"`
	Model   string  `json:"model"`
	Posture string  `json:"posture"`
	Started string  `json:"started"` // RFC 3339 with nanoseconds, UTC
	TTFTMs  float64 `json:"ttft_ms"` // 0: no token came
	Error   string  `json:"error,omitempty"`
	Unsent  bool    `json:"unsent,omitempty"` // a limit of our own kept it back
	Losses  []Loss  `json:"losses,omitempty"` // of the request on its way there
}

// RecordDropped says how many records a log in mode "best_effort" had to leave
// out before this one.
type RecordDropped struct {
	Count uint64 `json:"count"`
	Since string `json:"since"` // RFC 3339 with nanoseconds, UTC
}

// RecordOutcomes is what came of a decision.
type RecordOutcomes struct {
	Status  int     `json:"status"`
	Code    string  `json:"code,omitempty"` // error code given to the client
	Tokens  Usage   `json:"tokens"`
	CostUSD float64 `json:"cost_usd"`
	TTFTMs  float64 `json:"ttft_ms"`
	TotalMs float64 `json:"total_ms"`
	Met     bool    `json:"met"`              // the budget was kept
	Losses  []Loss  `json:"losses,omitempty"` // of the reply on its way to the client
}

// Recorder writes the decision log.
//
// Record is safe for concurrent use and returns the record's sequence number.
// When it returns without error, the record is as durable as the log's mode
// promises; where the mode is "require", an error means that nothing may leave.
// It does not keep r.
type Recorder interface {
	Record(ctx context.Context, r *Record) (seq uint64, err error)
}

// FormatTime is how records write times.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
