/* lists.h: values in lists whose places another list names: the rows of JSON beside
 * "columns": [...] or below a row of names, and SQL's (a, b) VALUES (...), (...). */
#ifndef PII_LISTS_H
#define PII_LISTS_H

#define LIST_MAX 512   /* no longer list is a row, nor names the places of one */
#define ROWS_MAX 2048  /* names behind rows are looked for within so much */

static struct { u32 last, names; } rows; /* the row asked for last, and what names its places */

/* The last opening bracket before a place, and up to where that was looked for: most
 * texts have none near a value. */
static struct { u32 last, upto; } brackets;

static void new_lists(void)
{
	rows.last = ~0u;
	brackets.last = brackets.upto = 0;
}

static int bracket_near(u32 p)
{
	u32 i = brackets.upto;
	if (p < i) /* looked at already, for a value further on */
		return 1;
	if (p > LIST_MAX && i < p - LIST_MAX)
		i = p - LIST_MAX;
	for (; i < p; i++)
		if (at(i) == '[' || at(i) == '(')
			brackets.last = i + 1;
	brackets.upto = p;
	return brackets.last && p - brackets.last < LIST_MAX;
}

static int blank(u8 c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static u32 past_blanks(u32 i)
{
	for (u32 n = 0; n < 64 && blank(at(i)); n++)
		i++;
	return i;
}

/* Where the blanks begin that end before i. */
static u32 before_blanks(u32 i)
{
	for (u32 n = 0; n < 64 && i > 0 && blank(at(i - 1)); n++)
		i--;
	return i;
}

static int string_mark(u8 c) { return c == '"' || c == '\''; }

/* The bracket that opens the list in which a value begins at p, and which of its
 * values that is; ~0 for none. */
static u32 list_open(u32 p, u32 *column)
{
	u8 quoted = 0;
	*column = 0;
	for (u32 i = p; i > 0 && p - i < LIST_MAX; i--) {
		u8 c = at(i - 1);
		if (quoted)
			quoted = c == quoted ? 0 : quoted;
		else if (string_mark(c))
			quoted = c;
		else if (c == '[' || c == '(')
			return i - 1;
		else if (c == ']' || c == ')' || c == '{' || c == '}')
			return ~0u;
		*column += !quoted && c == ',';
	}
	return ~0u;
}

/* Where the name of a member begins, quotes and all, whose value begins at v. */
static u32 member_name(u32 v)
{
	u32 i = before_blanks(v);
	if (i == 0 || at(i - 1) != ':')
		return ~0u;
	i = before_blanks(i - 1);
	if (i == 0 || at(i - 1) != '"')
		return ~0u;
	for (u32 e = --i; i > 0 && e - i < 32 && at(i - 1) < 0x80; i--)
		if (at(i - 1) == '"')
			return i - 1;
	return ~0u;
}

/* Does the member of this name list those of columns? */
static int names_columns(u32 i)
{
	static const char words[][13] = {"columns", "column_names", "columnnames", "cols", "fields", "header", "headers", "keys", "names", "labels"};
	for (u32 k = 0; k < sizeof words / sizeof *words; k++) {
		u32 n = 0;
		while (words[k][n] && lower(at(i + 1 + n)) == (u8)words[k][n])
			n++;
		if (!words[k][n] && at(i + 1 + n) == '"')
			return 1;
	}
	return 0;
}

/* The end of the list that is opened before i, depth lists deep. */
static u32 list_end(u32 i, u32 depth, u32 most)
{
	u8 quoted = 0;
	for (u32 s = i; i < V.n && i - s < most; i++) {
		u8 c = at(i);
		if (quoted)
			quoted = c == quoted ? 0 : quoted;
		else if (string_mark(c))
			quoted = c;
		else if (c == '[' && ++depth > 2)
			return ~0u;
		else if (c == ']' && --depth == 0)
			return i + 1;
	}
	return ~0u;
}

/* The list of names before the members that end where the list of rows is opened. */
static u32 names_before(u32 outer)
{
	for (u32 k = 0, column; k < 2; k++) {
		u32 i = member_name(outer);
		if (i == ~0u)
			return ~0u;
		i = before_blanks(i);
		if (i == 0 || at(i - 1) != ',')
			return ~0u;
		i = before_blanks(i - 1);
		if (i == 0 || at(i - 1) != ']' || (outer = list_open(i - 1, &column)) == ~0u)
			return ~0u;
		if ((i = member_name(outer)) != ~0u && names_columns(i))
			return outer;
	}
	return ~0u;
}

/* The list of names behind rows of which the first is opened at open. */
static u32 names_behind(u32 open)
{
	u32 e = list_end(open + 1, 2, ROWS_MAX);
	for (u32 k = 0; k < 2 && e != ~0u; k++) {
		u32 i = past_blanks(e), n = 0;
		if (at(i) != ',')
			return ~0u;
		u32 name = past_blanks(i + 1);
		if (at(name) != '"')
			return ~0u;
		for (i = name + 1; n < 32 && at(i) < 0x80 && at(i) != '"'; i++)
			n++;
		if (at(i) != '"')
			return ~0u;
		i = past_blanks(i + 1);
		if (at(i) != ':')
			return ~0u;
		i = past_blanks(i + 1);
		if (at(i) != '[')
			return ~0u;
		if (names_columns(name))
			return i;
		e = list_end(i + 1, 1, LIST_MAX);
	}
	return ~0u;
}

/* The list that names the places of the row opened at open; ~0 for none. */
static u32 names_of(u32 open)
{
	u32 first = open, column, names = ~0u, i;
	for (;;) {
		i = before_blanks(first);
		if (i == 0 || at(i - 1) != ',')
			break;
		i = before_blanks(i - 1);
		if (i == 0 || at(i - 1) != (at(open) == '[' ? ']' : ')'))
			break;
		u32 row_before = list_open(i - 1, &column);
		if (row_before == ~0u || at(row_before) != at(open))
			break;
		first = row_before;
		if (first == rows.last) {
			rows.last = open;
			return rows.names;
		}
	}
	i = before_blanks(first);
	if (at(open) == '(') {
		static const char values[] = "values";
		u32 n = 0;
		while (n < 6 && i >= 6 && lower(at(i - 6 + n)) == (u8)values[n])
			n++;
		if (n == 6) {
			i = before_blanks(i - 6);
			if (i > 0 && at(i - 1) == ')' && (names = list_open(i - 1, &column)) != ~0u && at(names) != '(')
				names = ~0u;
		}
	} else if (i > 0 && at(i - 1) == '[') {
		names = names_before(i - 1);
		if (names == ~0u)
			names = names_behind(first);
		if (names == ~0u)
			names = first; /* of the first row itself none are asked for */
	}
	rows.last = open;
	rows.names = names;
	return names;
}

/* The name of a place in the list at open, without what is around it; 0 where it has
 * none, or where a value of the list begins with a digit: then it names nothing. */
static int name_in(u32 open, u32 column, u32 *from, u32 *upto_)
{
	u8 quoted = 0;
	u32 k = 0, begins = 1, s = open + 1, found_it = 0;
	for (u32 i = s; i < V.n && i - open < LIST_MAX; i++) {
		u8 c = at(i);
		if (begins && digit(c))
			return 0;
		begins &= (u32)(blank(c) || string_mark(c));
		int ends = !quoted && (c == ',' || c == ']' || c == ')');
		if (quoted)
			quoted = c == quoted ? 0 : quoted;
		else if (string_mark(c))
			quoted = c;
		if (!ends)
			continue;
		if (k++ == column) {
			*from = past_blanks(s);
			*upto_ = i;
			found_it = *from < i;
		}
		if (c != ',')
			return (int)found_it;
		s = i + 1;
		begins = 1;
	}
	return 0;
}

#endif
