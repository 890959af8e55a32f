package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers/names/corpus"
	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

// The corpora are tweets and an encyclopaedia. People write to a model in other
// forms too: letters, forms, chats, JSON, tables, code and logs. maker writes
// those, with names from the lexicon, so that the tagger has seen them. A
// template's {P} is a person, {F} a first name, {S} a surname, {L} a place, {O}
// an organisation; {n} is a number, {w} a common word, {W} one with a capital,
// {C} an identifier, {M} a month
// or a day in short, {T} a piece of software.
type maker struct {
	r                  *rand.Rand
	first, last, place [4][]string // by tier
	word               []string
	cities             []string
}

// synthesize makes the same sentences each time.
func synthesize(lexicon map[string]tagger.Bits) []corpus.Sentence {
	m := maker{r: rand.New(rand.NewPCG(3, 5))}
	words := make([]string, 0, len(lexicon))
	for w := range lexicon {
		words = append(words, w)
	}
	slices.Sort(words)
	for _, w := range words {
		b := lexicon[w]
		if b == tagger.Sense {
			m.cities = append(m.cities, w)
			continue
		}
		if common := b & tagger.Common; common < 1<<7 {
			for tier := range 3 {
				t := tagger.Bits(tier + 1)
				if b&tagger.FirstName == t {
					m.first[t] = append(m.first[t], w)
				}
				if b&tagger.Surname == t<<2 {
					m.last[t] = append(m.last[t], w)
				}
				if b&tagger.Place == t<<4 {
					m.place[t] = append(m.place[t], w)
				}
			}
		}
		if b&(tagger.FirstName|tagger.Surname|tagger.Place) == 0 && b&tagger.Common >= 1<<7 {
			m.word = append(m.word, w)
		}
	}
	var out []corpus.Sentence
	for round := range 14 {
		for _, t := range templates {
			out = append(out, m.fill(t, round))
		}
	}
	for range 8 {
		for _, t := range nameless {
			out = append(out, m.fill(t, 0))
		}
	}
	for range 2200 {
		out = append(out, corpus.Sentence{Text: m.line()})
	}
	return out
}

func (m *maker) pick(from ...string) string { return from[m.r.IntN(len(from))] }

func (m *maker) tiered(from *[4][]string) string {
	t := []int{3, 3, 3, 2, 2, 1, 1}[m.r.IntN(7)]
	return m.pick(from[t]...)
}

// capital is a name as it is written.
func capital(w string) string {
	parts := strings.SplitAfter(w, " ")
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
		if j := strings.IndexAny(p, "-'"); j > 0 && j+2 < len(p) {
			parts[i] = parts[i][:j+1] + strings.ToUpper(p[j+1:j+2]) + p[j+2:]
		}
	}
	return strings.Join(parts, "")
}

// invented is a name that no list has.
func (m *maker) invented() string {
	var b strings.Builder
	for range 2 + m.r.IntN(2) {
		b.WriteString(m.pick("b", "br", "d", "f", "g", "h", "j", "k", "kh", "l", "m", "n", "p", "r", "s", "sh", "t", "v", "y", "z", "ch", "th", "x", "w"))
		b.WriteString(m.pick("a", "a", "e", "i", "o", "u", "ai", "ee", "ou"))
	}
	b.WriteString(m.pick("", "", "n", "r", "s", "l", "m", "sh", "k"))
	return b.String()
}

func (m *maker) given() string {
	if m.r.IntN(10) == 0 {
		return capital(m.invented())
	}
	return capital(m.tiered(&m.first))
}

func (m *maker) family() string {
	switch m.r.IntN(14) {
	case 0:
		return capital(m.invented())
	case 1:
		return m.pick("Mc", "O'", "Mac", "De ", "van ", "von ", "Al-", "El-", "de la ", "St. ") + capital(m.tiered(&m.last))
	case 2:
		return capital(m.tiered(&m.last)) + "-" + capital(m.tiered(&m.last))
	}
	return capital(m.tiered(&m.last))
}

func (m *maker) person() string {
	initial := string(rune('A'+m.r.IntN(26))) + "."
	switch m.r.IntN(16) {
	case 0, 1, 2:
		return m.given()
	case 3:
		return m.given() + " " + initial + " " + m.family()
	case 4:
		return initial + " " + m.family()
	case 5:
		return m.given() + " " + m.given() + " " + m.family()
	case 6:
		return m.given() + "-" + m.given() + " " + m.family()
	}
	return m.given() + " " + m.family()
}

func (m *maker) location() string {
	switch m.r.IntN(5) {
	case 0:
		return capital(m.pick(m.cities...))
	case 1:
		return m.pick("North", "South", "West", "East", "New", "Port", "Lake", "Mount", "Fort", "San", "Santa", "Saint") + " " + capital(m.tiered(&m.place))
	}
	return capital(m.tiered(&m.place))
}

func (m *maker) organization() string {
	w := capital(m.pick(m.word...))
	switch m.r.IntN(10) {
	case 0:
		return m.family() + " & " + m.family()
	case 1:
		return m.family() + ", " + m.family() + " and " + m.family()
	case 2:
		return m.pick("University of ", "Bank of ", "Ministry of ", "Church of ") + m.location()
	case 3:
		return m.location() + " " + m.pick("University", "Hospital", "Bank", "Police Department", "City Council", "Airways", "Institute", "United", "Museum", "School District")
	case 4, 5:
		return m.family() + " " + m.pick("Inc.", "Inc", "Ltd", "LLC", "Group", "GmbH", "Corp.", "Holdings", "and Sons", "Foundation", "Industries", "Motors", "Corporation")
	}
	return w + m.pick("", "ify", "soft", "tech", "Works", " Labs", " Systems") + " " + m.pick("Inc.", "Inc", "Ltd", "LLC", "Group", "Technologies", "Software", "Solutions", "Partners", "Corp", "Bank", "Insurance", "Airlines", "Energy")
}

// identifier is a name as programs have them.
func (m *maker) identifier() string {
	a, b := m.pick(m.word...), m.pick(m.word...)
	if m.r.IntN(3) == 0 {
		a = m.pick("len", "max", "min", "err", "ctx", "str", "int", "char", "val", "obj", "args", "src", "dst", "tmp", "buf", "ptr", "fmt",
			"nil", "null", "true", "none", "self", "this", "var", "let", "const", "def", "func", "bool", "byte", "void", "elif", "json", "url",
			"id", "key", "res", "req", "msg", "cfg", "env", "db", "num", "idx", "async", "uint", "sync", "http", "utf", "ok", "in", "std")
	}
	switch m.r.IntN(9) {
	case 6:
		return a[:min(3, len(a))] + b[:min(4, len(b))]
	case 7:
		return m.pick("n", "p", "un", "re", "sub", "num", "is") + a + m.pick("", "s")
	case 8:
		return strings.ToUpper(m.invented()[:3])
	case 0:
		return a + "_" + b
	case 1:
		return a + capital(b)
	case 2:
		return capital(a) + capital(b)
	case 3:
		return capital(a)
	case 4:
		return strings.ToUpper(a) + "_" + strings.ToUpper(b)
	}
	return a
}

// fill puts values into a template. Some of the results are in one case.
func (m *maker) fill(template string, round int) corpus.Sentence {
	var s corpus.Sentence
	var b strings.Builder
	put := func(kind int, value string) {
		s.Spans = append(s.Spans, corpus.Span{Start: b.Len(), End: b.Len() + len(value), Kind: kind})
		b.WriteString(value)
	}
	for i := 0; i < len(template); i++ {
		if template[i] != '{' || i+2 >= len(template) || template[i+2] != '}' {
			b.WriteByte(template[i])
			continue
		}
		switch template[i+1] {
		case 'P':
			put(tagger.Person, m.person())
		case 'F':
			put(tagger.Person, m.given())
		case 'S':
			put(tagger.Person, m.family())
		case 'L':
			put(tagger.Location, m.location())
		case 'O':
			put(tagger.Organization, m.organization())
		case 'n':
			fmt.Fprint(&b, m.r.IntN([]int{10, 100, 1000, 100000}[m.r.IntN(4)]))
		case 'w':
			b.WriteString(m.pick(m.word...))
		case 'W':
			b.WriteString(capital(m.pick(m.word...)))
		case 'T':
			if w := m.pick(products...); m.r.IntN(4) == 0 {
				b.WriteString(strings.ToLower(w))
			} else {
				b.WriteString(w)
			}
		case 'M':
			b.WriteString(m.pick("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
		case 'C':
			b.WriteString(m.identifier())
		default:
			b.WriteString(template[i : i+3])
		}
		i += 2
	}
	s.Text = b.String()
	switch {
	case round%5 == 3:
		s, _ = recase(s, strings.ToLower)
	case round%14 == 13:
		s, _ = recase(s, strings.ToUpper)
	}
	return s
}

// line is a line of a program or a log.
func (m *maker) line() string {
	t := m.pick(
		"func (x *{C}) {C}({w} {C}) ({C}, error) {",
		"	return {C}.{C}({w}, {C}{n}), nil",
		"if err := {C}.{C}({w}); err != nil {",
		"class {C}({C}):",
		"    def {w}_{w}(self, {w}: {C}) -> {C}:",
		"public static final {C} {C} = new {C}({n});",
		"import { {C}, {C} } from './{w}/{C}';",
		"from {w}.{w} import {C}, {C}",
		"const {C} = await {C}.{C}({ {w}: '{w}', {C}: {n} });",
		"<{C} className=\"{w}-{w}\" onClick={{C}}>{W}</{C}>",
		"SELECT {C}, COUNT(*) FROM {w}_{w} WHERE {w} = '{W}' GROUP BY {C};",
		"2024-0{n}-12T10:{n}:01Z INFO  [{w}-{n}] {C}.{C}: {W} {w} {w} in {n} ms",
		"{M} {n} 10:{n}:01 host{n} {w}[{n}]: {W} {w} from 10.0.{n}.1 port {n}",
		"ERROR {C}: {W} {w} not found (code {n})",
		"    at com.{w}.{w}.{C}.{C}({C}.java:{n})",
		"  File \"/usr/lib/{w}/{C}.py\", line {n}, in {C}",
		"{C}Exception: {W} {w} is not {w}",
		"[{n}.{n}] WARN {C} - {W} to {w} {w}: {W} {w}",
		"\"{C}\": {\"{w}\": \"{W}\", \"type\": \"{C}\", \"id\": {n}},",
		"{w}: {C}",
		"for {C} in range({n}, len({C})): # {w} the {w}",
		"for (int i = 0; i < {C}; i++) {C}[i] = {C};",
		"{C} := make([]{C}, 0, len({C}))",
		"case {C}: return {C}({C}, {C}) || {C} == {C};",
		"static {C} {C}(const {C} *{w}, {C} len)",
		"/* {W} {w} the {w} of a {C}. {W} is {w} where {C} {w}. */",
		"// {w} {w} the {C} of {C}, and {C} the {w}.",
		"// {w} {C} {w} {w} {C} {w}",
		"// {W} {w} {C} {w} {C}. {W} of {W} {w} a {C} {W}",
		"{C} {C} // {w} {C}",
		"{W} {C} {W}",
		"{C} {C}",
		"// {T} {w}s {w} {C}, as {T} does.",
		"{w} = {T}.{C}({C}) # {T}",
		"\"{T}\": \"{T}\",",
		"{w} \"{T}\" { {C} = \"{T}\" }",
		"clang -Wall -Wextra -W{w} -std={C} -o {C} -f{w} -I{w} -D{C}",
		"	{C}     {C}",
		"{W} in {C}, {C} and {C}: {w} {w}",
		"a {C} {W} of the {C} {w}",
		"// {C} {w}s the {C} and the {C}; it returns {w} where {w} is {w}.",
		"let {C}: {C}<{C}> = {C}::new(&{C});",
		"enum { {C}, {C}, {C} = {n} };",
		"t.Errorf(\"{w} {W}: %v\", {C})",
		"{C}, {C}, err := {C}.{C}({C})",
		"WARN {C} - {W}ing {W} after {n} {W} {W} (attempt {n})",
		"{W}ing {W} {n}: {W} {w} {w}",
		"// {W} {w} the {w} of {C} before {C} is {w}.",
		"# {W} {C} {w}, see {C}.{C}",
		"#include <{w}/{C}.h>",
		"type {C} struct { {W} {C}; {W} []{C} }",
		"GET /{w}/{w}?{w}={W} HTTP/1.1 {n} \"Mozilla/5.0 (X11; Linux x86_64)\"",
		"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537 Chrome/{n} Safari/{n}",
		"Content-Type: application/json; Accept-Language: en-US; Cache-Control: no-cache",
		"kubectl get {w} -n {w} --{w}={W}",
		"--- FAIL: Test{C} ({n}.01s)",
		"ok  	{w}.{w}/{w}/{w}	{n}.{n}s",
		"Exception in thread \"{w}\" {C}.{C}: {W} {w}",
		"{C} = {C}({C}, {w}=True, {C}=None)",
		"Stopping {W} {W} Service... Started {W} {W} Daemon.",
		"{M} {n} 2023 {n}:{n} {w}: {W} {w}",
		"{w}-{n} {w}[{n}]: {W} {w} by {w} {w}",
		"[{M} {M} {n} 10:{n}:01 2024] [{w}:{w}] {W} {w} {W}",
		"{M}, {n} {M} 2024 10:{n}:00 +0000",
		"[INFO] {W} {W} {w}: {C} Session {n} of User {w}",
		"| {W} {w} | {n} | {W} | {C} |",
		"Status: {W}  Code: {n}  Message: {W} {W} {W}")
	return m.fill(t, 0).Text
}
