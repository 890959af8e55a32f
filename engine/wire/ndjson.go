package wire

import "bytes"

// ndjson cuts newline-delimited JSON into lines. A CR before the LF belongs to
// the line's end; blank lines are skipped. Bytes may be cut anywhere.
type ndjson struct {
	line []byte // an unfinished line
}

// feed takes the next bytes and calls each for every line that they complete. The
// line is valid until each returns.
func (n *ndjson) feed(p []byte, each func(line []byte) error) error {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			end = len(p)
		}
		if len(n.line)+end > maxFrame {
			return errFrameTooLarge
		}
		if end == len(p) {
			n.line = append(n.line, p...)
			return nil
		}
		line := p[:end]
		if len(n.line) > 0 {
			n.line = append(n.line, line...)
			line = n.line
		}
		p = p[end+1:]
		err := n.take(line, each)
		n.line = n.line[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends the stream: a last line needs no LF.
func (n *ndjson) close(each func(line []byte) error) error {
	err := n.take(n.line, each)
	n.line = n.line[:0]
	return err
}

func (n *ndjson) take(line []byte, each func(line []byte) error) error {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	return each(line)
}
