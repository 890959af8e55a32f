package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// traceID takes the trace id out of a W3C traceparent. One that is malformed is
// as good as none (Trace Context, section 4.3): a fresh id takes its place.
func traceID(traceparent string) string {
	if id, ok := parseTraceparent(traceparent); ok {
		return id
	}
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// parseTraceparent reads "version-traceid-parentid-flags" in lower-case hex. A
// version above 00 may have more after that.
func parseTraceparent(s string) (string, bool) {
	const size = 55 // 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(s) < size || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", false
	}
	version, id, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	if !lowerHex(version) || !lowerHex(id) || !lowerHex(parent) || !lowerHex(flags) || version == "ff" {
		return "", false
	}
	if len(s) > size && (version == "00" || s[size] != '-') {
		return "", false
	}
	if strings.Trim(id, "0") == "" || strings.Trim(parent, "0") == "" {
		return "", false
	}
	return id, true
}

func lowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !digit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
