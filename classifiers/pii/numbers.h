/* numbers.h: groups of digits with single separators, and their check digits. */
#ifndef PII_NUMBERS_H
#define PII_NUMBERS_H

#include "tables.h"

#define MAX_GROUPS 9
#define MAX_DIGITS 20

static struct {
	u32 s, e;
	u8 sep; /* before it: ' ' '-' '.' '/' '\n', '(' where parentheses are in it */
} G[MAX_GROUPS];
static u32 ngroups;             /* on one line */
static u32 nwrapped;            /* over a line break, too */
static u8 D[MAX_DIGITS];        /* their digits */
static u32 upto[MAX_GROUPS + 1]; /* digits in the first k groups */

static u32 size(u32 g) { return G[g].e - G[g].s; }

/* Have the first m groups these sizes? */
static int sizes(u32 m, const char *want)
{
	u32 g = 0;
	for (; g < m && want[g]; g++)
		if (size(g) != (u32)(want[g] - '0'))
			return 0;
	return g == m && !want[g];
}

/* The separator of the first m groups where it is the same, else 0; 1 for one
 * group alone. A line break counts as the separator around it. */
static u8 separator(u32 m)
{
	u8 sep = 1;
	for (u32 g = 1; g < m; g++) {
		if (G[g].sep == '\n')
			continue;
		if (sep != 1 && sep != G[g].sep)
			return 0;
		sep = G[g].sep;
	}
	return m > 1 && sep == 1 ? ' ' : sep;
}

static int separates(u8 c)
{
	return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')' || c == '\n';
}

static void read_groups(u32 a)
{
	u32 total = 0;
	u8 sep = 0;
	ngroups = nwrapped = 0;
	int wrapped = 0;
	while (nwrapped < MAX_GROUPS) {
		u32 e = a;
		while (digit(at(e)))
			e++;
		u8 c = at(e);
		if ((alnum(c) && !(lower(c) == 'x' && digit(at(e + 1)))) || total + (e - a) > MAX_DIGITS)
			return;
		for (u32 i = a; i < e; i++)
			D[total++] = V.p[i] - '0';
		G[nwrapped].s = a;
		G[nwrapped].e = e;
		G[nwrapped].sep = sep;
		upto[++nwrapped] = total;
		if (!wrapped)
			ngroups = nwrapped;
		u32 q = e, parens = 0;
		while (q - e < 3 && separates(c = at(q))) {
			parens |= c == '(' || c == ')';
			q++;
		}
		if (q == e || !digit(at(q)) || (q - e > 1 && !parens))
			return;
		sep = parens ? '(' : at(e);
		wrapped |= sep == '\n';
		a = q;
	}
}

/* Do so many digits and a separator stand before s? */
static int joined_at(u32 s, u32 n)
{
	if (at(s - 1) != ' ' && (at(s - 1) != '-' || name_before(s - 1)))
		return 0; /* user42- is no number */
	for (u32 k = 0; k < n; k++)
		if (!digit(at(s - 2 - k)))
			return 0;
	return 1;
}

static int joined(u32 n) { return joined_at(G[0].s, n); }

/* Do other digits stand before the first or behind the m-th group, as in a row of
 * numbers of which these are some? */
static int crowded(u32 m)
{
	if (joined(1))
		return 1;
	return ngroups > m && (m == 1 || G[m].sep == G[m - 1].sep);
}

/* Does it rather count or cost something? Such numbers have groups of three. */
static int amount(u32 m, u32 told)
{
	u32 e = G[m - 1].e;
	u8 before = at(G[0].s - 1), after = at(e) == ' ' ? at(e + 1) : at(e);
	u32 zeros = !told;
	for (u32 k = upto[m - 1]; k < upto[m]; k++)
		zeros &= D[k] == 0;
	/* Currency signs are two bytes from 0xc2 or three from 0xe2 0x82. */
	return before == '$' || after == '$' || after == '%' || (at(G[0].s - 1) == ' ' && at(G[0].s - 2) == '$') ||
	       (before >= 0x80 && at(G[0].s - 3) == 0xe2 && at(G[0].s - 2) == 0x82) || (before >= 0x80 && at(G[0].s - 2) == 0xc2) ||
	       (after >= 0x80 && (after == 0xc2 || after == 0xe2)) || zeros || behind(e, 3, W_UNIT);
}

/* The number that n digits from digit i on make; n is at most 9. */
static u32 value(u32 i, u32 n)
{
	u32 v = 0;
	while (n--)
		v = v * 10 + D[i++];
	return v;
}

static u32 lead(u32 n) { return value(0, n); }

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

/* The sum of n digits from digit i on, each times its weight. */
static u32 weighted(u32 i, u32 n, const u8 *weights)
{
	u32 sum = 0;
	for (u32 k = 0; k < n; k++)
		sum += D[i + k] * weights[k];
	return sum;
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

#endif
