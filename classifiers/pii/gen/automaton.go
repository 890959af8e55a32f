package main

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// gap is the symbol between two groups of digits; 0 to 9 are the digits.
const (
	gap     = 10
	symbols = 11
)

// A node is a state of an automaton that accepts finitely many words: it has no
// cycles. Equal nodes are one, so two languages are the same exactly where their
// nodes are.
type node struct {
	accept bool
	next   [symbols]*node // nil: no word goes on so
	id     int            // by order of making; children come first
}

// A forest makes nodes and keeps each of them once.
type forest struct {
	nodes []*node
	known map[string]*node
}

func newForest() *forest { return &forest{known: map[string]*node{}} }

// intern returns the one node with these exits; nil where no word is left.
func (f *forest) intern(accept bool, next [symbols]*node) *node {
	var key strings.Builder
	key.WriteString(strconv.FormatBool(accept))
	empty := !accept
	for _, n := range next {
		if n == nil {
			key.WriteString(",")
			continue
		}
		empty = false
		fmt.Fprintf(&key, ",%d", n.id)
	}
	if empty {
		return nil
	}
	if n := f.known[key.String()]; n != nil {
		return n
	}
	n := &node{accept: accept, next: next, id: len(f.nodes)}
	f.nodes = append(f.nodes, n)
	f.known[key.String()] = n
	return n
}

// word is the language of one word.
func (f *forest) word(digits string, then *node) *node {
	for i := len(digits) - 1; i >= 0; i-- {
		var next [symbols]*node
		if digits[i] == '|' {
			next[gap] = then
		} else {
			next[digits[i]-'0'] = then
		}
		then = f.intern(false, next)
	}
	return then
}

// union is the language of all words of any of the nodes.
func (f *forest) union(nodes ...*node) *node {
	memo := map[string]*node{}
	var make func(set []*node) *node
	make = func(set []*node) *node {
		set = slices.DeleteFunc(set, func(n *node) bool { return n == nil })
		slices.SortFunc(set, func(a, b *node) int { return a.id - b.id })
		set = slices.Compact(set)
		switch len(set) {
		case 0:
			return nil
		case 1:
			return set[0]
		}
		var key strings.Builder
		for _, n := range set {
			fmt.Fprintf(&key, "%d,", n.id)
		}
		if n, ok := memo[key.String()]; ok {
			return n
		}
		var accept bool
		var next [symbols]*node
		for s := range symbols {
			var to []*node
			for _, n := range set {
				to = append(to, n.next[s])
			}
			next[s] = make(to)
		}
		for _, n := range set {
			accept = accept || n.accept
		}
		n := f.intern(accept, next)
		memo[key.String()] = n
		return n
	}
	return make(slices.Clone(nodes))
}

// A digitRegexp is a regular expression over digits as a deterministic automaton
// that is made as far as it is asked for.
type digitRegexp struct {
	prog   *syntax.Prog
	states map[string]int
	sets   [][]uint32
	step   [][10]int // -1: dead
	accept []bool
}

// compile takes an expression that has to match from the first digit on.
func compile(expr string) (*digitRegexp, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expr, err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expr, err)
	}
	d := &digitRegexp{prog: prog, states: map[string]int{}}
	d.state([]uint32{uint32(prog.Start)})
	return d, nil
}

// state returns the number of the state of these instructions and all that can
// be reached from them without a digit.
func (d *digitRegexp) state(from []uint32) int {
	seen := map[uint32]bool{}
	var set []uint32
	accept := false
	var walk func(pc uint32)
	walk = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch in := &d.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(in.Out)
			walk(in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			walk(in.Out)
		case syntax.InstMatch:
			accept = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			set = append(set, pc)
		}
	}
	for _, pc := range from {
		walk(pc)
	}
	slices.Sort(set)
	key := fmt.Sprint(accept, set)
	if n, ok := d.states[key]; ok {
		return n
	}
	n := len(d.sets)
	d.states[key] = n
	d.sets = append(d.sets, set)
	d.accept = append(d.accept, accept)
	d.step = append(d.step, [10]int{})
	for digit := range 10 {
		d.step[n][digit] = -2 // not yet known
	}
	return n
}

// next follows one digit; -1 where nothing matches any more.
func (d *digitRegexp) next(state, digit int) int {
	if state < 0 {
		return -1
	}
	if d.step[state][digit] == -2 {
		var to []uint32
		for _, pc := range d.sets[state] {
			if in := &d.prog.Inst[pc]; in.MatchRune(rune('0' + digit)) {
				to = append(to, in.Out)
			}
		}
		n := -1
		if len(to) > 0 {
			n = d.state(to)
		}
		d.step[state][digit] = n
	}
	return d.step[state][digit]
}

// numbers is the language of the whole matches of at most 17 digits.
func (f *forest) numbers(d *digitRegexp) *node {
	memo := map[[2]int]*node{}
	var make func(state, left int) *node
	make = func(state, left int) *node {
		if state < 0 {
			return nil
		}
		key := [2]int{state, left}
		if n, ok := memo[key]; ok {
			return n
		}
		var next [symbols]*node
		for digit := range 10 {
			if left > 0 {
				next[digit] = make(d.next(state, digit), left-1)
			}
		}
		n := f.intern(d.accept[state], next)
		memo[key] = n
		return n
	}
	return make(0, 17)
}
