/* values.h: what is assigned to a name. */
#ifndef SECRETS_VALUES_H
#define SECRETS_VALUES_H

static int holds(u32 a, u32 b, const char *word)
{
	for (u32 i = a; i < b; i++)
		if (begins_lower(i, word))
			return 1;
	return 0;
}

/* A value that stands for another: a variable, a call, a form to fill in. */
static int placeholder(u32 a, u32 b)
{
	static const char begin[][11] = {"your", "my_", "my-", "<", "{", "$", "%", "xxx", "***", "...", "example", "process.", "os.", "env.",
					 "config.", "self.", "this.", "insert", "replace", "changeme", "redacted", "null", "none", "var.",
					 "undefined", "true", "false", "string", "secret", "[", "required", "optional", "enc[", "!", "@", "&",
					 /* keys that are public, and where a secret is kept */
					 "pk_live_", "pk_test_", "aaaab3nza", "aaaac3nza", "aaaae2vjz", "vault:", "op://", "arn:", "ssm:", "ref+", "keyvault:"};
	for (u32 k = 0; k < sizeof begin / sizeof *begin; k++)
		if (begins_lower(a, begin[k]))
			return 1;
	if ((begins_lower(a, "password") || begins_lower(a, "passwort")) && b - a < 11)
		return 1;
	for (u32 i = a; i < b; i++)
		switch (V.p[i]) {
		case '(':
		case '{':
		case '<':
			return 1;
		case '.':
			if (i + 1 < b && V.p[i + 1] == '.')
				return 1;
			break;
		case 'e':
		case 'E':
			if (begins_lower(i, "example"))
				return 1;
			break;
		case 'p':
		case 'P':
			if (begins_lower(i, "placeholder"))
				return 1;
			break;
		case 'x':
		case 'X':
			if (begins_lower(i, "xxxx"))
				return 1;
			break;
		case '_':
		case '-':
			if (begins_lower(i + 1, "here"))
				return 1;
		}
	return 0;
}

/* Does an ellipsis stand at b, behind the begin of something longer? */
static __attribute__((noinline)) int goes_on(u32 b) { return begins(b, "...") || begins(b, "\xe2\x80\xa6"); }

/* Is the sign at i in a row of a table: does its line begin with one? */
static __attribute__((noinline)) int in_row(u32 i)
{
	u32 s = i;
	while (s > 0 && i - s < 256 && V.p[s - 1] != '\n')
		s--;
	while (at(s) == ' ' || at(s) == '\t')
		s++;
	return at(s) == '|' && (s == 0 || i - s < 256);
}

static __attribute__((noinline)) u32 past_marks(u32 b)
{
	while (at(b) == ' ' || quote(at(b)))
		b++;
	return b;
}

static u8 of_value[256];

static void learn_values(void)
{
	for (u32 c = ' ' + 1; c < 0x7f; c++)
		of_value[c] = !quote((u8)c) && c != ',' && c != ';' && c != '<' && c != '>' && c != ')' && c != '\\' && c != ']' && c != '}';
}

static int value_char(u8 c) { return of_value[c]; }

static int uuid(u32 a, u32 b)
{
	if (b - a != 36)
		return 0;
	for (u32 k = 0; k < 36; k++)
		if (k == 8 || k == 13 || k == 18 || k == 23 ? V.p[a + k] != '-' : !hex(V.p[a + k]))
			return 0;
	measure(a, b);
	return R.distinct > 6;
}

/* Credentials of the Basic scheme: base64 of user:password. */
static int basic(u32 a, u32 b)
{
	u32 colon = 0;
	for (u32 i = a; i < b && V.p[i] != '='; i += 4)
		for (u32 k = 0; k < 3; k++) {
			int c = base64_at(i, b, k);
			if (c < 0)
				break;
			if (c < ' ' || c > '~')
				return 0;
			colon |= c == ':';
		}
	return b - a >= 8 && colon;
}

static u32 found_value(u32 a, u32 b, u32 kind, float score)
{
	if (b - a >= JUDGED - 4)
		while (b < V.n && value_char(V.p[b]))
			b++;
	emit(a, b, kind, score);
	return b;
}

/* A sign at i that may assign, width bytes of it: is there a name with a meaning
 * before, and behind it a value that looks as such a thing does? Returns where
 * the value ends, or where it begins if the name means nothing, or 0. */
static u32 assignment(u32 i, u32 width)
{
	u32 a = i + width, steps = 0;
	while (steps < 16 && (at(a) == ' ' || at(a) == '\t' || at(a) == '=' || at(a) == ':' || at(a) == '>' || at(a) == '\\' || at(a) == '*' ||
			      ((at(a) == '\n' || at(a) == '\r') && at(i) == '>') || quote(at(a)))) {
		a++;
		steps++;
	}
	if (!value_char(at(a)) || !value_char(at(a + 5)))
		return 0;
	u32 named = read_name(i);
	if (named == i)
		return a;
	if (name_is("_value_") && read_name(named) == named && !pair_name(named)) /* <add key="name" value="…"> */
		return 0;
	u32 says = name_says();
	if (!says)
		return a;
	int quoted = quote(at(a - 1)), is_basic = 0;
	for (u32 k = 0; k < sizeof schemes / sizeof *schemes; k++)
		if (begins_lower(a, schemes[k])) {
			while (at(a) != ' ')
				a++;
			while (at(a) == ' ')
				a++;
			is_basic = k == 0;
			break;
		}
	if (!may_judge(a))
		return a;
	u8 stop = at(i) == '|' ? '|' : named && (V.p[named - 1] == '?' || V.p[named - 1] == '&') ? '&' : 0; /* ?name=value&… */
	if (at(i) == ',' && at(named - 1) == '$')
		return 0;
	u32 b = a;
	while (b < V.n && b - a < JUDGED && value_char(V.p[b]) && V.p[b] != stop)
		b++;
	if (at(i) == '|' ? at(past_marks(b)) != '|' || !in_row(i) : at(i) == ',' && at(past_marks(b)) == ':')
		return 0; /* the latter is a name itself */
	while (b > a && (V.p[b - 1] == '.' || V.p[b - 1] == ':' || (V.p[b - 1] == '!' && says != PASS)))
		b--;
	if (b - a < 6 || placeholder(a, b) || goes_on(b) || taken(a, b))
		return b > a && taken(a, b) ? b : 0;
	if (says == PASS) {
		measure(a, b);
		u32 marks = R.len - R.digits - R.letters;
		if (R.distinct < 4 || (!quoted && (!R.digits || !R.letters)) || (at(i) == ':' && at(i + 1) == '/') || holds(a, b, "://") || (quoted && at(b) == ' '))
			return 0;
		return found_value(a, b, PASSWORD, R.digits && (marks || R.points > 4) ? 0.9f : quoted ? 0.75f : 0.7f);
	}
	if (is_basic && basic(a, b))
		return found_value(a, b, GENERIC, 0.9f);
	for (u32 k = a; k < b; k++)
		if (V.p[k] == ':' && at(k + 1) == '/')
			return 0; /* a URL: its own form finds what is in it */
	if (says & STRONG && uuid(a, b))
		return found_value(a, b, GENERIC, 0.8f);
	if (!random_value(a, b))
		return 0;
	if (says == WEAK) {
		if (R.len < 20 || (u32)R.points * 2 < R.len || uuid(a, b))
			return 0;
		return found_value(a, b, GENERIC, 0.55f);
	}
	return found_value(a, b, says & OF_AWS && R.len == 40 ? AWS : GENERIC, R.len >= 20 ? 0.9f : 0.75f);
}

#endif
