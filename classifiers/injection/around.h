/* What a finding's sentence says about it: whether it quotes, reports or asks.
 * Included by injection.c, whose words and view it reads. */

#define REACH 160 /* bytes of the sentence before and after a finding */

/* Whether a sentence ends before byte i. */
static int sentence_ends(u32 i)
{
	u8 c = at(i - 1);
	return c == '.' || c == '!' || c == '?' || c == ';' || (c == '\n' && i > 1 && at(i - 2) == '\n');
}

/* The concepts of the words between two bytes; last: where the last begins. */
static u64 words_between(u32 i, u32 e, u32 *last)
{
	u64 all = 0;
	while (i < e) {
		u64 is = 0;
		if (letter(i) || digit(at(i))) {
			*last = i;
			i = read_word(i, &is);
			all |= is;
		} else {
			i++;
		}
	}
	return all;
}

/* Whether a quotation opens before byte i, and with which closing character. What
 * follows a key or stands in an attribute is a value, no quotation. */
static u8 opens_quote(u32 i)
{
	u8 c = at(i - 1), b = i > 1 ? at(i - 2) : ' ', a = i > 2 ? at(i - 3) : ' ';
	if (c == '"' || c == '\'' || c == '`') {
		if (alpha(b) || digit(b) || b == '=' || b == '[' || b == '{' || at(i) == ' ')
			return 0;
		if (b == ' ' && i > 3) /* "key": "value" */
			b = a, a = at(i - 4);
		return (b == ':' || b == ',') && a == '"' ? 0 : c;
	}
	if (a == 0xe2 && b == 0x80 && (c == 0x9c || c == 0x9e))
		return 0x9d; /* of German, 0x9c */
	if (a == 0xe2 && b == 0x80 && c == 0x98)
		return 0x99;
	return b == 0xc2 && c == 0xab ? 0xbb : 0;
}

static int closes_quote(u32 i, u8 closing)
{
	u8 c = at(i);
	if (closing < 0x80)
		return c == closing && !alpha(at(i + 1));
	if (closing == 0xbb)
		return c == 0xc2 && at(i + 1) == 0xbb;
	return c == 0xe2 && at(i + 1) == 0x80 && (at(i + 2) == closing || (closing == 0x9d && at(i + 2) == 0x9c));
}

/* The end of the quotation that opens before byte i, or 0 where it is none or long. */
static u32 quote_end(u32 i)
{
	u8 closing = opens_quote(i);
	for (u32 j = i; closing && j < V.n && j - i < REACH && at(j) != '\n'; j++)
		if (closes_quote(j, closing))
			return j;
	return 0;
}

/* Whether bytes [s, e) stand in a short quotation, but for words around it that
 * order nothing: outside. */
static int quoted(u32 s, u32 e, u64 *outside)
{
	u32 end = 0, unused, i = s;
	for (; !end && i > 0 && s - i < 48 && at(i - 1) != '\n'; i--) {
		end = quote_end(i);
		if (end <= s && (end || at(i - 1) == '"' || at(i - 1) == '`'))
			break;
	}
	if (end <= s)
		for (i = s, end = 0; !end && i < e && i - s < REACH;)
			end = quote_end(++i);
	if (!end)
		return 0;
	u64 earlier = i > s ? words_between(s, i, &unused) : 0;
	*outside = earlier | words_between(end, e, &unused);
	return !(*outside & (OVERRIDE | INSTR | YOU | YOUR | NOT)) && !(earlier & (AI | MUST));
}

/* Whether a word is one of those listed, each followed by a space. */
static int listed(u32 i, const char *list)
{
	while (*list) {
		u32 n = 0;
		while (list[n] != ' ' && lower(at(i + n)) == (u8)list[n])
			n++;
		if (list[n] == ' ' && !letter(i + n) && !digit(at(i + n)))
			return 1;
		while (*list++ != ' ')
			;
	}
	return 0;
}

/* Whether the word at i ends in "ing". */
static int gerund(u32 i)
{
	while (alpha(at(i)))
		i++;
	return i > 2 && begins_lower(i - 3, "ing");
}

/* How much a finding's sentence takes away from its points. Who quotes or reports
 * an order to leak or to act passes it on: that takes little away. */
static __attribute__((noinline)) int taken(const struct finding *f, int own)
{
	int much = f->points[LEAKING] > 0 || f->points[ORDERING] > 0 || f->points[CLAIMING] > 0 ? 2 : own / 2 + 3;
	u32 b = f->s, a = f->e, last = V.n, unused;
	u64 outside, in = words_between(f->s, f->e, &unused);
	int quotes = quoted(f->s, f->e, &outside);
	if (!quotes && in & (YOU | YOUR))
		return 0;
	while (b > 0 && f->s - b < REACH && !sentence_ends(b))
		b--;
	if (f->s - b == REACH) /* within a word, perhaps */
		while (b < f->s && at(b) != ' ')
			b++;
	while (a < V.n && a - f->e < REACH && (a == f->e || !sentence_ends(a)))
		a++;
	u64 before = words_between(b, f->s, &last);
	if (quotes)
		return (before | outside | words_between(f->e, a, &unused)) & (MENTION | REPORT | DISCUSS) ? much : 2;
	if (before & (YOU | YOUR))
		return 0;
	u64 subject = 0;
	if (last < f->s)
		read_word(last, &subject);
	int to = listed(last, "to zu de d di a ");
	if (before & REPORT && (to || (before & MUST) || (subject & AI)))
		return before & AI && (f->place & DOCUMENT || !(to || subject & AI)) ? 2 : much;
	if (!(before & (AI | SYSTEM)) && listed(last, "may might could would can will did does i we they he she who which that "))
		return much;
	if (gerund(f->s) && listed(last, "for by of about after before against "))
		return much;
	u32 first = f->s;
	while (letter(first) || digit(at(first)))
		first++;
	if (at(first) == '(') /* code */
		return much;
	for (u32 k = 0; k < FAMILIES; k++)
		if (f->points[k] > 0 && k != OVERRIDING && k != ADDRESSING)
			return 0;
	if (in & MY)
		return much;
	u64 after = words_between(f->e, a, &unused);
	if ((in | before | after) & (YOU | YOUR | AI | JUST) || after & SEND)
		return 0;
	if ((before | after) & TECH)
		return much;
	return a > f->e && at(a - 1) == '?' ? own / 2 + 1 : 0;
}
