package realserver

import (
	"fmt"
	"io"
	"strings"
)

// Triggers: where the last message of a prompt ends with one of these, the model
// gives the answer beside it; anything else gets Greeting.
const (
	Hello  = "[[hello]]"
	Tool   = "[[tool]]"   // a call of get_weather with {"city": "Paris"}
	UTF8   = "[[utf8]]"   // "café + 😀", cut within characters
	Secret = "[[secret]]" // a card number, cut within the number
	SSE    = "[[sse]]"    // text that looks like SSE framing
	Loop   = "[[loop]]"   // endless: limit its tokens or disconnect

	Greeting   = "Hello! I am a tiny but real model!!"
	UTF8Answer = "café + 😀"
)

const (
	width     = 512 // of the embedding: at least one dimension a token
	feedWidth = 64
	endOfText = 2
	firstByte = 3 // token of the byte 0x00; the other byte tokens follow
)

// Kinds of tokens, as llama.cpp numbers them.
const (
	tokenNormal      = 1
	tokenUnknown     = 2
	tokenControl     = 3
	tokenUserDefined = 4 // matched as a whole before the text is split
	tokenByte        = 6
)

// vocabulary is a bigram model: each token and its one successor.
type vocabulary struct {
	tokens []string
	kinds  []int32
	next   map[int]int
}

func (v *vocabulary) add(s string, kind int32) int {
	v.tokens = append(v.tokens, s)
	v.kinds = append(v.kinds, kind)
	return len(v.tokens) - 1
}

// chain lets the pieces follow the token, and the end of text follow them. Every
// piece is a token of its own and must not occur twice in the vocabulary: its
// text may, so a repeated text is told apart by how it is cut.
func (v *vocabulary) chain(from int, pieces ...string) {
	for _, p := range pieces {
		to := v.add(strings.ReplaceAll(p, " ", "\u2581"), tokenNormal)
		v.next[from], from = to, to
	}
	v.next[from] = endOfText
}

func (v *vocabulary) trigger(s string) int { return v.add(s, tokenUserDefined) }

func newVocabulary() *vocabulary {
	v := &vocabulary{next: map[int]int{}}
	v.add("<unk>", tokenUnknown)
	v.add("<s>", tokenControl)
	v.add("</s>", tokenControl)
	for b := range 256 {
		v.add(fmt.Sprintf("<0x%02X>", b), tokenByte)
	}
	v.add("<|im_start|>", tokenControl)
	v.add("<|im_end|>", tokenControl)

	hello := v.trigger(Hello)
	v.chain(hello, "Hello", "!", " I", " am", " a", " tiny", " but", " real", " model", "!!")
	v.chain(v.trigger(Tool), "<tool_call>\n", `{"name": "`, "get", "_weather", `", "arguments": {"`,
		"city", `": "`, "Par", "is", `"}}`, "\n</tool_call>")
	v.chain(v.trigger(Secret), "My", " card", " is", " 4111", " 1111 11", "11 1", "111", " ok")
	v.chain(v.trigger(SSE), "data:", " [DONE]", "\n\n", "data: ", "{}\n", "event:", " x", "\r\n", "end")

	loop := v.trigger(Loop)
	tick, tock := v.add("tick\u2581", tokenNormal), v.add("tock\u2581", tokenNormal)
	v.next[loop], v.next[tick], v.next[tock] = tick, tock, tick

	// é is two bytes and 😀 four: one token each, so that a stream cuts them.
	caf, plus := v.add("caf", tokenNormal), v.add("\u2581+\u2581", tokenNormal)
	path := []int{v.trigger(UTF8), caf, firstByte + 0xC3, firstByte + 0xA9, plus,
		firstByte + 0xF0, firstByte + 0x9F, firstByte + 0x98, firstByte + 0x80, endOfText}
	for i := range len(path) - 1 {
		v.next[path[i]] = path[i+1]
	}
	for t := range v.tokens {
		if _, ok := v.next[t]; !ok {
			v.next[t] = v.next[hello]
		}
	}
	return v
}

// chatTemplate renders a conversation so that the last message's text ends the
// prompt: its last token then picks the answer.
const chatTemplate = `{%- if tools %}<|im_start|>system
# Tools
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>
For each function call return: <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}{%- for m in messages %}<|im_start|>{{ m.role }}
{%- if m.tool_calls %}{% for tc in m.tool_calls %}
<tool_call>
{"name": "{{ tc.function.name }}", "arguments": {{ tc.function.arguments | tojson }}}
</tool_call>{% endfor %}{% else %}
{{ m.content }}{% endif %}{%- if not loop.last %}<|im_end|>
{% endif %}{% endfor %}`

// WriteModel writes the model as a GGUF file of about 3 MB. Attention and
// feed-forward weights are zero and the embeddings one-hot, so the output matrix
// alone says which token follows which.
func WriteModel(w io.Writer) error {
	v := newVocabulary()
	n := len(v.tokens)
	if n > width {
		return fmt.Errorf("write model: %d tokens do not fit an embedding of %d", n, width)
	}
	scores := make([]float32, n)
	var embed, output, all []int
	for t := range n {
		if v.kinds[t] == tokenNormal || v.kinds[t] == tokenUserDefined {
			scores[t] = -1e4 // never merged by the tokeniser: pieces appear in answers only
		}
		embed = append(embed, t*width+t)
		output = append(output, v.next[t]*width+t)
	}
	for i := range width {
		all = append(all, i)
	}
	square, up, down := []uint64{width, width}, []uint64{width, feedWidth}, []uint64{feedWidth, width}
	return writeGGUF(w, []entry{
		{"general.architecture", "llama"}, {"general.name", "tiny-bigram"}, {"general.license", "CC0-1.0"},
		{"general.file_type", uint32(0)}, {"general.alignment", uint32(ggufAlignment)},
		{"llama.context_length", uint32(4096)}, {"llama.embedding_length", uint32(width)}, {"llama.block_count", uint32(1)},
		{"llama.feed_forward_length", uint32(feedWidth)}, {"llama.attention.head_count", uint32(8)},
		{"llama.attention.head_count_kv", uint32(8)}, {"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"llama.rope.dimension_count", uint32(width / 8)}, {"llama.vocab_size", uint32(n)},
		{"tokenizer.ggml.model", "llama"}, {"tokenizer.ggml.pre", "default"}, {"tokenizer.ggml.tokens", v.tokens},
		{"tokenizer.ggml.scores", scores}, {"tokenizer.ggml.token_type", v.kinds},
		{"tokenizer.ggml.bos_token_id", uint32(1)}, {"tokenizer.ggml.eos_token_id", uint32(endOfText)},
		{"tokenizer.ggml.unknown_token_id", uint32(0)}, {"tokenizer.ggml.add_bos_token", false},
		{"tokenizer.ggml.add_space_prefix", false}, {"tokenizer.chat_template", chatTemplate},
	}, []tensor{
		{"token_embd.weight", []uint64{width, uint64(n)}, embed},
		{"output_norm.weight", []uint64{width}, all},
		{"output.weight", []uint64{width, uint64(n)}, output},
		{"blk.0.attn_norm.weight", []uint64{width}, all},
		{"blk.0.attn_q.weight", square, nil},
		{"blk.0.attn_k.weight", square, nil},
		{"blk.0.attn_v.weight", square, nil},
		{"blk.0.attn_output.weight", square, nil},
		{"blk.0.ffn_norm.weight", []uint64{width}, all},
		{"blk.0.ffn_gate.weight", up, nil},
		{"blk.0.ffn_up.weight", up, nil},
		{"blk.0.ffn_down.weight", down, nil},
	})
}
