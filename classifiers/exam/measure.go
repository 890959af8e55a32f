package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
)

// threshold is the score from which on a finding counts: more likely than not.
const threshold = 0.5

// finder looks for things in a text; *classifiers.Classifier is one.
type finder interface {
	Classify(ctx context.Context, texts []*engine.Text) (engine.Report, error)
}

// Result is what one section came to.
type Result struct {
	Name            string
	Labels, Misses  int // values to be found; texts without any
	Hit             int // labels that were found
	Right, Wrong    int // findings that are a label, and that are none
	Alarms          int // near misses with a wrong finding
	Target          Target
	missed, strayed map[string]*tally // by class of value
	forms           map[string]*tally // labels missed, by template
	wrongly         []string          // the wrong findings themselves
}

// tally counts one class of errors.
type tally struct {
	bad, all int
	example  string
}

// Precision is the share of right findings, 1 where there are none.
func (r *Result) Precision() float64 { return share(r.Right, r.Right+r.Wrong) }

// Recall is the share of labels that were found.
func (r *Result) Recall() float64 { return share(r.Hit, r.Labels) }

// F1 is the harmonic mean of the two.
func (r *Result) F1() float64 {
	p, q := r.Precision(), r.Recall()
	if p+q == 0 {
		return 0
	}
	return 2 * p * q / (p + q)
}

// Met is "yes", "NO" or, where there is no target, "-".
func (r *Result) Met() string {
	t := r.Target
	switch {
	case t == Target{}:
		return "-"
	case r.Labels > 0 && (r.Precision() < t.Precision || r.Recall() < t.Recall || r.F1() < t.F1):
		return "NO"
	case t.FalseAlarms > 0 && share(r.Alarms, r.Misses) > t.FalseAlarms:
		return "NO"
	}
	return "yes"
}

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

// finds says whether a finding gives a label: it covers the core, or half of the
// label.
func finds(l Label, s engine.Span) bool {
	return s.Start <= l.CoreStart && s.End >= l.CoreEnd || 2*overlap(l, s) >= l.End-l.Start
}

func overlap(l Label, s engine.Span) int { return max(0, min(l.End, s.End)-max(l.Start, s.Start)) }

// measure puts the section's texts before its classifier, one at a time.
func measure(ctx context.Context, f finder, sec *Section) (*Result, error) {
	r := &Result{Name: sec.Name, Target: sec.Target, missed: map[string]*tally{}, strayed: map[string]*tally{}, forms: map[string]*tally{}}
	own := map[string]bool{}
	for _, k := range sec.Accept {
		own[k] = true
	}
	for _, t := range sec.Texts {
		for _, l := range t.Labels {
			own[l.Kind] = true
		}
	}
	anyKind := len(own) == 0 // a section of near misses alone
	for _, t := range sec.Texts {
		rep, err := f.Classify(ctx, []*engine.Text{t.engineText()})
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", sec.Name, err)
		}
		found := slices.DeleteFunc(rep.Findings, func(x engine.Finding) bool { return x.Score < threshold || !anyKind && !own[x.Kind] })
		if len(t.Labels) == 0 {
			r.Misses++
			c := count(r.strayed, t.Class)
			if len(found) > 0 {
				r.Alarms++
				c.bad++
				c.example = t.Value
			}
		}
		for _, l := range t.Labels {
			r.Labels++
			c, form := count(r.missed, l.Class), count(r.forms, t.Form)
			if slices.ContainsFunc(found, func(x engine.Finding) bool { return sec.Anywhere || finds(l, x.Span) }) {
				r.Hit++
				continue
			}
			c.bad++
			form.bad++
			c.example, form.example = t.Value, t.Value
		}
		for _, x := range found {
			// A finding is right where it gives a label and is mostly inside of one.
			if slices.ContainsFunc(t.Labels, func(l Label) bool { return 2*overlap(l, x.Span) >= x.Span.Len() }) {
				r.Right++
				continue
			}
			r.Wrong++
			r.wrongly = append(r.wrongly, fmt.Sprintf("%s %.2f %q in %q", x.Kind, x.Score, t.Value[x.Span.Start:x.Span.End], t.Value))
		}
	}
	return r, nil
}

func count(m map[string]*tally, class string) *tally {
	c := m[class]
	if c == nil {
		c = &tally{}
		m[class] = c
	}
	c.all++
	return c
}

// errorList writes the classes of errors, the most frequent first.
func (r *Result) errorList() string {
	var b strings.Builder
	for _, part := range []struct {
		title   string
		classes map[string]*tally
	}{{"missed", r.missed}, {"missed in", r.forms}, {"false alarm on", r.strayed}} {
		names := make([]string, 0, len(part.classes))
		for name, c := range part.classes {
			if c.bad > 0 {
				names = append(names, name)
			}
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(part.classes[b].bad-part.classes[a].bad, strings.Compare(a, b))
		})
		for _, name := range names {
			c := part.classes[name]
			fmt.Fprintf(&b, "  %s: %s, %d of %d, such as %q\n", part.title, strings.ReplaceAll(name, "\n", "\\n"), c.bad, c.all, c.example)
		}
	}
	return b.String()
}

// loadAll starts the built-in classifiers that an exam asks for.
func loadAll(ctx context.Context, host *classifiers.Host, names []string) (map[string]finder, error) {
	out := map[string]finder{}
	for _, name := range names {
		wasm, ok := classifiers.Builtin(name)
		if !ok {
			return nil, fmt.Errorf("there is no built-in classifier %q", name)
		}
		c, err := host.Load(ctx, classifiers.ModuleConfig{Name: name, Module: classifiers.BuiltinPrefix + name, Wasm: wasm})
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}
