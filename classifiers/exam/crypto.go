package main

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"
)

// base58Check writes version and hash with the checksum of Bitcoin's addresses,
// in the alphabet of the coin.
func base58Check(alphabet string, payload []byte) string {
	a := sha256.Sum256(payload)
	b := sha256.Sum256(a[:])
	payload = append(payload, b[:4]...)
	n, m, base := new(big.Int).SetBytes(payload), new(big.Int), big.NewInt(58)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, m)
		out = append([]byte{alphabet[m.Int64()]}, out...)
	}
	for i := 0; i < len(payload) && payload[i] == 0; i++ {
		out = append([]byte{alphabet[0]}, out...)
	}
	return string(out)
}

const (
	bech32Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	rippleLetters = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyzo"
)

// segwit writes a witness program (BIP 173; version 1 with BIP 350's constant).
func segwit(hrp string, version byte, program []byte) string {
	data := []byte{version}
	acc, bits := 0, 0
	for _, b := range program {
		acc, bits = acc<<8|int(b), bits+8
		for bits >= 5 {
			bits -= 5
			data = append(data, byte(acc>>bits&31))
		}
	}
	if bits > 0 {
		data = append(data, byte(acc<<(5-bits)&31))
	}
	var full []byte
	for i := range len(hrp) {
		full = append(full, hrp[i]>>5)
	}
	full = append(full, 0)
	for i := range len(hrp) {
		full = append(full, hrp[i]&31)
	}
	full = append(append(full, data...), 0, 0, 0, 0, 0, 0)
	end := uint32(1)
	if version > 0 {
		end = 0x2bc830a3
	}
	sum := bech32Sum(full) ^ end
	for i := range 6 {
		data = append(data, byte(sum>>(5*(5-i))&31))
	}
	var s strings.Builder
	s.WriteString(hrp + "1")
	for _, d := range data {
		s.WriteByte(bech32Letters[d])
	}
	return s.String()
}

func bech32Sum(values []byte) uint32 {
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return sum
}

func (g *gen) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.IntN(256))
	}
	return b
}

func coin(g *gen) value {
	versioned := func(v byte) []byte { return append([]byte{v}, g.bytes(20)...) }
	switch g.IntN(11) {
	case 0, 1:
		return value{text: base58Check(base58, versioned(0)), class: "bitcoin 1"}
	case 2:
		return value{text: base58Check(base58, versioned(5)), class: "bitcoin 3"}
	case 3, 4:
		return value{text: segwit("bc", 0, g.bytes(20)), class: "bitcoin bc1q"}
	case 5:
		return value{text: segwit("bc", 1, g.bytes(32)), class: "bitcoin bc1p"}
	case 6:
		return value{text: base58Check(base58, versioned(pick(g, []byte{48, 50}))), class: "litecoin"}
	case 7:
		return value{text: base58Check(base58, versioned(30)), class: "dogecoin"}
	case 8:
		return value{text: base58Check(base58, versioned(0x41)), class: "tron"}
	}
	return value{text: "0x" + g.chars(hex, 40), class: "ethereum"}
}

var coins = topic{
	name: "crypto", module: "pii", kind: "CRYPTO", draw: coin,
	labels: [2][]string{{"wallet", "address", "BTC/ETH address", "payout address", "Wallet-Adresse"}, {"crypto wallet", "deposit address", "coin address", "adresse du portefeuille", "send to"}},
	prose: [2][]string{
		{"Send the rest to {V} please.", "Is {V} a scam address?", "Mein Wallet: {V}", "moved everything from {V} to {V}", "donate: {V}", "balance of {V} at {t}?"},
		{"My wallet is {V}, what tax do I owe?", "withdraw to {V} failed", "Envoie les jetons à {V}.", "{V} received {n} coins from {V}", "tip jar → {V}", "Explain the last transfer of {V}."},
	},
	near: []near{
		{class: "address with a wrong checksum", labels: []string{"wallet", "id"}, draw: func(g *gen) string {
			s := []byte(base58Check(base58, append([]byte{0}, g.bytes(20)...)))
			i := g.between(5, 20)
			s[i] = base58[(strings.IndexByte(base58, s[i])+g.between(1, 50))%58]
			return string(s)
		}},
		{class: "bech32 with a wrong checksum", labels: []string{"wallet", "id"}, draw: func(g *gen) string {
			s := []byte(segwit("bc", 0, g.bytes(20)))
			i := g.between(6, 30)
			s[i] = bech32Letters[(strings.IndexByte(bech32Letters, s[i])+g.between(1, 31))%32]
			return string(s)
		}},
		{class: "transaction hash", labels: []string{"tx", "block"}, draw: func(g *gen) string { return "0x" + g.chars(hex, 64) }},
		{class: "hex number", labels: []string{"mask", "selector"}, draw: func(g *gen) string { return "0x" + g.chars(hex, pick(g, []int{8, 16, 32, 39})) }},
		{class: "content id", labels: []string{"ipfs", "cid"}, draw: func(g *gen) string { return "Qm" + g.chars(base58, 44) }},
		{class: "random word", labels: []string{"slug", "video", "id"}, draw: func(g *gen) string { return pick(g, []string{"1", "3"}) + g.chars(base58, g.between(25, 33)) }},
	},
	nearProse: [2][]string{{"Bitcoin addresses begin with 1, 3 or bc1.", "What is a 0x prefix?"}, {"Pay in BTC or ETH?", "The price of {n} ETH on {d}"}},
}

var months = [][]string{
	{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
}

func birthday(g *gen) value {
	y, m, d := g.between(1930, 2012), g.between(1, 12), g.between(1, 28)
	forms := []string{
		fmt.Sprintf("%04d-%02d-%02d", y, m, d), fmt.Sprintf("%02d.%02d.%04d", d, m, y), fmt.Sprintf("%02d/%02d/%04d", m, d, y), fmt.Sprintf("%d/%d/%02d", m, d, y%100),
		fmt.Sprintf("%d %s %d", d, months[0][m-1], y), fmt.Sprintf("%s %d, %d", months[0][m-1], d, y), fmt.Sprintf("%d. %s %d", d, months[1][m-1], y),
		fmt.Sprintf("%d %s %d", d, months[2][m-1], y), fmt.Sprintf("%d de %s de %d", d, months[3][m-1], y), fmt.Sprintf("%d-%s-%d", d, months[0][m-1][:3], y),
		fmt.Sprintf("%02d-%02d-%04d", d, m, y), fmt.Sprintf("%s %d%s %d", months[0][m-1][:3], d, "th", y),
	}
	names := strings.Fields("iso d.m.y m/d/y m/d/yy en-day-month en-month-day german french spanish d-Mon-y d-m-y ordinal")
	i := g.IntN(len(forms))
	return value{text: forms[i], class: names[i]}
}

var birthdays = topic{
	name: "date_of_birth", module: "pii", kind: "DATE_OF_BIRTH", draw: birthday,
	labels: [2][]string{{"date of birth", "DOB", "Geburtsdatum", "date de naissance", "fecha de nacimiento", "birth date"}, {"born", "D.O.B.", "geb.", "né le", "data di nascita", "birthday", "birthdate", "data urodzenia"}},
	prose: [2][]string{
		{"I was born on {V} in a small town.", "Patient, date of birth {V}, complains of a cough.", "Ich bin am {V} geboren.", "Je suis né le {V}.", "Nací el {V}.", "dob {V} pls check age"},
		{"My birthday is {V}, how old am I?", "Applicant (born {V}) asks for leave.", "Geboren am {V}, wohnhaft in {w}.", "Elle est née le {V}.", "Nato il {V}.", "her date of birth, {V}, is missing"},
	},
	near: []near{
		{class: "other date", labels: []string{"invoice date", "due", "released", "Lieferdatum", "created", "valid until", "date de livraison"}, draw: func(g *gen) string { return birthday(g).text }},
		{class: "founded", labels: []string{"founded on", "established", "opened on", "in force since"}, draw: func(g *gen) string { return birthday(g).text }},
	},
	nearProse: [2][]string{{"The law of 12 March 1984 was amended on 2001-04-05.", "What is the date of birth field for?", "The bridge was built on 14.07.1931."}, {"The treaty was signed on May 3, 1951.", "Born to run, 1975", "Meeting moved from 03/04/2026 to 03/11/2026."}},
}
