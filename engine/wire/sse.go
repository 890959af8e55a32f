package wire

import (
	"bytes"
	"errors"
)

// maxFrame bounds one frame of a stream: the data of an SSE event, or a line of
// NDJSON. The largest real ones are images and audio in base64.
const maxFrame = 16 << 20

// errFrameTooLarge says that a stream's frame is over maxFrame.
var errFrameTooLarge = errors.New("a frame of the stream is larger than 16 MiB")

// sse cuts a text/event-stream into events, after the parsing rules of the HTML
// standard, section 9.2.6: lines end in CR, LF or CRLF; a leading byte order mark
// is skipped; the data lines of an event are joined by LF; an event without data
// is none. Field names other than data are ignored, and so are comments: every
// dialect says in its data what an event is. Bytes may be cut anywhere.
type sse struct {
	line    []byte // an unfinished line
	data    []byte // of the event so far, with an LF after each line
	begun   bool   // the byte order mark is behind
	skipLF  bool   // the last byte was the CR of what may be a CRLF
	hasData bool
}

// feed takes the next bytes and calls event for each event that they complete.
// The data is valid until event returns.
func (s *sse) feed(p []byte, event func(data []byte) error) error {
	lf := -1 // where the next LF of p is; it is looked for once, not once a line
	for len(p) > 0 {
		if s.skipLF {
			s.skipLF = false
			if p[0] == '\n' {
				p, lf = p[1:], lf-1
				continue
			}
		}
		if lf < 0 {
			if lf = bytes.IndexByte(p, '\n'); lf < 0 {
				lf = len(p)
			}
		}
		end := lf
		if cr := bytes.IndexByte(p[:lf], '\r'); cr >= 0 {
			end, s.skipLF = cr, true
		}
		if end == len(p) {
			if len(s.line)+len(p) > maxFrame {
				return errFrameTooLarge
			}
			s.line = append(s.line, p...)
			return nil
		}
		line := p[:end]
		if len(s.line) > 0 {
			if len(s.line)+len(line) > maxFrame {
				return errFrameTooLarge
			}
			s.line = append(s.line, line...)
			line = s.line
		}
		p, lf = p[end+1:], lf-end-1
		err := s.take(line, event)
		s.line = s.line[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends the stream. An event whose blank line is missing is still given out:
// real servers forget it after their last event, and one that was cut short does
// not parse.
func (s *sse) close(event func(data []byte) error) error {
	if len(s.line) > 0 {
		err := s.take(s.line, event)
		s.line = s.line[:0]
		if err != nil {
			return err
		}
	}
	return s.take(nil, event)
}

// take reads one line.
func (s *sse) take(line []byte, event func(data []byte) error) error {
	if !s.begun {
		s.begun = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		if !s.hasData {
			return nil
		}
		data := s.data[:len(s.data)-1]
		s.data, s.hasData = s.data[:0], false
		return event(data)
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if string(name) != "data" {
		return nil
	}
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	if len(s.data)+len(value) >= maxFrame {
		return errFrameTooLarge
	}
	s.data, s.hasData = append(append(s.data, value...), '\n'), true
	return nil
}
