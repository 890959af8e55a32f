package record

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/sallyport-ai/sallyport/engine"
)

// WritePretty writes e as one line for people: when, verdict and action, status,
// who, which model went where, tokens, cost, time, the reasons, and the
// decision's id. Columns are aligned where their text fits. A "-" stands for what
// is not known.
func WritePretty(w io.Writer, e Entry) error {
	d, o, err := e.views()
	if err != nil {
		return errors.New("write a decision: its record is not of a form that this version knows")
	}
	if e.Gap != nil {
		_, err := fmt.Fprintf(w, "%s  gap      %d records were dropped since %s\n", clock(d.Time), d.Gap.Count, plain(d.Gap.Since))
		return err
	}
	route, status, tokens, cost, took := "-", "-", "-", "-", "-"
	if e.Outcome != nil {
		status = strconv.Itoa(o.Outcome.Status)
		took = duration(o.Outcome.TotalMs)
	}
	if o.Target != "" {
		route = fmt.Sprintf("%s/%s (%s)", o.Target, o.Model, o.Posture)
		tokens = fmt.Sprintf("%.0f+%.0f", o.Outcome.Tokens.Input, o.Outcome.Tokens.Output)
		cost = fmt.Sprintf("$%.6f", o.Outcome.CostUSD)
	}
	what := orDefault(d.Request.Model, "-") + " -> " + route
	if d.Kind == engine.RecordQuery {
		what = d.Query.API + " " + orDefault(d.Query.Path, "/")
	}
	line := fmt.Sprintf("%s  %-5s %-7s %-3s  %-20s  %-36s  %11s  %10s  %8s  %s",
		clock(d.Time), plain(orDefault(d.Verdict, "-")), plain(string(d.Action)), status,
		plain(d.Principal.Tenant+"/"+d.Principal.ID), plain(what),
		tokens, cost, took, plain(d.DecisionID))
	if codes := reasonCodes(d, o); len(codes) > 0 {
		line += "  " + plain(strings.Join(codes, ","))
	}
	_, err = io.WriteString(w, line+"\n")
	return err
}

// views decodes an entry; d is the gap's where it is one.
func (e Entry) views() (d, o view, err error) {
	first := e.Decision
	if e.Gap != nil {
		first = e.Gap
	}
	if err = json.Unmarshal(first, &d); err == nil && e.Outcome != nil {
		err = json.Unmarshal(e.Outcome, &o)
	}
	return d, o, err
}

// reasonCodes are the codes that say why, each once: of the decision first, then
// of the answer, then of attempts that failed.
func reasonCodes(d, o view) []string {
	var codes []string
	add := func(c string) {
		if c != "" && !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	for _, r := range d.Reasons {
		add(r.Code)
	}
	add(d.Query.Error)
	add(o.Outcome.Code)
	for _, r := range o.Reasons {
		add(r.Code)
	}
	for _, a := range o.Attempts {
		add(a.Error)
	}
	return codes
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func duration(ms float64) string {
	return strconv.FormatFloat(ms/1000, 'f', 3, 64) + "s"
}

// plain makes text from a request safe for a terminal: a client names models and
// could otherwise send escape sequences to whoever reads the log.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
