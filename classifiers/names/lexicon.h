/* lexicon.h: what is known of the words of a segment, and which may be part of a
 * name. */
#ifndef NAMES_LEXICON_H
#define NAMES_LEXICON_H

#include "words.h"

enum mode { USUAL, ALL_LOWER, ALL_UPPER, HEADING, IN_CODE };

/* What the lexicon knows of a word. */
enum { FIRST_NAME = 3, SURNAME = 3 << 2, PLACE = 3 << 4, COMMON = 3 << 6, SENSE = 63 << 8, TITLE = 1 << 14, DESIGNATOR = 1 << 15 };

static u32 lookup(u32 hash)
{
	u32 key = mix(hash, 0x6c657869);
	for (u32 s = key & (LEXICON_SLOTS - 1);; s = (s + 1) & (LEXICON_SLOTS - 1)) {
		u32 v = M->lexicon[s];
		if (v >> 16 == 0 || (v & 0xffff) == key >> 16)
			return v >> 16;
	}
}

/* Is a mark more often in programs than in prose? */
static int of_code(u32 hash)
{
	static const char marks[] = "(){}[]=<>|*\\/;";
	for (u32 i = 0; i < sizeof marks - 1; i++)
		if (hash == roll(SEED, (u8)marks[i]))
			return 1;
	return 0;
}

static int joins(const token *t)
{
	if (t->look == LOWER)
		return t->length <= 3;
	if (t->look == MARK) {
		u32 h = t->hash;
		return h == roll(SEED, '.') || h == roll(SEED, '-') || h == roll(SEED, '&') || h == roll(SEED, '\'') ||
		       h == roll(roll(SEED, '\''), 's') || h == roll(SEED, '/') || h == roll(SEED, ',');
	}
	return t->look == NUMBER;
}

static int may_begin(const token *t, u32 how)
{
	switch (t->look) {
	case CAP:
	case UPPER:
	case LETTER:
	case MIXED:
	case TAG:
	case HANDLE:
		return 1;
	case LOWER:
		if (how == IN_CODE)
			return 0;
		if (t->phrase)
			return 1;
		if (how != ALL_LOWER) /* among capitals, only what is nothing but a name */
			return !(t->bits & COMMON) && ((t->bits & FIRST_NAME) > 1 || (t->bits & PLACE) > 1 << 4);
		if (t->bits & (FIRST_NAME | SURNAME | PLACE))
			return (t->bits & COMMON) < COMMON || t->bits & (FIRST_NAME | PLACE);
		return t->bits == 0 && t->length > 2;
	}
	return 0;
}

static u32 know(token *t, u32 n)
{
	u32 words = 0, caps = 0, uppers = 0, lowers = 0, signs = 0;
	for (u32 i = 0; i < n; i++) {
		u32 look = t[i].look;
		if (look == MARK || look == CODE) {
			signs += look == CODE || of_code(t[i].hash);
			signs += t[i].hash == roll(SEED, '=');
			continue;
		}
		if (look == NUMBER)
			continue;
		t[i].bits = lookup(t[i].hash);
		if (look == OTHER || look == HANDLE)
			continue;
		words++;
		caps += look == CAP || look == MIXED || look == TAG;
		uppers += look == UPPER;
		lowers += look == LOWER && t[i].length > 3;
	}
	for (u32 i = 0; i + 1 < n; i++) {
		if (t[i].look == MARK || t[i + 1].look == MARK)
			continue;
		u32 two = mix(t[i].hash, t[i + 1].hash), k = 0;
		if (lookup(two) == SENSE)
			k = 2;
		if (i + 2 < n && lookup(mix(two, t[i + 2].hash)) == SENSE)
			k = 3;
		for (u32 j = 0; j < k; j++)
			if (!t[i + j].phrase)
				t[i + j].phrase = j ? 2 : 1;
	}
	u32 how = USUAL;
	if ((signs >= 3 && signs * 5 >= n) || t[0].hash == roll(SEED, '/')) /* a comment, at least */
		how = IN_CODE;
	else if (caps + uppers == 0)
		how = ALL_LOWER;
	else if (uppers >= 2 && uppers * 4 >= words * 3)
		how = ALL_UPPER;
	else if (caps >= 4 && caps > 3 * lowers)
		how = HEADING;
	for (u32 i = 0; i < n; i++) {
		t[i].candidate = (u32)may_begin(&t[i], how);
		if (i > 0 && t[i - 1].look == MARK && t[i - 1].end == t[i].start)
			t[i].glued = t[i - 1].hash;
		if (i > 0 && t[i].look == LOWER && t[i - 1].hash == roll(SEED, '@'))
			t[i].candidate = 1; /* a handle, as corpora that set signs apart have it */
		if (i + 1 < n && t[i + 1].look == MARK && t[i + 1].start == t[i].end) {
			t[i].glued = mix(t[i].glued, t[i + 1].hash);
			if (t[i].look == LOWER && of_code(t[i + 1].hash))
				t[i].candidate = 0; /* a call, an index, a tag */
		}
	}
	for (u32 i = 1; i + 1 < n; i++)
		if (!t[i].candidate && joins(&t[i]) && t[i - 1].candidate &&
		    (t[i + 1].candidate || (i + 2 < n && joins(&t[i + 1]) && t[i + 2].candidate)))
			t[i].candidate = 1;
	return how;
}

#endif
