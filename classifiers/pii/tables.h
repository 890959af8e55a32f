/* tables.h: the words around a value in a table are those of its column's header:
 * of the first of the lines above that have as many separators, as in CSV, TSV and
 * Markdown. Those in a list of lists are those of what names its places. */
#ifndef PII_TABLES_H
#define PII_TABLES_H

#include "context.h"
#include "lists.h"

#define ROW_MAX 2048  /* no line of so many bytes is a row */
#define HEADER_MAX 48 /* nor a longer cell a header */

/* The last line that was asked for. Each is read once, and those above it only up to
 * the one before it that was. */
static struct {
	u32 s, e;         /* the line */
	u32 n;            /* its separators; 0: it is no row */
	u8 sep;           /* which they are: '\t' '|' ';' ',', ' ' for a comma and a space */
	u32 head, head_e; /* the table's first line, which may be the row */
	u32 at, quoted, column, begin; /* where its cells were read to, and which begins where */
} row;

static struct { u32 head, column, last, rest; } header; /* the lists of a header's last word, of the others */
static struct { u32 s, told, line; } asked; /* line: where the row begins */

static void new_tables(void)
{
	row.s = row.e = row.n = 0;
	header.head = asked.s = ~0u;
	new_lists();
}

static int separates_cells(u32 i, u8 sep)
{
	u8 c = at(i);
	return sep == ' ' ? c == ',' : c == sep && (c != ',' || at(i + 1) != ' ');
}

static u32 past_indent(u32 s, u32 e)
{
	while (s < e && (at(s) == ' ' || at(s) == '\t'))
		s++;
	return s;
}

/* How many separators the line has, and which: the first of the kinds that it has.
 * Quotes hide them. A single comma with a space behind is one of a sentence. */
static u32 separators(u32 s, u32 e, u8 *sep)
{
	static const u8 kinds[] = {'\t', '|', ';', ',', ' '};
	u32 n[5] = {0}, quoted = 0;
	for (s = past_indent(s, e); s < e; s++) {
		u8 c = at(s);
		quoted ^= c == '"';
		if (quoted)
			continue;
		n[0] += c == '\t';
		n[1] += c == '|';
		n[2] += c == ';';
		n[3] += c == ',' && at(s + 1) != ' ';
		n[4] += c == ',';
	}
	for (u32 k = 0; k < 5; k++)
		if (n[k] > (k == 4)) {
			*sep = kinds[k];
			return n[k];
		}
	return 0;
}

/* Is it the line between a header and its rows, as in |---|:--:| and ---+---? */
static int rule_line(u32 s, u32 e)
{
	u32 dashes = 0;
	for (; s < e; s++) {
		u8 c = at(s);
		if (c != '-' && c != '=' && c != '|' && c != '+' && c != ':' && c != ' ' && c != '\t' && c != '\r')
			return 0;
		dashes += c == '-' || c == '=';
	}
	return dashes >= 3;
}

/* Does a cell of the line begin with a digit? Then it holds values. */
static int has_values(u32 s, u32 e, u8 sep)
{
	u32 begins = 1;
	for (; s < e; s++) {
		u8 c = at(s);
		if (begins && digit(c))
			return 1;
		begins = separates_cells(s, sep) || (begins && (c == ' ' || c == '\t' || c == '"' || c == '\''));
	}
	return 0;
}

static void read_row(u32 s)
{
	u32 a = s, e = s, before = row.s, before_n = row.n, before_head = row.head, before_head_e = row.head_e;
	u8 before_sep = row.sep, sep = 0;
	while (a > 0 && s - a < ROW_MAX && at(a - 1) != '\n')
		a--;
	while (e < V.n && e - s < ROW_MAX && at(e) != '\n')
		e++;
	row.s = a;
	row.e = e;
	row.n = e - a < ROW_MAX ? separators(a, e, &row.sep) : 0;
	row.head = row.at = row.begin = past_indent(a, e);
	row.head_e = e - (at(e - 1) == '\r');
	row.quoted = row.column = 0;
	for (u32 p = a; row.n && p > 0;) {
		u32 q = p - 1, end = q;
		while (q > 0 && end - q < ROW_MAX && at(q - 1) != '\n')
			q--;
		if (end - q >= ROW_MAX)
			return;
		p = q;
		if (rule_line(q, end))
			continue;
		if (at(end - 1) == '\r')
			end--;
		if (at(end - 1) == ':') /* what says that a table follows is none of it */
			return;
		if (q == before && before_n) {
			if (before_n == row.n && before_sep == row.sep) {
				row.head = before_head;
				row.head_e = before_head_e;
			}
			return;
		}
		if (separators(q, end, &sep) != row.n || sep != row.sep)
			return;
		row.head = past_indent(q, end);
		row.head_e = end;
	}
}

/* Reads the words of a header. */
static void learn_header(u32 s, u32 e)
{
	header.last = header.rest = 0;
	if (e - s > HEADER_MAX)
		return;
	for (u32 end = 0; s < e; s++) {
		u32 lists;
		if (s < end || !word_begins(s) || !(lists = words_at(s, ~0u, &end)))
			continue;
		if (lists == W_IDENT && header.last) { /* passport id */
			header.rest |= lists;
			continue;
		}
		header.rest |= header.last;
		header.last = lists;
	}
}

/* Reads the words of the header of the column that the row was read to. */
static void read_header(void)
{
	header.head = row.head;
	header.column = row.column;
	header.last = header.rest = 0;
	u32 s = row.head, quoted = 0, column = 0, e;
	if (has_values(row.head, row.head_e, row.sep))
		return;
	for (u32 i = s; i < row.head_e && column < row.column; i++) {
		quoted ^= at(i) == '"';
		if (!quoted && separates_cells(i, row.sep)) {
			column++;
			s = i + 1;
		}
	}
	for (e = s; e < row.head_e && (quoted || !separates_cells(e, row.sep)); e++)
		quoted ^= at(e) == '"';
	learn_header(s, e);
}

static int told_by_table(u32 s)
{
	u32 p = s;
	while (p > 0 && s - p < 4 && (at(p - 1) == ' ' || at(p - 1) == '"' || at(p - 1) == '\'' || at(p - 1) == '`' || at(p - 1) == '*' || at(p - 1) == '(' || at(p - 1) == '+'))
		p--;
	u8 c = at(p - 1);
	if (c != ',' && c != ';' && c != '|' && c != '\t' && c != '\n')
		return 0;
	if (s < row.s || s > row.e || row.s == row.e)
		read_row(s);
	if (!row.n || row.s <= row.head)
		return 0;
	if (s < row.at) {
		row.at = row.begin = past_indent(row.s, row.e);
		row.quoted = row.column = 0;
	}
	for (; row.at < s; row.at++) {
		row.quoted ^= at(row.at) == '"';
		/* The quote right before the value does not hide what is before it. */
		if (!row.quoted && separates_cells(row.at, row.sep)) {
			row.column++;
			row.begin = row.at + 1;
		}
	}
	if (p > row.begin)
		return 0;
	if (header.head != row.head || header.column != row.column)
		read_header();
	asked.line = row.s;
	return header.last != 0;
}

static int told_by_list(u32 s)
{
	u32 p = s, open, column, names, e;
	while (p > 0 && s - p < 32 && (blank(at(p - 1)) || string_mark(at(p - 1)) || at(p - 1) == '+'))
		p--;
	u8 c = at(p - 1);
	if ((c != ',' && c != '[' && c != '(') || !bracket_near(p) || (open = list_open(p, &column)) == ~0u || (names = names_of(open)) == ~0u || names == open)
		return 0;
	if (!name_in(names, column, &p, &e))
		return 0;
	header.head = ~0u;
	learn_header(p, e);
	asked.line = open;
	return header.last != 0;
}

/* Is s the begin of a cell below a header with words of some list, or of a value in a
 * place with such a name? They are in header, then. */
static SELDOM int told_by_header(u32 s)
{
	asked.s = s;
	return asked.told = told_by_table(s) || told_by_list(s);
}

/* Does s begin a cell below a header with a word of the lists? */
static int below(u32 s, u32 lists)
{
	return (asked.s == s ? asked.told : (u32)told_by_header(s)) && (header.last | header.rest) & lists;
}

/* Is a cell's end at e? */
static int ends_cell(u32 e)
{
	while (at(e) == ' ' || at(e) == '"' || at(e) == '\'')
		e++;
	return at(e) == ',' || at(e) == ';' || at(e) == '|' || at(e) == '\t' || at(e) == '\n' || at(e) == ']' || at(e) == ')' || e >= V.n;
}

/* How near before s a word of the lists ends, 1 for right before it; 0 where none
 * begins in the reach bytes before s, which are at most FAR. The words of a header
 * are nearer than any others, of which only those on the line count then. */
static u32 near(u32 s, u32 reach, u32 lists)
{
	if (asked.s == s ? !asked.told : !told_by_header(s))
		return word_before(s, reach, lists);
	if (header.last & lists)
		return 1;
	if (header.rest & lists)
		return 2;
	u32 d = word_before(s, s - asked.line < reach ? s - asked.line : reach, lists);
	return d ? d + FAR : 0;
}

#endif
