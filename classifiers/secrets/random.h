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
static u32 common[26]; /* the same as bits */

static void learn_pairs(void)
{
	for (u32 i = 0; i < 26; i++)
		for (const char *s = follows[i]; *s; s++)
			common[i] |= 1u << (*s - 'a');
}

static struct {
	u32 len, digits, letters, hexes, distinct, most, steps;
	int points;
} R;

/* Measures [a, b): points for a draw, different characters, how often the
 * commonest one stands there, steps as in 1234 and abcd. */
static void measure(u32 a, u32 b)
{
	u8 seen[256] = {0}, last = 0;
	R.len = b - a;
	R.digits = R.letters = R.hexes = R.distinct = R.most = R.steps = 0;
	R.points = 0;
	for (u32 i = a; i < b; i++) {
		u8 c = V.p[i];
		u32 d = (u32)digit(c), l = (u32)alpha(c);
		R.digits += d;
		R.letters += l;
		R.hexes += (u32)hex(c);
		R.steps += c == last + 1;
		if (l && alpha(last)) {
			if (last & 32 && !(c & 32))
				R.points++;
			else
				R.points += common[(last | 32) - 'a'] >> ((c | 32) - 'a') & 1 ? -1 : 2;
		} else if ((l && digit(last)) || (d && alpha(last))) {
			R.points += 2;
		}
		last = c;
		R.distinct += !seen[c];
		if (seen[c] < 255 && ++seen[c] > R.most)
			R.most = seen[c];
	}
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
