/* features.h: the labels' weights for a word between its neighbours. */
#ifndef NAMES_FEATURES_H
#define NAMES_FEATURES_H

#include "lexicon.h"
#include <wasm_simd128.h>

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

#endif
