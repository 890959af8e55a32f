package engine

import (
	"context"
	"encoding/json"
	"sync"
)

// Verdict is what policy said. The zero value is deny.
type Verdict uint8

const (
	Deny Verdict = iota
	Allow
)

// String is the name used in records.
func (v Verdict) String() string {
	if v == Allow {
		return "allow"
	}
	return "deny"
}

// Reason says why. Code is stable snake_case; Message holds no user content.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Rule    string `json:"rule,omitempty"` // the rule package it came from
}

// Input is the document policy decides on. Its JSON form is the contract's
// `input`, and it holds everything that the decision depends on: time, health
// and spend are inputs, so that a recorded decision can be made again.
type Input struct {
	Time        string                     `json:"time"` // RFC 3339, UTC
	Request     InputRequest               `json:"request"`
	Principal   Principal                  `json:"principal"`
	Classifiers map[string]ClassifierFacts `json:"classifiers"`
	Budget      InputBudget                `json:"budget"`
	Usage       InputUsage                 `json:"usage"`
	Targets     map[string]TargetFacts     `json:"targets"` // candidates only, by Candidate.Key

	// Form is where the log keeps the document's canonical form; nil: the document is
	// not expected again.
	Form *InputForm `json:"-"`
}

// InputForm is the canonical form of a document that comes again and does not change.
type InputForm struct {
	once   sync.Once
	json   []byte
	sha256 string
	err    error
}

// Made returns the canonical JSON and its hash, which make made once.
func (f *InputForm) Made(make func() (json []byte, sha256 string, err error)) ([]byte, string, error) {
	f.once.Do(func() { f.json, f.sha256, f.err = make() })
	return f.json, f.sha256, f.err
}

// InputRequest is the request's metadata, no text.
type InputRequest struct {
	Dialect         string            `json:"dialect"`
	Operation       string            `json:"operation"`
	Model           string            `json:"model"`
	Stream          bool              `json:"stream"`
	PromptTokens    int               `json:"prompt_tokens"`
	PromptBytes     int               `json:"prompt_bytes"`
	MaxOutputTokens int               `json:"max_output_tokens"`
	Messages        int               `json:"messages"`
	Tools           []string          `json:"tools"`
	Modalities      []string          `json:"modalities"`
	Metadata        map[string]string `json:"metadata"`
	Headers         map[string]string `json:"headers"`
}

// MaxInputBytes bounds what a client can put into an Input, which policy reads
// whole and the log keeps for years. OpenAI takes 16 members of metadata and 128
// tools, which is some ten thousand bytes.
const MaxInputBytes = 256 << 10

// clientBytes counts what the client wrote of the input.
func (in *Input) clientBytes() int {
	n := len(in.Request.Model)
	for _, m := range []map[string]string{in.Request.Metadata, in.Request.Headers} {
		for k, v := range m {
			n += len(k) + len(v)
		}
	}
	for _, t := range in.Request.Tools {
		n += len(t)
	}
	// The quotes and commas of each.
	return n + 6*(len(in.Request.Metadata)+len(in.Request.Headers)) + 3*len(in.Request.Tools)
}

// ClassifierFacts are one classifier's findings, counted by kind, or its error.
// Both are there where it found more than it could report.
type ClassifierFacts struct {
	Findings map[string]FindingFacts `json:"findings,omitzero"`
	Scores   map[string]float64      `json:"scores,omitzero"`
	Error    string                  `json:"error,omitempty"` // a code of a classifier's failure
}

// FindingFacts sums up the findings of one kind.
type FindingFacts struct {
	Count    int     `json:"count"`
	MaxScore float64 `json:"max_score"`
}

// InputBudget is the budget in force before policy tightens it; 0: none.
type InputBudget struct {
	TTFTMs  int64 `json:"ttft_ms"`
	TPOTMs  int64 `json:"tpot_ms"`
	TotalMs int64 `json:"total_ms"`
}

// InputUsage is what the tenant has used so far.
type InputUsage struct {
	SpentUSD          SpentUSD `json:"spent_usd"`
	RequestsPerMinute int      `json:"requests_per_minute"`
}

// SpentUSD is the tenant's spend in the current UTC hour, day and month.
type SpentUSD struct {
	Hour  float64 `json:"hour"`
	Day   float64 `json:"day"`
	Month float64 `json:"month"`
}

// TargetFacts is what policy sees of a candidate.
type TargetFacts struct {
	Target       string            `json:"target"` // the target's declared name
	Posture      string            `json:"posture"`
	Dialect      string            `json:"dialect"`
	Jurisdiction string            `json:"jurisdiction"`
	Attributes   map[string]string `json:"attributes"`
	Model        string            `json:"model"`
	Quality      float64           `json:"quality"`
	CostEstimate float64           `json:"cost_estimate_usd"`
	Healthy      bool              `json:"healthy"`
	StandIn      bool              `json:"stand_in"`
}

// Decision is the policy's whole answer.
type Decision struct {
	Allow       bool                `json:"allow"`
	Deny        []Reason            `json:"deny"`
	Exclude     map[string][]Reason `json:"exclude"`
	Prefer      map[string]float64  `json:"prefer"`
	Obligations Obligations         `json:"obligations"`

	Revision string   `json:"-"` // content hash of the policy set
	Controls []string `json:"-"` // control labels of the rules that fired, sorted
	Cached   bool     `json:"-"` // made for an earlier input that differs in nothing it depends on
	// Raw is data.sallyport.decision as canonical JSON, as it is recorded.
	Raw json.RawMessage `json:"-"`
}

// Verdict is Allow only where the policy said so and gave no ground to deny.
func (d *Decision) Verdict() Verdict {
	if d != nil && d.Allow && len(d.Deny) == 0 {
		return Allow
	}
	return Deny
}

// Obligations are what must be done for an allow to hold. A field that policy
// left out is its zero value or nil.
type Obligations struct {
	Redact              []string          `json:"redact,omitempty"`
	Restore             bool              `json:"restore,omitempty"`
	MaxOutputTokens     *int              `json:"max_output_tokens,omitempty"`
	StripTools          []string          `json:"strip_tools,omitempty"` // names; "*" is all
	InspectCompletion   []string          `json:"inspect_completion,omitempty"`
	OnCompletionFinding string            `json:"on_completion_finding,omitempty"`
	Log                 LogLevel          `json:"log,omitempty"`
	Budget              *ObligationBudget `json:"budget,omitempty"`
	OnMiss              OnMiss            `json:"on_miss,omitempty"`
	Hedge               *bool             `json:"hedge,omitempty"`
	PriorityMax         *int              `json:"priority_max,omitempty"`
	MaxCostUSD          *float64          `json:"max_cost_usd,omitempty"`
	DiscloseTarget      *bool             `json:"disclose_target,omitempty"`
	Lossy               Lossy             `json:"lossy,omitempty"`

	// Unknown names the obligations policy stated that this program does not
	// know. Any of them denies.
	Unknown []string `json:"-"`
}

// ObligationBudget tightens the budget; zero: not stated.
type ObligationBudget struct {
	TTFTMs  int64 `json:"ttft_ms,omitempty"`
	TPOTMs  int64 `json:"tpot_ms,omitempty"`
	TotalMs int64 `json:"total_ms,omitempty"`
}

// LogLevel says how much of a request its record holds.
type LogLevel string

const (
	LogMetadata LogLevel = "metadata" // kinds, counts, spans, hashes; the default
	LogFull     LogLevel = "full"     // texts too
	LogNone     LogLevel = "none"     // the decision alone
)

// Lossy says whether a request may go to a target whose API cannot carry all of its
// fields as they are.
type Lossy string

const (
	LossyAllow Lossy = "allow" // the default: it may, and the client is told which
	LossyDeny  Lossy = "deny"
)

// Decider evaluates policy.
//
// Decide is safe for concurrent use, reads nothing but in and the policy set,
// and keeps neither. A Decision may be given to many and must not be changed. Any
// error means deny.
type Decider interface {
	Decide(ctx context.Context, in *Input) (*Decision, error)
	Revision() string
}
