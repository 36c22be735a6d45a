// The errors of the memcached codec, in memcached's words.
import * as abi from '../../../assembly/codec/abi.ts'
import type { ErrorMeaning } from '../errors.ts'

const refused = (message: string): ErrorMeaning => ({
  code: 'MILLRACE_ERR_MEMCACHED',
  message,
  verbatim: true,
  quiet: true,
})
const fatal = (message: string): ErrorMeaning => ({ ...refused(message), fatal: true })

const FORMAT = 'CLIENT_ERROR bad command line format'

/** @internal By number. */
export const MEMCACHED_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  [abi.ERROR_MEMCACHED_COMMAND]: refused('ERROR'),
  [abi.ERROR_MEMCACHED_FORMAT]: refused(FORMAT),
  [abi.ERROR_MEMCACHED_DELETE]: refused(`${FORMAT}.  Usage: delete <key> [noreply]`),
  [abi.ERROR_MEMCACHED_DELTA]: refused('CLIENT_ERROR invalid numeric delta argument'),
  [abi.ERROR_MEMCACHED_EXPTIME]: refused('CLIENT_ERROR invalid exptime argument'),
  [abi.ERROR_MEMCACHED_TOO_LARGE]: refused('SERVER_ERROR object too large for cache'),
  [abi.ERROR_MEMCACHED_DATA]: refused('CLIENT_ERROR bad data chunk'),
  [abi.ERROR_MEMCACHED_LENGTH]: fatal(FORMAT),
  [abi.ERROR_MEMCACHED_LINE]: fatal('CLIENT_ERROR line too long'),
  [abi.ERROR_MEMCACHED_BINARY]: fatal('CLIENT_ERROR binary protocol is not supported'),
  [abi.ERROR_MEMCACHED_HTTP]: fatal('CLIENT_ERROR possible cross-protocol attack'),
}
