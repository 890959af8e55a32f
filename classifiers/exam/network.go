package main

import (
	"fmt"
	"strings"
)

var (
	localNames = []string{"anna", "jdoe", "k.lund", "maria.rossi", "o_brien", "pat.o'neil", "info", "sales-eu", "t.nguyen", "bob+news", "x92", "first.last", "HR.Team", "rené.petit", "jörg.m", "мария", "用户", "a", "dev_ops-2"}
	hostNames  = []string{"wexlor", "bruma-tools", "northlake", "qotive", "hallgarten", "mail.tessrin", "zorblatt", "eu.cloudvane", "4ways", "müller-bau", "кафе-рога", "例子公司", "grönsaker"}
	topDomains = []string{"com", "com", "org", "net", "de", "fr", "co.uk", "io", "com.br", "ai", "info", "dev", "museum", "рф", "xn--p1ai", "中国", "tech"}
)

func email(g *gen) value {
	local, host, tld := pick(g, localNames), pick(g, hostNames), pick(g, topDomains)
	s := local + g.like(pick(g, []string{"", "", "9", "99"})) + "@" + host + g.like(pick(g, []string{"", "9"})) + "." + tld
	class := "ascii"
	switch {
	case !isASCII(local):
		class = "unicode local part"
	case !isASCII(host + tld):
		class = "idn"
	case strings.ContainsAny(local, "+'"):
		class = "rare character"
	}
	if g.chance(12) {
		s, class = strings.ToUpper(s), class+", capitals"
	}
	return value{text: s, class: class}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

var emails = topic{
	name: "email", module: "pii", kind: "EMAIL_ADDRESS", target: Target{Precision: 0.99, Recall: 0.98}, draw: email,
	labels: [2][]string{{"email", "e-mail", "From", "E-Mail-Adresse", "courriel", "correo"}, {"mail", "Reply-To", "contact", "adresse e-mail", "login", "user"}},
	prose: [2][]string{
		{
			"Write to {V}, please.", "From: Sales <{V}>\nTo: <{V}>\nSubject: {w}\n\nhello", "mailto:{V}?subject=hi", "Meine Adresse ist {V}.", "Contactez {V} ou {V} !",
			"Escríbeme a {V}…", "cc {V};{V};{V}", "[{V}](mailto:{V}) is the maintainer", "git log: Author: Dev {w} <{V}>", "who owns {V}?", "請寄到 {V}。",
		},
		{
			"Forward it to {V} and remove {V} from the list.", "\"{w} desk\" <{V}> wrote:\n> ok", "Kontakt: {V} (Büro)", "Mon adresse, c'est {V}.", "scrivi a {V}, poi chiama",
			"{V}, {V} and {V} bounced", "<a href=\"mailto:{V}\">mail us</a>", "user={V}&lang=en", "Signed-off-by: {w} <{V}>", "пишите на {V}", "add '{V}' as an admin",
		},
	},
	near: []near{
		{class: "package at version", labels: []string{"dependency", "npm", "image"}, draw: func(g *gen) string {
			return pick(g, []string{"@types/", "", "@" + pick(g, words) + "/"}) + pick(g, words) + g.like("@^9.99.9")
		}},
		{class: "retina image", labels: []string{"icon", "asset"}, draw: func(g *gen) string { return pick(g, words) + pick(g, []string{"@2x.png", "@3x.webp", "@1.5x.jpg"}) }},
		{class: "handle", labels: []string{"mention", "twitter", "owner"}, draw: func(g *gen) string { return "@" + pick(g, words) + "." + pick(g, words) }},
		{class: "shell prompt", labels: []string{"terminal", "host"}, draw: func(g *gen) string { return "root@" + pick(g, words) + g.like("-99") + ":~#" }},
		{class: "decorator", labels: []string{"code", "line"}, draw: func(g *gen) string { return "@" + pick(g, words) + ".route(\"/\")" }},
		{class: "image digest", labels: []string{"image", "from"}, draw: func(g *gen) string { return pick(g, words) + "@sha256:" + g.chars(hex, 64) }},
		{class: "no domain", labels: []string{"unit", "user"}, draw: func(g *gen) string {
			return pick(g, []string{"getty@tty1", "postgres@localhost", "me@home", "a @ b.c"})
		}},
		{class: "matrix product", labels: []string{"expr", "python"}, draw: func(g *gen) string { return pick(g, []string{"W@x+b", "a.T@b", "(q@k.T)/8", "x@ y"}) }},
	},
	nearProse: [2][]string{
		{"Sold {n} @ 3.50 each.", "Meet @ noon. ok?", "An address has a local part, an @ and a domain."},
		{"{n}@{n}.00 on the open", "use git rev-parse @{u}", "price@volume tables in {w}"},
	},
}

func ipv4(g *gen) string {
	first := pick(g, []int{10, 172, 192, g.between(11, 126), g.between(128, 171), g.between(193, 197), g.between(204, 223)})
	second := g.between(0, 255)
	switch first {
	case 172:
		second = g.between(16, 31)
	case 192:
		second = 168
	}
	return fmt.Sprintf("%d.%d.%d.%d", first, second, g.between(0, 255), g.between(1, 254))
}

func ip(g *gen) value {
	group := func() string { return fmt.Sprintf("%x", g.between(1, 0xffff)) }
	switch g.IntN(12) {
	case 0, 1:
		var p []string
		for range 7 {
			p = append(p, group())
		}
		return value{text: "2a0" + g.like("8") + ":" + strings.Join(p, ":"), class: "v6 full"}
	case 2, 3:
		return value{text: "2a" + g.like("99") + ":" + group() + "::" + group(), class: "v6 short"}
	case 4:
		return value{text: "fe80::" + group() + ":" + group() + ":" + group() + ":" + group() + pick(g, []string{"", "%eth0"}), class: "v6 link-local"}
	case 5:
		return value{text: "::ffff:" + ipv4(g), class: "v6 mapped"}
	case 6:
		s := "2600:" + group() + ":" + group() + "::" + group()
		return value{text: "[" + s + "]:" + g.like("8999"), core: s, class: "v6 bracket, port"}
	case 7:
		s := ipv4(g)
		return value{text: s + ":" + g.like("8999"), core: s, class: "v4 port"}
	case 8:
		s := ipv4(g)
		return value{text: s + "/" + pick(g, []string{"24", "32", "16"}), core: s, class: "v4 net"}
	}
	return odd(g, value{text: ipv4(g), class: "v4"})
}

var ips = topic{
	name: "ip", module: "pii", kind: "IP_ADDRESS", target: Target{Precision: 0.95, Recall: 0.97}, draw: ip,
	labels: [2][]string{{"ip", "client ip", "IP-Adresse", "remote addr", "source", "host"}, {"ip address", "peer", "src", "adresse IP", "bind", "X-Forwarded-For"}},
	prose: [2][]string{
		{
			"ping {V} times out, why?", "{V} - - [{d}] \"GET /{w} HTTP/1.1\" 200 {n}", "Block {V} and {V} in the firewall.", "sshd[{n}]: Failed password for root from {V}", "Der Server {V} antwortet nicht.",
			"curl http://{V}/health", "route add {V} via {V}", "Received: from {w} ({V}) by mx", "la máquina {V} está caída",
		},
		{
			"traceroute shows {V} then {V} then nothing", "iptables -A INPUT -s {V} -j DROP", "Who is behind {V}?", "nginx: upstream {V} timed out at {t}", "L'adresse {V} est bloquée.", "Accept from {V} only",
			"{d} {t} DENY {V} -> {V}", "dig +short gave {V}.",
		},
	},
	near: []near{
		{class: "four-part version", labels: []string{"version", "Chrome", "build", "File version", "nuget"}, draw: func(g *gen) string {
			return fmt.Sprintf("%d.%d.%d.%d", g.between(1, 20), g.between(0, 20), g.between(0, 99), g.between(0, 99))
		}},
		{class: "octet too large", labels: []string{"value", "ip?"}, draw: func(g *gen) string { return g.like("3") + g.like("99.400.19.29") }},
		{class: "object id", labels: []string{"OID", "snmp"}, draw: func(g *gen) string { return "1.3.6.1.4.1." + g.like("8999.1.8") }},
		{class: "section", labels: []string{"section", "see chapter", "§"}, draw: func(g *gen) string { return g.like("8.1.8.1") }},
		{class: "time", labels: []string{"duration", "start"}, draw: func(g *gen) string { return g.like("12:49:09") }},
		{class: "fingerprint", labels: []string{"fingerprint", "SHA1"}, draw: func(g *gen) string { return strings.TrimSuffix(strings.Repeat(g.like("hh:hh:"), 10), ":") }},
		{class: "path in code", labels: []string{"call", "type"}, draw: func(g *gen) string { return pick(g, []string{"std::vec", "a::b::c", "Foo::bar", "abc::de", "::add"}) }},
		{class: "five parts", labels: []string{"id", "release"}, draw: func(g *gen) string { return g.like("19.28.1.8.19") }},
	},
	nearProse: [2][]string{
		{"Upgrade from 1.2.3.4 to 1.2.4.0 of the {w} driver.", "The ratio is 16:9, at 10:30.", "In Rust, use std::io::Read; in C++ std::dec."},
		{"Release notes 4.0.1.2: fixes {w}. Release notes 4.0.1.3: none.", "Psalm 23:1-6 and Matt 5:3", "firmware v2.10.0.7 on all {n} devices"},
	},
}

func mac(g *gen) value {
	o := g.bytes(6)
	o[0] &^= 1 // of one device, not of a group
	parted := strings.ReplaceAll(fmt.Sprintf("% x", o), " ", ":")
	switch g.IntN(6) {
	case 0, 1:
		return value{text: strings.ToUpper(strings.ReplaceAll(parted, ":", "-")), class: "hyphens"}
	case 2:
		return value{text: grouped(fmt.Sprintf("%x", o), 4, "."), class: "dots"}
	case 3:
		return value{text: strings.ToUpper(parted), class: "colons, capitals"}
	}
	return value{text: parted, class: "colons"}
}

var macs = topic{
	name: "mac", module: "pii", kind: "MAC_ADDRESS", target: Target{Precision: 0.95, Recall: 0.97}, draw: mac,
	labels: [2][]string{{"mac", "hwaddr", "MAC-Adresse", "ether"}, {"mac address", "bssid", "physical address", "adresse MAC"}},
	prose: [2][]string{
		{"Wake {V} by LAN.", "link/ether {V} brd ff", "Ist {V} in der Freigabeliste?", "arp: who is {V}", "The printer {V} lost its lease at {t}."},
		{"dhcpd: lease for {V} expired", "Ban {V} from the guest Wi-Fi.", "l'appareil {V} est inconnu", "set interface {w} mac {V}", "{V} and {V} flap between ports"},
	},
	near: []near{
		{class: "fingerprint", labels: []string{"fingerprint", "MD5", "key"}, draw: func(g *gen) string { return strings.TrimSuffix(strings.Repeat(g.like("hh:hh:"), 8), ":") }},
		{class: "five octets", labels: []string{"id", "tag"}, draw: func(g *gen) string { return g.like("hh:hh:hh:hh:hh") }},
		{class: "time", labels: []string{"time", "timecode"}, draw: func(g *gen) string { return g.like("12:19:29:09") }},
		{class: "uuid", labels: []string{"uuid"}, draw: uuid},
		{class: "eight octets", labels: []string{"WWN", "guid"}, draw: func(g *gen) string { return "50:" + g.like("hh:hh:hh:hh:hh:hh:hh") }},
		{class: "hex dump", labels: []string{"dump", "bytes"}, draw: func(g *gen) string { return g.like("hh hh hh hh hh hh hh hh") }},
		{class: "no hex", labels: []string{"ratio", "id"}, draw: func(g *gen) string { return g.like("9z:9a:9x:99:99:9y") }},
	},
	nearProse: [2][]string{{"My Mac runs 14.2, from {d}.", "A MAC has 48 bits."}, {"Is HMAC a MAC?", "Big Mac {n}:{n}"}},
}
