/* Words in disguise: digits for letters, and letters apart. Included by injection.c,
 * whose words and view it reads. */
/* The concepts of a word of n letters and digits of ASCII in which digits may stand
 * for letters that look like them; a 1 is an i or, throughout, an l. */
static __attribute__((noinline)) u64 disguised(u32 i, u32 n)
{
	static const char as[10] = "oizeasgtbg";
	u8 w[32] = {0};
	u32 digits = 0;
	u64 is = 0;
	if (n < 4 || n > 16)
		return 0;
	for (u32 k = 0; k < n; k++) {
		if (V.p[i + k] >= 0x80)
			return 0;
		w[k] = lower(V.p[i + k]);
		if (digit(w[k])) {
			digits++;
			w[k] = (u8)as[w[k] - '0'];
		}
	}
	if (!digits || 2 * digits > n)
		return 0;
	is = lookup(wasm_v128_load(w), wasm_u8x16_splat(0));
	if (is)
		return is;
	for (u32 k = 0; k < n; k++)
		if (V.p[i + k] == '1')
			w[k] = 'l';
	return lookup(wasm_v128_load(w), wasm_u8x16_splat(0));
}

/* What may stand between the letters of a word that is spelled. */
static inline int spaces(u8 c) { return c == ' ' || c == '.' || c == '-' || c == '_' || c == '*'; }

static inline int letter_alone(u32 i) { return alpha(at(i)) && !letter(i + 1) && !digit(at(i + 1)); }

/* Reads letters with one and the same character between each two, at least four
 * of them; words may follow each other without a wider gap. Returns their end, or
 * 0 where there are fewer. */
static u32 read_spelled(u32 i, u32 clauses)
{
	u32 n = 1;
	u8 gap = at(i + 1);
	if (!letter_alone(i) || !spaces(gap))
		return 0;
	while (at(i + 2 * n - 1) == gap && letter_alone(i + 2 * n))
		n++;
	if (n < 4)
		return 0;
	for (u32 k = 0; k < n;) {
		u8 w[32] = {0};
		u32 most = n - k > 16 ? 16 : n - k;
		u64 is = 0;
		for (u32 j = 0; j < most; j++)
			w[j] = lower(V.p[i + 2 * (k + j)]);
		u32 p = most < 3 ? 0 : prefix(w);
		for (; most >= 3 && prefixes[p / 8] >> p % 8 & 1; most--) {
			is = lookup(wasm_v128_load(w), wasm_u8x16_splat(0)) & ~AROUND;
			if (is)
				break;
			w[most - 1] = 0;
		}
		pos += 2;
		if (is)
			hit(is, pos + clauses, i + 2 * k, i + 2 * (k + most) - 1);
		k += is ? most : 1;
	}
	return i + 2 * n - 1;
}
