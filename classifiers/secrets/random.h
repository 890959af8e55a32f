/* random.h: does a run of characters look drawn, or made of words?
 *
 * Words and names are made of the letter pairs below, begin with a capital, and
 * have digits at their end; what a generator draws has pairs as they come and
 * digits anywhere. Each pair of neighbours gives points for a draw or against it.
 */
#ifndef SECRETS_RANDOM_H
#define SECRETS_RANDOM_H

/* The letters that follow a letter in at least 1 % of its pairs, in the words of
 * the prompts of Arena-Hard, MT-Bench and Vicuna: 97 % of all pairs there, 43 % of
 * all that there could be. */
static const char follows[26][22] = {
	"bcdgiklmnprstvy", "aeijlorstuy", "acehiklortu", "adefiorsuy", "acdefglmnprstvwx", "aefilortuy", "aeghilnorstuy",
	"aeiort", "abcdefglmnoprstvz", "aeinosu", "adefghilnosuv", "adeilostuy", "abeimopsuy", "acdefgilnopstuy",
	"abcdfgilmnoprstuvw", "adehiloprstuy", "lru", "acdegikmnorstuvy", "acehikopstuwy", "aehilorstuwy",
	"abcdegilmnprst", "aeio", "aehinorsw", "aceilpty", "beilmnopstz", "aeiouyz",
};

/* What measure needs of each character: a digit, letter or hexadecimal digit as one
 * of three counts (of ten bits: nobody asks for those of what is longer), and its
 * class: 1 to 26 for small letters, 33 to 58 for capitals, 62 for digits, else 0. */
enum { DIGIT = 1, LETTER = 1 << 10, HEXES = 1 << 20, CLASSES = 64, CLASS_DIGIT = 62 };
static u32 counts_as[256];
static u8 class_of[256];
static int8_t points_for[CLASSES * CLASSES]; /* of a pair of neighbours */

static int letter_class(u32 k) { return (k >= 1 && k <= 26) || (k >= 33 && k <= 58); }

static void learn_pairs(void)
{
	u32 common[26] = {0};
	for (u32 i = 0; i < 26; i++)
		for (const char *s = follows[i]; *s; s++)
			common[i] |= 1u << (*s - 'a');
	for (u32 c = 0; c < 256; c++) {
		u8 b = (u8)c;
		counts_as[c] = (digit(b) ? DIGIT : 0u) | (alpha(b) ? LETTER : 0u) | (hex(b) ? HEXES : 0u);
		class_of[c] = digit(b) ? CLASS_DIGIT : alpha(b) ? (u8)((b & 31) + (b & 32 ? 0 : 32)) : 0;
	}
	for (u32 x = 0; x < CLASSES; x++)
		for (u32 y = 0; y < CLASSES; y++) {
			int lx = letter_class(x), ly = letter_class(y);
			if (lx && ly)
				points_for[x * CLASSES + y] = x < 32 && y >= 32 ? 1 : common[(x & 31) - 1] >> ((y & 31) - 1) & 1 ? -1 : 2;
			else if ((lx && y == CLASS_DIGIT) || (ly && x == CLASS_DIGIT))
				points_for[x * CLASSES + y] = 2;
		}
}

static struct {
	u32 len, digits, letters, hexes, distinct, most, steps;
	int points;
} R;

/* Measures [a, b): points for a draw, different characters, how often the
 * commonest one stands there, steps as in 1234 and abcd. */
static void measure(u32 a, u32 b)
{
	u8 seen[256] = {0};
	u32 counts = 0, steps = 0, distinct = 0, most = 0, last = 0, class = 0;
	int points = 0;
	for (u32 i = a; i < b; i++) {
		u32 c = V.p[i], k = class_of[c], n = seen[c];
		counts += counts_as[c];
		points += points_for[class * CLASSES + k];
		steps += c == last + 1;
		distinct += n == 0;
		n += n < 255;
		seen[c] = (u8)n;
		most = n > most ? n : most;
		last = c;
		class = k;
	}
	R.len = b - a;
	R.digits = counts & 1023;
	R.letters = counts >> 10 & 1023;
	R.hexes = counts >> 20;
	R.distinct = distinct;
	R.most = most;
	R.steps = steps;
	R.points = points;
}

static int varied(void) { return R.distinct >= (R.len < 24 ? 6 : 8) && R.most * 3 <= R.len + 3 && R.steps * 3 < R.len; }

/* What stands behind an issuer's prefix: no XXXX and no words. */
static int random_rest(u32 a, u32 b)
{
	measure(a, b);
	return varied() && R.points >= 3 && (u32)R.points * 6 >= R.len;
}

/* A value that nothing but its name speaks for. */
static int random_value(u32 a, u32 b)
{
	measure(a, b);
	return R.len >= 10 && varied() && R.points >= (R.len < 12 ? 10 : 7) && (u32)R.points * 4 >= R.len;
}

#endif
