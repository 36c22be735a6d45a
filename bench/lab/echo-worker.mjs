// Blocking I/O inside Node: an echo server with a worker thread for each connection, which waits in recv and send of
// the C library. A measure of what a JavaScript thread per connection costs, not a way to serve.
// Usage: node echo-worker.mjs PORT
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import koffi from 'koffi'

const AF_INET = 2
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const MSG_NOSIGNAL = 0x4000
const BACKLOG = 4096
const READ_BYTES = 65536

const libc = koffi.load('libc.so.6')
const close = libc.func('int close(int)')
const ONE = new Int32Array([1])

function check(result, call) {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`)
  return result
}

function listen(port) {
  const socket = libc.func('int socket(int, int, int)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const int32_t *, uint32_t)')
  const bind = libc.func('int bind(int, const uint8_t *, uint32_t)')
  const fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket')
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ONE, 4), 'setsockopt')
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4), 'setsockopt') // accepted sockets inherit it
  const address = new Uint8Array(16)
  address.set([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1])
  check(bind(fd, address, address.length), 'bind')
  check(libc.func('int listen(int, int)')(fd, BACKLOG), 'listen')
  return fd
}

/** The wait for connections blocks a thread of koffi's, so that the main thread can start workers. */
function acceptAll(listener) {
  const accept = libc.func('int accept4(int, void *, void *, int)')
  const next = () =>
    accept.async(listener, null, null, SOCK_CLOEXEC, (error, fd) => {
      if (error) throw error
      if (fd >= 0) {
        const worker = new Worker(new URL(import.meta.url), { workerData: fd, resourceLimits: { stackSizeMb: 1 } })
        worker.on('error', (failure) => process.stderr.write(`worker: ${failure.message}\n`))
      }
      next()
    })
  next()
}

function serve(fd) {
  const recv = libc.func('int64_t recv(int, _Out_ uint8_t *, size_t, int)')
  const send = libc.func('int64_t send(int, const uint8_t *, size_t, int)')
  const buffer = new Uint8Array(READ_BYTES)
  for (;;) {
    const length = Number(recv(fd, buffer, READ_BYTES, 0))
    if (length <= 0) break
    for (let sent = 0; sent < length; ) {
      const n = Number(send(fd, buffer.subarray(sent, length), length - sent, MSG_NOSIGNAL))
      if (n < 0) return
      sent += n
    }
  }
}

if (isMainThread) {
  acceptAll(listen(Number(process.argv[2])))
} else {
  serve(workerData)
  close(workerData)
}
