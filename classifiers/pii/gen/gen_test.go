package main

import (
	"slices"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestTables holds the tables that are in the repository to what their sources give.
func TestTables(t *testing.T) {
	if err := run("..", true); err != nil {
		t.Error(err)
	}
}

func (n *node) has(word string) bool {
	for _, c := range []byte(word) {
		if n == nil {
			return false
		}
		n = n.next[either(c == '|', gap, int(c)-'0')]
	}
	return n != nil && n.accept
}

func either(cond bool, a, b int) int {
	if cond {
		return a
	}
	return b
}

func TestNationalForms(t *testing.T) {
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	f := newForest()
	forms := map[string]*node{}
	for _, m := range c.GetMetadata() {
		if slices.Contains(regions, m.GetId()) {
			r, err := f.national(m)
			if err != nil {
				t.Fatal(err)
			}
			forms[m.GetId()] = r.forms
		}
	}
	for _, x := range []struct {
		region, written string
		want            bool
	}{
		{"US", "415|555|2671", true}, {"US", "1|415|555|2671", true}, {"US", "4155|552671", false}, {"US", "115|555|2671", false},
		{"FR", "06|12|34|56|78", true}, {"FR", "6|12|34|56|78", false}, {"FR", "0612345678", false},
		{"GB", "020|7946|0958", true}, {"GB", "07912|345678", true}, {"GB", "07700|900123", false}, {"DE", "030|901820", true}, {"DE", "0171|2345678", true},
		{"AR", "011|15|2345|6789", true}, {"RU", "8|912|345|67|89", true}, {"ES", "612|34|56|78", true}, {"DK", "32|12|34|56", true},
	} {
		if got := forms[x.region].has(x.written); got != x.want {
			t.Errorf("%s %s: %v, want %v", x.region, x.written, got, x.want)
		}
	}
}

func TestUnion(t *testing.T) {
	f := newForest()
	end := f.intern(true, [symbols]*node{})
	u := f.union(f.word("12|3", end), f.word("12", end), f.word("19", end), nil)
	for word, want := range map[string]bool{"12": true, "12|3": true, "19": true, "1": false, "123": false, "12|": false, "": false} {
		if u.has(word) != want {
			t.Errorf("%q: %v, want %v", word, !want, want)
		}
	}
	if f.union(f.word("19", end), f.word("12", end), f.word("12|3", end)) != u {
		t.Error("the same language is two nodes")
	}
}

func TestWords(t *testing.T) {
	if _, err := words([]byte("a: one, Two")); err == nil {
		t.Error("upper case is taken")
	}
	if _, err := words([]byte("no list")); err == nil {
		t.Error("a line without a list is taken")
	}
}
