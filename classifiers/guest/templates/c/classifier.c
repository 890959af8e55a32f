#include "sallyport.h"

SP_CLASSIFIER("{\"name\":\"{{name}}\",\"version\":\"0.1.0\",\"kinds\":[\"CODE_WORD\"],\"scores\":[]}")

/* Called for each text of a request. */
static void sp_scan(const sp_text *t)
{
	static const char word[] = "bluebird";
	for (uint32_t i = 0; i < t->len; i++)
		if (sp_at(t, i, word))
			sp_span(t, i, i + sizeof word - 1, 0, 0.9f);
}
