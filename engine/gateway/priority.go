package gateway

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// defaultUrgency is what RFC 9218 section 4.1 gives a request that states none.
const defaultUrgency = 3

// parseUrgency reads the urgency out of a Priority header, a dictionary of RFC
// 9651 in which RFC 9218 defines u (0, most urgent, to 7). Members that it does
// not know are passed over. It fails on anything that is not such a dictionary,
// and on a u that is not an urgency.
func parseUrgency(v string) (int, bool) {
	p := fieldParser{s: strings.Trim(v, " ")}
	urgency := defaultUrgency
	if p.done() {
		return urgency, true
	}
	for {
		key, ok := p.key()
		if !ok {
			return 0, false
		}
		value := "?1" // a member without a value is true
		if p.take('=') {
			from := p.at
			if !p.item() {
				return 0, false
			}
			value = p.s[from:p.at]
		}
		if !p.parameters() {
			return 0, false
		}
		if key == "u" {
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n > 7 {
				return 0, false
			}
			urgency = n
		}
		p.space("\t ")
		if p.done() {
			return urgency, true
		}
		if !p.take(',') {
			return 0, false
		}
		p.space("\t ")
	}
}

// fieldParser walks over the structured fields of RFC 9651 section 4.2. Its
// methods say whether what they name stood there, and stand behind it then.
type fieldParser struct {
	s  string
	at int
}

func (p *fieldParser) done() bool { return p.at == len(p.s) }

func (p *fieldParser) peek() byte {
	if p.done() {
		return 0
	}
	return p.s[p.at]
}

func (p *fieldParser) take(c byte) bool {
	if p.done() || p.s[p.at] != c {
		return false
	}
	p.at++
	return true
}

func (p *fieldParser) space(cutset string) {
	p.at = len(p.s) - len(strings.TrimLeft(p.s[p.at:], cutset))
}

func (p *fieldParser) while(in func(byte) bool) string {
	from := p.at
	for !p.done() && in(p.s[p.at]) {
		p.at++
	}
	return p.s[from:p.at]
}

func (p *fieldParser) key() (string, bool) {
	if c := p.peek(); !lower(c) && c != '*' {
		return "", false
	}
	return p.while(func(c byte) bool { return lower(c) || digit(c) || strings.IndexByte("_-.*", c) >= 0 }), true
}

func (p *fieldParser) parameters() bool {
	for p.take(';') {
		p.space(" ")
		if _, ok := p.key(); !ok {
			return false
		}
		if p.take('=') && !p.bareItem() {
			return false
		}
	}
	return true
}

// item is a bare item or an inner list.
func (p *fieldParser) item() bool {
	if !p.take('(') {
		return p.bareItem()
	}
	for {
		p.space(" ")
		if p.take(')') {
			return true
		}
		if !p.bareItem() || !p.parameters() {
			return false
		}
		if c := p.peek(); c != ' ' && c != ')' {
			return false
		}
	}
}

func (p *fieldParser) bareItem() bool {
	switch c := p.peek(); {
	case c == '"':
		p.at++
		return p.quoted(true)
	case c == '%':
		p.at++
		return p.take('"') && p.quoted(false)
	case c == ':':
		p.at++
		from := p.at
		p.while(func(c byte) bool { return c != ':' })
		_, err := base64.StdEncoding.DecodeString(p.s[from:p.at])
		return err == nil && p.take(':')
	case c == '?':
		p.at++
		return p.take('0') || p.take('1')
	case c == '@':
		p.at++
		n, ok := p.number()
		return ok && !strings.Contains(n, ".")
	case c == '-' || digit(c):
		_, ok := p.number()
		return ok
	case tokenStart(c):
		p.while(tokenByte)
		return true
	}
	return false
}

func (p *fieldParser) number() (string, bool) {
	from := p.at
	p.take('-')
	whole := len(p.while(digit))
	if whole == 0 || whole > 15 {
		return "", false
	}
	if p.take('.') {
		if n := len(p.while(digit)); n == 0 || n > 3 || whole > 12 {
			return "", false
		}
	}
	return p.s[from:p.at], true
}

// quoted stands behind the opening quote. A backslash escapes in a string and
// is itself in a display string.
func (p *fieldParser) quoted(escapes bool) bool {
	for !p.done() {
		c := p.s[p.at]
		p.at++
		switch {
		case c == '"':
			return true
		case c < 0x20 || c > 0x7e:
			return false
		case c == '\\' && escapes:
			if !p.take('"') && !p.take('\\') {
				return false
			}
		}
	}
	return false
}

func lower(c byte) bool { return 'a' <= c && c <= 'z' }
func digit(c byte) bool { return '0' <= c && c <= '9' }

// tokenStart and tokenByte are the characters of a token of RFC 9651.
func tokenStart(c byte) bool { return lower(c|0x20) || c == '*' }
func tokenByte(c byte) bool {
	return lower(c|0x20) || digit(c) || c != 0 && strings.IndexByte(":/!#$%&'*+-.^_`|~", c) >= 0
}
