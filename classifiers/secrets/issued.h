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
/* The first four bytes of each prefix, which tell most of them apart, as far as it
 * has so many. */
static u32 head[ISSUERS], head_mask[ISSUERS];

static void learn_prefixes(void)
{
	for (u32 k = ISSUERS; k-- > 0;) {
		first[(u8)issuers[k].prefix[0]] = (u16)(k + 1);
		for (u32 i = 0; i < 4 && issuers[k].prefix[i]; i++) {
			head[k] |= (u32)(u8)issuers[k].prefix[i] << 8 * i;
			head_mask[k] |= 0xffu << 8 * i;
		}
	}
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

/* So many characters behind a prefix are judged; a key may go on. */
#define REST 256

/* Is what ends before a point at e long, as a part of a token is and a name is not? */
static int long_before(u32 e)
{
	u32 s = e;
	while (s > 0 && e - s < 16 && token(V.p[s - 1]))
		s--;
	return e - s == 16;
}

/* A key with a prefix that begins at a; inner where that is within a run, which may
 * hold any number of them. */
static u32 prefixed(u32 a, int inner, u32 *kind, float *score)
{
	u8 c = at(a);
	if (c >= 128 || !first[c])
		return 0;
	u32 four = (u32)c | (u32)at(a + 1) << 8 | (u32)at(a + 2) << 16 | (u32)at(a + 3) << 24;
	if (a > 1 && V.p[a - 1] == '.' && long_before(a - 1))
		return 0; /* of a token with points */
	for (u32 k = first[c] - 1u; k < ISSUERS && (u8)head[k] == c; k++) {
		if ((four & head_mask[k]) != head[k] || !begins(a, issuers[k].prefix))
			continue;
		if (inner && !may_judge(a))
			return 0;
		u32 s = a, e, least = issuers[k].least, most = issuers[k].most;
		u8 set = issuers[k].set;
		for (const char *p = issuers[k].prefix; *p; p++)
			s++;
		for (e = s; e < V.n && e - s < REST && in_set(V.p[e], set);)
			e++;
		int cut = e - s == REST;
		while (e > s && V.p[e - 1] == '.')
			e--;
		if (most && e - s > most && set != ALNUM && set != HEX) { /* a name may be joined to it */
			for (e = s + most; e > s + least && V.p[e] != '-' && V.p[e] != '_';)
				e--;
			if (V.p[e] != '-' && V.p[e] != '_')
				continue;
		}
		if (e - s < least || (most && e - s > most) || (set < B64 && !cut && alnum(at(e))) || holds(s, e, "example") ||
		    !random_rest(s, e))
			continue;
		if (R.hexes == R.len && set != HEX && a > 1 && V.p[a - 1] == '.' && alnum(V.p[a - 2]))
			continue; /* a file's extension and its hash: logo.ico-7a38… */
		*kind = issuers[k].kind;
		*score = least < 24 ? 0.95f : 0.98f;
		if (e - s == 36 && (*kind == GITHUB || c == 'n'))
			*score = checksum_right(s) ? 0.99f : 0.85f;
		while (cut && !most && e < V.n && in_set(V.p[e], set))
			e++;
		return e;
	}
	return 0;
}

/* Forms that are more than a prefix, wherever they begin in a run that ends at b. */
static u32 shaped(u32 a, u32 b, int inner, u32 *kind, float *score)
{
	u32 n = 0, e;
	*score = 0.97f;
	if (begins(a, "eyJ") && at(b) == '.' && (!inner || may_judge(a)) && (e = jwt_end(a, b))) {
		*kind = JWT;
		*score = decodes_to(a, b, "\"alg\"") ? 0.98f : 0.6f;
		return e;
	}
	u8 c = at(a);
	if (c != 'A' && c != 'S')
		return 0;
	while (n < 36 && alnum(at(a + n)))
		n++;
	if (n == 20 && (begins(a, "AKIA") || begins(a, "ASIA") || begins(a, "ABIA") || begins(a, "ACCA") || begins(a, "A3T"))) {
		for (u32 i = a; i < a + n; i++)
			if (!((u8)(V.p[i] - 'A') < 26 || digit(V.p[i])))
				return 0;
		*kind = AWS;
		measure(a + 4, a + n);
		return varied() && !begins(a + n - 7, "EXAMPLE") ? a + n : 0;
	}
	if (n == 34 && begins(a, "SK")) { /* Twilio */
		*kind = GENERIC;
		measure(a + 2, a + n);
		return R.hexes == 32 && R.digits > 4 && varied() ? a + n : 0;
	}
	return 0;
}

/* Forms of a whole run [a, b) of token characters. start is
 * a, and changed where the key begins before it. */
static u32 formed(u32 a, u32 b, u32 *start, u32 *kind, float *score)
{
	u32 n = b - a, e;
	u8 before = a ? V.p[a - 1] : 0;
	*kind = GENERIC;
	*score = 0.97f;
	if (n == 35 && V.p[a] == 'A' && before == ':' && a > 8 && digit(V.p[a - 2]) && digit(V.p[a - 8]) && random_rest(a, b) && R.digits > 1)
		return b; /* of a Telegram bot */
	if (n >= 60 && begins(a, "ZXlK") && random_rest(a, b)) {
		*kind = JWT; /* once more in base64 */
		*score = 0.9f;
		return b;
	}
	if ((n == 36 || n == 37) && begins(a + 32, "-us") && digit(V.p[a + 35]) && digit(V.p[b - 1])) { /* Mailchimp */
		measure(a, a + 32);
		return R.hexes == 32 && R.digits > 4 && varied() ? b : 0;
	}
	if (n >= 31 && before == '~' && a >= 5 && V.p[a - 2] == 'Q' && digit(V.p[a - 3]) && alnum(V.p[a - 4]) && V.p[a - 5] < 0x80 && random_rest(a, b)) {
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

/* May a key begin within a run at p: behind a sign that joins a name to it? */
static int joined(u32 p) { return V.p[p - 1] == '-' || V.p[p - 1] == '_'; }

/* A key that holds the run, or begins in it. Before it may stand up to two short
 * parts with dots, and anywhere a name with a sign between, or an escape. With rest,
 * the run begins before a, and a key with a name before it is looked for. */
#define RUN 16
static u32 issued(u32 a, u32 b, int rest, u32 *start, u32 *kind, float *score)
{
	*start = a;
	u32 e = rest ? 0 : shaped(a, b, 0, kind, score), end = a;
	if (!e && !rest)
		e = formed(a, b, start, kind, score);
	for (u32 parts = rest ? 3 : 0; !e && parts < 3; parts++) {
		e = prefixed(*start, 0, kind, score);
		u32 s = *start, escaped = past_escape(s);
		for (u32 p = s + 1; !e && p < end; p++)
			if ((joined(p) || p == escaped) && (e = prefixed(p, 1, kind, score)))
				*start = p;
		if (e || s == 0 || V.p[s - 1] != '.')
			break;
		end = --s;
		while (s > 0 && end - s < 13 && token(V.p[s - 1]))
			s--;
		if (s == end)
			break;
		*start = s;
	}
	u32 escaped = past_escape(a);
	for (u32 p = a + 1; !e && p + RUN <= b; p++)
		if ((joined(p) || p == escaped) && ((e = shaped(p, b, 1, kind, score)) || (e = prefixed(p, 1, kind, score))))
			*start = p;
	return e;
}

/* Every run of at least RUN token characters. Looking at the last byte of where
 * a run could be skips most of a prose text. */
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
		u32 a = i, e;
		while ((e = issued(a, b, a > i, &start, &kind, &score)) && start >= done) {
			emit(start, e, kind, score);
			a = done = e; /* another may be joined to it */
		}
		if (a == i && b - i < 200 && random_value(i, b) && R.digits && (u32)R.points * 2 >= R.len) {
			keep(&drawn, i, b);
		}
		i = a > b ? a : b;
	}
}

#endif
