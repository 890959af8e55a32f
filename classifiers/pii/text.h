/* text.h: the text in work, and what is reported of it. */
#ifndef PII_TEXT_H
#define PII_TEXT_H

#include "fold.h"

/* Kept out of the loop over the text, which is a fifth faster without. */
#define SELDOM __attribute__((noinline))

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;

/* Every kind but the first, EMAIL_ADDRESS, which the description begins with. */
#define OTHER_KINDS(K) \
	K(CREDIT_CARD) K(IBAN_CODE) K(US_SSN) K(US_ITIN) K(PHONE_NUMBER) K(IP_ADDRESS) K(MAC_ADDRESS) K(CRYPTO) \
	K(UK_NHS) K(UK_NINO) K(FR_NIR) K(DE_TAX_ID) K(ES_NIF) K(ES_NIE) K(IT_FISCAL_CODE) K(PL_PESEL) \
	K(IN_AADHAAR) K(IN_PAN) K(CA_SIN) K(AU_TFN) K(AU_MEDICARE) K(BR_CPF) K(BR_CNPJ) K(US_PASSPORT) K(PASSPORT) \
	K(DATE_OF_BIRTH)

#define K(kind) KIND_##kind,
enum { KIND_EMAIL_ADDRESS, OTHER_KINDS(K) };
#undef K

#define EVIDENCE(kind, name, score) name,
enum evidence { NOTHING,
#include "scores.h"
};
#undef EVIDENCE

static const struct { u16 kind; float score; } evidence_means[] = {
	{0, 0},
#define EVIDENCE(kind, name, score) {KIND_##kind, score##f},
#include "scores.h"
#undef EVIDENCE
};

/* The view in work. at() is 0 outside of it, also before its begin. */
static sp_view V;
static u32 floor_; /* spans do not reach before the end of the last one */
static u32 fresh;  /* the last escape ended here: what is behind it begins anew */

static inline u8 at(u32 i) { return i < V.n ? V.p[i] : 0; }
static inline int digit(u8 c) { return (u8)(c - '0') < 10; }
static inline int alpha(u8 c) { return (u8)((c | 32) - 'a') < 26; }
static inline int alnum(u8 c) { return digit(c) || alpha(c); }
static inline int hex(u8 c) { return digit(c) || (u8)((c | 32) - 'a') < 6; }
static inline int word(u8 c) { return alnum(c) || c == '_'; }
static inline u8 lower(u8 c) { return (u8)(c - 'A') < 26 ? c | 32 : c; }
static inline u8 upper(u8 c) { return (u8)(c - 'a') < 26 ? c & ~32 : c; }
static inline int is_upper(u8 c) { return (u8)(c - 'A') < 26; }
static inline int is_lower(u8 c) { return (u8)(c - 'a') < 26; }

/* Reports [s, e) and returns e, where the search goes on. */
static u32 found(u32 s, u32 e, enum evidence what)
{
	sp_view_span(&V, s, e, evidence_means[what].kind, evidence_means[what].score);
	return floor_ = e;
}

/* The mark or space that two hexadecimal digits at a stand for behind a '%', else 0.
 * Letters and digits need no such escape: 50%41. */
static u8 url_mark(u32 a)
{
	u8 c = at(a), low = at(a + 1);
	if (!digit(c) || !hex(low))
		return 0;
	u8 v = (u8)((c - '0') << 4 | (digit(low) ? low - '0' : (low | 32) - 'a' + 10));
	return v == '\t' || v == '\n' || v == '\r' || (v >= ' ' && v < 0x7f && !alnum(v)) ? v : 0;
}

/* The end of an escape whose sign stands before a, as in \n, \u00a0 and %20; a where
 * there is none. */
static SELDOM u32 past_escape(u32 a)
{
	u8 sign = at(a - 1), c = at(a);
	if (sign == '\\' && (c == 'n' || c == 'r' || c == 't'))
		return a + 1;
	if (sign == '\\' && c == 'u' && hex(at(a + 1)) && hex(at(a + 2)) && hex(at(a + 3)) && hex(at(a + 4)))
		return a + 5;
	return sign == '%' && url_mark(a) ? a + 2 : a;
}

/* How much letters and digits look like a name, such as the "call" of call-4111: those
 * with a letter from g on do, and few of others; those of a UUID or a hash do not. */
enum { NO_NAME, SHORT_NAME, NAME };
#define NAME_REACH 32

static u32 name_of(u32 n, u32 letters, u32 others)
{
	return others ? NAME : letters && n < 4 ? SHORT_NAME : NO_NAME;
}

static u32 name_before(u32 e)
{
	u32 s = e, letters = 0, others = 0;
	for (; e - s < NAME_REACH && s != fresh && alnum(at(s - 1)); s--) {
		letters |= alpha(at(s - 1));
		others |= !hex(at(s - 1));
	}
	return name_of(e - s, letters, others);
}

static u32 name_behind(u32 s)
{
	u32 e = s, letters = 0, others = 0;
	for (; e - s < NAME_REACH && alnum(at(e)); e++) {
		letters |= alpha(at(e));
		others |= !hex(at(e));
	}
	return name_of(e - s, letters, others);
}

static int joiner(u8 c) { return c == '-' || c == '.' || c == '/' || c == '_'; }

/* Do letters or digits and a sign that joins them to it stand before s? */
static int joined_on(u32 s) { return s != fresh && joiner(at(s - 1)) && s - 1 != fresh && alnum(at(s - 2)); }

/* May a number begin at s, or end at e? Not inside a longer token, but a name may
 * be joined to it. Behind a code with letters a point and digits may stand. */
static int head_ok(u32 s)
{
	if (s != fresh && alnum(at(s - 1)))
		return 0;
	if (!joined_on(s))
		return 1;
	return !(at(s - 1) == '.' && digit(at(s - 2))) && name_before(s - 1); /* v83.0.6289 */
}

static int code_ends(u32 e)
{
	u8 c = at(e);
	if (alnum(c))
		return 0;
	return !((c == '-' || c == '_') && alnum(at(e + 1))) || name_behind(e + 1);
}

static int tail_ok(u32 e) { return code_ends(e) && !(at(e) == '.' && digit(at(e + 1))); }

#endif
