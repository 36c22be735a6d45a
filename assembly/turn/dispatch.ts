// Which service handles a channel: the one place that knows them all.

import * as abi from '../abi'
import { findByte } from '../codec/scan'
import { FLAG_BLOCKED_HOST, channelEnd, endpoint, flags, state } from '../channel/table'
import {
  respIsInline,
  respNeed,
  respScan,
  scanAt,
  scanBulk,
  scanFrom,
  scanLeft,
  scanLine,
} from '../codec/resp'
import { respRestrict } from '../codec/resp-limits'
import {
  SITE_ECHO,
  SITE_HOST,
  SITE_KV,
  SITE_PROXY_CLIENT,
  SITE_PROXY_SERVER,
} from '../memory/abi'
import { siteSet } from '../memory/sites'
import { echoFrames } from '../service/echo'
import { hostEnd, hostFrames, hostLooks, hostNeed, hostRelease, hostTake } from '../service/host'
import { hostConnectBegin, hostConnectRelease, hostConnected } from '../service/host-connect'
import { kvClosing, kvFrames, kvRestrict } from '../service/kv-serve'
import { clientClosing, clientFrames } from '../service/proxy/client'
import {
  upstreamClosing,
  upstreamConnected,
  upstreamEnd,
  upstreamFrames,
  upstreamNeed,
  upstreamScan,
} from '../service/proxy/upstream'
import { upcall } from '../service/upcall'

const LF: u32 = 10

// @ts-ignore: decorator
@inline
function service(ch: usize): u32 {
  return load<u32>(endpoint(ch), abi.ENDPOINT_SERVICE)
}

/** Lets the service take every whole frame in `[at, end)`; returns where it stopped. */
export function frames(ch: usize, at: usize, end: usize): usize {
  switch (service(ch)) {
    case abi.SERVICE_KV: {
      siteSet(SITE_KV)
      scanFrom(0, 0, 0, -1)
      const stop = kvFrames(ch, at, end)
      keepScan(ch)
      return stop
    }
    case abi.SERVICE_PROXY: {
      siteSet(SITE_PROXY_CLIENT)
      scanFrom(0, 0, 0, -1)
      const stop = clientFrames(ch, at, end)
      keepScan(ch)
      return stop
    }
    case abi.SERVICE_UPSTREAM:
      siteSet(SITE_PROXY_SERVER)
      return upstreamFrames(ch, at, end)
    case abi.SERVICE_ECHO:
      siteSet(SITE_ECHO)
      return echoFrames(ch, at, end)
    default:
      siteSet(SITE_HOST)
      return hostFrames(ch, at, end)
  }
}

/** Whether the partial frame `[base, end)` of a channel is worth another look by `frames`: whole, or wrong. */
export function scan(ch: usize, base: usize, end: usize): bool {
  switch (service(ch)) {
    case abi.SERVICE_KV: {
      kvRestrict(ch)
      const found = scanResp(ch, base, end)
      respRestrict(false)
      return found
    }
    case abi.SERVICE_PROXY:
      return scanResp(ch, base, end)
    case abi.SERVICE_UPSTREAM:
      return upstreamScan(ch, base, end)
    default:
      return true
  }
}

/** Bytes to add to the partial frame of `have` bytes at `base` before a scan is worth it; never beyond the frame. */
export function need(ch: usize, base: usize, have: u32): u32 {
  switch (service(ch)) {
    case abi.SERVICE_KV:
    case abi.SERVICE_PROXY:
      loadScan(ch)
      return respNeed(have)
    case abi.SERVICE_UPSTREAM:
      return upstreamNeed(ch, have)
    case abi.SERVICE_ECHO:
      return 1
    default:
      return hostNeed(ch, base, have)
  }
}

/** How many of the new bytes `[at, end)` go to the partial frame of `have` bytes at `base`: never beyond its end. */
export function take(ch: usize, base: usize, have: u32, at: usize, end: usize): u32 {
  const kind = service(ch)
  if (kind == abi.SERVICE_HOST) return hostTake(ch, base, have, at, end)
  if (kind == abi.SERVICE_KV || kind == abi.SERVICE_PROXY) {
    loadScan(ch)
    if (respIsInline(base)) return throughLine(at, end)
  }
  return min(<u32>(end - at), need(ch, base, have))
}

/** The peer has ended its side, and the `left` bytes at `base` never became a whole frame. */
export function peerEnded(ch: usize, base: usize, left: u32): void {
  switch (service(ch)) {
    case abi.SERVICE_UPSTREAM:
      upstreamEnd(ch)
      break
    case abi.SERVICE_HOST:
      hostEnd(ch, base, left)
      break
    default:
      channelEnd(ch, false)
  }
}

/** Whether a command of the channel waits for the host's answer, or a frame for its consent. */
export function answerOwed(ch: usize): bool {
  if (service(ch) == abi.SERVICE_HOST) return hostLooks(ch)
  return service(ch) == abi.SERVICE_KV && (flags(ch) & FLAG_BLOCKED_HOST) != 0
}

/** The channel fails with −errno and will close. */
export function failed(ch: usize, error: i32): void {
  if (service(ch) == abi.SERVICE_HOST) upcall(abi.UP_ERROR, ch, 0, <u32>-error, 0)
}

/** The channel begins to close: the service lets go of it. */
export function closing(ch: usize): void {
  switch (service(ch)) {
    case abi.SERVICE_KV:
      kvClosing(ch)
      break
    case abi.SERVICE_PROXY:
      clientClosing(ch)
      break
    case abi.SERVICE_UPSTREAM:
      upstreamClosing(ch)
      break
  }
}

/** The channel is gone. */
export function closed(ch: usize): void {
  const kind = service(ch)
  if (kind == abi.SERVICE_HOST) hostConnectRelease(ch)
  if (kind == abi.SERVICE_HOST || kind == abi.SERVICE_DATAGRAM) upcall(abi.UP_CLOSE, ch, 0, 0, 0)
}

/** The flush comes by a channel that is opening: there is room for its connect. */
export function opening(ch: usize): void {
  assert(service(ch) == abi.SERVICE_HOST)
  hostConnectBegin(ch)
}

/** A connect has completed. */
export function connected(ch: usize, result: i32): void {
  if (service(ch) == abi.SERVICE_UPSTREAM) upstreamConnected(ch, result)
  else hostConnected(ch, result)
}

/** The channel has just been accepted. */
export function opened(ch: usize): void {
  if (service(ch) == abi.SERVICE_HOST) upcall(abi.UP_OPEN, ch, 0, 0, 0)
}

/** The queue of a channel that was above its high watermark is low again. */
export function drained(ch: usize): void {
  if (service(ch) == abi.SERVICE_HOST) upcall(abi.UP_WRITABLE, ch, 0, 0, 0)
}

/** The oldest file in the channel's queue is with the socket, or was not sent to its end: errno, or ERROR_*. */
export function fileSent(ch: usize, bytes: u64, error: u32): void {
  if (service(ch) == abi.SERVICE_HOST) upcall(abi.UP_SENT, ch, <u32>bytes, error, bytes >> 32)
}

/** What a channel's decoder holds is given back. */
export function released(ch: usize): void {
  if (service(ch) == abi.SERVICE_HOST && state(ch) != abi.STATE_LISTENING) hostRelease(ch)
}

function throughLine(at: usize, end: usize): u32 {
  return <u32>(min(findByte(at, end, LF) + 1, end) - at)
}

function scanResp(ch: usize, base: usize, end: usize): bool {
  loadScan(ch)
  const found = respScan(base, end) != 0
  keepScan(ch)
  return found
}

function loadScan(ch: usize): void {
  const at = ch + abi.CHANNEL_SCAN
  scanFrom(load<u32>(at), load<u32>(at, 4), load<i32>(at, 8), load<i32>(at, 12))
}

function keepScan(ch: usize): void {
  const at = ch + abi.CHANNEL_SCAN
  store<u32>(at, scanAt)
  store<u32>(at, scanLine, 4)
  store<i32>(at, scanLeft, 8)
  store<i32>(at, scanBulk, 12)
}
