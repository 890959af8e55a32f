/* secrets: credentials in texts. See README.md for what each kind takes as
 * evidence.
 *
 * Two passes. The first looks at every long run of token characters for the
 * prefixes that issuers give their keys. The second looks at signs that may
 * stand between a name and a value, for assignments, URLs with passwords, and
 * private keys. Both look at a bounded number of bytes around what they found.
 */
#include "fold.h"

SP_CLASSIFIER("{\"name\":\"secrets\",\"version\":\"1.0.0\",\"kinds\":[\"SECRET_AWS_KEY\",\"SECRET_GITHUB_TOKEN\","
	      "\"SECRET_GITLAB_TOKEN\",\"SECRET_GOOGLE_API_KEY\",\"SECRET_OPENAI_KEY\",\"SECRET_ANTHROPIC_KEY\","
	      "\"SECRET_SLACK_TOKEN\",\"SECRET_STRIPE_KEY\",\"SECRET_JWT\",\"SECRET_PRIVATE_KEY\","
	      "\"SECRET_CONNECTION_STRING\",\"SECRET_PASSWORD\",\"SECRET_GENERIC\"],\"scores\":[],"
	      "\"config_schema\":{\"type\":\"object\"}}")

enum {
	AWS, GITHUB, GITLAB, GOOGLE, OPENAI, ANTHROPIC, SLACK, STRIPE, JWT, PRIVATE_KEY,
	CONNECTION, PASSWORD, GENERIC
};

typedef uint8_t u8;
typedef uint32_t u32;

static sp_view V;

static inline u8 at(u32 i) { return i < V.n ? V.p[i] : 0; }
static inline int digit(u8 c) { return (u8)(c - '0') < 10; }
static inline int alpha(u8 c) { return (u8)((c | 32) - 'a') < 26; }
static inline int alnum(u8 c) { return digit(c) || alpha(c); }
static inline int hex(u8 c) { return digit(c) || (u8)((c | 32) - 'a') < 6; }
static inline u8 lower(u8 c) { return (u8)(c - 'A') < 26 ? c | 32 : c; }
static inline int space(u8 c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
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

/* ---- is it random? ---- */

static struct {
	u32 len, digits, letters, distinct, changes, most, hexes;
} R;

/* Measures [a, b): different characters, changes between upper case, lower case
 * and digits, the share of the commonest character. */
static void measure(u32 a, u32 b)
{
	u8 seen[256] = {0};
	u32 last = 0;
	R.len = b - a;
	R.digits = R.letters = R.distinct = R.changes = R.most = R.hexes = 0;
	for (u32 i = a; i < b; i++) {
		u8 c = V.p[i];
		u32 class = digit(c) ? 1 : alpha(c) ? (c & 32 ? 2 : 3) : 0;
		R.digits += class == 1;
		R.letters += class > 1;
		R.hexes += hex(c);
		if (class && last && class != last)
			R.changes++;
		if (class)
			last = class;
		R.distinct += !seen[c];
		if (seen[c] < 255 && ++seen[c] > R.most)
			R.most = seen[c];
	}
}

/* Characters as an issuer's random generator gives them, no XXXX and no words. */
static int random_rest(u32 a, u32 b)
{
	measure(a, b);
	return R.distinct >= (R.len < 24 ? 6 : 8) && R.most * 3 <= R.len + 3 && (R.digits || R.changes * 3 >= R.len);
}

/* The same without a prefix to rely on: needs digits and changes of class. */
static int random_value(u32 a, u32 b)
{
	measure(a, b);
	if (R.len < 12 || R.digits < 2 || !R.letters || R.distinct < 8 || R.most * 3 > R.len)
		return 0;
	return R.changes * 6 >= R.len;
}

/* ---- prefixes ---- */

/* rest is the least number of characters behind the prefix. */
static const struct {
	u8 kind, rest;
	char prefix[14];
} issuers[] = {
	{GITHUB, 36, "ghp_"}, {GITHUB, 36, "gho_"}, {GITHUB, 36, "ghu_"}, {GITHUB, 36, "ghs_"}, {GITHUB, 36, "ghr_"},
	{GITHUB, 50, "github_pat_"},
	{GITLAB, 20, "glpat-"}, {GITLAB, 20, "gldt-"}, {GITLAB, 20, "glptt-"}, {GITLAB, 20, "glrt-"}, {GITLAB, 20, "glft-"},
	{GITLAB, 20, "glimt-"}, {GITLAB, 40, "glagent-"}, {GITLAB, 40, "gloas-"}, {GITLAB, 20, "glsoat-"}, {GITLAB, 20, "glffct-"},
	{GITLAB, 20, "glcbt-"},
	{GOOGLE, 35, "AIza"}, {GOOGLE, 24, "GOCSPX-"},
	{ANTHROPIC, 32, "sk-ant-"}, {OPENAI, 32, "sk-proj-"}, {OPENAI, 32, "sk-svcacct-"}, {OPENAI, 32, "sk-admin-"}, {OPENAI, 24, "sk-"},
	{SLACK, 20, "xoxb-"}, {SLACK, 20, "xoxp-"}, {SLACK, 20, "xoxa-"}, {SLACK, 20, "xoxr-"}, {SLACK, 20, "xoxs-"},
	{SLACK, 20, "xoxo-"}, {SLACK, 20, "xoxe-"}, {SLACK, 24, "xapp-"},
	{STRIPE, 16, "sk_live_"}, {STRIPE, 16, "sk_test_"}, {STRIPE, 16, "sk_prod_"}, {STRIPE, 16, "rk_live_"}, {STRIPE, 16, "rk_test_"},
	{STRIPE, 16, "rk_prod_"}, {STRIPE, 24, "whsec_"},
	{AWS, 40, "ABSK"},
	{GENERIC, 30, "hf_"}, {GENERIC, 30, "api_org_"}, {GENERIC, 36, "npm_"}, {GENERIC, 50, "pypi-AgE"}, {GENERIC, 60, "dop_v1_"},
	{GENERIC, 60, "doo_v1_"}, {GENERIC, 60, "dor_v1_"}, {GENERIC, 32, "shpat_"}, {GENERIC, 32, "shpss_"}, {GENERIC, 32, "shpca_"},
	{GENERIC, 32, "shppa_"}, {GENERIC, 32, "dapi"}, {GENERIC, 36, "lin_api_"}, {GENERIC, 60, "sntrys_"}, {GENERIC, 60, "sntryu_"},
	{GENERIC, 32, "glc_"}, {GENERIC, 32, "glsa_"}, {GENERIC, 30, "pscale_tkn_"}, {GENERIC, 30, "pscale_pw_"},
	{GENERIC, 30, "pscale_oauth_"}, {GENERIC, 40, "pul-"}, {GENERIC, 48, "rubygems_"}, {GENERIC, 32, "key-"}, {GENERIC, 24, "NRAK-"},
	{GENERIC, 24, "NRII-"}, {GENERIC, 54, "EZAK"}, {GENERIC, 54, "EZTK"}, {GENERIC, 50, "PMAK-"}, {GENERIC, 40, "tfp_"},
	{GENERIC, 36, "figd_"}, {GENERIC, 36, "duffel_"}, {GENERIC, 60, "xkeysib-"}, {GENERIC, 60, "HRKU-AA"}, {GENERIC, 36, "pnu_"},
	{GENERIC, 40, "sgp_"}, {GENERIC, 60, "fio-u-"}, {GENERIC, 20, "sq0atp-"}, {GENERIC, 40, "sq0csp-"}, {GENERIC, 50, "AGE-SECRET-"},
	{GENERIC, 60, "ops_eyJ"}, {GENERIC, 16, "sm_pat_"}, {GENERIC, 16, "sm_sat_"}, {GENERIC, 30, "phx_"}, {GENERIC, 32, "r8_"},
	{GENERIC, 40, "gsk_"}, {GENERIC, 40, "pplx-"}, {GENERIC, 36, "xai-"}, {GENERIC, 26, "A3-"}, {GENERIC, 40, "tk-us-"},
	{GENERIC, 28, "dckr_pat_"}, {GENERIC, 20, "CLOJARS_"}, {GENERIC, 20, "FLWSECK"}, {GENERIC, 20, "EAAA"}, {GENERIC, 30, "fo1_"}, {GENERIC, 60, "dnkey-"},
	{GENERIC, 60, "live_"}, {GENERIC, 36, "ico-"}, {GENERIC, 20, "ATATT3"}, {GENERIC, 30, "nfp_"}, {GENERIC, 30, "sbp_"},
};

/* The end of a JSON Web Token that begins at a, or 0. */
static u32 jwt_end(u32 a, u32 b)
{
	if (!begins(a, "eyJ") || b - a < 12 || at(b) != '.')
		return 0;
	u32 c = b + 1, d;
	while (token(at(c)))
		c++;
	if (c - b < 8 || at(b + 1) != 'e' || at(c) != '.')
		return 0;
	for (d = c + 1; token(at(d));)
		d++;
	return d - c > 8 ? d : 0;
}

/* Looks at the run [a, b) of token characters; returns the end of what it found,
 * or 0. */
static u32 issued(u32 a, u32 b, u32 *kind, float *score)
{
	u32 n = b - a, e;
	*score = 0.98f;
	if ((e = jwt_end(a, b))) {
		*kind = JWT;
		return e;
	}
	if (n == 20 && (begins(a, "AKIA") || begins(a, "ASIA") || begins(a, "ABIA") || begins(a, "ACCA") || begins(a, "A3T"))) {
		for (u32 i = a; i < b; i++)
			if (!((u8)(V.p[i] - 'A') < 26 || digit(V.p[i])))
				return 0;
		*kind = AWS;
		return random_rest(a + 4, b) && !begins(b - 7, "EXAMPLE") ? b : 0;
	}
	if (n >= 22 && begins(a - 3, "SG.") && a >= 3 && at(b) == '.' && random_rest(a, b)) {
		for (e = b + 1; token(at(e)) || at(e) == '.';)
			e++;
		*kind = GENERIC;
		return e - b > 30 ? e : 0;
	}
	if (n == 35 && at(a) == 'A' && at(a - 1) == ':' && digit(at(a - 2)) && digit(at(a - 7)) && random_rest(a, b) && R.digits > 1) {
		*kind = GENERIC; /* of a Telegram bot */
		return b;
	}
	if (n >= 60 && begins(a, "ZXlK") && random_rest(a, b)) {
		*kind = JWT; /* once more in base64 */
		*score = 0.8f;
		return b;
	}
	if (n == 34 && begins(a, "SK")) { /* Twilio */
		measure(a + 2, b);
		*kind = GENERIC;
		*score = 0.9f;
		return R.hexes == 32 && R.digits > 4 && R.distinct > 8 ? b : 0;
	}
	for (u32 k = 0; k < sizeof issuers / sizeof *issuers; k++) {
		u32 len = 0;
		if (V.p[a] != (u8)issuers[k].prefix[0] || !begins(a, issuers[k].prefix))
			continue;
		while (len < sizeof issuers[k].prefix && issuers[k].prefix[len])
			len++;
		for (e = b; at(e) == '=' || at(e) == '.' || (at(e) == '/' && issuers[k].kind == GENERIC) || (e > b && token(at(e)));)
			e++;
		while (e > b && at(e - 1) == '.')
			e--;
		if (e - a < len + issuers[k].rest || !random_rest(a + len, e))
			continue;
		*kind = issuers[k].kind;
		return e;
	}
	return 0;
}

/* Every run of at least RUN token characters. Looking at the last byte of where
 * a run could be skips most of a prose text. */
#define RUN 16
static void long_runs(void)
{
	static const u8 is_token[256] = {
		['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['_'] = 1, ['-'] = 1,
	};
	const u8 *p = V.p;
	u32 n = V.n;
	for (u32 i = 0; i + RUN <= n;) {
		u32 k = i + RUN;
		while (k > i && is_token[p[k - 1]])
			k--;
		if (k > i) {
			i = k;
			continue;
		}
		u32 b = i + RUN, kind;
		while (b < n && is_token[p[b]])
			b++;
		float score;
		u32 e = issued(i, b, &kind, &score);
		if (e)
			sp_view_span(&V, i, e, (uint16_t)kind, score);
		i = e > b ? e : b;
	}
}

/* ---- names and values ---- */

/* Does the lower-case name N, without its signs, hold one of the words? */
static u8 N[48];
static u32 nlen;

static int name_has(const char *words)
{
	for (const char *w = words; *w;) {
		for (u32 i = 0; i < nlen; i++) {
			u32 k = 0;
			while (w[k] && i + k < nlen && N[i + k] == (u8)w[k])
				k++;
			if (!w[k])
				return 1;
		}
		while (*w)
			w++;
		w++;
	}
	return 0;
}

static const char password_names[] = "password\0passwd\0passphrase\0pwd\0";
static const char secret_names[] = "token\0secret\0apikey\0accesskey\0secretkey\0authkey\0privatekey\0signingkey\0encryptionkey\0"
				   "masterkey\0licensekey\0authorization\0credential\0apitoken\0accountkey\0subscriptionkey\0"
				   "apisecret\0keyid\0webhook\0";
static const char harmless_names[] = "tokens\0tokeniz\0tokentype\0tokencount\0maxtoken\0publickey\0keyword\0tokenurl\0passwordhash\0"
				     "tokenid\0secretname\0tokenend\0passwordfield\0passwordinput\0csrftoken\0";

/* Reads the name that ends before i into N; 0: there is none. */
static int read_name(u32 i)
{
	u32 e = i, s, steps = 0;
	while (e > 0 && steps < 10) { /* signs between name and value, and quotes */
		u8 c = V.p[e - 1];
		if (!(c == ' ' || c == '\t' || c == '=' || c == ':' || c == '?' || c == '.' || c == '|' || c == '>' || c == '\\' || quote(c) || c == ']'))
			break;
		e--;
		steps++;
	}
	s = e;
	while (s > 0 && e - s < 48 && (token(V.p[s - 1]) || V.p[s - 1] == '.'))
		s--;
	if (e - s == 6 && begins_lower(s, "string") && s > 1) { /* name string = */
		e = s - 1;
		for (s = e; s > 0 && e - s < 48 && token(V.p[s - 1]);)
			s--;
	}
	nlen = 0;
	for (u32 k = s; k < e; k++)
		if (alnum(V.p[k]))
			N[nlen++] = lower(V.p[k]);
	return nlen > 2;
}

/* A value that stands for another: a variable, a call, a form to fill in. */
static int placeholder(u32 a, u32 b)
{
	static const char begin[][10] = {"your", "my_", "<", "{", "$", "%", "xxx", "***", "...", "example", "process.", "os.", "env.",
					 "config.", "self.", "this.", "insert", "replace", "changeme", "redacted", "null", "none",
					 "undefined", "true", "false", "string", "password", "secret", "[", "required"};
	for (u32 k = 0; k < sizeof begin / sizeof *begin; k++)
		if (begins_lower(a, begin[k]))
			return 1;
	for (u32 i = a; i < b; i++)
		if (V.p[i] == '(' || V.p[i] == '{' || V.p[i] == '<' || (V.p[i] == '.' && V.p[i + 1 < b ? i + 1 : i] == '.'))
			return 1;
	return 0;
}

static int value_char(u8 c)
{
	return c > ' ' && c < 0x7f && !quote(c) && c != ',' && c != ';' && c != '<' && c != '>' && c != ')' && c != '\\' && c != ']' && c != '}';
}

/* A sign at i that may assign: is there a name with a meaning before, and behind
 * a value that looks as such a thing does? Returns where the value ends, or 0. */
static u32 assignment(u32 i)
{
	u32 a = i + 1, steps = 0, kind;
	float score;
	while (steps < 12 && (at(a) == ' ' || at(a) == '\t' || at(a) == '=' || at(a) == ':' || at(a) == '>' || at(a) == '\\' ||
			      ((at(a) == '\n' || at(a) == '\r') && at(i) == '>') || quote(at(a)))) {
		a++;
		steps++;
	}
	if (!value_char(at(a)) || !value_char(at(a + 5)))
		return 0;
	if (!read_name(i))
		return 0;
	u32 pass = name_has(password_names), secret = name_has(secret_names);
	if ((!pass && !secret) || name_has(harmless_names))
		return 0;
	int quoted = quote(at(a - 1));
	u32 b = a;
	if (begins_lower(a, "bearer ") || begins_lower(a, "basic ") || begins_lower(a, "token "))
		for (b = a = a + (at(a + 5) == ' ' ? 6 : 7); at(a) == ' ';)
			b = ++a;
	while (b < V.n && b - a < 512 && value_char(V.p[b]))
		b++;
	while (b > a && (V.p[b - 1] == '.' || V.p[b - 1] == ':' || V.p[b - 1] == '!'))
		b--;
	if (b - a < 6 || placeholder(a, b))
		return 0;
	u32 run = a;
	while (run < b && token(V.p[run]))
		run++;
	if (run - a >= RUN && issued(a, run, &kind, &score))
		return b; /* the other pass reports it */
	measure(a, b);
	if (pass) {
		u32 marks = R.len - R.digits - R.letters;
		if (R.distinct < 4 || (!quoted && (!R.digits || !R.letters)) || (at(i) == ':' && at(i + 1) == '/') || (quoted && at(b) == ' '))
			return 0;
		sp_view_span(&V, a, b, PASSWORD, R.digits && (marks || R.changes > 1) ? 0.9f : quoted ? 0.75f : 0.7f);
		return b;
	}
	for (u32 k = a; k < b; k++)
		if (V.p[k] == ':' && at(k + 1) == '/')
			return 0; /* a URL: its own form finds what is in it */
	if (!random_value(a, b))
		return 0;
	sp_view_span(&V, a, b, name_has("aws\0") && R.len == 40 ? AWS : GENERIC, R.len >= 20 ? 0.9f : 0.75f);
	return b;
}

/* scheme://user:password@host, the sign at i being the first colon. */
static u32 url_password(u32 i)
{
	u32 q = i + 3, colon = 0, back = 0;
	if (!alpha(at(i - 1)) || i < 2)
		return 0;
	for (; q < V.n && q - i < 256; q++) {
		u8 c = V.p[q];
		if (c <= ' ' || quote(c) || c == '<' || c == '>' || c == '/' || c == '?' || c == '#')
			break;
		if (c == ':' && !colon)
			colon = q;
		if (c == '@')
			back = q;
	}
	if (begins(i + 3, "hooks.slack.com/services/")) {
		for (q = i + 28; token(at(q)) || at(q) == '/';)
			q++;
		if (q - i - 28 >= 40 && random_rest(i + 28, q)) {
			sp_view_span(&V, i + 28, q, SLACK, 0.97f);
			return q;
		}
		return 0;
	}
	if (!colon || back < colon + 4 || placeholder(colon + 1, back) || begins_lower(colon + 1, "pass@") ||
	    begins_lower(colon + 1, "pwd@"))
		return 0;
	measure(colon + 1, back);
	if (R.distinct < 3)
		return 0;
	sp_view_span(&V, colon + 1, back, CONNECTION, 0.93f);
	return back;
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
		is_private |= begins(e++, "PRIVATE KEY");
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
	sp_view_span(&V, i, e, PRIVATE_KEY, body > 60 ? 0.99f : 0.6f);
	return e;
}

static u32 next_sign(u32 i)
{
	const u8 *p = V.p;
	u32 n = V.n;
	const v128_t eq = wasm_i8x16_splat('='), colon = wasm_i8x16_splat(':'), gt = wasm_i8x16_splat('>'),
		     comma = wasm_i8x16_splat(','), dash = wasm_i8x16_splat('-');
	for (; i + 16 <= n; i += 16) {
		v128_t v = wasm_v128_load(p + i);
		v128_t m = wasm_v128_or(wasm_i8x16_eq(v, eq), wasm_v128_or(wasm_i8x16_eq(v, colon), wasm_i8x16_eq(v, gt)));
		m = wasm_v128_or(m, wasm_v128_or(wasm_i8x16_eq(v, comma), wasm_i8x16_eq(v, dash)));
		if (wasm_v128_any_true(m))
			return i + (u32)__builtin_ctz(wasm_i8x16_bitmask(m));
	}
	while (i < n && p[i] != '=' && p[i] != ':' && p[i] != '>' && p[i] != ',' && p[i] != '-')
		i++;
	return i;
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
			if (quote(at(i - 1)) && (quote(at(i + 1)) || quote(at(i + 2))))
				e = assignment(i);
			break;
		case ':':
			if (at(i + 1) == '/' && at(i + 2) == '/') {
				e = url_password(i);
				break;
			}
			/* fallthrough */
		default:
			e = assignment(i);
		}
		i = e > i ? e : i + 1;
	}
}

static void sp_scan(const sp_text *t)
{
	if (!sp_fold(t, &V))
		return;
	long_runs();
	signs();
}
