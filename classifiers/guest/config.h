/* config.h: read strings out of the configuration of a classifier.
 *
 *     #define SP_CONFIG
 *     #include "sallyport.h"
 *     #include "config.h"
 *
 *     static sp_string words[64];
 *     static int n;
 *     static int sp_config(const char *json, size_t len)
 *     {
 *             n = sp_strings(json, len, "words", words, 64);
 *             return n < 0;
 *     }
 *
 * SP_CONFIG_BYTES is how many bytes all strings together may have.
 */
#ifndef SP_CONFIG_H
#define SP_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#ifndef SP_CONFIG_BYTES
#define SP_CONFIG_BYTES 16384
#endif

typedef struct {
	const char *p; /* UTF-8, not ended by a zero */
	uint32_t len;
} sp_string;

/* A walk over JSON that the host has checked. */
typedef struct {
	const char *p, *end;
} sp_json;

static char sp_kept[SP_CONFIG_BYTES];
static uint32_t sp_kept_len;

/* The first byte that is no white space; 0 at the end. */
static inline char sp_json_next(sp_json *j)
{
	while (j->p < j->end && (uint8_t)*j->p <= ' ')
		j->p++;
	return j->p < j->end ? *j->p : 0;
}

static inline uint8_t sp_json_take(sp_json *j) { return j->p < j->end ? (uint8_t)*j->p++ : 0; }

static inline uint32_t sp_json_hex(sp_json *j)
{
	uint32_t r = 0;
	for (int i = 0; i < 4; i++) {
		uint8_t c = sp_json_take(j);
		r = r << 4 | ((c > '9' ? c + 9 : c) & 15); /* the low bits of "A" and "a" are 1 */
	}
	return r;
}

static inline void sp_json_put(sp_string *s, uint32_t c)
{
	if (sp_kept_len < SP_CONFIG_BYTES)
		sp_kept[sp_kept_len] = (char)c;
	sp_kept_len++;
	s->len++;
}

/* Reads a string and keeps it. */
static sp_string sp_json_text(sp_json *j)
{
	sp_string s = {sp_kept + sp_kept_len, 0};
	sp_json_take(j);
	while (j->p < j->end) {
		uint32_t c = sp_json_take(j);
		if (c == '"')
			break;
		if (c != '\\') {
			sp_json_put(&s, c);
			continue;
		}
		c = sp_json_take(j);
		if (c == 'u') {
			c = sp_json_hex(j);
			if (c >> 10 == 0xd800 >> 10) { /* the first half of a pair */
				sp_json_take(j);
				sp_json_take(j);
				c = 0x10000 + ((c & 0x3ff) << 10) + (sp_json_hex(j) & 0x3ff);
			}
			if (c >= 0x10000) {
				sp_json_put(&s, 0xf0 | c >> 18);
				sp_json_put(&s, 0x80 | (c >> 12 & 63));
			} else if (c >= 0x800) {
				sp_json_put(&s, 0xe0 | c >> 12);
			}
			if (c >= 0x800)
				sp_json_put(&s, 0x80 | (c >> 6 & 63));
			else if (c >= 0x80)
				sp_json_put(&s, 0xc0 | c >> 6);
			sp_json_put(&s, c < 0x80 ? c : 0x80 | (c & 63));
			continue;
		}
		sp_json_put(&s, c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
	}
	return s;
}

static int sp_string_is(sp_string s, const char *name)
{
	if (sp_kept_len > SP_CONFIG_BYTES)
		return 0;
	for (uint32_t i = 0; i < s.len; i++)
		if (!name[i] || name[i] != s.p[i])
			return 0;
	return !name[s.len];
}

/* Passes over a value. */
static void sp_json_skip(sp_json *j)
{
	uint32_t kept = sp_kept_len;
	int depth = 0;
	do {
		char c = sp_json_next(j);
		if (!c)
			return;
		if (c == '"') {
			sp_json_text(j);
			sp_kept_len = kept;
			continue;
		}
		j->p++;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (depth == 0) /* a number, true, false or null */
			for (c = sp_json_next(j); c && c != ',' && c != '}' && c != ']'; c = sp_json_next(j))
				j->p++;
	} while (depth > 0);
}

/* Stores the strings of a member of the configuration, the strings of an array or
 * one string, in out, and returns how many there are. Whatever else the member
 * holds is left out. -1: more than max, or more bytes than SP_CONFIG_BYTES. They
 * stay where they are. */
static int sp_strings(const char *json, size_t len, const char *name, sp_string *out, int max)
{
	sp_json j = {json, json + len};
	int n = 0;
	if (sp_json_next(&j) != '{')
		return 0;
	j.p++;
	while (sp_json_next(&j) == '"') {
		uint32_t kept = sp_kept_len;
		sp_string key = sp_json_text(&j);
		int here = sp_string_is(key, name);
		sp_kept_len = kept;
		sp_json_next(&j);
		sp_json_take(&j); /* the colon */
		char c = sp_json_next(&j);
		if (here && (c == '"' || c == '[')) {
			int array = c == '[';
			if (array)
				sp_json_take(&j);
			for (n = 0; (c = sp_json_next(&j)) && c != ']';) {
				if (c == '"') {
					sp_string s = sp_json_text(&j);
					if (n == max || sp_kept_len > SP_CONFIG_BYTES)
						return -1;
					out[n++] = s;
				} else {
					sp_json_skip(&j);
				}
				if (!array)
					break;
				if (sp_json_next(&j) == ',')
					j.p++;
			}
			if (array)
				sp_json_take(&j);
		} else {
			sp_json_skip(&j);
		}
		if (sp_json_next(&j) == ',')
			j.p++;
	}
	return n;
}

#endif
