/* names: the names of persons, places and organisations, by a tagger with trained
 * weights. See README.md for what it can and cannot do. The Go package beside this
 * file is the reference, with the reasons; the two must find the same.
 *
 * All arithmetic is in integers, so that it is the same everywhere.
 */
#include "features.h"

SP_CLASSIFIER("{\"name\":\"names\",\"version\":\"1.0.0\",\"kinds\":[\"PERSON\",\"LOCATION\",\"ORGANIZATION\"],"
	      "\"scores\":[],\"independent\":true,\"config_schema\":{\"type\":\"object\"}}")

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
