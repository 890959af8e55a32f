package classifiers

import (
	"context"
	"math/bits"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-ai/sallyport/engine"
)

// complexityWords reads the word list that the module is built from.
func complexityWords(t testing.TB) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("complexity/words.h")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^W\("([a-z]{1,14})", ([A-Z| ]+)\)$`).FindAllStringSubmatch(string(b), -1) {
		words[m[1]] = strings.Split(m[2], " | ")
	}
	if n := strings.Count(string(b), "\nW("); len(words) != n || n == 0 {
		t.Fatalf("%d words read of %d", len(words), n)
	}
	return words
}

// complexityScores is classifiers/complexity/complexity.c in plain Go.
func complexityScores(words map[string][]string, texts []*engine.Text) map[string]float64 {
	is := func(t *engine.Text) bool { return t.Role == engine.RoleUser && t.Kind == engine.KindText }
	user := false
	for _, t := range texts {
		user = user || is(t)
	}
	n := map[string]int{}
	all, scripts := 0, 0
	for _, t := range texts {
		s := t.Value
		all += len(s)
		if user && !is(t) || s == "" {
			continue
		}
		n["bytes"] += len(s)
		scripts |= 1
		for _, w := range regexp.MustCompile(`[A-Za-z]+`).FindAllString(s, -1) {
			for _, kind := range words[strings.ToLower(w)] {
				n[kind]++
			}
		}
		for i := range len(s) {
			goesOn := i > 0 && (isDigit(s[i-1]) || i > 1 && (s[i-1] == '.' || s[i-1] == ',') && isDigit(s[i-2]))
			n["number"] += b2i(isDigit(s[i]) && !goesOn)
		}
		n["fence"] += strings.Count(s, "```")
		n["item"] += len(regexp.MustCompile(`\n([-*] |[0-9][.)])`).FindAllString(s, -1))
		for _, r := range s {
			switch {
			case r >= '0' && r <= '9':
				n["digit"]++
			case r == '?':
				n["mark"]++
			case r >= 0xc0:
				scripts |= complexityScript(r)
			}
			if strings.ContainsRune(`{};[]_<>()=\#|`, r) {
				n["sign"]++
			}
			if strings.ContainsRune(`<>=\+*^%$/`, r) {
				n["sum"]++
			}
		}
	}
	part := func(x, half int) int { return x * 1000 / (x + half) }
	per := n["bytes"] + 200
	code := part(n["sign"]*1000/per+n["CODE"]*1600/per+n["fence"]*25, 25)
	maths := part((n["digit"]+n["sum"]*2)*700/per+n["MATH"]*5000/per, 60)
	constraints := part(n["CONSTRAINT"]*2+n["item"]*3, 8)
	reasoning := part(n["REASON"], 2)
	length := part(all, 800)
	total := min(1000, (code*30+maths*35+constraints*30+reasoning*30+length*50)/100)
	taskCode := part(n["CODE"]*3+n["fence"]*6+n["sign"]*300/per, 8)
	taskMath := part(n["MATH"]*2+n["number"]*2+n["sum"]*400/per, 10)
	taskExtraction := part(n["EXTRACT"]*3+n["item"]+2*b2i(n["bytes"] > 400), 8)
	of := func(v int) float64 { return float64(v) / 1000 }
	return map[string]float64{
		"difficulty": of(twinDifficulty(part(n["number"], 3) + part(n["TECH"], 3))),
		"task_code":  of(taskCode), "task_math": of(taskMath), "task_extraction": of(taskExtraction),
		"task_translation": of(part(n["TRANSLATE"]*4+min(n["LANGUAGE"], n["TRANSLATE"]*2+1), 4)),
		"task_reasoning":   of(part(n["REASON"]*2+n["LOGIC"], 5)),
		"task_chat":        of(part((n["CHAT"]*4000+1000)*1000/(1000+2*taskCode+2*taskMath+taskExtraction), 4000)),
		"complexity":       of(total), "code": of(code), "math": of(maths), "constraints": of(constraints), "reasoning": of(reasoning),
		"question": of(part(n["mark"]*2+n["QUESTION"], 4)), "length": of(length),
		"languages": float64(min(4, bits.OnesCount(uint(scripts)))) / 4,
	}
}

// twinDifficulty reads the calibration of difficulty off its corners.
func twinDifficulty(x int) int {
	corners := [][2]int{{0, 220}, {200, 270}, {500, 330}, {700, 420}, {1000, 510}, {1250, 590}, {1500, 620}, {2000, 650}}
	for i, to := range corners[1:] {
		if from := corners[i]; x <= to[0] {
			return from[1] + (to[1]-from[1])*(x-from[0])/(to[0]-from[0])
		}
	}
	return 650
}

func complexityScript(r rune) int {
	for i, in := range [][2]rune{{0, 0x250}, {0x370, 0x400}, {0x400, 0x530}, {0x590, 0x600}, {0x600, 0x780}, {0x900, 0xe00}, {0xe00, 0xe80}, {0x3400, 0xa000}, {0xac00, 0xd7b0}} {
		if r >= in[0] && r < in[1] || i == 7 && r >= 0x3040 && r < 0x3100 {
			return 1 << i
		}
	}
	return 0
}

func TestComplexityTwin(t *testing.T) {
	words := complexityWords(t)
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:complexity", TimeLimit: time.Minute})
	names := []string{"why", "Prove", "code", "```go\n", "```", "`", "x = y + 2;", "100%", "?", "\n- item", "\n1. item", "\n2)", "数学", "ça", "мир", "안녕", "🙂", "must", "return", "solve", "{[()]}", "12345", "verylongwordindeedyes", "3.5,7", "1,000", ".5", "9.", "extract", "translate", "French", "velocity", "story", "if", "poem"}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		var texts []*engine.Text
		for range r.IntN(4) {
			var b strings.Builder
			for range r.IntN(40) {
				b.WriteString(names[r.IntN(len(names))])
				b.WriteString([]string{" ", "", "\n"}[r.IntN(3)])
			}
			texts = append(texts, &engine.Text{Role: engine.Role(r.IntN(4)), Kind: engine.TextKind(r.IntN(3)), Value: b.String()})
		}
		got, err := c.Classify(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(complexityScores(words, texts), got.Scores); diff != "" {
			t.Fatalf("the twin (-) and the module (+) disagree:\n%s", diff)
		}
	}
}

// TestComplexityBorders puts what is counted at every place of the 64 bytes that
// the module reads at a time, and right at the end of a text.
func TestComplexityBorders(t *testing.T) {
	words := complexityWords(t)
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:complexity", TimeLimit: time.Minute})
	for _, s := range []string{"why", "1,234.5", "``````", "\n- \n1. ", "x = y;", "ж字🙂", strings.Repeat("why ", 150), "verylongwordindeedyes prove"} {
		for _, fill := range []string{" ", "a", "7", "é", "`"} {
			for n := range 130 {
				text := strings.Repeat(fill, n) + s
				for _, texts := range [][]*engine.Text{userTexts(text), userTexts(text + " or")} {
					got, err := c.Classify(context.Background(), texts)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(complexityScores(words, texts), got.Scores); diff != "" {
						t.Fatalf("%d times %q, then %q: the twin (-) and the module (+) disagree:\n%s", n, fill, s, diff)
					}
				}
			}
		}
	}
}

func FuzzComplexity(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	words := complexityWords(f)
	c := load(f, newHost(f), ModuleConfig{Module: "builtin:complexity", TimeLimit: time.Minute})
	f.Fuzz(func(t *testing.T, text string) {
		texts := userTexts(validUTF8(text))
		got, err := c.Classify(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(complexityScores(words, texts), got.Scores); diff != "" {
			t.Errorf("the twin (-) and the module (+) disagree on %q:\n%s", text, diff)
		}
	})
}
