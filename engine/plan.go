package engine

import (
	"context"
	"encoding/json"
	"time"
)

// Candidate is a target and model that could serve a request, before policy has
// spoken. It is a snapshot of facts, read once a request.
type Candidate struct {
	// Key names the candidate in policy: the target's name, or "target/model"
	// where several models of one target are candidates. Policy's exclusion of
	// the target's name excludes all of them.
	Key      string
	Target   string
	Model    string // declared name
	Upstream string // the target's own name for the model
	Facts    TargetFacts

	Price          Price
	ContextTokens  int           // 0: not declared
	MaxConcurrency int           // 0: no limit
	TTFTHint       time.Duration // 0: not declared
	TPOTHint       time.Duration
	// Supports says whether the target can carry the operation at all.
	Supports bool
	// Form is equal for candidates that a request is written for in the same words,
	// so that what Forwarder.Fit says of one holds for all. "": for no other.
	Form string
	// Losses are what of the request would not reach the target as it was. The
	// engine sets them before the plan is made.
	Losses []Loss
	// Written is Fit's to set and Forward's to use, so that the request that Fit wrote
	// need not be written again. It does not outlive the request.
	Written any
}

// PlanQuery is everything a plan depends on.
type PlanQuery struct {
	Permitted       []Candidate
	Prefer          map[string]float64 // by Candidate.Key, 0..1; absent is 1
	Budget          Budget             // in force, policy included
	Elapsed         time.Duration      // of the budget, spent before scheduling
	PromptTokens    int
	MaxOutputTokens int
	Stream          bool
}

// Plan is the order of tries, or why there is none.
type Plan struct {
	Attempts []Attempt
	// Infeasible: not even an idle permitted target could make the budget.
	Infeasible bool
	// Shed: load alone keeps the budget from being met; try again after RetryAfter.
	Shed       bool
	RetryAfter time.Duration
	Considered []Consideration
}

// Consideration is the scheduler's view of one permitted candidate.
type Consideration struct {
	Key           string  `json:"target"`
	Score         float64 `json:"score"`
	PMeet         float64 `json:"p_meet"` // probability of meeting the budget
	PredictedTTFT int64   `json:"predicted_ttft_ms"`
	CostUSD       float64 `json:"cost_usd"`
	Losses        []Loss  `json:"losses,omitempty"` // of the request on its way there
	Reason        string  `json:"reason,omitempty"` // why it is not in the plan
}

// Attempt is one try at one candidate.
type Attempt struct {
	Candidate     Candidate
	Number        int // from 1
	PredictedTTFT time.Duration
	PMeet         float64

	// Set by the engine when the attempt starts.
	Request         *Request  // obligations already applied
	MaxOutputTokens int       // 0: none
	FirstByteBy     time.Time // zero: no limit
	Deadline        time.Time // zero: no limit
	// Lossless: policy denies that anything of the request is lost on its way. Where
	// it does not, Forward may find out while it tries that the target takes less
	// than Fit thought, and adds what it left out to Candidate.Losses before it calls
	// the sink.
	Lossless bool
}

// Sample is what became of an attempt, for the scheduler to learn from. Zero
// durations: it did not get that far.
type Sample struct {
	Target, Model string
	PromptTokens  int
	OutputTokens  int
	TTFT          time.Duration
	Total         time.Duration
	Unary         bool // the reply came whole: TTFT says nothing of its first token
	Failed        bool
	Cancelled     bool          // ended by the client or by a missed budget
	RetryAfter    time.Duration // the target asked for a pause
}

// Scheduler orders permitted candidates within a budget.
//
// It is safe for concurrent use. Plan never returns a candidate that is not in
// q.Permitted. Every Begin is followed by exactly one End.
type Scheduler interface {
	Plan(q *PlanQuery, now time.Time) Plan
	Begin(target, model string, promptTokens int, now time.Time)
	End(s Sample, now time.Time)
}

// Forwarder knows the declared targets and carries requests to them.
//
// Models are the names that a request's model may have. Candidates returns the
// candidates for a request, none where no target declares its model. Fit says what
// of a request, obligations applied, would be lost on its way to a candidate with
// that cap on output tokens (0: none), or why the candidate's API cannot represent
// it; it sends nothing and changes nothing but c.Written. From there on the request
// does not change. Forward is one upstream try: it returns
// when the reply is complete or has failed, has called sink for each frame in
// order, and retries only where no byte of the request can have been acted on
// twice. A failure is an *UpstreamError, or the sink's own error.
type Forwarder interface {
	Models() []string
	Candidates(req *Request) []Candidate
	Fit(req *Request, c *Candidate, maxOutputTokens int) ([]Loss, *RequestError)
	Forward(ctx context.Context, a *Attempt, sink Sink) (Usage, error)
}

// Usage is the tokens of a reply. Input and Output are totals; CachedInput,
// CacheWrite and AudioInput are parts of Input (the first two of different
// tokens), Reasoning and AudioOutput of Output.
type Usage struct {
	Input          int  `json:"input"`
	Output         int  `json:"output"`
	CachedInput    int  `json:"cached_input"`
	CacheWrite     int  `json:"cache_write,omitempty"`      // written to the provider's cache
	CacheWriteLong int  `json:"cache_write_long,omitempty"` // the part of CacheWrite that is kept for an hour
	Reasoning      int  `json:"reasoning"`
	AudioInput     int  `json:"audio_input,omitempty"`
	AudioOutput    int  `json:"audio_output,omitempty"`
	Estimated      bool `json:"estimated"` // the upstream gave no usage
}

// UpstreamError is a failed try.
type UpstreamError struct {
	Target     string
	Status     int    // the upstream's HTTP status; 0 where there was none
	Code       string // connect, timeout, status, cut, malformed, too_large, refused_address, cancelled
	Message    string // the upstream's own message; shown where policy allows disclosure
	Body       json.RawMessage
	Retryable  bool // another target may do better
	Unsent     bool // nothing of the request has left
	RetryAfter time.Duration
	Err        error
}

// UpstreamUnsupported is the code of a failed try whose request the target's API
// cannot represent: Err is the *RequestError that Fit gives, too.
const UpstreamUnsupported = "unsupported"

func (e *UpstreamError) Error() string {
	s := "target " + e.Target + ": " + e.Code
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *UpstreamError) Unwrap() error { return e.Err }
