/* complexity: countable features of a request, and one number made of them. See
 * README.md for the formulas and for what the number cannot tell.
 * complexity_twin_test.go is the same in Go; the two must give the same.
 *
 * All arithmetic is in whole thousandths, so that it is the same everywhere.
 */
#define SP_WHOLE
#define SP_CONFIG
#include "sallyport.h"
#include <wasm_simd128.h>

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
	char word[15];
	u16 is;
} words[] = {
#define W(word, is) {word, is},
#include "words.h"
#undef W
};

#define SLOTS 2048 /* a power of two, more than twice the words */
static u16 slots[SLOTS];

#define HASH_SEED 2166136261u
static inline u32 mix(u32 h, u8 c) { return (h ^ c) * 16777619u; }
static inline u32 slot_of(u32 h) { return (h ^ h >> 15) & (SLOTS - 1); }

static int sp_config(const char *json, size_t len)
{
	(void)json, (void)len;
	for (u32 i = 0; i < SLOTS; i++)
		slots[i] = 0;
	for (u32 w = 0; w < sizeof words / sizeof *words; w++) {
		u32 h = HASH_SEED;
		for (u32 k = 0; words[w].word[k]; k++)
			h = mix(h, (u8)words[w].word[k]);
		u32 s = slot_of(h);
		while (slots[s])
			s = (s + 1) & (SLOTS - 1);
		slots[s] = (u16)(w + 1);
	}
	return 0;
}

static u16 lookup(const u8 *p, u32 n, u32 h)
{
	for (u32 s = slot_of(h); slots[s]; s = (s + 1) & (SLOTS - 1)) {
		u32 w = slots[s] - 1u, k = 0;
		while (k < n && words[w].word[k] && (u8)words[w].word[k] == (p[k] | 32))
			k++;
		if (k == n && !words[w].word[k])
			return words[w].is;
	}
	return 0;
}

static struct {
	u32 bytes, words, digits, signs, sums, fences, marks, items;
	u32 kind[KINDS]; /* words of each kind */
	u32 numbers; /* runs of digits, with points and commas inside */
	u32 scripts; /* bit set */
} F;

/* The script of a character, as a bit; 0: none in particular. */
static u32 script(u32 c)
{
	if (c < 0x250)
		return 1; /* Latin */
	if (c >= 0x370 && c < 0x400)
		return 2; /* Greek */
	if (c >= 0x400 && c < 0x530)
		return 4; /* Cyrillic */
	if (c >= 0x590 && c < 0x600)
		return 8; /* Hebrew */
	if (c >= 0x600 && c < 0x780)
		return 16; /* Arabic */
	if (c >= 0x900 && c < 0xe00)
		return 32; /* of India */
	if (c >= 0xe00 && c < 0xe80)
		return 64; /* Thai */
	if ((c >= 0x3040 && c < 0x3100) || (c >= 0x3400 && c < 0xa000))
		return 128; /* Chinese, Japanese */
	if (c >= 0xac00 && c < 0xd7b0)
		return 256; /* Hangul */
	return 0;
}

enum { A = 1, D = 2, SIGN = 4, SUM = 8, HIGH = 16, MARK = 32, TICK = 64, LINE = 128 };
static const u8 class[256] = {
	['a' ... 'z'] = A, ['A' ... 'Z'] = A, ['0' ... '9'] = D,
	['{'] = SIGN, ['}'] = SIGN, [';'] = SIGN, ['['] = SIGN, [']'] = SIGN, ['_'] = SIGN, ['<'] = SIGN | SUM, ['>'] = SIGN | SUM,
	['('] = SIGN, [')'] = SIGN, ['='] = SIGN | SUM, ['\\'] = SIGN | SUM, ['#'] = SIGN, ['|'] = SIGN,
	['+'] = SUM, ['*'] = SUM, ['^'] = SUM, ['%'] = SUM, ['$'] = SUM, ['/'] = SUM,
	['?'] = MARK, ['`'] = TICK, ['\n'] = LINE, [0xc3 ... 0xf4] = HIGH,
};

static void count(const u8 *p, u32 n)
{
	F.bytes += n;
	F.scripts |= n > 0;
	for (u32 i = 0; i < n;) {
		u8 c = class[p[i]];
		if (c == A) {
			u32 s = i, h = HASH_SEED;
			do
				h = mix(h, p[i++] | 32);
			while (i < n && class[p[i]] == A);
			F.words++;
			if (i - s < 15) {
				u16 is = lookup(p + s, i - s, h);
				while (is) {
					F.kind[__builtin_ctz(is)]++;
					is &= (u16)(is - 1);
				}
			}
			continue;
		}
		if (c & D) {
			u8 last = i ? p[i - 1] : 0;
			F.digits++;
			F.numbers += !(class[last] == D || ((last == '.' || last == ',') && i > 1 && class[p[i - 2]] == D));
		}
		F.signs += c & SIGN ? 1 : 0;
		F.sums += c & SUM ? 1 : 0;
		F.marks += c & MARK ? 1 : 0;
		if (c & TICK && i + 2 < n && p[i + 1] == '`' && p[i + 2] == '`') {
			F.fences++;
			i += 2;
		}
		if (c & LINE && i + 2 < n) { /* a list's item: "- ", "* " or "1." */
			u8 x = p[i + 1], y = p[i + 2];
			F.items += ((x == '-' || x == '*') && y == ' ') || (class[x] == D && (y == '.' || y == ')'));
		}
		if (c & HIGH) {
			u32 v = p[i], len = v < 0xe0 ? 2 : v < 0xf0 ? 3 : 4;
			v &= 0xffu >> (len + 1);
			for (u32 k = 1; k < len && i + k < n; k++) /* the text may end within a character */
				v = v << 6 | (p[i + k] & 63);
			F.scripts |= script(v);
			i += len;
			continue;
		}
		i++;
	}
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
