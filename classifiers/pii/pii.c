/* pii: personal data that has a form of its own. See README.md for what each
 * kind takes as evidence. The pii_twin*_test.go above are the same in Go; the two
 * must find the same.
 *
 * One pass: skip to the next digit, '@' or ':', look at the word around it, try
 * the forms that can begin there, go on behind it. No form looks further than a
 * bounded number of bytes from its trigger, so the whole is linear in the text.
 */
#define SP_CONFIG
#include "cards.h"
#include "codes.h"
#include "coins.h"
#include "dates.h"
#include "ids.h"
#include "machines.h"
#include "mail.h"
#include "phones.h"

#define QUOTED(kind) ",\"" #kind "\""
SP_CLASSIFIER("{\"name\":\"pii\",\"version\":\"2.0.0\",\"kinds\":[\"EMAIL_ADDRESS\"" OTHER_KINDS(QUOTED) "],\"scores\":[],"
	      "\"independent\":true,\"config_schema\":{\"type\":\"object\"}}")

static int sp_config(const char *json, size_t len)
{
	(void)json, (void)len;
	learn_words();
	return 0;
}

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

/* What begins at a word of letters and digits, or around its first digit at d. */
static SELDOM u32 mixed(u32 a, u32 b, u32 d)
{
	u32 n = b - a, r = 0;
	if (n >= 14 && n <= 90 && (r = coin(a, b)))
		return r;
	if (n >= 4 && d == a + 2 && (r = iban(a)))
		return r;
	if ((at(a - 1) == '_' && !head_ok(a)) || (at(b) == '_' && !code_ends(b)))
		return 0;
	if (n == 15 && d == a && (r = nir(a)))
		return r;
	if (n == 16 || n == 5) {
		u32 s = n == 5 && at(a - 1) == ' ' && at(a - 5) == ' ' ? a - 8 : a;
		if (s <= a && s >= floor_ && (s == fresh || !alnum(at(s - 1))) && (r = fiscal(s)))
			return r;
	}
	if (n == 10 && d == a + 5 && (r = indian_pan(a)))
		return r;
	if (n <= 10 && d <= a + 2 && ((d > a && (r = nino(d))) || (r = spanish(d))))
		return r;
	if ((n == 14 || (n <= 3 && at(b) == '.')) && (r = cnpj_letters(a)))
		return r;
	if (n <= 4 && at(b) == '.' && (r = mac_dotted(a)))
		return r;
	if (n == 4 && at(a - 1) == '.' && (r = mac_dotted_before(a)))
		return r;
	if (n <= 4 && d == a && (r = birth(a)))
		return r;
	return passport(a, b);
}

/* A card's number right behind a word for it, as in visa4111. */
static SELDOM u32 glued_card(u32 d, u32 b)
{
	if (b - d != 4 && b - d < 12)
		return 0;
	for (u32 k = d; k < b; k++)
		if (!digit(V.p[k]))
			return 0;
	if (near(d, 48, W_CARD) != 1)
		return 0;
	read_groups(d);
	return ngroups ? card() : 0;
}

/* What begins at a word that may be a group of an address. */
static SELDOM u32 address(u32 a, u32 b)
{
	u8 before = a == fresh ? 0 : at(a - 1);
	u32 r = 0;
	if (b - a == 2 && before == '-' && (r = mac_before(a)))
		return r;
	if (b - a > 4 || alnum(before) || ((before == '-' || before == '_') && !head_ok(a)))
		return 0;
	if (before == ':' && at(a - 2) == ':')
		return !word(at(a - 3)) && at(a - 3) != ':' && a >= floor_ + 2 ? ipv6(a - 2) : 0;
	if (before == ':' && name_before(a - 1) != NAME)
		return 0; /* within an address, or a time */
	if (b - a == 2 && (at(b) == ':' || at(b) == '-') && (r = mac(a)))
		return r;
	return at(b) == ':' ? ipv6(a) : 0;
}

static SELDOM u32 number(u32 a, u32 b)
{
	u32 plus = at(a - 1) == '+' || (at(a - 1) == '(' && at(a - 2) == '+'), r = 0, n = b - a;
	if (n == 1 && at(b) == ' ' && digit(at(b + 1)) && !digit(at(b + 2)) && !plus && at(b + 2) != '.')
		return b + 1; /* a single digit before another begins nothing */
	if (!plus && (n <= 2 || n == 4) && (r = birth(a)))
		return r;
	if (n < 6 && !(separates(at(b)) && (digit(at(b + 1)) || separates(at(b + 1)) || (at(b) == '.' && alpha(at(b + 1))))))
		return 0;
	if (!plus && (at(a - 1) == ' ' || at(a - 1) == '-') && alpha(at(a - 2)) && ((r = nino(a)) || (n > 6 && (r = spanish(a)))))
		return r;
	if (!plus && (!head_ok(a) || (n == 2 && at(b) == ' ' && joined_at(a, 2))))
		return 0; /* the latter is within a row of numbers */
	read_groups(a);
	if (plus && ngroups)
		return (r = phone(1)) ? r : card(); /* a plus may be a space, too */
	if (!ngroups)
		return at(b) == '.' && n == 4 ? mac_dotted(a) : 0;
	if ((n <= 3 && (r = ipv4(a))) || (r = nir(a)))
		return r;
	if (at(b) == '.' && ((n == 4 && (r = mac_dotted(a))) || (n == 2 && ((r = cnpj_letters(a)) || (r = spanish(a))))))
		return r;
	if (upto[nwrapped] < 6)
		return 0;
	if ((r = told_id()) || (r = card()))
		return r;
	if ((n == 8 || n == 2) && (r = spanish(a)))
		return r;
	if (n >= 6 && n <= 9 && (r = passport(a, b)))
		return r;
	if ((r = lone_id(forms, sizeof forms / sizeof *forms)) || (r = phone(0)))
		return r;
	return lone_id(late_forms, sizeof late_forms / sizeof *late_forms);
}

static void sp_scan(const sp_text *t)
{
	if (!sp_fold(t, &V))
		return;
	floor_ = fresh = words_n = words_upto = version_ends = 0;
	new_tables();
	u32 i = 0;
	while ((i = next_trigger(i)) < V.n) {
		u8 c = V.p[i];
		u32 r = 0;
		if (c == '@') {
			r = email(i, i + 1);
			i = r ? r : i + 1;
			continue;
		}
		if (c == '4' && at(i + 1) == '0' && at(i - 1) == '%' && i > floor_ && (r = email(i - 1, i + 2))) {
			i = r;
			continue;
		}
		u32 a = i, b = i;
		while (a > floor_ && i - a < 128 && alnum(V.p[a - 1]))
			a--;
		u8 sign = at(a - 1);
		u32 begin = sign == '\\' || sign == '%' ? past_escape(a) : a;
		if (begin > a) {
			a = fresh = begin;
			i = i < a ? a : i;
			c = at(i);
			if (c != ':' && !digit(c)) /* the trigger was in the escape */
				continue;
			b = i;
		}
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
		if (!r && letters && !(r = mixed(a, b, i)) && i > a)
			r = glued_card(i, b);
		u32 e = a; /* 555-0100x12: the group is told from its extension */
		while (digit(at(e)))
			e++;
		if (!r && (e == b || (e > a && lower(at(e)) == 'x' && digit(at(e + 1)))))
			r = number(a, e);
		i = r ? r : b;
	}
}
