package main

import (
	"fmt"
	"strings"
)

// cardBrands are prefixes and lengths of the brands' own public tables of issuer
// ranges.
var cardBrands = []struct {
	name     string
	prefixes []string
	lengths  []int
}{
	{"visa", []string{"4"}, []int{16, 16, 16, 16, 13, 19}},
	{"mastercard", []string{"51", "52", "53", "54", "55"}, []int{16}},
	{"mastercard 2", []string{"2221", "2300", "2500", "2699", "2719"}, []int{16}},
	{"amex", []string{"34", "37"}, []int{15}},
	{"discover", []string{"6011", "644", "649", "65"}, []int{16}},
	{"jcb", []string{"3528", "3540", "3589"}, []int{16}},
	{"diners", []string{"300", "305", "36", "38"}, []int{14}},
	{"unionpay", []string{"620", "625", "6282"}, []int{16, 16, 19}},
	{"maestro", []string{"5018", "5020", "5038", "6304", "6759", "6761"}, []int{16, 12, 18, 19}},
	{"mir", []string{"2200", "2204"}, []int{16}},
	{"rupay", []string{"6521", "8172", "508227"}, []int{16}},
}

func card(g *gen) value {
	brand := pick(g, cardBrands)
	s := pick(g, brand.prefixes)
	s += g.chars(digits, pick(g, brand.lengths)-1-len(s))
	s += string(luhn(s))
	style := pick(g, []string{"plain", "spaces", "spaces", "hyphens", "hyphens", "dots"})
	if style != "plain" {
		s = groupCard(s, map[string]string{"spaces": " ", "hyphens": "-", "dots": "."}[style])
	}
	return odd(g, value{text: s, class: brand.name + fmt.Sprintf(" %d ", len(keepDigits(s))) + style})
}

// groupCard parts a number as it is embossed: 4-6-5, 4-6-4, else by four.
func groupCard(s, sep string) string {
	switch len(s) {
	case 14, 15:
		return s[:4] + sep + s[4:10] + sep + s[10:]
	}
	return grouped(s, 4, sep)
}

func grouped(s string, n int, sep string) string {
	var parts []string
	for len(s) > n {
		parts, s = append(parts, s[:n]), s[n:]
	}
	return strings.Join(append(parts, s), sep)
}

var cards = topic{
	name: "cards", module: "pii", kind: "CREDIT_CARD", target: Target{Precision: 0.98, Recall: 0.97}, draw: card,
	labels: [2][]string{
		{"card number", "card", "Kreditkarte", "credit card no.", "carte bancaire", "PAN", "tarjeta", "cc"},
		{"payment card", "CC number", "Kartennummer", "numéro de carte", "cardNo", "número de tarjeta", "debit card", "billing card"},
	},
	prose: [2][]string{
		{
			"Hi, I was charged twice on {V} last Tuesday, can you draft a complaint?",
			"My card {V} expires in 11/28, please update the subscription.",
			"Bitte buchen Sie die Gebühr von meiner Karte {V} ab.",
			"J'ai payé avec la carte {V} mais la commande est annulée.",
			"use {V} exp 04/29 cvv 000 for the {w} order",
			"Kunde zahlte mit {V}, nicht mit {V}.",
			"Refund to {V} was declined at {t}.",
			"Mi tarjeta {V} fue bloqueada ayer.",
			"translate: 'the number on my card is {V}.'",
			"{V} doesn't work any more??",
		},
		{
			"Please move the standing payment from {V} to {V}.",
			"The terminal at gate {n} swallowed my card, number {V}.",
			"La carta {V} è stata smarrita a Torino.",
			"Meine neue Kreditkarte ({V}) ist da.",
			"Why is {V} refused by your checkout?",
			"Le paiement par carte n° {V} a échoué.",
			"pls charge it: {V}, zip to follow",
			"O cartão {V} foi clonado.",
			"caller read out {V} then hung up",
			"Rewrite politely: you still have {V} on file, remove it!",
		},
	},
	near: []near{
		{class: "card without luhn", labels: []string{"reference", "account", "id", "voucher"}, draw: func(g *gen) string {
			s := keepDigits(card(g).text)
			for luhnValid(s) {
				s = changed(g, s)
			}
			return pick(g, []string{s, grouped(s, 4, " "), grouped(s, 4, "-")})
		}},
		{class: "masked card", labels: []string{"card", "Karte"}, draw: func(g *gen) string { return "**** **** **** " + g.like("9999") }},
		{class: "long id", labels: []string{"order id", "transaction id", "tweet id", "snowflake"}, draw: func(g *gen) string { return noLuhn(g, "1899999999999999999") }},
		{class: "imei like", labels: []string{"serial", "meter"}, draw: func(g *gen) string { return noLuhn(g, "99999999999999999") }},
		{class: "digits in a longer run", labels: []string{"seed", "key", "counter"}, draw: func(g *gen) string { return g.like("4999999999999999999999999999") }},
		{class: "hex with digits", labels: []string{"hash", "etag"}, draw: func(g *gen) string { return "a" + g.like("4999999999999999") + "f" + g.chars(hex, 15) }},
		{class: "fraction", labels: []string{"value", "ratio"}, draw: func(g *gen) string { return "0." + noLuhn(g, "4999999999999999") }},
	},
	nearProse: [2][]string{
		{"A card number has 16 digits; the last is a checksum. Explain Luhn for the {w} team.", "Our card form accepts 4 groups of 4 digits, see page {n}."},
		{"Write a validator: cards begin with 4, 51-55 or 2221-2720.", "Which cards do you accept, and is there a fee of {n} %?"},
	},
}

// noLuhn writes a pattern whose digits are no card number.
func noLuhn(g *gen, pattern string) string {
	for {
		if s := g.like(pattern); !luhnValid(keepDigits(s)) {
			return s
		}
	}
}

// ibanForms are the BBAN structures of the SWIFT registry, a letter behind each
// count: n digits, a capitals, c both.
var ibanForms = strings.Fields(`AD:8n12c AE:19n AL:8n16c AT:16n AZ:4a20c BA:16n BE:12n BG:4a6n8c BH:4a14c BR:23n1a1c CH:5n12c CR:18n CY:8n16c
CZ:20n DE:18n DK:14n DO:4c20n EE:16n EG:25n ES:20n FI:14n FO:14n FR:10n11c2n GB:4a14n GE:2a16n GI:4a15c GL:14n GR:7n16c GT:4c20c HR:17n HU:24n
IE:4a14n IL:19n IQ:4a15n IS:22n IT:1a10n12c JO:4a4n18c KW:4a22c KZ:3n13c LB:4n20c LC:4a24c LI:5n12c LT:16n LU:3n13c LV:4a13c MC:10n11c2n
MD:2c18c ME:18n MK:3n10c2n MR:23n MT:4a5n18c MU:4a19n3a NL:4a10n NO:11n PK:4a16c PL:24n PS:4a21c PT:21n QA:4a21c RO:4a16c RS:18n SA:2n18c
SC:4a20n3a SE:20n SI:15n SK:20n SM:1a10n12c ST:21n SV:4a20n TL:19n TN:20n TR:5n1n16c UA:6n19c VA:18n VG:4a16n XK:16n BY:4c4n16c LY:21n SD:14n`)

func ibanCompact(g *gen) string {
	country, form, _ := strings.Cut(pick(g, ibanForms), ":")
	if g.chance(2) { // those that people write most
		i := g.IntN(8)
		country, form, _ = strings.Cut([]string{"DE:18n", "GB:4a14n", "FR:10n11c2n", "ES:20n", "IT:1a10n12c", "NL:4a10n", "CH:5n12c", "PL:24n"}[i], ":")
	}
	bban, n := "", 0
	for i := range len(form) {
		switch c := form[i]; c {
		case 'n':
			bban += g.chars(digits, n)
			n = 0
		case 'a':
			bban += g.chars(upper, n)
			n = 0
		case 'c':
			if g.chance(2) {
				bban += g.chars(digits, n)
			} else {
				bban += g.chars(digits+upper, n)
			}
			n = 0
		default:
			n = n*10 + int(c-'0')
		}
	}
	return country + fmt.Sprintf("%02d", 98-mod97(bban+country+"00")) + bban
}

func iban(g *gen) value {
	s := ibanCompact(g)
	class := s[:2] + " "
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		class += "plain"
	case 4:
		s, class = strings.ToLower(s), class+"small letters"
	case 5:
		s, class = grouped(s, 4, "-"), class+"hyphens"
	case 6:
		s, class = strings.ToLower(grouped(s, 4, " ")), class+"small letters, spaces"
	default:
		s, class = grouped(s, 4, " "), class+"spaces"
	}
	return odd(g, value{text: s, class: class})
}

var ibans = topic{
	name: "iban", module: "pii", kind: "IBAN_CODE", target: Target{Precision: 0.99, Recall: 0.98}, draw: iban,
	labels: [2][]string{
		{"IBAN", "bank account", "Kontonummer", "compte", "IBAN-Nr."},
		{"Bankverbindung", "iban code", "account (IBAN)", "numero conto", "pay to"},
	},
	prose: [2][]string{
		{
			"Please wire the rent to {V} by Friday.",
			"Überweisen Sie bitte auf {V} bei der Bank am {w}.",
			"Mon IBAN est {V}, merci de virer le solde.",
			"El número de cuenta es {V}, a nombre de la empresa.",
			"new account since {d}: {V} (old one {V} is closed)",
			"Is {V} a valid account?",
			"Il mio conto: {V}.",
			"przelew na konto {V} dzisiaj",
		},
		{
			"Send the deposit to {V}; reference {w}.",
			"Die Rückzahlung ging an {V} statt an {V}.",
			"Le virement vers {V} est parti ce matin.",
			"Graag overmaken naar {V} voor vrijdag.",
			"Transferência para {V} feita às {t}.",
			"my mate's account,{V},is with another bank",
			"SEPA: {V}/{w}/{n}.00",
			"Kontoen er {V}, takk!",
		},
	},
	near: []near{
		{class: "iban with a wrong checksum", labels: []string{"IBAN", "account", "ref"}, draw: func(g *gen) string {
			s := ibanCompact(g)
			for ibanValid(s) {
				s = s[:2] + changed(g, s[2:])
			}
			return pick(g, []string{s, grouped(s, 4, " ")})
		}},
		{class: "iban of a wrong length", labels: []string{"account", "konto"}, draw: func(g *gen) string {
			return wrongIBAN(g)
		}},
		{class: "vat id", labels: []string{"VAT", "USt-IdNr."}, draw: func(g *gen) string {
			return g.like(pick(g, []string{"DE999999999", "FR99999999999", "GB999 9999 99", "ATU99999999", "NL999999999B99"}))
		}},
		{class: "bic", labels: []string{"BIC", "SWIFT"}, draw: func(g *gen) string { return g.like("AAAADEAAAAA") }},
		{class: "serial", labels: []string{"serial", "licence"}, draw: func(g *gen) string { return g.like("AA99-NNNN-NNNN-NNNN-NNNN") }},
		{class: "hex", labels: []string{"hash", "blob"}, draw: func(g *gen) string { return "de" + g.like("99") + g.chars(hex, 28) }},
		{class: "creditor reference", labels: []string{"reference", "RF"}, draw: func(g *gen) string { return g.like("RF99 9999 9999 9999 9999 9") }},
	},
	nearProse: [2][]string{
		{"An IBAN in Germany has 22 characters and starts with DE.", "How is the IBAN checksum computed, modulo 97 or 11? {n}"},
		{"Which banks in {w} give out an IBAN?", "Write a regex for IBANs of {n} countries."},
	},
}

// wrongIBAN is a German IBAN with right checksum and too few digits, in a way
// that no longer one hides in it.
func wrongIBAN(g *gen) string {
	bban := g.chars(digits, 16)
	return "DE" + fmt.Sprintf("%02d", 98-mod97(bban+"DE00")) + bban
}
