package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/policies"
	"github.com/sallyport-ai/sallyport/targets"
)

func (a *app) validate() *cobra.Command {
	var path, format string
	var strict bool
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a configuration, its policies and its classifiers",
		Long: `Check a configuration, its policies with their tests, and its classifiers, without
serving. All mistakes are reported at once. Exit code 3 where there is one.

Warnings say what should be written in another way; with --strict they count as
mistakes. The report ends with what a decision costs: whether it is compiled, and if
not which line keeps it from being so; which parts of the input it depends on, and so
for which requests it is remembered; and how long it takes on this machine. Before
that it names the models whose price is that of the embedded table, and those whose
price is not known.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := oneOf("--format", format, "pretty", "json"); err != nil {
				return err
			}
			host, err := a.newHost(c.Context(), nil)
			if err != nil {
				return err
			}
			p, m := a.build(c.Context(), host, path)
			refused := m.refuseCandidate(p)
			var cost *policies.Cost
			if p != nil {
				p.close()
				m.policy = append(m.policy, p.policies.Lint()...)
				cost, err = p.policies.MeasuredCost(c.Context())
			}
			if refused {
				p = nil
			}
			if err := errors.Join(err, host.Close(c.Context())); err != nil {
				return err
			}
			if format == "json" {
				v := m.terraform()
				v.PolicyCost = cost
				if p != nil {
					v.Prices = p.prices()
				}
				err = a.writeJSON(v)
			} else if m.print(a.err); p != nil {
				_, err = fmt.Fprintf(a.out, "valid: %d targets, %d classifiers, policy %s\n",
					len(p.config.targets), len(p.config.classifiers), p.policies.Revision())
				err = errors.Join(err, p.writePrices(a.out), cost.WriteText(a.out))
			}
			if err == nil && (p == nil || strict && len(m.config)+len(m.policy) > 0) {
				return failure(exitInvalid, nil)
			}
			return err
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "", "configuration file; without it the embedded default")
	c.Flags().BoolVar(&strict, "strict", false, "exit code 3 where there is a warning")
	c.Flags().StringVar(&format, "format", "pretty", "pretty or json (as of terraform validate -json)")
	return c
}

// validation is the result in the form of terraform validate -json.
type validation struct {
	FormatVersion string       `json:"format_version"`
	Valid         bool         `json:"valid"`
	ErrorCount    int          `json:"error_count"`
	WarningCount  int          `json:"warning_count"`
	Diagnostics   []diagnostic `json:"diagnostics"`
	// PolicyCost is beyond terraform's form: what a decision costs.
	PolicyCost *policies.Cost `json:"policy_cost,omitempty"`
	// Prices is beyond terraform's form, too: what each target/model costs, null
	// where that is not known.
	Prices map[string]*targets.PriceStatus `json:"prices,omitempty"`
}

type diagnostic struct {
	Severity string     `json:"severity"` // error or warning
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail,omitempty"`
	Range    *diagRange `json:"range,omitempty"`
	Rule     string     `json:"rule,omitempty"`    // of lint, beyond terraform's form
	Example  string     `json:"example,omitempty"` // an input that breaks an invariant, beyond terraform's form
}

type diagRange struct {
	Filename string    `json:"filename"`
	Start    diagPlace `json:"start"`
	End      diagPlace `json:"end"`
}

// diagPlace is a position, each part from 1 but for byte, which is from 0.
type diagPlace struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

func (m *mistakes) terraform() validation {
	v := validation{FormatVersion: "1.0", Diagnostics: []diagnostic{}}
	add := func(d diagnostic) {
		if d.Severity == "error" {
			v.ErrorCount++
		} else {
			v.WarningCount++
		}
		v.Diagnostics = append(v.Diagnostics, d)
	}
	for _, d := range m.config {
		out := diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			out.Severity = "warning"
		}
		if s := d.Subject; s != nil {
			out.Range = &diagRange{s.Filename, diagPlace{s.Start.Line, s.Start.Column, s.Start.Byte}, diagPlace{s.End.Line, s.End.Column, s.End.Byte}}
		}
		add(out)
	}
	for _, d := range m.policy {
		out := diagnostic{Severity: "error", Summary: d.Message, Detail: d.Hint, Rule: d.Rule, Example: d.Example}
		if d.Severity == policies.SeverityWarning {
			out.Severity = "warning"
		}
		if d.File != "" {
			at := diagPlace{Line: d.Line, Column: d.Col}
			out.Range = &diagRange{d.File, at, at}
		}
		add(out)
	}
	for _, err := range m.other {
		add(diagnostic{Severity: "error", Summary: err.Error()})
	}
	v.Valid = v.ErrorCount == 0
	return v
}

// writeJSON prints a value, indented.
func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// oneOf checks the value of a flag.
func oneOf(flag, value string, choices ...string) error {
	for _, c := range choices {
		if value == c {
			return nil
		}
	}
	return fmt.Errorf("%s must be one of %v, not %q", flag, choices, value)
}
