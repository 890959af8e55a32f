package classifiers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// What may stand right beside a value. Nothing that is apart hides one: spaces,
// signs, other scripts, escapes of programs and URLs. Names are joined to it by a
// sign; so are pieces of hashes and UUIDs, and numbers. What is glued to it makes it
// a part of something longer; characters that nobody sees are as if not there.
var (
	apartBefore = []string{"", " ", "\t", "\n", "\u00a0", "\u3000", "\"", "'", "`", "(", "[", "{", "<", ">", ",", ";", ":", "=", "|", "\\", "*", "~", "&", "!", "?", "@",
		"-", "_", "/", "x:", "x=", "x@", "漢", "ж", "é", "😀", "—", "－", `\n`, `\t`, `\u00e9`, "%20", "x%3D", "**", "__"}
	namesBefore   = strings.Fields("note- note_ note/ note. x- x_ x/ x. user42- user42_ user42/ my_note- a-b_")
	hashesBefore  = strings.Fields("e29b-41d4-a716- 0cafe- 9f86d081_")
	numbersBefore = strings.Fields("1- 12_ 1. 3.1/ v1.")
	gluedBefore   = []string{"a", "ab1", "1", "Ａ", "x\u200b"}

	apartBehind = []string{"", " ", "\n", "\u00a0", "\"", "'", "`", ")", "]", "}", ">", "<", ",", ";", "|", "\\", "*", "~", "&", "!", "?", "#", "=", ":", ".", ". ", "..",
		"漢", "ж", "😀", "—", `\n`, "_", "-", "- ", "**", "__"}
	namesBehind   = strings.Fields("-note _note -DE _x1 -bob42")
	hashesBehind  = strings.Fields("-e29b-41d4 _0cafe -abcdef")
	numbersBehind = strings.Fields("-1 _1")
	gluedBehind   = strings.Fields("a 1 Ａ")
)

// Where a value is found.
const (
	anywhere = "apart, names, hashes, numbers" // a checksum or form that chance hardly meets
	named    = "apart, names"
	told     = "apart, telling names" // other numbers have the form, too: a word has to speak for it
	signed   = "apart, names, hashes, numbers, glued"
)

var piiNeighbours = []struct {
	kind, value    string
	before, behind string
	tells          string // of a name that speaks for the kind
	hide           string // what hides it all the same, V for the value
}{
	{kind: "CREDIT_CARD", value: "4111111111111111", before: named, behind: named},
	{kind: "CREDIT_CARD", value: "4111 1111 1111 1111", before: named, behind: named},
	{kind: "CREDIT_CARD", value: "378282246310005", before: named, behind: named},
	{kind: "IBAN_CODE", value: "DE89370400440532013000", before: anywhere, behind: anywhere},
	{kind: "IBAN_CODE", value: "DE89 3704 0044 0532 0130 00", before: anywhere, behind: anywhere},
	{kind: "CRYPTO", value: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", before: anywhere, behind: anywhere},
	{kind: "CRYPTO", value: "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", before: anywhere, behind: anywhere},
	{kind: "CRYPTO", value: "0x52908400098527886E0F7030069857D2E4169EE7", before: anywhere, behind: anywhere},
	{kind: "PHONE_NUMBER", value: "+4930901820", before: signed, behind: named},
	{kind: "PHONE_NUMBER", value: "415-555-2671", before: told, behind: named, tells: "tel"},
	{kind: "PHONE_NUMBER", value: "0171 2345678", before: told, behind: named, tells: "mobile"},
	{kind: "US_SSN", value: "536-22-1234", before: named, behind: named},
	{kind: "US_ITIN", value: "912-71-1234", before: named, behind: named},
	{kind: "IP_ADDRESS", value: "203.0.113.42", before: told, behind: named, tells: "host", hide: "host.V V-note V-DE V-bob42"},
	{kind: "IP_ADDRESS", value: "2001:db8:85a3::8a2e:370:7334", before: anywhere, behind: anywhere, hide: ":V e29b-41d4-a716-V 0cafe-V 9f86d081_V 1-V 12_V"},
	{kind: "MAC_ADDRESS", value: "00:1a:2b:3c:4d:5e", before: anywhere, behind: anywhere, hide: ":V e29b-41d4-a716-V 0cafe-V 9f86d081_V 1-V 12_V"},
	{kind: "MAC_ADDRESS", value: "001a.2b3c.4d5e", before: named, behind: anywhere},
	{kind: "UK_NINO", value: "AB123456C", before: named, behind: named},
	{kind: "FR_NIR", value: "185057800608491", before: named, behind: named},
	{kind: "ES_NIF", value: "12345678Z", before: named, behind: named},
	{kind: "ES_NIE", value: "X1234567L", before: named, behind: named},
	{kind: "IT_FISCAL_CODE", value: "RSSMRA85T10A562S", before: anywhere, behind: anywhere, hide: "9f86d081_V 12_V V_0cafe V_1"},
	{kind: "IN_PAN", value: "ABCPE1234F", before: anywhere, behind: anywhere, hide: "9f86d081_V 12_V V_0cafe V_1"},
	{kind: "PL_PESEL", value: "44051401359", before: named, behind: named},
	{kind: "DE_TAX_ID", value: "86095742719", before: named, behind: named},
	{kind: "BR_CPF", value: "52998224725", before: named, behind: named},
	{kind: "BR_CPF", value: "529.982.247-25", before: named, behind: named},
	{kind: "BR_CNPJ", value: "11.222.333/0001-81", before: named, behind: named},
	{kind: "IN_AADHAAR", value: "2341 2341 2346", before: told, behind: named, tells: "aadhaar"},
	{kind: "AU_MEDICARE", value: "2123 45670 1", before: told, behind: named, tells: "medicare"},
	{kind: "CA_SIN", value: "130-692-544", before: told, behind: named, tells: "sin"},
	{kind: "EMAIL_ADDRESS", value: "jane@example.com", before: signed, behind: signed, hide: "V1"},
}

// TestPIINeighbours puts values next to everything that may stand there.
func TestPIINeighbours(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	rules := newPIIRules(t)
	for _, v := range piiNeighbours {
		check := func(before, behind string, want bool) {
			t.Helper()
			text := "it " + before + v.value + behind
			rep, err := c.Classify(t.Context(), userTexts(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rules.find(text), rep.Findings); diff != "" {
				t.Errorf("%q: twin (-) and module (+):\n%s", text, diff)
			}
			got := slices.ContainsFunc(rep.Findings, func(f engine.Finding) bool {
				found := text[f.Span.Start:f.Span.End]
				// What is joined to an address is a part of it.
				return f.Kind == v.kind && (found == v.value || v.kind == "EMAIL_ADDRESS" && strings.Contains(found, v.value))
			})
			if hidden := slices.Contains(strings.Fields(v.hide), before+"V"+behind); got != (want && !hidden) {
				t.Errorf("%s in %q: found %v, want %v", v.kind, text, got, want && !hidden)
			}
		}
		in := func(places, place string) bool { return slices.Contains(strings.Split(places, ", "), place) }
		for place, marks := range map[string][]string{
			"apart": apartBefore, "names": namesBefore, "hashes": hashesBefore, "numbers": numbersBefore, "glued": gluedBefore,
		} {
			for _, mark := range marks {
				check(mark, "", in(v.before, place))
			}
		}
		for place, marks := range map[string][]string{
			"apart": apartBehind, "names": namesBehind, "hashes": hashesBehind, "numbers": numbersBehind, "glued": gluedBehind,
		} {
			for _, mark := range marks {
				check("", mark, in(v.behind, place))
			}
		}
		if v.before == told {
			for _, sign := range []string{"-", "_", "/", "."} {
				check(v.tells+sign, "", true)
			}
		}
	}
}

// TestPIIJoinedNumbers holds what is joined to a word apart from what only looks
// like it.
func TestPIIJoinedNumbers(t *testing.T) {
	var texts []marked
	for _, line := range []string{
		"call-{CREDIT_CARD:4111111111111111}", "call_{CREDIT_CARD:4111111111111111}_end", "user/{CREDIT_CARD:5555555555554444}.json", "pay.{CREDIT_CARD:378282246310005}",
		"card{CREDIT_CARD:4111111111111111}", "visa{CREDIT_CARD:4111 1111 1111 1111}", "VISA{CREDIT_CARD:4111-1111-1111-1111}", "_{CREDIT_CARD:4111 1111 1111 1111}_", "q=card+{CREDIT_CARD:4111111111111111}",
		`{"note":"paid with\n{CREDIT_CARD:4111111111111111}\nthanks"}`, `\u0022{CREDIT_CARD:4111111111111111}\u0022`, "card%3D{CREDIT_CARD:4111111111111111}%26x",
		"iban_{IBAN_CODE:DE89370400440532013000}_2024.pdf", "IBAN-{IBAN_CODE:GB82WEST12345698765432}-old", `\n{IBAN_CODE:NL91ABNA0417164300}`,
		"tel-{PHONE_NUMBER:415-555-2671}", "phone_{PHONE_NUMBER:0171 2345678}", "fax/{PHONE_NUMBER:+44 20 7946 0959}-home", `call\n{PHONE_NUMBER:(415) 555-2671}`, `\nphone {PHONE_NUMBER:4155552671}`,
		"tel_{PHONE_NUMBER:4155552671}", "user-{US_SSN:536-22-1234}", "ssn_{US_SSN:536221234}", "w2-{US_SSN:536-22-1234}.pdf", "kyc/{ES_NIF:12345678Z}", "x-{ES_NIF:12345678Z}", "nino-{UK_NINO:AB123456C}-scan",
		"host-{IP_ADDRESS:203.0.113.42}", "client_{IP_ADDRESS:203.0.113.42}_eth0", "addr:{IP_ADDRESS:2001:db8::1:2}", "mac:{MAC_ADDRESS:00:1a:2b:3c:4d:5e}", "dob_{DATE_OF_BIRTH:1985-03-12}",
		`to:\n{EMAIL_ADDRESS:jane@example.com}\n`, "mailto%3A%20{EMAIL_ADDRESS:jane@example.com}", "{EMAIL_ADDRESS:jane@example.com}-2024", "email={EMAIL_ADDRESS:jane%40example.com}&x=1", "to%3D{EMAIL_ADDRESS:jane%2Btag%40example.com}%26", "{EMAIL_ADDRESS:jane@example.com}.1",
		"cpf-{BR_CPF:52998224725}", "call {BR_CPF:529.982.247-25}", "id={CREDIT_CARD:4111111111111111}", "user:{CREDIT_CARD:4111111111111111}",
		// And what is none of it.
		"550e8400-e29b-41d4-a716-446655440000", "4111a111-dead-4111-8111-411111111111", "00000000-0000-4111-1111-111111111111", "sha-9f86d081884c7d65", "9f86d081-4111111111111111",
		"order-4111111111111111", "order_id_4111111111111111", "inv-5555555555554444", "txn_4111111111111111", "ORD/4111111111111111", "ref.4111111111111111", "SKU-536-22-1234", "part-no-536-22-1234",
		"run-1700000000", "ts_1700000000123", "log.1700000000000", "2024-01-02-1700000000", "backup-20240102-030405", "report_2024-01-02_03-04-05.txt", "evt_1700000000123",
		"978-3-16-148410-0", "isbn-9783161484100", "ISBN_978-3-16-148410-0", "chapter-978-0-306-40615-7", "v1.2.3.4", "lib-1.2.3.4.tar.gz", "pkg_1.2.3.4", "Chrome/120.0.6099.109", "app-10.20.30.40-beta", "release/2.10.12.123",
		"call_12345678", "call_00123456", "job-415-555-2671", "x_0171 2345678", "pin-130-692-544", "key-1234-5678-9012", "abc-1234-56789-0", "lot 12-345-678", "pre_0x4111111111111111", "x4111111111111111", "abc4111111111111111def",
		"0.4111111111111111", "4111111111111111.1", "4111111111111111-4111", "user id 12345678Z", "width: 100%40px", "3.14159265358979", "obj.method1234567890123456()", "int64_9223372036854775807", "1_000_000_000_000", "uuid_4111111111111111", "a716-4111111111111111", "dGVzdA4111111111111111==", "x-4111111111111112",
		`C:\new4111\temp`, `\d{16}`, "100%4111", "user@host:2222", "std::a1::b2", "at 10:45:30:00", "actions/checkout@v4.1.7", "pkg@1.2.3", "logo@2x.png-1",
	} {
		texts = append(texts, unmark(line))
	}
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii", TimeLimit: time.Minute})
	rules := newPIIRules(t)
	for _, m := range texts {
		rep, err := c.Classify(t.Context(), userTexts(m.text))
		if err != nil {
			t.Fatal(err)
		}
		var got []engine.Finding
		for _, f := range rep.Findings {
			got = append(got, engine.Finding{Kind: f.Kind, Span: f.Span})
		}
		if diff := cmp.Diff(m.spans, got); diff != "" {
			t.Errorf("%q:\n%s", m.text, diff)
		}
		if diff := cmp.Diff(rules.find(m.text), rep.Findings); diff != "" {
			t.Errorf("%q: twin (-) and module (+):\n%s", m.text, diff)
		}
	}
}
