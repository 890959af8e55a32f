/* phones.h: phone numbers. libphonenumber's data say which are possible and how
 * each country writes its own; what is not in the data needs a shape that only
 * phone numbers have, or a word nearby. */
#ifndef PII_PHONES_H
#define PII_PHONES_H

#include "tables.h"
#include "numbers.h"
#include "phone_tables.h"

#define GAP 10

static u32 step(u32 state, u32 symbol) { return phone_states[state][symbol]; }
static int accepts(u32 state) { return state && state <= STATE_ACCEPTING; }

/* Is it a calling code and a number of that country, from digit i of the first m
 * groups on? A 0 in parentheses, as in +44 (0)20, is not dialled. */
static int in_world(u32 m, u32 i)
{
	u32 state = STATE_WORLD;
	for (u32 g = 0; g < m; g++) {
		if (g == 1 && size(1) == 1 && D[upto[1]] == 0 && G[1].sep == '(')
			continue;
		for (u32 k = upto[g]; k < upto[g + 1]; k++)
			if (k >= i && !(state = step(state, D[k])))
				return 0;
	}
	return accepts(state);
}

/* The length of the calling code that begins with digit i; 0: there is none. Those
 * of one and two digits are listed, those of three begin with what is left. */
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

/* Is it a national number in some region, and grouped as that region does? */
enum national { NOWHERE, NATIONAL, NATIONAL_FORM };

static u8 known[MAX_GROUPS + 1]; /* of the first so many groups */

static void read_known(void)
{
	u32 valid = STATE_VALID, form = STATE_FORMS;
	for (u32 g = 0; g < ngroups; g++) {
		if (g)
			form = step(form, GAP);
		for (u32 k = upto[g]; k < upto[g + 1]; k++) {
			valid = step(valid, D[k]);
			form = step(form, D[k]);
		}
		u32 n = upto[g + 1];
		known[g + 1] = n < 7 || n > 15 ? NOWHERE : accepts(form) ? NATIONAL_FORM : accepts(valid) ? NATIONAL : NOWHERE;
	}
}

/* Day, month and year in some order, with whatever behind, or two years? */
static int date_like(u32 m)
{
	if (m == 2 && size(0) == 4 && size(1) == 4)
		return lead(4) >= 1900 && lead(4) <= 2099 && value(4, 4) >= 1900 && value(4, 4) <= 2099;
	if (m < 3)
		return 0;
	u32 a = lead(upto[1] > 9 ? 9 : upto[1]), b = value(upto[1], size(1) > 9 ? 9 : size(1)), y = value(upto[2], size(2) > 9 ? 9 : size(2));
	if (size(0) == 4 && size(1) == 2 && size(2) == 2)
		return a >= 1800 && a <= 2199 && b >= 1 && b <= 12 && y >= 1 && y <= 31;
	if (size(0) <= 2 && size(1) <= 2 && size(2) == 4)
		return y >= 1800 && y <= 2199 && a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
	return m == 3 && size(0) == 2 && size(1) == 2 && size(2) == 2;
}

/* A shape that phone numbers have, whatever the data say: North American groups; with
 * a word nearby many others. */
static enum evidence phone_shape(u32 m, u32 told)
{
	u32 n = upto[m], small = 99, big = 0, parens = 0;
	u8 sep = separator(m);
	for (u32 g = 0; g < m; g++) {
		small = size(g) < small ? size(g) : small;
		big = size(g) > big ? size(g) : big;
		parens |= g && G[g].sep == '(';
	}
	if (m == 1)
		return told && n >= 9 && n <= 12 && !(n == 10 && D[0] == 1) ? PHONE_SHAPE_TOLD : NOTHING;
	if (sizes(m, "334") || (D[0] == 1 && sizes(m, "1334")) || (parens && sizes(m, "37"))) {
		u32 likely = D[n - 10] >= 2 && D[n - 7] >= 2;
		if (parens || sep == '-')
			return told ? PHONE_SHAPE_TOLD : PHONE_SHAPE;
		if (told || (sep == '.' && likely))
			return told ? PHONE_SHAPE_TOLD : PHONE_SHAPE;
	}
	if (date_like(m) || small < 2 || (sep == '/' && m > 2) || n < 7 || n > 12 || m > 5 || big > 8)
		return NOTHING;
	if (sep == 0 && !parens) { /* two separators at most: an area code, then groups */
		for (u32 g = 3; g < m; g++)
			if (G[g].sep != G[2].sep)
				return NOTHING;
		if (G[2].sep == '/' || G[2].sep == '.' || G[1].sep == '.')
			return NOTHING;
	}
	if (D[0] == 0 && D[1] != 0 && n >= 9) {
		if (sep == '.' && !(m >= 4 && big <= 3))
			return NOTHING;
		return told ? PHONE_SHAPE_TOLD : NOTHING;
	}
	if ((sep == '.' && !(m >= 4 && big <= 2)) || sep == '/' || big > 6 || (m == 2 && sep == '-' && !sizes(m, "34") && !sizes(m, "44")))
		return NOTHING;
	if (told)
		return PHONE_SHAPE_TOLD;
	return n >= 9 && n <= 11 && at(G[0].e) == ')' && size(0) <= 4 ? PHONE_SHAPE : NOTHING;
}

/* Are the groups those of a valid number that somebody might write so? */
static int plausible(u32 m)
{
	u8 sep = separator(m);
	if ((sep == '/' && m > 2) || m > 5)
		return 0;
	for (u32 g = 0; g < m; g++)
		if (size(g) < 2 && !(g == 0 && size(1) >= 3))
			return 0;
	return !date_like(m) && !(sep == '.' && m == 2) && G[1].sep != '\n';
}

/* What the data say of the first m groups. */
static enum evidence phone_known(u32 m, u32 plus, u32 told)
{
	u32 n = upto[m];
	if (plus)
		return n >= 7 && n <= 17 && in_world(m, 0) ? PHONE_PLUS : NOTHING;
	if (n >= 10 && D[0] == 0 && ((D[1] == 0 && in_world(m, 2)) || (D[1] == 1 && D[2] == 1 && n >= 11 && in_world(m, 3))))
		return m > 1 || told ? PHONE_DIALLED : NOTHING;
	if (!known[m] || date_like(m))
		return NOTHING;
	u32 trunk = D[0] == 0 || at(G[0].s - 1) == '(' || G[1].sep == '(';
	if (m == 1)
		return told ? n >= 8 ? PHONE_SOLID_TOLD : NOTHING : D[0] == 0 && D[1] != 0 && n >= 10 && n <= 11 ? PHONE_SOLID : NOTHING;
	if (known[m] == NATIONAL_FORM) {
		u8 sep = separator(m);
		if (told)
			return PHONE_FORM_TOLD;
		if (trunk || (m > 2 && (sep == '-' || sep == '.' || sep == 0) && n >= 9 && !sizes(m, "333")))
			return sep == '.' && m < 3 ? NOTHING : PHONE_FORM;
		if (sep == '.' || sep == '/' || (m == 2 && n > 8))
			return NOTHING;
		return n < 9 ? PHONE_FORM_SHORT : PHONE_FORM_BARE;
	}
	if (!plausible(m))
		return NOTHING;
	if (told)
		return PHONE_VALID_TOLD;
	return D[0] == 0 && D[1] != 0 && n >= 9 && n <= 11 ? PHONE_VALID : NOTHING;
}

static enum evidence phone_odd(u32 m, u32 plus, u32 told)
{
	u32 n = upto[m];
	if (plus)
		return calling_code(0) && n >= 8 && n <= 15 && (D[0] != 1 || n == 11) ? PHONE_PLUS_ODD : NOTHING;
	if (D[0] == 0 && D[1] == 0)
		return n >= 10 && n <= 17 && calling_code(2) && m > 1 && told ? PHONE_SHAPE_TOLD : NOTHING;
	return phone_shape(m, told);
}

/* The end of an extension such as "x123" or " ext. 123" behind e, or e. */
static u32 extension(u32 e)
{
	u32 q = e;
	while (q - e < 4 && (at(q) == ' ' || at(q) == ','))
		q++;
	if (lower(at(q)) == 'e' && lower(at(q + 1)) == 'x' && lower(at(q + 2)) == 't')
		q += 3;
	else if (lower(at(q)) == 'x')
		q++;
	else
		return e;
	u32 st = q;
	while (q - st < 4 && (at(q) == '.' || at(q) == ' ' || at(q) == ':'))
		q++;
	u32 f = q;
	while (f - q < 7 && digit(at(f)))
		f++;
	return f > q && f - q <= 6 && !alnum(at(f)) ? f : e;
}

/* May the groups be a part of something longer, or an amount? */
static int doubtful(enum evidence what, u32 m, u32 told)
{
	if (what == PHONE_PLUS || what == PHONE_PLUS_ODD)
		return 0;
	if (what == PHONE_DIALLED)
		return 0;
	if (m == 1 && at(G[0].s - 1) == ',' && digit(at(G[0].s - 2)) && !below(G[0].s, W_PHONE))
		return 1;
	if (amount(m, told))
		return 1;
	if (what == PHONE_FORM_TOLD) /* a count may stand behind it, another such group may not */
		return ngroups > m && G[m].sep == G[m - 1].sep && size(m) == size(m - 1);
	return crowded(m);
}

static u32 phone(u32 plus)
{
	u32 s = G[0].s, total = upto[ngroups];
	if (total < 7)
		return 0;
	if (!plus && ngroups > 1 && size(0) < 2 && size(1) < 2 && (D[0] || D[1]))
		return 0; /* single digits in a row */
	if (!plus && joined(2))
		return 0; /* the last groups of something longer */
	u8 before = at(s - 1);
	if (before == '$' || before == '#')
		return 0;
	u32 told = 0;
	read_known();
	for (int by_data = 1; by_data >= 0; by_data--) {
		for (u32 m = ngroups; m > 0 && upto[m] >= 7; m--) {
			enum evidence what = by_data ? phone_known(m, plus, 1) : phone_odd(m, plus, 1);
			if (!what || (m == 2 && !plus && size(0) == 1 && G[1].sep == '.')) /* whatever stands nearby; 0.7863 */
				continue;
			u32 e = extension(G[m - 1].e), end = G[ngroups - 1].e;
			if (e == G[m - 1].e && !tail_ok(e))
				continue;
			told = near(s, 48, W_PHONE);
			if (!plus && nearer(near(s, AGAINST, W_NUMBER), told))
				return 0;
			told = told || behind(extension(end), 10, W_BEHIND);
			what = by_data ? phone_known(m, plus, told) : phone_odd(m, plus, told);
			if (!what || doubtful(what, m, told))
				continue;
			/* Joined to a name it is more often some other number: call_12345678. */
			if (!plus && joined_on(s) && !(told && (m > 1 || D[0] == 0 || upto[1] >= 10)))
				continue;
			if (before == '(' && m > 1 && (at(G[0].e) == ')' || at(G[0].s - 2) == '+')) {
				s--;
				before = at(s - 1);
			}
			if (before == '+')
				s--;
			if (at(s - 1) == '(' && plus && at(G[0].e) == ')')
				s--;
			return found(s, e, what);
		}
	}
	return 0;
}

#endif
