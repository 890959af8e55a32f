/* machines.h: addresses of machines. */
#ifndef PII_MACHINES_H
#define PII_MACHINES_H

#include "tables.h"

static u32 ipv4_end(u32 a, u32 *first)
{
	u32 q = a;
	for (u32 k = 0; k < 4; k++) {
		u32 st = q, v = 0;
		while (digit(at(q)) && q - st < 4)
			v = v * 10 + (V.p[q++] - '0');
		if (q == st || q - st > 3 || v > 255 || (q - st > 1 && at(st) == '0'))
			return 0;
		if (k == 0)
			*first = v;
		if (k < 3 && at(q++) != '.')
			return 0;
	}
	return q;
}

static u32 version_ends; /* where the last one was that looks like an address */

static u32 ipv4(u32 a)
{
	u32 first = 0, e = ipv4_end(a, &first);
	if (!e || !code_ends(e) || (at(e) == '.' && alnum(at(e + 1))) || (at(e) == '-' && alpha(at(e + 1))))
		return 0;
	u8 c = a == fresh ? 0 : at(a - 1), b = at(a - 2);
	if (c == '.' || (c == '=' && (b == '=' || b == '~' || b == '>')))
		return 0;
	u32 told = near(a, 40, W_NETWORK);
	/* A version is joined to a name, too: host-10.0.0.1, but Chrome/120.0.0.0. */
	if (joined_on(a) && told != 2)
		return 0;
	/* Another behind a version is one, too: from 1.2.3.4 to 1.2.4.0. */
	if (nearer(near(a, 40, W_VERSION), told) || (!told && version_ends && a - version_ends <= 5)) {
		version_ends = e;
		return 0;
	}
	if (nearer(near(a, 32, W_PHONE), told))
		return 0;
	if (first == 127 || first == 0 || first == 255)
		return found(a, e, IP4_SPECIAL);
	return found(a, e, told ? IP4_TOLD : IP4);
}

static u32 ipv6(u32 a)
{
	u32 q = a, groups = 0, gap = 0, digits = 0, longest = 0, first = 0;
	if (at(q) == ':') {
		if (at(q + 1) != ':')
			return 0;
		gap = 1;
		q += 2;
	}
	for (;;) {
		u32 st = q;
		while (hex(at(q)) && q - st < 5) {
			digits += digit(V.p[q]);
			q++;
		}
		u32 len = q - st;
		if (len > 4)
			return 0;
		if (len && at(q) == '.' && digit(at(q + 1)) && (gap || groups == 6)) {
			u32 e = ipv4_end(st, &first);
			if (!e)
				return 0;
			q = e;
			groups += 2;
			longest = 4;
			break;
		}
		if (!len)
			break;
		groups++;
		if (len > longest)
			longest = len;
		if (at(q) != ':')
			break;
		if (at(q + 1) == ':') {
			if (gap)
				return 0;
			gap = 1;
			q += 2;
		} else if (hex(at(q + 1))) {
			q++;
		} else {
			break;
		}
	}
	if (alnum(at(q)) || (at(q) == ':' && alnum(at(q + 1))) || !digits || groups > 8 || (gap ? groups > 7 || !groups : groups != 8))
		return 0;
	if (gap && groups < 3 && longest < 3 && at(a) != ':')
		return 0;
	if (gap && groups < 2 && at(a) == ':' && digits != q - a - 2)
		return 0;
	return found(a, q, groups < 3 ? IP6_SHORT : IP6);
}

/* Six pairs with ':' or '-'. */
static u32 mac(u32 a)
{
	u8 sep = at(a + 2);
	u32 all_digits = 1;
	for (u32 k = 0; k < 6; k++) {
		u32 q = a + 3 * k;
		if (!hex(at(q)) || !hex(at(q + 1)) || (k < 5 && at(q + 2) != sep))
			return 0;
		all_digits &= digit(at(q)) && digit(at(q + 1));
	}
	u32 e = a + 17;
	if (alnum(at(e)) || (at(e) == sep && alnum(at(e + 1)) && name_behind(e + 1) != NAME) ||
	    (all_digits && sep == '-' && !near(a, 32, W_MAC)))
		return 0;
	return found(a, e, MAC_PAIRS);
}

/* One that begins with pairs of letters, before the pair at a: FE-9F-... */
static u32 mac_before(u32 a)
{
	u32 s = a;
	while (a - s < 15 && s >= floor_ + 3 && at(s - 1) == '-' && hex(at(s - 2)) && hex(at(s - 3)))
		s -= 3;
	return s < a && !(s != fresh && alnum(at(s - 1))) && head_ok(s) ? mac(s) : 0;
}

/* Three fours with '.', as switches print it; letters have to be among them. */
static u32 mac_dotted(u32 a)
{
	u32 letters = 0;
	if (!head_ok(a))
		return 0;
	for (u32 i = 0; i < 14; i++) {
		u8 c = at(a + i);
		if (i % 5 == 4 ? c != '.' : !hex(c))
			return 0;
		letters |= alpha(c);
	}
	u8 c = at(a + 14);
	if (alnum(c) || (c == '.' && alnum(at(a + 15))) || (!letters && !near(a, 32, W_MAC)))
		return 0;
	return found(a, a + 14, MAC_DOTTED);
}

/* One that begins with fours of letters, before the four at a: fcac.d335.e318 */
static u32 mac_dotted_before(u32 a)
{
	u32 r = 0;
	for (u32 k = 5; !r && k <= 10 && a >= floor_ + k && at(a - k + 4) == '.'; k += 5)
		r = mac_dotted(a - k);
	return r;
}

#endif
