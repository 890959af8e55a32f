package block

import (
	"fmt"
	"io"
	"strings"
)

// Hidden stands for a value that must not be shown.
const Hidden = "(sensitive)"

// Secret is a value that is never printed: every verb of fmt, JSON, text
// marshalling and structured loggers show "(sensitive)". The zero value is no
// secret.
type Secret struct {
	// Behind a pointer, because fmt does not ask the methods of a value in an
	// unexported field: it prints an address there.
	value *string
}

// NewSecret wraps a value.
func NewSecret(v string) Secret { return Secret{&v} }

// IsZero says whether there is no secret.
func (s Secret) IsZero() bool { return s.value == nil }

// Reveal is the value itself, for the wire and nothing else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	io.WriteString(f, s.String()) // fmt.State keeps its own errors
}

// String is "(sensitive)", or "" where there is no secret.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return Hidden
}

// MarshalText is String; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// minHidden is the length in bytes from which a value is searched for in texts.
// A shorter one is no credential, and would be found in words.
const minHidden = 8

// Hide replaces the secret where it occurs in a text, as when an upstream
// repeats a key it refused.
func (s Secret) Hide(text string) string {
	if v := s.Reveal(); len(v) >= minHidden {
		return strings.ReplaceAll(text, v, Hidden)
	}
	return text
}
