/* secrets: credentials in texts. See README.md for what each kind takes as
 * evidence; the secrets_twin*_test.go in the folder above are the same in Go.
 *
 * Two passes. The first looks at every long run of token characters for the
 * prefixes that issuers give their keys. The second looks at signs that may
 * stand between a name and a value, for assignments, URLs with passwords, and
 * private keys. Both look at a bounded number of bytes around what they found.
 * Long runs of the first pass that look drawn and that neither explains count
 * where prose before them speaks of a credential.
 */
#define SP_CONFIG
#include "fold.h"

SP_CLASSIFIER("{\"name\":\"secrets\",\"version\":\"1.1.0\",\"independent\":true,\"kinds\":[\"SECRET_AWS_KEY\",\"SECRET_GITHUB_TOKEN\","
	      "\"SECRET_GITLAB_TOKEN\",\"SECRET_GOOGLE_API_KEY\",\"SECRET_OPENAI_KEY\",\"SECRET_ANTHROPIC_KEY\","
	      "\"SECRET_SLACK_TOKEN\",\"SECRET_STRIPE_KEY\",\"SECRET_JWT\",\"SECRET_PRIVATE_KEY\","
	      "\"SECRET_CONNECTION_STRING\",\"SECRET_PASSWORD\",\"SECRET_GENERIC\"],\"scores\":[],"
	      "\"config_schema\":{\"type\":\"object\"}}")

enum {
	AWS, GITHUB, GITLAB, GOOGLE, OPENAI, ANTHROPIC, SLACK, STRIPE, JWT, PRIVATE_KEY,
	CONNECTION, PASSWORD, GENERIC
};

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;

static sp_view V;

static inline u8 at(u32 i) { return i < V.n ? V.p[i] : 0; }
static inline int digit(u8 c) { return (u8)(c - '0') < 10; }
static inline int alpha(u8 c) { return (u8)((c | 32) - 'a') < 26; }
static inline int alnum(u8 c) { return digit(c) || alpha(c); }
static inline int hex(u8 c) { return digit(c) || (u8)((c | 32) - 'a') < 6; }
static inline u8 lower(u8 c) { return (u8)(c - 'A') < 26 ? c | 32 : c; }
static inline int quote(u8 c) { return c == '"' || c == '\'' || c == '`'; }
static inline int token(u8 c) { return alnum(c) || c == '_' || c == '-'; }

static int begins(u32 a, const char *s)
{
	for (; *s; s++, a++)
		if (at(a) != (u8)*s)
			return 0;
	return 1;
}

static int begins_lower(u32 a, const char *s)
{
	for (; *s; s++, a++)
		if (lower(at(a)) != (u8)*s)
			return 0;
	return 1;
}

/* Spans of a pass, in order, in bytes of the view. */
struct spans {
	u32 n;
	struct { u32 s, e; } at[SP_MAX_SPANS];
};
static struct spans issued_spans, named_spans, drawn; /* drawn: to be looked at again */
static struct spans *pass;

static void keep(struct spans *l, u32 s, u32 e)
{
	if (l->n < SP_MAX_SPANS) {
		l->at[l->n].s = s;
		l->at[l->n++].e = e;
	}
}

/* Has the list a span that shares bytes with [a, b)? */
static int shares(const struct spans *l, u32 a, u32 b)
{
	u32 lo = 0, hi = l->n;
	while (lo < hi) { /* the first one that ends behind a */
		u32 mid = (lo + hi) / 2;
		if (l->at[mid].e <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->at[lo].s < b;
}

static int taken(u32 a, u32 b) { return shares(&issued_spans, a, b); }

static void emit(u32 s, u32 e, u32 kind, float score)
{
	keep(pass, s, e);
	sp_view_span(&V, s, e, (uint16_t)kind, score);
}

/* How many bytes of a value are looked at to judge it, and how many values that
 * begin in so many bytes: bounded, so that a text of nothing but names and signs
 * takes linear time. What is found covers all of it. */
#define JUDGED 160
#define JUDGEMENTS 6
static u32 judged_until, judged;

static int may_judge(u32 a)
{
	if (a >= judged_until) {
		judged_until = a + JUDGED;
		judged = 0;
	}
	return ++judged <= JUDGEMENTS;
}

/* The end of an escape whose sign stands before a, as in \n, \u003d and %20; a where
 * there is none. */
static u32 past_escape(u32 a)
{
	u8 sign = at(a - 1), c = at(a);
	if (sign == '\\' && (c == 'n' || c == 'r' || c == 't'))
		return a + 1;
	if (sign == '\\' && c == 'u' && hex(at(a + 1)) && hex(at(a + 2)) && hex(at(a + 3)) && hex(at(a + 4)))
		return a + 5;
	return sign == '%' && hex(c) && hex(at(a + 1)) ? a + 2 : a;
}

/* One character of base64 or base64url, or -1. */
static int base64_digit(u8 c)
{
	if ((u8)(c - 'A') < 26)
		return c - 'A';
	if ((u8)(c - 'a') < 26)
		return c - 'a' + 26;
	if (digit(c))
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Byte k (0 to 2) of what the four characters at i stand for; -1 where they end
 * before it, at b or at one that is not base64. */
static int base64_at(u32 i, u32 b, u32 k)
{
	u32 v = 0;
	for (u32 j = 0; j < k + 2; j++) {
		int d = i + j < b ? base64_digit(V.p[i + j]) : -1;
		if (d < 0)
			return -1;
		v |= (u32)d << (18 - 6 * j);
	}
	return (int)(v >> (16 - 8 * k) & 255);
}

static const char schemes[][11] = {"basic ", "bearer ", "token ", "api-token ", "apikey ", "key "};

#include "random.h"
#include "names.h"
#include "values.h"
#include "issued.h"

static int sp_config(const char *json, size_t len)
{
	(void)json, (void)len;
	learn_pairs();
	learn_parts();
	learn_prefixes();
	learn_values();
	return 0;
}

/* scheme://user:password@host, the sign at i being the first colon. */
static u32 url_password(u32 i)
{
	u32 q = i + 3, colon = 0, back = 0;
	if (i < 2 || !alnum(at(i - 1)))
		return 0;
	if (begins(i + 3, "hooks.slack.com/services/") || begins(i + 3, "hooks.slack.com/workflows/")) {
		for (q = i + 28; token(at(q)) || at(q) == '/';)
			q++;
		if (q - i - 28 >= 40 && random_rest(i + 28, q)) {
			emit(i + 28, q, SLACK, 0.97f);
			return q;
		}
		return 0;
	}
	for (; q < V.n && q - i < 256; q++) {
		u8 c = V.p[q];
		if (c <= ' ' || quote(c) || c == '<' || c == '>' || c == '/' || c == '?' || c == '#')
			break;
		if (c == ':' && !colon)
			colon = q;
		if (c == '@')
			back = q;
	}
	if (!colon || back < colon + 4 || placeholder(colon + 1, back) || begins_lower(colon + 1, "pass@") ||
	    begins_lower(colon + 1, "pwd@") || begins_lower(colon + 1, "password@"))
		return 0;
	measure(colon + 1, back);
	if (R.distinct < 3 || taken(colon + 1, back))
		return 0;
	emit(colon + 1, back, CONNECTION, R.digits || R.points > 2 ? 0.95f : 0.8f);
	return back;
}

/* curl -u user:password, the colon at i. */
static u32 curl_user(u32 i)
{
	u32 s = i, e = i + 1;
	while (s > 0 && i - s < 64 && (alnum(V.p[s - 1]) || V.p[s - 1] == '_' || V.p[s - 1] == '.' || V.p[s - 1] == '@' || V.p[s - 1] == '-'))
		s--;
	if (s == i)
		return 0;
	if (s > 0 && quote(V.p[s - 1]))
		s--;
	if (s > 0 && (V.p[s - 1] == ' ' || V.p[s - 1] == '='))
		s--;
	if (!(s >= 3 && begins(s - 3, " -u")) && !(s >= 7 && begins(s - 7, " --user")))
		return 0;
	while (e < V.n && e - i < 128 && value_char(V.p[e]))
		e++;
	if (e - i < 5 || placeholder(i + 1, e) || taken(i + 1, e))
		return 0;
	measure(i + 1, e);
	if (R.distinct < 4)
		return 0;
	emit(i + 1, e, PASSWORD, 0.85f);
	return e;
}

/* -----BEGIN … PRIVATE KEY-----, five dashes beginning at i. Returns the end of
 * the dashes, or of the key. */
static u32 private_key(u32 i)
{
	u32 q = i;
	while (at(q) == '-')
		q++;
	if (q - i < 5 || !begins(q, "BEGIN "))
		return q;
	u32 e = q, is_private = 0;
	while (e < V.n && e - q < 64 && V.p[e] != '-' && V.p[e] != '\n')
		is_private |= (u32)begins(e++, "PRIVATE KEY");
	if (!is_private || !begins(e, "-----"))
		return q;
	e += 5;
	u32 body = 0;
	for (u32 k = e; k < V.n && k - e < 16384; k++) {
		body += alnum(V.p[k]);
		if (V.p[k] == '-' && begins(k, "-----END ")) {
			for (k += 9; k < V.n && V.p[k] != '-' && V.p[k] != '\n';)
				k++;
			while (at(k) == '-')
				k++;
			e = k;
			break;
		}
		if (V.p[k] == '-' && begins(k, "-----BEGIN "))
			break;
	}
	emit(i, e, PRIVATE_KEY, body > 60 ? 0.99f : 0.6f);
	return e;
}

/* The values under data: of the YAML document that says "kind: Secret", the colon
 * at i. They are base64, and need no telling names. */
static u32 kubernetes_done; /* a document is looked at once, whatever it repeats */
static void kubernetes(u32 i)
{
	u32 v = i + 1, s = i, e = i;
	if (i < kubernetes_done)
		return;
	while (at(v) == ' ' || quote(at(v)))
		v++;
	if (i < 4 || !begins_lower(i - 4, "kind") || (i > 4 && V.p[i - 5] != '\n' && V.p[i - 5] != ' ' && V.p[i - 5] != '\t') ||
	    !begins_lower(v, "secret") || alnum(at(v + 6)))
		return;
	while (s > 0 && i - s < 4096 && !begins(s, "\n---"))
		s--;
	while (e < V.n && e - i < 4096 && !begins(e, "\n---"))
		e++;
	kubernetes_done = e;
	u32 in = 0, depth = 0;
	while (s < e) {
		while (s < e && V.p[s] == '\n')
			s++;
		u32 line = s, key, end;
		while (s < e && (V.p[s] == ' ' || V.p[s] == '\t'))
			s++;
		key = s;
		while (s < e && V.p[s] != '\n')
			s++;
		for (end = s; end > key && (V.p[end - 1] == ' ' || V.p[end - 1] == '\r');)
			end--;
		if (end - key == 5 && begins(key, "data:")) {
			in = 1;
			depth = key - line;
			continue;
		}
		if (key - line <= depth)
			in = 0;
		u32 a = key, b = end, only = in;
		while (a < end && V.p[a] != ':')
			a++;
		a = a == end ? key : a + 1; /* a line of its own, below "name: |" */
		while (a < end && V.p[a] == ' ')
			a++;
		if (b - a > 2 && quote(V.p[a]))
			a++, b--;
		for (u32 k = a; k < b; k++)
			only &= (u32)(base64_digit(V.p[k]) >= 0 || (V.p[k] == '=' && k + 3 > b));
		if (only && b - a >= 10 && !taken(a, b))
			sp_view_span(&V, a, b, GENERIC, 0.85f);
	}
}

/* The next of = : > , - | or of a digit, at or after i. */
static u32 next_sign(u32 i)
{
	const u8 *p = V.p;
	u32 n = V.n;
	/* Neighbours: = and >, comma and -, digits and a colon. */
	const v128_t eq = wasm_i8x16_splat('='), comma = wasm_i8x16_splat(','), zero = wasm_i8x16_splat('0'), bar = wasm_i8x16_splat('|'),
		     two = wasm_i8x16_splat(2), eleven = wasm_i8x16_splat(11);
	for (; i + 16 <= n; i += 16) {
		v128_t v = wasm_v128_load(p + i);
		v128_t m = wasm_v128_or(wasm_u8x16_lt(wasm_i8x16_sub(v, eq), two), wasm_u8x16_lt(wasm_i8x16_sub(v, comma), two));
		m = wasm_v128_or(m, wasm_v128_or(wasm_u8x16_lt(wasm_i8x16_sub(v, zero), eleven), wasm_i8x16_eq(v, bar)));
		if (wasm_v128_any_true(m))
			return i + (u32)__builtin_ctz(wasm_i8x16_bitmask(m));
	}
	while (i < n && p[i] != '=' && (u8)(p[i] - '0') > 10 && p[i] != '>' && p[i] != ',' && p[i] != '-' && p[i] != '|')
		i++;
	return i;
}

/* Does the line begin at s, but for marks and a word that sets a variable? */
static int line_begins(u32 s)
{
	static const char sets[][8] = {"setenv ", "env ", "arg ", "export ", "set "};
	for (u32 k = 0, n; k < sizeof sets / sizeof *sets; k++) {
		for (n = 0; sets[k][n];)
			n++;
		if (s >= n && begins_lower(s - n, sets[k])) {
			s -= n;
			break;
		}
	}
	for (u32 n = 0; n < 8 && s > 0 && (V.p[s - 1] == ' ' || V.p[s - 1] == '\t' || V.p[s - 1] == '>' || V.p[s - 1] == '-' || V.p[s - 1] == '*' || V.p[s - 1] == '$'); n++)
		s--;
	return s == 0 || V.p[s - 1] == '\n';
}

/* Where the signs, line breaks and tags begin that part a value at a from what is
 * before it; a for none, and for the point of a sentence. */
static u32 gap_before(u32 a)
{
	u32 p = a;
	while (p > 0 && a - p < 48) {
		u8 c = V.p[p - 1];
		if (c == '>') {
			u32 q = p - 1;
			while (q > 0 && p - q < 24 && V.p[q - 1] != '<' && V.p[q - 1] != '>' && V.p[q - 1] != '\n')
				q--;
			if (q == 0 || V.p[q - 1] != '<')
				return a;
			p = q - 1;
			continue;
		}
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '-' && c != ':' && c != '.' && c != '(' && c != '|' && !quote(c))
			break;
		p--;
	}
	return at(p) == '.' && at(p + 1) != '.' ? a : p;
}

/* A name and a value at a with nothing but a space between, as in "ENV TOKEN …". What
 * does not look drawn has to end its line, which the name begins where no _ in it
 * tells it from a word. What looks drawn may have signs, line breaks and tags between. */
static u32 next_to(u32 a)
{
	if (a < 4)
		return 0;
	u32 spaced = V.p[a - 1] == ' ' && (alnum(V.p[a - 2]) || V.p[a - 2] >= 0x80);
	u32 b = a, p = spaced ? a - 1 : gap_before(a), s = read_name(p);
	if (p == a || s == p || at(s - 1) == '=')
		return 0;
	u32 says = name_says();
	if (!says || (!spaced && (says == WEAK || at(s - 1) == ',' || at(s - 1) == ';' || at(s - 1) == '|' || at(s - 1) == '\t')))
		return 0;
	u32 v = a + quote(V.p[a]);
	for (b = v; b < V.n && b - v < JUDGED && value_char(V.p[b]);)
		b++;
	if (random_value(v, b)) {
		if (says == WEAK && R.hexes == R.len)
			return 0;
	} else {
		u32 e = b + quote(at(b));
		while (at(e) == ' ' || at(e) == '\r')
			e++;
		if (says != PASS || !spaced || b - v < 8 || holds(v, b, "=") || (e < V.n && V.p[e] != '\n') || !(holds(s, a, "_") || line_begins(s)))
			return 0;
	}
	return assignment(p, a - p);
}

/* A word that says what a value is, before the value with a digit at i: "the token is
 * …", "set the token to …", "la contraseña es …". Returns where the search goes on. */
static u32 said_until; /* a value is looked at once */
static __attribute__((noinline)) u32 said(u32 i)
{
	static const char words[][7] = {"to", "auf", "a", "is", "was", "ist", "lautet", "es", "est", "er", "\xc3\xa9", "\xc3\xa8"};
	static const char verbs[][8] = {"set ", "chang", "update", "rotate", "setz", "nder", "cambi", "mudar", "mude"};
	u32 a = i, e = i;
	while (digit(at(e)))
		e++;
	if (i < said_until)
		return e;
	while (a > 0 && i - a < 64 && (value_char(V.p[a - 1]) || quote(V.p[a - 1])))
		a--;
	said_until = e;
	while (said_until - i < 64 && value_char(at(said_until)))
		said_until++;
	for (u32 k = 0; k < sizeof words / sizeof *words && a > 4 && V.p[a - 1] == ' '; k++) {
		u32 n = 0;
		while (words[k][n])
			n++;
		u32 s = a - 1 - n;
		if (s < 2 || V.p[s - 1] != ' ' || !begins(s, words[k]))
			continue;
		u32 from = s > 64 ? s - 64 : 0;
		if (read_name(s) == s || !name_says())
			return e;
		u32 said_so = k >= 3;
		for (u32 j = 0; !said_so && j < sizeof verbs / sizeof *verbs; j++)
			said_so = (u32)holds(from, s, verbs[j]);
		if (!said_so)
			return e;
		u32 r = assignment(s, n);
		return r > a ? r : e;
	}
	u32 r = next_to(a);
	return r > a ? r : e;
}

static void signs(void)
{
	u32 i = 0;
	while ((i = next_sign(i)) < V.n) {
		u32 e = 0;
		switch (V.p[i]) {
		case '-':
			if (at(i + 1) == '-' && at(i + 4) == '-')
				e = private_key(i);
			break;
		case ',': /* set("NAME", "value") */
			if (i && quote(at(i - 1)) && (quote(at(i + 1)) || quote(at(i + 2))))
				e = assignment(i, 1);
			break;
		case ':':
			if (at(i + 1) == '/' && at(i + 2) == '/') {
				e = url_password(i);
				break;
			}
			kubernetes(i);
			if ((e = curl_user(i)))
				break;
			/* fallthrough */
		case '=':
		case '>':
		case '|':
			e = assignment(i, 1);
			break;
		default:
			e = said(i);
		}
		i = e > i ? e : i + 1;
	}
}

/* Drawn runs that nothing else has taken, where the line before them names a
 * credential. */
static void drawn_runs(void)
{
	for (u32 k = 0; k < drawn.n; k++) {
		u32 a = drawn.at[k].s, b = drawn.at[k].e, s = a;
		while (s > 0 && (V.p[s - 1] == ' ' || quote(V.p[s - 1])))
			s--;
		if (shares(&named_spans, a, b) || s == a || !alnum(at(s - 1)))
			continue; /* a sign before it: judged already */
		while (s > 0 && a - s < 40 && V.p[s - 1] != '\n')
			s--;
		take_name(s, a);
		u32 bits = name_bits();
		if (!(bits & HARMLESS) && bits & (STRONG | PASS) && !placeholder(a, b) && !goes_on(b))
			emit(a, b, GENERIC, 0.7f);
	}
}

static void sp_scan(const sp_text *t)
{
	if (!sp_fold(t, &V))
		return;
	issued_spans.n = named_spans.n = drawn.n = kubernetes_done = said_until = judged_until = 0;
	pass = &issued_spans;
	long_runs();
	pass = &named_spans;
	judged_until = 0;
	signs();
	drawn_runs();
}
