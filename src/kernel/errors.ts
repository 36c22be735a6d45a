// Where a negative errno becomes an Error: Node's own fields, and a sentence with the likely cause and what to do.
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'

/** What Node's own system errors carry. */
export interface SystemError extends Error {
  readonly code: string
  /** Negative, as in Node. */
  readonly errno: number
  readonly syscall: string
  readonly address?: string
  readonly port?: number
  readonly path?: string
}

/** What the call was about. */
export interface Subject {
  readonly address?: string
  readonly port?: number
  readonly path?: string
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE',
  EADDRINUSE: 'the address is in use; stop the process that listens there or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address; listen on one of its own, or on 0.0.0.0',
  EAFNOSUPPORT: 'this kernel does not support the address family; IPv6 may be switched off',
  EAGAIN: 'a resource is used up for the moment; try again',
  EBUSY: 'another loop of this thread waits there already; only one can',
  EBADF: 'the descriptor is not open; it may have been closed elsewhere',
  ECONNABORTED: 'the peer gave up before the connection was accepted',
  ECONNREFUSED: 'nobody listens there; start the server or correct the address',
  ECONNRESET: 'the peer closed the connection without warning',
  EHOSTUNREACH: 'there is no route to the host; check the address and the network',
  EISDIR: 'it is a directory; give the path of a file',
  EINVAL: 'the kernel rejects an argument; if the address is right, this is a bug in millrace',
  EMFILE: 'this process has no descriptors left, raise the limit with `ulimit -n`; or the kernel chosen holds no more',
  ENETUNREACH: 'there is no route to the network; check the address and the network',
  ENFILE: 'the system has no descriptors left; raise the sysctl fs.file-max',
  ENAMETOOLONG: 'the path is longer than the system allows',
  ENOBUFS: 'the kernel has no buffer space left; lower the number of connections or add memory',
  ENOENT: 'there is no such file; check the path',
  ENOMEM: 'the kernel has no memory for it; check `ulimit -l`, the memory limit of the container and free memory',
  ENOSPC: 'a limit of the kernel is reached; raise the sysctl fs.epoll.max_user_watches',
  ENOSYS: 'this kernel or sandbox does not have the call; `millrace doctor` says what is missing',
  ENOTSOCK: 'the descriptor is not a socket',
  EPERM: 'it is forbidden here; a container profile (seccomp) or a sysctl may block the call',
  EPIPE: 'the connection was closed before everything was sent',
  EPROTO: 'shim and core were built from different layouts; run `make build`',
  ETIMEDOUT: 'no answer came in time; the host is down or a firewall drops the packets',
  EUSERS: 'there are too many loops in this process',
}

/** What differs where the call was about a file. */
const FILE_EXPLANATIONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; this user may not open the file, or a directory on its way',
  EINVAL: 'the file system does not support it; another strategy may work',
  EIO: 'the disk, or what stands for it, fails; look at the kernel log',
  ENOSPC: 'the disk is full; make room',
  ENOTDIR: 'a part of the path is no directory; check the path',
  EROFS: 'the file system is read-only',
}

/** Linux's numbers that libuv has no name for, as far as the shim uses them. */
const NAMES_BESIDE_LIBUV: ReadonlyMap<number, string> = new Map([
  [constants.errno.ETIME, 'ETIME'],
  [87, 'EUSERS'],
])

/** The name of `-errno`, as in `EBADF`. */
export function errorName(errno: number): string {
  return NAMES_BESIDE_LIBUV.get(-errno) ?? getSystemErrorName(errno)
}

function place(subject: Subject): string {
  if (subject.path !== undefined) return ` ${subject.path}`
  if (subject.address === undefined) return subject.port === undefined ? '' : ` port ${subject.port}`
  const host = subject.address.includes(':') ? `[${subject.address}]` : subject.address
  return subject.port === undefined ? ` ${subject.address}` : ` ${host}:${subject.port}`
}

/** The Error for `-errno` from `syscall`. */
export function systemError(errno: number, syscall: string, subject: Subject = {}): SystemError {
  if (!Number.isInteger(errno) || errno >= 0) throw new RangeError(`not a negative errno: ${errno}`)
  const code = errorName(errno)
  const explanation = (subject.path === undefined ? undefined : FILE_EXPLANATIONS[code]) ?? EXPLANATIONS[code]
  const error = new Error(`${syscall} ${code}${place(subject)}${explanation === undefined ? '' : `: ${explanation}`}`)
  return Object.assign(error, { code, errno, syscall }, subject)
}

/** A result that is an errno is thrown; any other is returned. */
export function check(result: number, syscall: string, subject?: Subject): number {
  if (result < 0) throw systemError(result, syscall, subject)
  return result
}
