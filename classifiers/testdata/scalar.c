/* A scanner without SIMD, for the benchmark of metering: card numbers by Luhn, and
 * words by a hash, byte by byte. */
#include "sallyport.h"

SP_CLASSIFIER("{\"name\":\"scalar\",\"version\":\"1\",\"kinds\":[\"NUMBER\",\"WORD\"],\"scores\":[]}")

static uint32_t hash(const uint8_t *p, uint32_t n)
{
	uint32_t h = 2166136261u;
	for (uint32_t i = 0; i < n; i++)
		h = (h ^ (p[i] | 32)) * 16777619u;
	return h;
}

static int luhn(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t d = p[n - 1 - i] - '0';
		if (i & 1)
			d = d > 4 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return sum % 10 == 0;
}

static void sp_scan(const sp_text *t)
{
	for (uint32_t i = 0; i < t->len;) {
		uint32_t b = i;
		while (i < t->len && (uint8_t)(t->p[i] - '0') < 10)
			i++;
		if (i - b >= 13 && i - b <= 19 && luhn(t->p + b, i - b))
			sp_span(t, b, i, 0, 0.9f);
		if (i > b)
			continue;
		while (i < t->len && (uint8_t)((t->p[i] | 32) - 'a') < 26)
			i++;
		if (i > b && hash(t->p + b, i - b) == 0x12345678u)
			sp_span(t, b, i, 1, 0.5f);
		if (i == b)
			i++;
	}
}
