/* context.h: the words around a number. Each byte is looked at once: words are
 * remembered as the search comes by. */
#ifndef PII_CONTEXT_H
#define PII_CONTEXT_H

#include "text.h"
#include "word_tables.h"

/* A card's number may be what some program calls an id; others are more like one. */
#define W_NUMBER (W_OTHER | W_IDENT)
#define FAR 64 /* no word is looked for further back than this */
/* Within so much a word for other numbers speaks against one that no word speaks for. */
#define AGAINST 36

static struct { u32 s, e, lists; } words_seen[FAR]; /* a ring */
static u32 words_n, words_upto;

static int letter(u8 c) { return alpha(c) || c >= 0x80; }

/* Does a character of a script without spaces begin at i, or end before it? */
static int wide(u32 i) { return at(i) >= 0xe3 && at(i) <= 0xed; }
static int wide_before(u32 i) { return i >= 3 && at(i - 1) >= 0x80 && wide(i - 3); }

static int camel(u32 i) { return is_lower(at(i - 1)) && is_upper(at(i)); }

/* Does the letter of an escape such as \n end before i? */
static inline int escaped(u32 i, u8 before)
{
	return (before == 'n' || before == 'r' || before == 't') && at(i - 2) == '\\';
}

static inline int word_begins(u32 i)
{
	u8 c = at(i), before = at(i - 1);
	if ((c | before) < 0x80) /* as below, but fast */
		return alpha(c) && (!alpha(before) || (is_lower(before) && is_upper(c)) || escaped(i, before));
	if (!letter(c) || (c & 0xc0) == 0x80)
		return 0;
	return !letter(before) || camel(i) || wide(i) || wide_before(i) || escaped(i, before);
}

static int word_ends(u32 e) { return !letter(at(e)) || camel(e) || wide(e) || wide_before(e); }

static int spaces_words(u8 c)
{
	return c == ' ' || c == '_' || c == '-' || c == '.' || c == '/' || c == '\n';
}

/* The lists of all words that go on from each place in the tree. */
static u32 leads_to[sizeof word_tree / sizeof *word_tree];

static void learn_words(void)
{
	for (u32 b = sizeof word_tree / sizeof *word_tree; b-- > 1;) { /* children stand behind their parents */
		const u32 *m = word_masks[word_tree[b].mask];
		leads_to[b] |= m[0] | m[1];
		for (u32 k = word_tree[b].child; k; k = word_tree[k].last ? 0 : k + 1)
			leads_to[b] |= leads_to[k];
	}
}

/* The lists of the words that begin at i, of which the longest ends at *end; one of
 * several words, such as "social insurance", stands for itself alone. Only those
 * that are asked for are told for certain. */
static u32 words_at(u32 i, u32 asked, u32 *end)
{
	u32 lists = 0, several = 0, b = word_roots[lower(at(i))];
	while (b && (leads_to[b] | lists) & asked) {
		i++;
		if (word_tree[b].mask) { /* most places end no word */
			const u32 *m = word_masks[word_tree[b].mask];
			u32 e = i + (lower(at(i)) == 's');
			u32 here = word_ends(i) || word_ends(e) ? m[0] : m[1];
			if (here) {
				lists = several ? here : lists | here;
				*end = i;
			}
		}
		u8 c = spaces_words(at(i)) ? ' ' : lower(at(i));
		several |= c == ' ';
		u32 k = i < V.n ? word_tree[b].child : 0;
		while (k && word_tree[k].c != c)
			k = word_tree[k].last ? 0 : k + 1;
		b = k;
	}
	return lists;
}

/* Remembers the words before s, whose last FAR bytes matter. */
static void read_words(u32 s)
{
	u32 i = words_upto;
	if (s > FAR && i < s - FAR)
		i = s - FAR;
	for (; i < s; i++) {
		if (!word_begins(i))
			continue;
		u32 e, lists = words_at(i, ~0u, &e);
		if (lists) {
			words_seen[words_n % FAR].s = i;
			words_seen[words_n % FAR].e = e;
			words_seen[words_n++ % FAR].lists = lists;
		}
	}
	if (words_upto < s)
		words_upto = s;
}

/* How near before s a word of the lists ends, as near in tables.h says, whatever
 * header it stands below. */
static u32 word_before(u32 s, u32 reach, u32 lists)
{
	read_words(s);
	for (u32 k = words_n; k > 0 && words_n - k < FAR; k--) {
		u32 i = (k - 1) % FAR;
		if (words_seen[i].s + reach < s)
			return 0;
		if (words_seen[i].e <= s && words_seen[i].lists & lists)
			return s - words_seen[i].e + 1;
	}
	return 0;
}

/* Is the first of two distances nearer? 0 is none at all. */
static int nearer(u32 a, u32 b) { return a && (!b || a < b); }

/* Does a word of the lists begin in the reach bytes from i? */
static int behind(u32 i, u32 reach, u32 lists)
{
	for (u32 k = i; k < i + reach; k++) {
		u32 e;
		if (word_begins(k) && words_at(k, lists, &e) & lists)
			return 1;
	}
	return 0;
}

#endif
