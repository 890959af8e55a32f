#include "sallyport.h"
SP_CLASSIFIER("{\"name\":\"pii\",\"version\":\"1.0.0\",\"kinds\":[\"EMAIL_ADDRESS\"],\"scores\":[]}")
static void sp_scan(const sp_text *t) { for (uint32_t i=1;i+1<t->len;i++) if (t->p[i]=='@') sp_span(t,i-1,i+2,0,0.5f); }
