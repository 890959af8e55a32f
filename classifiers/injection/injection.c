/* injection: texts that try to give a model other orders than its user or
 * operator did. See README.md for what it looks at and what it cannot see;
 * injection_twin_test.go in the folder above is the same in Go.
 *
 * One pass over a text, 64 bytes at a time. Words, and signs of scripts without
 * spaces, stand for concepts (words.h, signs.h). A rule (rules.h) is a short sequence of concepts
 * within a window; it gives points to a family of evidence. Matches that overlap
 * are one finding; its points are the sum over its families, and half of what
 * other places of the text have besides. Where the sentence around a finding says
 * that it quotes, reports or asks, it has less.
 */
#define SP_CONFIG
#define SP_WHOLE
#include "fold.h"
#include "runs.h"

SP_CLASSIFIER("{\"name\":\"injection\",\"version\":\"1.0.0\",\"kinds\":[\"PROMPT_INJECTION\",\"INDIRECT_INJECTION\"],"
	      "\"scores\":[\"injection\"],\"config_schema\":{\"type\":\"object\"}}")

enum { DIRECT, INDIRECT };

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define CONCEPT(n) ((u64)1 << (n))
#define OVERRIDE CONCEPT(0)
#define PRIOR CONCEPT(1)
#define ALL CONCEPT(2)
#define INSTR CONCEPT(3)
#define YOUR CONCEPT(4)
#define YOU CONCEPT(5)
#define SHOW CONCEPT(6)
#define SYSTEM CONCEPT(7)
#define VERBATIM CONCEPT(8)
#define FROM CONCEPT(9)
#define NOW CONCEPT(10)
#define ACT CONCEPT(11)
#define FREE CONCEPT(12)
#define LIMIT CONCEPT(13)
#define MODE CONCEPT(14)
#define LOOSE CONCEPT(15)
#define ABIDE CONCEPT(16)
#define STOP CONCEPT(17)
#define JUST CONCEPT(18)
#define SAY CONCEPT(19)
#define NEW CONCEPT(20)
#define TASK CONCEPT(21)
#define REPLY CONCEPT(22)
#define ADDV CONCEPT(23)
#define NOT CONCEPT(24)
#define TELL CONCEPT(25)
#define USER CONCEPT(26)
#define SEND CONCEPT(27)
#define SENSITIVE CONCEPT(28)
#define CODE CONCEPT(29)
#define FOLLOWING CONCEPT(30)
#define AI CONCEPT(31)
#define DECODE CONCEPT(32)
#define FOLLOW CONCEPT(33)
#define MUST CONCEPT(34)
#define ANYTHING CONCEPT(35)
#define DO CONCEPT(36)
#define DISCUSS CONCEPT(37)
#define URL CONCEPT(38)
#define BLOB CONCEPT(39)
#define ASK CONCEPT(40)
#define READS CONCEPT(41)
#define THIS CONCEPT(42)
#define NOTE CONCEPT(43)
#define CALL CONCEPT(44)
#define TOOL CONCEPT(45)
#define MONEY CONCEPT(46)
#define PRAISE CONCEPT(47)
#define DROP CONCEPT(48)
#define DEV CONCEPT(49)
#define AUTH CONCEPT(50)
#define REPEAT CONCEPT(51)
#define TEXTS CONCEPT(52)
#define VOID CONCEPT(53)
#define INSTEAD CONCEPT(54)
#define MSG CONCEPT(55)
#define IF CONCEPT(57)
#define LLM CONCEPT(58)
#define CALLED CONCEPT(59) /* one of LLM, or an AI word after it, before a colon or comma: somebody speaks to it */
#define TAG CONCEPT(60)	   /* a mark of three points or more that is no whole line's beginning */
/* These are asked for around findings only. */
#define MY CONCEPT(56)
#define REPORT CONCEPT(61)
#define MENTION CONCEPT(62)
#define TECH CONCEPT(63)
#define AROUND (MY | REPORT | MENTION | TECH)

#define LONGEST 27
static const struct {
	char text[32]; /* of LONGEST bytes at most */
	u64 is;
} words[] = {
#define W(text, is) {text, is},
#include "words.h"
#undef W
}, signs[] = {
#define S(text, is) {text, is},
#include "signs.h"
#undef S
};
#define WORDS (sizeof words / sizeof *words)
#define SIGNS (sizeof signs / sizeof *signs)

enum { OVERRIDING, HIJACKING, CASTING, FREEING, EXTRACTING, QUOTING, ENCODING, LEAKING, ADDRESSING, ORDERING, CLAIMING, EXCUSING, MARKING, HIDING, FAMILIES };
enum { PROMPT = 1, DOCUMENT = 2, BOTH = 3 };

static const struct {
	u8 family;
	int8_t points;
	u8 window, place;
	u64 is[4];
} rules[] = {
#define R(family, points, window, place, a, b, c, d) {family, points, window, place, {a, b, c, d}},
#include "rules.h"
#undef R
};
#define RULES (sizeof rules / sizeof *rules)

static const struct {
	char text[23];
	int8_t points;
} marks[] = {
#define M(text, points) {text, points},
#include "marks.h"
#undef M
};
#define MARKS (sizeof marks / sizeof *marks)

/* Inside these elements a user's text is a document. */
static const char documents[][16] = {"document", "documents", "context", "search_result", "search_results", "email", "webpage",
				     "web_page", "article", "tool_result", "retrieved", "untrusted", "page", "source"};
#define DOCUMENTS (sizeof documents / sizeof *documents)

/* The probability, in thousandths, that so many points are an injection. */
static const u16 chance[] = {0, 20, 60, 200, 550, 750, 880, 930, 970};

static inline u8 lower(u8 c) { return (u8)(c - 'A') < 26 ? c | 32 : c; }
static inline int alpha(u8 c) { return (u8)((c | 32) - 'a') < 26; }
static inline int digit(u8 c) { return (u8)(c - '0') < 10; }

#define BITS 13
#define SLOTS (1 << BITS) /* so many that most other words meet an empty one */
static u16 slots[SLOTS];

/* The rules whose last concept is each, as bits, where a text is a prompt and where
 * it is a document; and those whose last but one it is. */
typedef union {
	v128_t all;
	u64 half[2];
} rule_set;
static rule_set ending[2][64], opening[64];
static u32 widest; /* window of a rule */
_Static_assert(RULES <= 128, "a bit for each rule");

static inline void set_rule(rule_set *s, u32 r)
{
	s->half[r / 64] |= CONCEPT(r % 64);
}

static inline u32 last_of(u32 r) { return rules[r].is[3] ? 3 : rules[r].is[2] ? 2 : 1; }

/* The marks by their first byte, and the signs by their first two, as lists in
 * the order of the tables; numbers count from 1. */
static u8 mark_head[128], mark_next[MARKS], sign_head[1024], sign_next[SIGNS];

/* What may follow a first byte of marks, as bits of that byte's row, and "<" or
 * "</" where an element begins or ends that holds a document. */
enum { ANGLE = 1, BRACKET = 2, HASH = 4, NEWLINE = 8, ELEMENT = 16 };
static u8 second[256];
static inline u8 row(u8 c) { return c == '<' ? ANGLE : c == '[' ? BRACKET : c == '#' ? HASH : NEWLINE; }

/* Whether a sign begins with a character, by its second and third bytes and three
 * bits of the first. */
static u8 sign_first[4096];

static inline int may_be_sign(const u8 *p) { return sign_first[(p[1] & 63) << 6 | (p[2] & 63)] >> (p[0] & 7) & 1; }

/* The first three letters of all words of the table, as bits. */
static u8 prefixes[26 * 26 * 26 / 8 + 1];
static inline u32 prefix(const u8 *w) { return (w[0] - 'a') * 676u + (w[1] - 'a') * 26u + (w[2] - 'a'); }

static inline u32 sign_list(u8 a, u8 b) { return (a & 15u) << 6 | (b & 63u); }

static int sp_config(const char *json, size_t len)
{
	(void)json, (void)len;
	for (u32 w = 0; w < WORDS; w++) {
		u32 s = sp_slot(wasm_v128_load(words[w].text), BITS);
		while (slots[s])
			s = (s + 1) & (SLOTS - 1);
		slots[s] = (u16)(w + 1);
		const u8 *t = (const u8 *)words[w].text;
		if (alpha(t[0]) && alpha(t[1]) && alpha(t[2]))
			prefixes[prefix(t) / 8] |= (u8)(1 << prefix(t) % 8);
	}
	for (u32 r = 0; r < RULES; r++) {
		u32 last = last_of(r);
		widest = rules[r].window > widest ? rules[r].window : widest;
		for (u64 is = rules[r].is[last]; is; is &= is - 1) {
			if (rules[r].place & PROMPT)
				set_rule(&ending[0][__builtin_ctzll(is)], r);
			if (rules[r].place & DOCUMENT)
				set_rule(&ending[1][__builtin_ctzll(is)], r);
		}
		for (u64 is = rules[r].is[last - 1]; is; is &= is - 1)
			set_rule(&opening[__builtin_ctzll(is)], r);
	}
	for (u32 k = MARKS; k-- > 0;) {
		u8 c = (u8)marks[k].text[0];
		mark_next[k] = mark_head[c];
		mark_head[c] = (u8)(k + 1);
		second[(u8)marks[k].text[1]] |= row(c);
	}
	for (u32 k = 0; k < DOCUMENTS; k++)
		second[(u8)documents[k][0]] |= ELEMENT;
	for (u32 k = SIGNS; k-- > 0;) {
		u32 l = sign_list((u8)signs[k].text[0], (u8)signs[k].text[1]);
		sign_next[k] = sign_head[l];
		sign_head[l] = (u8)(k + 1);
		sign_first[((u8)signs[k].text[1] & 63) << 6 | ((u8)signs[k].text[2] & 63)] |= (u8)(1 << ((u8)signs[k].text[0] & 7));
	}
	return 0;
}

static sp_view V;
static u32 place; /* PROMPT or DOCUMENT, at the byte looked at */
static int inside; /* which of documents; -1: none */
static u32 no_blob; /* before this no run is one */
static u32 pos;	    /* in half-words; without the ends of clauses of the block looked at */
static u32 next;    /* before it all has been read */

static inline u8 at(u32 i) { return i < V.n ? V.p[i] : 0; }

static int begins_lower(u32 a, const char *s)
{
	for (; *s; s++, a++)
		if (lower(at(a)) != (u8)*s)
			return 0;
	return 1;
}

/* ---- matches and findings ---- */

/* The concepts seen last, in a ring, and the half-words before each. */
#define RING 32
static struct {
	u64 is;
	v128_t opens; /* rules that have one of the concepts as last but one */
	u32 pos, s, e;
} hits[RING];
static u32 nhits;
static v128_t opened_yet; /* by all concepts of the text so far: most rules never are */

#define FINDINGS 256
static struct finding {
	u32 s, e, place;
	int8_t points[FAMILIES];
} found[FINDINGS];
static u32 nfound;

/* Findings stand in order and share no bytes: what shares bytes is one. */
static void match(u32 s, u32 e, u32 family, int8_t points)
{
	struct finding new = {s, e, place, {0}};
	new.points[family] = points;
	while (nfound > 0 && found[nfound - 1].e > s) {
		const struct finding *f = &found[--nfound];
		new.s = f->s < new.s ? f->s : new.s;
		new.e = f->e > new.e ? f->e : new.e;
		new.place |= f->place;
		for (u32 k = 0; k < FAMILIES; k++) { /* none has points above and below 0 */
			int8_t p = f->points[k];
			if (p < 0 ? p < new.points[k] : p > 0 && p > new.points[k])
				new.points[k] = p;
		}
	}
	if (nfound < FINDINGS)
		found[nfound++] = new;
}

/* Matches the rules of a set of which the concept seen last ends each. */
static void follow(u64 candidates, u32 first, u32 now, u32 oldest)
{
	u32 pos = hits[now % RING].pos;
	for (; candidates; candidates &= candidates - 1) {
		u32 r = first + (u32)__builtin_ctzll(candidates);
		u32 k = last_of(r), j = now;
		while (k > 0 && j > oldest && pos - hits[(j - 1) % RING].pos <= rules[r].window) {
			j--;
			if (hits[j % RING].is & rules[r].is[k - 1])
				k--;
		}
		if (k == 0)
			match(hits[j % RING].s, hits[now % RING].e, rules[r].family, rules[r].points);
	}
}

static __attribute__((noinline)) void hit(u64 is, u32 pos, u32 s, u32 e)
{
	u32 now = nhits++;
	int llm = is & LLM || (is & AI && now > 0 && hits[(now - 1) % RING].is & LLM && pos - hits[(now - 1) % RING].pos == 2);
	if (llm && s > 0 && at(s - 1) != '\n' && at(s - 1) != '.' && (at(e) == ':' || at(e) == ',') && !begins_lower(e + 1, " it ") && !begins_lower(e + 1, " they "))
		is |= CALLED;
	v128_t candidates = wasm_u64x2_splat(0), opened = candidates;
	for (u64 left = is; left; left &= left - 1) {
		u32 c = (u32)__builtin_ctzll(left);
		candidates = wasm_v128_or(candidates, ending[place - 1][c].all);
		opened = wasm_v128_or(opened, opening[c].all);
	}
	hits[now % RING].is = is;
	hits[now % RING].opens = opened;
	hits[now % RING].pos = pos;
	hits[now % RING].s = s;
	hits[now % RING].e = e;
	candidates = wasm_v128_and(candidates, opened_yet);
	opened_yet = wasm_v128_or(opened_yet, opened);
	if (!wasm_v128_any_true(candidates))
		return;
	u32 oldest = now >= RING ? now - RING + 1 : 0;
	opened = wasm_u64x2_splat(0);
	for (u32 j = now; j > oldest && pos - hits[(j - 1) % RING].pos <= widest; j--)
		opened = wasm_v128_or(opened, hits[(j - 1) % RING].opens);
	candidates = wasm_v128_and(candidates, opened);
	follow((u64)wasm_i64x2_extract_lane(candidates, 0), 0, now, oldest);
	follow((u64)wasm_i64x2_extract_lane(candidates, 1), 64, now, oldest);
}

/* ---- words ---- */

/* The concepts of a word by its first 16 bytes and the others. */
static inline u64 lookup(v128_t key, v128_t rest)
{
	for (u32 s = sp_slot(key, BITS); slots[s]; s = (s + 1) & (SLOTS - 1)) {
		const char *text = words[slots[s] - 1].text;
		if (sp_same(key, wasm_v128_load(text)) && sp_same(rest, wasm_v128_load(text + 16)))
			return words[slots[s] - 1].is;
	}
	return 0;
}

/* Letters of scripts with spaces: two bytes, from U+00C0 to U+07FF. */
static inline int letter(u32 i) { return alpha(at(i)) || (at(i) >= 0xc3 && at(i) <= 0xdf); }

/* Reads the word at i; returns its end. Capitals of Latin-1 and of Cyrillic's
 * basic letters become small. */
static u32 read_word(u32 i, u64 *is)
{
	u8 w[32] = {0};
	u32 n = 0;
	while (letter(i) || digit(at(i))) {
		u8 c = lower(at(i++)), d = 0;
		if (c >= 0xc3) {
			d = at(i++);
			if (c == 0xc3 && d <= 0x9e)
				d += 0x20;
			else if (c == 0xd0 && d >= 0x90 && d <= 0x9f)
				d += 0x20;
			else if (c == 0xd0 && d >= 0xa0 && d <= 0xaf)
				c = 0xd1, d -= 0x20;
		}
		if (n <= LONGEST) {
			w[n++] = c;
			if (d)
				w[n++] = d;
		} else {
			n = LONGEST + 2;
		}
	}
	*is = n <= LONGEST ? lookup(wasm_v128_load(w), wasm_v128_load(w + 16)) : 0;
	return i;
}

#include "disguise.h"

/* The word of a script without spaces that begins at i; its length, or 0. */
static u32 read_sign(u32 i, u64 *is)
{
	for (u32 k = sign_head[sign_list(V.p[i], at(i + 1))]; k; k = sign_next[k - 1]) {
		const char *text = signs[k - 1].text;
		u32 n = 0;
		while (text[n] && (u8)text[n] == at(i + n))
			n++;
		if (!text[n]) {
			*is = signs[k - 1].is;
			return n;
		}
	}
	return 0;
}

/* A run of base64 or hex too long for a word: its end, or 0. What follows within
 * a run that is none is none either, so nothing is read twice. */
static u32 blob_end(u32 i)
{
	if (i < no_blob)
		return 0;
	u32 e = i, mixed = 0;
	while (alpha(at(e)) || digit(at(e)) || at(e) == '+' || at(e) == '/' || at(e) == '=') {
		mixed |= digit(at(e)) ? 1 : at(e) == lower(at(e)) ? 2 : 4;
		e++;
	}
	if (e - i >= 32 && (mixed & (mixed - 1)))
		return e;
	no_blob = e;
	return 0;
}

/* Enters or leaves an element that holds a document, at a '<'. */
static void enter(u32 i)
{
	u32 closes = at(i + 1) == '/';
	for (u32 k = 0; k < DOCUMENTS; k++) {
		u32 n = 0;
		while (documents[k][n])
			n++;
		u8 end = at(i + 1 + closes + n);
		if (!begins_lower(i + 1 + closes, documents[k]) || (end != '>' && end != ' '))
			continue;
		if (!closes && inside < 0)
			inside = (int)k;
		else if (closes && inside == (int)k)
			inside = -1;
	}
}

/* Bits 0 to 3 are what marks begin with, 4 and 5 the ends of clauses, 6 and 7 what
 * base64 has beside letters and digits; each is one row of sixteen characters. */
SP_EACH(classes, v,
	sp_class(v, wasm_u8x16_const(0, 16, 0, 2, 0, 0, 0, 0, 0, 0, 1, 8 | 32 | 64, 4, 128, 16, 32 | 64),
		 wasm_u8x16_const(1, 0, 2 | 16 | 64, 4 | 32 | 128, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
SP_EACH(marking, v, wasm_i8x16_gt(wasm_v128_and(v, wasm_u8x16_splat(15)), wasm_u8x16_splat(0)))
SP_EACH(stops, v, wasm_i8x16_gt(wasm_v128_and(v, wasm_u8x16_splat(48)), wasm_u8x16_splat(0)))
SP_EACH(base64, v, wasm_i8x16_ne(wasm_v128_and(v, wasm_u8x16_splat(192)), wasm_u8x16_splat(0)))

struct masks {
	u64 alnum, run;	  /* letters and digits of ASCII; what base64 is of */
	u64 digits;
	u64 marks, stops; /* what marks begin with, ends of clauses */
	u64 high;	  /* first bytes of characters above ASCII */
};

static inline struct masks masks_at(u32 i)
{
	struct masks m = {0};
	if (i >= V.n)
		return m;
	sp_block b = sp_block_at(V.p + i, V.n - i), c = classes(b);
	m.digits = sp_mask(sp_digits(b));
	m.alnum = sp_mask(sp_letters(b)) | m.digits;
	m.run = m.alnum | sp_mask(base64(c));
	m.marks = sp_mask(marking(c));
	m.stops = sp_mask(stops(c));
	m.high = sp_high(b);
	return m;
}

/* The 64 bits from bit k on, of which the upper ones are in the next block. */
static inline u64 from_bit(u64 block, u64 next, u32 k) { return block >> k | next << 1 << (63 - k); }

/* Reads what is not a word at i: a mark's beginning, or a character above ASCII
 * that is no letter. Returns its end. before: the half-words of the block before i. */
static __attribute__((noinline)) u32 look(u32 i, u32 where, u32 before)
{
	u8 c = V.p[i];
	if (c < 0x80) {
		u8 then = lower(at(i + 1));
		if (second[then] & row(c))
			for (u32 k = mark_head[c]; k; k = mark_next[k - 1])
				if (begins_lower(i, marks[k - 1].text)) {
					u32 n = 0;
					while (marks[k - 1].text[n])
						n++;
					match(c == '\n' ? i + 1 : i, i + n, MARKING, marks[k - 1].points);
					if ((c == '<' || c == '[') && marks[k - 1].points > 2)
						hit(TAG, pos + before, i, i + n);
				}
		if (c == '<' && where == PROMPT && second[then == '/' ? lower(at(i + 2)) : then] & ELEMENT) {
			enter(i);
			place = inside >= 0 ? DOCUMENT : where;
		}
		if (c == '\n' && then == '\n')
			pos += 10;
		return i + 1;
	}
	if (c >= 0xe3 && c <= 0xed) {
		u64 is;
		u32 n = read_sign(i, &is);
		pos += n ? 2 : 1;
		if (n)
			hit(is, pos + before, i, i + n);
		return i + (n ? n : 3);
	}
	if (c == 0xf3 && at(i + 1) == 0xa0 && (at(i + 2) == 0x80 || at(i + 2) == 0x81)) {
		/* Letters of the tag block are invisible; a flag takes up to seven. */
		u32 e = i;
		while (at(e) == 0xf3 && at(e + 1) == 0xa0 && (at(e + 2) == 0x80 || at(e + 2) == 0x81))
			e += 4;
		if (e - i > 32)
			match(i, e, HIDING, 6);
		return e;
	}
	return i + (c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4);
}

/* Reads a block with characters above ASCII or what may be a run of base64. Not a
 * part of read_plain, which so keeps its values in registers. */
static __attribute__((noinline)) void read_mixed(u32 block, u64 words, const struct masks *m, const struct masks *ahead, u32 where)
{
	for (u64 left = words | m->marks | m->high; left; left &= left - 1) {
		u32 k = sp_first(left), i = block + k, e;
		if (i < next)
			continue;
		u8 c = V.p[i];
		if (c >= 0xe3 && c <= 0xed && !may_be_sign(V.p + i)) {
			pos++;
			continue;
		}
		u32 clauses = 6 * sp_ones(m->stops & (((u64)1 << k) - 1)); /* that ended in the block before i */
		u64 is;
		if (words >> k & 1) {
			u32 n = sp_first(~from_bit(m->alnum, ahead->alnum, k));
			if (!(u32)~from_bit(m->run, ahead->run, k) && (e = blob_end(i))) {
				is = BLOB;
				next = e;
			} else if (n <= 16 && !(from_bit(m->high, ahead->high, k) >> n & 1)) {
				if (n == 1 && (e = read_spelled(i, clauses))) {
					next = e;
					continue;
				}
				is = lookup(sp_key(V.p + i, n), wasm_u8x16_splat(0));
				if (!is)
					is = disguised(i, n);
				e = i + n;
			} else {
				e = next = read_word(i, &is);
				if (!is)
					is = disguised(i, e - i);
			}
		} else if (letter(i)) {
			e = next = read_word(i, &is);
		} else {
			next = look(i, where, clauses);
			continue;
		}
		pos += 2;
		is &= ~AROUND;
		if (is)
			hit(is, pos + clauses, i, e);
	}
	pos += 6 * sp_ones(m->stops);
}

/* Reads what is not a word in a block whose words are not counted yet. */
static inline void look_plain(u32 block, u32 k, u64 words, u64 stops, u32 where)
{
	u64 below = ((u64)1 << k) - 1;
	look(block + k, where, 2 * sp_ones(words & below) + 6 * sp_ones(stops & below));
}

/* Reads a block of ASCII without such runs, as most are: words are looked up one
 * after the other, and only where one means something it is asked what stands
 * before it. */
static inline void read_plain(u32 block, u64 words, u64 ends, const struct masks *m, const struct masks *ahead, u32 where)
{
	const u8 *p = V.p + block;
	u64 other = m->marks;
	for (u64 begins = words; begins; begins &= begins - 1, ends &= ends - 1) {
		u32 k = sp_first(begins), n = sp_first(ends) - k;
		if (!ends) /* in the block ahead, or after it, where it is longer than any in the table */
			n += sp_first(~ahead->alnum);
		u64 is;
		if (n <= 16)
			is = lookup(sp_key(p + k, n), wasm_u8x16_splat(0));
		else
			read_word(block + k, &is);
		is &= ~AROUND;
		if (!is)
			continue;
		u64 below = ((u64)1 << k) - 1;
		for (; other & below; other &= other - 1)
			look_plain(block, sp_first(other), words, m->stops, where);
		hit(is, pos + 2 + 2 * sp_ones(words & below) + 6 * sp_ones(m->stops & below), block + k, block + k + n);
	}
	for (; other; other &= other - 1)
		look_plain(block, sp_first(other), words, m->stops, where);
	pos += 2 * sp_ones(words) + 6 * sp_ones(m->stops);
}

/* By itself, as report and taken are: one function of all three spills registers. */
static __attribute__((noinline)) void scan(u32 where)
{
	pos = next = nhits = nfound = no_blob = 0;
	opened_yet = wasm_u64x2_splat(0);
	inside = -1;
	place = where;
	struct masks ahead = masks_at(0);
	u64 meet_ahead = (ahead.digits ^ ahead.digits << 1) & ahead.alnum & ahead.alnum << 1;
	u64 in_word = 0; /* whether the block before ended within a word of ASCII */
	for (u32 block = 0; block < V.n; block += 64) {
		struct masks m = ahead;
		ahead = masks_at(block + 64);
		u64 edges = m.alnum ^ (m.alnum << 1 | in_word), words = m.alnum & edges, ends = ~m.alnum & edges;
		/* A run of 32 has 16 in one of two blocks. */
		u64 sixteen = m.run & m.run >> 1;
		sixteen &= sixteen >> 2;
		sixteen &= sixteen >> 4;
		sixteen &= sixteen >> 8;
		/* Where a word of one letter begins, and two, four and six bytes on another; in
		 * the block ahead any letter will do. */
		u64 alone = words & ~from_bit(m.alnum, ahead.alnum, 1), spelled = alone & from_bit(alone, ahead.alnum, 2);
		spelled &= from_bit(alone, ahead.alnum, 4) & from_bit(alone, ahead.alnum, 6);
		/* Where letters and digits meet within a word, which may end in the block ahead. */
		u64 meet = meet_ahead;
		meet_ahead = (ahead.digits ^ (ahead.digits << 1 | m.digits >> 63)) & ahead.alnum & (ahead.alnum << 1 | m.alnum >> 63);
		if (m.alnum >> 63)
			meet |= (u16)meet_ahead;
		if (sixteen | m.high | ahead.high | spelled | meet || (u16)~ahead.run == 0 || next > block)
			read_mixed(block, words, &m, &ahead, where);
		else
			read_plain(block, words, in_word ? ends & (ends - 1) : ends, &m, &ahead, where);
		in_word = m.alnum >> 63;
	}
}

/* ---- findings ---- */

#include "around.h"

/* Reports the findings of the text; returns the greatest chance of them. */
static __attribute__((noinline)) u32 report(void)
{
	static int8_t less[FINDINGS];
	int8_t best[FAMILIES] = {0}; /* of the findings from which nothing is taken */
	int total = 0;
	u32 most = 0;
	for (u32 f = 0; f < nfound; f++) {
		int own = 0;
		for (u32 k = 0; k < FAMILIES; k++)
			own += found[f].points[k];
		less[f] = own < 2 ? 0 : (int8_t)taken(&found[f], own);
		for (u32 k = 0; !less[f] && k < FAMILIES; k++)
			best[k] = found[f].points[k] > best[k] ? found[f].points[k] : best[k];
	}
	for (u32 k = 0; k < FAMILIES; k++)
		total += best[k];
	for (u32 f = 0; f < nfound; f++) {
		int own = -less[f], more = less[f] ? 0 : total;
		for (u32 k = 0; k < FAMILIES; k++) {
			own += found[f].points[k];
			more -= !less[f] && found[f].points[k] > 0 ? found[f].points[k] : 0;
		}
		if (own < 2)
			continue;
		more /= 2;
		own += more > 3 ? 3 : more;
		u32 p = chance[own < 8 ? own : 8];
		if (p > most)
			most = p;
		if (p >= 200)
			sp_view_span(&V, found[f].s, found[f].e, found[f].place & DOCUMENT ? INDIRECT : DIRECT, (float)p / 1000);
	}
	return most;
}

static void sp_scan_all(const sp_text *t, uint32_t n)
{
	u32 most = 0;
	for (u32 i = 0; i < n; i++) {
		u32 where = t[i].kind == SP_TOOL_RESULT || t[i].kind == SP_TOOL_DEFINITION || (t[i].role == SP_TOOL && t[i].kind == SP_TEXT) ? DOCUMENT
			    : t[i].role == SP_USER && t[i].kind == SP_TEXT						      ? PROMPT
																  : 0;
		if (!where || !sp_fold(&t[i], &V))
			continue;
		scan(where);
		u32 p = report();
		most = p > most ? p : most;
	}
	sp_score(0, (float)most / 1000);
}
