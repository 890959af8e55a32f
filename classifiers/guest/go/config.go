package guest

import "unicode/utf8"

// Strings returns the strings of a member of config, which is a JSON object: the
// strings of an array, or one string. Whatever else it holds is left out, and nil
// says that there is none. The package encoding/json can do more, and makes a
// module half as large again.
func Strings(config []byte, name string) []string {
	d := decoder{b: config}
	var out []string
	if d.next() != '{' {
		return nil
	}
	d.at++
	for d.next() == '"' {
		key := d.text()
		d.next()
		d.at++ // the colon
		if key == name {
			out = nil // the last one counts
			switch d.next() {
			case '"':
				out = append(out, d.text())
			case '[':
				d.at++
				for c := d.next(); c != ']' && c != 0; c = d.next() {
					if c == '"' {
						out = append(out, d.text())
					} else {
						d.skip()
					}
					if d.next() == ',' {
						d.at++
					}
				}
				d.at++
			default:
				d.skip()
			}
		} else {
			d.skip()
		}
		if d.next() == ',' {
			d.at++
		}
	}
	return out
}

// decoder walks over JSON that the host has checked.
type decoder struct {
	b  []byte
	at int
}

// next is the first byte that is no white space; 0 at the end.
func (d *decoder) next() byte {
	for ; d.at < len(d.b); d.at++ {
		if c := d.b[d.at]; c > ' ' {
			return c
		}
	}
	return 0
}

// take is the next byte of a string; 0 at the end.
func (d *decoder) take() byte {
	if d.at >= len(d.b) {
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

// text reads a string.
func (d *decoder) text() string {
	var out []byte
	d.at++
	for d.at < len(d.b) {
		c := d.take()
		if c == '"' {
			break
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		switch c = d.take(); c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := d.hex()
			if r>>10 == 0xd800>>10 { // the first half of a pair
				d.at += 2
				r = 0x10000 + (r&0x3ff)<<10 + d.hex()&0x3ff
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func (d *decoder) hex() rune {
	var r rune
	for range 4 {
		c := d.take()
		if c > '9' {
			c += 9 // the low four bits of "A" and "a" are 1
		}
		r = r<<4 | rune(c&15)
	}
	return r
}

// skip passes over a value.
func (d *decoder) skip() {
	depth := 0
	for {
		switch c := d.next(); c {
		case 0:
			return
		case '"':
			d.text()
		case '{', '[':
			depth++
			d.at++
		case '}', ']':
			depth--
			d.at++
		default:
			d.at++
			if depth == 0 { // a number, true, false or null
				for c := d.next(); c != ',' && c != '}' && c != ']' && c != 0; c = d.next() {
					d.at++
				}
			}
		}
		if depth <= 0 {
			return
		}
	}
}
