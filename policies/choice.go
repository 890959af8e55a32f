package policies

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// choice is a value for a place of an input. A step "*" of the path is any member
// that is there.
type choice struct {
	path  []string
	value any // nil: no such member
}

// plus is the value of a choice that adds to a list.
type plus string

var findingKind = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,}$`)

// choices are the values worth trying, in a fixed order.
func (p pools) choices() []choice { return slices.Concat(p.byPlace()...) }

func (p pools) byPlace() (all [][]choice) {
	for _, joined := range slices.Sorted(maps.Keys(p)) {
		if choices := choicesAt(strings.Split(joined, "/"), p[joined]); len(choices) > 0 {
			all = append(all, choices)
		}
	}
	return all
}

func choicesAt(path []string, constants []any) (all []choice) {
	add := func(path []string, v any) { all = append(all, choice{path, v}) }
	if path[0] == "targets" && len(path) > 1 {
		path = append([]string{"targets", "*"}, path[2:]...) // a target's name is its user's
	}
	if path[0] == "classifiers" && len(path) > 2 && path[2] == "findings" {
		for _, kind := range kindsOf(constants) {
			if len(path) > 3 && path[3] != "*" {
				kind = path[3]
			}
			for _, score := range scoresOf(constants) {
				add([]string{"classifiers", path[1], "findings", kind}, map[string]any{"count": 1.0, "max_score": score})
			}
			if len(path) > 3 && path[3] != "*" {
				break
			}
		}
		return all
	}
	t, path := typeAt(reflect.TypeFor[engine.Input](), path)
	switch {
	case t == nil:
	case joinedIs(path, "time"):
		for _, v := range instants(constants) {
			add(path, v)
		}
	case t == reflect.TypeFor[engine.ClassifierFacts]():
		add(path, nil)
		add(path, map[string]any{"error": "trap"})
	case t.Kind() == reflect.Bool:
		add(path, true)
		add(path, false)
	case t.Kind() == reflect.String:
		for _, s := range stringsOf(constants) {
			if path[len(path)-1] == "posture" && !slices.Contains(postures[:], s) {
				continue
			}
			if path[len(path)-1] == "error" {
				continue // it is there or not, and that is its classifier's
			}
			add(path, s)
		}
		switch {
		case path[len(path)-1] == "error":
			add(path, "trap")
		case path[len(path)-1] != "posture":
			add(path, "")
			add(path, nil)
		}
	case t.Kind() == reflect.Slice:
		add(path, []any{})
		for _, s := range stringsOf(constants) {
			add(path, []any{s})
			add(path, plus(s))
		}
		if joinedIs(path, "request", "modalities") {
			add(path, []any{"text", "image"})
		}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		add(path, map[string]any{})
		for _, s := range stringsOf(constants) {
			add(append(slices.Clone(path), s), "x")
		}
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		for _, n := range numbersOf(constants, 1) {
			if n == float64(int64(n)) {
				add(path, n)
			}
		}
	case t.Kind() == reflect.Float64:
		for _, n := range numbersOf(constants, 0.01) {
			add(path, n)
		}
	}
	return all
}

func joinedIs(path []string, steps ...string) bool { return slices.Equal(path, steps) }

// typeAt is the type of an input's member and its path, which ends at a list; nil:
// there is none.
func typeAt(t reflect.Type, path []string) (reflect.Type, []string) {
	for i, step := range path {
		switch t.Kind() {
		case reflect.Struct:
			var next reflect.Type
			for f := range t.NumField() {
				if name, _, _ := strings.Cut(t.Field(f).Tag.Get("json"), ","); name == step {
					next = t.Field(f).Type
				}
			}
			if next == nil {
				return nil, nil
			}
			t = next
		case reflect.Map:
			t = t.Elem()
		case reflect.Slice:
			return t, path[:i] // some role in input.principal.roles
		default:
			return nil, nil
		}
	}
	return t, path
}

// stringsOf are the strings among constants, and each in the other case: policies
// and directories disagree about it.
func stringsOf(constants []any) (all []string) {
	for _, c := range constants {
		s, ok := c.(string)
		if !ok {
			continue
		}
		all = append(all, s)
		other := strings.ToUpper(s)
		if other == s {
			other = strings.ToLower(s)
		}
		if other != s && !slices.Contains(constants, any(other)) {
			all = append(all, other)
		}
	}
	return all
}

func kindsOf(constants []any) (kinds []string) {
	for _, c := range constants {
		s, ok := c.(string)
		if !ok {
			continue
		}
		if findingKind.MatchString(s) {
			kinds = append(kinds, s)
		}
		if strings.HasSuffix(s, "_") && findingKind.MatchString(s+"X") { // startswith(kind, "SECRET_")
			kinds = append(kinds, s+"KEY")
		}
	}
	if len(kinds) == 0 {
		return []string{"EMAIL_ADDRESS"}
	}
	return kinds
}

// scoresOf are the thresholds among the constants, just below them, and certainty.
func scoresOf(constants []any) []float64 {
	scores := []float64{1}
	for _, c := range constants {
		if n, ok := c.(float64); ok && n > 0 && n < 1 {
			for _, s := range []float64{n, round(n - 0.01)} {
				if !slices.Contains(scores, s) {
					scores = append(scores, s)
				}
			}
		}
	}
	return scores
}

// numbersOf are nothing, one, and the constants with what is right beside them.
// What a policy reads as text may be compared as a number.
func numbersOf(constants []any, step float64) []float64 {
	numbers := []float64{0, 1}
	for _, c := range constants {
		n, ok := c.(float64)
		if !ok {
			continue
		}
		for _, v := range []float64{n, round(n - step), round(n + step)} {
			if v >= 0 && v < 1e15 && !slices.Contains(numbers, v) {
				numbers = append(numbers, v)
			}
		}
	}
	return numbers
}

// round takes off what binary fractions add to a sum of two short decimals.
func round(f float64) float64 {
	n, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 12, 64), 64)
	if err != nil {
		return f
	}
	return n
}

var calendarDay = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// instants are times on both sides of what calendars are about: a Monday around
// the clock, a weekend, the turn of a year, and the days that are named.
func instants(constants []any) []string {
	all := []string{"2026-11-23T16:00:00Z", "2026-11-23T03:00:00Z", "2026-11-23T08:00:00Z", "2026-11-23T12:00:00Z", "2026-11-23T20:00:00Z",
		"2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"}
	for _, s := range stringsOf(constants) {
		if calendarDay.MatchString(s) {
			all = append(all, s+"T12:00:00Z")
		}
	}
	return all
}

// set makes a choice in a part of a document.
func (c choice) set(r *rand.Rand, at map[string]any, path []string) {
	step := path[0]
	if step == "*" {
		keys := slices.Sorted(maps.Keys(at))
		switch {
		case len(keys) == 0:
			return
		case r.IntN(2) == 0 && len(path) > 1: // one of them
			keys = keys[r.IntN(len(keys)):][:1]
		case len(path) == 1:
			keys = keys[r.IntN(len(keys)):][:1]
		}
		for _, k := range keys {
			c.set(r, at, append([]string{k}, path[1:]...))
		}
		return
	}
	if len(path) == 1 {
		switch v := c.value.(type) {
		case nil:
			delete(at, step)
		case plus:
			list, _ := at[step].([]any)
			at[step] = append(slices.Clone(list), string(v))
		default:
			at[step] = copied(v)
		}
		return
	}
	next, ok := at[step].(map[string]any)
	if !ok {
		if at[step] != nil {
			return // a list
		}
		next = map[string]any{}
		at[step] = next
	}
	c.set(r, next, path[1:])
}

func copied(doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		out := make(map[string]any, len(doc))
		for k, v := range doc {
			out[k] = copied(v)
		}
		return out
	case []any:
		out := make([]any, len(doc))
		for i, v := range doc {
			out[i] = copied(v)
		}
		return out
	}
	return doc
}
