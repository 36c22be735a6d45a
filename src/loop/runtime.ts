// The runtime core: build/runtime.wasm, compiled once per process and instantiated once per loop.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RingExports } from '../core/ring-build.ts'
import { packageRoot } from '../kernel/package-root.ts'

/** What runtime.wasm exports. Addresses are offsets in the linear memory; see assembly/index.ts. */
export interface Runtime extends RingExports {
  memoryBase(): number
  create(
    base: number,
    end: number,
    channels: number,
    buffers: number,
    bufferBytes: number,
    sqEntries: number,
    cqEntries: number,
    slabs: number,
  ): number
  attach(): void
  run(): number
  flush(): void
  upcallCount(): number
  upcallsDone(): void
  cqReady(): number
  crowdSetMinWait(ns: number): void
  receiveSetBundles(on: number): void
  sendSetMode(mode: number): void
  sendSetZeroCopy(bytes: number): void
  sendZeroCopy(): number
  readonly upcalls: WebAssembly.Global
  find(slot: number, generation: number): number
  write(slot: number, generation: number, at: number, length: number): number
  sendFile(
    slot: number,
    generation: number,
    fd: number,
    place: number,
    bytes: number,
    how: number,
    key: number,
    align: number,
  ): number
  fileSubmit(
    id: number,
    op: number,
    fd: number,
    at: number,
    length: number,
    place: number,
    opFlags: number,
    linked: boolean,
  ): number
  end(slot: number, generation: number, whole: number): void
  destroy(slot: number, generation: number): void
  pause(slot: number, generation: number, on: number): void
  queued(slot: number, generation: number): number
  timeouts(slot: number, generation: number, readMs: number, writeMs: number, allMs: number): number
  answer(slot: number, generation: number, request: number, at: number, length: number, close: number): void
  endpointCreate(service: number, target: number, high: number, low: number, limit: number): number
  endpointConnect(endpoint: number, fd: number, address: number, length: number, timeoutMs: number): number
  endpointAdopt(endpoint: number, fd: number): number
  endpointFree(endpoint: number): void
  endpointListen(endpoint: number, fd: number): number
  endpointLook(endpoint: number): void
  endpointStop(endpoint: number): void
  endpointDrain(endpoint: number, ms: number): void
  endpointAbort(endpoint: number): void
  endpointAllow(endpoint: number, more: number): void
  datagramOpen(endpoint: number, fd: number, bytes: number): number
  datagramQueue(slot: number, generation: number, length: number): number
  channelGoOn(slot: number, generation: number): void
  channelMove(slot: number, generation: number, codec: number): number
  channelsTouched(): number
  channelAt(slot: number): number
  heapUsed(): number
  heapBytes(): number
  heapCheck(): void
  slabUsed(): number
  slabBytes(): number
  slabLimit(bytes: number): void
  leakSample(every: number): void
  leakReport(to: number): number
  kvSetup(seed: bigint): number
  kvCreate(bytes: number, policy: number, databases: number): number
  kvShare(kv: number): number
  kvDestroy(kv: number): void
  kvSetPassword(kv: number, at: number, length: number): number
  kvSetMaxmemory(kv: number, bytes: number): number
  kvSetPolicy(kv: number, policy: number): void
  kvStat(kv: number, stat: number): number
  kvResetStats(kv: number): void
  kvKeys(kv: number, database: number): number
  kvExpires(kv: number, database: number): number
  storesAdd(kv: number): number
  proxyCreate(ring: number, servers: number, local: number): number
  proxyLimits(
    proxy: number,
    inFlight: number,
    serverBytes: number,
    serverRequests: number,
    timeoutNs: number,
    connectNs: number,
  ): void
  proxyServer(
    proxy: number,
    index: number,
    endpoint: number,
    name: number,
    nameLength: number,
    family: number,
    address: number,
    addressLength: number,
  ): number
  proxyEmbed(proxy: number, index: number, kv: number, name: number, nameLength: number): number
  proxyStop(proxy: number): void
  proxyRequests(proxy: number): number
  proxyErrors(proxy: number): number
  serverStat(proxy: number, index: number, stat: number): number
  upstreamSeed(seed: bigint): void
}

let compiled: WebAssembly.Module | undefined

/** A new instance over `memory`. */
export function instantiateRuntime(memory: WebAssembly.Memory): Runtime {
  compiled ??= new WebAssembly.Module(readFileSync(join(packageRoot(), 'build', 'runtime.wasm')))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Runtime
}
