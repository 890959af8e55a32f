/* codes.h: what is made of letters and digits: IBAN, the identifiers of persons
 * that hold letters, passports. */
#ifndef PII_CODES_H
#define PII_CODES_H

#include "tables.h"
#include "numbers.h"

static const char iban_lengths[] =
	"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22"
	"GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20"
	"MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24"
	"TR26UA29VA22VG24XK20YE30";

/* ISO 13616: the country's length, mod 97. Single separators, one line break. */
static u32 iban(u32 a)
{
	u32 want = 0;
	for (const char *c = iban_lengths; *c; c += 4)
		if (upper(at(a)) == (u8)c[0] && upper(at(a + 1)) == (u8)c[1])
			want = (u32)(c[2] - '0') * 10 + (u32)(c[3] - '0');
	if (!want || !digit(at(a + 3)))
		return 0;
	u8 b[34];
	u32 q = a, n = 0;
	while (n < want) {
		u8 c = at(q);
		if (alnum(c))
			b[n++] = upper(c);
		else if (!((c == ' ' || c == '-' || c == '.' || c == '\n') && alnum(at(q + 1))))
			return 0;
		q++;
	}
	u32 r = 0;
	for (u32 k = 0; k < n; k++) {
		u8 c = b[(k + 4) % n];
		r = digit(c) ? (r * 10 + (c - '0')) % 97 : (r * 100 + (c - 'A' + 10)) % 97;
	}
	return r == 1 && !alnum(at(q)) ? found(a, q, IBAN_SUM) : 0;
}

/* Spanish numbers, from their first digit: 12345678Z, 12.345.678-Z, X-1234567-L. The
 * last begins at s before it, with a letter. A space at a letter needs a word, but for
 * both of X 1234567 L. */
static u32 spanish_from(u32 s, u32 a)
{
	u32 v = 0, n = 0, want = 8, dots = 0;
	u8 c;
	if (s < a) {
		v = upper(at(s)) - 'X';
		want = 7;
	}
	if (s < floor_ || !head_ok(s))
		return 0;
	u32 q = a;
	while (n < want) {
		if (at(q) == '.' && n && (want - n) % 3 == 0 && dots < 2) {
			dots++;
			q++;
		}
		if (!digit(at(q)))
			return 0;
		v = v * 10 + (at(q++) - '0');
		n++;
	}
	u32 told = near(s, 44, W_SPAIN);
	u32 spaced = s < a && is_upper(at(s)) && at(a - 1) == ' ' && at(q) == ' ';
	if (at(q) == '-' || (at(q) == ' ' && (told || spaced)))
		q++;
	c = at(q);
	if (upper(c) != (u8)"TRWAGMYFPDXBNJZSQVHLCKE"[v % 23] || !code_ends(q + 1))
		return 0;
	if (!told && (is_lower(c) || (s < a && at(a - 1) == ' ' && !spaced) || near(s, AGAINST, W_NUMBER)))
		return 0;
	if (want == 7)
		return found(s, q + 1, told ? NIE_TOLD : NIE_ALONE);
	return found(s, q + 1, told ? NIF_TOLD : NIF_ALONE);
}

static u32 spanish(u32 a)
{
	u32 s = at(a - 1) == '-' || at(a - 1) == ' ' ? a - 2 : a - 1, r = 0;
	u8 c = upper(at(s));
	if (c >= 'X' && c <= 'Z')
		r = spanish_from(s, a);
	return r ? r : spanish_from(a, a);
}

/* An Italian code of sixteen characters in groups of 3, 3, 5 and 5 or solid; where
 * two persons would have the same, letters stand for some of its digits. */
static u32 fiscal(u32 a)
{
	static const u8 odd[26] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
	static const char stand_in[] = "LMNPQRSTUV";
	u32 sum = 0, q = a;
	for (u32 i = 0; i < 16; i++, q++) {
		if (at(q) == ' ' && (i == 3 || i == 6 || i == 11))
			q++;
		u8 c = upper(at(q));
		if (!alnum(c))
			return 0;
		u32 v = digit(c) ? c - '0' : c - 'A';
		if ("LLLLLLDDLDDLDDDL"[i] == 'L') {
			if (!alpha(c))
				return 0;
		} else if (alpha(c)) {
			u32 k = 0;
			while (k < 10 && (u8)stand_in[k] != c)
				k++;
			if (k == 10)
				return 0;
		}
		if (i < 15)
			sum += i & 1 ? v : odd[v];
		else if (sum % 26 != v)
			return 0;
	}
	return alnum(at(q)) ? 0 : found(a, q, FISCAL_SUM);
}

/* A British insurance number, from its first digit: AB 12 34 56 C. */
static u32 nino(u32 a)
{
	u32 s = a, q = a, spaced = 0;
	if (at(s - 1) == ' ' || at(s - 1) == '-')
		s--;
	u8 x = upper(at(s - 2)), y = upper(at(s - 1));
	if (!alpha(x) || !alpha(y) || (s -= 2) < floor_ || !head_ok(s))
		return 0;
	if (x == 'D' || x == 'F' || x == 'I' || x == 'Q' || x == 'U' || x == 'V' || y == 'D' || y == 'F' || y == 'I' ||
	    y == 'O' || y == 'Q' || y == 'U' || y == 'V')
		return 0;
	if ((x == 'B' && y == 'G') || (x == 'G' && y == 'B') || (x == 'N' && (y == 'K' || y == 'T')) ||
	    ((x == 'K' || x == 'T') && y == 'N') || (x == 'Z' && y == 'Z'))
		return 0;
	for (u32 n = 0; n < 6; n++) {
		if (n && n % 2 == 0 && (at(q) == ' ' || at(q) == '-')) {
			q++;
			spaced++;
		}
		if (!digit(at(q++)))
			return 0;
	}
	if (at(q) == ' ' || at(q) == '-')
		q++;
	u32 told = near(s, 44, W_NINO);
	u8 c = upper(at(q));
	if (c < 'A' || c > 'D' || !code_ends(q + 1))
		return 0;
	if (!told && (is_lower(at(s)) || is_lower(at(q)) || near(s, AGAINST, W_NUMBER)))
		return 0;
	return found(s, q + 1, told ? NINO_TOLD : spaced == 2 ? NINO_GROUPED : NINO_SOLID);
}

/* India's PAN: five letters, of which the fourth says what kind of holder and is P
 * for persons, four digits, a letter. */
static u32 indian_pan(u32 a)
{
	u32 lowers = 0;
	for (u32 i = 0; i < 10; i++) {
		u8 c = at(a + i);
		if (i >= 5 && i < 9 ? !digit(c) : !alpha(c))
			return 0;
		lowers |= is_lower(c);
	}
	static const char holders[] = "ABCFGHJLPT";
	u32 k = 0;
	while (k < 10 && (u8)holders[k] != upper(at(a + 3)))
		k++;
	u32 told = near(a, 44, W_INDIAPAN);
	if (k == 10 || (!told && (lowers || near(a, AGAINST, W_NUMBER))))
		return 0;
	return found(a, a + 10, told ? INDIAPAN_TOLD : INDIAPAN_ALONE);
}

/* A Brazilian company's number with letters, as issued from July 2026 on; letters
 * count as their ASCII code less 48, digits as themselves. */
static u32 cnpj_letters(u32 a)
{
	static const u8 w[] = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};
	u32 q = a, first = 0, second = 0, marks = 0;
	u8 c = 0, check = 0;
	for (u32 i = 0; i < 14; i++) {
		if ((i == 2 || i == 5) ? at(q) == '.' : i == 8 ? at(q) == '/' : i == 12 && at(q) == '-') {
			q++;
			marks++;
		}
		c = at(q++);
		if (!digit(c) && !(i < 12 && is_upper(c)))
			return 0;
		u32 v = c - 48;
		if (i < 12)
			first += v * w[i + 1];
		if (i < 13)
			second += v * w[i];
		if (i == 12)
			check = c;
	}
	u32 x = first % 11 < 2 ? 0 : 11 - first % 11, y = second % 11 < 2 ? 0 : 11 - second % 11;
	if (x != (u32)(check - '0') || y != (u32)(c - '0') || !tail_ok(q) || !head_ok(a) || (marks && marks != 4))
		return 0;
	u32 told = near(a, 44, W_CNPJ);
	if (!told && !marks)
		return 0;
	return found(a, q, told ? CNPJ_TOLD : CNPJ_GROUPED);
}

/* A passport's number stands behind the word, with nothing found in between. Nine
 * characters, none of them a vowel nor like a digit, may have few digits: German ones. */
static u32 passport(u32 a, u32 b)
{
	static const char german[] = "CFGHJKLMNPRTVWXYZ";
	u32 n = b - a, digits = 0, others = 0;
	if (n < 6 || n > 9)
		return 0;
	for (u32 i = a; i < b; i++) {
		u32 k = 0;
		if (is_lower(V.p[i]))
			return 0;
		while (k < sizeof german - 1 && (u8)german[k] != V.p[i])
			k++;
		digits += digit(V.p[i]);
		others |= k == sizeof german - 1 && !digit(V.p[i]);
	}
	if ((digits < 4 && (n < 9 || others)) || !head_ok(a) || !tail_ok(b))
		return 0;
	u32 told = near(a, 40, W_PASSPORT);
	if (!told || a < floor_ + told - 1 || nearer(near(a, 40, W_PHONE | W_NUMBER | W_EVENT | W_BIRTH | W_UNIT), told))
		return 0;
	u32 american = digits == 9 || (n == 9 && digits == 8 && is_upper(V.p[a]));
	return found(a, b, american && !near(a, FAR, W_FOREIGN) ? PASSPORT_US : PASSPORT_TOLD);
}

#endif
