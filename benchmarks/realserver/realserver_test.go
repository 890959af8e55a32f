package realserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The model is the same file wherever and whenever it is made.
func TestModelIsReproducible(t *testing.T) {
	var a, b bytes.Buffer
	if err := WriteModel(&a); err != nil {
		t.Fatal(err)
	}
	if err := WriteModel(&b); err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(a.Bytes()) != sha256.Sum256(b.Bytes()) {
		t.Error("two writes differ")
	}
	if !bytes.HasPrefix(a.Bytes(), []byte("GGUF\x03\x00\x00\x00")) || a.Len() < 2<<20 || a.Len() > 4<<20 {
		t.Errorf("%d bytes, beginning %s", a.Len(), hex.EncodeToString(a.Bytes()[:8]))
	}
}

// Every piece of the vocabulary is unique: llama.cpp refuses to load a model
// where one is not.
func TestVocabularyIsUnique(t *testing.T) {
	v := newVocabulary()
	seen := map[string]bool{}
	for i, s := range v.tokens {
		if seen[s] {
			t.Errorf("token %q occurs twice", s)
		}
		seen[s] = true
		if _, ok := v.next[i]; !ok {
			t.Errorf("token %q has no successor", s)
		}
	}
}

// Root is the folder of llama-server, or the test is skipped: loudly, since
// nothing else in this package runs the model.
func TestRealServerAnswers(t *testing.T) {
	root := os.Getenv("SALLYPORT_LLAMA_ROOT")
	if root == "" {
		t.Skip("SALLYPORT_LLAMA_ROOT is not set: make test-real runs this against a real llama-server")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for trigger, want := range map[string]string{Hello: Greeting, UTF8: UTF8Answer, Tool: "get_weather"} {
		body := `{"messages":[{"role":"user","content":"hi ` + trigger + `"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object"}}}]}`
		res, err := http.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, err = got.ReadFrom(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(got.String(), want) {
			t.Errorf("%s: %v, got %s, want %q in it", trigger, err, got.String(), want)
		}
	}
}
