/* keccak.h: Keccak-256 of short messages, as Ethereum has it: the sponge that
 * became SHA-3, with the padding it had before. */
#ifndef SALLYPORT_KECCAK_H
#define SALLYPORT_KECCAK_H

#include <stdint.h>

/* out gets the digest of n < 136 bytes. */
static void sp_keccak256(const uint8_t *msg, uint32_t n, uint8_t out[32])
{
	static const uint8_t turn[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
	static const uint8_t lane[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
	uint64_t s[25] = {0}, c[5];
	for (uint32_t i = 0; i < n; i++)
		s[i / 8] ^= (uint64_t)msg[i] << i % 8 * 8;
	s[n / 8] ^= (uint64_t)1 << n % 8 * 8;
	s[16] ^= (uint64_t)1 << 63;
	uint8_t lfsr = 1; /* makes the round constants */
	for (int round = 0; round < 24; round++) {
		for (int x = 0; x < 5; x++)
			c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
		for (int x = 0; x < 5; x++) {
			uint64_t d = c[(x + 4) % 5] ^ (c[(x + 1) % 5] << 1 | c[(x + 1) % 5] >> 63);
			for (int y = 0; y < 25; y += 5)
				s[x + y] ^= d;
		}
		uint64_t t = s[1];
		for (int i = 0; i < 24; i++) {
			uint64_t u = s[lane[i]];
			s[lane[i]] = t << turn[i] | t >> (64 - turn[i]);
			t = u;
		}
		for (int y = 0; y < 25; y += 5) {
			for (int x = 0; x < 5; x++)
				c[x] = s[x + y];
			for (int x = 0; x < 5; x++)
				s[x + y] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
		}
		for (int j = 0; j < 7; j++) {
			if (lfsr & 1)
				s[0] ^= (uint64_t)1 << ((1 << j) - 1);
			lfsr = (uint8_t)(lfsr << 1 ^ (lfsr & 0x80 ? 0x71 : 0));
		}
	}
	for (int i = 0; i < 32; i++)
		out[i] = (uint8_t)(s[i / 8] >> i % 8 * 8);
}

#endif
