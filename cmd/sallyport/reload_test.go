package main

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport/classifiers"
)

const withModule = `
auth { anonymous = true }
policy { paths = ["policies"] }
classifier "steady" { module = "builtin:complexity" }
classifier "mine" {
  module     = "mine.wasm"
  time_limit = "10s"
}
target "cloud" "far" {
  dialect = "openai"
  stand_in {}
  model "m" {}
}
target "edge" "near" {
  dialect = "openai"
  stand_in {}
  model "m" {}
}
decision_log { path = "log" }
`

const mailStaysNear = `package sallyport.rules.mail

exclude["far"] contains {"code": "mail", "message": "an address stays near"} if input.classifiers.mine.findings.EMAIL_ADDRESS

exclude["near"] contains {"code": "no_mail", "message": "near is for addresses"} if not input.classifiers.mine.findings.EMAIL_ADDRESS
`

// A module that changes under constant load takes the place of the old one, and
// back, without a request that fails or that neither of them has read.
func TestModuleReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	module := func(name string) []byte {
		t.Helper()
		b, ok := classifiers.Builtin(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		return b
	}
	file := filepath.Join(dir, "mine.wasm")
	replace := func(b []byte) {
		t.Helper()
		write(t, file+".new", string(b))
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	blind, seeing := module("secrets"), module("pii")
	replace(blind)
	write(t, filepath.Join(dir, "policies", "mail.rego"), mailStaysNear)
	s := serveConfig(t, dir, withModule, environment())

	stop := make(chan struct{})
	var far, near, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c := anonymous(s)
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch target, _, err := served(t, c, "write to jane.doe@example.com"); {
				case err != nil:
					failed.Add(1)
					t.Errorf("a request failed: %v", err)
					return
				case target == "far":
					far.Add(1)
				case target == "near":
					near.Add(1)
				default:
					t.Errorf("served by %q", target)
				}
			}
		})
	}
	until := func(what string, counter *atomic.Int64) {
		t.Helper()
		from := counter.Load()
		if err := await(func() (bool, error) { return counter.Load() >= from+20 || failed.Load() > 0, nil }); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	reload := func() {
		t.Helper()
		if code, body := post(t, s.admin+"/-/reload"); code != http.StatusOK {
			t.Errorf("reload: %d %s", code, body)
		}
	}
	until("the first module", &far)
	for range 3 {
		replace(seeing)
		reload()
		before := far.Load()
		until("the new module", &near)
		// Only what was under way when it came into force can still be of the old one.
		if late := far.Load() - before; late > 4 {
			t.Errorf("%d requests were read by the old module after the reload", late)
		}
		replace(blind)
		reload()
		until("the old module again", &far)
	}
	// What does not load changes nothing.
	replace([]byte("\x00asm\x01\x00\x00\x00"))
	if code, _ := post(t, s.admin+"/-/reload"); code == http.StatusOK {
		t.Error("what is no classifier was taken over")
	}
	until("the old module after a refused one", &far)
	// A changed file is noticed without being told.
	replace(seeing)
	until("the file that changed", &near)
	close(stop)
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
}
