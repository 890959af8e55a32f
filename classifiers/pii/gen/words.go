package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A branch of the tree of words, by bytes. ASCII letters are lower case.
type branch struct {
	char     byte
	mask     uint32 // lists of the words that end here
	open     uint32 // lists of those that may go on
	children []*branch
}

func (b *branch) grow(word string, open bool, mask uint32) {
	if word == "" {
		b.mask |= mask
		if open {
			b.open |= mask
		}
		return
	}
	i := slices.IndexFunc(b.children, func(c *branch) bool { return c.char == word[0] })
	if i < 0 {
		i = len(b.children)
		b.children = append(b.children, &branch{char: word[0]})
	}
	b.children[i].grow(word[1:], open, mask)
}

// variants are the ways to write a word that looking at ASCII letters in lower
// case does not make the same.
func variants(word string) []string {
	var title []rune
	for i, r := range []rune(word) {
		if i == 0 {
			r = unicode.ToUpper(r)
		}
		title = append(title, r)
	}
	var list []string
	for _, w := range []string{word, string(title), strings.ToUpper(word)} {
		w = strings.Map(func(r rune) rune {
			if r < utf8.RuneSelf {
				return unicode.ToLower(r)
			}
			return r
		}, w)
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// words returns word_tables.h for lists such as "card: credit, debit*". A list
// may be continued by another line of the same name.
func words(text []byte) ([]byte, error) {
	var names []string
	root := &branch{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, list, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q has no name", line)
		}
		i := slices.Index(names, name)
		if i < 0 {
			i = len(names)
			names = append(names, name)
		}
		for word := range strings.SplitSeq(list, ",") {
			word, open := strings.CutSuffix(strings.TrimSpace(word), "*")
			if word == "" || word != strings.ToLower(word) {
				return nil, fmt.Errorf("%s: %q is not a word in lower case", name, word)
			}
			for _, w := range variants(word) {
				root.grow(w, open, 1<<i)
			}
		}
	}
	if len(names) > 32 {
		return nil, fmt.Errorf("%d lists, more than 32 bits hold", len(names))
	}

	// Branches in order of distance from the root, so that children stand in a row.
	row := []*branch{root}
	first := map[*branch]int{}
	for i := 0; i < len(row); i++ {
		first[row[i]] = len(row)
		row = append(row, row[i].children...)
	}
	if len(row) >= 1<<15 {
		return nil, fmt.Errorf("%d branches, more than 15 bits hold", len(row))
	}
	masks := [][2]uint32{{}}
	last := map[*branch]bool{}
	for _, b := range row {
		if n := len(b.children); n > 0 {
			last[b.children[n-1]] = true
		}
	}
	var b bytes.Buffer
	b.WriteString("/* Made by `go run ./classifiers/pii/gen` from words.txt. Do not edit.\n *\n" +
		" * A tree by bytes: char, first child (0: none), whether it is the last of its\n" +
		" * parent's children, and which of word_masks holds for a word that ends there:\n" +
		" * the lists it is on, and those on which it may go on.\n */\nenum {\n")
	for i, name := range names {
		fmt.Fprintf(&b, "\tW_%s = (int)(1u << %d),\n", strings.ToUpper(name), i)
	}
	fmt.Fprintf(&b, "};\n\nstatic const struct { u8 c, mask; u16 last : 1, child : 15; } word_tree[%d] = {\n", len(row))
	for _, n := range row {
		child := first[n]
		if len(n.children) == 0 {
			child = 0
		}
		m := slices.Index(masks, [2]uint32{n.mask, n.open})
		if m < 0 {
			m = len(masks)
			masks = append(masks, [2]uint32{n.mask, n.open})
		}
		end := 0
		if last[n] {
			end = 1
		}
		fmt.Fprintf(&b, "\t{%d,%d,%d,%d},\n", n.char, m, end, child)
	}
	if len(masks) > 256 {
		return nil, fmt.Errorf("%d sets of lists, more than 8 bits hold", len(masks))
	}
	fmt.Fprintf(&b, "};\n\nstatic const u32 word_masks[%d][2] = {\n", len(masks))
	for _, m := range masks {
		fmt.Fprintf(&b, "\t{%#x,%#x},\n", m[0], m[1])
	}
	var roots [256]int
	for i, c := range root.children {
		roots[c.char] = first[root] + i
	}
	b.WriteString("};\n\n/* By first byte: a branch below the root, 0 where no word begins so. */\nstatic const u16 word_roots[256] = {")
	for i, r := range roots {
		if i%16 == 0 {
			b.WriteString("\n\t")
		}
		fmt.Fprintf(&b, "%d,", r)
	}
	b.WriteString("\n};\n")
	return b.Bytes(), nil
}
