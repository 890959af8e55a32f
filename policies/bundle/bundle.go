// Package bundle brings signed policy bundles in OPA's format to this program:
// it downloads them from one pinned host, verifies them with one pinned key,
// refuses older ones, and keeps the last good one on disk. It hides HTTP, the
// archive and the signature; what comes out is a Bundle to be loaded, of which
// every byte was signed.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// Bundle is a verified bundle. It does not change.
type Bundle struct {
	Revision string // as its manifest says; free text
	SHA256   string // of the archive, hex
	Roots    []string
	Files    []File // modules, and one data.json with all of its data
	Order    Order
	Expires  time.Time // of the signature; zero: never

	archive []byte
	etag    string
}

// File is one file of a bundle.
type File struct {
	Name  string // slash-separated, relative
	Bytes []byte // must not be changed
}

// Order is a bundle's place among those of its source: the sequence of its
// manifest's metadata, or else the time its signature was issued at. A signature
// says who made a bundle and not when it is to be used: without an order, whoever
// stands between could give out an old one again.
type Order struct {
	Sequence int64 // from 1; 0: not stated
	IssuedAt int64 // Unix seconds, of the signed claim iat; 0: not stated
}

// String says which order a bundle states.
func (o Order) String() string {
	switch {
	case o.Sequence > 0:
		return fmt.Sprintf("sequence %d", o.Sequence)
	case o.IssuedAt > 0:
		return "issued at " + time.Unix(o.IssuedAt, 0).UTC().Format(time.RFC3339)
	}
	return "no order"
}

// stated says whether there is an order at all.
func (o Order) stated() bool { return o.Sequence > 0 || o.IssuedAt > 0 }

// after says whether o may replace before. Who once numbered bundles cannot go
// back to dating them: the numbers could be evaded that way.
func (o Order) after(before Order) bool {
	if before.Sequence > 0 || o.Sequence > 0 {
		return o.Sequence > before.Sequence
	}
	return o.IssuedAt > before.IssuedAt
}

// Limits bound an archive. A zero field is its default.
type Limits struct {
	ArchiveBytes  int64 // as downloaded; default 32 MiB
	UnpackedBytes int64 // of all files together; default 256 MiB
	Files         int   // default 10,000
}

func (l Limits) withDefaults() Limits {
	if l.ArchiveBytes == 0 {
		l.ArchiveBytes = 32 << 20
	}
	if l.UnpackedBytes == 0 {
		l.UnpackedBytes = 256 << 20
	}
	if l.Files == 0 {
		l.Files = 10_000
	}
	return l
}

// read verifies an archive and takes it apart. Nothing in it is parsed as Rego
// before its signature was found good.
func read(name string, archive []byte, key Key, limits Limits, now time.Time) (*Bundle, error) {
	if err := measure(archive, limits); err != nil {
		return nil, err
	}
	verify := opa.NewVerificationConfig(map[string]*opa.KeyConfig{
		pinned: {Key: key.PEM, Algorithm: key.Algorithm},
	}, pinned, key.Scope, nil)
	b, err := opa.NewCustomReader(opa.NewTarballLoader(bytes.NewReader(archive))).
		WithBundleName(name).
		WithBundleVerificationConfig(verify).
		WithSizeLimitBytes(limits.UnpackedBytes).
		WithLazyLoadingMode(false).
		WithRegoVersion(ast.RegoV1).
		Read()
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	claims, err := claimsOf(b.Signatures.Signatures, key)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	sum := sha256.Sum256(archive)
	out := &Bundle{Revision: b.Manifest.Revision, SHA256: hex.EncodeToString(sum[:]), Order: Order{IssuedAt: claims.IssuedAt}, archive: archive}
	switch {
	case claims.Expires != 0 && now.Unix() >= claims.Expires:
		return nil, fmt.Errorf("verify: the signature expired at %s", time.Unix(claims.Expires, 0).UTC().Format(time.RFC3339))
	case claims.NotBefore > now.Add(clockSkew).Unix() || claims.IssuedAt > now.Add(clockSkew).Unix():
		return nil, errors.New("verify: the signature is from the future; one of the clocks is wrong")
	case b.Type() != opa.SnapshotBundleType:
		return nil, errors.New("a delta bundle; only whole bundles can be signed")
	case len(b.WasmModules)+len(b.PlanModules) > 0 || len(b.Manifest.WasmResolvers) > 0:
		return nil, errors.New("compiled policy (policy.wasm, plan.json) is not read: put the Rego sources into the bundle")
	}
	if claims.Expires != 0 {
		out.Expires = time.Unix(claims.Expires, 0)
	}
	if v := b.Manifest.RegoVersion; v != nil && *v != 1 || len(b.Manifest.FileRegoVersions) > 0 {
		return nil, errors.New("the bundle is of Rego 0; build it with Rego 1")
	}
	if s, ok := b.Manifest.Metadata["sequence"]; ok {
		n, err := positive(s)
		if err != nil {
			return nil, err
		}
		out.Order.Sequence = n
	}
	out.Roots = slices.Clone(*b.Manifest.Roots)
	for _, m := range b.Modules {
		name := strings.TrimPrefix(path.Clean("/"+m.RelativePath), "/")
		if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
			// Copies of policies in folders are read without such files.
			return nil, fmt.Errorf("the name %q of a module begins with a dot", name)
		}
		out.Files = append(out.Files, File{Name: name, Bytes: m.Raw})
	}
	if len(b.Data) > 0 {
		data, err := json.Marshal(b.Data)
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		out.Files = append(out.Files, File{Name: "data.json", Bytes: data})
	}
	slices.SortFunc(out.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// clockSkew is how far the signer's clock may be ahead of ours.
const clockSkew = 5 * time.Minute

// measure unpacks an archive without keeping it: a few bytes of gzip can stand
// for as many gigabytes, and OPA's reader bounds each file and not their sum.
func measure(archive []byte, limits Limits) error {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return fmt.Errorf("not a gzip archive: %w", err)
	}
	bounded := &io.LimitedReader{R: z, N: limits.UnpackedBytes + 1}
	t := tar.NewReader(bounded)
	for files := 0; ; files++ {
		_, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case bounded.N <= 0:
			return fmt.Errorf("unpacks to more than %d bytes", limits.UnpackedBytes)
		case err != nil:
			return fmt.Errorf("not a whole tar archive: %w", err)
		case files == limits.Files:
			return fmt.Errorf("holds more than %d files", limits.Files)
		}
	}
	// The rest, so that the checksum at the end is read, too.
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return fmt.Errorf("not a whole gzip archive: %w", err)
	}
	if bounded.N <= 0 {
		return fmt.Errorf("unpacks to more than %d bytes", limits.UnpackedBytes)
	}
	return nil
}

// claims are what the signature says beside the files.
type claims struct {
	IssuedAt  int64  `json:"iat"`
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	KeyID     string `json:"keyid"`
}

// claimsOf reads the claims of a signature that was verified.
func claimsOf(signatures []string, key Key) (c claims, err error) {
	if len(signatures) != 1 {
		return c, errors.New("exactly one signature is read")
	}
	header, payload, _ := strings.Cut(signatures[0], ".")
	payload, _, _ = strings.Cut(payload, ".")
	var h struct {
		KeyID string   `json:"kid"`
		Alg   string   `json:"alg"`
		Crit  []string `json:"crit"`
	}
	for part, into := range map[string]any{header: &h, payload: &c} {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return c, errors.New("the signature is malformed")
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return c, errors.New("the signature's claims are malformed: iat, exp and nbf are whole seconds")
		}
	}
	if h.KeyID == "" {
		h.KeyID = c.KeyID
	}
	switch {
	case h.Alg != key.Algorithm:
		return c, fmt.Errorf("the signature is of the algorithm %q, not %s", h.Alg, key.Algorithm)
	case key.ID != "" && h.KeyID != key.ID:
		return c, fmt.Errorf("the signature is by the key %q, not %q", h.KeyID, key.ID)
	case len(h.Crit) > 0:
		return c, errors.New("the signature asks for extensions")
	case c.IssuedAt < 0 || c.Expires < 0 || c.NotBefore < 0:
		return c, errors.New("the signature's times are negative")
	}
	return c, nil
}

func positive(v any) (int64, error) {
	number, _ := v.(json.Number) // "" is no number
	n, err := number.Int64()
	if err != nil || n < 1 {
		return 0, errors.New("the manifest's metadata.sequence must be a whole number from 1")
	}
	return n, nil
}

// conflict says which roots two bundles both claim; "": none.
func conflict(a, b *Bundle) string {
	for _, x := range a.Roots {
		for _, y := range b.Roots {
			if opa.RootPathsOverlap(x, y) {
				return fmt.Sprintf("%q and %q", x, y)
			}
		}
	}
	return ""
}

// Conflicts says which of several bundles, by name, claim the same documents.
func Conflicts(bundles map[string]*Bundle) error {
	names := make([]string, 0, len(bundles))
	for name := range bundles {
		names = append(names, name)
	}
	slices.Sort(names)
	var errs []error
	for i, a := range names {
		for _, b := range names[i+1:] {
			if c := conflict(bundles[a], bundles[b]); c != "" {
				errs = append(errs, fmt.Errorf("bundles %q and %q both claim a root: %s", a, b, c))
			}
		}
	}
	return errors.Join(errs...)
}
