# One build mode for everything: pure Go, no tags, so that build, test and lint
# share one cache. Only the race detector needs cgo.
export CGO_ENABLED = 0

GO       ?= go
FUZZTIME ?= 10s

# In the order of their dependencies: what a module needs is settled before it.
MODULES = . $(sort $(dir $(wildcard services/*/go.mod))) cmd/tocsin

# Where goroutines share state. What imports SQLite is left out: compiling its
# generated code with the race detector alone takes longer than a minute.
RACE = tocsin/pkg/bus/... \
       tocsin/pkg/service/... \
       tocsin/services/collector/... \
       tocsin/services/masker/... \
       tocsin/services/analyzer/... \
       tocsin/services/alerter/...

.DEFAULT_GOAL := help
.PHONY: help build test race lint bench accuracy fuzz tidy

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

build: ## all binaries into bin/
	$(GO) build -o bin/ ./cmd/tocsin $(wildcard ./services/*/cmd/*)

test: ## every test of every module, in random order
	$(GO) test -shuffle=on -parallel 8 work

race: ## the packages with concurrency under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -shuffle=on -parallel 8 $(RACE)

lint: ## gofmt, go vet, staticcheck; changes nothing
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet work
	$(GO) tool staticcheck work

bench: ## every benchmark, with allocations, then those against peers (ripgrep, grep)
	$(GO) test -run '^$$' -bench . -benchmem work
	$(GO) run ./bench/matching

accuracy: ## recognition and grouping against a labelled corpus in CORPUS_DIR
	@dir=$${CORPUS_DIR:-$$(../shared/corpus/unpack.sh)} && echo "corpus $$dir" && \
	CORPUS_DIR=$$dir $(GO) test -count=1 -v -run '^TestAccuracy' ./pkg/... ./services/collector/...

fuzz: ## every fuzz target for FUZZTIME (10s)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "$$(dirname $$file) $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); \
		done; \
	done

tidy: ## go mod tidy in every module, then the workspace
	@set -e; for dir in $(MODULES); do echo "tidy $$dir"; (cd $$dir && GOWORK=off $(GO) mod tidy); done
	$(GO) work sync
