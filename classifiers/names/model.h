/* model.h: the trained weights, and the hashes they are found by. */
#ifndef NAMES_MODEL_H
#define NAMES_MODEL_H

#include "sallyport.h"

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

#define SEED 2166136261u
static inline u32 roll(u32 h, u32 c) { return (h ^ c) * 16777619u; }
static inline u32 mix(u32 a, u32 b)
{
	u32 h = a ^ b * 0x9e3779b1u;
	h = (h ^ h >> 15) * 0x85ebca6bu;
	return h ^ h >> 13;
}
static inline u32 min(u32 a, u32 b) { return a < b ? a : b; }

#endif
