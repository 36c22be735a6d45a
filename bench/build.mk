# The benchmarks and the programs they measure against.
PEERS := bench/peers
PEER_PROGRAMS := $(patsubst $(PEERS)/%.c,$(PEERS)/build/%,$(wildcard $(PEERS)/*.c))
PEER_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wconversion
BUN := $(PEERS)/node_modules/.package-lock.json

JARS := /usr/share/java
NETTY := $(JARS)/netty-buffer.jar:$(JARS)/netty-common.jar:$(JARS)/netty-transport.jar:$(JARS)/netty-resolver.jar:$(JARS)/netty-codec.jar

$(PEERS)/build/%: $(PEERS)/%.c $(PEERS)/bench.h $(PEERS)/cpu.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PEER_CFLAGS) -o $@ $<

# A peer only: without it, its rows say that it is missing.
$(BUN): $(PEERS)/package.json
	$(call say,NPM,$(PEERS))
	$(Q)npm install --prefix $(PEERS) --loglevel=error >/dev/null || echo '  peers from npm could not be installed; their rows will say so'

# Likewise: it takes a JDK and Debian's Netty, which bench-tools installs where it may.
$(PEERS)/build/%.class: $(PEERS)/%.java | bench-tools
	@mkdir -p $(@D)
	$(call say,JAVAC,$@)
	$(Q)javac -Xlint:all -cp $(NETTY) -d $(@D) $< || echo '  Netty could not be compiled; its rows will say so'

.PHONY: bench-peers bench-tools bench-framed bench-embedded bench-models connections bench-transfer bench-options figures
bench-peers: $(PEER_PROGRAMS) $(BUN) $(PEERS)/build/EchoNetty.class

bench-tools:
	@.ci/peers bench || true

bench: bench-core bench-echo bench-framed bench-embedded bench-kv bench-proxy bench-memory bench-models bench-transfer ## Run all benchmarks; ROUNDS=5, EFFORT=1 (time per measurement)

bench-core: build bench-peers ## The core in one process: decoders, rings, timers, against JavaScript, npm and C
	$(Q)taskset -c 0 $(NODE) --expose-gc bench/micro/core.mjs

bench-echo: build bench-peers ## Echo servers on io_uring and epoll: node:net, C, Bun, Netty
	$(Q)$(NODE) bench/macro/echo.mjs

bench-framed: build bench-peers ## Frames through a JavaScript handler: node:net with a framer, Netty, Bun, C
	$(Q)$(NODE) bench/macro/framed.mjs

bench-embedded: build bench-peers ## Latency of node:http in a process whose loop is at full load
	$(Q)$(NODE) bench/macro/embedded.mjs

bench-kv: build bench-peers ## kv against redis-server
	$(Q)$(NODE) bench/macro/kv.mjs

bench-proxy: build bench-peers ## proxy against twemproxy
	$(Q)$(NODE) bench/macro/proxy.mjs

bench-memory: build bench-peers ## Memory of idle connections
	$(Q)$(NODE) bench/macro/memory.mjs

bench-models: build bench-peers ## Cost of a request by I/O model, while silent connections grow
	$(Q)$(NODE) bench/macro/models.mjs
	$(Q)$(NODE) bench/charts/models.mjs

bench-transfer: build bench-peers ## Files into sockets by every strategy, against C, nginx and a Node stream
	$(Q)$(NODE) bench/macro/transfer.mjs
	$(Q)$(NODE) bench/charts/transfer.mjs

connections: build bench-peers ## N (15000) mostly idle connections: memory, kernel memory, and echo beside them
	$(Q)N=$(N) $(NODE) bench/macro/connections.mjs

bench-options: build bench-peers ## What io_uring leaves open: buffers, sends, waits, rings, each against the loop as it is
	$(Q)$(NODE) bench/macro/options.mjs

figures: ## Put the results of the benchmarks into README.md and docs/, and draw their charts
	$(Q)$(NODE) bench/charts/readme.mjs
	$(Q)$(NODE) bench/charts/models.mjs
	$(Q)$(NODE) bench/charts/transfer.mjs
