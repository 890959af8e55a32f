/* issued.h: keys that say themselves who issued them. */
#ifndef SECRETS_ISSUED_H
#define SECRETS_ISSUED_H

enum { ALNUM, HEX, HEXDASH, TOKEN, B64 };

static const struct {
	u8 kind, set, least, most;
	char prefix[20];
} issuers[] = {
#define I(kind, prefix, set, least, most) {kind, set, least, most, prefix},
#include "issuers.h"
#undef I
};
#define ISSUERS (sizeof issuers / sizeof *issuers)

/* The first issuer whose prefix begins with a byte; they stand together. */
static u16 first[128];

static void learn_prefixes(void)
{
	for (u32 k = ISSUERS; k-- > 0;)
		first[(u8)issuers[k].prefix[0]] = (u16)(k + 1);
}

static int in_set(u8 c, u8 set)
{
	switch (set) {
	case HEX:
		return hex(c);
	case HEXDASH:
		return hex(c) || c == '-';
	case ALNUM:
		return alnum(c);
	case TOKEN:
		return token(c);
	}
	return token(c) || c == '.' || c == '=' || c == '+' || c == '/';
}

/* A GitHub or npm token ends in the CRC-32 of its thirty random characters, as
 * six digits to base 62 (github.blog, Behind GitHub's new authentication token
 * formats, 2021). */
static int checksum_right(u32 a)
{
	u32 crc = 0xffffffff;
	for (u32 i = 0; i < 30; i++) {
		crc ^= V.p[a + i];
		for (u32 k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	crc = ~crc;
	for (u32 i = 36; i-- > 30; crc /= 62) {
		u32 d = crc % 62;
		if (V.p[a + i] != (u8)(d < 10 ? '0' + d : d < 36 ? 'A' + d - 10 : 'a' + d - 36))
			return 0;
	}
	return 1;
}

/* Does the base64 in [a, b) hold the word? */
static int decodes_to(u32 a, u32 b, const char *word)
{
	u32 have = 0;
	for (u32 i = a; i < b && i - a < 256; i += 4)
		for (u32 k = 0; k < 3; k++) {
			int c = base64_at(i, b, k);
			have = c == word[have] ? have + 1 : c == word[0];
			if (!word[have])
				return 1;
		}
	return 0;
}

/* The end of a JSON Web Token whose first part is [a, b), or 0. */
static u32 jwt_end(u32 a, u32 b)
{
	if (!begins(a, "eyJ") || b - a < 12 || at(b) != '.')
		return 0;
	u32 c = b + 1, d;
	while (token(at(c)))
		c++;
	if (c - b < 8 || at(c) != '.')
		return 0;
	for (d = c + 1; token(at(d));)
		d++;
	if (at(b + 1) == 'e')
		return d - c > 8 ? d : 0;
	while (at(d) == '.' && token(at(d + 1))) /* encrypted: five parts */
		for (d++; token(at(d));)
			d++;
	return d - c > 40 ? d : 0;
}

/* A key with a prefix that begins at a. */
static u32 prefixed(u32 a, u32 *kind, float *score)
{
	u8 c = at(a);
	if (a > 1 && V.p[a - 1] == '.' && alnum(V.p[a - 2]))
		return 0; /* the end of a name */
	for (u32 k = c < 128 && first[c] ? first[c] - 1u : ISSUERS; k < ISSUERS && (u8)issuers[k].prefix[0] == c; k++) {
		if (!begins(a, issuers[k].prefix))
			continue;
		u32 s = a, e;
		for (const char *p = issuers[k].prefix; *p; p++)
			s++;
		for (e = s; e < V.n && e - s < 1024 && in_set(V.p[e], issuers[k].set);)
			e++;
		while (e > s && V.p[e - 1] == '.')
			e--;
		if (e - s < issuers[k].least || (issuers[k].most && e - s > issuers[k].most) || (issuers[k].set < B64 && token(at(e))) ||
		    !random_rest(s, e) || holds(s, e, "example"))
			continue;
		*kind = issuers[k].kind;
		*score = issuers[k].least < 24 ? 0.95f : 0.98f;
		if (e - s == 36 && (*kind == GITHUB || c == 'n'))
			*score = checksum_right(s) ? 0.99f : 0.85f;
		while (e < V.n && in_set(V.p[e], issuers[k].set) && e - s >= 1024)
			e++;
		return e;
	}
	return 0;
}

/* Forms that are more than a prefix; the run [a, b) of token characters. start is
 * a, and changed where the key begins before it. */
static u32 formed(u32 a, u32 b, u32 *start, u32 *kind, float *score)
{
	u32 n = b - a, e;
	u8 before = a ? V.p[a - 1] : 0;
	*kind = GENERIC;
	*score = 0.97f;
	if ((e = jwt_end(a, b))) {
		*kind = JWT;
		*score = decodes_to(a, b, "\"alg\"") ? 0.98f : 0.6f;
		return e;
	}
	if (n == 20 && (begins(a, "AKIA") || begins(a, "ASIA") || begins(a, "ABIA") || begins(a, "ACCA") || begins(a, "A3T"))) {
		for (u32 i = a; i < b; i++)
			if (!((u8)(V.p[i] - 'A') < 26 || digit(V.p[i])))
				return 0;
		*kind = AWS;
		measure(a + 4, b);
		return varied() && !begins(b - 7, "EXAMPLE") ? b : 0;
	}
	if (n == 35 && V.p[a] == 'A' && before == ':' && a > 8 && digit(V.p[a - 2]) && digit(V.p[a - 8]) && random_rest(a, b) && R.digits > 1)
		return b; /* of a Telegram bot */
	if (n >= 60 && begins(a, "ZXlK") && random_rest(a, b)) {
		*kind = JWT; /* once more in base64 */
		*score = 0.9f;
		return b;
	}
	if (n == 34 && begins(a, "SK")) { /* Twilio */
		measure(a + 2, b);
		return R.hexes == 32 && R.digits > 4 && varied() ? b : 0;
	}
	if ((n == 36 || n == 37) && begins(a + 32, "-us") && digit(V.p[a + 35]) && digit(V.p[b - 1])) { /* Mailchimp */
		measure(a, a + 32);
		return R.hexes == 32 && R.digits > 4 && varied() ? b : 0;
	}
	if (n >= 31 && before == '~' && a >= 5 && V.p[a - 2] == 'Q' && digit(V.p[a - 3]) && alnum(V.p[a - 4]) && random_rest(a, b)) {
		e = b; /* a client secret of Microsoft Entra */
		while (token(at(e)) || at(e) == '.' || at(e) == '~')
			e++;
		if (e - a < 31 || e - a > 34)
			return 0;
		*start = a - 5;
		return e;
	}
	if (n >= 40 && begins(b - 4, "_mmk"))
		return random_rest(a, b - 4) ? b : 0; /* MaxMind */
	return 0;
}

/* Where a key that holds the run may begin: the run, or up to two short parts
 * with dots before it. */
static u32 issued(u32 a, u32 b, u32 *start, u32 *kind, float *score)
{
	*start = a;
	u32 e = formed(a, b, start, kind, score);
	for (u32 parts = 0; !e && parts < 3; parts++) {
		e = prefixed(*start, kind, score);
		u32 s = *start;
		if (e || s == 0 || V.p[s - 1] != '.')
			break;
		for (s--; s > 0 && *start - s < 14 && token(V.p[s - 1]);)
			s--;
		if (s + 1 == *start)
			break;
		*start = s;
	}
	return e;
}

/* Every run of at least RUN token characters. Looking at the last byte of where
 * a run could be skips most of a prose text. */
#define RUN 16
static void long_runs(void)
{
	static const u8 is_token[256] = {
		['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['_'] = 1, ['-'] = 1,
	};
	const u8 *p = V.p;
	u32 n = V.n, done = 0;
	for (u32 i = 0; i + RUN <= n;) {
		u32 k = i + RUN;
		while (k > i && is_token[p[k - 1]])
			k--;
		if (k > i) {
			i = k;
			continue;
		}
		u32 b = i + RUN, kind, start;
		while (b < n && is_token[p[b]])
			b++;
		float score;
		u32 e = issued(i, b, &start, &kind, &score);
		if (e && start >= done) {
			emit(start, e, kind, score);
			done = e;
		} else if (b - i < 200 && random_value(i, b) && R.digits && (u32)R.points * 2 >= R.len) {
			keep(&drawn, i, b);
		}
		i = e > b ? e : b;
	}
}

#endif
