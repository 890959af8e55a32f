package main

import (
	"fmt"
	"strings"
)

// national is one kind of national id: how it is made and what stands around it.
type national struct {
	kind   string
	accept []string
	labels [2]string   // parted by |
	prose  [2][]string // with {V}
	make   func(g *gen) string
	styles []string // of the digits, in patterns with # for a character; "": as made
	checks bool     // has a checksum, so that a changed digit is no id
}

var idTarget = Target{Precision: 0.97, Recall: 0.95}

var nationals = []national{
	{
		kind: "US_SSN", labels: [2]string{"SSN|social security number|Social Security No.|soc sec", "social security #|ssn|SS#|taxpayer ssn"},
		prose: [2][]string{
			{"My social security number is {V}, do I need to file?", "SSN {V} and SSN {V} belong to the same household.", "applicant's SSN: {V}. Please fill the W-4.", "they asked for my ssn, {V}, is that normal?"},
			{"For the background check: social security {V}.", "W-2, box a (employee's social security number) {V}", "put ssn {V} into field {n}", "The SSN on file, {V}, is wrong."},
		},
		make: func(g *gen) string {
			for {
				area := g.between(1, 899)
				if area != 666 {
					return fmt.Sprintf("%03d%02d%04d", area, g.between(1, 99), g.between(1, 9999))
				}
			}
		},
		styles: []string{"###-##-####", "###-##-####", "###-##-####", "### ## ####", ""},
	},
	{
		kind: "US_ITIN", labels: [2]string{"ITIN|individual taxpayer identification number", "itin number|IRS ITIN|taxpayer id (ITIN)"},
		prose: [2][]string{
			{"My ITIN is {V}.", "The IRS gave me an ITIN, {V}, instead of an SSN.", "ITIN {V} expires this year."},
			{"Form W-7 led to ITIN {V}.", "She files with an individual taxpayer identification number: {V}", "renew itin {V}"},
		},
		make: func(g *gen) string {
			return fmt.Sprintf("9%02d%02d%04d", g.between(0, 99), pick(g, []int{50, 55, 61, 65, 70, 75, 80, 88, 90, 92, 94, 99}), g.between(0, 9999))
		},
		styles: []string{"###-##-####", "###-##-####", "### ## ####", ""},
	},
	{
		kind: "UK_NHS", labels: [2]string{"NHS number|NHS no.|NHS", "nhs num|patient NHS number|NHS #"}, checks: true,
		prose: [2][]string{
			{"My NHS number is {V}.", "Patient with NHS no {V} was admitted.", "GP asked for the NHS number {V} again"},
			{"Referral for NHS number {V}, urgent.", "booked the jab, nhs {V}", "Discharge letter, NHS No: {V}"},
		},
		make: func(g *gen) string {
			for {
				s := g.like("8") + g.chars(digits, 8)
				if c := 11 - weighted(s, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11; c != 10 {
					return s + fmt.Sprint(c%11)
				}
			}
		},
		styles: []string{"### ### ####", "### ### ####", "", "###-###-####"},
	},
	{
		kind: "UK_NINO", labels: [2]string{"National Insurance number|NINO|NI number", "NI no.|nat insurance no|national insurance"},
		prose: [2][]string{
			{"My NI number is {V}.", "HMRC lost {V}, what now?", "Payroll has {V} on record."},
			{"Her National Insurance number, {V}, is on the P60.", "nino {V} please check", "P45 for {V}, tax code 1257L"},
		},
		make: func(g *gen) string {
			for {
				p := g.chars("ABCEGHJKLMNOPRSTWXYZ", 1) + g.chars("ABCEGHJKLMNPRSTWXYZ", 1)
				if !strings.Contains("BG GB KN NK NT TN ZZ", p) {
					return p + g.chars(digits, 6) + g.chars("ABCD", 1)
				}
			}
		},
		styles: []string{"## ## ## ## #", "", "## ###### #", "##-##-##-##-#"},
	},
	{
		kind: "FR_NIR", labels: [2]string{"numéro de sécurité sociale|NIR|n° sécu", "numéro de sécu|N° de sécurité sociale|No SS|insee"}, checks: true,
		prose: [2][]string{
			{"Mon numéro de sécurité sociale est le {V}.", "Assuré {V}, dossier complet.", "La carte vitale porte le {V}."},
			{"NIR du patient : {V}", "Attestation pour l'assurée {V} (CPAM)", "son numéro de sécu c'est {V}"},
		},
		make: func(g *gen) string {
			s := fmt.Sprintf("%d%02d%02d%02d%03d%03d", g.between(1, 2), g.between(30, 99), g.between(1, 12), g.between(1, 95), g.between(1, 900), g.between(1, 999))
			if s[5:7] == "20" {
				s = s[:5] + "21" + s[7:]
			}
			var n int
			fmt.Sscan(s, &n)
			return s + fmt.Sprintf("%02d", 97-n%97)
		},
		styles: []string{"# ## ## ## ### ### ##", "# ## ## ## ### ### ##", "# ## ## ## ### ### ##", "# ## ## ## ### ### ##", "", "", "", "# ## ## ## ### ###/##", "############# ##"},
	},
	{
		kind: "DE_TAX_ID", labels: [2]string{"Steuer-ID|Steuerliche Identifikationsnummer|IdNr.", "Steuer-Identifikationsnummer|TIN (Germany)|Steueridentnummer|Steuer ID"}, checks: true,
		prose: [2][]string{
			{"Meine Steuer-ID lautet {V}.", "Das Finanzamt kennt die IdNr. {V} nicht.", "Bitte Steueridentifikationsnummer {V} eintragen."},
			{"Kindergeldantrag: Steuer-ID des Kindes {V}", "meine steuerid {V} stimmt nicht", "Arbeitgeber braucht die Identifikationsnummer (Steuer) {V}."},
		},
		make:   germanTaxID,
		styles: []string{"## ### ### ###", "", "", "## ### ### ###", "##/###/###/###"},
	},
	{
		kind: "ES_NIF", labels: [2]string{"DNI|NIF|D.N.I.", "dni/nif|núm. DNI|documento nacional"}, checks: true,
		prose: [2][]string{
			{"Mi DNI es {V}.", "El titular con DNI {V} firma el contrato.", "¿Es correcto el NIF {V}?"},
			{"Con D.N.I. núm. {V}, vecino de la villa", "adjunto dni {V}", "El inquilino ({V}) no paga."},
		},
		make: func(g *gen) string {
			n := g.between(1000000, 99999999)
			return fmt.Sprintf("%08d%c", n, spanishLetter(n))
		},
		styles: []string{"", "", "", "########-#", "########-#", "##.###.###-#", "######## #", "##.###.####"},
	},
	{
		kind: "ES_NIE", labels: [2]string{"NIE|N.I.E.", "nie|número NIE|NIE extranjero"}, checks: true,
		prose: [2][]string{
			{"Mi NIE es {V}.", "La extranjera con NIE {V} solicita cita.", "My Spanish NIE: {V}"},
			{"Renovar la tarjeta de {V} antes de mayo.", "nie {V} caducado", "Extranjería tiene registrado el número {V}."},
		},
		make: func(g *gen) string {
			n := g.between(0, 29999999)
			s := fmt.Sprintf("%08d", n)
			return string("XYZ"[n/10000000]) + s[1:] + string(spanishLetter(n))
		},
		styles: []string{"", "", "", "", "#-#######-#", "#-#######-#", "#-########", "#-########", "# ####### #"},
	},
	{
		kind: "IT_FISCAL_CODE", labels: [2]string{"codice fiscale|C.F.|Cod. Fisc.", "CF|cod. fiscale|tessera sanitaria"}, checks: true,
		prose: [2][]string{
			{"Il mio codice fiscale è {V}.", "Fattura intestata a {V}.", "Il paziente {V} è stato dimesso."},
			{"Compilare l'F24 per {V}", "cf {V} grazie", "Contraente: {V}, residente in via {w}."},
		},
		make: func(g *gen) string {
			s := g.chars("BCDFGLMNPRSTVZ", 6) + g.chars(digits, 2) + g.chars("ABCDEHLMPRST", 1)
			day := g.between(1, 31) + 40*g.IntN(2)
			s += fmt.Sprintf("%02d%s%03d", day, pick(g, []string{"A", "F", "H", "L", "G"}), g.between(1, 990))
			return s + string(fiscalLetter(s))
		},
		styles: []string{"", "", "", "### ### ##### #####", "lower"},
	},
	{
		kind: "PL_PESEL", labels: [2]string{"PESEL|nr PESEL", "pesel|numer PESEL|PESEL dziecka"}, checks: true,
		prose: [2][]string{
			{"Mój PESEL to {V}.", "Pacjent o numerze PESEL {V} czeka.", "Podaj PESEL: {V}, i datę."},
			{"legitymuje się numerem PESEL {V}", "pesel {V} nie działa", "Wniosek, PESEL wnioskodawcy {V}"},
		},
		make: func(g *gen) string {
			y, m := g.between(30, 99), g.between(1, 12)
			if g.chance(3) {
				y, m = g.between(0, 24), m+20
			}
			s := fmt.Sprintf("%02d%02d%02d%04d", y, m, g.between(1, 28), g.IntN(10000))
			return s + fmt.Sprint((10-weighted(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10)
		},
		styles: []string{""},
	},
	{
		kind: "IN_AADHAAR", labels: [2]string{"Aadhaar|Aadhaar number|aadhar no", "UIDAI|Aadhaar card no.|आधार"}, checks: true,
		prose: [2][]string{
			{"My Aadhaar is {V}, link it to the SIM.", "Aadhaar number {V} is not linked.", "mera aadhaar {V} hai"},
			{"KYC done with Aadhaar {V}.", "UIDAI says {V} is suspended", "aadhar card: {V} pls update"},
		},
		make: func(g *gen) string {
			s := g.like("8") + g.chars(digits, 10)
			return s + string(verhoeff(s))
		},
		styles: []string{"#### #### ####", "#### #### ####", "", "####-####-####"},
	},
	{
		kind: "IN_PAN", labels: [2]string{"PAN|PAN card|PAN no.", "permanent account number|pan number|income tax PAN"},
		prose: [2][]string{
			{"My PAN is {V}.", "Form 16 shows PAN {V}.", "PAN card {V} not linked with aadhaar"},
			{"TDS was filed under {V}.", "pan {V}, AY 2026-27", "Deductee PAN: {V}"},
		},
		make:   func(g *gen) string { return g.chars(upper, 3) + g.chars("PPPCHFATBLJG", 1) + g.like("A9999A") },
		styles: []string{"", "", "", "lower"},
	},
	{
		kind: "CA_SIN", labels: [2]string{"SIN|social insurance number|NAS", "Social Insurance No.|sin #|numéro d'assurance sociale"}, checks: true,
		prose: [2][]string{
			{"My social insurance number is {V}.", "CRA needs the SIN {V}.", "Mon NAS est {V}."},
			{"T4 slip, social insurance number {V}", "Service Canada reissued SIN {V}", "assurance sociale : {V}"},
		},
		make: func(g *gen) string {
			s := g.chars("1234567", 1) + g.chars(digits, 7)
			return s + string(luhn(s))
		},
		styles: []string{"###-###-###", "### ### ###", ""},
	},
	{
		kind: "AU_TFN", labels: [2]string{"TFN|tax file number", "Tax File No.|ATO TFN|tfn"}, checks: true,
		prose: [2][]string{
			{"My TFN is {V}.", "The ATO has my tax file number {V}.", "TFN {V} for the super fund"},
			{"tax file number declaration: {V}", "new starter, tfn {V}", "Quote TFN {V} on the form."},
		},
		make: func(g *gen) string {
			for {
				if s := g.chars(digits[1:], 1) + g.chars(digits, 8); weighted(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 {
					return s
				}
			}
		},
		styles: []string{"### ### ###", "### ### ###", "", "###-###-###"},
	},
	{
		kind: "AU_MEDICARE", labels: [2]string{"Medicare number|Medicare card|Medicare no.", "medicare|Medicare #|Medicare card number"}, checks: true,
		prose: [2][]string{
			{"My Medicare number is {V}.", "Bulk billed to Medicare {V}.", "medicare card {V} ref 1"},
			{"Patient's Medicare no {V}, expires 11/27", "Claim under Medicare card number {V}.", "medicare {V} pls"},
		},
		make: func(g *gen) string {
			s := g.chars("23456", 1) + g.chars(digits, 7)
			return s + fmt.Sprint(weighted(s, 1, 3, 7, 9, 1, 3, 7, 9)%10) + g.chars(digits[1:], 1)
		},
		styles: []string{"#### ##### #", "#### ##### #", "", "####-#####-#"},
	},
	{
		kind: "BR_CPF", labels: [2]string{"CPF|CPF nº", "cpf|C.P.F.|CPF do titular"}, checks: true,
		prose: [2][]string{
			{"Meu CPF é {V}.", "Cliente de CPF {V} pediu estorno.", "nota fiscal no CPF {V}"},
			{"Inscrito no CPF sob o nº {V}", "cpf na nota: {V}", "O titular {V} não foi encontrado."},
		},
		make: func(g *gen) string {
			s := g.chars(digits, 9)
			return s + cpfDigits(s, 11)
		},
		styles: []string{"###.###.###-##", "###.###.###-##", "###.###.###-##", "", "", "", "#########-##", "######### ##"},
	},
	{
		kind: "BR_CNPJ", labels: [2]string{"CNPJ|CNPJ nº", "cnpj|CNPJ do emitente|C.N.P.J."}, checks: true,
		prose: [2][]string{
			{"O CNPJ da empresa é {V}.", "Fornecedor {V} emitiu a nota.", "CNPJ {V} está inapto"},
			{"Inscrita no CNPJ sob o nº {V}", "cnpj {V} simples nacional", "Contratada: {V}, com sede em {w}."},
		},
		make: func(g *gen) string {
			s := g.chars(digits, 8) + "0001"
			return s + cpfDigits(s, 9)
		},
		styles: []string{"##.###.###/####-##", "##.###.###/####-##", ""},
	},
	{
		kind: "US_PASSPORT", accept: []string{"PASSPORT"}, labels: [2]string{"US passport number|passport no.|Passport #", "U.S. passport|passport number (USA)|American passport no"},
		prose: [2][]string{
			{"My US passport number is {V}.", "Passport {V}, issued by the State Department.", "DS-82 for passport {V}"},
			{"American citizen, passport no. {V}", "U.S. passport {V} was lost in {w}.", "TSA: passport number {V}"},
		},
		make: func(g *gen) string {
			return pick(g, []string{g.chars(digits[1:], 1) + g.chars(digits, 8), g.like("A99999999")})
		},
		styles: []string{""},
	},
	{
		kind: "PASSPORT", accept: []string{"US_PASSPORT"}, labels: [2]string{"passport number|Passport No|Reisepass-Nr.|numéro de passeport|pasaporte", "passport|Passnummer|passeport n°|nº de pasaporte|passaporto|nr paszportu"},
		prose: [2][]string{
			{"My passport number is {V}, valid until 2031.", "Reisepass {V}, ausgestellt in Bonn.", "Mon passeport {V} expire bientôt.", "Pasaporte {V} extraviado.", "visa for passport {V}"},
			{"British passport {V} was scanned at {t}.", "Die Reisepassnummer lautet {V}.", "Passeport n° {V}, délivré en mai.", "Passaporto {V} smarrito.", "check-in asks for passport no, it's {V}"},
		},
		make: func(g *gen) string {
			return pick(g, []string{
				g.chars(digits, 9), // GB
				g.chars("CFGHJK", 1) + g.chars("CFGHJKLMNPRTVWXYZ0123456789", 7) + g.chars(digits, 1), // DE
				g.like("99AA99999"),      // FR
				g.like("A9999999"),       // IN, AU
				g.like("AA999999"),       // CA
				g.like("AA9999999"),      // IT, PL, JP
				g.like("AAA999999"),      // ES
				"E" + g.like("99999999"), // CN
			})
		},
		styles: []string{""},
	},
}

// germanTaxID has eleven digits: of the first ten exactly one comes twice or
// three times, and none is missing more than that asks for.
func germanTaxID(g *gen) string {
	for {
		p := g.Perm(10)
		b := make([]byte, 10)
		for i, d := range p {
			b[i] = byte('0' + d)
		}
		i, j := g.IntN(10), g.IntN(10)
		if i == j || i == j+1 || j == i+1 {
			continue
		}
		b[i] = b[j]
		if b[0] == '0' {
			continue
		}
		return string(b) + string(iso11(string(b)))
	}
}

func styled(s, style string) string {
	switch style {
	case "":
		return s
	case "lower":
		return strings.ToLower(s)
	}
	var b strings.Builder
	i := 0
	for _, c := range style {
		if c == '#' {
			b.WriteByte(s[i])
			i++
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// topic makes a section of the id. Its near misses have the same look: an id
// whose checksum does not hold, under its own label, and ones that hold or not
// under the label of something else.
func (n national) topic() topic {
	draw := func(g *gen) value {
		style := pick(g, n.styles)
		s := n.make(g)
		return odd(g, value{text: styled(s, style), class: "style " + orPlain(style)})
	}
	labels := [2][]string{strings.Split(n.labels[0], "|"), strings.Split(n.labels[1], "|")}
	tp := topic{
		name: strings.ToLower(n.kind), module: "pii", kind: n.kind, accept: n.accept, target: idTarget,
		labels: labels, prose: n.prose, draw: draw,
		near: []near{
			{class: "same look, other label", labels: []string{"order no.", "batch", "meter reading", "Artikelnummer", "ref", "job id"}, draw: func(g *gen) string {
				s := n.make(g)
				if n.checks {
					s = n.broken(g)
				}
				return styled(s, pick(g, n.styles))
			}},
			{class: "digits, other label", labels: []string{"invoice", "serial", "parcel", "customer no"}, draw: func(g *gen) string { return g.chars(digits, len(n.make(g))) }},
		},
		nearProse: [2][]string{
			{"How is a " + labels[0][0] + " made up? In {n} lines, please.", "The form has a field for the " + labels[0][0] + ", see page {n}, section 2026-11."},
			{"Do I need a " + labels[1][0] + " to rent a {w} in 2026?", "Regex for a " + labels[1][0] + " with {n} tests"},
		},
	}
	if n.kind == "US_SSN" {
		tp.target = Target{Precision: 0.99, Recall: 0.98}
		tp.near = append(tp.near, near{class: "no area of SSNs", labels: []string{"id", "ssn"}, draw: func(g *gen) string {
			return pick(g, []string{"000-", "666-", "9" + g.like("99-")}) + pick(g, []string{g.like("18-8999"), "00-" + g.like("8999")})
		}})
	}
	if n.checks {
		tp.near = append(tp.near, near{class: "wrong checksum", labels: labels[0], draw: func(g *gen) string {
			return styled(n.broken(g), pick(g, n.styles))
		}})
	}
	return tp
}

// broken is an id whose checksum does not hold.
func (n national) broken(g *gen) string {
	for {
		s := n.make(g)
		b := changed(g, s)
		switch n.kind {
		case "AU_MEDICARE": // the last digit is no part of the checksum
			if b[9] != s[9] {
				continue
			}
		case "BR_CPF", "BR_CNPJ": // remainders 0 and 1 have the same digit
			top := map[string]int{"BR_CPF": 11, "BR_CNPJ": 9}[n.kind]
			if k := len(b) - 2; cpfDigits(b[:k], top) == b[k:] {
				continue
			}
		}
		return b
	}
}

func orPlain(style string) string {
	if style == "" {
		return "plain"
	}
	return style
}
