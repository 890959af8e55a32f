package bundle

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pinned is the only key a signature is verified with, whatever key it names.
const pinned = "pinned"

// Key verifies signatures.
type Key struct {
	PEM       string // a public key, or the shared secret of an HMAC
	Algorithm string // of JWS, such as ES256
	ID        string // that a signature must name; "": any
	Scope     string // that a signature must have
}

// minSecretBytes is what RFC 7518 section 3.2 asks of an HMAC secret.
const minSecretBytes = 32

// NewKey reads a public key in PEM form, or takes a secret where algorithm is
// HS256, HS384 or HS512. An empty algorithm is the one that goes with the key:
// RS256 for RSA, ES256, ES384 or ES512 by the curve, EdDSA for Ed25519.
func NewKey(material, algorithm string) (Key, error) {
	if strings.HasPrefix(algorithm, "HS") {
		if !slices.Contains([]string{"HS256", "HS384", "HS512"}, algorithm) {
			return Key{}, fmt.Errorf("unknown algorithm %q", algorithm)
		}
		if strings.Contains(material, "-----BEGIN") {
			// A public key is no secret: whoever has it could sign.
			return Key{}, fmt.Errorf("%s takes a shared secret and not a key in PEM form", algorithm)
		}
		if len(material) < minSecretBytes {
			return Key{}, fmt.Errorf("a shared secret must have at least %d bytes", minSecretBytes)
		}
		return Key{PEM: material, Algorithm: algorithm}, nil
	}
	block, rest := pem.Decode([]byte(material))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return Key{}, errors.New("not one public key in PEM form")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return Key{}, fmt.Errorf("a PEM block %q is not a public key", block.Type)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read the public key: %w", err)
	}
	fits, err := algorithms(public)
	switch {
	case err != nil:
		return Key{}, err
	case algorithm == "":
		algorithm = fits[0]
	case !slices.Contains(fits, algorithm):
		return Key{}, fmt.Errorf("the algorithm %q does not go with this key, which takes %s", algorithm, strings.Join(fits, ", "))
	}
	return Key{PEM: material, Algorithm: algorithm}, nil
}

// algorithms are those that a public key verifies, the usual one first.
func algorithms(public any) ([]string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return nil, errors.New("an RSA key must have at least 2048 bits")
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}, nil
		case 384:
			return []string{"ES384"}, nil
		case 521:
			return []string{"ES512"}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("the public key must be of RSA, ECDSA on P-256, P-384 or P-521, or Ed25519")
}
