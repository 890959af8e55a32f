# Sallyport: build, run, test. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
BUILD := .build
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
LLAMA := $(BUILD)/llama
BENCHTIME ?= 1s
FUZZTIME ?= 30s
LOADTIME ?= 10s
SOAKTIME ?= 5m
SEEDS ?= 20000

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the binary into .build/sallyport
	@mkdir -p $(BUILD)
	$(GO) build -trimpath -o $(BUILD)/sallyport ./cmd/sallyport

.PHONY: run
run: build ## Serve the embedded default configuration on 127.0.0.1:8080
	$(BUILD)/sallyport serve

.PHONY: test
test: ## Run all tests
	$(GO) test -shuffle=on ./...

.PHONY: race
race: ## Run all tests under the race detector (needs a C compiler)
	$(GO) test -race -shuffle=on ./...

.PHONY: test-real
test-real: ## Test against a real llama-server (Debian or Ubuntu, amd64; skips where it cannot be had)
	@if benchmarks/realserver/get-llama-server.sh $(LLAMA); then \
		SALLYPORT_LLAMA_ROOT="$(CURDIR)/$(LLAMA)/sysroot" $(GO) test -count=1 -v -run 'Real' ./benchmarks/realserver ./cmd/sallyport; \
	else \
		echo "SKIP test-real: llama-server cannot be had on this machine"; \
	fi

.PHONY: test-guests
test-guests: build ## Write a classifier in each language whose compiler is there, and compare the four
	@SALLYPORT=$(BUILD)/sallyport WORK=$(BUILD)/guests classifiers/guest/test.sh

.PHONY: check
check: check-format check-go check-rego check-wasm ## Check format, vet, staticcheck, Rego and the built-in modules

.PHONY: check-format
check-format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi

.PHONY: check-go
check-go:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod verify

.PHONY: check-rego
check-rego: build
	$(BUILD)/sallyport fmt --check policies targets/examples cmd/sallyport
	$(BUILD)/sallyport validate
	$(BUILD)/sallyport test
	@for set in policies/examples/*/; do echo "$$set"; $(BUILD)/sallyport test "$$set"; done

.PHONY: wasm
wasm: ## Rebuild the built-in classifiers (needs clang-19 and lld-19)
	classifiers/build.sh

.PHONY: train-names
train-names: ## Train the names classifier again, on the corpora in NAMES_DATA
	$(GO) run ./classifiers/names/train -data "$(NAMES_DATA)" -lexicon classifiers/names/train/lexicon.txt.gz -out classifiers/names/weights.bin

.PHONY: check-wasm
check-wasm: build
	classifiers/build.sh --check
	@for module in pii secrets complexity injection names; do $(BUILD)/sallyport classifier check builtin:$$module >$(BUILD)/check.log || { cat $(BUILD)/check.log; exit 1; }; done

.PHONY: bench
bench: ## Run the benchmarks: classify, decide, schedule, record, wire, the whole handler
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./classifiers ./policies ./engine/... ./targets/... ./cmd/sallyport

.PHONY: bench-load
bench-load: build ## Put load on a service that runs already, at http://127.0.0.1:8080
	$(BUILD)/sallyport bench --duration $(LOADTIME)
	$(BUILD)/sallyport bench --duration $(LOADTIME) --stream --rate 50 --concurrency 64

.PHONY: soak
soak: build ## Run a service under mixed load for SOAKTIME (5m); fails where it leaks
	$(GO) run ./benchmarks/soak -binary $(BUILD)/sallyport -duration $(SOAKTIME)

.PHONY: bench-classifiers
bench-classifiers: ## Print what classifiers cost, against the targets, as one table
	@mkdir -p $(BUILD)
	@$(GO) test -run '^$$' -bench '^BenchmarkTable' -benchtime 1x -timeout 30m ./classifiers > $(BUILD)/bench-classifiers.txt 2>&1 || { cat $(BUILD)/bench-classifiers.txt; exit 1; }
	@sed -n 's/^BENCH | //p' $(BUILD)/bench-classifiers.txt | awk -F ' [|] ' '{printf "%-78s %14s  %-8s %s\n", $$1, $$2, $$3, $$4}'

.PHONY: eval-classifiers
eval-classifiers: ## Print what classifiers find and miss, as one table; with SALLYPORT_DATA=folder on its labelled data, too
	@mkdir -p $(BUILD)
	@$(GO) test -count=1 -v -run '^TestEval' ./classifiers > $(BUILD)/eval-classifiers.txt 2>&1 || { cat $(BUILD)/eval-classifiers.txt; exit 1; }
	@sed -n 's/^.*EVAL | //p' $(BUILD)/eval-classifiers.txt | awk -F ' [|] ' '{printf "%-24s %-64s %6s  %-52s %7s  %s\n", $$1, $$2, $$3, $$4, $$5, $$6}'
	@grep -oh 'NOT EVALUATED: .*' $(BUILD)/eval-classifiers.txt | sort -u || true

.PHONY: exam-classifiers
exam-classifiers: ## Put a generated exam before the classifiers, EXAM=A (default), B or C; B only once, after mending
	@$(GO) run ./classifiers/exam -set $(or $(EXAM),A)

.PHONY: bench-policy
bench-policy: build ## Print what a policy decision costs, against OPA in the process and OPA's server, and how fast a log is replayed, as one table
	@test -x $(BUILD)/opa/opa || GOBIN="$(CURDIR)/$(BUILD)/opa" $(GO) install github.com/open-policy-agent/opa@$$($(GO) list -m -f '{{.Version}}' github.com/open-policy-agent/opa)
	@$(GO) test -run '^$$' -bench '^BenchmarkPolicyTable$$' -benchtime 1x -timeout 30m ./policies > $(BUILD)/bench-policy.txt 2>&1 || { cat $(BUILD)/bench-policy.txt; exit 1; }
	@$(GO) test -run '^$$' -bench '^BenchmarkReplay$$' -benchtime 1x -timeout 30m ./cmd/sallyport >> $(BUILD)/bench-policy.txt 2>&1 || { cat $(BUILD)/bench-policy.txt; exit 1; }
	@$(GO) run ./benchmarks/decisions -binary $(BUILD)/sallyport -opa $(BUILD)/opa/opa >> $(BUILD)/bench-policy.txt 2>&1 || { cat $(BUILD)/bench-policy.txt; exit 1; }
	@sed -n 's/^BENCH | //p' $(BUILD)/bench-policy.txt | awk -F ' [|] ' '{printf "%-78s %14s  %-8s %s\n", $$1, $$2, $$3, $$4}'

.PHONY: test-sdk
test-sdk: build ## The official JavaScript clients with a running service, where there is npm and Node 20 or later
	@if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'; then \
		(cd benchmarks/sdk && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && node benchmarks/sdk/run.mjs $(BUILD)/sallyport; \
	else \
		echo "skipped: the JavaScript clients need npm and Node 20 or later"; \
	fi

.PHONY: bench-wire
bench-wire: ## Print what a piece of a stream costs on its way, for each client's and target's dialect
	@mkdir -p $(BUILD)
	@$(GO) test -run '^$$' -bench '^BenchmarkChunk$$' -benchtime 300ms ./engine/wire > $(BUILD)/bench-wire.txt 2>&1 || { cat $(BUILD)/bench-wire.txt; exit 1; }
	@sed -n 's/^.*BENCH | //p' $(BUILD)/bench-wire.txt | awk -F ' [|] ' '{printf "%-40s %26s  %-10s %s\n", $$1, $$2, $$3, $$4}' | sort -u

.PHONY: fuzz-policy
fuzz-policy: ## Compare the evaluators on SEEDS (20000) generated policies and then fuzz for FUZZTIME (30s)
	SALLYPORT_SEEDS=$(SEEDS) $(GO) test -count=1 -v -timeout 60m -run '^TestGeneratedPolicies$$' ./policies/vm
	$(GO) test -run '^$$' -fuzz '^FuzzPolicies$$' -fuzztime $(FUZZTIME) ./policies/vm

.PHONY: mutate-policy
mutate-policy: ## Plant faults in the policy evaluator and the cache's key, one at a time, and print how many the tests catch
	@mkdir -p $(BUILD)
	@$(GO) test -run '^$$' -bench '^BenchmarkMutationScore$$' -benchtime 1x -timeout 120m ./policies/vm > $(BUILD)/mutate-policy.txt 2>&1 && status=0 || status=1; grep -E '^(MUTANT|SURVIVOR|SCORE)|does not compile' $(BUILD)/mutate-policy.txt; exit $$status

.PHONY: soak-classifiers
soak-classifiers: ## A million calls, after which the process must be as large as in their middle
	SALLYPORT_SOAK=1 $(GO) test -run '^$$' -bench '^BenchmarkSoak$$' -benchtime 1x -timeout 60m ./classifiers

.PHONY: fuzz
fuzz: ## Fuzz every fuzz target for FUZZTIME (30s) each
	@grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9]+' . -l | sort | while read -r file; do \
		for f in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' "$$file" | awk '{print $$2}'); do \
			echo "$$(dirname $$file) $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)"; \
		done; \
	done

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BUILD)
