package corpus

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/classifiers/names/tagger"
)

func TestRead(t *testing.T) {
	const file = "Mr.\tO\nSmith\tB-PER\n's\tO\nflat\tO\n(\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n)\tO\n.\tO\n\n" +
		"The I-ORG\nMad I-ORG\nCaps I-ORG\nplayed O\nPunk I-MISC\n\n" +
		"# sent_id = 1\n# text = Ann,Bob!\n1\tAnn\tB-PER\t-\t-\n2\t,\tO\t-\t-\n3\tBob\tB-PER\t-\t-\n4\t!\tO\t-\t-\n\n" +
		"@\tB-PER\nannx\tB-PER\nAcme\tB-corporation\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(file)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.gz"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir, "x.gz")
	if err != nil {
		t.Fatal(err)
	}
	want := []Sentence{
		{"Mr. Smith's flat (in New York).", []Span{{4, 9, tagger.Person}, {21, 29, tagger.Location}}},
		{"The Mad Caps played Punk", []Span{{0, 12, tagger.Organization}}},
		{"Ann,Bob!", []Span{{0, 3, tagger.Person}, {4, 7, tagger.Person}}},
		{"@ annx Acme", []Span{{2, 6, tagger.Person}, {7, 11, tagger.Organization}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Read(dir, "missing.gz"); err == nil {
		t.Error("a missing file is no error")
	}
}

func TestSplit(t *testing.T) {
	train, held := Split(make([]Sentence, 25))
	if len(train) != 23 || len(held) != 2 {
		t.Error(len(train), len(held))
	}
}
