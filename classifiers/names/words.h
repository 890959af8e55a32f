/* words.h: characters to words and marks, and those to segments, about a sentence. */
#ifndef NAMES_WORDS_H
#define NAMES_WORDS_H

#include "characters.h"

enum look { MARK, NUMBER, LOWER, CAP, UPPER, LETTER, MIXED, OTHER, CODE, HANDLE, TAG };

typedef struct {
	u32 start, end, hash, shape, bits, phrase, length, look, candidate, glued;
	u32 prefix[4], suffix[4];
} token;

static int abbreviation(u32 hash)
{
	static const u32 known[] = { /* mr mrs ms dr st prof sen gen rep gov capt sgt lt col rev jr sr vs */
		0x552e0cbe, 0xe47e26b7, 0x562e0e51, 0x471cad93, 0x4b522242, 0xef3e349a,
		0xc026fd91, 0x5e0cb715, 0x2cf46160, 0x561bb507, 0xac2314dd, 0xda211651,
		0x5d31eaed, 0xf28dd471, 0x32f46ad2, 0x5f3f659d, 0x455218d0, 0x5649e4ce};
	for (u32 i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == hash)
			return 1;
	return 0;
}

static void read_mark(reader *r, token *t)
{
	u32 mark = r->plain;
	*t = (token){.start = r->at, .hash = roll(SEED, mark), .look = MARK, .length = 1};
	advance(r);
	if (mark == '\'' && r->plain == 's') {
		reader ahead = *r;
		advance(&ahead);
		if (!in_word(ahead.class)) {
			*r = ahead;
			t->hash = roll(t->hash, 's');
			t->end = r->kept;
			return;
		}
	}
	while (!done(r) && r->plain == mark && r->class == C_MARK)
		advance(r);
	t->end = r->kept;
	t->shape = t->hash;
}

typedef struct {
	u32 last[4], sign, same;
} tail;

static inline void put(token *t, tail *k, u32 c, u32 sign)
{
	t->hash = roll(t->hash, c);
	if (t->length < 4)
		t->prefix[t->length] = t->hash;
	t->length++;
	k->last[3] = k->last[2];
	k->last[2] = k->last[1];
	k->last[1] = k->last[0];
	k->last[0] = c;
	if (sign == k->sign) {
		k->same++;
	} else {
		k->sign = sign;
		k->same = 1;
	}
	if (k->same <= 2 && t->length < 64)
		t->shape = roll(t->shape, sign);
}

static int bracket(u32 c) { return c == '<' || c == '>' || c == ')' || c == ']' || c == '}' || c == '"'; }

static void read_word(reader *r, token *t, u32 look)
{
	*t = (token){.start = r->at, .hash = SEED, .shape = SEED};
	if (look != OTHER) {
		t->shape = roll(t->shape, r->plain);
		advance(r);
	}
	tail k = {0};
	u32 upper = 0, inner = 0, lower = 0, digits = 0, first = r->class, run = 0;
	int joined = 1, dots = 0, is_long = 0, code = 0;
	for (;;) {
		if (in_word(r->class)) {
			switch (r->class) {
			case C_UPPER:
				upper++;
				inner += !joined;
				put(t, &k, r->plain, 'X');
				break;
			case C_LOWER:
				lower++;
				put(t, &k, r->plain, 'x');
				break;
			case C_DIGIT:
				digits++;
				put(t, &k, '0', '0');
				break;
			default:
				put(t, &k, r->plain, 'o');
			}
			run++;
			joined = 0;
			advance(r);
			continue;
		}
		if (r->plain == '_') {
			code = 1;
			put(t, &k, '_', '_');
			run = 0;
			joined = 1;
			advance(r);
			continue;
		}
		u32 c = r->plain;
		if (c != ':' && c != '\'' && c != '-' && c != '.' && c != '@' && c != '&')
			break;
		reader ahead = *r;
		advance(&ahead);
		if (c == ':') {
			if (ahead.plain == '/') {
				advance(&ahead);
				if (ahead.plain == '/') {
					code = 1;
					while (!done(r) && r->class != C_SPACE && r->class != C_LINE && !bracket(r->plain))
						advance(r);
				}
			}
			break;
		}
		if (!in_word(ahead.class) || run == 0)
			break;
		if (c == '\'' && ahead.plain == 's') {
			advance(&ahead);
			if (!in_word(ahead.class))
				break; /* a genitive */
		}
		if (c == '@')
			code = 1;
		if (c == '.') {
			dots = 1;
			is_long |= run > 1;
		}
		put(t, &k, c, c);
		run = 0;
		joined = 1;
		advance(r);
	}
	is_long |= run > 1;
	t->end = r->kept;
	if (r->plain == '.' && !done(r) && ((dots && !is_long) || (t->length == 1 && upper == 1) || abbreviation(t->hash))) {
		advance(r);
		t->end = r->kept;
	}
	u32 h = SEED;
	for (u32 i = 0; i < min(4, t->length); i++)
		t->suffix[i] = h = roll(h, k.last[i]);
	if (look != OTHER)
		t->look = look;
	else if (code || (dots && is_long && first != C_DIGIT))
		t->look = CODE;
	else if (first == C_DIGIT)
		t->look = NUMBER;
	else if (upper + lower == 0)
		t->look = OTHER;
	else if (upper == 1 && t->length == 1)
		t->look = LETTER;
	else if (lower == 0)
		t->look = UPPER;
	else if (first == C_UPPER && inner == 0)
		t->look = CAP;
	else if (upper > 0)
		t->look = MIXED;
	else
		t->look = digits > 0 ? CODE : LOWER;
}

static u32 read_segment(reader *r, token *t)
{
	u32 n = 0;
	while (!done(r) && n < SEGMENT) {
		if (r->class == C_SPACE) {
			advance(r);
		} else if (r->class == C_LINE) {
			int wide = r->at - r->line >= 50;
			advance(r);
			r->line = r->at;
			if (n > 0 && (!wide || !in_word(r->class) || (t[n - 1].look == MARK && t[n - 1].hash != roll(SEED, ','))))
				return n;
		} else if (in_word(r->class)) {
			read_word(r, &t[n++], OTHER);
		} else {
			u32 mark = r->plain;
			if (mark == '\\' || mark == '@' || mark == '#') {
				reader ahead = *r;
				advance(&ahead);
				if (mark == '\\' && (ahead.plain == 'n' || ahead.plain == 't' || ahead.plain == 'r')) {
					*r = ahead;
					advance(r);
					if (n > 0)
						return n;
					continue;
				}
				if (mark != '\\' && (in_word(ahead.class) || ahead.plain == '_')) {
					read_word(r, &t[n++], mark == '#' ? TAG : HANDLE);
					continue;
				}
			}
			read_mark(r, &t[n++]);
			if ((mark == '.' || mark == '!' || mark == '?') && (r->class == C_SPACE || r->class == C_LINE))
				return n;
		}
	}
	return n;
}

#endif
