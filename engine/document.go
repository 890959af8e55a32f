package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Querier evaluates any document of a policy set. A Decider that is one lets
// clients of OPA's Data API and of AuthZEN ask it.
//
// Query is safe for concurrent use and keeps nothing it is given. path is the
// document's path below "data", its steps percent-encoded where they must be and
// separated by slashes; "" is everything. input is JSON, nil: none. The answer
// depends on nothing else. An error is a *QueryError where the evaluation failed.
type Querier interface {
	Query(ctx context.Context, path string, input []byte) (QueryAnswer, error)
}

// QueryAnswer is a document's value. It may be given to many and must not be changed.
type QueryAnswer struct {
	Result      json.RawMessage // canonical JSON; nil: the document is undefined
	InputSHA256 string          // of the input's canonical bytes, hex; "": not made, or there was no input
}

// KnownAnswer is an answer that was given before.
type KnownAnswer struct {
	QueryAnswer
	by *Snapshot
}

// QueryError says where and why a document could not be evaluated. Message may
// quote the input: it is for the client that sent it and for nobody else.
type QueryError struct {
	Code     string // OPA's, such as eval_conflict_error; invalid_path: the path is not one
	Message  string
	File     string // of the rule; "": unknown
	Row, Col int    // from 1; 0: unknown
}

func (e *QueryError) Error() string { return e.Code }

// QueryInvalidPath is the Code of a path that names no document.
const QueryInvalidPath = "invalid_path"

// DocumentQuery asks for a document of the policies in force.
type DocumentQuery struct {
	API     string // APIData or APIAuthZEN: what the client spoke
	Path    string // as of Querier
	Input   json.RawMessage
	Client  *Principal
	TraceID string
	// Known is what was answered before for the same path and input. It counts where
	// the same policies are still in force; then Input is not looked at.
	Known *KnownAnswer
	// Judge takes the result for a verdict, which is recorded and answered; nil:
	// the document is all that was asked for. Its error is a policy that does not
	// answer in a form that can be judged.
	Judge func(result json.RawMessage) (Verdict, error)
}

// The APIs through which a document can be asked for.
const (
	APIData    = "data"
	APIAuthZEN = "authzen"
)

// DocumentOutcome is what came of a DocumentQuery. Where Code is not empty there
// is no result to be shown.
type DocumentOutcome struct {
	Outcome
	Result   json.RawMessage // canonical; nil: undefined
	Answer   *KnownAnswer    // that may be given again; nil: there is none
	Revision string          // of the policies that were asked
	Err      *QueryError     // of a failed evaluation, for the client
}

// Query evaluates a document of the policies in force, records that and answers.
// Where the record cannot be written there is no result.
func (e *Engine) Query(ctx context.Context, q *DocumentQuery) DocumentOutcome {
	snap, start := e.acquire(), time.Now()
	defer snap.release()
	o := DocumentOutcome{Outcome: Outcome{DecisionID: NewID(start), Status: http.StatusOK, Action: ActionAnswer}, Revision: snap.Decider.Revision()}
	fail := func(status int, code, message string) {
		o.Answer, o.Result, o.Verdict, o.Action = nil, nil, Deny, ActionDeny
		o.Status, o.Code, o.Message = status, code, message
	}
	querier, ok := snap.Decider.(Querier)
	if !ok {
		fail(http.StatusNotFound, CodeUnknownRoute, "these policies answer no queries")
		return o
	}
	var answer QueryAnswer
	var err error
	known := q.Known != nil && q.Known.by == snap
	if known {
		answer = q.Known.QueryAnswer
	} else {
		answer, err = querier.Query(ctx, q.Path, q.Input)
	}
	o.Timings.Policy = time.Since(start)
	o.Result, o.Answer = answer.Result, &KnownAnswer{answer, snap}
	failed := ""
	if err != nil {
		o.Err, ok = errors.AsType[*QueryError](err)
		if !ok {
			o.Err = &QueryError{Code: "internal_error", Message: "the document could not be evaluated"}
		}
		if failed = o.Err.Code; failed == QueryInvalidPath {
			fail(http.StatusBadRequest, CodeMalformed, "the path names no document: "+o.Err.Message)
			return o // nothing was asked of policy
		}
		fail(http.StatusInternalServerError, CodePolicyError, "the policy could not be evaluated")
	} else if q.Judge != nil {
		if o.Verdict, err = q.Judge(answer.Result); err != nil {
			failed = "bad_result"
			fail(http.StatusInternalServerError, CodePolicyError, err.Error())
		}
	}
	begun := time.Now()
	o.Seq, err = e.recorder.Record(ctx, q.record(&o, snap, failed, answer, known, start))
	o.Timings.Record = time.Since(begun)
	o.Timings.Total = time.Since(start)
	if err != nil {
		o.RecordErr, o.Seq, o.Err = err, 0, nil
		fail(http.StatusServiceUnavailable, CodeLogUnavailable, "the query could not be recorded, so it is not answered")
	}
	return o
}

// record is the query's record. Who asks may put anything into the input, and
// policy may repeat it in the result: the record holds the hashes of both, and of
// results only those without a text of their own.
func (q *DocumentQuery) record(o *DocumentOutcome, snap *Snapshot, failed string, answer QueryAnswer, known bool, start time.Time) *Record {
	result := answer.Result
	r := &Record{
		Kind: RecordQuery, Time: FormatTime(start), DecisionID: o.DecisionID, TraceID: q.TraceID, Principal: q.Client,
		Policy: &RecordPolicy{Revision: o.Revision}, ConfigSHA256: snap.ConfigSHA256,
		InputSHA256: answer.InputSHA256, Log: LogNone, // the log keeps the hash alone
		Action: o.Action, Query: &RecordQueried{API: q.API, Path: q.Path, Error: failed, ResultSHA256: hashOf(result)},
	}
	if answer.InputSHA256 == "" {
		r.Input = q.Input
	}
	if known {
		r.Cache = "hit"
	}
	if q.Judge != nil {
		r.Verdict = o.Verdict.String()
	}
	if len(result) > 0 && result[0] != '{' && result[0] != '[' && result[0] != '"' {
		r.Query.Result = result
	}
	return r
}

// hashOf is the hex SHA-256 of b, "" of nothing.
func hashOf(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
