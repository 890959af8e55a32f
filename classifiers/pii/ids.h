/* ids.h: numbers that states give to persons, as far as they are digits alone. */
#ifndef PII_IDS_H
#define PII_IDS_H

#include "tables.h"
#include "numbers.h"

static int ssn_ok(void)
{
	u32 area = lead(3), all = lead(9);
	/* Two numbers that were printed in advertisements and belong to nobody. */
	return area && area < 900 && area != 666 && value(3, 2) && value(5, 4) && all != 78051120 && all != 219099999;
}

static int itin_ok(void)
{
	u32 mid = value(3, 2);
	return D[0] == 9 && value(5, 4) &&
	       ((mid >= 50 && mid <= 65) || (mid >= 70 && mid <= 88) || (mid >= 90 && mid <= 92) || mid >= 94);
}

static int nhs_ok(void)
{
	static const u8 w[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
	return weighted(0, 10, w) % 11 == 0 && lead(9);
}

/* Of the first ten digits one stands there twice or three times, the others at
 * most once; ISO/IEC 7064 MOD 11,10. */
static int detax_ok(void)
{
	u8 seen[10] = {0};
	u32 twice = 0, p = 10;
	for (u32 i = 0; i < 10; i++) {
		if (++seen[D[i]] == 2)
			twice++;
		if (seen[D[i]] > 3)
			return 0;
		u32 s = (D[i] + p) % 10;
		p = (s ? s : 10) * 2 % 11;
	}
	return D[0] && twice == 1 && (11 - p) % 10 == D[10];
}

static int pesel_ok(void)
{
	static const u8 w[] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
	u32 month = value(2, 2) % 20, day = value(4, 2);
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && weighted(0, 11, w) % 10 == 0;
}

static int aadhaar_ok(void) { return D[0] >= 2 && verhoeff(12); }

static int sin_ok(void) { return lead(9) && luhn(9); }
/* Examples begin with 0, issued ones never; 8 is for companies. */
static int sin_issued(void) { return D[0] && D[0] != 8 && luhn(9); }

static int tfn_ok(void)
{
	static const u8 w[] = {1, 4, 3, 7, 5, 8, 6, 9, 10};
	return lead(9) && weighted(0, 9, w) % 11 == 0;
}

static int medicare_ok(void)
{
	static const u8 w[] = {1, 3, 7, 9, 1, 3, 7, 9};
	return D[0] >= 2 && D[0] <= 6 && weighted(0, 8, w) % 10 == D[8] && D[9];
}

/* Is digit n what 11 less the remainder by 11 makes of those before it? */
static int check11(u32 n, const u8 *w)
{
	u32 r = weighted(0, n, w) % 11;
	return (r < 2 ? 0 : 11 - r) == D[n];
}

static int cpf_ok(void)
{
	static const u8 w[] = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2};
	u32 same = 1;
	for (u32 i = 1; i < 11; i++)
		same &= D[i] == D[0];
	return !same && check11(9, w + 1) && check11(10, w);
}

static int cnpj_ok(void)
{
	static const u8 w[] = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};
	return lead(8) && check11(12, w + 1) && check11(13, w);
}

/* A form of number: how it is grouped, and what it is taken for with a word of
 * its lists nearby, in groups alone, and solid alone. */
struct form {
	u8 digits;
	const char *groups; /* their sizes; one alone is solid, whatever it says */
	const char *seps;   /* between them, where they differ; else */
	const char *alike;  /* one of these between all */
	int (*ok)(void);
	u32 lists;
	u8 told, grouped, solid;
};

static const struct form forms[] = {
	{9, "324", 0, "-", ssn_ok, W_SSN, SSN_TOLD, SSN_HYPHENS, 0},
	{9, "324", 0, " .", ssn_ok, W_SSN, SSN_TOLD, SSN_SPACES, 0},
	{9, "9", 0, "", ssn_ok, W_SSN, SSN_SOLID_TOLD, 0, 0},
	{9, "324", 0, "-", itin_ok, W_SSN | W_ITIN, ITIN_TOLD, ITIN_HYPHENS, 0},
	{9, "324", 0, " .", itin_ok, W_SSN | W_ITIN, ITIN_TOLD, ITIN_SPACES, 0},
	{9, "9", 0, "", itin_ok, W_SSN | W_ITIN, ITIN_TOLD, 0, 0},
	{9, "333", 0, " -", sin_ok, W_SIN, SIN_TOLD, 0, 0},
	{9, "9", 0, "", sin_ok, W_SIN, SIN_TOLD, 0, 0},
	{9, "333", 0, " -", tfn_ok, W_TFN, TFN_TOLD, 0, 0},
	{9, "9", 0, "", tfn_ok, W_TFN, TFN_TOLD, 0, 0},
	{10, "334", 0, " -", nhs_ok, W_NHS, NHS_TOLD, 0, 0},
	{10, "9", 0, "", nhs_ok, W_NHS, NHS_TOLD, 0, 0},
	{10, "451", 0, " -", medicare_ok, W_MEDICARE, MEDICARE_TOLD, MEDICARE_GROUPED, 0},
	{11, "4511", "  /", "", medicare_ok, W_MEDICARE, MEDICARE_TOLD, MEDICARE_GROUPED, 0},
	{10, "9", 0, "", medicare_ok, W_MEDICARE, MEDICARE_TOLD, 0, 0},
	{11, "3332", "..-", " ", cpf_ok, W_CPF, CPF_TOLD, CPF_GROUPED, 0},
	{11, "92", 0, "-", cpf_ok, W_CPF, CPF_TOLD, CPF_GROUPED, 0},
	{11, "92", 0, " ", cpf_ok, W_CPF, CPF_TOLD, 0, 0},
	{11, "9", 0, "", cpf_ok, W_CPF, CPF_TOLD, 0, CPF_SOLID},
	{11, "2333", 0, " -/", detax_ok, W_DETAX, DETAX_TOLD, DETAX_GROUPED, 0},
	{11, "9", 0, "", detax_ok, W_DETAX, DETAX_TOLD, 0, DETAX_SOLID},
	{11, "9", 0, "", pesel_ok, W_PESEL, PESEL_TOLD, 0, PESEL_SOLID},
	{12, "444", 0, " -", aadhaar_ok, W_AADHAAR, AADHAAR_TOLD, AADHAAR_GROUPED, 0},
	{12, "9", 0, "", aadhaar_ok, W_AADHAAR, AADHAAR_TOLD, 0, 0},
	{14, "23342", "../-", "", cnpj_ok, W_CNPJ, CNPJ_TOLD, CNPJ_GROUPED, 0},
	{14, "9", 0, "", cnpj_ok, W_CNPJ, CNPJ_TOLD, 0, CNPJ_SOLID},
};
/* Forms of groups that a phone number may have too: only where it has not. */
static const struct form late_forms[] = {
	{9, "333", 0, "-", sin_issued, W_SIN, 0, SIN_HYPHENS, 0},
	{9, "333", 0, " ", sin_issued, W_SIN, 0, SIN_SPACES, 0},
	{9, "333", 0, " ", tfn_ok, W_TFN, 0, TFN_GROUPED, 0},
	{10, "334", 0, " ", nhs_ok, W_NHS, 0, NHS_GROUPED, 0},
};

static int has(const char *list, u8 c)
{
	for (; *list; list++)
		if ((u8)*list == c)
			return 1;
	return 0;
}

/* The number of groups that have the form, 0 for none. */
static u32 has_form(const struct form *f)
{
	u32 m = 1, solid = !f->groups[1];
	if (size(0) != (solid ? f->digits : (u32)(f->groups[0] - '0')))
		return 0;
	if (solid)
		return tail_ok(G[0].e);
	while (f->groups[m])
		m++;
	if (ngroups < m || !sizes(m, f->groups) || !tail_ok(G[m - 1].e))
		return 0;
	u32 g = 1;
	while (f->seps && g < m && G[g].sep == (u8)f->seps[g - 1])
		g++;
	if (g == m)
		return m;
	u8 sep = separator(m);
	return sep && has(f->alike, sep) ? m : 0;
}

/* A number with a word for it nearby, which is nearer than one for a phone. */
static u32 told_id(void)
{
	u32 best = 0, groups = 0, s = G[0].s;
	if (upto[ngroups] < 9)
		return 0;
	enum evidence what = NOTHING;
	for (u32 i = 0; i < sizeof forms / sizeof *forms; i++) {
		u32 m = upto[ngroups] >= forms[i].digits ? has_form(&forms[i]) : 0;
		if (!m || !forms[i].ok())
			continue;
		/* Words for it are long: individual taxpayer identification number. */
		u32 d = near(s, forms[i].ok == itin_ok ? FAR : 44, forms[i].lists);
		if (nearer(d, best) && nearer(d, near(s, 44, W_PHONE))) {
			best = d;
			groups = m;
			what = forms[i].told;
		}
	}
	return best ? found(s, G[groups - 1].e, what) : 0;
}

/* Does the form speak for a number that is joined to a name, too? Groups of three or
 * four with one check digit are those of article numbers and keys there. */
static int speaks_joined(const struct form *f)
{
	return f->ok == cpf_ok || f->ok == cnpj_ok || f->ok == detax_ok || f->ok == pesel_ok ||
	       ((f->ok == ssn_ok || f->ok == itin_ok) && f->alike[0] == '-');
}

/* A number whose form speaks for it. */
static u32 lone_id(const struct form *list, u32 n)
{
	if (upto[ngroups] < 9 || crowded(ngroups))
		return 0;
	for (u32 i = 0; i < n; i++) {
		const struct form *f = &list[i];
		if ((!f->grouped && !f->solid) || upto[ngroups] < f->digits)
			continue;
		u32 m = has_form(f);
		enum evidence what = m > 1 ? f->grouped : f->solid;
		if (!m || !what || crowded(m) || !f->ok())
			continue;
		u32 s = G[0].s;
		if (joined_on(s) && !speaks_joined(f))
			continue;
		if (near(s, AGAINST, W_NUMBER) || (!f->seps && near(s, 44, W_PHONE)) || (f->digits == 9 && amount(m, 0)))
			continue;
		return found(s, G[m - 1].e, what);
	}
	return 0;
}

/* A French number: sex, year, month, department, place, order, key; 2A and 2B
 * count as 19 and 18. Groups with single spaces, or solid; the key behind a '/', too. */
static u32 nir(u32 a)
{
	static const u8 ends[] = {1, 3, 5, 7, 10, 13, 15};
	u32 q = a, n = 0, cut = 0, spaced = 0, corsican = 0;
	uint64_t v = 0;
	u32 key = 0, month = 0;
	if (at(a) < '1' || (at(a) > '4' && at(a) != '7' && at(a) != '8'))
		return 0;
	while (n < 15) {
		u8 c = at(q);
		if ((c == ' ' || c == '-' || c == '.' || (c == '/' && n == 13)) && n) {
			while (ends[cut] < n)
				cut++;
			if (ends[cut] != n)
				return 0;
			spaced = 1;
			c = at(++q);
		}
		if (n == 6 && at(q - 1) == '2' && (upper(c) == 'A' || upper(c) == 'B')) {
			corsican = 1;
			v = v / 10 * 100 + (upper(c) == 'A' ? 19 : 18);
			n++;
			q++;
			continue;
		}
		if (!digit(c))
			return 0;
		u32 d = c - '0';
		if (n == 3 || n == 4)
			month = month * 10 + d;
		if (n < 13)
			v = v * 10 + d;
		else
			key = key * 10 + d;
		n++;
		q++;
	}
	if (!tail_ok(q) || month == 0 || (month > 12 && month < 20) || (month > 42 && month < 50) || 97 - v % 97 != key)
		return 0;
	u32 told = near(a, 44, W_NIR);
	if (!told && !spaced && !corsican && (near(a, AGAINST, W_NUMBER | W_CARD) || at(a) > '2'))
		return 0;
	return found(a, q, told ? NIR_TOLD : spaced ? NIR_GROUPED : NIR_SOLID);
}

#endif
