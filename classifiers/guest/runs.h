/* runs.h: a text 64 bytes at a time, and tables of short words.
 *
 * What a byte is, is asked of 64 bytes at once; the answers are masks, of which
 * bit k stands for byte k. A word of ASCII letters and digits is one vector, its
 * key, in small letters with zeros after it, so finding it in a table is a
 * multiplication and one comparison. sp_key reads 16 bytes from a word's
 * first on, wherever the text ends: texts and folded views have that much memory
 * behind them where SP_WHOLE is defined.
 */
#ifndef SALLYPORT_RUNS_H
#define SALLYPORT_RUNS_H

#include "sallyport.h"
#include <wasm_simd128.h>

typedef struct {
	v128_t v[4];
} sp_block;

/* The block that begins at p, of which only so many bytes are there; zeros stand
 * for the rest. */
static inline sp_block sp_block_at(const uint8_t *p, uint32_t there)
{
	static uint8_t last[64];
	if (there < 64) {
		__builtin_memset(last, 0, sizeof last);
		__builtin_memcpy(last, p, there);
		p = last;
	}
	return (sp_block){{wasm_v128_load(p), wasm_v128_load(p + 16), wasm_v128_load(p + 32), wasm_v128_load(p + 48)}};
}

/* The mask of bytes that are negative. */
static inline uint64_t sp_mask(sp_block b)
{
	uint32_t low = wasm_i8x16_bitmask(b.v[0]) | wasm_i8x16_bitmask(b.v[1]) << 16;
	uint32_t high = wasm_i8x16_bitmask(b.v[2]) | wasm_i8x16_bitmask(b.v[3]) << 16;
	return low | (uint64_t)high << 32;
}

static inline uint32_t sp_ones(uint64_t mask) { return (uint32_t)__builtin_popcountll(mask); }

/* The lowest bit of a mask; 64 where there is none. */
static inline uint32_t sp_first(uint64_t mask) { return mask ? (uint32_t)__builtin_ctzll(mask) : 64; }

/* SP_EACH(name, v, what) defines name(block), which does what to each vector v. */
#define SP_EACH(name, v, what)                                                                                         \
	static inline v128_t name##_of(v128_t v) { return what; }                                                      \
	static inline sp_block name(sp_block b)                                                                        \
	{                                                                                                              \
		return (sp_block){{name##_of(b.v[0]), name##_of(b.v[1]), name##_of(b.v[2]), name##_of(b.v[3])}};         \
	}

/* from <= v < from + many, for bytes; -1 where it holds. */
static inline v128_t sp_in(v128_t v, uint8_t from, uint8_t many)
{
	return wasm_i8x16_lt(wasm_i8x16_sub(v, wasm_u8x16_splat((uint8_t)(from + 128))), wasm_i8x16_splat((int8_t)(many - 128)));
}

SP_EACH(sp_letters, v, sp_in(wasm_v128_or(v, wasm_u8x16_splat(32)), 'a', 26))
SP_EACH(sp_digits, v, sp_in(v, '0', 10))
SP_EACH(sp_inner, v, wasm_i8x16_lt(v, wasm_i8x16_splat(-64))) /* bytes of a character after its first */

/* The first bytes of characters above ASCII. */
static inline uint64_t sp_high(sp_block b)
{
	uint64_t high = sp_mask(b);
	return high ? high & ~sp_mask(sp_inner(b)) : 0;
}

/* Classes of bytes below 128: a bit is set where both halves of the byte have it. */
static inline v128_t sp_class(v128_t v, v128_t low, v128_t high)
{
	return wasm_v128_and(wasm_i8x16_swizzle(low, wasm_v128_and(v, wasm_u8x16_splat(15))),
			     wasm_i8x16_swizzle(high, wasm_v128_and(wasm_u16x8_shr(v, 4), wasm_u8x16_splat(15))));
}

/* The word of n bytes at p, 1 to 16: ASCII letters and digits. */
static inline v128_t sp_key(const uint8_t *p, uint32_t n)
{
	static const uint8_t keep[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	return wasm_v128_and(wasm_v128_or(wasm_v128_load(p), wasm_u8x16_splat(32)), wasm_v128_load(keep + 16 - n));
}

/* Where a key stands in a table of 1 << bits slots, or after that. */
static inline uint32_t sp_slot(v128_t key, uint32_t bits)
{
	uint64_t a = (uint64_t)wasm_i64x2_extract_lane(key, 0), b = (uint64_t)wasm_i64x2_extract_lane(key, 1);
	return (uint32_t)((a ^ (b << 29 | b >> 35)) * 0x9e3779b97f4a7c15u >> (64 - bits));
}

static inline int sp_same(v128_t a, v128_t b) { return !wasm_v128_any_true(wasm_v128_xor(a, b)); }

#endif
