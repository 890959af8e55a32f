/* names.h: what does the name of a value say about it? */
#ifndef SECRETS_NAMES_H
#define SECRETS_NAMES_H

/* What a name says, as bits. */
enum { PASS = 1, STRONG = 2, WEAK = 4, HARMLESS = 8, ENDS = 16, SECRET_ID = 32, OF_AWS = 64 };

static const struct {
	u8 says;
	char part[19];
} parts[] = {
#define N(part, says) {says, part},
#include "name_parts.h"
#undef N
};
#define PARTS (sizeof parts / sizeof *parts)

/* The parts that begin with a pair of characters, as a list. */
static u8 part_head[32 * 32], part_next[PARTS];

static inline u32 pair_of(u8 a, u8 b) { return (a & 31u) << 5 | (b & 31u); }

static void learn_parts(void)
{
	for (u32 k = 0; k < PARTS; k++) {
		u32 h = pair_of((u8)parts[k].part[0], (u8)parts[k].part[1]);
		part_next[k] = part_head[h];
		part_head[h] = (u8)(k + 1);
	}
}

/* A name's words in lower case with _ before, between and behind them. */
static u8 N[80];
static u32 nlen;

static u32 name_bits(void)
{
	u32 bits = 0;
	for (u32 i = 0; i + 1 < nlen; i++)
		for (u32 k = part_head[pair_of(N[i], N[i + 1])]; k; k = part_next[k - 1]) {
			const char *p = parts[k - 1].part;
			u32 e = i;
			while (*p && e < nlen && N[e] == (u8)*p)
				e++, p++;
			if (!*p && (e == nlen || parts[k - 1].says != ENDS))
				bits |= parts[k - 1].says;
		}
	return bits;
}

static int name_is(const char *name)
{
	u32 k = 0;
	while (k < nlen && N[k] == (u8)name[k])
		k++;
	return k == nlen && !name[k];
}

/* PASS, STRONG (perhaps with OF_AWS), WEAK, or 0. */
static u32 name_says(void)
{
	u32 bits = name_bits();
	if (bits & HARMLESS || (bits & ENDS && !(bits & SECRET_ID)))
		return 0;
	return bits & PASS ? PASS : bits & STRONG ? bits & (STRONG | OF_AWS) : bits & WEAK;
}

/* A name without a letter of ASCII that ends as a word for passwords is one. */
static __attribute__((noinline)) void take_foreign(u32 s, u32 e)
{
	static const char words[][25] = {"пароль", "парола", "лозинка", "密码", "密碼", "口令", "パスワード", "비밀번호", "암호", "סיסמה", "κωδικός", "المرور", "รหัสผ่าน", "पासवर्ड"};
	for (u32 k = 0; k < sizeof words / sizeof *words; k++) {
		u32 n = 0;
		while (n < sizeof *words && words[k][n])
			n++;
		if (e - s < n)
			continue;
		u32 i = 0;
		while (i < n && V.p[e - n + i] == (u8)words[k][i])
			i++;
		for (i = i == n ? 0 : 10; i < 10; i++, nlen = 10)
			N[i] = (u8)"_password_"[i];
	}
}

/* Reads the name whose characters are [s, e) into N. A word begins behind a sign
 * and at a capital behind a small letter. */
static void take_name(u32 s, u32 e)
{
	u8 last = '_';
	nlen = 0;
	N[nlen++] = '_';
	for (u32 k = s; k < e && nlen < sizeof N - 2; k++) {
		u8 c = V.p[k];
		if (!alnum(c)) {
			if (N[nlen - 1] != '_')
				N[nlen++] = '_';
		} else {
			if (last & 32 && alpha(last) && alpha(c) && !(c & 32) && N[nlen - 1] != '_')
				N[nlen++] = '_';
			if (nlen < sizeof N - 2)
				N[nlen++] = lower(c);
		}
		last = c;
	}
	while (nlen > 1 && (digit(N[nlen - 1]) || N[nlen - 1] == '_')) /* token_2 */
		nlen--;
	N[nlen++] = '_';
	if (nlen == 2)
		take_foreign(s, e);
}

/* Reads the name that ends before i, with signs between; returns where it
 * begins, or i where there is none. */
static u32 read_name(u32 i)
{
	u32 e = i, steps = 0;
	while (e > 0 && steps < 10) {
		u8 c = V.p[e - 1];
		if (!(c == ' ' || c == '\t' || c == '=' || c == ':' || c == '?' || c == '.' || c == '|' || c == '>' || c == '\\' || c == '*' ||
		      quote(c) || c == ']'))
			break;
		e--;
		steps++;
	}
	u32 s = e;
	while (s > 0 && e - s < 48 && (token(V.p[s - 1]) || V.p[s - 1] == '.' || V.p[s - 1] >= 0x80)) /* contraseña */
		s--;
	if (e - s == 6 && begins_lower(s, "string") && s > 1) { /* name string = */
		e = s - 1;
		for (s = e; s > 0 && e - s < 48 && token(V.p[s - 1]);)
			s--;
	}
	if (s == e)
		return i;
	if (past_escape(s) < e)
		s = past_escape(s);
	take_name(s, e);
	if (s > 1 && V.p[s - 1] == ' ' && token(V.p[s - 2])) {
		if (name_is("_is_")) /* the password is: */
			return read_name(s);
		u32 words = name_is("_key_") ? 1 : name_is("_passe_") ? 2 : 0; /* the access key, mot de passe */
		u32 w = s;
		for (u32 k = 0; k < words && w > 0 && V.p[w - 1] == ' '; k++)
			for (w--; w > 0 && s - w < 16 && token(V.p[w - 1]);)
				w--;
		if (words)
			take_name(w, e);
	}
	return s;
}

/* Reads the name that stands in a pair with the word "value" at s, as in
 * {"name": "TOKEN", "value": "…"} and on two lines of YAML. */
static __attribute__((noinline)) int pair_name(u32 s)
{
	u32 e = s, apart = 0;
	while (e > 0 && s - e < 40 && (V.p[e - 1] <= ' ' || V.p[e - 1] == ',' || quote(V.p[e - 1]))) {
		e--;
		apart |= V.p[e] == ',' || V.p[e] == '\n';
	}
	u32 a = e;
	while (a > 0 && e - a < 48 && (token(V.p[a - 1]) || V.p[a - 1] == '.' || V.p[a - 1] >= 0x80))
		a--;
	u32 w = a;
	while (w > 0 && a - w < 8 && (V.p[w - 1] == ' ' || V.p[w - 1] == ':' || quote(V.p[w - 1])))
		w--;
	if (!apart || a == e || w == a)
		return 0;
	if (!(w >= 4 && begins_lower(w - 4, "name") && !token(at(w - 5))) && !(w >= 3 && begins_lower(w - 3, "key") && !token(at(w - 4))))
		return 0;
	take_name(a, e);
	return 1;
}

#endif
