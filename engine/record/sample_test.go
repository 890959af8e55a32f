package record

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

var began = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)

// sampleDecision is the n-th of a row of decisions one second apart.
func sampleDecision(n int) *engine.Record {
	request := engine.InputRequest{
		Dialect: "openai-chat", Operation: "chat", Model: "small", Stream: true, PromptTokens: 812, PromptBytes: 3211,
		MaxOutputTokens: 512, Messages: 4, Tools: []string{"get_weather"}, Modalities: []string{"text"},
		Metadata: map[string]string{}, Headers: map[string]string{"x-project": "blue"},
	}
	principal := engine.Principal{ID: "team-a", Tenant: "acme", Roles: []string{"engineering"},
		Attributes: map[string]string{"region": "EU"}, Authenticated: true}
	input, err := json.Marshal(&engine.Input{
		Time: engine.FormatTime(began), Request: request, Principal: principal,
		Classifiers: map[string]engine.ClassifierFacts{"pii": {Findings: map[string]engine.FindingFacts{"EMAIL_ADDRESS": {Count: 2, MaxScore: 0.98}}}},
		Targets: map[string]engine.TargetFacts{
			"openai": {Target: "openai", Posture: "cloud", Dialect: "openai", Jurisdiction: "US", Model: "gpt-4.1-mini", CostEstimate: 0.0011, Healthy: true},
			"vllm":   {Target: "vllm", Posture: "gpu_cluster", Dialect: "openai", Jurisdiction: "EU", Model: "llama", Healthy: true},
		},
	})
	if err != nil {
		panic(err)
	}
	return &engine.Record{
		Kind: engine.RecordDecision, Time: engine.FormatTime(began.Add(time.Duration(n) * time.Second)),
		DecisionID: fmt.Sprintf("d-%06d", n), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Principal: &principal, Request: &request, Input: input,
		Findings: []engine.RecordFinding{{Classifier: "pii", Kind: "EMAIL_ADDRESS", Score: 0.98, Role: "user", Part: "text",
			Span: engine.Span{Start: 10, End: 30}, Redacted: true}},
		Policy:       &engine.RecordPolicy{Revision: "r1"},
		Classifiers:  []engine.ClassifierInfo{{Name: "pii", SHA256: "aa"}},
		ConfigSHA256: "bb",
		Decision:     json.RawMessage(`{"allow":true,"deny":[],"exclude":{"openai":[{"code":"eu_personal_data","message":"personal data of EU tenants stays in the EU"}]},"obligations":{"redact":["EMAIL_ADDRESS"]},"prefer":{}}`),
		Controls:     []string{"GDPR-44"},
		Verdict:      "allow", Action: engine.ActionForward,
		Excluded: map[string][]engine.Reason{"openai": {{Code: "eu_personal_data", Message: "personal data of EU tenants stays in the EU", Rule: "residency"}}},
		Plan:     []engine.Consideration{{Key: "vllm", Score: 0.9, PMeet: 0.97, PredictedTTFT: 210}},
		Log:      engine.LogMetadata,
	}
}

func sampleOutcome(n int, decided uint64) *engine.Record {
	return &engine.Record{
		Kind: engine.RecordOutcome, Time: engine.FormatTime(began.Add(time.Duration(n)*time.Second + 1900*time.Millisecond)),
		DecisionID: fmt.Sprintf("d-%06d", n), Decided: decided, Action: engine.ActionForward,
		Target: "vllm", Model: "llama", Posture: "gpu_cluster",
		Attempts: []engine.AttemptResult{{Target: "vllm", Model: "llama", Posture: "gpu_cluster",
			Started: engine.FormatTime(began), TTFTMs: 212.5}},
		Outcome: &engine.RecordOutcomes{Status: 200, Tokens: engine.Usage{Input: 815, Output: 96}, CostUSD: 0.0011, TTFTMs: 214, TotalMs: 1900, Met: true},
	}
}

// small is a record of few bytes.
func small(n int) *engine.Record {
	return &engine.Record{Kind: engine.RecordDecision, Time: engine.FormatTime(began), DecisionID: fmt.Sprintf("d-%d", n)}
}

func openLog(t testing.TB, c Config) *Log {
	t.Helper()
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background()) })
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, l *Log, records ...*engine.Record) (last uint64) {
	t.Helper()
	for _, r := range records {
		var err error
		if last, err = l.Record(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// ids returns the decision ids in dir's records and fails where a number or an
// inner seq is not the next one.
func ids(t testing.TB, dir string) []string {
	t.Helper()
	var got []string
	err := Scan(dir, 0, func(seq uint64, raw []byte) error {
		var r engine.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if got = append(got, r.DecisionID); seq != uint64(len(got)) || r.Seq != seq {
			t.Errorf("record %d of the log has frame number %d and inner number %d", len(got), seq, r.Seq)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, "segments", segmentName(first))
}

func readSegment(t testing.TB, dir string, first uint64) []byte {
	t.Helper()
	b, err := os.ReadFile(segmentPath(dir, first))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeSegment(t testing.TB, dir string, first uint64, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "segments"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segmentPath(dir, first), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
