# Everything a change must pass is `make test`. It needs Go; the race detector
# needs a C compiler, and the dashboard's tests need Node.js and Chromium: what is
# missing is installed where this is Debian and root, and named elsewhere.

GO ?= go
export CGO_ENABLED = 0
# The same for all, so that nothing is compiled twice; without what debuggers want, to link sooner.
export GOFLAGS := -trimpath -ldflags=-w $(GOFLAGS)

.PHONY: build test lint race race-rest race-e2e race-postgres test-postgres postgres-tools postgres-versions fuzz oracle oracle-tools svix svix-tools sim sim-mutants crash chaos bench tools web web-current web-test screenshots web-tools quickjs redoc licenses release release-test rules

build: ## the binary, in ./bin
	$(GO) build -o bin/bellhop ./cmd/bellhop

# Two at a time, for two processors, in this order: where one has ended, the next begins. The
# browser goes first, since it does one thing after the other and takes longest; the small ones
# at the end make up for what took longer. What several need is made before, and not
# looked at again: make would put off whatever waits for it.
test: tools web-tools oracle-tools svix-tools postgres-tools web-current build
	CGO_ENABLED=1 $(GO) build $(RACE) ./...
	@$(MAKE) --no-print-directory -j 2 $(foreach made,build web-tools oracle-tools svix-tools postgres-tools,-o $(made)) web-test race-e2e race-rest sim race-postgres fuzz lint oracle svix

lint:
	@test -z "$$($(GO) tool gofumpt -l .)" || { echo "not formatted (run: go tool gofumpt -w .):"; $(GO) tool gofumpt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# SQLite is C that was made into Go, and shares nothing with us but what it is handed; nor do
# the two halves of the compiler of scripts. To watch their every byte makes the tests of the store
# four times as slow, and the first script of a process take seconds. (No package that uses
# sync/atomic may be left out: what is made of generic code there is used by all.)
RACE = -race $(UNWATCHED:%=-gcflags=%=-race=false)
UNWATCHED = modernc.org/... $(WAZERO)/ssa $(WAZERO)/backend/...
WAZERO = github.com/tetratelabs/wazero/internal/engine/wazevo

race: race-rest race-e2e race-postgres ## all tests, the built binary's included, with the race detector

# Their vetting is that of lint. What is watched sleeps for a second as it ends, unless it is
# told not to, for goroutines that might still be in a race: there is such a program for each package.
RACE_TEST = CGO_ENABLED=1 GORACE=atexit_sleep_ms=20 $(GO) test $(RACE) -vet=off -short -timeout 15m
race-rest:
	$(RACE_TEST) -p 2 -parallel 4 $$($(GO) list ./... | grep -vE '/(bench|e2e|sim|dialect/samples)$$')

# They wait for processes and clocks: more of them run at once than there are processors.
race-e2e:
	$(RACE_TEST) -parallel 5 ./e2e

# What of the program's tests depends most on what it keeps everything in, on PostgreSQL. Those
# that are about PostgreSQL itself, and several nodes, are among race-e2e.
POSTGRES_SHORT = ^Test(Chaos|Crash|Hold|RecoverKey|OrderBySubject|RacingPublishers|Erase)$$
race-postgres: postgres-tools
	$(RACE_TEST) -parallel 5 -run '$(POSTGRES_SHORT)' ./e2e -storage postgres -crashes 4 -chaos 40s

# All of the program's tests on PostgreSQL: as it is, without what only PostgreSQL has, and
# behind PgBouncer; and the store's own, on the oldest and the newest version besides.
POSTGRES_LONG = CGO_ENABLED=1 $(GO) test $(RACE) -vet=off -count=1 -timeout 60m
test-postgres: tools postgres-tools postgres-versions ## all that is tested on PostgreSQL, in every way and on versions 14 and 18 (long)
	$(POSTGRES_LONG) ./postgres ./internal/testpostgres
	@set -e; for storage in postgres plain pgbouncer; do \
		echo "e2e -storage $$storage"; $(POSTGRES_LONG) -parallel 5 ./e2e -storage $$storage; \
	done
	@set -e; for version in 14 18; do \
		export BELLHOP_TEST_POSTGRES_BIN=$(CURDIR)/$(POSTGRES_VERSIONS)/node_modules/postgres-$$version/native/bin; \
		echo "PostgreSQL $$version"; $(POSTGRES_LONG) ./postgres ./internal/testpostgres; \
		$(POSTGRES_LONG) -parallel 5 ./e2e -storage postgres; \
	done

# The tests start servers of their own, unless BELLHOP_TEST_POSTGRES names one.
postgres-tools:
	@missing=""; \
	[ -n "$(BELLHOP_TEST_POSTGRES)$(BELLHOP_TEST_POSTGRES_BIN)" ] || command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="postgresql"; \
	command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing="$$missing pgbouncer"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy --no-install-recommends $$missing; \
		else \
			echo "the tests need $$missing: install that"; exit 1; \
		fi; \
	fi

# Programs of the oldest and the newest PostgreSQL, for Linux on amd64, from npm.
POSTGRES_VERSIONS = internal/testpostgres/versions
postgres-versions: web-tools
	@cmp -s $(POSTGRES_VERSIONS)/package-lock.json $(POSTGRES_VERSIONS)/node_modules/.package-lock.installed || { \
		(cd $(POSTGRES_VERSIONS) && npm ci --no-fund --no-audit --loglevel=error) && cp $(POSTGRES_VERSIONS)/package-lock.json $(POSTGRES_VERSIONS)/node_modules/.package-lock.installed; }

# A short run of every fuzz target; FUZZTIME=10m for a long one. It is counted, since
# with a time Go 1.26 may fail where nothing is wrong, as that ends (golang/go#75804).
FUZZTIME ?= 5000x
# What needs the database or the sandbox of scripts to be tested is fuzzed without being
# guided by coverage: to instrument those takes longer than all of this. FUZZ_BLIND= guides it.
FUZZ_BLIND ?= ./api ./api/native ./recipe
fuzz:
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; \
	for dir in $$(grep -rlE '^func Fuzz' --include='*_test.go' --exclude-dir=node_modules . | xargs -n 1 dirname | sort -u); do \
		case " $(FUZZ_BLIND) " in *" $$dir "*) guided=;; *) guided="-fuzz .";; esac; \
		$(GO) test -c $$guided -o $$bin/test $$dir; \
		for target in $$(cd $$dir && $$bin/test -test.list '^Fuzz'); do \
			echo "fuzz $$dir $$target $(FUZZTIME)"; \
			(cd $$dir && $$bin/test -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) \
				-test.fuzzcachedir "$$($(GO) env GOCACHE)/fuzz/$$dir") >$$bin/log 2>&1 || { cat $$bin/log; exit 1; }; \
		done; \
	done

oracle: oracle-tools ## the vendors' own libraries as receivers of their dialects
	cd e2e/oracle && $(GO) vet . && $(GO) test -count=1 -vet=off .

oracle-tools: web-tools
	@cmp -s e2e/oracle/package-lock.json e2e/oracle/node_modules/.package-lock.installed || { \
		(cd e2e/oracle && npm ci --no-fund --no-audit --loglevel=error) && cp e2e/oracle/package-lock.json e2e/oracle/node_modules/.package-lock.installed; }

svix: svix-tools ## Svix's own clients, of Go and npm, against the binary
	cd e2e/svix && $(GO) vet . && $(GO) test -count=1 .

svix-tools: web-tools
	@cmp -s e2e/svix/package-lock.json e2e/svix/node_modules/.package-lock.installed || { \
		(cd e2e/svix && npm ci --no-fund --no-audit --loglevel=error) && cp e2e/svix/package-lock.json e2e/svix/node_modules/.package-lock.installed; }

# What has one goroutine, lives through days, or compares what things cost, the race detector
# only slows down. Of packages that are tested with it as well, what they leave out there (testlong).
LONG = ./api/svix ./desk ./e2e ./engine ./internal/match ./memstore ./notice ./postgres ./sqlite
LONG_TESTS = $$(awk '/^func Test/ { sub(/\(.*/, "", $$2); name = $$2 } /^\ttestlong\.Only\(t\)/ { printf "%s%s", sep, name; sep = "|" }' $(LONG:=/*_test.go))
sim: ## a thousand histories of one node; days of an engine; what large tables cost; samples for receivers, run
	$(GO) test -count=1 -vet=off -run "^($(LONG_TESTS))$$" $(LONG)
	$(GO) test -count=1 -vet=off ./bench ./sim ./engine/routes ./dialect/samples

sim-mutants: ## known-bad patches of the lanes and the flow, each of which must be found
	$(GO) test -count=1 -timeout 60m -run TestMutants ./sim -mutants

# The dashboard. Its build is committed, so that the program needs no Node.js.
API = web/node_modules/.openapi.json
TYPES = cd web && npx --no-install openapi-typescript node_modules/.openapi.json -o

web: web-tools ## its API types and its build, made anew
	$(GO) run ./cmd/bellhop openapi >$(API)
	$(TYPES) src/api/schema.ts
	cd web && npm run --silent build

web-current: web-tools ## fails unless what is committed is what the sources give
	$(GO) run ./cmd/bellhop openapi >$(API)
	@$(TYPES) node_modules/.schema.ts >/dev/null
	@cmp web/node_modules/.schema.ts web/src/api/schema.ts || { echo "web/src/api/schema.ts is not what the API gives: run make web"; exit 1; }
	cd web && npm run --silent check && npx --no-install vite build --logLevel warn --outDir node_modules/.dist
	@diff -r web/node_modules/.dist web/dist || { echo "web/dist is not what the sources give: run make web"; exit 1; }

web-test: web-tools build ## the dashboard's logic, and the binary in Chromium
	cd web && npm run --silent test && npm run --silent browser

screenshots: web-tools build ## docs/images, made anew
	cd web && npm run --silent screenshots

# The engine of transformations. It is committed, so that neither a build nor a test needs
# this; another version has other names for its exports (internal/script/engine.go).
QUICKJS = @jitl/quickjs-wasmfile-release-sync@0.32.0
quickjs: ## internal/script/quickjs, made anew from npm by version and checksum
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	(cd "$$dir" && npm pack --silent $(QUICKJS) >/dev/null && tar -xzf *.tgz); \
	cp "$$dir/package/dist/emscripten-module.wasm" "$$dir/quickjs.wasm"; cp "$$dir/package/LICENSE" "$$dir/LICENSE"; \
	(cd "$$dir" && sha256sum -c --quiet "$(CURDIR)/internal/script/quickjs/SHA256SUMS"); \
	cp "$$dir/quickjs.wasm" "$$dir/LICENSE" internal/script/quickjs/

# Redoc shows the API. Its bundle is committed, as QuickJS is; its notices are those of the
# packages that its map names, some of which Redoc asks for only to be built.
REDOC = redoc@2.5.4
REDOC_BUILD = react@18.3.1 react-dom@18.3.1 styled-components@5.3.11 core-js@3.45.1 mobx@6.13.7 css-loader@5.2.7 style-loader@3.3.4 \
	unfetch@4.2.0 lodash.noop@3.0.1 @redocly/workerize-loader@1.3.1
redoc: ## api/redoc, made anew from npm by version and checksum
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	(cd "$$dir" && npm install --silent --ignore-scripts --no-audit --no-fund --no-save --prefix "$$dir" --legacy-peer-deps $(REDOC) $(REDOC_BUILD) >/dev/null); \
	cp "$$dir"/node_modules/redoc/LICENSE "$$dir"/node_modules/redoc/bundles/redoc.standalone.js "$$dir"/node_modules/redoc/bundles/redoc.standalone.js.LICENSE.txt "$$dir"; \
	(cd "$$dir" && sha256sum -c --quiet "$(CURDIR)/api/redoc/SHA256SUMS"); \
	cp "$$dir"/LICENSE "$$dir"/redoc.standalone.js "$$dir"/redoc.standalone.js.LICENSE.txt api/redoc/; \
	$(GO) run ./internal/thirdparty/generate -redoc "$$dir"

licenses: web-tools ## internal/thirdparty/THIRD_PARTY.md, made anew of what is linked and bundled
	$(GO) run ./internal/thirdparty/generate

RELEASE = bin/release
release: ## what is downloaded, in bin/release: programs, Debian packages, bills of materials, checksums; VERSION=v1.2.3 if the commit has no tag
	$(GO) run ./packaging/release -out $(RELEASE) $(if $(VERSION),-version $(VERSION)) $(if $(TARGET),-only $(TARGET))

release-test: ## a release twice, of the same bytes, installed and started (long)
	$(GO) test -count=1 -timeout 60m ./packaging/release -release $(if $(TARGET),-target $(TARGET))

rules: ## the alerts that are shipped, by their own tests
	@command -v promtool >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy --no-install-recommends prometheus; \
		else \
			echo "promtool is needed: install Prometheus"; exit 1; \
		fi; \
	}
	promtool check rules packaging/prometheus/bellhop.rules.yml
	promtool test rules packaging/prometheus/bellhop.rules.test.yml

crash: ## the long crash run: 200 kills
	CGO_ENABLED=1 $(GO) test $(RACE) -timeout 60m -run Crash ./e2e -crashes 200

chaos: postgres-tools ## an hour of three nodes on one PostgreSQL that are killed, stopped and restarted, as it is; CHAOS=10m for less
	CGO_ENABLED=1 $(GO) test $(RACE) -count=1 -timeout 0 -run Chaos ./e2e -storage postgres -chaos $(CHAOS) -v
CHAOS ?= 1h

bench: ## every figure beside its limit of the same run; BENCH=-quick for a short one
	$(GO) run ./bench $(BENCH)

tools:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or newer is needed: https://go.dev/dl/"; exit 1; }
	@if ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev; \
		else \
			echo "the race detector needs a C compiler: install gcc or clang"; exit 1; \
		fi; \
	fi
	@if ! command -v python3 >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy --no-install-recommends python3; \
		else \
			echo "the tests run receivers in Python: install python3"; exit 1; \
		fi; \
	fi

# Vite needs Node.js 20.19 or 22.12, or newer.
NODE_FITS = node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)'
# Without its windows, Chromium takes less to install and to run.
CHROMIUM ?= $(firstword $(wildcard /usr/bin/chromium-headless-shell /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))

web-tools:
	@missing=""; \
	command -v npm >/dev/null || missing="nodejs npm"; \
	[ -n "$(CHROMIUM)" ] || missing="$$missing chromium-headless-shell fonts-dejavu-core"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && { apt-get install -qy --no-install-recommends $$missing || \
				apt-get install -qy --no-install-recommends $$(echo $$missing | sed s/-headless-shell//); }; \
		else \
			echo "the dashboard's tests need $$missing: install that, or name your Chromium with CHROMIUM=/path"; exit 1; \
		fi; \
	fi
	@$(NODE_FITS) || { echo "Node.js is too old: 20.19, or 22.12, or newer is needed: https://nodejs.org"; exit 1; }
	@cmp -s web/package-lock.json web/node_modules/.package-lock.installed || { \
		(cd web && npm ci --no-fund --no-audit --loglevel=error) && cp web/package-lock.json web/node_modules/.package-lock.installed; }
