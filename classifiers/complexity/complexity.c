/* complexity: countable features of a request, and one number made of them. See
 * README.md for the formulas and for what the number cannot tell.
 * complexity_twin_test.go is the same in Go; the two must give the same.
 *
 * All arithmetic is in whole thousandths, so that it is the same everywhere.
 */
#define SP_WHOLE
#define SP_CONFIG
#include "runs.h"

SP_CLASSIFIER("{\"name\":\"complexity\",\"version\":\"1.1.0\",\"kinds\":[],\"scores\":[\"complexity\",\"code\",\"math\","
	      "\"question\",\"constraints\",\"reasoning\",\"length\",\"languages\",\"difficulty\",\"task_code\",\"task_math\","
	      "\"task_extraction\",\"task_translation\",\"task_reasoning\",\"task_chat\"],\"config_schema\":{\"type\":\"object\"}}")

enum {
	S_COMPLEXITY, S_CODE, S_MATH, S_QUESTION, S_CONSTRAINTS, S_REASONING, S_LENGTH, S_LANGUAGES, S_DIFFICULTY,
	S_TASK_CODE, S_TASK_MATH, S_TASK_EXTRACTION, S_TASK_TRANSLATION, S_TASK_REASONING, S_TASK_CHAT
};

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* What a word counts as, as bits, and the number of each. */
enum {
	CODE = 1, MATH = 2, QUESTION = 4, CONSTRAINT = 8, REASON = 16, TECH = 32, EXTRACT = 64, TRANSLATE = 128, LANGUAGE = 256,
	LOGIC = 512, CHAT = 1024, KINDS = 11
};
#define COUNT(of) (F.kind[__builtin_ctz(of)])

static const struct {
	char word[16]; /* a key; none is longer than 14 */
	u16 is;
} words[] = {
#define W(word, is) {word, is},
#include "words.h"
#undef W
};
#define WORDS (sizeof words / sizeof *words)
#define BITS 12
#define SLOTS (1 << BITS) /* more than six times the words: most other words meet an empty one */

/* The words, numbered from 1, by slot; following is the next one of the same slot.
 * What a word counts as is a one in the lane of each kind. */
static u16 slots[SLOTS], following[WORDS + 1];
static struct {
	v128_t key;
	u8 adds[16];
} table[WORDS + 1];

static int sp_config(const char *json, size_t len)
{
	(void)json, (void)len;
	for (u32 i = 0; i < SLOTS; i++)
		slots[i] = 0;
	for (u32 w = 1; w <= WORDS; w++) {
		table[w].key = wasm_v128_load(words[w - 1].word);
		for (u32 k = 0; k < KINDS; k++)
			table[w].adds[k] = words[w - 1].is >> k & 1;
		u16 *slot = &slots[sp_slot(table[w].key, BITS)];
		following[w] = *slot;
		*slot = (u16)w;
	}
	return 0;
}

static struct {
	u32 bytes, digits, signs, sums, fences, marks, items;
	u32 kind[KINDS]; /* words of each kind */
	u32 numbers; /* runs of digits, with points and commas inside */
	u32 scripts; /* bit set */
} F;

enum { LATIN = 1, GREEK = 2, CYRILLIC = 4, HEBREW = 8, ARABIC = 16, INDIA = 32, THAI = 64, HAN = 128, HANGUL = 256 };

/* The script of a character; 0: none in particular. */
static u32 script(u32 c)
{
	if (c < 0x250)
		return LATIN;
	if (c >= 0x370 && c < 0x400)
		return GREEK;
	if (c >= 0x400 && c < 0x530)
		return CYRILLIC;
	if (c >= 0x590 && c < 0x600)
		return HEBREW;
	if (c >= 0x600 && c < 0x780)
		return ARABIC;
	if (c >= 0x900 && c < 0xe00)
		return INDIA;
	if (c >= 0xe00 && c < 0xe80)
		return THAI;
	if ((c >= 0x3040 && c < 0x3100) || (c >= 0x3400 && c < 0xa000)) /* Chinese, Japanese */
		return HAN;
	if (c >= 0xac00 && c < 0xd7b0)
		return HANGUL;
	return 0;
}

/* The scripts of the characters that begin with a byte. Where all are known
 * already there is nothing to learn from another one. */
static const u16 scripts_of[256] = {
	[0xc2 ... 0xc9] = LATIN, [0xcd ... 0xcf] = GREEK, [0xd0 ... 0xd4] = CYRILLIC, [0xd6 ... 0xd7] = HEBREW, [0xd8 ... 0xdd] = ARABIC,
	[0xe0] = INDIA | THAI, [0xe3 ... 0xe9] = HAN, [0xea ... 0xed] = HANGUL,
};

/* Bits 0 to 3 are signs, 4 to 6 operators, 7 is the question mark; each is one
 * row of sixteen characters. */
SP_EACH(classes, v,
	sp_class(v,
		 wasm_u8x16_const(0, 0, 0, 1, 16, 16, 0, 0, 1, 1, 16, 2 | 4 | 8 | 16, 2 | 4 | 8 | 32 | 64, 2 | 4 | 8 | 32, 2 | 32 | 64, 4 | 16 | 128),
		 wasm_u8x16_const(0, 0, 1 | 16, 2 | 32 | 128, 0, 4 | 64, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0)))
SP_EACH(signs, v, wasm_i8x16_gt(wasm_v128_and(v, wasm_u8x16_splat(15)), wasm_u8x16_splat(0)))
SP_EACH(sums, v, wasm_i8x16_gt(wasm_v128_and(v, wasm_u8x16_splat(112)), wasm_u8x16_splat(0)))
SP_EACH(points, v, wasm_v128_or(wasm_i8x16_eq(v, wasm_u8x16_splat('.')), wasm_i8x16_eq(v, wasm_u8x16_splat(','))))
SP_EACH(breaks, v, wasm_v128_or(wasm_i8x16_eq(v, wasm_u8x16_splat('\n')), wasm_i8x16_eq(v, wasm_u8x16_splat('`'))))

/* The kinds of the word of n bytes at p, added to those in the lanes. */
static inline v128_t word(const u8 *p, u32 n, v128_t lanes)
{
	if (n > 14)
		return lanes;
	v128_t key = sp_key(p, n);
	for (u32 w = slots[sp_slot(key, BITS)]; w; w = following[w])
		if (sp_same(key, table[w].key))
			return wasm_i8x16_add(lanes, wasm_v128_load(table[w].adds));
	return lanes;
}

static void add_kinds(v128_t lanes)
{
	u8 n[16];
	wasm_v128_store(n, lanes);
	for (u32 k = 0; k < KINDS; k++)
		F.kind[k] += n[k];
}

/* What is not counted by masks: the newline, the backtick or the first byte of a
 * character above ASCII at i. Returns what follows it. */
static u32 look(const u8 *p, u32 i, u32 n)
{
	u32 v = p[i];
	if (v == '`') {
		if (i + 2 >= n || p[i + 1] != '`' || p[i + 2] != '`')
			return i + 1;
		F.fences++;
		return i + 3;
	}
	if (v == '\n') {
		if (i + 2 < n) { /* a list's item: "- ", "* " or "1." */
			u8 x = p[i + 1], y = p[i + 2];
			F.items += ((x == '-' || x == '*') && y == ' ') || ((u8)(x - '0') < 10 && (y == '.' || y == ')'));
		}
		return i + 1;
	}
	if (!(scripts_of[v] & ~F.scripts))
		return i + 1;
	u32 len = v < 0xe0 ? 2 : v < 0xf0 ? 3 : 4;
	v &= 0xffu >> (len + 1);
	for (u32 k = 1; k < len && i + k < n; k++) /* the text may end within a character */
		v = v << 6 | (p[i + k] & 63);
	F.scripts |= script(v);
	return i + len;
}

static void count(const u8 *p, u32 n)
{
	F.bytes += n;
	F.scripts |= n > 0;
	u64 letters = 0, digits = 0; /* of the block before */
	v128_t kinds = wasm_u8x16_splat(0);
	u32 from = 0, next = 0; /* where a word began; before next all has been looked at */
	for (u32 at = 0; at < n; at += 64) {
		sp_block b = sp_block_at(p + at, n - at);
		u64 goes_on = letters >> 63;
		letters = sp_mask(sp_letters(b));
		u64 begins = letters & ~(letters << 1 | goes_on);
		if (!goes_on) {
			from = at + sp_first(begins);
			begins &= begins - 1;
		}
		for (u64 ends = ~letters & (letters << 1 | goes_on); ends; ends &= ends - 1) {
			kinds = word(p + from, at + sp_first(ends) - from, kinds);
			from = at + sp_first(begins);
			begins &= begins - 1;
		}

		u64 before = digits;
		digits = sp_mask(sp_digits(b));
		if (digits) {
			u64 point = sp_mask(points(b)) << 1 | (at && (p[at - 1] == '.' || p[at - 1] == ','));
			F.digits += sp_ones(digits);
			F.numbers += sp_ones(digits & ~(digits << 1 | before >> 63) & ~(point & (digits << 2 | before >> 62)));
		}
		sp_block c = classes(b);
		if (wasm_v128_any_true(wasm_v128_or(wasm_v128_or(c.v[0], c.v[1]), wasm_v128_or(c.v[2], c.v[3])))) {
			F.signs += sp_ones(sp_mask(signs(c)));
			F.sums += sp_ones(sp_mask(sums(c)));
			F.marks += sp_ones(sp_mask(c));
		}
		for (u64 left = sp_mask(breaks(b)) | sp_high(b); left; left &= left - 1)
			if (at + sp_first(left) >= next)
				next = look(p, at + sp_first(left), n);
		if (at % 256 == 192) { /* a word takes two bytes, so no lane is over 128 */
			add_kinds(kinds);
			kinds = wasm_u8x16_splat(0);
		}
	}
	if (letters >> 63)
		kinds = word(p + from, n - from, kinds);
	add_kinds(kinds);
}

/* x as thousandths, half of them at half. */
static u32 part(u64 x, u64 half) { return (u32)(x * 1000 / (x + half)); }

/* The share of questions that a small model answered wrongly, in thousandths,
 * where numbers and technical words together were so many: straight lines between
 * what was measured. */
static u32 difficulty(u32 x)
{
	static const u16 at[] = {0, 200, 500, 700, 1000, 1250, 1500, 2000};
	static const u16 wrong[] = {220, 270, 330, 420, 510, 590, 620, 650};
	u32 k = 1;
	while (x > at[k])
		k++;
	return wrong[k - 1] + (u32)(wrong[k] - wrong[k - 1]) * (x - at[k - 1]) / (u32)(at[k] - at[k - 1]);
}

static void sp_scan_all(const sp_text *t, uint32_t n)
{
	__builtin_memset(&F, 0, sizeof F);
	u32 user = 0;
	for (u32 i = 0; i < n; i++)
		user |= t[i].role == SP_USER && t[i].kind == SP_TEXT;
	u64 all = 0;
	for (u32 i = 0; i < n; i++) {
		all += t[i].len;
		if (!user || (t[i].role == SP_USER && t[i].kind == SP_TEXT))
			count(t[i].p, t[i].len);
	}
	u64 per = F.bytes + 200; /* a short text does not count as dense for one sign */
	u32 code = part((u64)F.signs * 1000 / per + (u64)COUNT(CODE) * 1600 / per + F.fences * 25, 25);
	u32 math = part(((u64)F.digits + F.sums * 2) * 700 / per + (u64)COUNT(MATH) * 5000 / per, 60);
	u32 question = part(F.marks * 2 + COUNT(QUESTION), 4);
	u32 constraints = part(COUNT(CONSTRAINT) * 2 + F.items * 3, 8);
	u32 reasoning = part(COUNT(REASON), 2);
	u32 length = part(all, 800);
	u32 scripts = (u32)__builtin_popcount(F.scripts);
	u32 complexity = (code * 30 + math * 35 + constraints * 30 + reasoning * 30 + length * 50) / 100;
	/* Were the words that follow one another all of the request's kind, a half is
	 * where a short request of that kind stands. */
	u32 task_code = part(COUNT(CODE) * 3 + F.fences * 6 + (u64)F.signs * 300 / per, 8);
	u32 task_math = part(COUNT(MATH) * 2 + F.numbers * 2 + (u64)F.sums * 400 / per, 10);
	u32 task_extraction = part(COUNT(EXTRACT) * 3 + F.items + (F.bytes > 400 ? 2 : 0), 8);
	u32 task_translation = part(COUNT(TRANSLATE) * 4 + (COUNT(LANGUAGE) < COUNT(TRANSLATE) * 2 + 1 ? COUNT(LANGUAGE) : COUNT(TRANSLATE) * 2 + 1), 4);
	u32 task_reasoning = part(COUNT(REASON) * 2 + COUNT(LOGIC), 5);
	u32 task_chat = part(((u64)COUNT(CHAT) * 4000 + 1000) * 1000 / (1000 + task_code * 2 + task_math * 2 + task_extraction), 4000);
	sp_score(S_COMPLEXITY, (float)(complexity > 1000 ? 1000 : complexity) / 1000);
	sp_score(S_CODE, (float)code / 1000);
	sp_score(S_MATH, (float)math / 1000);
	sp_score(S_QUESTION, (float)question / 1000);
	sp_score(S_CONSTRAINTS, (float)constraints / 1000);
	sp_score(S_REASONING, (float)reasoning / 1000);
	sp_score(S_LENGTH, (float)length / 1000);
	sp_score(S_LANGUAGES, (float)(scripts > 4 ? 4 : scripts) / 4);
	sp_score(S_DIFFICULTY, (float)difficulty(part(F.numbers, 3) + part(COUNT(TECH), 3)) / 1000);
	sp_score(S_TASK_CODE, (float)task_code / 1000);
	sp_score(S_TASK_MATH, (float)task_math / 1000);
	sp_score(S_TASK_EXTRACTION, (float)task_extraction / 1000);
	sp_score(S_TASK_TRANSLATION, (float)task_translation / 1000);
	sp_score(S_TASK_REASONING, (float)task_reasoning / 1000);
	sp_score(S_TASK_CHAT, (float)task_chat / 1000);
}
