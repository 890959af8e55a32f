/* dates.h: dates of birth: a date with a word for birth nearby. */
#ifndef PII_DATES_H
#define PII_DATES_H

#include "tables.h"

/* Reads at most max digits at *q; 0 where there is none or one too many. */
static u32 read_digits(u32 *q, u32 max, u32 *v)
{
	u32 st = *q;
	*v = 0;
	while (digit(at(*q)) && *q - st < max)
		*v = *v * 10 + (at((*q)++) - '0');
	return digit(at(*q)) ? 0 : *q - st;
}

static int year_ok(u32 n, u32 y) { return n == 2 || (n == 4 && y >= 1850 && y <= 2099); }

/* Is [q..] one of these characters of three bytes, with or without a space before?
 * Moves behind it. */
static int cjk_unit(u32 *q, const char *unit, const char *other)
{
	u32 i = *q + (at(*q) == ' ');
	for (int k = 0; k < 2; k++, unit = other)
		if (at(i) == (u8)unit[0] && at(i + 1) == (u8)unit[1] && at(i + 2) == (u8)unit[2]) {
			*q = i + 3 + (at(i + 3) == ' ');
			return 1;
		}
	return 0;
}

/* "12 de marzo de 1985", "12th of March, 1985", "12-Mar-85" behind the day. */
static u32 spelt_end(u32 q)
{
	u32 e, y;
	if (lower(at(q)) == 's' || lower(at(q)) == 'n' || lower(at(q)) == 'r' || lower(at(q)) == 't')
		q += alpha(at(q + 1)) && !alpha(at(q + 2)) ? 2 : 0;
	else if (at(q) == '.')
		q++;
	if (at(q) == ' ' || at(q) == '-' || at(q) == '/')
		q++;
	for (u32 part = 0; part < 2; part++) {
		/* of, de, di */
		if (alpha(at(q)) && alpha(at(q + 1)) && at(q + 2) == ' ' && (lower(at(q)) == 'o' || lower(at(q)) == 'd'))
			q += 3;
		if (part == 0) {
			if (!word_begins(q) || !(words_at(q, W_MONTH, &e) & W_MONTH))
				return 0;
			q = e;
		}
		for (u32 k = 0; k < 2 && (at(q) == ' ' || at(q) == ',' || at(q) == '.' || at(q) == '-' || at(q) == '/' || at(q) == '\''); k++)
			q++;
	}
	u32 n = read_digits(&q, 4, &y);
	return year_ok(n, y) && !alnum(at(q)) ? q : 0;
}

/* The end of a date that begins with the digit at a, 0 for none. *s is where it
 * begins: "March 12, 1985" does so before. */
static u32 date_end(u32 a, u32 *s)
{
	u32 q = a, x, y, z, n = read_digits(&q, 4, &x);
	*s = a;
	if (n != 1 && n != 2 && n != 4)
		return 0;
	u8 c = at(q);
	if ((c == '-' || c == '/' || c == '.') && (digit(at(q + 1)) || (at(q + 1) == ' ' && digit(at(q + 2))))) {
		u32 space = at(q + 1) == ' ';
		q += 1 + space;
		u32 m = read_digits(&q, 2, &y);
		if (!m || at(q) != c || (space && at(q + 1) != ' '))
			return 0;
		q += 1 + space;
		u32 o = read_digits(&q, 4, &z);
		int big_first = n == 4 && o <= 2 && o && year_ok(4, x) && y >= 1 && y <= 12 && z >= 1 && z <= 31;
		int big_last = n <= 2 && year_ok(o, z) && x >= 1 && y >= 1 && x <= 31 && y <= 31 && (x <= 12 || y <= 12);
		if (!big_first && !big_last)
			return 0;
		if (alnum(at(q)) && !(at(q) == 'T' && digit(at(q + 1))))
			return 0;
		return (at(q) == '.' || at(q) == '-' || at(q) == '/') && digit(at(q + 1)) ? 0 : q;
	}
	if (n == 4) {
		if (!year_ok(4, x) || !cjk_unit(&q, "\xe5\xb9\xb4", "\xeb\x85\x84") || !read_digits(&q, 2, &y) ||
		    !cjk_unit(&q, "\xe6\x9c\x88", "\xec\x9b\x94") || !read_digits(&q, 2, &z) ||
		    !cjk_unit(&q, "\xe6\x97\xa5", "\xec\x9d\xbc"))
			return 0;
		q -= at(q - 1) == ' ';
		return y >= 1 && y <= 12 && z >= 1 && z <= 31 ? q : 0;
	}
	if (x < 1 || x > 31)
		return 0;
	u32 k = q; /* March 12, 1985 */
	if (alpha(at(k)) && alpha(at(k + 1)) && !alpha(at(k + 2)))
		k += 2; /* st, nd, rd, th */
	u32 gap = k;
	while (k - gap < 2 && (at(k) == ',' || at(k) == ' '))
		k++;
	u32 o = k > gap ? read_digits(&k, 4, &y) : 0;
	if (o == 4 && year_ok(o, y) && !alnum(at(k))) {
		u32 month = near(a, 16, W_MONTH);
		if (month && month <= 3) {
			u32 w = a - month + 1;
			while (w > floor_ && a - w < 24 && letter(at(w - 1)))
				w--;
			while ((at(w) & 0xc0) == 0x80)
				w++;
			*s = w;
			return k;
		}
	}
	return spelt_end(q);
}

/* A word for birth is near before it, with nothing else found in between, or right
 * behind. */
static u32 birth(u32 a)
{
	u32 s;
	if ((a != fresh && alnum(at(a - 1))) || ((at(a - 1) == '-' || at(a - 1) == '.' || at(a - 1) == '/') && digit(at(a - 2))))
		return 0;
	u32 e = date_end(a, &s);
	if (!e)
		return 0;
	/* Most dates are of something else: that is told without remembering all words. */
	u32 told = ends_cell(e) || behind(s < 40 ? 0 : s - 40, s < 40 ? s : 40, W_BIRTH) ? near(s, 40, W_BIRTH) : 0;
	if (at(e) == ' ' && digit(at(e + 1)) && digit(at(e + 2)) && at(e + 3) == ':')
		return 0; /* nobody knows the minute */
	if (told && s >= floor_ + told - 1 && !nearer(near(s, 40, W_EVENT | W_VERSION), told))
		return found(s, e, BIRTH_TOLD);
	return behind(e, 14, W_BIRTH) ? found(s, e, BIRTH_TOLD) : 0;
}

#endif
