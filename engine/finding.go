package engine

import (
	"context"
	"fmt"
)

// Finding is a located hit of a classifier.
type Finding struct {
	Classifier string
	Kind       string  // such as EMAIL_ADDRESS
	Score      float64 // 0..1
	Text       int     // index into the texts that were classified
	Span       Span    // in that text's Value, on UTF-8 boundaries
}

// Report is what one classifier found in the texts of a request.
type Report struct {
	Findings  []Finding
	Scores    map[string]float64 // scores of the whole request, such as complexity
	Truncated bool               // the classifier had more findings than it could return
}

// ClassifierInfo identifies a loaded classifier.
type ClassifierInfo struct {
	Name   string   `json:"name"`   // of the configuration block
	SHA256 string   `json:"sha256"` // of the module's bytes, hex
	Kinds  []string `json:"-"`
	Scores []string `json:"-"`
	// Inspect holds "prompt", "tools" and "completion": which texts it reads.
	Inspect []string `json:"-"`
	// Report turns a failure into a fact for policy; otherwise a failure denies.
	Report bool `json:"-"`
}

// Classifier reads texts and says what is in them.
//
// Classify is safe for concurrent use, does not keep texts, depends on nothing
// but them, and returns within the classifier's own time limit. A failure is a
// *ClassifierError.
type Classifier interface {
	Info() ClassifierInfo
	Classify(ctx context.Context, texts []*Text) (Report, error)
}

// Codes of a classifier's failure.
const (
	ClassifierTimeLimit   = "time_limit"
	ClassifierMemoryLimit = "memory_limit"
	ClassifierTrap        = "trap"
	ClassifierBadResult   = "bad_result"
	ClassifierGuestError  = "guest_error"
	ClassifierUnavailable = "unavailable"
	// ClassifierTruncated is not a *ClassifierError but a Report that says so.
	ClassifierTruncated = "truncated"
)

// ClassifierError is a classifier's failure. Its text holds no user content.
type ClassifierError struct {
	Classifier string
	Code       string
	Err        error
}

func (e *ClassifierError) Error() string {
	return fmt.Sprintf("classifier %q: %s: %v", e.Classifier, e.Code, e.Err)
}

func (e *ClassifierError) Unwrap() error { return e.Err }
