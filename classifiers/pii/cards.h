/* cards.h: payment cards. Ranges and lengths of the brands as their networks
 * publish them (ISO/IEC 7812). */
#ifndef PII_CARDS_H
#define PII_CARDS_H

#include "tables.h"
#include "numbers.h"

/* How well a number of n digits fits a brand. */
enum brand { NO_BRAND, RARE_BRAND, BRAND };

static enum brand card_brand(u32 n)
{
	u32 p2 = lead(2), p3 = lead(3), p4 = lead(4), p6 = lead(6);
	if (D[0] == 4) /* Visa */
		return n == 16 ? BRAND : n == 13 || n == 19 ? RARE_BRAND : NO_BRAND;
	if ((p2 >= 51 && p2 <= 55) || (p4 >= 2221 && p4 <= 2720) || (p4 >= 2200 && p4 <= 2204) || p4 == 9792)
		return n == 16 ? BRAND : NO_BRAND; /* Mastercard, Mir, Troy */
	if (p2 == 34 || p2 == 37) /* American Express */
		return n == 15 ? BRAND : NO_BRAND;
	if ((p3 >= 300 && p3 <= 305) || p3 == 309 || p2 == 36 || p2 == 38 || p2 == 39) /* Diners */
		return n == 14 ? BRAND : n == 16 ? RARE_BRAND : NO_BRAND;
	if (p2 == 35) /* JCB has 3528 to 3589 of it */
		return n < 16 ? NO_BRAND : p4 >= 3528 && p4 <= 3589 ? BRAND : RARE_BRAND;
	if (p4 == 2131 || p4 == 1800) /* JCB of old */
		return n == 15 ? RARE_BRAND : NO_BRAND;
	if (p4 == 6011 || (p3 >= 644 && p3 <= 649) || p2 == 65 || p2 == 62) /* Discover, UnionPay, RuPay, Elo */
		return n >= 16 ? BRAND : NO_BRAND;
	if (p4 == 5018 || p4 == 5020 || p4 == 5038 || p4 == 5893 || p4 == 6304 || p4 == 6759 || (p4 >= 6761 && p4 <= 6763) ||
	    p6 == 676770 || p6 == 676774)
		return n == 16 ? BRAND : RARE_BRAND; /* Maestro has 12 to 19 digits */
	if (p2 == 60 || p2 == 81 || p2 == 82 || p3 == 508 || p4 == 5019 || p4 == 8600 || p4 == 9860 || p6 == 636368 ||
	    p6 == 438935 || p6 == 504175 || p6 == 451416 || p6 == 636297 || p3 == 506 || p3 == 507 || p3 == 650)
		return n == 16 ? BRAND : NO_BRAND; /* RuPay, Dankort, Uzcard, Humo, Elo, Verve, Hipercard */
	if (p2 == 67 || p2 == 57)
		return RARE_BRAND; /* more Maestro */
	return NO_BRAND;
}

/* Are the groups as cards print them? */
static int card_shape(u32 m)
{
	if (m == 1 || sizes(m, "465") || sizes(m, "464"))
		return 1;
	for (u32 g = 0; g + 1 < m; g++)
		if (size(g) != 4)
			return 0;
	return size(m - 1) <= 4;
}

/* Is the thirteenth digit that of an article number (GS1)? */
static int ean(void)
{
	static const u8 w[] = {1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1};
	return weighted(0, 13, w) % 10 == 0;
}

/* Do another group of four and a digit stand behind e, as in a row of numbers? */
static int goes_on(u32 e, u8 sep)
{
	for (u32 k = 1; k < 5; k++)
		if (!digit(at(e + k)))
			return 0;
	return at(e) == sep && at(e + 5) == sep && digit(at(e + 6));
}

static u32 card(void)
{
	if (upto[nwrapped] < 12 || (size(0) != 4 && size(0) < 12))
		return 0;
	u32 s = G[0].s;
	if (nwrapped > 1 && at(s - 1) == G[1].sep && joined(4))
		return 0; /* the last groups of a longer number */
	/* What is joined to a name is an identifier more often than elsewhere. */
	u32 glued = s != fresh && alnum(at(s - 1)), joined_ = joined_on(s);
	for (u32 m = nwrapped; m > 0 && upto[m] >= 12; m--) {
		u32 n = upto[m], e = G[m - 1].e;
		u8 sep = separator(m);
		if (n > 19 || !tail_ok(e) || (sep != 1 && sep != ' ' && sep != '-' && sep != '.') || !card_shape(m) || !luhn(n))
			continue;
		u32 told = near(s, 48, W_CARD);
		enum brand brand = card_brand(n);
		u32 same = 1;
		for (u32 i = 1; i < n; i++)
			same &= D[i] == D[0];
		if (same || (m == 4 && sep != 1 && goes_on(e, sep)) || nearer(near(s, 24, W_OTHER), told) || (n == 13 && !told && ean()))
			continue;
		if (brand == BRAND)
			return found(s, e, told ? CARD_TOLD : m > 1 ? CARD_GROUPED : CARD_SOLID);
		if (glued || (joined_ && !told))
			continue;
		if (brand == RARE_BRAND && (told || m > 1 || (n != 12 && n != 16)))
			return found(s, e, told ? CARD_RARE_TOLD : CARD_RARE);
		if (told && D[0] >= 2 && D[0] != 7)
			return found(s, e, CARD_ANY_TOLD);
	}
	return 0;
}

#endif
