/* Finds ticket numbers, such as ABC-123, and code names of projects.
 *
 * config: {"projects": ["ABC"], "codenames": ["bluebird"]}. Without projects
 * whatever looks like a ticket number counts as one, with less certainty: UTF-8
 * does as well.
 */
#define SP_CONFIG
#include "sallyport.h"
#include "config.h"

SP_CLASSIFIER("{\"name\":\"tickets\",\"version\":\"1.0.0\",\"kinds\":[\"TICKET\",\"CODE_NAME\"],\"scores\":[],"
	      "\"independent\":true,\"config_schema\":{\"type\":\"object\",\"properties\":{"
	      "\"projects\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	      "\"codenames\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}")

enum { TICKET, CODE_NAME };

#define MAX_NAMES 256
static sp_string projects[MAX_NAMES], codenames[MAX_NAMES];
static int nprojects, ncodenames;

static int sp_config(const char *json, size_t len)
{
	nprojects = sp_strings(json, len, "projects", projects, MAX_NAMES);
	ncodenames = sp_strings(json, len, "codenames", codenames, MAX_NAMES);
	return nprojects < 0 || ncodenames < 0;
}

static int upper(uint8_t c) { return c >= 'A' && c <= 'Z'; }
static int digit(uint8_t c) { return c >= '0' && c <= '9'; }
static uint8_t lower(uint8_t c) { return upper(c) ? c + 32 : c; }

/* Part of a word; all characters beyond ASCII are. */
static int word(uint8_t c) { return digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c >= 0x80; }

/* The end of a name at i, where a word ends as well; 0: it is not there. */
static uint32_t name_at(const sp_text *t, uint32_t i, sp_string name)
{
	if (!name.len || name.len > t->len - i)
		return 0;
	for (uint32_t k = 0; k < name.len; k++)
		if (lower(t->p[i + k]) != lower((uint8_t)name.p[k]))
			return 0;
	i += name.len;
	return i < t->len && word(t->p[i]) ? 0 : i;
}

static int is_project(const uint8_t *p, uint32_t len)
{
	for (int i = 0; i < nprojects; i++) {
		uint32_t k = 0;
		while (k < len && k < projects[i].len && p[k] == (uint8_t)projects[i].p[k])
			k++;
		if (k == len && k == projects[i].len)
			return 1;
	}
	return 0;
}

/* The end of a ticket number at i; 0: there is none. */
static uint32_t ticket_at(const sp_text *t, uint32_t i)
{
	uint32_t key = i;
	while (i < t->len && i - key <= 10 && (upper(t->p[i]) || (i > key && digit(t->p[i]))))
		i++;
	if (i - key < 2 || i - key > 10 || i == t->len || t->p[i] != '-')
		return 0;
	uint32_t number = i + 1;
	for (i = number; i < t->len && i - number <= 6 && digit(t->p[i]);)
		i++;
	if (i == number || i - number > 6 || (i < t->len && word(t->p[i])))
		return 0;
	return !nprojects || is_project(t->p + key, number - 1 - key) ? i : 0;
}

static void sp_scan(const sp_text *t)
{
	for (uint32_t i = 0; i < t->len; i++) {
		if (!word(t->p[i]) || (i > 0 && word(t->p[i - 1])))
			continue; /* not the begin of a word */
		uint32_t end = ticket_at(t, i);
		if (end)
			sp_span(t, i, end, TICKET, nprojects ? 0.95f : 0.5f);
		for (int n = 0; n < ncodenames; n++)
			if ((end = name_at(t, i, codenames[n])))
				sp_span(t, i, end, CODE_NAME, 0.9f);
	}
}
