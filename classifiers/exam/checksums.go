package main

import (
	"hash/crc32"
	"strconv"
	"strings"
)

// luhn is the last digit that ISO/IEC 7812-1 puts behind a number.
func luhn(number string) byte {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

func luhnValid(s string) bool { return len(s) > 1 && luhn(s[:len(s)-1]) == s[len(s)-1] }

// mod97 is the remainder of ISO/IEC 7064 for IBANs, letters as 10 to 35.
func mod97(s string) int {
	m := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A':
			m = (m*100 + int(c-'A') + 10) % 97
		default:
			m = (m*10 + int(c-'0')) % 97
		}
	}
	return m
}

func ibanValid(s string) bool { return len(s) > 4 && mod97(s[4:]+s[:4]) == 1 }

// weighted is the sum of digits times weights.
func weighted(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(s[i]-'0') * w
	}
	return sum
}

// iso11 is the check digit of ISO/IEC 7064 MOD 11,10, which the German tax id has.
func iso11(s string) byte {
	p := 10
	for i := range len(s) {
		m := (int(s[i]-'0') + p) % 10
		if m == 0 {
			m = 10
		}
		p = m * 2 % 11
	}
	return byte('0' + (11-p)%10)
}

// verhoeff is the check digit of an Aadhaar number (J. Verhoeff, 1969).
func verhoeff(s string) byte {
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range i + 1 {
			d = int("1576283094"[d] - '0')
		}
		c = dihedral(c, d)
	}
	for d := range 10 {
		if dihedral(c, d) == 0 {
			return byte('0' + d)
		}
	}
	panic("a group has inverses")
}

// dihedral multiplies in the group of symmetries of a pentagon.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return (a+b-5)%5 + 5
	case b < 5:
		return (a-5-b+5)%5 + 5
	}
	return (a - b + 5) % 5
}

// spanishLetter is the letter behind a DNI.
func spanishLetter(n int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] }

// fiscalLetter is the last letter of a codice fiscale (D.M. 23.12.1976).
func fiscalLetter(s string) byte {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		n := 0
		if c := s[i]; c >= 'A' {
			n = int(c - 'A')
		} else {
			n = int(c - '0')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		sum += n
	}
	return byte('A' + sum%26)
}

// cpfDigits are the two digits behind a CPF or CNPJ; top is its highest weight.
func cpfDigits(s string, top int) string {
	out := s
	for range 2 {
		sum, w := 0, 2
		for i := len(out) - 1; i >= 0; i-- {
			sum += int(out[i]-'0') * w
			if w++; w > top {
				w = 2
			}
		}
		d := 11 - sum%11
		if d > 9 {
			d = 0
		}
		out += strconv.Itoa(d)
	}
	return out[len(s):]
}

// crcBase62 is the checksum of GitHub's and npm's tokens: CRC-32 of what stands
// before it, in base 62, six characters.
func crcBase62(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	b := []byte("000000")
	for i := 5; i >= 0; i-- {
		b[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[n%62]
		n /= 62
	}
	return string(b)
}

// keepDigits drops everything but ASCII digits.
func keepDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
