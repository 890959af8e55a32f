// Command exam writes three disjoint, seeded exams for the built-in classifiers
// and measures them. It was written from the public specifications of each kind
// of value, without a look into the classifiers: it hides how the texts are made
// and shows only what is found in them.
//
// Exam A may be looked at while a classifier is mended. Exam B has other
// sentences, carriers, labels, providers and near misses, and is for one
// measurement afterwards: whoever reads its errors and mends by them has used
// it up. Exam C is another of that kind, written after both.
package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Label is a value in a text that a classifier has to find. Offsets are bytes.
type Label struct {
	Start, End int
	// CoreStart and CoreEnd bound the part that must not leave: the password of a
	// connection string. The same as Start and End where it is the whole value.
	CoreStart, CoreEnd int
	Kind               string
	Class              string // the writing style or family, for the list of errors
}

// Text is one question of an exam. Without labels it is a near miss.
type Text struct {
	Value  string
	Labels []Label
	Class  string // of a near miss: what it is in truth
	Form   string // the template it was written from
	Tool   bool   // came back from a tool and was not written by the user
}

// Section is the part of an exam about one kind, or one family of kinds.
type Section struct {
	Name   string
	Module string // which built-in classifier answers
	// Accept are kinds that answer for the labels' own kind; empty: that alone.
	Accept []string
	Target Target
	// Anywhere says that a text counts as found with any finding in it.
	Anywhere bool
	Texts    []Text
}

// Target is what the section has to reach; the zero value: nothing.
type Target struct {
	Precision, Recall, F1 float64
	// FalseAlarms bounds the share of near misses with any finding.
	FalseAlarms float64
}

// Set is an exam's name, A, B or C.
type Set int

// The exams.
const (
	A Set = iota
	B
	C
)

func (s Set) String() string { return string(rune('A' + s)) }

// value is something to be put into a text.
type value struct {
	text  string
	class string
	kind  string // "": the section's
	core  string // "": all of text
}

// gen makes one section. Its random numbers depend on seed, set and section
// alone, so a section stays the same when others change.
type gen struct {
	*rand.Rand
	set  Set
	kind string
}

func newGen(seed uint64, set Set, section, kind string) *gen {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(set.String() + section) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return &gen{Rand: rand.New(rand.NewPCG(seed, h)), set: set, kind: kind}
}

func pick[T any](g *gen, list []T) T { return list[g.IntN(len(list))] }

// between is a number from low to high, both included.
func (g *gen) between(low, high int) int { return low + g.IntN(high-low+1) }

// chance is true once in n times.
func (g *gen) chance(n int) bool { return g.IntN(n) == 0 }

const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	hex     = "0123456789abcdef"
	letters = lower + upper
	base62  = digits + letters
	base64s = base62 + "+/"
	urlsafe = base62 + "-_"
	base58  = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

func (g *gen) chars(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

// like writes a pattern: 9 a digit, 8 a digit from 2 to 9, A a letter, a a small
// letter, h a hexadecimal digit, N a letter or digit. A backslash keeps the next
// character as it is.
func (g *gen) like(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '9':
			b.WriteString(g.chars(digits, 1))
		case '8':
			b.WriteString(g.chars(digits[2:], 1))
		case 'A':
			b.WriteString(g.chars(upper, 1))
		case 'a':
			b.WriteString(g.chars(lower, 1))
		case 'h':
			b.WriteString(g.chars(hex, 1))
		case 'N':
			b.WriteString(g.chars(digits+upper, 1))
		case '\\':
			i++
			b.WriteByte(pattern[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fill writes a template. {V} is a value, drawn anew each time, {L} a label as
// people write it, {l} the same as a column's
// name, {I} as a variable's name, {n} a small number, {d} a
// date, {t} a time, {w} a word.
func (g *gen) fill(template, label string, draw func() value) Text {
	var b strings.Builder
	t := Text{Form: template}
	for {
		i := strings.IndexByte(template, '{')
		if i < 0 || i+2 >= len(template) {
			break
		}
		if template[i+2] != '}' {
			b.WriteString(template[:i+1])
			template = template[i+1:]
			continue
		}
		b.WriteString(template[:i])
		switch c := template[i+1]; c {
		case 'V':
			g.mark(&t, &b, draw())
		case 'L':
			b.WriteString(label)
		case 'I':
			b.WriteString(strings.ReplaceAll(label, " ", "_"))
		case 'l':
			b.WriteString(identifier(label))
		case 'n':
			fmt.Fprintf(&b, "%d", g.between(2, 99))
		case 'd':
			fmt.Fprintf(&b, "2026-%02d-%02d", g.between(1, 12), g.between(1, 28))
		case 't':
			fmt.Fprintf(&b, "%02d:%02d", g.between(0, 23), g.between(0, 59))
		case 'w':
			b.WriteString(pick(g, g.words()))
		default:
			b.WriteString(template[i : i+3])
		}
		template = template[i+3:]
	}
	b.WriteString(template)
	t.Value = b.String()
	return t
}

func (g *gen) mark(t *Text, b *strings.Builder, v value) {
	kind := v.kind
	if kind == "" {
		kind = g.kind
	}
	start := b.Len()
	b.WriteString(v.text)
	if kind == "" {
		t.Class = v.class
		return
	}
	l := Label{Start: start, End: b.Len(), CoreStart: start, CoreEnd: b.Len(), Kind: kind, Class: v.class}
	if v.core != "" {
		l.CoreStart = start + strings.Index(v.text, v.core)
		l.CoreEnd = l.CoreStart + len(v.core)
	}
	t.Labels = append(t.Labels, l)
}

// identifier writes a label as a column or variable.
func identifier(label string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(label) {
		switch {
		case r == ' ' || r == '-' || r == '/':
			b.WriteByte('_')
		case r == '.' || r == '#' || r == '\'' || r == '(' || r == ')' || r == '°' || r == ':':
		default:
			b.WriteRune(r)
		}
	}
	return strings.Trim(b.String(), "_")
}

var words = []string{"amber", "basket", "canvas", "delta", "ember", "forest", "garden", "harbour", "island", "jacket",
	"kettle", "lantern", "meadow", "needle", "orchard", "pepper", "quartz", "river", "saddle", "timber"}

// words are those of the set.
func (g *gen) words() []string {
	if g.set == C {
		return wordsC
	}
	return words
}

// positives and nearMisses are the least of each section that is made of values.
const (
	positives  = 320
	nearMisses = 700
)

// near is a near miss: what it is in truth, how it is called and how it looks.
type near struct {
	class  string
	labels []string
	draw   func(g *gen) string
	blank  bool // gives nothing away even where a secret belongs
}

// topic is what a section of values is made of.
type topic struct {
	name, module string
	kind         string
	accept       []string
	target       Target
	labels       [2][]string // of A and B, for C see partsC: what stands before the value
	prose        [2][]string // likewise: sentences with {V}
	draw         func(g *gen) value
	near         []near
	nearProse    [2][]string // likewise: whole texts without such a value
	structured   int         // of ten texts, how many are carriers and not prose; 0: 6
}

func (tp *topic) section(seed uint64, set Set) Section {
	s := Section{Name: tp.name, Module: tp.module, Accept: tp.accept, Target: tp.target}
	carry, own, misses, shared := carriers[set], tp.partsOf(set), tp.missesOf(set), sharedNearOf(set)
	share := tp.structured
	if share == 0 {
		share = 6
	}
	g := newGen(seed, set, tp.name, tp.kind)
	for n := 0; n < positives; {
		template := pick(g, own.prose)
		if g.IntN(10) < share {
			template = pick(g, carry)
		}
		t := g.fill(template, pick(g, own.labels), func() value { return own.draw(g) })
		n += len(t.Labels)
		s.Texts = append(s.Texts, t)
	}
	m := newGen(seed, set, tp.name+" near", "")
	// Each of the own near misses comes as often as three of those for all.
	weight := 3 * len(misses)
	for range nearMisses {
		var t Text
		switch i := m.IntN(weight + len(shared) + 2*len(own.nearProse)); {
		case i < weight:
			t = m.miss(misses[i%len(misses)], carry)
		case i < weight+len(shared):
			t = m.miss(shared[i-weight], carry)
		default:
			t = m.fill(pick(m, own.nearProse), pick(m, m.words()), func() value { return value{text: m.chars(digits, 4)} })
			t.Class = "sentence"
		}
		s.Texts = append(s.Texts, t)
	}
	return s
}

// plain is a section of values that are nothing to the module, of any kind.
func plain(seed uint64, set Set, module string) Section {
	s := Section{Name: "plain values, " + module, Module: module}
	g := newGen(seed, set, s.Name, "")
	carry, shared := carriers[set], sharedNearOf(set)
	if module == "secrets" {
		carry = withName(slices.Concat(carry, secretCarriers[set]), true)
	}
	for i := range 2000 {
		s.Texts = append(s.Texts, g.miss(shared[i%len(shared)], carry))
	}
	return s
}

func (g *gen) miss(n near, carry []string) Text {
	t := g.fill(pick(g, carry), pick(g, n.labels), func() value { return value{text: n.draw(g), class: n.class} })
	t.Class = n.class
	return t
}
