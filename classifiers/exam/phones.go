package main

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneForms are the ways numbers are written where people live; 9 is a digit
// and 8 one from 2 to 9. Each form is drawn until libphonenumber calls it valid.
var phoneForms = map[string][]string{
	"US": {"(899) 899-9999", "899-899-9999", "899.899.9999", "+1 899 899 9999", "+1 (899) 899-9999", "1-899-899-9999", "+18998999999", "8998999999", "899 899 9999", "+1-899-899-9999", "001 899 899 9999"},
	"CA": {"(899) 899-9999", "899-899-9999", "+1 899-899-9999", "1 899 899 9999"},
	"GB": {"020 7999 9999", "07999 999999", "07999 999 999", "+44 7999 999999", "+44 20 7999 9999", "+44 (0)20 7999 9999", "(0161) 999 9999", "0161 999 9999", "+447999999999", "0044 7999 999999", "01299 999999"},
	"DE": {"030 99999999", "030/99999999", "0171 9999999", "0171/9999999", "0151-99999999", "+49 171 9999999", "+49 (0)30 99999999", "+49 89 9999999", "(089) 999999", "0221 / 99 99 99", "0049 30 9999999", "+4915199999999", "040-9999999", "0711 9999-99", "+49 40 999 999 99"},
	"FR": {"01 99 99 99 99", "06 99 99 99 99", "06.99.99.99.99", "0699999999", "+33 6 99 99 99 99", "+33 (0)1 99 99 99 99", "+33699999999", "06-99-99-99-99", "0033 6 99 99 99 99"},
	"ES": {"699 999 999", "699 99 99 99", "919 999 999", "+34 699 999 999", "+34 91 999 99 99", "+34699999999", "699999999", "93 999 99 99"},
	"IT": {"06 9999 9999", "02 9999999", "349 999 9999", "349 9999999", "+39 349 999 9999", "+39 06 99999999", "+393499999999", "347-9999999", "011/9999999"},
	"NL": {"06 99999999", "06-99999999", "020 999 9999", "020-9999999", "+31 6 99999999", "+31 20 999 9999", "+31 (0)6 99999999", "0031699999999"},
	"BE": {"0479 99 99 99", "0479/99.99.99", "02 999 99 99", "+32 479 99 99 99", "+32 2 999 99 99", "03/999.99.99"},
	"CH": {"044 999 99 99", "079 999 99 99", "+41 79 999 99 99", "+41 44 999 99 99", "0041 79 999 99 99", "079/999 99 99"},
	"AT": {"01 9999999", "0664 9999999", "+43 664 9999999", "0664/999 99 99", "+43 1 9999999", "0676-9999999"},
	"PL": {"699 999 999", "22 999 99 99", "+48 699 999 999", "+48699999999", "699-999-999", "(22) 999 99 99"},
	"SE": {"070-999 99 99", "08-999 999 99", "+46 70 999 99 99", "0709999999", "+46 (0)8 999 999 99"},
	"NO": {"999 99 999", "22 99 99 99", "+47 999 99 999", "+47 22 99 99 99"},
	"DK": {"99 99 99 99", "+45 99 99 99 99", "+4599999999"},
	"FI": {"040 9999999", "050 999 9999", "+358 40 9999999", "09 999 999", "+358 50 999 99 99"},
	"PT": {"919 999 999", "219 999 999", "+351 919 999 999", "+351919999999"},
	"IE": {"087 999 9999", "01 999 9999", "+353 87 999 9999", "+353 1 999 9999", "(01) 999 9999"},
	"CZ": {"699 999 999", "+420 699 999 999", "+420699999999"},
	"GR": {"210 999 9999", "699 999 9999", "+30 699 999 9999", "+30 210 9999999"},
	"HU": {"06 30 999 9999", "+36 30 999 9999", "+36 1 999 9999", "06-30-999-9999"},
	"RO": {"0799 999 999", "+40 799 999 999", "0219999999"},
	"TR": {"0599 999 99 99", "+90 599 999 99 99", "(0212) 999 99 99", "0 (599) 999 99 99"},
	"RU": {"8 (999) 999-99-99", "+7 999 999-99-99", "+7 (999) 999-99-99", "+79999999999"},
	"UA": {"067 999 99 99", "+380 67 999 99 99", "+380 (67) 999-99-99"},
	"IN": {"99999 99999", "9999999999", "+91 99999 99999", "+91-9999999999", "+919999999999", "011-99999999", "+91 22 9999 9999"},
	"AU": {"0499 999 999", "(02) 9999 9999", "02 9999 9999", "+61 499 999 999", "+61 2 9999 9999", "0499999999"},
	"NZ": {"021 999 999", "+64 21 999 9999", "09 999 9999", "(04) 999 9999"},
	"BR": {"(11) 99999-9999", "(21) 9999-9999", "+55 11 99999-9999", "11 99999-9999", "+5511999999999", "(11)99999-9999"},
	"MX": {"55 9999 9999", "+52 55 9999 9999", "(55) 9999 9999", "+52 33 9999 9999"},
	"JP": {"03-9999-9999", "090-9999-9999", "+81 90-9999-9999", "+81 3 9999 9999", "09099999999"},
	"CN": {"139 9999 9999", "13999999999", "+86 139 9999 9999", "010-99999999"},
	"KR": {"010-9999-9999", "02-999-9999", "+82 10-9999-9999"},
	"SG": {"9999 9999", "+65 9999 9999"},
	"ZA": {"082 999 9999", "+27 82 999 9999", "(011) 999 9999"},
	"IL": {"050-999-9999", "+972 50-999-9999", "03-999-9999"},
	"AE": {"050 999 9999", "+971 50 999 9999"},
	"AR": {"011 4999-9999", "+54 11 4999-9999", "+54 9 11 9999-9999"},
}

// regions are the keys of phoneForms; the first are drawn more often.
var regions = strings.Fields("US US US GB GB DE DE DE FR FR ES IT IN BR NL CH CA BE AT PL SE NO DK FI PT IE CZ GR HU RO TR RU UA AU NZ MX JP CN KR SG ZA IL AE AR")

func phone(g *gen) value {
	for {
		region := pick(g, regions)
		form := pick(g, phoneForms[region])
		code := countryCode(form, region)
		for range 200 {
			s := code + g.like(form[len(code):])
			n, err := phonenumbers.Parse(s, region)
			if err != nil || !phonenumbers.IsValidNumber(n) {
				continue
			}
			v := value{text: s, class: region + " " + form}
			if g.chance(25) {
				ext := pick(g, []string{" ext. ", " x"}) + g.like("899")
				v.core, v.text = s, s+ext
				v.class += ", extension"
			}
			return oddPhone(g, v)
		}
	}
}

// countryCode is what a form begins with when it is international.
func countryCode(form, region string) string {
	for _, prefix := range []string{"+", "00"} {
		if code := fmt.Sprint(prefix, phonenumbers.GetCountryCodeForRegion(region)); strings.HasPrefix(form, code) {
			return code
		}
	}
	return ""
}

// oddPhone writes like odd; the core stays with the plain ones alone.
func oddPhone(g *gen, v value) value {
	if v.core != "" {
		return v
	}
	if g.chance(30) && strings.Contains(v.text, "-") {
		v.text, v.class = strings.ReplaceAll(v.text, "-", "–"), v.class+", en dash"
		return v
	}
	return odd(g, v)
}

var phones = topic{
	name: "phones", module: "pii", kind: "PHONE_NUMBER", target: Target{Precision: 0.90, Recall: 0.90}, draw: phone, structured: 5,
	labels: [2][]string{
		{"phone", "Tel.", "mobile", "Telefon", "téléphone", "móvil", "cell", "telefono", "WhatsApp", "fax", "tel. kom."},
		{"phone number", "Tel", "Handy", "portable", "teléfono", "celular", "Mobil", "call", "telefoon", "contact number", "Rufnummer", "puhelin"},
	},
	prose: [2][]string{
		{
			"Call me at {V} after six.",
			"You can reach the night desk under {V} or {V}.",
			"My number changed, it's {V} now",
			"Sie erreichen mich unter {V}, am besten abends.",
			"Ruf mich bitte zurück: {V}",
			"Appelez-moi au {V} demain matin.",
			"Mon portable : {V}",
			"Llámame al {V} cuando llegues.",
			"Chiamami al {V}, grazie.",
			"Bel me op {V}.",
			"Me liga no {V}",
			"Ring mig på {V}",
			"sms to {V} did not arrive",
			"The caller ({V}) hung up at {t}.",
			"{V} called twice, who is that?",
			"Best regards\nWarehouse {w}\nT {V}\nF {V}",
		},
		{
			"Text {V} for an appointment.",
			"I left a voicemail on {V} yesterday.",
			"Dial {V} and ask for room {n}.",
			"Meine Nummer ist {V}, falls was ist.",
			"Der Hausmeister hat die Telefonnummer {V}.",
			"Vous pouvez me joindre au {V}.",
			"Le numéro de la réception est le {V}.",
			"Mi teléfono es {V}; el de la oficina, {V}.",
			"Il mio cellulare è {V}.",
			"Mijn nummer is {V}",
			"Meu telefone: {V}.",
			"Zadzwoń pod {V} po południu",
			"whatsapp me {V} pls",
			"missed call from {V} at {t}",
			"Office {w} / tel {V} / desk {n}",
			"Write a polite SMS to {V} that the {w} is late.",
		},
	},
	near: []near{
		{class: "phone-like id", labels: []string{"employee id", "asset", "batch", "Kundennummer"}, draw: func(g *gen) string {
			return g.like(pick(g, []string{"899-999-9999", "8999999999", "0999 999999", "99 99 99 99", "0899/999999"}))
		}},
		{class: "date", labels: []string{"due", "delivered", "Datum"}, draw: func(g *gen) string {
			return g.like(pick(g, []string{"19.08.2026", "19-08-2026", "2026 08 19", "20260819", "2026-11-19 08:49"}))
		}},
		{class: "long id", labels: []string{"id", "case", "claim"}, draw: func(g *gen) string { return g.like(pick(g, []string{"89999999999999", "00000899999", "899999999"})) }},
		{class: "ip", labels: []string{"host", "gateway"}, draw: func(g *gen) string { return ipv4(g) }},
		{class: "set of numbers", labels: []string{"lottery", "primes", "sizes"}, draw: func(g *gen) string { return g.like("19 29 39 49 59") }},
		{class: "measure", labels: []string{"size", "resolution", "dimensions"}, draw: func(g *gen) string {
			return g.like(pick(g, []string{"1899x1999", "899 x 999 x 99 mm", "+999.99 / -89.99", "8,999,999"}))
		}},
		{class: "account", labels: []string{"account", "sort code", "policy number"}, draw: func(g *gen) string { return g.like(pick(g, []string{"99-99-99", "99999999", "999999-999999"})) }},
	},
	nearProse: [2][]string{
		{"The phone has 128 GB and costs 899 euros.", "In 2019 2020 and 2021 we sold 1200 3400 and 5600 units.", "Score 3-2 6-4 7-6 in {n} minutes.", "Room 030-22, floor 3, call the {w} for help."},
		{"Dial plan: extension {n} goes to {w}.", "Chapter 02 1234 lines, chapter 03 2345 lines.", "Call sub_{n}000 with 4096 8192 16384 bytes.", "The mobile app 7.12.1 needs 512 MB."},
	},
}
