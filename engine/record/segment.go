package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	headerBytes = 16
	// beginsCommit marks, in a frame's length word, the first frame of a commit. A
	// commit is begun only after the one before it was synced, so such a frame is
	// proof that everything in front of it was once on the disk. Recovery tells
	// damage from a torn write by it.
	beginsCommit = 1 << 31
	// maxRecordBytes bounds one record, and so what a reader allocates on the word
	// of a length field.
	maxRecordBytes = 64 << 20
	// firstSeq is the number of the first record. Zero is left for "not recorded".
	firstSeq = 1

	segmentSuffix = ".log"
	seqDigits     = 20 // as many as the greatest uint64 has
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentName is the file that begins with the record seq.
func segmentName(seq uint64) string {
	return fmt.Sprintf("%0*d%s", seqDigits, seq, segmentSuffix)
}

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != seqDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// frame is one record as it stands in a segment. payload is valid until the next
// call of the reader.
type frame struct {
	off     int64
	seq     uint64
	begins  bool
	payload []byte
}

func (f *frame) end() int64 { return f.off + headerBytes + int64(len(f.payload)) }

// appendFrame appends the frame of e. The checksum covers everything but itself,
// so that no bit of a frame can change unseen.
func appendFrame(dst []byte, e *entry, begins bool) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerBytes)...)
	dst = append(dst, e.json[:e.seqAt]...)
	dst = strconv.AppendUint(dst, e.seq, 10)
	dst = append(dst, e.json[e.seqAt+len("0"):]...)

	head := dst[start : start+headerBytes]
	word := uint32(len(dst) - start - headerBytes)
	if begins {
		word |= beginsCommit
	}
	binary.LittleEndian.PutUint32(head[0:], word)
	binary.LittleEndian.PutUint64(head[8:], e.seq)
	binary.LittleEndian.PutUint32(head[4:], checksum(head, dst[start+headerBytes:]))
	return dst
}

func checksum(head, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, head[0:4])
	sum = crc32.Update(sum, castagnoli, head[8:headerBytes])
	return crc32.Update(sum, castagnoli, payload)
}

// header is the decoded fixed part of a frame.
type header struct {
	length int
	begins bool
	crc    uint32
	seq    uint64
}

func parseHeader(b []byte) header {
	word := binary.LittleEndian.Uint32(b)
	return header{
		length: int(word &^ beginsCommit),
		begins: word&beginsCommit != 0,
		crc:    binary.LittleEndian.Uint32(b[4:]),
		seq:    binary.LittleEndian.Uint64(b[8:]),
	}
}

// fits says whether a frame with this header can stand in so many bytes.
func (h header) fits(left int64) bool {
	return h.length > 0 && h.length <= maxRecordBytes && int64(h.length) <= left-headerBytes
}

// errTorn says that no complete and valid frame stands where one was expected.
var errTorn = errors.New("no complete record")

// frameReader reads the frames of one segment in order. It never reads past
// size, the length of the file when the reading began.
type frameReader struct {
	r       *bufio.Reader
	off     int64
	size    int64
	head    [headerBytes]byte
	payload []byte
}

func newFrameReader(r io.ReaderAt, off, size int64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(io.NewSectionReader(r, off, size-off), 256<<10), off: off, size: size}
}

// next returns the next frame: io.EOF at the clean end of the segment, errTorn
// where what follows is not a frame; off is then where it begins.
func (fr *frameReader) next() (frame, error) {
	left := fr.size - fr.off
	if left == 0 {
		return frame{}, io.EOF
	}
	if left < headerBytes {
		return frame{}, errTorn
	}
	head := fr.head[:]
	if _, err := io.ReadFull(fr.r, head); err != nil {
		return frame{}, shortRead(err)
	}
	h := parseHeader(head)
	if !h.fits(left) {
		return frame{}, errTorn
	}
	fr.payload = slices.Grow(fr.payload[:0], h.length)[:h.length]
	if _, err := io.ReadFull(fr.r, fr.payload); err != nil {
		return frame{}, shortRead(err)
	}
	if checksum(head, fr.payload) != h.crc {
		return frame{}, errTorn
	}
	f := frame{off: fr.off, seq: h.seq, begins: h.begins, payload: fr.payload}
	fr.off = f.end()
	return f, nil
}

// shortRead turns the end of a file that was cut while it was read into errTorn.
func shortRead(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// readFrame reads the one frame at off. Its payload is the caller's.
func readFrame(r io.ReaderAt, off, size int64) (frame, error) {
	var head [headerBytes]byte
	if size-off < headerBytes {
		return frame{}, errTorn
	}
	if _, err := r.ReadAt(head[:], off); err != nil {
		return frame{}, shortRead(err)
	}
	h := parseHeader(head[:])
	if !h.fits(size - off) {
		return frame{}, errTorn
	}
	payload := make([]byte, h.length)
	if _, err := r.ReadAt(payload, off+headerBytes); err != nil {
		return frame{}, shortRead(err)
	}
	if checksum(head[:], payload) != h.crc {
		return frame{}, errTorn
	}
	return frame{off: off, seq: h.seq, begins: h.begins, payload: payload}, nil
}

// laterCommit looks behind a place where no frame could be read for the first
// frame of a commit with a higher number than expected.
//
// A place in JSON text cannot be taken for a header: the number's eight bytes
// contain a zero byte for every number below 2^56, and JSON text contains none.
func laterCommit(r io.ReaderAt, off, size int64, expected uint64) (found bool, err error) {
	const window = 1 << 20
	highest := expected + uint64(size-off)/headerBytes // more frames do not fit
	buf := make([]byte, window+headerBytes)
	for base := off; base+headerBytes <= size; base += window {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-base)], base)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		for i := 0; i < window && i+headerBytes <= n; i++ {
			h := parseHeader(buf[i:])
			if !h.begins || h.seq <= expected || h.seq > highest {
				continue
			}
			_, err := readFrame(r, base+int64(i), size)
			if err == nil {
				return true, nil
			}
			if !errors.Is(err, errTorn) {
				return false, err
			}
		}
	}
	return false, nil
}

// endsWith says whether the segment's last frame is that of seq, without reading
// the frames before it.
func endsWith(r io.ReaderAt, size int64, seq uint64) (bool, error) {
	for window := int64(64 << 10); ; window *= 4 {
		base := max(0, size-window)
		buf := make([]byte, size-base)
		if _, err := r.ReadAt(buf, base); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		for i := len(buf) - headerBytes; i >= 0; i-- {
			h := parseHeader(buf[i:])
			if h.seq == seq && i+headerBytes+h.length == len(buf) {
				if checksum(buf[i:i+headerBytes], buf[i+headerBytes:]) == h.crc {
					return true, nil
				}
			}
		}
		if base == 0 || window > maxRecordBytes+headerBytes {
			return false, nil
		}
	}
}
