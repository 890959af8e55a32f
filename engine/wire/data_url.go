package wire

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// dataURL is a base64 data URL (RFC 2397).
type dataURL struct {
	head  string // as it was written, between "data:" and ";base64"
	media string // in lower case
	data  string
}

func parseDataURL(s string) (u dataURL, ok bool) {
	if len(s) < 5 || !strings.EqualFold(s[:5], "data:") {
		return u, false
	}
	head, data, ok := strings.Cut(s[5:], ",")
	head, ok2 := strings.CutSuffix(head, ";base64")
	media := strings.ToLower(head)
	typ, subtype, ok3 := strings.Cut(media, "/")
	if !ok || !ok2 || !ok3 || !plain(typ, 32) || !plain(strings.ReplaceAll(subtype, "+", "-"), 128) || !isBase64(data) {
		return u, false
	}
	return dataURL{head: head, media: media, data: data}, true
}

// opaque says whether nothing in the URL can be somebody's text: the media type
// is spelt as one, and the data is a binary file.
func (u dataURL) opaque() bool {
	return (u.head == u.media || len(u.head) <= shortID) && digits(u.media) < longNumber && isBinary(u.data)
}

// isBase64 says whether s has nothing but base64's characters and padding at its
// end.
func isBase64(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" || len(s)-len(body) > 2 {
		return false
	}
	for i := 0; i < len(body); i++ {
		c := body[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// isBinary says whether base64 begins with the signature of a file format that
// models take: an image, a sound, a film, a document. A card number and a key are
// valid base64, too, but no such file. Signatures are those of the formats' own
// specifications.
func isBinary(data string) bool {
	const probe = 16 // characters, for twelve bytes
	head := strings.NewReplacer("-", "+", "_", "/").Replace(data[:min(len(data), probe)&^3])
	b, err := base64.StdEncoding.DecodeString(head)
	if err != nil {
		return false
	}
	for _, signature := range []string{
		"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a", "BM", "II*\x00", "MM\x00*", "\x00\x00\x01\x00", // PNG, JPEG, GIF, BMP, TIFF, ICO
		"ID3", "\xff\xfb", "\xff\xf3", "\xff\xf2", "\xff\xf1", "\xff\xf9", "fLaC", "OggS", // MP3, AAC, FLAC, Ogg
		"\x1aE\xdf\xa3",       // WebM
		"%PDF-", "PK\x03\x04", // PDF, and the zip that office documents are
	} {
		if bytes.HasPrefix(b, []byte(signature)) {
			return true
		}
	}
	// RIFF holds WebP and WAVE; MP4, HEIC and AVIF have their mark after a length.
	return len(b) == 12 && (string(b[:4]) == "RIFF" || string(b[4:8]) == "ftyp")
}
