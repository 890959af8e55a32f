package main

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/engine"
)

// Every label holds a value, on borders of characters, with its core inside.
func TestLabels(t *testing.T) {
	for _, set := range []Set{A, B, C} {
		for _, sec := range Build(1, set) {
			labels, misses := 0, 0
			for _, text := range sec.Texts {
				if !utf8.ValidString(text.Value) || text.Value == "" {
					t.Fatalf("%s %s: %q is empty or no UTF-8", set, sec.Name, text.Value)
				}
				for _, l := range text.Labels {
					if l.Start >= l.End || l.Start > l.CoreStart || l.CoreStart >= l.CoreEnd || l.CoreEnd > l.End || l.End > len(text.Value) {
						t.Fatalf("%s %s: label %+v of %d bytes", set, sec.Name, l, len(text.Value))
					}
					v := text.Value[l.Start:l.End]
					if !utf8.ValidString(v) || v != strings.TrimSpace(v) || l.Kind == "" || l.Class == "" {
						t.Fatalf("%s %s: label %+v holds %q", set, sec.Name, l, v)
					}
					if bad := invalid(l.Kind, v); bad {
						t.Errorf("%s %s: %q does not hold its checksum", set, sec.Name, v)
					}
				}
				labels += len(text.Labels)
				if len(text.Labels) == 0 {
					misses++
				}
			}
			values := sec.Module == "pii" || sec.Module == "secrets"
			switch {
			case strings.HasPrefix(sec.Name, "plain values"):
			case values && (labels < 300 || misses < 2*300):
				t.Errorf("%s %s: %d labels and %d near misses", set, sec.Name, labels, misses)
			case !values && labels+misses < 200:
				t.Errorf("%s %s: %d labels and %d texts without", set, sec.Name, labels, misses)
			}
		}
	}
}

// invalid checks what has a checksum, after putting back what odd has changed.
func invalid(kind, v string) bool {
	v = strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r >= 0x80 || strings.ContainsRune(" -./", r):
			return -1
		}
		return r
	}, v)
	switch up := strings.ToUpper(v); kind {
	case "CREDIT_CARD", "CA_SIN":
		return !luhnValid(v)
	case "IBAN_CODE":
		return !ibanValid(up)
	case "DE_TAX_ID":
		return iso11(v[:10]) != v[10]
	case "IN_AADHAAR":
		return verhoeff(v[:11]) != v[11]
	case "IT_FISCAL_CODE":
		return fiscalLetter(up) != up[15]
	case "BR_CPF":
		return cpfDigits(v[:9], 11) != v[9:]
	case "BR_CNPJ":
		return cpfDigits(v[:12], 9) != v[12:]
	case "SECRET_GITHUB_TOKEN":
		return v[:2] == "gh" && len(v) == 40 && crcBase62(v[4:34]) != v[34:]
	}
	return false
}

// The checksums are those of the specifications' own examples.
func TestChecksums(t *testing.T) {
	sin := luhn("04645428")
	for name, ok := range map[string]bool{
		"luhn":               luhnValid("79927398713") && !luhnValid("79927398710"),
		"sin":                sin == '6',
		"iban":               ibanValid("GB82WEST12345698765432") && ibanValid("DE89370400440532013000") && !ibanValid("DE88370400440532013000"),
		"german tax id":      iso11("8609574271") == '9',
		"aadhaar (verhoeff)": verhoeff("236") == '3',
		"dni":                spanishLetter(12345678) == 'Z',
		"codice fiscale":     fiscalLetter("RSSMRA85T10A562") == 'S',
		"cpf":                cpfDigits("111444777", 11) == "35",
		"cnpj":               cpfDigits("112223330001", 9) == "81",
		"pesel":              (10-weighted("4405140135", 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == 9,
		"tfn":                weighted("123456782", 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0,
		"medicare":           weighted("21234567", 1, 3, 7, 9, 1, 3, 7, 9)%10 == 0,
		"nhs":                11-weighted("943476591", 10, 9, 8, 7, 6, 5, 4, 3, 2)%11 == 9,
		"crc":                crcBase62("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17",
		"base58check":        base58Check(base58, make([]byte, 21)) == "1111111111111111111114oLvT2",
		// BIP 173 and BIP 350.
		"segwit": segwit("bc", 0, []byte{0x75, 0x1e, 0x76, 0xe8, 0x19, 0x91, 0x96, 0xd4, 0x54, 0x94, 0x1c, 0x45, 0xd1, 0xb3, 0xa3, 0x23, 0xf1, 0x43, 0x3b, 0xd6}) ==
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
		"segwit 1": segwit("bc", 1, []byte{0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
			0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98}) ==
			"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
	} {
		if !ok {
			t.Errorf("%s does not hold for its known example", name)
		}
	}
}

// An id that is broken on purpose is none.
func TestBroken(t *testing.T) {
	for _, n := range nationals {
		if !n.checks {
			continue
		}
		g := newGen(3, A, "broken", n.kind)
		for range 500 {
			if s := n.broken(g); invalidKinds[n.kind] && !invalid(n.kind, s) {
				t.Errorf("%s: %q still holds", n.kind, s)
			}
		}
	}
}

var invalidKinds = map[string]bool{"CA_SIN": true, "DE_TAX_ID": true, "IN_AADHAAR": true, "IT_FISCAL_CODE": true, "BR_CPF": true, "BR_CNPJ": true}

func TestSeeds(t *testing.T) {
	first := Build(7, A)
	if !reflect.DeepEqual(first, Build(7, A)) {
		t.Error("the same seed gave another exam")
	}
	if reflect.DeepEqual(first, Build(8, A)) {
		t.Error("another seed gave the same exam")
	}
}

// Nothing that an exam is written from is in another.
func TestSetsAreDisjoint(t *testing.T) {
	var from [3][]string
	add := func(lists [3][]string) {
		for set, list := range lists {
			from[set] = append(from[set], list...)
		}
	}
	for _, lists := range [][3][]string{
		carriers, secretCarriers, secretProse, genericNames, frames, dataFrames, peopleTexts, noPeople, firstNames, lastNames, places, firms,
		{benignA, benignB, slices.Concat(benignC, benignDataC)}, {attacksA, attacksB, attacksC}, {indirectA, indirectB, indirectC}, {goalsA, goalsB, goalsC}, {words, words, wordsC},
	} {
		add(lists)
	}
	topics := []topic{emails, cards, ibans, phones, ips, macs, coins, birthdays}
	for _, n := range nationals {
		topics = append(topics, n.topic())
	}
	for _, tp := range topics {
		for _, set := range []Set{A, B, C} {
			p := tp.partsOf(set)
			if len(p.labels) < 2 || len(p.prose) < 3 || len(p.nearProse) < 2 {
				t.Errorf("%s %s: %d labels, %d and %d sentences", set, tp.name, len(p.labels), len(p.prose), len(p.nearProse))
			}
			from[set] = slices.Concat(from[set], p.labels, p.prose, p.nearProse)
		}
	}
	for set, families := range providers {
		for _, f := range families {
			from[set] = append(from[set], f.name)
		}
		if len(families) < 25 {
			t.Errorf("%d families of providers", len(families))
		}
	}
	for set, list := range from {
		for other := range set {
			for _, s := range list {
				// A and B have their words in common.
				if s != "{T}" && slices.Contains(from[other], s) && (Set(set) == C || !slices.Contains(words, s)) {
					t.Errorf("%q is in exams %s and %s", s, Set(other), Set(set))
				}
			}
		}
	}
}

// fixed finds the same spans in every text.
type fixed []engine.Finding

func (f fixed) Classify(context.Context, []*engine.Text) (engine.Report, error) {
	return engine.Report{Findings: f}, nil
}

func TestMeasure(t *testing.T) {
	label := func(start, end, coreStart, coreEnd int) Text {
		return Text{Value: strings.Repeat("x", 100), Labels: []Label{{start, end, coreStart, coreEnd, "K", "c"}}}
	}
	find := func(kind string, score float64, start, end int) fixed {
		return fixed{{Kind: kind, Score: score, Span: engine.Span{Start: start, End: end}}}
	}
	tests := map[string]struct {
		text              Text
		found             fixed
		hit, right, wrong int
	}{
		"whole":                {label(10, 20, 10, 20), find("K", 0.9, 10, 20), 1, 1, 0},
		"half":                 {label(10, 20, 10, 20), find("K", 0.9, 15, 20), 1, 1, 0},
		"less than half":       {label(10, 20, 10, 20), find("K", 0.9, 16, 20), 0, 1, 0},
		"core of a long value": {label(10, 50, 40, 48), find("K", 0.9, 40, 48), 1, 1, 0},
		"far too long":         {label(10, 20, 10, 20), find("K", 0.9, 0, 100), 1, 0, 1},
		"beside":               {label(10, 20, 10, 20), find("K", 0.9, 30, 40), 0, 0, 1},
		"another kind":         {label(10, 20, 10, 20), find("L", 0.9, 10, 20), 0, 0, 0},
		"too unsure":           {label(10, 20, 10, 20), find("K", 0.4, 10, 20), 0, 0, 0},
	}
	for name, tt := range tests {
		r, err := measure(t.Context(), tt.found, &Section{Texts: []Text{tt.text}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Hit != tt.hit || r.Right != tt.right || r.Wrong != tt.wrong {
			t.Errorf("%s: hit %d, right %d, wrong %d; want %d, %d, %d", name, r.Hit, r.Right, r.Wrong, tt.hit, tt.right, tt.wrong)
		}
	}
}

// The sections about instructions in C hold 200 texts or more that differ.
func TestInstructionsDiffer(t *testing.T) {
	for _, sec := range instructions(1, C) {
		texts := map[string]bool{}
		for _, text := range sec.Texts {
			texts[text.Value] = true
		}
		if len(texts) < 200 {
			t.Errorf("%s: %d different texts", sec.Name, len(texts))
		}
		t.Logf("%s: %d texts, %d differ", sec.Name, len(sec.Texts), len(texts))
	}
}
