/* text.h: the text in work, and what is reported of it. */
#ifndef PII_TEXT_H
#define PII_TEXT_H

#include "fold.h"

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

/* May a number begin at s, or end at e? Not inside a longer token. */
static int head_ok(u32 s)
{
	u8 c = at(s - 1);
	if (word(c))
		return 0;
	return !((c == '-' || c == '.' || c == '/') && alnum(at(s - 2)));
}

static int tail_ok(u32 e)
{
	u8 c = at(e);
	if (word(c))
		return 0;
	return !((c == '-' && alnum(at(e + 1))) || (c == '.' && digit(at(e + 1))));
}

#endif
