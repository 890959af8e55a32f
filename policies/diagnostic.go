package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity of a Diagnostic.
type Severity string

const (
	SeverityError   Severity = "error"   // the set is refused
	SeverityWarning Severity = "warning" // the set loads; its author should know
)

// Diagnostic is one mistake in a policy set.
type Diagnostic struct {
	File     string   `json:"file"` // as its author would open it; "" where the mistake has no file
	Line     int      `json:"line"` // from 1; 0 where unknown
	Col      int      `json:"col"`  // from 1, in bytes; 0 where unknown
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // how to mend it
	Rule     string   `json:"rule,omitempty"` // of Lint, that it comes from
	// Example is a decision input document, as one line of JSON, that shows it.
	Example string `json:"example,omitempty"`
}

// String is "file:line:col: message (hint) [rule]", as editors and CI systems parse it,
// and the example on a line of its own.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", d.Line, max(d.Col, 1))
		}
		b.WriteString(": ")
	}
	if d.Severity == SeverityWarning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString(" (" + d.Hint + ")")
	}
	if d.Rule != "" {
		b.WriteString(" [" + d.Rule + "]")
	}
	if d.Example != "" {
		b.WriteString("\n" + d.Example)
	}
	return b.String()
}

// Diagnostics are all mistakes found in a policy set, by file and line. As an
// error it holds at least one of SeverityError.
type Diagnostics []Diagnostic

// Error is one line for each mistake.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

func (ds Diagnostics) failed() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// inOrder sorts by place and drops what is said twice.
func (ds Diagnostics) inOrder() Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(ds)
}
