package classifiers

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/crypto/sha3"
)

// piiValues makes values of every kind that builtin:pii finds, and values that
// look like them, from a seed.
type piiValues struct {
	*rand.Rand
	regions []string // of phone numbers
}

func (v piiValues) pick(s ...string) string { return s[v.IntN(len(s))] }

func (v piiValues) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[v.IntN(len(alphabet))]
	}
	return string(b)
}

func (v piiValues) digits(n int) string { return v.of(tens, n) }

// until draws until the checksum of the module's twin is right.
func (v piiValues) until(ok func(d []byte, value func(from, n int) int) bool, draw func() string) string {
	for {
		s := draw()
		t := piiTwin{}
		for _, c := range []byte(s) {
			t.d = append(t.d, c-'0')
		}
		if ok(t.d, t.value) {
			return s
		}
	}
}

// cut puts separators behind groups of the given sizes; what is left is the last.
func cut(s, seps string, sizes ...int) string {
	var b strings.Builder
	for i, n := range sizes {
		b.WriteString(s[:n])
		b.WriteByte(seps[i%len(seps)])
		s = s[n:]
	}
	return b.String() + s
}

func (v piiValues) card() string {
	prefix, n := "", 16
	switch v.IntN(9) {
	case 0, 1, 2:
		prefix = "4"
	case 3, 4:
		prefix = v.pick("51", "52", "53", "54", "55", "2221", "2500", "2720")
	case 5:
		prefix, n = v.pick("34", "37"), 15
	case 6:
		prefix = v.pick("6011", "65", "644", "622126", "3528", "3589", "6062", "2200", "5018", "6304", "6759")
	case 7:
		prefix, n = v.pick("300", "305", "36", "38"), 14
	case 8:
		prefix, n = v.pick("5018", "5020", "5038", "6304", "6759", "6761"), 12+v.IntN(7)
	}
	s := v.until(func(d []byte, _ func(int, int) int) bool { return luhnOK(d) }, func() string { return prefix + v.digits(n-len(prefix)) })
	sep := v.pick("", "", " ", " ", "-")
	switch {
	case sep == "":
	case n == 15:
		s = cut(s, sep, 4, 6)
	case n == 14:
		s = cut(s, sep, 4, 6)
	case n == 16:
		s = cut(s, sep, 4, 4, 4)
	}
	return s
}

func (v piiValues) iban() string {
	forms := strings.Fields("DE:18d BE:12d ES:20d AT:16d PT:21d PL:24d GB:4A14d NL:4A10d FR:10d11d2d IT:1A10d12d CH:5d12d IE:4A14d SE:20d NO:11d DK:14d FI:14d GR:7d16d SK:20d CZ:20d RO:4A16d TR:5d1d16d SA:2d18d AE:3d16d")
	country, form, _ := strings.Cut(forms[v.IntN(len(forms))], ":")
	bban := ""
	for form != "" {
		n, used := 0, 0
		for isDigit(form[used]) {
			n = n*10 + int(form[used]-'0')
			used++
		}
		bban += either(form[used] == 'A', v.of(uppers, n), v.digits(n))
		form = form[used+1:]
	}
	sum := ""
	for _, c := range []byte(bban + country + "00") {
		sum += either(isDigit(c), string(c), fmt.Sprint(int(c)-'A'+10))
	}
	x, _ := new(big.Int).SetString(sum, 10)
	s := fmt.Sprintf("%s%02d%s", country, 98-x.Mod(x, big.NewInt(97)).Int64(), bban)
	switch v.IntN(5) {
	case 0, 1:
		var parts []string
		for ; len(s) > 4; s = s[4:] {
			parts = append(parts, s[:4])
		}
		return strings.Join(append(parts, s), " ")
	case 2:
		return strings.ToLower(s)
	}
	return s
}

func (v piiValues) email() string {
	local := v.pick("ann", "j.smith", "x+tag", "o_k-1", "maria.garcia", "dev", "büro", "иван", "josé", "o'neil", "李雷", "a", "1985.max") + either(v.IntN(3) == 0, v.digits(2), "")
	if !isAlnum(local[len(local)-1]) && local[len(local)-1] < 0x80 {
		local += "1"
	}
	return local + "@" + v.pick("example.com", "mail.example.org", "sub.example.co.uk", "exämple.de", "пример.рф", "xn--exmple-cua.com", "a-b.example.io", "EXAMPLE.NET", "例え.jp", "example.photography")
}

func (v piiValues) ip() string {
	h := func() string { return fmt.Sprintf("%x", v.IntN(65536)) }
	switch v.IntN(6) {
	case 0:
		return "2001:db8:" + h() + ":" + h() + ":" + h() + ":" + h() + ":" + h() + ":" + h()
	case 1:
		return v.pick("fe80::", "2001:db8::", "fd00:"+h()+"::") + fmt.Sprintf("%x", 0x1000+v.IntN(0xefff)) + ":" + h()
	case 2:
		return "::ffff:" + fmt.Sprintf("%d.%d.%d.%d", 1+v.IntN(223), v.IntN(256), v.IntN(256), v.IntN(256))
	}
	return fmt.Sprintf("%d.%d.%d.%d", v.IntN(222)+1, v.IntN(256), v.IntN(256), v.IntN(256))
}

func (v piiValues) mac() string {
	s := "0a" + v.of("0123456789abcdef", 10)
	if v.IntN(2) == 0 {
		s = strings.ToUpper(s)
	}
	if v.IntN(4) == 0 {
		return cut(s, ".", 4, 4)
	}
	return cut(s, v.pick(":", "-"), 2, 2, 2, 2, 2)
}

func (v piiValues) coin() string {
	switch v.IntN(3) {
	case 0:
		raw := append([]byte{v.pick("\x00", "\x05", "\x30")[0]}, v.of(mixedChars, 20)...)
		h := sha256.Sum256(raw)
		h = sha256.Sum256(h[:])
		x, s := new(big.Int).SetBytes(append(raw, h[:4]...)), ""
		for m := new(big.Int); x.Sign() > 0; {
			x.DivMod(x, big.NewInt(58), m)
			s = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[m.Int64():][:1] + s
		}
		return strings.Repeat("1", either(raw[0] == 0, 1, 0)) + s
	case 1:
		return v.pick("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr")
	}
	low := v.of("0123456789abcdef", 40)
	switch v.IntN(3) {
	case 0:
		return "0x" + low
	}
	k := sha3.NewLegacyKeccak256()
	k.Write([]byte(low))
	sum, b := fmt.Sprintf("%x", k.Sum(nil)), []byte(low)
	for i := range b {
		if sum[i] >= '8' {
			b[i] = upperASCII(b[i])
		}
	}
	return "0x" + string(b)
}

const mixedChars = lowers + uppers + tens

// phone is a valid number of one of the regions: international or national, in the
// usual form or in another that people use.
func (v piiValues) phone(told bool) string {
	for {
		region := v.regions[v.IntN(len(v.regions))]
		example := phonenumbers.GetExampleNumberForType(region, either(v.IntN(2) == 0, phonenumbers.MOBILE, phonenumbers.FIXED_LINE))
		if example == nil {
			continue
		}
		nsn := []byte(phonenumbers.GetNationalSignificantNumber(example))
		for i := len(nsn) - 1 - v.IntN(4); i < len(nsn); i++ {
			nsn[i] = '0' + byte(v.IntN(10))
		}
		for i := range nsn[:len(nsn)/2] {
			if v.IntN(2) == 0 {
				nsn[i] = '0' + byte(v.IntN(10))
			}
		}
		n, err := phonenumbers.Parse(fmt.Sprintf("+%d%s", example.GetCountryCode(), nsn), "ZZ")
		if err != nil || !phonenumbers.IsValidNumberForRegion(n, region) {
			continue
		}
		national := phonenumbers.Format(n, phonenumbers.NATIONAL)
		switch v.IntN(10) {
		case 0:
			return phonenumbers.Format(n, phonenumbers.E164)
		case 1, 2:
			return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
		case 3:
			return strings.NewReplacer("+", "00", "-", " ").Replace(phonenumbers.Format(n, phonenumbers.INTERNATIONAL))
		case 4: // other separators
			if strings.Count(national, " ") > 1 && (told || national[0] == '0') {
				return strings.NewReplacer(" ", v.pick("-", "."), "(", "", ")", "").Replace(national)
			}
		case 5:
			if told || national[0] == '0' {
				return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(national)
			}
		}
		return national
	}
}

// id makes one of the national numbers. Those of the second result are only found
// with a word for them nearby.
func (v piiValues) id(kind string) (value string, wants bool) {
	digits := func(n int) func() string { return func() string { return v.digits(n) } }
	form := v.IntN(3)
	switch kind {
	case "US_SSN":
		s := v.until(ssnOK, digits(9))
		return either(form == 0, s, cut(s, v.pick("-", "-", " "), 3, 2)), true
	case "US_ITIN":
		s := v.until(itinOK, func() string { return "9" + v.digits(8) })
		return either(form == 0, s, cut(s, "-", 3, 2)), true
	case "UK_NHS":
		s := v.until(nhsOK, digits(10))
		return either(form == 0, s, cut(s, " ", 3, 3)), true
	case "UK_NINO":
		s := v.of("ABCEHJLMPRSWX", 1) + v.of("ABCEHJLMPRSWXYZ", 1) + v.digits(6) + v.of("ABCD", 1)
		return either(form == 0, s, cut(s, " ", 2, 2, 2, 2)), false
	case "FR_NIR":
		month := 1 + v.IntN(12)
		dept := either(v.IntN(12) == 0, v.pick("2A", "2B"), fmt.Sprintf("%02d", 1+v.IntN(95)))
		s := fmt.Sprintf("%d%02d%02d%s%s", 1+v.IntN(2), v.IntN(100), month, dept, v.digits(6))
		x, _ := new(big.Int).SetString(strings.NewReplacer("2A", "19", "2B", "18").Replace(s), 10)
		s += fmt.Sprintf("%02d", 97-x.Mod(x, big.NewInt(97)).Int64())
		return either(form == 0, s, cut(s, " ", 1, 2, 2, 2, 3, 3)), false
	case "DE_TAX_ID":
		s := v.until(detaxOK, digits(11))
		return either(form == 0, s, cut(s, " ", 2, 3, 3)), false
	case "ES_NIF":
		s := v.digits(8)
		s += "TRWAGMYFPDXBNJZSQVHLCKE"[num(s)%23:][:1]
		return []string{s, cut(s, "-", 8), cut(s, "..-", 2, 3, 3)}[form], false
	case "ES_NIE":
		k := v.IntN(3)
		s := v.digits(7)
		s = "XYZ"[k:k+1] + s + "TRWAGMYFPDXBNJZSQVHLCKE"[num(fmt.Sprint(k)+s)%23:][:1]
		return either(form == 0, cut(s, "-", 1, 7), s), false
	case "IT_FISCAL_CODE":
		for {
			s := v.of(uppers, 6) + v.digits(2) + v.of("ABCDEHLMPRST", 1) + v.digits(2) + v.of("ABCDEFGHIL", 1) + v.digits(3)
			for _, c := range uppers {
				if (&piiTwin{piiRules: noRules, p: []byte(s + string(c)), from: make([]int, 17), upto: make([]int, 17)}).fiscal(0) > 0 {
					return either(form == 0, cut(s+string(c), " ", 3, 3, 5), s+string(c)), false
				}
			}
		}
	case "PL_PESEL":
		return v.until(peselOK, digits(11)), false
	case "IN_AADHAAR":
		s := v.until(aadhaarOK, digits(12))
		return either(form == 0, s, cut(s, v.pick(" ", "-"), 4, 4)), form == 0
	case "IN_PAN":
		return v.of(uppers, 3) + v.of("PPPCHF", 1) + v.of(uppers, 1) + v.digits(4) + v.of(uppers, 1), false
	case "CA_SIN":
		s := v.until(sinIssued, digits(9))
		return either(form == 0, s, cut(s, v.pick(" ", "-"), 3, 3)), true
	case "AU_TFN":
		s := v.until(tfnOK, digits(9))
		return either(form == 0, s, cut(s, " ", 3, 3)), true
	case "AU_MEDICARE":
		s := v.until(medicareOK, digits(10))
		return either(form == 0, s, cut(s, " ", 4, 5)), form == 0
	case "BR_CPF":
		s := v.until(cpfOK, digits(11))
		return either(form == 0, s, cut(s, "..-", 3, 3, 3)), false
	case "BR_CNPJ":
		s := v.until(cnpjOK, func() string { return v.digits(8) + "000" + v.digits(3) })
		return either(form == 0, s, cut(s, "../-", 2, 3, 3, 4)), false
	case "US_PASSPORT":
		return either(form == 0, v.of(uppers, 1)+v.digits(8), v.digits(9)), true
	case "PASSPORT":
		return v.pick(v.of("CFGHJKLMNPRTVWXYZ", 1)+v.digits(2)+v.of("XTRK", 1)+v.digits(4)+v.digits(1), v.of(uppers, 2)+v.digits(7), v.digits(2)+v.of(uppers, 2)+v.digits(5), v.of(uppers, 1)+v.digits(7)), true
	case "DATE_OF_BIRTH":
		return v.date(), true
	}
	panic(kind)
}

// weak makes values in forms that alone say little. Those of cards need a word.
func (v piiValues) weak() (kind, value string) {
	switch v.IntN(15) {
	case 0:
		return "US_SSN", cut(v.until(ssnOK, func() string { return v.digits(9) }), "-", 3, 2)
	case 1:
		return "US_SSN", cut(v.until(ssnOK, func() string { return v.digits(9) }), v.pick(" ", "."), 3, 2)
	case 2:
		return "US_ITIN", cut(v.until(itinOK, func() string { return "9" + v.digits(8) }), v.pick("-", " "), 3, 2)
	case 3:
		return "UK_NHS", cut(v.until(nhsOK, func() string { return v.digits(10) }), " ", 3, 3)
	case 4:
		return "CA_SIN", cut(v.until(sinIssued, func() string { return v.digits(9) }), v.pick(" ", "-"), 3, 3)
	case 5:
		return "AU_TFN", cut(v.until(tfnOK, func() string { return v.digits(9) }), " ", 3, 3)
	case 6:
		return "IP_ADDRESS", v.pick("127.0.0.1", "0.0.0.0", "255.255.255.0", "127.1.2.3")
	case 7:
		return "IP_ADDRESS", v.pick("::1", "fe80::", "2001:db8::", "fe80::"+v.of("123456789", 1)+v.digits(2))
	case 8:
		return "PHONE_NUMBER", cut(v.of("23456789", 1)+v.digits(9), v.pick("-", "."), 3, 3)
	case 9:
		return "PHONE_NUMBER", "(" + v.of("23456789", 1) + v.digits(2) + ") " + cut(v.digits(7), "-", 3)
	case 10:
		return "PHONE_NUMBER", "0" + cut(v.of("123456789", 1)+v.digits(8), " ", 3, 3)
	case 11:
		return "PHONE_NUMBER", "+" + v.pick("1", "44", "49", "33", "61") + " " + cut(v.digits(10), " ", 3, 3)
	case 12:
		return "PHONE_NUMBER", "0" + cut(v.of("123456789", 1)+v.digits(8), " ", 3, 2, 2)
	case 13:
		return "IBAN_CODE", v.iban()
	}
	return "CREDIT_CARD", v.until(func(d []byte, _ func(int, int) int) bool { return luhnOK(d) }, func() string { return v.of("23589", 1) + v.digits(15) })
}

// oddPhone makes numbers in groups that no data tell, as people give them to people
// who know where they are.
func (v piiValues) oddPhone() string {
	switch v.IntN(4) {
	case 0:
		return cut(v.digits(7), "-", 3)
	case 1:
		return cut(v.of("23456789", 1)+v.digits(7), v.pick(" ", "-"), 2, 2, 2)
	case 2:
		return cut(v.of("2345678", 1)+v.digits(8), " ", 3, 3)
	}
	s := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(v.phone(false))
	return cut(strings.TrimPrefix(s, "+"), " ", 4, 3)
}

func (v piiValues) date() string {
	y, m, d := 1930+v.IntN(90), 1+v.IntN(12), 1+v.IntN(28)
	month := strings.Fields("January February March April May June July August September October November December")[m-1]
	switch v.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("%d-%02d-%02d", y, m, d)
	case 2:
		return fmt.Sprintf("%02d/%02d/%d", m, d, y)
	case 3:
		return fmt.Sprintf("%02d.%02d.%d", d, m, y)
	case 4:
		return fmt.Sprintf("%d %s %d", d, month, y)
	case 5:
		return fmt.Sprintf("%s %d, %d", month, d, y)
	case 6:
		return fmt.Sprintf("%02d/%02d/%02d", d, m, y%100)
	}
	return fmt.Sprintf("%d %s %d", d, month[:3], y)
}

// noRules lets a twin look at a form without reading what the module knows.
var noRules = &piiRules{means: map[string]piiMeaning{"FISCAL_SUM": {}}}

// negative makes what is none of the kinds and looks like one.
func (v piiValues) negative() string {
	hexes := "0123456789abcdef"
	switch v.IntN(28) {
	case 0:
		return cut(v.of(hexes, 32), "-", 8, 4, 4, 4)
	case 1:
		return v.of(hexes, []int{7, 12, 32, 40, 64}[v.IntN(5)])
	case 2:
		return v.pick("order #", "order ", "invoice no. ", "ticket ", "ref: ", "Bestellung ", "commande n° ", "pedido ", "заказ ") + v.digits(6+v.IntN(11))
	case 3:
		return v.pick("version ", "v", "release ", "chrome/", "firmware ") + fmt.Sprintf("%d.%d.%d.%d", v.IntN(130), v.IntN(20), v.IntN(9999), v.IntN(200))
	case 4:
		return fmt.Sprintf("20%02d-%02d-%02d %02d:%02d:%02d", v.IntN(30), 1+v.IntN(12), 1+v.IntN(28), v.IntN(24), v.IntN(60), v.IntN(60))
	case 5:
		return "17" + v.digits(8+3*v.IntN(2))
	case 6:
		return v.pick("ISBN ", "") + "978-" + cut(v.digits(10), "-", 1, 2, 6)
	case 7:
		return fmt.Sprintf("%d.%s, -%d.%s", v.IntN(90), v.digits(4+v.IntN(4)), v.IntN(180), v.digits(4+v.IntN(4)))
	case 8:
		return v.pick("$", "€", "USD ", "£") + fmt.Sprintf("%d,%s.%s", 1+v.IntN(999), v.digits(3), v.digits(2))
	case 9:
		return v.pick("1Z"+v.of(uppers+tens, 16), "tracking number "+v.digits(12), "9400 1"+v.digits(3)+" "+cut(v.digits(12), " ", 4, 4)+" 00", "RR"+v.digits(9)+"DE", "JD"+v.digits(18))
	case 10:
		return fmt.Sprintf("%d + %d = %d", v.IntN(1e6), v.IntN(1e6), v.IntN(1e6))
	case 11:
		return v.of(mixedChars, 40) + "=="
	case 12:
		return fmt.Sprintf("%d-%d", 1900+v.IntN(130), 1900+v.IntN(130))
	case 13:
		return cut(v.digits(9), " ", 3, 3) + v.pick(" people", " €", " units", " km", " tokens")
	case 14:
		return "3." + v.digits(12)
	case 15:
		return "for (int i" + v.digits(1) + " = 0; i < " + v.digits(4) + "; i++) x[" + v.digits(3) + "] = 0x" + strings.ToUpper(v.of(hexes, 8)) + ";"
	case 16:
		return v.pick("std::vector", "a::b1::c2", "10:45:30", "12:30", "1:2:3:4", "ratio 3:2", "@2x.png", "@app.route1", "x@y", "logo@2x.png", "user@host", "pkg@1.2.3", "git@github.com:a/b1.git")
	case 17:
		return "SKU-" + v.digits(4) + "-" + v.of(uppers, 2) + v.digits(3)
	case 18:
		return fmt.Sprintf("%d x %d x %d mm", v.IntN(900), v.IntN(900), v.IntN(900))
	case 19:
		return "IMEI " + v.digits(15)
	case 20:
		return cut(v.digits(12), " ", 2, 2, 2, 2, 2)
	case 21:
		return fmt.Sprintf("%d/%d/%d", 1+v.IntN(12), 1+v.IntN(28), 2015+v.IntN(12))
	case 22:
		return "Section " + fmt.Sprintf("%d.%d.%d", v.IntN(20), v.IntN(20), v.IntN(20)) + " § " + v.digits(3)
	case 23:
		return v.pick("112-", "302-", "701-") + v.digits(7) + "-" + v.digits(7)
	case 24:
		return v.digits(4) + "," + v.digits(5) + "," + v.digits(3) + "," + v.digits(8)
	}
	if v.IntN(16) == 0 { // article numbers and the like
		s := v.digits(10)
		return []string{cut(s, " ", 4, 4), cut(s[:9], " ", 3, 3), cut(s[:8], " ", 4), cut(s[:9], "-", 3, 3), cut(s, "-", 4, 2), cut(s[:9], " ", 3, 2), cut(s[:8], " ", 2, 2, 2), cut(s, "-", 5), cut(s[:7], "-", 3), cut(s, ".", 4, 3)}[v.IntN(10)]
	}
	return v.pick(v.digits(5), v.digits(6), v.digits(7), v.digits(8), v.digits(10), v.digits(12), v.digits(13), v.digits(16))
}
