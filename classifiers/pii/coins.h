/* coins.h: addresses of Bitcoin, its relatives and Ethereum. */
#ifndef PII_COINS_H
#define PII_COINS_H

#include "tables.h"
#include "keccak.h"
#include "sha256.h"

static int base58_address(u32 a, u32 b)
{
	static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	u8 v[25] = {0};
	for (u32 i = a; i < b; i++) {
		u32 carry = 58;
		for (u32 k = 0; k < 58; k++)
			if ((u8)digits[k] == V.p[i])
				carry = k;
		if (carry == 58)
			return 0;
		for (u32 k = 25; k-- > 0;) {
			carry += v[k] * 58u;
			v[k] = (u8)carry;
			carry >>= 8;
		}
		if (carry)
			return 0;
	}
	u8 h[32];
	sp_sha256(v, 21, h);
	sp_sha256(h, 32, h);
	return h[0] == v[21] && h[1] == v[22] && h[2] == v[23] && h[3] == v[24];
}

/* BIP 173 and BIP 350: the checksum of a segwit address. */
static int bech32_address(u32 a, u32 b, u32 hrp)
{
	static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	static const u32 gen[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	u32 c = 1, uppers = 0, lowers = 0;
	for (u32 k = 0; k < 2 * hrp + 1 + (b - a - hrp - 1); k++) {
		u32 v;
		if (k < hrp) {
			v = (u32)lower(V.p[a + k]) >> 5;
		} else if (k == hrp) {
			v = 0;
		} else if (k <= 2 * hrp) {
			v = lower(V.p[a + k - hrp - 1]) & 31;
		} else {
			u8 x = V.p[a + hrp + 1 + (k - 2 * hrp - 1)];
			uppers |= x != lower(x);
			lowers |= x != upper(x);
			for (v = 0; v < 32 && (u8)digits[v] != lower(x);)
				v++;
			if (v == 32)
				return 0;
		}
		u32 top = c >> 25;
		c = (c & 0x1ffffff) << 5 ^ v;
		for (u32 i = 0; i < 5; i++)
			if (top >> i & 1)
				c ^= gen[i];
	}
	return !(uppers && lowers) && (c == 1 || c == 0x2bc830a3);
}

/* EIP-55: the case of an address's letters is its checksum; an address in one case
 * has none. */
static u32 ethereum(u32 a, u32 b)
{
	u8 low[40], h[32];
	u32 uppers = 0, lowers = 0, wrong = 0;
	for (u32 i = 0; i < 40; i++) {
		u8 c = V.p[a + 2 + i];
		if (!hex(c))
			return 0;
		uppers |= is_upper(c);
		lowers |= is_lower(c);
		low[i] = lower(c);
	}
	u32 told = near(a, 44, W_COIN);
	if (!(uppers && lowers))
		return found(a, b, told ? COIN_TOLD : COIN_HEX);
	sp_keccak256(low, 40, h);
	for (u32 i = 0; i < 40; i++)
		wrong |= alpha(low[i]) && is_upper(V.p[a + 2 + i]) != (h[i / 2] >> (i & 1 ? 0 : 4) & 8) / 8;
	if (!wrong)
		return found(a, b, COIN_SUM);
	return told ? found(a, b, COIN_TOLD) : 0;
}

static u32 coin(u32 a, u32 b)
{
	u32 n = b - a;
	if (n == 42 && at(a) == '0' && lower(at(a + 1)) == 'x')
		return ethereum(a, b);
	u8 c0 = lower(at(a)), c1 = lower(at(a + 1)), c2 = lower(at(a + 2));
	if (n >= 14 && n <= 90) {
		if (((c0 == 'b' && c1 == 'c') || (c0 == 't' && c1 == 'b')) && c2 == '1')
			return bech32_address(a, b, 2) ? found(a, b, COIN_SUM) : 0;
		if (c0 == 'l' && c1 == 't' && c2 == 'c' && at(a + 3) == '1')
			return bech32_address(a, b, 3) ? found(a, b, COIN_SUM) : 0;
	}
	return n >= 26 && n <= 35 && base58_address(a, b) ? found(a, b, COIN_SUM) : 0;
}

#endif
