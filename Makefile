# Everything a change must pass is `make test`. It needs Go; the race detector
# needs a C compiler too, which is installed where this is Debian and root.

GO ?= go
export CGO_ENABLED = 0

.PHONY: build test lint race fuzz crash bench tools

build: ## the binary, in ./bin
	$(GO) build -trimpath -o bin/bellhop ./cmd/bellhop

test: tools lint fuzz race

lint:
	@test -z "$$($(GO) tool gofumpt -l .)" || { echo "not formatted (run: go tool gofumpt -w .):"; $(GO) tool gofumpt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

race: ## all tests, the built binary's included, with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m ./...

# A short run of every fuzz target; FUZZTIME=10m for a long one.
FUZZTIME ?= 3s
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target $(FUZZTIME)"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg >/tmp/bellhop-fuzz.$$$$ 2>&1 \
				|| { cat /tmp/bellhop-fuzz.$$$$; rm -f /tmp/bellhop-fuzz.$$$$; exit 1; }; \
			rm -f /tmp/bellhop-fuzz.$$$$; \
		done; \
	done

crash: ## the long crash run: 200 kills
	CGO_ENABLED=1 $(GO) test -race -timeout 60m -run Crash ./e2e -crashes 200

bench: ## ratios against a bare loop of the same run
	$(GO) run ./bench

tools:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or newer is needed: https://go.dev/dl/"; exit 1; }
	@if ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev; \
		else \
			echo "the race detector needs a C compiler: install gcc or clang"; exit 1; \
		fi; \
	fi
