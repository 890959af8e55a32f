package classifiers

import (
	"strings"
	"testing"
	"time"
)

// secretsPieces are what makes each form look furthest, when repeated.
var secretsPieces = []string{
	"token=", "token: ", "_token:", "a_token_=", "secret=ab", "-key=abcdefgh12", "password=\"", "password=a ", strings.Repeat("token_", 7) + "=", " is ", "|token|a1", "1 ", "-1-", " to a1", "token to a1b2c3 ", "value: a1 ", "://a:", "https://u:pw12@",
	"a", "aB3", "-", "----- ", "-----BEGIN PRIVATE KEY-----", "kind: secret\n", "kind: Secret\ndata:\n a: QUJDREVGR0hJSg==\n", "curl -u a:", "é\u200b", "\"", ".",
	"s-", "sk-", "ghp_", "xoxb-", "sk-ant-", "xoxb-a1B2c3D4", "sk-ant-a1B2", "AKIA-", "eyJ-", "eyJhbGciOiJI.", "x.sk-", `\n_`, "%20-", "sk_live_a1B2c3D4e5-",
}

// TestSecretsLinear counts what the module executes on texts of one piece: twice
// the text costs twice as much, and no byte more than a bounded number of steps.
func TestSecretsLinear(t *testing.T) {
	run := bareModule(t, "secrets", true)
	for _, piece := range secretsPieces {
		small, large := run(userTexts(strings.Repeat(piece, 100_000/len(piece)))), run(userTexts(strings.Repeat(piece, 200_000/len(piece))))
		perByte := float64(large) / 200_000
		t.Logf("%q: %.0f units of fuel a byte", piece, perByte)
		if ratio := float64(large) / float64(small); ratio > 2.1 || perByte > 2500 {
			t.Errorf("%q: %.0f units of fuel a byte; twice the text costs %.2f times as much", piece, perByte, ratio)
		}
	}
}

// BenchmarkTableSecretsSlowest reads a megabyte of each of the pieces and shows the
// slowest.
func BenchmarkTableSecretsSlowest(b *testing.B) {
	wasm, _ := Builtin("secrets")
	m, err := meter(wasm, 1024)
	if err != nil {
		b.Fatal(err)
	}
	var slowest time.Duration
	name := ""
	for b.Loop() {
		for _, piece := range secretsPieces {
			took := interleaved(5, time.Millisecond, rawCall(b, m.wasm, false, userTexts(strings.Repeat(piece, 64<<10/len(piece)))))
			if took[0] > slowest {
				slowest, name = took[0], piece
			}
		}
	}
	benchRow(b, "secrets, a megabyte of its slowest text, \""+name+"\"", slowest.Seconds()*1e3*16, "ms", "")
}
