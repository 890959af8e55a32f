/* fold.h: look through disguises of ASCII.
 *
 * A number written in fullwidth digits, or with zero-width characters inside, is
 * the same number to whoever reads it. sp_fold gives a text with such characters
 * replaced: fullwidth forms and the decimal digits of all scripts by their ASCII
 * characters, Unicode spaces and dashes by ' ' and '-', invisible characters by
 * nothing. All else stays. sp_unfold finds the original bytes of a position.
 *
 * Where nothing is replaced the view is the text itself: plain ASCII costs one
 * look at each byte, 16 at a time.
 */
#ifndef SALLYPORT_FOLD_H
#define SALLYPORT_FOLD_H

#include "sallyport.h"
#include <wasm_simd128.h>

typedef struct {
	const uint8_t *p;
	uint32_t n;
	const sp_text *text;
	const uint32_t *marks; /* original offset of each 64th byte; 0: not folded */
} sp_view;

#define SP_DROP (-1)
#define SP_KEEP (-2)

/* The zeros of the other scripts, after which their other digits stand: category Nd
 * of Unicode 15. */
static const uint32_t sp_zeros[] = {
	0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
	0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
	0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
	0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0,
	0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0};

/* Reads the character at p[i] of n bytes, and its length: an ASCII character to put
 * in its place, SP_DROP or SP_KEEP. A byte that is no UTF-8 stays what it is. */
static int32_t sp_fold_char(const uint8_t *p, uint32_t i, uint32_t n, uint32_t *len)
{
	uint32_t c = p[i], more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf8 ? 3 : 0, least = more == 3 ? 0x10000 : 0x800;
	*len = 1;
	if (!more || n - i <= more)
		return SP_KEEP;
	c &= 0x3f >> more;
	for (uint32_t k = 1; k <= more; k++) {
		if ((p[i + k] & 0xc0) != 0x80)
			return SP_KEEP;
		c = c << 6 | (p[i + k] & 63);
	}
	if (more > 1 && c < least)
		return SP_KEEP;
	*len = more + 1;
	if (c >= 0xff01 && c <= 0xff5e) /* fullwidth forms */
		return (int32_t)c - 0xfee0;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) ||
	    c == 0xfeff || c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0000 && c <= 0xe01ef))
		return SP_DROP;
	if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000)
		return ' ';
	if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212)
		return '-';
	if (c < 0x660 || (c > 0x1c59 && c < 0xa620) || (c > 0xabf9 && c < 0x104a0)) /* most letters, CJK, Hangul */
		return SP_KEEP;
	uint32_t low = 0, high = sizeof sp_zeros / sizeof *sp_zeros;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (sp_zeros[mid] <= c)
			low = mid + 1;
		else
			high = mid;
	}
	if (c - sp_zeros[low - 1] < 10)
		return '0' + (int32_t)(c - sp_zeros[low - 1]);
	return SP_KEEP;
}

/* The first byte at or after i that is not ASCII, or n. */
static uint32_t sp_past_ascii(const uint8_t *p, uint32_t i, uint32_t n)
{
	for (; i + 16 <= n; i += 16) {
		uint32_t m = wasm_i8x16_bitmask(wasm_v128_load(p + i));
		if (m)
			return i + (uint32_t)__builtin_ctz(m);
	}
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

/* Returns 0 where memory is spent. */
static int sp_fold(const sp_text *t, sp_view *v)
{
	const uint8_t *p = t->p;
	uint32_t n = t->len, i = 0, len;
	*v = (sp_view){p, n, t, 0};
	for (;;) { /* the first character to replace */
		i = sp_past_ascii(p, i, n);
		if (i == n)
			return 1;
		if (sp_fold_char(p, i, n, &len) != SP_KEEP)
			break;
		i += len;
	}
	uint8_t *out = sp_arena(n);
	uint32_t *marks = sp_arena((n / 64 + 1) * 4);
	if (!out || !marks)
		return 0;
	uint32_t o = 0;
	for (i = 0; i < n;) {
		int32_t c = sp_fold_char(p, i, n, &len);
		uint32_t step = c == SP_KEEP ? len : c == SP_DROP ? 0 : 1;
		for (uint32_t k = 0; k < step; k++, o++) {
			if (o % 64 == 0)
				marks[o / 64] = i + k;
			out[o] = c == SP_KEEP ? p[i + k] : (uint8_t)c;
		}
		i += len;
	}
	v->p = out;
	v->n = o;
	v->marks = marks;
	return 1;
}

/* The original offset of a view's byte, and the bytes it stands for. */
static uint32_t sp_unfold(const sp_view *v, uint32_t at, uint32_t *width)
{
	*width = 1;
	if (!v->marks)
		return at;
	const uint8_t *p = v->text->p;
	uint32_t i = v->marks[at / 64], left = at % 64, len;
	for (;;) {
		if ((p[i] & 0xc0) == 0x80) { /* a mark inside a kept character */
			if (!left)
				return i;
			left--;
			i++;
			continue;
		}
		int32_t c = sp_fold_char(p, i, v->text->len, &len);
		uint32_t step = c == SP_KEEP ? len : c == SP_DROP ? 0 : 1;
		if (left < step) {
			if (c != SP_KEEP)
				*width = len;
			return i + left;
		}
		left -= step;
		i += len;
	}
}

/* Reports bytes [start, end) of a view at their place in the text. */
static void sp_view_span(const sp_view *v, uint32_t start, uint32_t end, uint16_t kind, float score)
{
	uint32_t width;
	uint32_t from = sp_unfold(v, start, &width);
	uint32_t last = sp_unfold(v, end - 1, &width);
	sp_span(v->text, from, last + width, kind, score);
}

#endif
