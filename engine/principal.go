package engine

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Principal is who sent a request.
type Principal struct {
	ID            string            `json:"id"`
	Tenant        string            `json:"tenant"`
	Roles         []string          `json:"roles"`
	Attributes    map[string]string `json:"attributes"`
	Authenticated bool              `json:"authenticated"`
}

// Anonymous is the principal of a request without credentials.
func Anonymous() Principal {
	return Principal{ID: "anonymous", Tenant: "", Roles: []string{}, Attributes: map[string]string{}}
}

// Key is one API key: the hash of its secret and whom it speaks for.
type Key struct {
	SHA256    [sha256.Size]byte
	Principal Principal
}

// Keyring authenticates API keys.
type Keyring struct {
	Keys      []Key
	Anonymous bool // requests without credentials are let through to policy
}

// Authenticate returns the principal of a secret. The secret is hashed and the
// hash compared with every key in constant time, so neither the key's content
// nor its place in the configuration shows in the time it takes. A secret that
// is present but unknown fails even where anonymous requests are allowed.
func (k *Keyring) Authenticate(secret []byte) (Principal, bool) {
	if len(secret) == 0 {
		return Anonymous(), k.Anonymous
	}
	sum := sha256.Sum256(secret)
	found := -1
	for i := range k.Keys {
		if subtle.ConstantTimeCompare(sum[:], k.Keys[i].SHA256[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Principal{}, false
	}
	p := k.Keys[found].Principal
	p.Authenticated = true
	return p, true
}
