/* pii: personal data that has a form of its own. See README.md for what each
 * kind takes as evidence. pii_twin_test.go is the same in Go; the two must find
 * the same.
 *
 * One pass: skip to the next digit, '@' or ':', look at the word around it, try
 * the forms that can begin there, go on behind it. No form looks further than a
 * bounded number of bytes from its trigger, so the whole is linear in the text.
 */
#include "fold.h"
#include "sha256.h"

SP_CLASSIFIER("{\"name\":\"pii\",\"version\":\"1.0.0\",\"kinds\":[\"EMAIL_ADDRESS\",\"CREDIT_CARD\",\"IBAN_CODE\","
	      "\"US_SSN\",\"US_ITIN\",\"PHONE_NUMBER\",\"IP_ADDRESS\",\"MAC_ADDRESS\",\"CRYPTO\",\"UK_NHS\",\"FR_NIR\","
	      "\"IT_FISCAL_CODE\",\"ES_NIF\",\"ES_NIE\",\"IN_AADHAAR\",\"BR_CPF\"],\"scores\":[],"
	      "\"config_schema\":{\"type\":\"object\"}}")

enum {
	EMAIL, CARD, IBAN, SSN, ITIN, PHONE, IP, MAC, CRYPTO, NHS, NIR,
	FISCAL, NIF, NIE, AADHAAR, CPF
};

typedef uint8_t u8;
typedef uint32_t u32;

/* The view in work. at() is 0 outside of it, also before its begin. */
static sp_view V;
static u32 floor_; /* spans do not reach before the end of the last one */

static inline u8 at(u32 i) { return i < V.n ? V.p[i] : 0; }
static inline int digit(u8 c) { return (u8)(c - '0') < 10; }
static inline int alpha(u8 c) { return (u8)((c | 32) - 'a') < 26; }
static inline int alnum(u8 c) { return digit(c) || alpha(c); }
static inline int hex(u8 c) { return digit(c) || (u8)((c | 32) - 'a') < 6; }
static inline int word(u8 c) { return alnum(c) || c == '_'; }
static inline u8 lower(u8 c) { return (u8)(c - 'A') < 26 ? c | 32 : c; }
static inline u8 upper(u8 c) { return (u8)(c - 'a') < 26 ? c & ~32 : c; }

static u32 found(u32 s, u32 e, u32 kind, float score)
{
	sp_view_span(&V, s, e, (uint16_t)kind, score);
	return floor_ = e;
}

/* Does one of the words stand between from and to? Each ends with a zero, the
 * list with two. A word has to begin and end where letters do, but for a plural's
 * "s"; one that ends with "*" may go on. */
static int words_in(u32 from, u32 to, const char *words)
{
	for (u32 i = from; i < to; i++) {
		if (!alpha(at(i)) || alpha(at(i - 1)))
			continue;
		for (const char *w = words; *w;) {
			u32 k = 0;
			while (w[k] && w[k] != '*' && i + k < to && lower(at(i + k)) == (u8)w[k])
				k++;
			u32 e = i + k + (lower(at(i + k)) == 's');
			if (w[k] == '*' || (!w[k] && !alpha(at(e))))
				return 1;
			while (*w)
				w++;
			w++;
		}
	}
	return 0;
}

/* Does one of them stand in the reach bytes before s? */
static int near(u32 s, u32 reach, const char *words) { return words_in(s > reach ? s - reach : 0, s, words); }

static const char card_words[] = "card*\0credit*\0debit*\0visa\0mastercard\0amex\0maestro\0pan\0cc\0carte\0karte\0tarjeta\0";
static const char order_words[] = "order\0invoice\0tracking\0ref\0reference\0ticket\0case\0sku\0isbn\0serial\0"
				  "transaction id\0imei\0build\0id\0uuid\0hash\0timestamp\0account id\0";
static const char ssn_words[] = "ssn\0social\0soc sec\0tax id\0taxpayer\0itin\0";
static const char phone_words[] = "phone*\0tel\0telef*\0teleph*\0call*\0mobil*\0móvil\0movil\0cell\0cellphone*\0fax*\0whatsapp\0"
				  "sms\0text me\0dial\0reach me\0reach us\0reach her\0reach him\0reach them\0reach you\0"
				  "contact*\0my number\0their number\0her number\0his number\0our number\0answering\0"
				  "messages to\0handy*\0ring\0ring me\0ring us\0hotline\0ph\0mob\0landline\0voicemail\0"
				  "numero\0nummer\0rufnummer\0";
static const char behind_phone_words[] = "fax\0mobile\0cell\0office\0home\0work\0tel\0phone\0";
static const char not_phone_words[] = "isbn\0issn\0order\0invoice\0tracking\0version\0timestamp\0serial\0sku\0part\0"
				      "build\0commit\0account\0imei\0id\0ref\0case\0ticket\0figure\0lat\0lon\0";
static const char version_words[] = "version\0ver\0release\0build\0firmware\0section\0chapter\0clause\0oid\0v\0";

/* May a number begin at s, or end at e? Not inside a longer token. */
static int head_ok(u32 s)
{
	u8 c = at(s - 1);
	if (word(c))
		return 0;
	return !((c == '-' || c == '.' || c == '/') && alnum(at(s - 2)));
}

static int tail_ok(u32 e)
{
	u8 c = at(e);
	if (word(c))
		return 0;
	return !((c == '-' && alnum(at(e + 1))) || (c == '.' && digit(at(e + 1))));
}

/* ---- numbers: groups of digits with single separators ---- */

#define MAX_GROUPS 8
#define MAX_DIGITS 20

static struct {
	u32 s, e;
	u8 sep; /* before it: ' ' '-' '.' '/', '(' where parentheses are in it */
} G[MAX_GROUPS];
static u32 ngroups;
static u8 D[MAX_DIGITS];
static u32 upto[MAX_GROUPS + 1]; /* digits in the first k groups */

static u32 size(u32 g) { return G[g].e - G[g].s; }

static int sizes(u32 m, const char *want)
{
	u32 g = 0;
	for (; g < m && want[g]; g++)
		if (size(g) != (u32)(want[g] - '0'))
			return 0;
	return g == m && !want[g];
}

/* The separator of the first m groups where it is the same, else 0; 1 for one
 * group alone. */
static u8 separator(u32 m)
{
	if (m < 2)
		return 1;
	for (u32 g = 2; g < m; g++)
		if (G[g].sep != G[1].sep)
			return 0;
	return G[1].sep;
}

static void read_groups(u32 a)
{
	u32 total = 0;
	u8 sep = 0;
	ngroups = 0;
	while (ngroups < MAX_GROUPS) {
		u32 e = a;
		while (digit(at(e)))
			e++;
		u8 c = at(e);
		if (word(c) && !(lower(c) == 'x' && digit(at(e + 1))))
			return;
		if (total + (e - a) > MAX_DIGITS)
			return;
		for (u32 i = a; i < e; i++)
			D[total++] = V.p[i] - '0';
		G[ngroups].s = a;
		G[ngroups].e = e;
		G[ngroups].sep = sep;
		upto[++ngroups] = total;
		u32 q = e, parens = 0;
		while (q - e < 3 && (c = at(q)) && (c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')')) {
			parens |= c == '(' || c == ')';
			q++;
		}
		if (q == e || !digit(at(q)) || (q - e > 1 && !parens))
			return;
		sep = parens ? '(' : at(e);
		a = q;
	}
}

static int luhn(u32 n)
{
	u32 sum = 0;
	for (u32 i = 0; i < n; i++) {
		u32 d = D[n - 1 - i];
		if (i & 1)
			d = d > 4 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

static u32 lead(u32 n)
{
	u32 v = 0;
	for (u32 i = 0; i < n; i++)
		v = v * 10 + D[i];
	return v;
}

/* How sure a brand makes of a number of n digits; 0: no brand has such. */
static float card_brand(u32 n, u32 told)
{
	u32 p2 = lead(2), p3 = lead(3), p4 = lead(4), p6 = lead(6);
	if (D[0] == 4)
		return n == 16 ? 0.99f : n == 13 || n == 19 ? 0.9f : 0;
	if ((p2 >= 51 && p2 <= 55) || (p4 >= 2221 && p4 <= 2720) || (p4 >= 2200 && p4 <= 2204) || p4 == 9792)
		return n == 16 ? 0.99f : 0;
	if (p2 == 34 || p2 == 37)
		return n == 15 ? 0.99f : 0;
	if ((p3 >= 300 && p3 <= 305) || p3 == 309 || p2 == 36 || p2 == 38 || p2 == 39)
		return n == 14 ? 0.95f : n == 16 ? 0.9f : 0;
	if (p2 == 35) /* JCB has 3528 to 3589 of it */
		return n >= 16 ? (p4 >= 3528 && p4 <= 3589 ? 0.99f : 0.8f) : 0;
	if (p4 == 2131 || p4 == 1800)
		return n == 15 ? 0.9f : 0;
	if (p4 == 6011 || (p3 >= 644 && p3 <= 649) || p2 == 65 || (p6 >= 622126 && p6 <= 622925) || p2 == 62)
		return n >= 16 ? 0.99f : 0;
	if (p2 == 60 || p2 == 81 || p2 == 82 || p3 == 508)
		return n == 16 ? 0.95f : 0;
	if (p4 == 5018 || p4 == 5020 || p4 == 5038 || p4 == 5893 || p4 == 6304 || p4 == 6759 ||
	    (p4 >= 6761 && p4 <= 6763) || p4 == 604)
		return n == 16 ? 0.95f : 0.85f;
	if (told && (p2 == 50 || (p2 >= 56 && p2 <= 69))) /* the rest of Maestro */
		return 0.8f;
	return 0;
}

static u32 card(void)
{
	for (u32 m = ngroups; m > 0; m--) {
		u32 n = upto[m];
		u8 sep = separator(m);
		if (n < 12 || n > 19 || !tail_ok(G[m - 1].e) || (sep != 1 && sep != ' ' && sep != '-' && sep != '.'))
			continue;
		int shape = m == 1 || sizes(m, "465") || sizes(m, "464");
		if (!shape) {
			shape = size(m - 1) <= 4;
			for (u32 g = 0; g + 1 < m; g++)
				shape &= size(g) == 4;
		}
		if (!shape || !luhn(n))
			continue;
		u32 told = near(G[0].s, 40, card_words);
		float score = card_brand(n, told);
		if (score == 0 || (!told && near(G[0].s, 20, order_words)))
			continue;
		return found(G[0].s, G[m - 1].e, CARD, score);
	}
	return 0;
}

/* Social security numbers, and the taxpayer numbers of the same form. */
static u32 ssn(void)
{
	u32 e, solid = size(0) == 9;
	if (solid) {
		e = G[0].e;
	} else {
		u8 sep = separator(3);
		if (ngroups < 3 || !sizes(3, "324") || (sep != '-' && sep != ' ' && sep != '.'))
			return 0;
		e = G[2].e;
	}
	u32 area = lead(3), mid = D[3] * 10 + D[4], serial = lead(9) % 10000;
	if (!tail_ok(e) || area == 0 || area == 666 || mid == 0 || serial == 0)
		return 0;
	u32 itin = area >= 900;
	if (itin && !((mid >= 50 && mid <= 65) || (mid >= 70 && mid <= 88) || (mid >= 90 && mid <= 92) || mid >= 94))
		return 0;
	u32 told = near(G[0].s, 40, ssn_words);
	if (solid && !told)
		return 0;
	/* Two numbers that were printed in advertisements and belong to nobody. */
	if (lead(9) == 78051120 || lead(9) == 219099999)
		return 0;
	float score = told ? (solid ? 0.9f : 0.98f) : G[1].sep == '-' ? 0.9f : 0.45f;
	return found(G[0].s, e, itin ? ITIN : SSN, score);
}

static u32 nhs(void)
{
	u32 m = size(0) == 10 ? 1 : 3;
	if (ngroups < m || upto[m] != 10 || (m == 3 && !sizes(3, "334")) || !tail_ok(G[m - 1].e))
		return 0;
	u32 sum = 0;
	for (u32 i = 0; i < 9; i++)
		sum += D[i] * (10 - i);
	if ((sum + D[9]) % 11 != 0 || !near(G[0].s, 40, "nhs\0"))
		return 0;
	return found(G[0].s, G[m - 1].e, NHS, 0.97f);
}

static u32 nir(void)
{
	for (u32 m = ngroups; m > 0; m--) {
		if (upto[m] != 15 || !tail_ok(G[m - 1].e) || (m > 1 && !sizes(m, "1222332") && !sizes(m, "96") && m != 2))
			continue;
		u32 month = D[3] * 10 + D[4];
		if ((D[0] != 1 && D[0] != 2) || month == 0 || (month > 12 && month < 20) || (month > 42 && month < 50))
			return 0;
		uint64_t v = 0;
		for (u32 i = 0; i < 13; i++)
			v = v * 10 + D[i];
		if (97 - v % 97 != D[13] * 10 + D[14])
			return 0;
		return found(G[0].s, G[m - 1].e, NIR, m > 2 ? 0.98f : 0.9f);
	}
	return 0;
}

/* Verhoeff's checksum: multiplication in the dihedral group D5. */
static int verhoeff(u32 n)
{
	static const u8 perm[8][10] = {
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
		{8, 9, 1, 6, 0, 4, 3, 5, 2, 7}, {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
		{2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
	u32 c = 0;
	for (u32 i = 0; i < n; i++) {
		u32 k = perm[i % 8][D[n - 1 - i]], r = c % 5, q = k % 5;
		if (c < 5)
			c = k < 5 ? (r + q) % 5 : 5 + (r + q) % 5;
		else
			c = k < 5 ? 5 + (r + 5 - q) % 5 : (r + 5 - q) % 5;
	}
	return c == 0;
}

static u32 aadhaar(void)
{
	u32 m = size(0) == 12 ? 1 : 3;
	if (ngroups < m || upto[m] != 12 || D[0] < 2 || !tail_ok(G[m - 1].e))
		return 0;
	if (m == 3 && (!sizes(3, "444") || (separator(3) != ' ' && separator(3) != '-')))
		return 0;
	if (!verhoeff(12))
		return 0;
	u32 told = near(G[0].s, 40, "aadhaar\0aadhar\0uidai\0uid\0");
	if (!told && (m == 1 || (ngroups > 3 && G[3].sep == G[2].sep)))
		return 0;
	return found(G[0].s, G[m - 1].e, AADHAAR, told ? 0.99f : 0.75f);
}

static u32 cpf(void)
{
	u32 m = size(0) == 11 ? 1 : 4;
	if (ngroups < m || upto[m] != 11 || !tail_ok(G[m - 1].e))
		return 0;
	if (m == 4 && !(sizes(4, "3332") && G[1].sep == '.' && G[2].sep == '.' && G[3].sep == '-'))
		return 0;
	u32 same = 1;
	for (u32 i = 1; i < 11; i++)
		same &= D[i] == D[0];
	for (u32 k = 9; k < 11; k++) {
		u32 sum = 0;
		for (u32 i = 0; i < k; i++)
			sum += D[i] * (k + 1 - i);
		if (sum * 10 % 11 % 10 != D[k])
			return 0;
	}
	if (same || (m == 1 && !near(G[0].s, 24, "cpf\0")))
		return 0;
	return found(G[0].s, G[m - 1].e, CPF, 0.98f);
}

/* ---- phone numbers ---- */

/* The length of the calling code that D begins with, from digit i; 0: none. The
 * codes of one and two digits are listed, those of three begin with what is left. */
static u32 calling_code(u32 i)
{
	static const char two[] = "20273031323334363940414344454647484951525354555657586061626364656681828486909192939495"
				  "98";
	if (D[i] == 1 || D[i] == 7)
		return 1;
	for (const char *t = two; *t; t += 2)
		if (D[i] == t[0] - '0' && D[i + 1] == t[1] - '0')
			return 2;
	switch (D[i] * 10 + D[i + 1]) {
	case 21: case 22: case 23: case 24: case 25: case 26: case 29: case 35: case 37: case 38: case 42:
	case 50: case 59: case 67: case 68: case 69: case 85: case 88: case 96: case 97: case 99:
		return 3;
	}
	return 0;
}

/* Day, month and year in some order? */
static int date_like(u32 m)
{
	if (m != 3)
		return 0;
	u32 a = lead(upto[1]), y = 0, b = 0;
	for (u32 i = upto[1]; i < upto[2]; i++)
		b = b * 10 + D[i];
	for (u32 i = upto[2]; i < upto[3]; i++)
		y = y * 10 + D[i];
	if (size(0) == 4 && size(1) == 2 && size(2) == 2)
		return a >= 1800 && a <= 2199 && b >= 1 && b <= 12 && y >= 1 && y <= 31;
	if (size(0) <= 2 && size(1) <= 2 && size(2) == 4)
		return y >= 1800 && y <= 2199 && a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
	return size(0) == 2 && size(1) == 2 && size(2) == 2;
}

/* A number of one to three digits or two groups of them could be anything, so
 * the form, a plus or a word nearby has to speak for a phone. */
static float phone_form(u32 m, u32 plus, u32 told)
{
	u32 n = upto[m], small = 99, big = 0;
	u8 sep = separator(m);
	for (u32 g = 0; g < m; g++) {
		if (size(g) < small)
			small = size(g);
		if (size(g) > big)
			big = size(g);
	}
	u32 parens = 0;
	for (u32 g = 1; g < m; g++)
		parens |= G[g].sep == '(';
	if (plus) {
		u32 cc = calling_code(0);
		if (!cc || n < 8 || n > 15 || (D[0] == 1 && (n != 11 || (!told && D[1] < 2))))
			return 0;
		return m > 1 || told ? 0.97f : 0.9f;
	}
	if (D[0] == 0 && D[1] == 0 && n >= 10 && n <= 17)
		return calling_code(2) && (m > 1 || told) && sep != '/' && !(sep == '.' && m == 2) ? 0.85f : 0;
	u32 us = sizes(m, "334") || sizes(m, "37") || (D[0] == 1 && (sizes(m, "1334") || sizes(m, "137")));
	if (us && (n == 10 || n == 11)) {
		u32 valid = D[n - 10] >= 2 && D[n - 7] >= 2;
		if (parens || sep == '-')
			return told ? 0.97f : sizes(m, "37") && !parens ? 0 : valid ? 0.9f : 0.75f;
		if (sep == '.')
			return told ? 0.95f : valid ? 0.8f : 0.55f;
		if (sep == ' ' && (told || valid))
			return told ? 0.95f : 0.6f;
	}
	if (m == 1)
		return told && n >= 9 && n <= 12 ? 0.7f : 0;
	if (date_like(m) || small < 2 || (sep == '/' && m > 2) || n < 7 || n > 12)
		return 0;
	if (sep == 0 && !parens) { /* two separators at most: an area code, then groups */
		for (u32 g = 3; g < m; g++)
			if (G[g].sep != G[2].sep)
				return 0;
		if (G[2].sep == '/' || G[2].sep == '.' || G[1].sep == '.')
			return 0;
	}
	if (D[0] == 0 && D[1] != 0 && n >= 9) {
		if (sep == '.' && !(m >= 4 && big <= 3))
			return 0;
		return told ? 0.93f : sep == '/' ? 0.5f : n == 9 && m < 3 ? 0.5f : 0.75f;
	}
	if (sep == '.' && !(m >= 4 && big <= 2))
		return 0;
	if (sep == '/')
		return 0;
	if (m == 2 && sep == '-' && !sizes(m, "34")) /* a subtraction, a range */
		return 0;
	if (big > 6)
		return 0;
	if (told)
		return 0.7f;
	return n >= 9 && n <= 11 && at(G[0].e) == ')' && size(0) <= 4 ? 0.6f : 0;
}

/* The end of an extension such as "x123" or " ext. 123" behind e, or e. */
static u32 extension(u32 e)
{
	u32 q = e;
	while (at(q) == ' ' || at(q) == ',')
		q++;
	if (lower(at(q)) == 'e' && lower(at(q + 1)) == 'x' && lower(at(q + 2)) == 't')
		q += 3;
	else if (lower(at(q)) == 'x')
		q++;
	else
		return e;
	while (at(q) == '.' || at(q) == ' ')
		q++;
	u32 f = q;
	while (digit(at(f)))
		f++;
	return f > q && f - q <= 6 && !word(at(f)) ? f : e;
}

static u32 phone(u32 plus)
{
	if (!plus && ngroups > 1 && size(0) < 2 && size(1) < 2 && (D[0] || D[1]))
		return 0; /* single digits in a row */
	u32 possible = 0;
	for (u32 m = ngroups; m > 0 && !possible; m--)
		possible = phone_form(m, plus, 1) > 0;
	if (!possible) /* whatever stands nearby */
		return 0;
	u32 s = G[0].s, told = near(s, 48, phone_words);
	u32 last = G[ngroups - 1].e;
	told = told || words_in(extension(last), extension(last) + 10, behind_phone_words);
	u8 before = at(s - 1);
	if (before == '$' || before == '#')
		return 0;
	if (!told && near(s, 16, not_phone_words))
		return 0;
	for (u32 m = ngroups; m > 0; m--) {
		u32 e = extension(G[m - 1].e);
		if (e == G[m - 1].e && !tail_ok(e))
			continue;
		float score = phone_form(m, plus, told);
		if (score == 0)
			continue;
		if (before == '(' && m > 1 && at(G[0].e) == ')') {
			s--;
			before = at(s - 1);
		}
		if (before == '+')
			s--;
		return found(s, e, PHONE, score);
	}
	return 0;
}

/* ---- addresses of machines ---- */

static u32 ipv4_end(u32 a, u32 *first)
{
	u32 q = a;
	for (u32 k = 0; k < 4; k++) {
		u32 st = q, v = 0;
		while (digit(at(q)) && q - st < 4)
			v = v * 10 + (V.p[q++] - '0');
		if (q == st || q - st > 3 || v > 255 || (q - st > 1 && at(st) == '0'))
			return 0;
		if (k == 0)
			*first = v;
		if (k < 3 && at(q++) != '.')
			return 0;
	}
	return q;
}

static u32 ipv4(u32 a)
{
	u32 first = 0, e = ipv4_end(a, &first);
	if (!e || word(at(e)) || (at(e) == '.' && alnum(at(e + 1))) || (at(e) == '-' && alpha(at(e + 1))))
		return 0;
	u8 c = at(a - 1), b = at(a - 2);
	if (c == '.' || (c == '-' && alpha(b)) || (c == '/' && alnum(b)) || (c == '=' && (b == '=' || b == '~' || b == '>')))
		return 0;
	if (near(a, 14, version_words))
		return 0;
	return found(a, e, IP, first == 127 || first == 0 || first == 255 ? 0.6f : 0.95f);
}

static u32 ipv6(u32 a)
{
	u32 q = a, groups = 0, gap = 0, digits = 0, longest = 0, first = 0;
	if (at(q) == ':') {
		if (at(q + 1) != ':')
			return 0;
		gap = 1;
		q += 2;
	}
	for (;;) {
		u32 st = q;
		while (hex(at(q)) && q - st < 5) {
			digits += digit(V.p[q]);
			q++;
		}
		u32 len = q - st;
		if (len > 4)
			return 0;
		if (len && at(q) == '.' && (gap || groups == 6)) {
			u32 e = ipv4_end(st, &first);
			if (!e)
				return 0;
			q = e;
			groups += 2;
			longest = 4;
			break;
		}
		if (!len)
			break;
		groups++;
		if (len > longest)
			longest = len;
		if (at(q) != ':')
			break;
		if (at(q + 1) == ':') {
			if (gap)
				return 0;
			gap = 1;
			q += 2;
		} else if (hex(at(q + 1))) {
			q++;
		} else {
			break;
		}
	}
	if (word(at(q)) || (at(q) == ':' && alnum(at(q + 1))) || !digits || groups > 8 || (gap ? groups > 7 || !groups : groups != 8))
		return 0;
	if (gap && groups < 3 && longest < 3 && at(a) != ':')
		return 0;
	if (gap && groups < 2 && at(a) == ':' && digits != q - a - 2)
		return 0;
	return found(a, q, IP, groups < 3 ? 0.8f : 0.97f);
}

static u32 mac(u32 a)
{
	u8 sep = at(a + 2);
	u32 all_digits = 1;
	for (u32 k = 0; k < 6; k++) {
		u32 q = a + 3 * k;
		if (!hex(at(q)) || !hex(at(q + 1)) || (k < 5 && at(q + 2) != sep))
			return 0;
		all_digits &= digit(at(q)) && digit(at(q + 1));
	}
	u32 e = a + 17;
	if (word(at(e)) || (at(e) == sep && alnum(at(e + 1))) || (all_digits && sep == '-'))
		return 0;
	return found(a, e, MAC, 0.97f);
}

/* ---- codes with a checksum ---- */

static const char iban_lengths[] =
	"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22"
	"GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20"
	"MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24"
	"TR26UA29VA22VG24XK20YE30";

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
		else if (!((c == ' ' || c == '-') && alnum(at(q + 1))))
			return 0;
		q++;
	}
	u32 r = 0;
	for (u32 k = 0; k < n; k++) {
		u8 c = b[(k + 4) % n];
		r = digit(c) ? (r * 10 + (c - '0')) % 97 : (r * 100 + (c - 'A' + 10)) % 97;
	}
	return r == 1 && !word(at(q)) ? found(a, q, IBAN, 0.99f) : 0;
}

static int base58_address(u32 a, u32 b)
{
	static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	u8 v[25] = {0};
	for (u32 i = a; i < b; i++) {
		u32 carry = 58;
		for (u32 k = 0; k < 58; k++)
			if ((u8)digits[k] == V.p[i])
				carry = k;
		if (carry == 58)
			return 0;
		for (u32 k = 25; k-- > 0;) {
			carry += v[k] * 58u;
			v[k] = (u8)carry;
			carry >>= 8;
		}
		if (carry)
			return 0;
	}
	u8 h[32];
	sp_sha256(v, 21, h);
	sp_sha256(h, 32, h);
	return h[0] == v[21] && h[1] == v[22] && h[2] == v[23] && h[3] == v[24];
}

/* BIP 173 and BIP 350: the checksum of a segwit address. */
static int bech32_address(u32 a, u32 b, u32 hrp)
{
	static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	static const u32 gen[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	u32 c = 1, uppers = 0, lowers = 0;
	for (u32 k = 0; k < 2 * hrp + 1 + (b - a - hrp - 1); k++) {
		u32 v;
		if (k < hrp) {
			v = (u32)lower(V.p[a + k]) >> 5;
		} else if (k == hrp) {
			v = 0;
		} else if (k <= 2 * hrp) {
			v = lower(V.p[a + k - hrp - 1]) & 31;
		} else {
			u8 x = V.p[a + hrp + 1 + (k - 2 * hrp - 1)];
			uppers |= x != lower(x);
			lowers |= x != upper(x);
			for (v = 0; v < 32 && (u8)digits[v] != lower(x);)
				v++;
			if (v == 32)
				return 0;
		}
		u32 top = c >> 25;
		c = (c & 0x1ffffff) << 5 ^ v;
		for (u32 i = 0; i < 5; i++)
			if (top >> i & 1)
				c ^= gen[i];
	}
	return !(uppers && lowers) && (c == 1 || c == 0x2bc830a3);
}

static u32 crypto(u32 a, u32 b)
{
	u32 n = b - a, hexes = 1;
	if (n == 42 && at(a) == '0' && lower(at(a + 1)) == 'x') {
		for (u32 i = a + 2; i < b; i++)
			hexes &= hex(V.p[i]);
		return hexes ? found(a, b, CRYPTO, 0.95f) : 0;
	}
	u8 c0 = lower(at(a)), c1 = lower(at(a + 1)), c2 = lower(at(a + 2));
	if (n >= 14 && n <= 90) {
		if (((c0 == 'b' && c1 == 'c') || (c0 == 't' && c1 == 'b')) && c2 == '1')
			return bech32_address(a, b, 2) ? found(a, b, CRYPTO, 0.99f) : 0;
		if (c0 == 'l' && c1 == 't' && c2 == 'c' && at(a + 3) == '1')
			return bech32_address(a, b, 3) ? found(a, b, CRYPTO, 0.99f) : 0;
	}
	if (n >= 26 && n <= 35 && base58_address(a, b))
		return found(a, b, CRYPTO, 0.99f);
	return 0;
}

static int spanish_letter(u32 v, u8 c) { return upper(c) == (u8)"TRWAGMYFPDXBNJZSQVHLCKE"[v % 23]; }

static u32 spanish(u32 a)
{
	u8 c = upper(at(a));
	u32 v = 0, from = a, nie = c == 'X' || c == 'Y' || c == 'Z';
	if (nie) {
		v = c - 'X';
		from++;
	}
	u32 q = from;
	for (; q < a + 8; q++) {
		if (!digit(at(q)))
			return 0;
		v = v * 10 + (V.p[q] - '0');
	}
	if (!spanish_letter(v, at(q)) || word(at(q + 1)))
		return 0;
	u32 told = near(a, 40, "dni\0nif\0nie\0documento\0identidad\0");
	if (at(q) != upper(at(q)) && !told)
		return 0;
	return found(a, q + 1, nie ? NIE : NIF, told ? 0.98f : 0.8f);
}

static u32 fiscal(u32 a)
{
	static const u8 odd[26] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
	u32 sum = 0;
	for (u32 i = 0; i < 16; i++) {
		u8 c = upper(at(a + i));
		if (alpha(c) != ("LLLLLLDDLDDLDDDL"[i] == 'L') || !alnum(c))
			return 0;
		u32 v = digit(c) ? c - '0' : c - 'A';
		if (i < 15)
			sum += i & 1 ? v : odd[v];
		else if (sum % 26 != v)
			return 0;
	}
	return found(a, a + 16, FISCAL, 0.98f);
}

/* ---- e-mail ---- */

static inline int local_char(u8 c)
{
	return alnum(c) || c >= 0x80 || c == '.' || c == '_' || c == '-' || c == '+' || c == '%' || c == '\'' || c == '&';
}

static int file_ending(u32 s, u32 e)
{
	static const char ends[] = "png\0jpg\0jpeg\0gif\0svg\0webp\0css\0js\0json\0html\0";
	for (const char *w = ends; *w;) {
		u32 k = 0;
		while (w[k] && s + k < e && lower(V.p[s + k]) == (u8)w[k])
			k++;
		if (!w[k] && s + k == e)
			return 1;
		while (*w)
			w++;
		w++;
	}
	return 0;
}

static u32 email(u32 i)
{
	u32 s = i, e = i + 1, dot = 0;
	while (s > floor_ && i - s < 64 && local_char(V.p[s - 1]))
		s--;
	while (s < i && (V.p[s] == '.' || V.p[s] == '\'' || V.p[s] == '&' || V.p[s] == '-' || V.p[s] == '%' || (V.p[s] & 0xc0) == 0x80))
		s++;
	while (e - i <= 253 && (alnum(at(e)) || at(e) >= 0x80 || at(e) == '-' || (at(e) == '.' && at(e - 1) != '.')))
		e++;
	while (e > i + 1 && !alnum(V.p[e - 1]) && V.p[e - 1] < 0x80)
		e--;
	while (e > i + 1 && e < V.n && (V.p[e] & 0xc0) == 0x80)
		e--; /* the length limit cut a character */
	for (u32 k = i + 1; k < e; k++)
		if (V.p[k] == '.')
			dot = k;
	if (s == i || V.p[i - 1] == '.' || dot < i + 2 || e - dot < 3 || e - dot > 25 || V.p[i + 1] == '-')
		return 0;
	for (u32 k = dot + 1; k < e; k++)
		if (!alpha(V.p[k]) && V.p[k] < 0x80 && !(k > dot + 4 && lower(V.p[dot + 1]) == 'x' && lower(V.p[dot + 2]) == 'n'))
			return 0;
	if (file_ending(dot + 1, e))
		return 0;
	/* git@host:path is a remote, user:password@host a URL. */
	if (at(e) == ':' && alpha(at(e + 1)) && i - s == 3 && lower(V.p[s]) == 'g' && lower(V.p[s + 1]) == 'i')
		return 0;
	for (u32 k = s; k > floor_ && s - k < 64 && V.p[k - 1] > ' '; k--)
		if (V.p[k - 1] == '/' && at(k - 2) == '/')
			return 0;
	return found(s, e, EMAIL, 0.98f);
}

/* ---- the pass ---- */

static u32 next_trigger(u32 i)
{
	const u8 *p = V.p;
	u32 n = V.n;
	const v128_t at_ = wasm_i8x16_splat('@'), zero = wasm_i8x16_splat('0'), eleven = wasm_i8x16_splat(11);
	/* ':' stands right behind '9'. */
	for (; i + 32 <= n; i += 32) {
		v128_t a = wasm_v128_load(p + i), b = wasm_v128_load(p + i + 16);
		v128_t x = wasm_v128_or(wasm_i8x16_eq(a, at_), wasm_u8x16_lt(wasm_i8x16_sub(a, zero), eleven));
		v128_t y = wasm_v128_or(wasm_i8x16_eq(b, at_), wasm_u8x16_lt(wasm_i8x16_sub(b, zero), eleven));
		if (wasm_v128_any_true(wasm_v128_or(x, y))) {
			u32 m = wasm_i8x16_bitmask(x) | (u32)wasm_i8x16_bitmask(y) << 16;
			return i + (u32)__builtin_ctz(m);
		}
	}
	while (i < n && p[i] != '@' && (u8)(p[i] - '0') >= 11)
		i++;
	return i;
}

/* What begins at a word that holds letters and digits. */
static u32 mixed(u32 a, u32 b)
{
	u32 n = b - a, r = 0;
	if (at(a - 1) == '_' || at(b) == '_')
		return 0;
	if (n >= 14 && n <= 90 && (r = crypto(a, b)))
		return r;
	if (n >= 4 && alpha(at(a)) && alpha(at(a + 1)) && digit(at(a + 2)) && (r = iban(a)))
		return r;
	if (n == 16 && alpha(at(a)) && (r = fiscal(a)))
		return r;
	if (n == 9 && (r = spanish(a)))
		return r;
	return 0;
}

/* What begins at a word that may be a group of an address. */
static u32 address(u32 a, u32 b)
{
	u8 before = at(a - 1);
	if (b - a > 4 || word(before) || (before == '-' && alnum(at(a - 2))))
		return 0;
	if (before == ':')
		return at(a - 2) == ':' && !word(at(a - 3)) && at(a - 3) != ':' && a >= floor_ + 2 ? ipv6(a - 2) : 0;
	u32 r = 0;
	if (b - a == 2 && (at(b) == ':' || at(b) == '-') && (r = mac(a)))
		return r;
	return at(b) == ':' ? ipv6(a) : 0;
}

static u32 number(u32 a)
{
	u32 plus = at(a - 1) == '+' || (at(a - 1) == '(' && at(a - 2) == '+'), r = 0;
	read_groups(a);
	if (!ngroups)
		return 0;
	if (plus)
		return phone(1);
	if (!head_ok(a))
		return 0;
	if ((r = ipv4(a)) || (r = card()) || (r = ssn()) || (r = nhs()) || (r = nir()) || (r = cpf()) || (r = aadhaar()))
		return r;
	return phone(0);
}

static void sp_scan(const sp_text *t)
{
	if (!sp_fold(t, &V))
		return;
	floor_ = 0;
	u32 i = 0;
	while ((i = next_trigger(i)) < V.n) {
		u8 c = V.p[i];
		u32 r = 0;
		if (c == '@') {
			r = email(i);
			i = r ? r : i + 1;
			continue;
		}
		u32 a = i, b = i;
		while (a > floor_ && i - a < 128 && alnum(V.p[a - 1]))
			a--;
		if (c == ':') {
			if (a < i && (hex(at(i + 1)) || at(i + 1) == ':'))
				r = address(a, i);
			i = r ? r : i + 1;
			continue;
		}
		u32 letters = 0, hexes = 1;
		while (b < V.n && alnum(V.p[b]))
			b++;
		for (u32 k = a; k < b && k - a < 128; k++) {
			letters |= alpha(V.p[k]);
			hexes &= hex(V.p[k]);
		}
		if (hexes)
			r = address(a, b);
		if (!r && letters)
			r = mixed(a, b);
		if (!r && letters && lower(at(i)) != 'x') { /* 555-0100x12: the group is told from its extension */
			u32 q = a;
			while (digit(at(q)))
				q++;
			letters = !(q > a && lower(at(q)) == 'x' && digit(at(q + 1)));
		}
		if (!r && !letters)
			r = number(a);
		i = r ? r : b;
	}
}
