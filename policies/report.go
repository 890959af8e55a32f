package policies

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// WritePretty writes a report for a person: what did not pass, each with its
// place, then totals and lines that no test evaluated.
func (r *Report) WritePretty(w io.Writer) error {
	count := map[Outcome]int{}
	for _, t := range r.Results {
		count[t.Outcome]++
		if t.Outcome == Pass {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-5s %s.%s (%s:%d)\n", t.Outcome, t.Package, t.Name, t.File, t.Line); err != nil {
			return err
		}
		if t.Message != "" {
			if _, err := fmt.Fprintf(w, "      %s\n", t.Message); err != nil {
				return err
			}
		}
		if t.Output != "" && strings.HasPrefix(t.Package, "sallyport.invariants.") {
			if _, err := fmt.Fprintf(w, "      broken by: %s\n", t.Output); err != nil {
				return err
			}
		} else if t.Output != "" {
			if _, err := fmt.Fprintf(w, "      printed: %s\n", t.Output); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintf(w, "%d tests: %d passed, %d failed, %d errors, %d skipped; coverage %.1f %%\n",
		len(r.Results), count[Pass], count[Fail], count[Err], count[Skip], 100*r.Covered()); err != nil {
		return err
	}
	for _, c := range r.Coverage {
		if len(c.Missing) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: not covered: lines %s\n", c.File, ranges(c.Missing)); err != nil {
			return err
		}
	}
	return nil
}

// ranges is "3-5, 9" for 3, 4, 5, 9.
func ranges(lines []int) string {
	s := ""
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if s != "" {
			s += ", "
		}
		s += fmt.Sprint(lines[i])
		if j > i {
			s += fmt.Sprintf("-%d", lines[j])
		}
		i = j + 1
	}
	return s
}

// WriteJSON writes the report as one JSON object and a line feed.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Passed   bool         `json:"passed"`
		Covered  float64      `json:"covered"`
		Results  []TestResult `json:"results"`
		Coverage []Coverage   `json:"coverage"`
		Warnings Diagnostics  `json:"warnings,omitempty"`
	}{r.Passed(), r.Covered(), r.Results, r.Coverage, r.Warnings})
}

// WriteJUnit writes the results in the JUnit XML format that CI systems read, one
// suite for each package.
func (r *Report) WriteJUnit(w io.Writer) error {
	type message struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string    `xml:"name,attr"`
		Class   string    `xml:"classname,attr"`
		File    string    `xml:"file,attr"`
		Line    int       `xml:"line,attr"`
		Time    string    `xml:"time,attr"` // seconds
		Failure *message  `xml:"failure"`
		Error   *message  `xml:"error"`
		Skipped *struct{} `xml:"skipped"`
		Output  string    `xml:"system-out,omitempty"`
	}
	type suite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	var suites []*suite
	byName := map[string]*suite{}
	for _, t := range r.Results {
		s := byName[t.Package]
		if s == nil {
			s = &suite{Name: t.Package}
			byName[t.Package] = s
			suites = append(suites, s)
		}
		c := testcase{Name: t.Name, Class: t.Package, File: t.File, Line: t.Line,
			Time: fmt.Sprintf("%.6f", float64(t.Duration)/float64(time.Second)), Output: t.Output}
		m := &message{Message: t.Message, Text: fmt.Sprintf("%s:%d", t.File, t.Line)}
		s.Tests++
		switch t.Outcome {
		case Fail:
			s.Failures++
			c.Failure = m
		case Err:
			s.Errors++
			c.Error = m
		case Skip:
			s.Skipped++
			c.Skipped = &struct{}{}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []*suite `xml:"testsuite"`
	}{Suites: suites}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
