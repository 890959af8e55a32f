/* names: the names of persons, places and organisations, by a tagger with trained
 * weights. See README.md for what it can and cannot do. The Go package beside this
 * file is the reference, with the reasons; the two must find the same.
 *
 * All arithmetic is in integers, so that it is the same everywhere.
 */
#include "sallyport.h"
#include <wasm_simd128.h>

SP_CLASSIFIER("{\"name\":\"names\",\"version\":\"1.0.0\",\"kinds\":[\"PERSON\",\"LOCATION\",\"ORGANIZATION\"],"
	      "\"scores\":[],\"config_schema\":{\"type\":\"object\"}}")

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int16_t i16;
typedef int32_t i32;

enum { KINDS = 3, LABELS = 7, STEPS = 64, LEXICON_SLOTS = 1 << 17, FEATURE_SLOTS = 1 << 16, SEGMENT = 192 };

#pragma clang diagnostic ignored "-Wc23-extensions"
static const u8 weights[] __attribute__((aligned(16))) = {
#embed "weights.bin"
};

/* The layout of weights.bin, as model.go says. */
typedef struct {
	u32 magic;
	i16 tilt;
	u16 shift;
	u32 zero;
	i16 transition[LABELS][LABELS];
	u16 probability[KINDS][STEPS];
	u8 pad[2];
	u32 lexicon[LEXICON_SLOTS]; /* check, bits << 16 */
	u16 check[FEATURE_SLOTS];
	int8_t weight[FEATURE_SLOTS][8];
} __attribute__((may_alias)) model;
_Static_assert(sizeof(model) == sizeof weights, "weights.bin is of another layout");
#define M ((const model *)(const void *)weights)

enum look { MARK, NUMBER, LOWER, CAP, UPPER, LETTER, MIXED, OTHER, CODE, HANDLE, TAG };
enum class { C_SPACE, C_LINE, C_MARK, C_LOWER, C_UPPER, C_DIGIT, C_OTHER, C_DROP };
enum mode { USUAL, ALL_LOWER, ALL_UPPER, HEADING, IN_CODE };

/* What the lexicon knows of a word. */
enum { FIRST_NAME = 3, SURNAME = 3 << 2, PLACE = 3 << 4, COMMON = 3 << 6, SENSE = 63 << 8, TITLE = 1 << 14, DESIGNATOR = 1 << 15 };

typedef struct {
	u32 start, end, hash, shape, bits, phrase, length, look, candidate, glued;
	u32 prefix[4], suffix[4];
} token;

#define SEED 2166136261u
static inline u32 roll(u32 h, u32 c) { return (h ^ c) * 16777619u; }
static inline u32 mix(u32 a, u32 b)
{
	u32 h = a ^ b * 0x9e3779b1u;
	h = (h ^ h >> 15) * 0x85ebca6bu;
	return h ^ h >> 13;
}
static inline u32 min(u32 a, u32 b) { return a < b ? a : b; }

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

/* Sums of the labels, 8 at a time; the first six are those of the labels 1 to 6. */
typedef v128_t sums;

static inline sums add(sums s, u32 salt, u32 a, u32 b)
{
	u32 key = mix(mix(a, salt * 0x51ed27u), b);
	u32 check = key >> 16 ? key >> 16 : 1;
	for (u32 i = key & (FEATURE_SLOTS - 1);; i = (i + 1) & (FEATURE_SLOTS - 1)) {
		u32 c = M->check[i];
		if (c == 0)
			return s;
		if (c == check)
			return wasm_i16x8_add(s, wasm_i16x8_load8x8(M->weight[i]));
	}
}

static const token outside = {.hash = 1, .shape = 1, .look = MARK};

static inline u32 named(const token *t) { return t->bits & (FIRST_NAME | SURNAME | PLACE | COMMON); }
static inline u32 sense(const token *t) { return (t->bits & (SENSE | TITLE | DESIGNATOR)) >> 8 | t->phrase << 8; }

static void weigh(const token *ts, u32 count, u32 i, u32 how, i32 emit[LABELS])
{
	const token *t = ts + i, *p = i > 0 ? t - 1 : &outside, *n = i + 1 < count ? t + 1 : &outside;
	const token *pp = i > 1 ? t - 2 : &outside, *nn = i + 2 < count ? t + 2 : &outside;
	u32 tl = t->look, pl = p->look, nl = n->look, first = i == 0, written = how * 16 + tl;
	u32 tn = named(t), pn = named(p), nx = named(n);
	u32 ts_ = sense(t), ps = sense(p), ns = sense(n);
	sums s = wasm_i16x8_splat(0);
	u32 salt = 0;
#define ADD(a, b) s = add(s, ++salt, a, b)
	ADD(0, 0);
	ADD(written, first);
	ADD(t->hash, 0);
	ADD(t->hash, 1 + tl);
	ADD(p->hash, 0);
	ADD(n->hash, 0);
	ADD(pp->hash, 0);
	ADD(nn->hash, 0);
	ADD(p->hash, t->hash);
	ADD(t->hash, n->hash);
	for (u32 k = 0; k < 4; k++) {
		ADD(t->prefix[k], 0);
		ADD(t->suffix[k], 0);
	}
	ADD(t->suffix[2], written);
	ADD(p->suffix[2], tl);
	ADD(n->suffix[2], tl);
	ADD(t->shape, 0);
	ADD(t->shape, p->shape);
	ADD(t->shape, n->shape);
	ADD(written * 16 + pl, nl);
	ADD(tl * 256 + pl * 16 + nl, pp->look * 16 + nn->look);
	ADD(tn, written * 2 + first);
	ADD(pn, tn);
	ADD(tn, nx);
	ADD(mix(pn, tl), mix(tn, nx));
	ADD(ts_, written);
	ADD(ps, tl);
	ADD(ns, tl);
	ADD(sense(pp), tl);
	ADD(sense(nn), tl);
	ADD(ps, tn);
	ADD(ns, tn);
	ADD(ts_, ns);
	ADD(ps, ts_);
	ADD(p->hash, written);
	ADD(n->hash, written);
	ADD(p->hash, tn);
	ADD(n->hash, tn);
	ADD(mix(pp->hash, p->hash), tl);
	ADD(mix(n->hash, nn->hash), tl);
	ADD(mix(p->hash, n->hash), tl);
	ADD(t->phrase * 16 + tl, p->phrase * 4 + n->phrase);
	ADD(min(t->length, 12), tl);
	ADD(t->glued, written);
#undef ADD
	i32 tilt = M->tilt - (how == IN_CODE ? 32 : 0); /* names are rarer in programs */
	i16 sum[8];
	wasm_v128_store(sum, s);
	emit[0] = 0;
	for (u32 y = 1; y < LABELS; y++)
		emit[y] = sum[y - 1] + tilt;
}

#define UNREACHABLE (-(1 << 28))
static i32 emit[SEGMENT][LABELS], ahead[SEGMENT][LABELS], behind[SEGMENT][LABELS];
static u8 back[SEGMENT][LABELS], label[SEGMENT];

static void decode(const sp_text *text, const token *t, u32 n)
{
	for (u32 i = 0; i < n; i++)
		for (u32 y = 0; y < LABELS; y++) {
			i32 best = UNREACHABLE;
			u32 from = 0;
			for (u32 x = 0; x < (i ? LABELS : 1); x++) {
				i32 v = M->transition[x][y] + (i ? ahead[i - 1][x] : 0);
				if (v > best) {
					best = v;
					from = x;
				}
			}
			ahead[i][y] = best + emit[i][y];
			back[i][y] = (u8)from;
		}
	for (u32 i = n; i-- > 0;)
		for (u32 x = 0; x < LABELS; x++) {
			i32 best = UNREACHABLE;
			for (u32 y = 0; y < (i + 1 < n ? LABELS : 1); y++) {
				i32 v = M->transition[x][y] + (i + 1 < n ? behind[i + 1][y] + emit[i + 1][y] : 0);
				if (v > best)
					best = v;
			}
			behind[i][x] = best;
		}
	i32 best = UNREACHABLE;
	for (u32 y = 0; y < LABELS; y++) {
		i32 v = ahead[n - 1][y] + behind[n - 1][y];
		if (v > best) {
			best = v;
			label[n - 1] = (u8)y;
		}
	}
	for (u32 i = n - 1; i > 0; i--)
		label[i - 1] = back[i][label[i]];
	for (u32 i = 0; i < n;) {
		if (!label[i]) {
			i++;
			continue;
		}
		u32 kind = (label[i] - 1u) / 2, first = i;
		i32 sum = 0;
		int words = 0;
		do {
			i32 without = UNREACHABLE;
			for (u32 y = 0; y < LABELS; y++)
				if ((y == 0 || (y - 1) / 2 != kind) && ahead[i][y] + behind[i][y] > without)
					without = ahead[i][y] + behind[i][y];
			sum += best - without;
			words |= t[i].look != MARK;
			i++;
		} while (i < n && label[i] == 2 + 2 * kind);
		if (!words)
			continue;
		u32 from = first;
		if (kind == 0 && i - from > 1 && t[from].bits & TITLE)
			from++;
		i32 step = (sum / (i32)(i - first)) >> M->shift;
		step = step < 0 ? 0 : step >= STEPS ? STEPS - 1 : step;
		sp_span(text, t[from].start, t[i - 1].end, (u16)kind, (float)M->probability[kind][step] / 1000);
	}
}

static void sp_scan(const sp_text *text)
{
	static token t[SEGMENT];
	reader r = {.p = text->p, .n = text->len};
	advance(&r);
	u32 n;
	while ((n = read_segment(&r, t))) {
		u32 how = know(t, n);
		for (u32 i = 0; i < n; i++) {
			if (!t[i].candidate)
				continue;
			u32 from = i;
			for (; i < n && t[i].candidate; i++)
				weigh(t, n, i, how, emit[i - from]);
			decode(text, t + from, i - from);
		}
	}
}
