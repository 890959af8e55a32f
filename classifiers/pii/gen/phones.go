package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// regions, in order, are those whose national forms are known. Numbers of all others are
// known with their calling code only.
var regions = strings.Fields("AE AR AT AU BE BR CA CH CL CN CO CZ DE DK EG ES FI FR GB GR HK HR HU ID IE IL IN IT JP KE KR MX MY " +
	"NG NL NO NZ PH PL PT RO RU SA SE SG SK TH TR TW UA US VN ZA")

// national is what the module knows of one region.
type national struct {
	prefix string // before a national number, "" where it is no single digit
	valid  *node  // national numbers without the prefix
	forms  *node  // national numbers as they are written, gaps between groups
}

// numberPattern matches a region's numbers of every type but short ones.
func numberPattern(m *phonenumbers.PhoneMetadata) string {
	var parts []string
	for _, d := range []*phonenumbers.PhoneNumberDesc{
		m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(),
	} {
		if p := d.GetNationalNumberPattern(); p != "" && p != "NA" {
			parts = append(parts, "(?:"+p+")")
		}
	}
	return strings.Join(parts, "|")
}

// A format is one way to write a national number of one length.
type format struct {
	leading *digitRegexp // nil: any
	sizes   []int        // of the pattern's groups
	written []string     // templates such as "(0$1) $2-$3"
}

var firstGroup = regexp.MustCompile(`\$\d`)

// formatsOf lists how numbers of n digits are written. Of several that fit a
// number the first holds.
func formatsOf(m *phonenumbers.PhoneMetadata, n int) ([]format, error) {
	var list []format
	for _, f := range m.GetNumberFormat() {
		re, err := regexp.Compile("^(?:" + f.GetPattern() + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.GetId(), err)
		}
		at := re.FindStringSubmatchIndex(strings.Repeat("0", n))
		if at == nil {
			continue
		}
		var one format
		for i := 2; i < len(at); i += 2 {
			one.sizes = append(one.sizes, at[i+1]-at[i])
		}
		if all := f.GetLeadingDigitsPattern(); len(all) > 0 {
			if one.leading, err = compile(all[len(all)-1]); err != nil {
				return nil, fmt.Errorf("%s: %w", m.GetId(), err)
			}
		}
		plain, rule := f.GetFormat(), f.GetNationalPrefixFormattingRule()
		if rule == "" || f.GetNationalPrefixOptionalWhenFormatting() {
			one.written = append(one.written, plain)
		}
		if rule == "" && m.GetNationalPrefix() != "" {
			one.written = append(one.written, m.GetNationalPrefix()+" "+plain)
		}
		if rule != "" {
			first := firstGroup.FindString(plain)
			one.written = append(one.written, strings.Replace(plain, first, strings.ReplaceAll(rule, "$1", first), 1))
		}
		list = append(list, one)
	}
	return list, nil
}

// A token of a template: a digit, a gap, or a group of the number.
type token struct {
	symbol int // -1: a group
	size   int
	silent bool // read from the number and not written
}

// tokens takes a template apart. Groups it leaves out are read where they stand
// in the number; a template that turns groups round is not taken: ok is false.
func tokens(template string, sizes []int) (list []token, ok bool) {
	next, gapped := 0, true
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '$':
			i++
			k := int(template[i] - '1')
			if k < next || k >= len(sizes) {
				return nil, false
			}
			for ; next < k; next++ {
				list = append(list, token{symbol: -1, size: sizes[next], silent: true})
			}
			list = append(list, token{symbol: -1, size: sizes[k]})
			next, gapped = k+1, false
		case c >= '0' && c <= '9':
			list, gapped = append(list, token{symbol: int(c - '0')}), false
		case !gapped:
			list, gapped = append(list, token{symbol: gap}), true
		}
	}
	if n := len(list); n > 0 && list[n-1].symbol == gap {
		list = list[:n-1]
	}
	return list, next == len(sizes)
}

// written is the language of the valid numbers that format i of the list is
// chosen for, in one of its templates.
func (f *forest) written(valid *node, list []format, i int, toks []token) *node {
	type state struct {
		valid  *node
		tok    int
		inside int
	}
	memo := map[string]*node{}
	// lead holds the states of the leading digits of formats 0 to i: -1 is dead,
	// -3 matched.
	var make func(s state, lead []int) []*node
	advance := func(lead []int, digit int) ([]int, bool) {
		next := slices.Clone(lead)
		for k, st := range lead {
			if st < 0 {
				continue
			}
			st = list[k].leading.next(st, digit)
			if st >= 0 && list[k].leading.accept[st] {
				st = -3
			}
			if k < i && st == -3 || k == i && st == -1 {
				return nil, false
			}
			next[k] = st
		}
		return next, true
	}
	make = func(s state, lead []int) []*node {
		if s.valid == nil {
			return nil
		}
		if s.tok == len(toks) {
			if !s.valid.accept || lead[i] != -3 {
				return nil
			}
			return []*node{f.intern(true, [symbols]*node{})}
		}
		t := toks[s.tok]
		after := func(valid *node) state {
			if t.symbol >= 0 || s.inside+1 == t.size {
				return state{valid, s.tok + 1, 0}
			}
			return state{valid, s.tok, s.inside + 1}
		}
		if t.silent {
			var all []*node
			for digit := range 10 {
				if next, ok := advance(lead, digit); ok {
					all = append(all, make(after(s.valid.next[digit]), next)...)
				}
			}
			return all
		}
		key := fmt.Sprint(s.valid.id, s.tok, s.inside, lead)
		if n, ok := memo[key]; ok {
			return []*node{n}
		}
		var next [symbols]*node
		if t.symbol >= 0 {
			next[t.symbol] = f.union(make(after(s.valid), lead)...)
		} else {
			for digit := range 10 {
				if l, ok := advance(lead, digit); ok {
					next[digit] = f.union(make(after(s.valid.next[digit]), l)...)
				}
			}
		}
		n := f.intern(false, next)
		memo[key] = n
		return []*node{n}
	}
	lead := []int{}
	for k := range i + 1 {
		st := 0
		if list[k].leading == nil || list[k].leading.accept[0] {
			st = -3
			if k < i {
				return nil // an earlier format takes every number
			}
		}
		lead = append(lead, st)
	}
	return f.union(make(state{valid: valid}, lead)...)
}

func (f *forest) national(m *phonenumbers.PhoneMetadata) (national, error) {
	d, err := compile(numberPattern(m))
	if err != nil {
		return national{}, fmt.Errorf("%s: %w", m.GetId(), err)
	}
	r := national{prefix: m.GetNationalPrefix(), valid: f.numbers(d)}
	if len(r.prefix) > 1 {
		r.prefix = "" // "06" and the like: their forms say it
	}
	var all []*node
	for n := 4; n <= 15; n++ {
		list, err := formatsOf(m, n)
		if err != nil {
			return national{}, err
		}
		for i, one := range list {
			for _, template := range one.written {
				if toks, ok := tokens(template, one.sizes); ok {
					all = append(all, f.written(r.valid, list, i, toks))
				}
			}
		}
	}
	r.forms = f.union(all...)
	return r, nil
}

// phones returns phone_tables.h.
func phones() ([]byte, error) {
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	f := newForest()
	var names []string
	var world, valid, forms []*node
	for _, m := range c.GetMetadata() {
		var here *node
		if slices.Contains(regions, m.GetId()) {
			r, err := f.national(m)
			if err != nil {
				return nil, err
			}
			names = append(names, m.GetId())
			here = r.valid
			forms = append(forms, r.forms)
			valid = append(valid, f.word(r.prefix, r.valid))
			if r.prefix != "0" { // others may be left out
				valid = append(valid, r.valid)
			}
		} else {
			d, err := compile(m.GetGeneralDesc().GetNationalNumberPattern())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.GetId(), err)
			}
			here = f.numbers(d)
		}
		world = append(world, f.word(fmt.Sprint(m.GetCountryCode()), here))
	}
	slices.Sort(names)
	if !slices.Equal(names, regions) {
		return nil, fmt.Errorf("the regions %v are known", names)
	}
	roots := []struct {
		name, about string
		node        *node
	}{
		{"STATE_WORLD", "calling code and national number of any region", f.union(world...)},
		{"STATE_VALID", "national numbers, with the 0 or the like before them", f.union(valid...)},
		{"STATE_FORMS", "the same as they are usually written", f.union(forms...)},
	}

	// The nodes that can be reached, those that accept first.
	number := map[*node]int{nil: 0}
	var list []*node
	var walk func(n *node)
	walk = func(n *node) {
		if n == nil || number[n] != 0 {
			return
		}
		number[n] = 1
		list = append(list, n)
		for _, x := range n.next {
			walk(x)
		}
	}
	for _, r := range roots {
		walk(r.node)
	}
	slices.SortStableFunc(list, func(a, b *node) int {
		if a.accept != b.accept {
			if a.accept {
				return -1
			}
			return 1
		}
		return a.id - b.id
	})
	accepting := 0
	for i, n := range list {
		number[n] = i + 1
		if n.accept {
			accepting = i + 1
		}
	}
	if len(list) >= 1<<16 {
		return nil, fmt.Errorf("%d states, more than 16 bits hold", len(list))
	}

	var b bytes.Buffer
	b.WriteString("/* Made by `go run ./classifiers/pii/gen` from the metadata of libphonenumber\n" +
		" * (Apache-2.0), as github.com/nyaruka/phonenumbers has it. Do not edit.\n *\n" +
		" * One automaton without cycles: a row for each state, in it the next state for\n" +
		" * digits 0 to 9 and for a gap between groups. State 0 is dead; states up to\n" +
		" * STATE_ACCEPTING accept. National numbers are those of\n * " + strings.Join(names[:27], " ") + "\n * " + strings.Join(names[27:], " ") + "\n */\n")
	fmt.Fprintf(&b, "#define STATE_ACCEPTING %d\n", accepting)
	for _, r := range roots {
		fmt.Fprintf(&b, "#define %s %d /* %s */\n", r.name, number[r.node], r.about)
	}
	fmt.Fprintf(&b, "static const u16 phone_states[%d][%d] = {\n\t{0},\n", len(list)+1, symbols)
	for _, n := range list {
		b.WriteString("\t{")
		last := symbols - 1
		for last > 0 && n.next[last] == nil {
			last--
		}
		for s := range last + 1 {
			if s > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, number[n.next[s]])
		}
		b.WriteString("},\n")
	}
	b.WriteString("};\n")
	return b.Bytes(), nil
}
