// The far ends of a simulated network, as a person writes them down: clients that connect to the loop, and servers that
// the loop connects to.
import * as abi from '../../assembly/abi.ts'
import { systemError } from '../kernel/errors.ts'
import type { SimKernel } from '../kernel/sim.ts'

/** One end of a simulated connection, outside of the loop. What it sends and receives moves while turns are taken. */
export class SimPeer {
  readonly #kernel: SimKernel
  readonly #peer: number
  #open = true

  /** @internal */
  constructor(kernel: SimKernel, peer: number) {
    this.#kernel = kernel
    this.#peer = peer
  }

  /** → how many bytes the window took, 0 where it is full. Throws EPIPE and ECONNRESET. */
  send(bytes: Uint8Array | string): number {
    const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
    let sent = 0
    while (sent < data.length) {
      const taken = this.#kernel.send(this.#peer, data.subarray(sent))
      if (taken === -abi.EAGAIN) break
      if (taken < 0) throw systemError(taken, 'send')
      sent += taken
      if (taken === 0) break
    }
    return sent
  }

  /** What has come, a copy of at most `capacity` bytes; undefined: nothing yet; null: the loop has ended its side. */
  receive(capacity?: number): Uint8Array | undefined | null {
    const result = this.#kernel.receive(this.#peer, capacity)
    if (result === -abi.EAGAIN) return undefined
    if (typeof result === 'number') throw systemError(result, 'recv')
    return result.length === 0 ? null : result
  }

  /** Ends this side; the other may go on. */
  end(): void {
    this.#kernel.shutdown(this.#peer)
  }

  /** Breaks the connection off: the loop sees ECONNRESET. */
  reset(): void {
    this.#kernel.reset(this.#peer)
    this.close()
  }

  close(): void {
    if (this.#open) this.#kernel.closePeer(this.#peer)
    this.#open = false
  }
}

/** A simulated server at 127.0.0.1, to which services of the loop connect. */
export class SimServer {
  readonly port: number
  readonly #kernel: SimKernel

  /** @internal */
  constructor(kernel: SimKernel, port: number) {
    this.port = port
    this.#kernel = kernel
    const result = kernel.listen(port)
    if (result < 0) throw systemError(result, 'listen', { address: '127.0.0.1', port })
  }

  /** The next connection; undefined: there is none yet. */
  accept(): SimPeer | undefined {
    const peer = this.#kernel.accept(this.port)
    return peer < 0 ? undefined : new SimPeer(this.#kernel, peer)
  }

  /** Listens no more; its connections stay. */
  close(): void {
    this.#kernel.unlisten(this.port)
  }
}
