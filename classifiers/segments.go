package classifiers

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/sallyport-ai/sallyport/engine"
)

// A client sends the whole conversation with every turn. What a module that reads
// each text by itself found in a text once, it finds there again, so those results
// are kept, and only new texts are scanned.
//
// Nothing of a text is kept, only a keyed hash of 128 bits, and which kinds were
// found where. The hash is the tag that AES-GCM gives to text as additional data,
// under a random key of this process. GHASH is a universal hash: without the key,
// which nothing ever shows a function of, the chance that two texts of a megabyte
// have the same tag is 2^-112, whoever chose them.

// segmentBytes is how much the kept results of a host may take, about.
const segmentBytes = 16 << 20

// segmentShards is how many parts the results are kept in, each with a lock.
const segmentShards = 16

// segmentKey is the hash of a text, with the module that read it.
type segmentKey [16]byte

// segment is what was found in one text. It does not change.
type segment struct{ spans []segmentSpan }

type segmentSpan struct {
	start, end uint32
	kind       uint16 // position in the description
	score      float64
}

// Sizes in memory, about: a map's entry with the segment it points to, and a span.
const (
	segmentCost     = 80
	segmentSpanCost = 24
)

// segmentCache holds results of all classifiers of a host. It is safe for
// concurrent use.
type segmentCache struct {
	seal   cipher.AEAD
	shards [segmentShards]segmentShard
}

// segmentShard forgets in two generations: what was not asked for while the young
// one filled up goes with the old one.
type segmentShard struct {
	mu         sync.Mutex
	young, old map[segmentKey]*segment
	bytes      int // of young
}

func newSegmentCache() (*segmentCache, error) {
	key := make([]byte, 16)
	rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a hash of texts: %w", err)
	}
	s := &segmentCache{}
	if s.seal, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("make a hash of texts: %w", err)
	}
	return s, nil
}

// moduleID tells apart the modules and configurations that texts were read by.
func moduleID(digest [sha256.Size]byte, config []byte) [8]byte {
	h := sha256.New()
	h.Write(digest[:])
	h.Write(config)
	return [8]byte(h.Sum(nil))
}

// key hashes a text. scratch has a nonce's length, tag a tag's capacity: they are
// the caller's so that nothing is allocated.
func (s *segmentCache) key(module [8]byte, t *engine.Text, nonce *[12]byte, tag *[16]byte) segmentKey {
	copy(nonce[:], module[:])
	binary.LittleEndian.PutUint16(nonce[8:], uint16(t.Role))
	binary.LittleEndian.PutUint16(nonce[10:], uint16(t.Kind))
	// Seal only reads the text.
	return segmentKey(s.seal.Seal(tag[:0], nonce[:], nil, unsafe.Slice(unsafe.StringData(t.Value), len(t.Value))))
}

func (s *segmentCache) get(k segmentKey) *segment {
	sh := &s.shards[k[0]%segmentShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if seg := sh.young[k]; seg != nil {
		return seg
	}
	seg := sh.old[k]
	if seg != nil {
		sh.add(k, seg)
	}
	return seg
}

func (s *segmentCache) put(k segmentKey, seg *segment) {
	sh := &s.shards[k[0]%segmentShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.add(k, seg)
}

func (sh *segmentShard) add(k segmentKey, seg *segment) {
	cost := segmentCost + segmentSpanCost*len(seg.spans)
	if sh.young == nil || sh.bytes+cost > segmentBytes/segmentShards/2 {
		sh.old, sh.young, sh.bytes = sh.young, map[segmentKey]*segment{}, 0
	}
	if sh.young[k] == nil {
		sh.young[k] = seg
		sh.bytes += cost
	}
}

// remembered is what an instance needs to ask for a request's texts.
type remembered struct {
	nonce [12]byte
	tag   [16]byte
	keys  []segmentKey
	known []*segment // by text; nil: it has to be scanned
	rest  []*engine.Text
	at    []int // of rest in the request
}

var noSpans = &segment{}

// classifyNew is classify for a module that reads each text by itself: it scans
// only what it has not seen. Findings stand in the order of the texts, whatever
// was known.
func (i *instance) classifyNew(ctx context.Context, texts []*engine.Text) (engine.Report, string, error) {
	c, r := i.of, &i.seen
	cache := c.host.segments
	r.keys, r.known, r.rest, r.at = r.keys[:0], r.known[:0], r.rest[:0], r.at[:0]
	defer func() { clear(r.rest); clear(r.known) }()
	spans := 0
	for n, t := range texts {
		var key segmentKey
		var seg *segment
		if len(t.Value) >= c.remember {
			key = cache.key(c.id, t, &r.nonce, &r.tag)
			seg = cache.get(key)
		}
		r.keys, r.known = append(r.keys, key), append(r.known, seg)
		if seg == nil {
			r.rest, r.at = append(r.rest, t), append(r.at, n)
		} else {
			spans += len(seg.spans)
		}
	}
	var rep engine.Report
	if len(r.rest) > 0 {
		var code string
		var err error
		if rep, code, err = i.classify(ctx, r.rest); code != "" {
			return engine.Report{}, code, err
		}
	}
	sortByText(rep.Findings)
	if !rep.Truncated {
		c.keep(r, rep.Findings)
	}
	for k := range rep.Findings {
		rep.Findings[k].Text = r.at[rep.Findings[k].Text]
	}
	if spans > 0 {
		rep.Findings = c.merge(r.known, rep.Findings, spans)
	}
	return rep, "", nil
}

func sortByText(findings []engine.Finding) {
	slices.SortStableFunc(findings, func(a, b engine.Finding) int { return cmp.Compare(a.Text, b.Text) })
}

// keep stores what was found in the texts that were scanned. Findings stand in
// the order of those texts.
func (c *Classifier) keep(r *remembered, findings []engine.Finding) {
	for n, at := range r.at {
		of := findings
		for len(of) > 0 && of[0].Text == n {
			of = of[1:]
		}
		of, findings = findings[:len(findings)-len(of)], of
		if len(r.rest[n].Value) < c.remember {
			continue
		}
		seg := noSpans
		if len(of) > 0 {
			seg = &segment{spans: make([]segmentSpan, len(of))}
			for k, f := range of {
				kind := slices.Index(c.desc.Kinds, f.Kind)
				seg.spans[k] = segmentSpan{uint32(f.Span.Start), uint32(f.Span.End), uint16(kind), f.Score}
			}
		}
		c.host.segments.put(r.keys[at], seg)
	}
}

// merge puts spans findings of known texts between those of the others.
func (c *Classifier) merge(known []*segment, scanned []engine.Finding, spans int) []engine.Finding {
	all := make([]engine.Finding, 0, len(scanned)+spans)
	for n, seg := range known {
		if seg == nil {
			for len(scanned) > 0 && scanned[0].Text == n {
				all, scanned = append(all, scanned[0]), scanned[1:]
			}
			continue
		}
		for _, s := range seg.spans {
			all = append(all, engine.Finding{
				Classifier: c.info.Name, Kind: c.desc.Kinds[s.kind], Score: s.score, Text: n,
				Span: engine.Span{Start: int(s.start), End: int(s.end)},
			})
		}
	}
	return all
}

// rememberFrom measures on an instance from which length of a text on it pays to
// look for what was found in it before. A module that scans about as fast as texts
// are hashed never asks.
func (c *Classifier) rememberFrom(i *instance) int {
	const rounds, lookup, least = 20, 300 * time.Nanosecond, 64
	const part = "Please read what follows and say in one page what it means for somebody who has not seen it before. Mention " +
		"the main risk, who carries it, and what a sensible next step would be; leave out what is only of interest to the " +
		"people who wrote it. The meeting of 12 March moved item 4 to the end (see Annex B), and asked Maria Keller to report.\n"
	text := &engine.Text{Role: engine.RoleUser, Value: strings.Repeat(part, 8<<10/len(part))}
	texts := []*engine.Text{text}
	var scan, hash time.Duration = math.MaxInt64, math.MaxInt64
	for range rounds {
		begin := time.Now()
		if _, code, _ := i.classify(context.Background(), texts); code != "" {
			return math.MaxInt // it says so again when it matters
		}
		scan = min(scan, time.Since(begin))
		begin = time.Now()
		c.host.segments.key(c.id, text, &i.seen.nonce, &i.seen.tag)
		hash = min(hash, time.Since(begin))
	}
	if scan < 2*hash {
		return math.MaxInt
	}
	return max(least, int(int64(lookup)*int64(len(text.Value))/int64(scan-hash)))
}
