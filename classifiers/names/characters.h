/* characters.h: a text as characters: of what class each is, and what it is without
 * accent, case and width. */
#ifndef NAMES_CHARACTERS_H
#define NAMES_CHARACTERS_H

#include "model.h"

enum class { C_SPACE, C_LINE, C_MARK, C_LOWER, C_UPPER, C_DIGIT, C_OTHER, C_DROP };

/* Latin letters from U+00C0 to U+017F without their accents. */
static const char letters[] = 
	"aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo*ouuuuyty"
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
	"lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static u32 classify(u32 c, u32 *plain)
{
	if (c >= 0xff01 && c <= 0xff5e)
		c -= 0xfee0;
	*plain = c;
	if (c < 0x80) {
		if (c == '\n')
			return C_LINE;
		if (c <= ' ' || c == 0x7f) {
			*plain = ' ';
			return C_SPACE;
		}
		if (c >= 'a' && c <= 'z')
			return C_LOWER;
		if (c >= 'A' && c <= 'Z') {
			*plain = c + 32;
			return C_UPPER;
		}
		return c >= '0' && c <= '9' ? C_DIGIT : C_MARK;
	}
	if (c < 0xc0) {
		switch (c) {
		case 0x85:
		case 0xa0:
			*plain = ' ';
			return C_SPACE;
		case 0xad:
			*plain = 0;
			return C_DROP;
		case 0xab:
		case 0xbb:
			*plain = '"';
			return C_MARK;
		case 0xaa:
		case 0xb5:
		case 0xba:
			return C_LOWER;
		}
		return C_MARK;
	}
	if (c < 0x180) {
		if (c == 0xd7 || c == 0xf7)
			return C_MARK;
		*plain = (u8)letters[c - 0xc0];
		int upper = c < 0xdf || (c >= 0x100 && (c & 1) == 0);
		if ((c >= 0x139 && c <= 0x148) || c >= 0x179)
			upper = (c & 1) == 1 && c != 0x17f;
		if (c == 0x138 || c == 0x149)
			upper = 0;
		if (c == 0x178)
			upper = 1;
		return upper ? C_UPPER : C_LOWER;
	}
	if (c >= 0x300 && c < 0x370) {
		*plain = 0;
		return C_DROP;
	}
	if (c >= 0x391 && c <= 0x3a9) {
		*plain = c + 0x20;
		return C_UPPER;
	}
	if ((c >= 0x3ac && c <= 0x3ce) || (c >= 0x430 && c <= 0x45f))
		return C_LOWER;
	if (c >= 0x400 && c <= 0x42f) {
		*plain = c + (c < 0x410 ? 0x50 : 0x20);
		return C_UPPER;
	}
	if (c >= 0x1e00 && c < 0x1f00) {
		if (c & 1)
			return C_LOWER;
		*plain = c + 1;
		return C_UPPER;
	}
	if (c >= 0x2000 && c <= 0x2fff) {
		if (c <= 0x200a || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f) {
			*plain = ' ';
			return C_SPACE;
		}
		if (c <= 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)) {
			*plain = 0;
			return C_DROP;
		}
		if (c <= 0x2015)
			*plain = '-';
		else if (c == 0x2018 || c == 0x2019)
			*plain = '\'';
		else if (c >= 0x201c && c <= 0x201f)
			*plain = '"';
		return C_MARK;
	}
	if (c == 0x3000) {
		*plain = ' ';
		return C_SPACE;
	}
	if (c == 0xfeff || (c >= 0xfe00 && c <= 0xfe0f)) {
		*plain = 0;
		return C_DROP;
	}
	if ((c > 0x3000 && c <= 0x303f) || (c >= 0xfe10 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff0f) || c == 0xfffd ||
	    (c >= 0x1f000 && c < 0x20000))
		return C_MARK;
	return C_OTHER;
}

typedef struct {
	const u8 *p;
	u32 n, at, next, kept, line, class, plain;
} reader;

static inline void advance(reader *r)
{
	r->kept = r->next;
	do {
		r->at = r->next;
		if (r->at >= r->n) {
			r->class = C_SPACE;
			r->plain = 0;
			return;
		}
		const u8 *p = r->p + r->at;
		u32 c = p[0];
		r->next = r->at + 1;
		if (c >= 0x80) { /* the text is valid UTF-8 */
			if (c < 0xe0) {
				c = (c & 31) << 6 | (p[1] & 63u);
				r->next += 1;
			} else if (c < 0xf0) {
				c = (c & 15) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
				r->next += 2;
			} else {
				c = (c & 7) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u);
				r->next += 3;
			}
		}
		r->class = classify(c, &r->plain);
	} while (r->class == C_DROP);
}

static inline int done(const reader *r) { return r->at >= r->n; }
static inline int in_word(u32 class) { return class >= C_LOWER && class <= C_OTHER; }

#endif
