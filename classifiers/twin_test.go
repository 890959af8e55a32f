package classifiers

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seeds are texts near the borders of what the detectors look for.
var seeds = []string{
	"",
	"write to jane.doe+tag@mail.example.co.uk, or <bob@exämple.org>.",
	"git@github.com:org/repo logo@2x.png https://u:p@host.example.com x@y.z1",
	"card 4111 1111 1111 1111 12/27, order 4111111111111111, 5500-0000-0000-0004, 340000000000009 6304000000000000",
	"DE89 3704 0044 0532 0130 00 gb82west12345698765432 NO9386011117947",
	"SSN 536-22-1234 or 536 22 1234, itin 912-71-1234, 078-05-1120 666-12-3456",
	"call (212) 555-0123 x42, +44 (0)20 7946 0958, 07700 900123, 030/123456, 001-555-123-4567 60-56-85-91 office",
	"10.0.0.1 v1.2.3.4 version 1.2.3.4 ==1.2.3.4 2001:db8::1 ::1 fe80::1ff:fe23:4567:890a std::1 ::ffff:192.0.2.1 1.2.3.4.5",
	"00:1A:2b:3c:4D:5e 00-1A-2B-3C-4D-5E 00:11:22:33:44:55:66",
	"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq 0x52908400098527886E0F7030069857D2E4169EE7",
	"NHS 943 476 5919, 1 85 05 78 006 084 91, 2341 2341 2346, cpf 529.982.247-25, RSSMRA85T10A562S, DNI 12345678Z X1234567L",
	"4１１１ 1111 1111 １１１１ 4111\u200b1111\u200d1111\ufeff1111 ٤١١١١١١١١١١١١١١١ 212\u2010555\u20110123 jane＠example．com",
	"550e8400-e29b-41d4-a716-446655440000 2024-01-02 03:04:05 1700000000000 978-3-16-148410-0 3.14159265358979",
	"12 34 56 78 90 12 34 56 78 90 1 2 3 4 5 6 7 8 9 555-0100x12 +1 202 555 0100, +49 30 123456",
	"é4111111111111111é 日本4111111111111111語 \u0000@\u0000",
	"NINO AB 12 34 56 C, AB123456C, ab123456c; PAN ABCPE1234F abcpe1234f; SIN 046 454 286 046-454-286 046454286, TFN 123 456 782",
	"Medicare 2123 45670 1, 2123456701; CNPJ 11.222.333/0001-81 12.ABC.345/01DE-35 11222333000181 PESEL 44051401359 IdNr 86 095 742 719",
	"US passport 512345678, passport no: C01X00T47, British passport 925076473, passeport 12AB34567 expires 20300101",
	"born 12 March 1985, DOB: 03/12/1985, March 12, 1985 (date of birth), geboren am 12. März 1985, 1985年3月12日 生年月日, né le 12/03/85 born on the 12th of May, 1990",
	"1 85 05 2A 006 084 35 185052A00608435 RSS MRA 85T10 A562S RSSMRA85T10ARSNV 12.345.678-Z X-1234567-L DNI 12345678 Z",
	"001a.2b3c.4d5e 0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359 wallet 0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359",
	"011 15-2345-6789 8 (912) 345-67-89 0171/2345678 06.12.34.56.78 +44 (0)20 7946 0958 0044 20 7946 0958 011 44 20 7946 0958 612 34 56 78 6123 4567",
	"我的电话号码是13912345678，邮箱jane@example.com谢谢 телефон 8 912 345-67-89 birthDate phoneNumber cardNumber 4111 1111\n1111 1111",
	"৪১১১ ১১১১ ১১১১ ১১১১ 𝟒𝟏𝟏𝟏 𝟙𝟙𝟙𝟙 1111 1111 \u061c4111\U000E00201111 1111 1111 ꧔꧑꧑꧑ 𞥐𑁦 ᠔",
	"FE-9F-1E-4F-62-87 x AB-CD-EF-00-11-22-33 fcac.d335.e318 abcd.ef01.2345 MAC 02-20-22-13-41-33 upgrade from 1.2.3.4 to 1.2.4.0, § 2.1.9.1",
	"name,nhs no,tfn\nann,9434765919,123456782\nbob,943 476 5919,\"123 456 782\"\n\nname;dob;order\nann;12/03/1985;536-22-1234\n",
	"| team | SSN | ref |\n|---|---|---|\n| a | 536221234 | 536-22-1234 |\n\nteam\tpassport no\tborn\nx\tFR3XLCNV3\tMarch 12, 1985\n",
	"N.I.E. X 1234567 L, D.N.I. 12.345.678Z 12345678 Z, CPF 529982247 25, 1 85 05 78 006 084/91, individual taxpayer identification number: 912711234",
	"4022536065915 card 4022536065915 0.078632086449 4111 1111 1111 1111 2437 1209 id,phone\n1,6121231234\n2,030901820\n",
	"{\"columns\": [\"id\", \"nhs no\"], \"index\": [0], \"data\": [[7, \"943 476 5919\"],\n [8, 9434765919]]} [[\"tfn\", \"ref\"], [\"123456782\", \"536-22-1234\"], [123456782, \"x\"]]",
	"{\"rows\":[[\"a\",\"046454286\"],[\"b, c\",\"046 454 286\"]],\"n\":[2],\"header\":[\"team\",\"sin\"]} insert into t (id, `passport no`, born) values\n (1, '512345678', '12/03/1985'),\n (2, 'C01X00T47', NULL);",
	"Residente Z 1234567 R, x 1234567 l, (536221234, 912711234) [[1234567], [7654321]] n° S.S. 185057800608491 C.P.F. 529982247 25",
	"$ 212 345 678, 212 345 678 € 120 000 000 people, order 046 454 286, tracking 212-555-0123, fax 1998-2004 12 345 678",
}

func FuzzPII(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	h := newHost(f)
	c := load(f, h, ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	rules := newPIIRules(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = validUTF8(text)
		got, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rules.find(text), got.Findings); diff != "" {
			t.Errorf("the twin (-) and the module (+) disagree on %q:\n%s", text, diff)
		}
	})
}

// fragments are what random texts are made of, so that forms stand next to each
// other and inside each other more often than mutation would put them.
var fragments = append(strings.Fields(strings.Join(seeds, " ")+" call card order ssn nhs version 0 1 2 3 4 5 6 7 8 9 00 41 4111 1111 555 0100 + ( ) - . / : :: @ # $ x ext"),
	"SIN 046 454 286", "046-454-286", "TFN 123 456 782", "passport 512345678", "passport C01X00T47", "DOB: 1985-03-12", "born 12 March 1985", "March 12, 1985",
	"né le", "生年月日", "phone number", "order id", "call me", "ABCPE1234F", "AB 12 34 56 C", "12.ABC.345/01DE-35", "2123 45670 1", "1 85 05 2A 006 084 35", "wallet",
	"RSS MRA 85T10 A562S", "01 23 45 67 89", "612 34 56 78", "(030) 901820", "+49 30 901820", "(0)", "8 (912) 345-67-89", "€", "USD", "fax",
	"call-", "card_", "x_", "user42-", "a716-", "_", `\n`, `\u00e9`, "%20", "%3D", "%40", "card4111", "mac:", "id=", "host-", "-DE", "_x1",
	"id,nhs,ssn\n", "1,", ",", ";", "\t", "|", "\n|", "| id | passport no |\n|---|---|\n| ", "a;order;dob\nx;", "a\ttfn\n1\t", "\"", ", ", "FE-9F-", "fcac.", "chrome", "X 1234567 L", "12.345.678Z", "FR3XLCNV3", "12/03/1985",
	"[[", "]", "],\n[", "), (", "(id, ssn, dob) VALUES (", ",\"columns\":[\"a\",\"tfn\"]", "\"fields\": [\"ssn\", 'nhs'], \"rows\": [[", "'", "nhs 943 476 5919", "1 85 05 78 006 084 91", "185057800608491", "2341 2341 2346", "aadhaar 498765432102", "(212) 555-0123 ext. 42")

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		f := fragments[r.IntN(len(fragments))]
		if r.IntN(4) == 0 {
			i := r.IntN(len(f) + 1)
			f = f[:i]
		}
		b.WriteString(f)
		if r.IntN(3) > 0 {
			b.WriteString([]string{" ", " ", "-", ".", "\n", ": ", "\u200b", "é"}[r.IntN(8)])
		}
	}
	return validUTF8(b.String())
}

func TestPIITwin(t *testing.T) {
	h := newHost(t)
	c := load(t, h, ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	r := rand.New(rand.NewPCG(1, 2))
	rules := newPIIRules(t)
	found := map[string]int{}
	for range 20_000 {
		text := randomText(r)
		got, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		want := rules.find(text)
		if !slices.Equal(want, got.Findings) {
			t.Fatalf("the twin (-) and the module (+) disagree on %q:\n%s", text, cmp.Diff(want, got.Findings))
		}
		for _, f := range got.Findings {
			found[f.Kind]++
		}
	}
	for _, kind := range c.Info().Kinds {
		if found[kind] == 0 {
			t.Errorf("no text held %s: the test says nothing about it", kind)
		}
	}
}
