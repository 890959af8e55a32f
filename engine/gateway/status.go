package gateway

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/engine"
)

// inferenceStatus writes the Inference-Status header: an item of RFC 9651 built
// like Cache-Status of RFC 9211. The item is the target's name, or its posture
// where policy hides names:
//
//	vllm;model="small";pred-ttft=420;p-meet=0.97;attempt=1;budget-left=1830
//
// pred-ttft and budget-left are milliseconds; budget-left is absent where no
// total budget is in force.
func inferenceStatus(h *engine.ReplyHead) string {
	c := &h.Attempt.Candidate
	name := c.Target
	if !h.Disclose {
		name = c.Facts.Posture
	}
	b := appendName(make([]byte, 0, 96), name)
	b = appendText(append(b, ";model="...), c.Model)
	if ttft := h.Attempt.PredictedTTFT; ttft > 0 {
		b = strconv.AppendInt(append(b, ";pred-ttft="...), ttft.Milliseconds(), 10)
	}
	if p := h.Attempt.PMeet; p >= 0 && p <= 1 {
		b = strconv.AppendFloat(append(b, ";p-meet="...), math.Round(p*1000)/1000, 'f', -1, 64)
	}
	b = strconv.AppendInt(append(b, ";attempt="...), int64(h.Attempt.Number), 10)
	if h.BudgetLeft >= 0 {
		b = strconv.AppendInt(append(b, ";budget-left="...), h.BudgetLeft, 10)
	}
	return string(b)
}

// appendName writes a token where the name is one, else as appendText does.
func appendName(dst []byte, s string) []byte {
	if s == "" || !tokenStart(s[0]) || strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e || !tokenByte(byte(r)) }) {
		return appendText(dst, s)
	}
	return append(dst, s...)
}

// appendText writes a string, or a display string where it has characters that
// a string cannot hold. Neither form can hold a line break, so a declared name
// never ends the header.
func appendText(dst []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		dst = append(dst, `%"`...)
		for i := 0; i < len(s); i++ {
			if c := s[i]; c < 0x20 || c > 0x7e || c == '%' || c == '"' {
				const hex = "0123456789abcdef"
				dst = append(dst, '%', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
		return append(dst, '"')
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// lossy writes the Sallyport-Lossy header: the fields that did not come through as
// they were, as a list of RFC 9651 whose members are tokens or strings. "": none.
func lossy(losses ...[]engine.Loss) string {
	var b []byte
	for _, list := range losses {
		for _, l := range list {
			if len(b) > 0 {
				b = append(b, ", "...)
			}
			b = appendName(b, l.Field)
		}
	}
	return string(b)
}

// serverTiming writes the Server-Timing header: the stages that took time, in
// milliseconds.
func serverTiming(t *engine.Timings) string {
	b := make([]byte, 0, 96)
	for _, s := range stages(t) {
		if s.took <= 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, s.name...), ";dur="...)
		b = strconv.AppendFloat(b, float64(s.took.Microseconds())/1000, 'f', -1, 64)
	}
	return string(b)
}

// stage is a part of the way of a request and the time it took.
type stage struct {
	name string
	took time.Duration
}

func stages(t *engine.Timings) [6]stage {
	return [...]stage{{"classify", t.Classify}, {"policy", t.Policy}, {"record", t.Record}, {"queue", t.Queue}, {"upstream", t.Upstream}, {"inspect", t.Inspect}}
}
