/* A plugin for Extism's host that finds a word, for TestExtism. What it does
 * beside that depends on the configuration's "mode". No kit, no libc. Built by
 *
 *   clang-19 --target=wasm32 -O2 -ffreestanding -nostdlib -fuse-ld=/usr/bin/wasm-ld-19 \
 *     -Wl,--no-entry -Wl,--strip-all -o codeword.wasm codeword.c
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define HOST(result, name, ...) \
	__attribute__((import_module("extism:host/env"), import_name(#name))) extern result name(__VA_ARGS__)
HOST(u64, input_length, void);
HOST(u64, input_load_u64, u64);
HOST(u32, input_load_u8, u64);
HOST(u64, alloc, u64);
HOST(u64, length, u64);
HOST(u32, load_u8, u64);
HOST(void, store_u8, u64, u32);
HOST(void, store_u64, u64, u64);
HOST(void, output_set, u64, u64);
HOST(void, error_set, u64);
HOST(u64, config_get, u64);
HOST(u64, var_get, u64);
HOST(void, var_set, u64, u64);
HOST(u64, http_request, u64, u64);
HOST(void, log_info, u64);

static u8 in[1 << 20], out[1 << 16], word[64], mode[64];
static u32 n, calls;

static u32 size(const char *s)
{
	u32 k = 0;
	while (s[k])
		k++;
	return k;
}

static u64 block(const u8 *p, u32 len)
{
	u64 at = alloc(len);
	u32 i = 0;
	for (; i + 8 <= len; i += 8) {
		u64 v;
		__builtin_memcpy(&v, p + i, 8);
		store_u64(at + i, v);
	}
	for (; i < len; i++)
		store_u8(at + i, p[i]);
	return at;
}

static u32 config(const char *key, u8 *to)
{
	u64 at = config_get(block((const u8 *)key, size(key)));
	u32 len = at ? (u32)length(at) : 0;
	for (u32 i = 0; i < len && i < 63; i++)
		to[i] = (u8)load_u8(at + i);
	return len;
}

static void put(const char *s)
{
	while (*s)
		out[n++] = (u8)*s++;
}

static void number(u32 v)
{
	u8 d[10];
	u32 k = 0;
	do
		d[k++] = '0' + v % 10;
	while (v /= 10);
	while (k)
		out[n++] = d[--k];
}

static int say(void)
{
	output_set(block(out, n), n);
	return 0;
}

__attribute__((export_name("describe"))) int describe(void)
{
	n = 0;
	put("{\"name\":\"codeword\",\"version\":\"1\",\"kinds\":[\"CODE_WORD\"],\"scores\":[\"words\"]}");
	return say();
}

__attribute__((export_name("classify"))) int classify(void)
{
	u32 len = (u32)input_length(), words = config("word", word), i = 0, text = 0, found = 0;
	config("mode", mode);
	calls++;
	log_info(block(in, 4));
	for (; i + 8 <= len; i += 8) {
		u64 v = input_load_u64(i);
		__builtin_memcpy(in + i, &v, 8);
	}
	for (; i < len; i++)
		in[i] = (u8)input_load_u8(i);
	n = 0;
	switch (mode[0]) {
	case 'e': /* error */
		error_set(block(in, len));
		return 1;
	case 'h': /* http */
		http_request(block((const u8 *)"{}", 2), 0);
		return 0;
	case 'l': /* loop */
		for (;;)
			alloc(0);
	case 'm': /* memory */
		while (alloc(1 << 20))
			;
		return 2;
	case 'n': /* not JSON */
		put("bluebird");
		return say();
	case 'k': /* a kind that is not described */
		put("{\"findings\":[{\"kind\":\"OTHER\",\"score\":1,\"text\":0,\"start\":0,\"end\":1}]}");
		return say();
	case 'b': /* beyond the text */
		put("{\"findings\":[{\"kind\":\"CODE_WORD\",\"score\":1,\"text\":0,\"start\":0,\"end\":4000}]}");
		return say();
	case 's': /* state */
		if (calls > 1 || var_get(block(word, words)))
			return 3;
		var_set(block(word, words), block(in, 8));
		if (length(var_get(block(word, words))) != 8)
			return 4;
	}
	put("{\"findings\":[");
	const char *key = "\"text\":\"";
	for (i = 0; i + 8 < len; i++) {
		u32 k = 0;
		while (k < 8 && in[i + k] == (u8)key[k])
			k++;
		if (k < 8)
			continue;
		u32 at = 0; /* in the text's bytes */
		for (i += 8; in[i] != '"'; i++, at++) {
			if (in[i] == '\\')
				i += in[i + 1] == 'u' ? 5 : 1;
			for (k = 0; k < words && in[i + k] == word[k];)
				k++;
			if (k < words)
				continue;
			if (found++)
				put(",");
			put("{\"kind\":\"CODE_WORD\",\"score\":0.9,\"text\":");
			number(text);
			put(",\"start\":");
			number(at);
			put(",\"end\":");
			number(at + words);
			put("}");
		}
		text++;
	}
	put("],\"scores\":{\"words\":");
	put(found ? "1" : "0");
	put("}}");
	return say();
}
