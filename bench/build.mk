# The benchmarks and the programs they measure against.
PEERS := bench/peers
PEER_PROGRAMS := $(addprefix $(PEERS)/build/,echo-epoll load idle decoders)
PEER_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wconversion
BUN := $(PEERS)/node_modules/.package-lock.json

$(PEERS)/build/%: $(PEERS)/%.c $(PEERS)/bench.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PEER_CFLAGS) -o $@ $<

# A peer only: without it, its rows say that it is missing.
$(BUN): $(PEERS)/package.json
	$(call say,NPM,$(PEERS))
	$(Q)npm install --prefix $(PEERS) --loglevel=error >/dev/null || echo '  peers from npm could not be installed; their rows will say so'

.PHONY: bench-peers
bench-peers: $(PEER_PROGRAMS) $(BUN)
	@.ci/peers bench || true

bench: bench-core bench-echo bench-kv bench-proxy bench-memory ## Run all benchmarks; ROUNDS=5, EFFORT=1 (time per measurement)

bench-core: build bench-peers ## The core in one process: decoders, rings, timers, against JavaScript, npm and C
	$(Q)taskset -c 0 $(NODE) --expose-gc bench/micro/core.mjs

bench-echo: build bench-peers ## Echo servers: node:net, C epoll, Bun
	$(Q)$(NODE) bench/macro/echo.mjs

bench-kv: build bench-peers ## kv against redis-server
	$(Q)$(NODE) bench/macro/kv.mjs

bench-proxy: build bench-peers ## proxy against twemproxy
	$(Q)$(NODE) bench/macro/proxy.mjs

bench-memory: build bench-peers ## Memory of idle connections
	$(Q)$(NODE) bench/macro/memory.mjs
