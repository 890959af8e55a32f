package main

import (
	"fmt"
	"net/netip"
	"strings"
)

func emailC(g *gen) value {
	local := pick(g, []string{"laura.weber", "m.santos", "kjohnson", "support", "billing", "piotr_zielinski", "no-reply", "hr", "sven.k", "t.okoye", "claire-dubois", "ops.team", "j.r.smith", "yamada", "nina+shop", "françois.leroy"})
	host := pick(g, []string{"gmail.com", "outlook.com", "yahoo.co.jp", "web.de", "orange.fr", "protonmail.com", "icloud.com", "libero.it", "wp.pl", "uol.com.br", "contoso.co.in", "mail.brightpeak.net", "uni-freiburg.de", "acme-corp.com", "dept.gov.uk", "kiosk24.shop", "firma.example.org", "team.startup.app", "bücher-lang.de"})
	s := local + g.like(pick(g, []string{"", "", "", "9", "99", "19\\89"})) + "@" + host
	class := "ascii"
	if !isASCII(s) {
		class = "unicode"
	}
	if g.chance(20) {
		s, class = strings.ToUpper(s), class+", capitals"
	}
	return value{text: s, class: class}
}

// ipC has more private and documentation addresses than A and B, as logs do, and
// IPv6 in its canonical form.
func ipC(g *gen) value {
	switch g.IntN(10) {
	case 0, 1:
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		if g.chance(2) {
			b = [16]byte{0x24, 0x04, 0x68, byte(g.between(0, 255))}
		}
		copy(b[4:8], g.bytes(4))
		copy(b[8+2*g.IntN(4):], g.bytes(2))
		b[15] = byte(g.between(1, 255))
		return value{text: netip.AddrFrom16(b).String(), class: "v6 canonical"}
	case 2:
		b := [16]byte{0xfd}
		copy(b[1:], g.bytes(15))
		return value{text: netip.AddrFrom16(b).String(), class: "v6 unique local"}
	case 3:
		s := ipv4(g)
		return value{text: s + ":" + pick(g, []string{"80", "443", "8080", "5432", "51820"}), core: s, class: "v4 port"}
	case 4, 5:
		return value{text: fmt.Sprintf("192.168.%d.%d", g.between(0, 254), g.between(1, 254)), class: "v4 private"}
	case 6:
		return value{text: fmt.Sprintf("10.%d.%d.%d", g.between(0, 254), g.between(0, 254), g.between(1, 254)), class: "v4 private"}
	}
	return value{text: ipv4(g), class: "v4"}
}

func birthdayC(g *gen) value {
	y, m, d := g.between(1935, 2015), g.between(1, 12), g.between(1, 28)
	italian := strings.Fields("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre")
	en := months[0][m-1]
	forms := [][2]string{
		{"d.m.yyyy", fmt.Sprintf("%d.%d.%04d", d, m, y)}, {"dd.mm.yyyy", fmt.Sprintf("%02d.%02d.%04d", d, m, y)}, {"dd/mm/yyyy", fmt.Sprintf("%02d/%02d/%04d", d, m, y)}, {"m/d/yyyy", fmt.Sprintf("%d/%d/%04d", m, d, y)},
		{"iso", fmt.Sprintf("%04d-%02d-%02d", y, m, d)}, {"yyyy/mm/dd", fmt.Sprintf("%04d/%02d/%02d", y, m, d)}, {"dd.mm.yy", fmt.Sprintf("%02d.%02d.%02d", d, m, y%100)}, {"Mon d, yyyy", fmt.Sprintf("%s %d, %d", en[:3], d, y)},
		{"dd Mon yyyy", fmt.Sprintf("%02d %s %d", d, en[:3], y)}, {"Month d yyyy", fmt.Sprintf("%s %d %d", en, d, y)}, {"german", fmt.Sprintf("%d. %s %d", d, months[1][m-1], y)}, {"french", fmt.Sprintf("%d %s %d", d, months[2][m-1], y)},
		{"spanish", fmt.Sprintf("%d de %s de %d", d, months[3][m-1], y)}, {"italian", fmt.Sprintf("%d %s %d", d, italian[m-1], y)},
	}
	f := pick(g, forms)
	return value{text: f[1], class: f[0]}
}

// nearLabelsC call the near misses of A and B other names, by their class.
var nearLabelsC = map[string][]string{
	"same look, other label":        {"case id", "lot", "Auftragsnummer", "stock no.", "référence", "rack"},
	"digits, other label":           {"receipt", "Belegnummer", "machine no", "n° de commande", "seq"},
	"other date":                    {"start date", "expires", "Rechnungsdatum", "last login", "échéance", "fecha de pago", "shipped"},
	"founded":                       {"company founded", "built in", "first release", "effective"},
	"phone-like id":                 {"membership id", "Inventarnr.", "SKU", "docket", "n° client"},
	"card without luhn":             {"gift code", "loyalty id", "meter no.", "shipment"},
	"long id":                       {"event id", "msg_id", "record", "job"},
	"masked card":                   {"Visa", "ending in"},
	"iban with a wrong checksum":    {"old ref", "IBAN?", "contract"},
	"account":                       {"BLZ", "branch code", "ledger"},
	"four-part version":             {"FileVersion", "release", "Edge", "BIOS"},
	"no area of SSNs":               {"sample id", "form no"},
	"object id":                     {"oid", "MIB"},
	"address with a wrong checksum": {"string", "code"},
	"bech32 with a wrong checksum":  {"string", "code"},
	"transaction hash":              {"txid", "block hash"},
	"package at version":            {"requires", "yarn"},
	"handle":                        {"follow", "by"},
	"fingerprint":                   {"cert thumbprint", "md5 fingerprint"},
	"uuid":                          {"guid", "span"},
	"measure":                       {"dims", "viewport", "capacity"},
}

// missesOf are the near misses of a topic in a set.
func (tp *topic) missesOf(set Set) []near {
	if set != C {
		return tp.near
	}
	var out []near
	for _, n := range tp.near {
		if n.class == "wrong checksum" {
			n.labels = tp.partsOf(C).labels
		} else if labels, ok := nearLabelsC[n.class]; ok {
			n.labels = labels
		}
		out = append(out, n)
	}
	return out
}

// sharedNearC are values of no interest, of other kinds than sharedNear.
var sharedNearC = []near{
	{class: "issue key", labels: []string{"issue", "Jira", "blocks"}, draw: func(g *gen) string { return g.like(pick(g, []string{"AAA-999", "AA-99999", "#9999", "AAAA-9"})) }},
	{class: "pod", labels: []string{"pod", "hostname", "replica set"}, draw: func(g *gen) string {
		return pick(g, wordsC) + "-" + g.chars(lower[:20]+"56789", 9) + "-" + g.chars(lower[:20]+"56789", 5)
	}},
	{class: "version range", labels: []string{"requires", "engines", "constraint"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{">=8.9.9,<9.0.0", "~>9.99", "^9.9.99-rc.9", "==9.9.9.post9"}))
	}},
	{class: "doi", labels: []string{"DOI", "cite"}, draw: func(g *gen) string { return g.like("10.8999/a.9999.99") }},
	{class: "preprint", labels: []string{"arXiv", "paper"}, draw: func(g *gen) string { return g.like("260" + "8.99999") }},
	{class: "cas number", labels: []string{"CAS", "substance"}, draw: func(g *gen) string { return g.like(pick(g, []string{"899-99-9", "8999-99-9", "89999-99-9"})) }},
	{class: "statute", labels: []string{"statute", "Az.", "docket no."}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"8 A\\a 99/26", "26-cv-99999", "§ 899 \\Abs. 8", "C-899/26"}))
	}},
	{class: "flight", labels: []string{"flight", "Zug", "vol"}, draw: func(g *gen) string { return g.like(pick(g, []string{"AA 899", "AA8999", "ICE 899", "8A 99"})) }},
	{class: "memory address", labels: []string{"rip", "addr", "at"}, draw: func(g *gen) string { return "0x00007f" + g.chars(hex, 10) }},
	{class: "error code", labels: []string{"HRESULT", "exit", "errno"}, draw: func(g *gen) string {
		return pick(g, []string{"0x8007" + g.chars(hex, 4), g.like("OR\\A-09999"), g.like("E8999"), "-" + g.like("899")})
	}},
	{class: "duration", labels: []string{"took", "p99", "timeout", "Dauer"}, draw: func(g *gen) string { return g.like(pick(g, []string{"899ms", "8.999s", "PT8H99M", "00:09:19.999"})) }},
	{class: "size", labels: []string{"bytes", "memory", "Größe", "rows"}, draw: func(g *gen) string { return g.like(pick(g, []string{"8999999", "89.9 MiB", "899,999", "8 999 999"})) }},
	{class: "price", labels: []string{"price", "Summe", "prix", "saldo"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"89,99 €", "USD 8,999.00", "R$ 899,99", "899.99 PL\\N"}))
	}},
	{class: "cron", labels: []string{"schedule", "cron"}, draw: func(g *gen) string { return fmt.Sprintf("%d %d * * %d", g.IntN(60), g.IntN(24), g.IntN(7)) }},
	{class: "docker tag", labels: []string{"image", "tag"}, draw: func(g *gen) string { return pick(g, wordsC) + ":" + g.like("8.99.9-\\alpine3.19") }},
	{class: "describe", labels: []string{"git describe", "build id"}, draw: func(g *gen) string { return g.like("v8.9.9-99-g") + g.chars(hex, 8) }},
	{class: "order code", labels: []string{"PO", "Auftrag", "commande", "RMA", "booking ref"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"PO-899999", "26/99999", "AAAAAA", "RM\\A8999999", "45" + "99999999"}))
	}},
	{class: "plan or grid", labels: []string{"room", "shelf", "seat", "grid"}, draw: func(g *gen) string { return g.like(pick(g, []string{"8.99", "A-99-8", "8-99-A", "99A"})) }},
	{class: "clock", labels: []string{"from/to", "opening", "Uhrzeit"}, draw: func(g *gen) string {
		return fmt.Sprintf("%02d:%02d-%02d:%02d", g.between(6, 11), g.IntN(60), g.between(12, 22), g.IntN(60))
	}},
	{class: "guid in braces", labels: []string{"ProductCode", "clsid"}, draw: func(g *gen) string { return "{" + strings.ToUpper(uuid(g)) + "}" }},
	{class: "statistics", labels: []string{"ci95", "mean±sd", "p"}, draw: func(g *gen) string {
		return g.like(pick(g, []string{"0.899-0.999", "89.9 ± 8.99", "p=0.0899", "8.99e-9"}))
	}},
}
