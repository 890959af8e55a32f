/* mail.h: e-mail addresses, with Unicode on both sides (RFC 6531, RFC 5890). */
#ifndef PII_MAIL_H
#define PII_MAIL_H

#include "tables.h"

static inline int local_char(u8 c)
{
	return alnum(c) || c >= 0x80 || c == '.' || c == '_' || c == '-' || c == '+' || c == '%' || c == '\'' || c == '&';
}

/* Those a local part may hold but does not begin with where it stands in a text. */
static inline int edge_char(u8 c)
{
	return !alnum(c) && c < 0x80 && c != '_' && c != '+';
}

/* Is [s, e) a word of the list, whatever its case? */
static int one_of(u32 s, u32 e, const char *list)
{
	while (*list) {
		u32 k = 0;
		while (list[k] && s + k < e && lower(V.p[s + k]) == (u8)list[k])
			k++;
		if (!list[k] && s + k == e)
			return 1;
		while (*list)
			list++;
		list++;
	}
	return 0;
}

/* What ends names of files, and members in programs that write a@b.c for a product
 * of matrices. */
static const char not_domains[] = "png\0jpg\0jpeg\0gif\0svg\0webp\0css\0js\0json\0html\0mjs\0py\0shape\0data\0grad\0sum\0"
				  "reshape\0transpose\0detach\0latest\0";

/* The sign at i; the domain begins at d: behind it, or behind the %40 of a URL. */
static SELDOM u32 email(u32 i, u32 d)
{
	u32 s = i, e = d, dot = 0, unicode = 0;
	/* Right behind a script without spaces an address begins at its first ASCII. */
	u32 plain = !wide_before(i);
	while (s > floor_ && i - s < 64 && local_char(V.p[s - 1]) && !(plain && wide_before(s)))
		s--;
	for (u32 begin = s; begin < i;) {
		s = begin;
		while (s < i && (edge_char(V.p[s]) || (V.p[s] & 0xc0) == 0x80))
			s++;
		if ((begin = past_escape(s)) == s)
			break;
	}
	for (u32 k = s; k < i; k++)
		if (V.p[k] == '%' && url_mark(k + 1) && !local_char(url_mark(k + 1)) && k + 3 <= i)
			s = k + 3; /* another part of a URL ends here */
	while (e - i <= 253 && (alnum(at(e)) || at(e) >= 0x80 || at(e) == '-' || (at(e) == '.' && at(e - 1) != '.'))) {
		dot = at(e) == '.' ? e : dot;
		e++;
		/* So does a top level in ASCII end where such a script goes on. */
		if (dot && wide(e) && alpha(at(dot + 1)) && alpha(at(e - 1)) && e - dot > 2)
			break;
	}
	while (e > d && !alnum(V.p[e - 1]) && V.p[e - 1] < 0x80)
		e--;
	while (e > d && e < V.n && (V.p[e] & 0xc0) == 0x80)
		e--; /* the length limit cut a character */
	/* Figures at its end, and what is joined to it by a hyphen, are not of the domain. */
	u32 puny = 0;
	for (;;) {
		u32 k, digits_only = 1;
		for (dot = e; dot > d && V.p[dot - 1] != '.'; dot--)
			digits_only &= digit(V.p[dot - 1]) || V.p[dot - 1] == '-';
		if (dot <= d)
			return 0;
		dot--;
		if (digits_only) {
			for (e = dot; e > d && !alnum(V.p[e - 1]) && V.p[e - 1] < 0x80;)
				e--;
			continue;
		}
		puny = lower(V.p[dot + 1]) == 'x' && lower(at(dot + 2)) == 'n' && at(dot + 3) == '-';
		for (k = dot + 1; k < e && (puny || V.p[k] != '-');)
			k++;
		e = k;
		break;
	}
	for (u32 k = d; k < e; k++)
		unicode |= V.p[k] >= 0x80;
	if (s == i || V.p[i - 1] == '.' || dot < d + 1 || e - dot < 3 || e - dot > 64 || V.p[d] == '-' || V.p[d] == '.')
		return 0;
	for (u32 k = dot + 1; k < e; k++)
		if (!alpha(V.p[k]) && V.p[k] < 0x80 && !(puny && k > dot + 2))
			return 0;
	if (one_of(dot + 1, e, not_domains))
		return 0;
	/* git@host:path is a remote. */
	if (at(e) == ':' && (at(e + 1) == '/' || at(e + 1) == '~' || (alpha(at(e + 1)) && one_of(s, i, "git\0"))))
		return 0;
	/* user:password@host is in a URL right behind its "//". */
	for (u32 k = s; k > floor_ && s - k < 64 && V.p[k - 1] > ' ' && V.p[k - 1] != '?'; k--)
		if (V.p[k - 1] == '/') {
			if (at(k - 2) == '/')
				return 0;
			break;
		}
	for (u32 k = s; k < i; k++)
		unicode |= V.p[k] >= 0x80;
	return found(s, e, unicode ? MAIL_UNICODE : MAIL);
}

#endif
