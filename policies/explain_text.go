package policies

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes an explanation for a person: the verdict and who denied, then
// each target with what excluded or preferred it, then obligations, each with the
// rule's place and what it read.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	switch {
	case e.Decision == nil:
		fmt.Fprintf(&b, "deny: the policy could not be evaluated: %s\n", e.Error)
	case e.Decision.Allow:
		b.WriteString("allow\n")
	default:
		b.WriteString("deny\n")
	}
	for _, f := range e.Denied {
		f.write(&b, "  ", f.Code+"  "+f.Message)
	}
	for _, t := range e.Targets {
		state := "permitted"
		if !t.Permitted {
			state = "excluded"
		}
		fmt.Fprintf(&b, "\n%s (%s): %s", t.Name, t.Posture, state)
		if t.Weight != 1 {
			fmt.Fprintf(&b, ", weight %g", t.Weight)
		}
		b.WriteString("\n")
		for _, f := range t.Excluded {
			f.write(&b, "  ", f.Code+"  "+f.Message)
		}
		for _, f := range t.Preferred {
			f.write(&b, "  ", "weight "+f.Value)
		}
	}
	if len(e.Obliged) > 0 {
		b.WriteString("\nobligations\n")
	}
	for _, f := range e.Obliged {
		f.write(&b, "  ", f.Name+": "+f.Value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Fired) write(b *strings.Builder, indent, what string) {
	fmt.Fprintf(b, "%s%s\n%s  %s:%d", indent, what, indent, f.File, f.Line)
	if f.Title != "" {
		b.WriteString("  " + f.Title)
	}
	if f.Control != "" {
		b.WriteString("  [" + f.Control + "]")
	}
	b.WriteString("\n")
	for _, fact := range f.Facts {
		value := "is absent"
		if !fact.Absent {
			text, err := json.Marshal(fact.Value)
			if err != nil {
				continue // what came from JSON always has a JSON form
			}
			value = "= " + shortened(string(text))
		}
		fmt.Fprintf(b, "%s    %s %s", indent, fact.Path, value)
		if fact.Via != "" {
			b.WriteString("  (" + fact.Via + ")")
		}
		b.WriteString("\n")
	}
}

// shortened is a text of at most 100 characters.
func shortened(s string) string {
	if r := []rune(s); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return s
}
