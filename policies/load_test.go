package policies

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

func TestLoadStandard(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	want := []string{"authentication", "clearance", "health", "inspection", "payment_cards", "personal_data", "routing", "secrets", "settings", "spend", "tools"}
	if diff := cmp.Diff(want, s.Packages()); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

// The standard policy can be copied and changed: it has no place of its own.
func TestLoadCopyOfStandard(t *testing.T) {
	s, err := Load(t.Context(), Config{Paths: []string{"standard"}})
	if err != nil {
		t.Fatal(err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
}

// The standard policy on whole requests.
func TestStandardDecides(t *testing.T) {
	s, err := Load(t.Context(), standard)
	if err != nil {
		t.Fatal(err)
	}
	found := func(classifier, kind string) func(*engine.Input) {
		return func(in *engine.Input) {
			in.Classifiers[classifier].Findings[kind] = engine.FindingFacts{Count: 1, MaxScore: 0.9}
		}
	}
	attribute := func(name, value string) func(*engine.Input) {
		return func(in *engine.Input) { in.Principal.Attributes[name] = value }
	}
	tests := []struct {
		name      string
		change    []func(*engine.Input)
		verdict   engine.Verdict
		permitted []string // postures
		redact    []string
		codes     []string // of denials
		controls  []string
	}{
		{"nothing found", nil, engine.Allow, []string{"air_gapped", "cloud", "edge", "gpu_cluster"}, nil, nil, nil},
		{"personal data", []func(*engine.Input){found("pii", "EMAIL_ADDRESS")},
			engine.Allow, []string{"air_gapped", "edge", "gpu_cluster"}, nil, nil, []string{"GDPR-44"}},
		{"personal data, redacted", []func(*engine.Input){found("pii", "EMAIL_ADDRESS"), attribute("personal_data", "redact")},
			engine.Allow, []string{"air_gapped", "cloud", "edge", "gpu_cluster"}, []string{"EMAIL_ADDRESS"}, nil, []string{"GDPR-25"}},
		{"payment card", []func(*engine.Input){found("pii", "CREDIT_CARD")},
			engine.Allow, []string{"air_gapped"}, nil, nil, []string{"GDPR-44", "PCI-3"}},
		{"payment card, redacted", []func(*engine.Input){found("pii", "CREDIT_CARD"), attribute("personal_data", "redact")},
			engine.Allow, []string{"air_gapped"}, []string{"CREDIT_CARD"}, nil, []string{"GDPR-25", "PCI-3"}},
		{"secret", []func(*engine.Input){found("secrets", "SECRET_AWS_KEY"), attribute("personal_data", "redact")},
			engine.Allow, []string{"air_gapped", "edge", "gpu_cluster"}, nil, nil, []string{"ISO27001-A.8.12"}},
		{"private key", []func(*engine.Input){found("secrets", "SECRET_PRIVATE_KEY")},
			engine.Deny, []string{"air_gapped", "edge", "gpu_cluster"}, nil, []string{"secret_denied"}, []string{"ISO27001-A.8.12"}},
		{"restricted", []func(*engine.Input){attribute("clearance", "restricted")},
			engine.Allow, []string{"air_gapped"}, nil, nil, []string{"ISO27001-A.5.12"}},
		{"restricted without an air gap", []func(*engine.Input){attribute("clearance", "restricted"), func(in *engine.Input) { delete(in.Targets, "air_gapped-0") }},
			engine.Deny, nil, nil, nil, []string{"ISO27001-A.5.12"}},
		{"anonymous", []func(*engine.Input){func(in *engine.Input) { in.Principal = engine.Anonymous() }},
			engine.Allow, []string{"air_gapped", "edge", "gpu_cluster"}, nil, nil, []string{"NIST-AC-14"}},
		{"nobody", []func(*engine.Input){func(in *engine.Input) { in.Principal = engine.Principal{} }},
			engine.Deny, []string{"air_gapped", "edge", "gpu_cluster"}, nil, []string{"unauthenticated"}, []string{"NIST-AC-14", "NIST-AC-3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := exampleInput(4)
			for _, change := range tt.change {
				change(in)
			}
			d, err := s.Decide(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var permitted, codes []string
			for key, target := range in.Targets {
				if len(d.Exclude[key]) == 0 {
					permitted = append(permitted, target.Posture)
				}
			}
			slices.Sort(permitted)
			for _, r := range d.Deny {
				codes = append(codes, r.Code)
			}
			type outcome struct {
				Verdict                            engine.Verdict
				Permitted, Redact, Codes, Controls []string
			}
			want := outcome{tt.verdict, tt.permitted, tt.redact, tt.codes, tt.controls}
			if diff := cmp.Diff(want, outcome{d.Verdict(), permitted, d.Obligations.Redact, codes, d.Controls}); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}
