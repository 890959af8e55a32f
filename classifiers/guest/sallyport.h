/* sallyport.h: write a Sallyport classifier in C.
 *
 * A classifier is one C file that includes this header, describes itself with
 * SP_CLASSIFIER, and defines sp_scan, which is called once for each text:
 *
 *     #include "sallyport.h"
 *     SP_CLASSIFIER("{\"name\":\"mine\",\"version\":\"1\","
 *                   "\"kinds\":[\"CODE_WORD\"],\"scores\":[]}")
 *     static void sp_scan(const sp_text *t) { ... sp_span(t, from, to, 0, 0.9f); }
 *
 * Define SP_WHOLE before the include to get all texts of the request at once,
 * through sp_scan_all(texts, n), and SP_CONFIG to get the configuration's JSON
 * once, before the first text, through static int sp_config(const char *json,
 * size_t len), which returns 0 for ok. SP_MAX_SPANS is how many findings a
 * request may have before the rest is dropped and the result marked truncated.
 *
 * Build with clang and wasm-ld, as build.sh in the folder above does.
 *
 * There is no libc. sp_arena gives memory that is free again at the next call.
 */
#ifndef SALLYPORT_H
#define SALLYPORT_H

#include <stddef.h>
#include <stdint.h>

enum sp_role { SP_SYSTEM, SP_USER, SP_ASSISTANT, SP_TOOL };
enum sp_kind { SP_TEXT, SP_TOOL_ARGUMENTS, SP_TOOL_RESULT, SP_TOOL_DEFINITION, SP_NAME };

/* One text of a request. Its bytes are valid UTF-8, not ended by a zero. */
typedef struct {
	const uint8_t *p;
	uint32_t len;
	uint32_t index;   /* of the text in the request */
	uint32_t message; /* of the conversation; 0xffffffff: none */
	uint16_t role, kind;
} sp_text;

#ifndef SP_MAX_SPANS
#define SP_MAX_SPANS 4096
#endif
#ifndef SP_MAX_SCORES
#define SP_MAX_SCORES 32
#endif

#define SP_EXPORT(n) __attribute__((export_name(#n), used))

#ifdef SP_WHOLE
static void sp_scan_all(const sp_text *texts, uint32_t n);
#else
static void sp_scan(const sp_text *text);
#endif
#ifdef SP_CONFIG
static int sp_config(const char *json, size_t len);
#endif

/* What sp_classify returns instead of a result. */
#define SP_NO_MEMORY (-1)
#define SP_BAD_REQUEST (-2)

struct sp_score_rec { uint16_t id, zero; float value; };
struct sp_span_rec { uint32_t text, start, end; uint16_t kind, zero; float score; };

/* The result: header and scores right before the spans. */
static struct {
	uint32_t magic, flags, nscores, nspans;
	uint8_t body[SP_MAX_SCORES * 8 + SP_MAX_SPANS * 20];
} sp_result;
static struct sp_score_rec sp_scores[SP_MAX_SCORES];
static struct sp_span_rec sp_spans[SP_MAX_SPANS];
static uint32_t sp_nscores, sp_nspans, sp_flags;

/* Reports bytes [start, end) of a text, on borders of characters. score is the
 * probability that it is one, 0 to 1. */
static inline void sp_span(const sp_text *t, uint32_t start, uint32_t end, uint16_t kind, float score)
{
	if (sp_nspans == SP_MAX_SPANS) {
		sp_flags = 1;
		return;
	}
	sp_spans[sp_nspans++] = (struct sp_span_rec){t->index, start, end, kind, 0, score};
}

/* Has the text these bytes at i? */
static inline int sp_at(const sp_text *t, uint32_t i, const char *bytes)
{
	for (; *bytes; bytes++, i++)
		if (i >= t->len || t->p[i] != (uint8_t)*bytes)
			return 0;
	return 1;
}

/* Reports a score of the whole request, once for each id. */
static inline void sp_score(uint16_t id, float value)
{
	if (sp_nscores < SP_MAX_SCORES)
		sp_scores[sp_nscores++] = (struct sp_score_rec){id, 0, value};
}

extern uint8_t __heap_base;
static uint32_t sp_heap;     /* first byte after the input arena */
static uint32_t sp_arena_at; /* first free byte */
static int sp_arena_full;

static inline int sp_reach(uint64_t end)
{
	uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
	if (end <= have)
		return 1;
	return __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) != (size_t)-1;
}

/* Memory until the next call, 16-aligned; 0 where there is none left, and then
 * sp_classify ends with SP_NO_MEMORY whatever the classifier reported. */
static inline void *sp_arena(uint32_t n)
{
	uint64_t end = (uint64_t)sp_arena_at + n;
	if (!sp_reach(end)) {
		sp_arena_full = 1;
		return 0;
	}
	void *p = (void *)(uintptr_t)sp_arena_at;
	sp_arena_at = (uint32_t)(end + 15) & ~15u;
	return p;
}

SP_EXPORT(sp_abi_1) int32_t sp_abi_1(void) { return 0; }

#define SP_CLASSIFIER(json)                                                    \
	static const char sp_description[] = json;                             \
	SP_EXPORT(sp_describe) int64_t sp_describe(void)                       \
	{                                                                      \
		return (int64_t)(uintptr_t)sp_description << 32 |              \
		       (sizeof sp_description - 1);                            \
	}

SP_EXPORT(sp_alloc) int32_t sp_alloc(int32_t len)
{
	uint64_t end = (uint64_t)(uintptr_t)&__heap_base + 15 & ~(uint64_t)15;
	if (!sp_reach(end + (uint32_t)len))
		return 0;
	sp_heap = (uint32_t)(end + (uint32_t)len + 15) & ~15u;
	return (int32_t)end;
}

SP_EXPORT(sp_configure) int32_t sp_configure(const char *json, int32_t len)
{
#ifdef SP_CONFIG
	sp_arena_at = sp_heap;
	return sp_config(json, (size_t)len);
#else
	(void)json;
	(void)len;
	return 0;
#endif
}

SP_EXPORT(sp_classify) int64_t sp_classify(const uint8_t *req, uint32_t len)
{
	const uint32_t *h = (const uint32_t *)(const void *)req;
	if (len < 16 || h[0] != 0x31515053)
		return SP_BAD_REQUEST;
	uint32_t n = h[2], bytes = h[3];
	if (16 + (uint64_t)n * 16 + bytes != len)
		return SP_BAD_REQUEST;
	sp_nscores = sp_nspans = sp_flags = 0;
	sp_arena_at = sp_heap;
	sp_arena_full = 0;
	const uint8_t *run = req + 16 + n * 16;
#ifdef SP_WHOLE
	sp_text *texts = sp_arena(n * sizeof(sp_text));
	if (!texts)
		return SP_NO_MEMORY;
#endif
	const uint32_t *s = h + 4;
	for (uint32_t i = 0; i < n; i++, s += 4) {
		if ((uint64_t)s[0] + s[1] > bytes)
			return SP_BAD_REQUEST;
		sp_text t = {run + s[0], s[1], i, s[3], (uint16_t)s[2], (uint16_t)(s[2] >> 16)};
#ifdef SP_WHOLE
		texts[i] = t;
	}
	sp_scan_all(texts, n);
#else
		sp_scan(&t);
	}
#endif
	if (sp_arena_full)
		return SP_NO_MEMORY;
	sp_result.magic = 0x31525053;
	sp_result.flags = sp_flags;
	sp_result.nscores = sp_nscores;
	sp_result.nspans = sp_nspans;
	__builtin_memcpy(sp_result.body, sp_scores, sp_nscores * 8);
	__builtin_memcpy(sp_result.body + sp_nscores * 8, sp_spans, sp_nspans * 20);
	return (int64_t)(uintptr_t)&sp_result << 32 | (16 + sp_nscores * 8 + sp_nspans * 20);
}

#endif
