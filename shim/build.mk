# The C shim: the library Node loads, the same with sanitizers, and the C programs of the contract tests.
CC ?= cc
NODE ?= node
ifndef say
  ifeq ($(V),1)
    Q :=
    say = @true
  else
    Q := @
    say = @printf '  %-6s %s\n' '$(1)' '$(2)'
  endif
endif

SHIM_FLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wconversion -fPIC -fvisibility=hidden
# nodelete: libuv still calls into the shim while an environment is torn down, after koffi has let go of it
SHIM_LINK := -shared -Wl,-z,defs,-z,relro,-z,now,-z,nodelete
SHIM_OPTIMIZE := -O2 -g
SHIM_SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# sim/kernels.c is the place of kernels.c and its like in the WebAssembly module
SHIM_SOURCES := $(filter-out shim/sim/kernels.c,$(wildcard shim/*.c shim/kernel/*.c shim/sim/*.c))
SHIM_HEADERS := $(wildcard shim/*.h shim/kernel/*.h shim/sim/*.h) shim/abi.h shim/sim/abi.h
SHIM_OBJECTS := $(SHIM_SOURCES:shim/%.c=build/shim/%.o)
CONTRACT_PROGRAMS := build/contract-twins build/contract-sandbox build/contract-threads build/contract-sim

.PHONY: shim asan-contract asan-system contract-programs

shim: build/shim.so
test: $(CONTRACT_PROGRAMS)
contract-programs: $(CONTRACT_PROGRAMS)

shim/abi.h shim/sim/abi.h &: assembly/abi.ts assembly/sim/abi.ts shim/generate.mjs
	$(call say,GEN,$@)
	$(Q)$(NODE) shim/generate.mjs

build/shim/%.o: shim/%.c $(SHIM_HEADERS) shim/build.mk
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SHIM_FLAGS) $(SHIM_OPTIMIZE) $(CFLAGS) -c -o $@ $<

build/shim.so: $(SHIM_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SHIM_OPTIMIZE) $(CFLAGS) $(SHIM_LINK) -Wl,-z,defs -o $@.new $^ && mv $@.new $@

build/shim-asan.so: $(SHIM_SOURCES) $(SHIM_HEADERS) shim/build.mk
	@mkdir -p $(@D)
	$(call say,ASAN,$@)
	$(Q)$(CC) $(SHIM_FLAGS) $(SHIM_SANITIZE) $(SHIM_LINK) -o $@.new $(SHIM_SOURCES) && mv $@.new $@

# The simulated kernel for any host, over the memory of a core: data and stack begin at SIM_MEMORY_BASE of sim/abi.ts.
EMCC ?= emcc
WASM_LD ?= $(firstword $(wildcard $(addprefix $(shell em-config LLVM_ROOT 2>/dev/null)/,wasm-ld wasm-ld-*)) wasm-ld)
SIM_SOURCES := shim/enter.c shim/calls.c $(wildcard shim/sim/*.c shim/sim/wasm/*.c)
SIM_COMPILE := -std=c11 -O2 -Wall -Wextra -Werror -Wconversion -fvisibility=hidden -matomics \
  -mbulk-memory -fno-delete-null-pointer-checks -I$(CURDIR)/shim/sim/include
SIM_LINK := --no-entry --import-memory --shared-memory --max-memory=4294967296 --global-base=1048576 \
  -z stack-size=65536 --export-dynamic --gc-sections --strip-all

.PHONY: sim.wasm emscripten
sim.wasm: build/sim.wasm

emscripten:
	@command -v $(EMCC) >/dev/null || .ci/peers simulation

build/sim.wasm: $(SIM_SOURCES) $(SHIM_HEADERS) shim/build.mk | emscripten
	@rm -rf build/sim; mkdir -p build/sim
	$(call say,EMCC,$@)
	$(Q)cd build/sim && $(EMCC) $(SIM_COMPILE) -c $(SIM_SOURCES:%=$(CURDIR)/%)
	$(Q)$(WASM_LD) $(SIM_LINK) -o $@.new build/sim/*.o && mv $@.new $@

# A host without libuv or JavaScript, so that leaks are counted too.
build/contract-twins: $(wildcard test/contract/twins/*.[ch])
build/contract-sandbox: $(wildcard test/contract/sandbox/*.[ch])
build/contract-sim: $(wildcard test/contract/sim/*.[ch])
build/contract-threads: $(wildcard test/contract/threads/*.[ch]) test/contract/twins/twins.c test/contract/twins/twins.h
$(CONTRACT_PROGRAMS): $(SHIM_SOURCES) $(SHIM_HEADERS) shim/build.mk
	@mkdir -p $(@D)
	$(call say,ASAN,$@)
	$(Q)$(CC) $(SHIM_FLAGS) $(SHIM_SANITIZE) -Ishim -o $@ $(filter %.c,$^)

SANITIZED = LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 \
  MILLRACE_SHIM=$(CURDIR)/build/shim-asan.so $(NODE) node_modules/vitest/vitest.mjs run

asan-contract: build/shim-asan.so $(CONTRACT_PROGRAMS)
	$(call say,TEST,contract under ASan and UBSan)
	$(Q)$(SANITIZED) --project contract

# A kv, a proxy and servers of the library, in processes whose shim is sanitized; MILLRACE_KERNEL chooses its kernel.
asan-system: build/shim-asan.so
	$(call say,TEST,kv proxy and listen under ASan and UBSan)
	$(Q)$(SANITIZED) --project system $(addprefix test/system/,$(addsuffix .test.ts,kv-connection proxy listen))
