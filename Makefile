# millrace: `make` builds, `make help` lists the targets, `V=1` shows whole commands.
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin

CC ?= cc
CLANG_FORMAT ?= clang-format
NODE ?= node
ARGS ?=
FUZZ_TIME ?= 60
SOAK_TIME ?= 600

ifeq ($(V),1)
  Q :=
  say = @true
else
  Q := @
  say = @printf '  %-6s %s\n' '$(1)' '$(2)'
endif

ASC := asc
ASC_QUIET = 2>&1 | sed '/^Last converge was suboptimal/d' # its remark on size; nothing is wrong
MODULES := node_modules/.package-lock.json
ASSEMBLY := $(shell find assembly -name '*.ts' 2>/dev/null)
SOURCES := $(shell find src -name '*.ts' 2>/dev/null)
C_FILES = $(shell find shim bench/peers test examples -name '*.[ch]' -not -path '*/node_modules/*' 2>/dev/null)
CLI := dist/src/cli/main.js

.PHONY: help setup shim wasm ts build run test test-kernels check asan asan-system fuzz sim sim.wasm soak peers clean
.PHONY: golden abi-doc
.PHONY: bench bench-core bench-echo bench-kv bench-proxy bench-memory wasm-debug

help: ## List the targets
	@sed -nE 's/^([a-z][a-z-]*):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | sort | while IFS=$$'\t' read -r name text; do \
	  printf '  make %-14s %s\n' "$$name" "$$text"; done

# Building

setup: $(MODULES) ## Install the npm packages, after a look at what the machine must have
	@true

$(MODULES): package.json package-lock.json
	@command -v $(NODE) >/dev/null || { echo 'millrace needs Node.js 20 or newer: https://nodejs.org' >&2; exit 1; }
	@$(NODE) -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' || { \
	  echo "millrace needs Node.js 20 or newer; this is $$($(NODE) --version)" >&2; exit 1; }
	@command -v $(CC) >/dev/null || { \
	  echo 'millrace needs a C compiler: sudo apt-get update && sudo apt-get install -y gcc libc6-dev' >&2; exit 1; }
	$(call say,NPM,ci)
	$(Q)npm ci --loglevel=error $(if $(V),,>/dev/null)
	@touch $@

wasm: build/runtime.wasm build/core.wasm build/core.baseline.wasm ## Compile the core to WebAssembly

build/runtime.wasm: $(ASSEMBLY) asconfig.json $(MODULES)
	@mkdir -p $(@D)
	$(call say,ASC,$@)
	$(Q)$(ASC) assembly/index.ts --target runtime $(ASC_QUIET)

build/core.wasm: $(ASSEMBLY) asconfig.json $(MODULES)
	@mkdir -p $(@D)
	$(call say,ASC,$@)
	$(Q)$(ASC) assembly/host.ts --target core $(ASC_QUIET)

build/core.baseline.wasm: $(ASSEMBLY) asconfig.json $(MODULES)
	@mkdir -p $(@D)
	$(call say,ASC,$@)
	$(Q)$(ASC) assembly/host.ts --target baseline $(ASC_QUIET)

build/runtime.debug.wasm: $(ASSEMBLY) asconfig.json $(MODULES)
	@mkdir -p $(@D)
	$(call say,ASC,$@)
	$(Q)$(ASC) assembly/index.ts --target debug

include shim/build.mk

$(SHIM_OBJECTS) $(CONTRACT_PROGRAMS) build/shim-asan.so: | $(MODULES)
shim: ## Compile the C shim
wasm-debug: build/runtime.debug.wasm ## Compile the core with names and without optimisation

ts: dist/.stamp ## Compile the TypeScript

dist/.stamp: $(SOURCES) $(wildcard assembly/abi.ts assembly/*/abi.ts) tsconfig.json $(MODULES)
	$(call say,TSC,dist)
	$(Q)tsc -p tsconfig.json
	@touch $@

# sim.wasm wants Emscripten, which nobody needs who does not simulate: make test and make sim install it
build: shim wasm ts $(if $(shell command -v emcc 2>/dev/null),build/sim.wasm) ## Build everything (default)

run: build ## Start `millrace up`; ARGS='--listen 7000' adds options
	@$(NODE) $(CLI) up $(ARGS)

# Proving

# Other hosts of the core; a test of one that is missing says so. Their install scripts are not needed.
HOSTS := test/hosts/node_modules/.package-lock.json
$(HOSTS): test/hosts/package.json
	$(call say,NPM,bun deno)
	$(Q)npm install --prefix $(@D)/.. --ignore-scripts --no-package-lock --loglevel=error >/dev/null || { \
	  echo '  bun and deno could not be installed; their tests will say so'; [ -z "$${CI:-}" ]; }

test: build $(HOSTS) ## Run every test: unit, contract, system; FILTER=path runs some
	@.ci/peers test
	@! command -v emcc >/dev/null || $(MAKE) --no-print-directory build/sim.wasm
	$(call say,TEST,$(if $(FILTER),$(FILTER),all))
	@mkdir -p build; rm -f build/test-report.json
	$(Q)status=0; vitest run --reporter=default --reporter=json --outputFile.json=build/test-report.json $(FILTER) \
	  || status=$$?; $(NODE) test/report.mjs build/test-report.json && exit $$status

test-kernels: build ## Run the tests of kv, proxy and library on every kernel that can serve: some ten minutes each
	@.ci/peers test
	$(call say,TEST,every kernel)
	@mkdir -p build; rm -f build/test-kernels.json
	$(Q)status=0; MILLRACE_TEST_KERNELS=all vitest run --project 'kernel-*' --reporter=default --reporter=json \
	  --outputFile.json=build/test-kernels.json || status=$$?; \
	  $(NODE) test/report.mjs build/test-kernels.json && exit $$status

check: build build/sim.wasm ## Format, lint, types, rules of the house, generated files, package
	$(call say,BIOME,.)
	$(Q)biome ci --error-on-warnings .
	$(call say,TSC,test bench examples)
	$(Q)tsc -p test/tsconfig.json
	$(call say,FORMAT,C)
	$(Q)if command -v $(CLANG_FORMAT) >/dev/null; then $(CLANG_FORMAT) --dry-run --Werror $(C_FILES); else \
	  echo 'not checked: the format of C files (sudo apt-get install -y clang-format)'; fi
	$(call say,ABI,shim/abi.h)
	$(Q)$(NODE) shim/generate.mjs --check
	$(call say,ABI,docs/core-abi.md)
	$(Q)$(NODE) docs/generate.mjs --check
	$(call say,TIDY,.)
	$(Q)vitest run --reporter=dot --project unit test/tidy.test.ts
	$(call say,PUBLINT,.)
	$(Q)publint --strict

golden: build ## Write anew what the contract expects of the WebAssembly builds: look at the difference
	$(Q)vitest run --project contract test/contract/wasm.test.ts -u

abi-doc: ts ## Write the generated parts of docs/core-abi.md and examples/hosts/c/abi.h
	$(call say,GEN,docs/core-abi.md)
	$(Q)$(NODE) docs/generate.mjs

asan: build asan-contract ## The contract tests on a shim with address and undefined-behaviour sanitizers

asan-system: build ## The tests of kv, proxy and library on the sanitized shim; MILLRACE_KERNEL=name chooses a kernel

fuzz: build ## Random streams through the decoders for FUZZ_TIME seconds (60), and through the kernel for three times that
	$(call say,FUZZ,$(FUZZ_TIME) s)
	$(Q)FUZZ_SECONDS=$(FUZZ_TIME) vitest run --project fuzz
	$(Q)FUZZ_SECONDS=$(FUZZ_TIME) vitest run --project contract -t 'random streams'

sim: build build/sim.wasm ## Simulate with faults: SIM_SECONDS=600 for longer, SEED, SCENARIO and SIM_TURNS for one run
	$(call say,SIM,$(or $(SCENARIO),all))
	$(Q)SCENARIO='$(SCENARIO)' SEED='$(SEED)' SIM_TURNS='$(SIM_TURNS)' SIM_SECONDS='$(SIM_SECONDS)' \
	  SIM_MUTANT='$(SIM_MUTANT)' \
	  vitest run --project sim test/sim/simulation.test.ts

soak: build bench-peers ## Load, churn and a look at memory and descriptors for SOAK_TIME seconds (600)
	$(call say,SOAK,$(SOAK_TIME) s)
	$(Q)SOAK_TIME=$(SOAK_TIME) $(NODE) bench/macro/soak.mjs

peers: $(HOSTS) ## Install the programs we test and measure against
	@.ci/peers test
	@.ci/peers bench

# Measuring

include bench/build.mk

.PHONY: charts
charts: build ## Compute the figures of docs/ anew and draw their charts
	$(Q)$(NODE) bench/charts/rings.mjs

clean: ## Remove everything that was built
	$(Q)rm -rf build dist bench/peers/build
