package main

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
)

// sharedNear are values that no classifier should take for anything.
var sharedNear = []near{
	{class: "git commit", labels: []string{"commit", "sha", "rev"}, draw: func(g *gen) string { return g.chars(hex, pick(g, []int{7, 8, 12, 40})) }},
	{class: "digest", labels: []string{"sha256", "digest", "checksum"}, draw: func(g *gen) string { return g.chars(hex, pick(g, []int{32, 64, 128})) }},
	{class: "uuid", labels: []string{"uuid", "request id", "trace"}, draw: func(g *gen) string { return uuid(g) }},
	{class: "version", labels: []string{"version", "release", "go"}, draw: func(g *gen) string {
		return fmt.Sprintf("v%d.%d.%d", g.between(0, 30), g.between(0, 40), g.between(0, 99))
	}},
	{class: "four-part version", labels: []string{"version", "assembly version", "driver version", "firmware"}, draw: func(g *gen) string {
		return fmt.Sprintf("%d.%d.%d.%d", g.between(1, 12), g.between(0, 9), g.between(100, 9000), g.between(256, 30000))
	}},
	{class: "isbn", labels: []string{"ISBN", "isbn-13"}, draw: func(g *gen) string {
		s := g.like(pick(g, []string{`\97\8-3-99-999999`, `\97\8-0-999-99999`, `\97\8-1-9999-9999`}))
		d := keepDigits(s)
		return s + "-" + string(byte('0'+(10-weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10)%10))
	}},
	{class: "ean", labels: []string{"EAN", "GTIN", "barcode"}, draw: func(g *gen) string {
		d := g.like("40" + "9999999999")
		return d + string(byte('0'+(10-weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10)%10))
	}},
	{class: "unix time", labels: []string{"ts", "created at", "mtime", "epoch"}, draw: func(g *gen) string {
		return fmt.Sprintf("%d", 1600000000+g.IntN(200000000)) + pick(g, []string{"", "", g.like("999"), "." + g.like("999999")})
	}},
	{class: "timestamp", labels: []string{"updated", "date", "at"}, draw: func(g *gen) string {
		return fmt.Sprintf("2026-%02d-%02d%s%02d:%02d:%02d.%03d", g.between(1, 12), g.between(1, 28), pick(g, []string{" ", "T"}), g.IntN(24), g.IntN(60), g.IntN(60), g.IntN(1000))
	}},
	{class: "order number", labels: []string{"order", "order no", "invoice", "ticket", "Bestellnummer", "pedido"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"99999999", "9999999999", "999-9999999-9999999", "ORD-999999", "2026-99999", "SO99999999", "999 999 99", "INV/2026/9999"}))
	}},
	{class: "coordinates", labels: []string{"position", "lat/lon", "gps"}, draw: func(g *gen) string {
		return fmt.Sprintf("%.6f, %.6f", g.Float64()*180-90, g.Float64()*360-180)
	}},
	{class: "base64", labels: []string{"data", "blob", "thumbnail", "payload"}, draw: func(g *gen) string {
		b := make([]byte, g.between(20, 80))
		for i := range b {
			b[i] = byte(g.IntN(256))
		}
		return "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA" + base64.StdEncoding.EncodeToString(b)
	}},
	{class: "lock file digest", labels: []string{"integrity", "resolved"}, draw: func(g *gen) string {
		b := make([]byte, 64)
		for i := range b {
			b[i] = byte(g.IntN(256))
		}
		return "sha512-" + base64.StdEncoding.EncodeToString(b)
	}},
	{class: "float", labels: []string{"loss", "pi", "mean", "score"}, draw: func(g *gen) string {
		return fmt.Sprintf("%.*f", g.between(6, 15), g.Float64()*math.Pow(10, float64(g.IntN(6))))
	}},
	{class: "tracking number", labels: []string{"tracking", "parcel", "Sendungsnummer"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"1Z999NN99999999999", "AA999999999DE", "00340499999999999999", "9999 9999 9999", "JD999999999999999999"}))
	}},
	{class: "code name", labels: []string{"func", "calls", "symbol"}, draw: func(g *gen) string {
		return pick(g, words) + pick(g, []string{"_", "-", "."}) + pick(g, words) + g.like(pick(g, []string{"99", "_v9", "2x", "_9999"}))
	}},
	{class: "amount", labels: []string{"total", "amount", "Betrag", "importe"}, draw: func(g *gen) string {
		return pick(g, []string{"EUR ", "$", "£", ""}) + g.like(pick(g, []string{"8,999.99", "8.999,99", "8 999 999.00", "8'999'999.99", "899,999,999"}))
	}},
	{class: "range", labels: []string{"pages", "lines", "rows", "ids"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"100-299", "1999-2004", "10000-19999", "899 - 999"}))
	}},
	{class: "colour", labels: []string{"color", "background"}, draw: func(g *gen) string { return "#" + g.chars(hex, pick(g, []int{6, 8})) }},
	{class: "part number", labels: []string{"part", "SKU", "model", "Artikel"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"AA-9999-99", "999-999-99", "AAA99999", "99.999.99", "A9A-9A9-999", "9999-999-999"}))
	}},
	{class: "cloud resource", labels: []string{"instance", "arn", "volume", "project number"}, draw: func(g *gen) string {
		return pick(g, []string{"i-0" + g.chars(hex, 16), "ami-0" + g.chars(hex, 16), "arn:aws:iam::" + g.like("999999999999") + ":role/" + pick(g, words), "projects/" + g.like("999999999999")})
	}},
	{class: "matrix of numbers", labels: []string{"row", "weights", "series"}, draw: func(g *gen) string {
		n := make([]string, g.between(4, 9))
		for i := range n {
			n[i] = fmt.Sprint(g.IntN(10000))
		}
		return strings.Join(n, pick(g, []string{" ", ", ", ";"}))
	}},
}

// sharedNearOf are those of a set.
func sharedNearOf(set Set) []near {
	if set == C {
		return sharedNearC
	}
	return sharedNear
}

func uuid(g *gen) string { return g.like(`hhhhhhhh-hhhh-4hhh-\ahhh-hhhhhhhhhhhh`) }

// changed gives a value in which one digit is another, so that no checksum with
// weights of one digit holds.
func changed(g *gen, s string) string {
	b := []byte(s)
	for {
		if i := g.IntN(len(b)); b[i] >= '0' && b[i] <= '9' {
			b[i] = '0' + (b[i]-'0'+byte(g.between(1, 8)))%10
			return string(b)
		}
	}
}

// odd writes a number now and then as it comes out of PDF files and input
// methods: with zero-width characters, fullwidth digits, no-break spaces.
func odd(g *gen, v value) value {
	var f func(r rune) string
	switch g.IntN(40) {
	case 0:
		v.class += ", zero width"
		z := pick(g, []string{"\u200b", "\u200d", "\u2060", "\ufeff"})
		at, n := g.between(1, 3), 0
		f = func(r rune) string {
			if n++; n%5 == at {
				return z + string(r)
			}
			return string(r)
		}
	case 1:
		v.class += ", fullwidth"
		f = func(r rune) string {
			if r >= '0' && r <= '9' {
				return string(r - '0' + '０')
			}
			return string(r)
		}
	case 2:
		if !strings.Contains(v.text, " ") {
			return v
		}
		v.class += ", no-break space"
		f = func(r rune) string {
			if r == ' ' {
				return "\u00a0"
			}
			return string(r)
		}
	default:
		return v
	}
	var b strings.Builder
	for _, r := range v.text {
		b.WriteString(f(r))
	}
	v.text = strings.TrimPrefix(b.String(), "\u200b")
	return v
}
