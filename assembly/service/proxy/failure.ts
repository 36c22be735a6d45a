// A server has failed: its requests are answered with an error.

import * as abi from '../../abi'
import { partFailed } from './merge'
import { KIND_PART, REQUEST_CLIENT, REQUEST_KIND, REQUEST_QUEUE, requestDone, requestIsFirst } from './request'
import { serverError } from './server-error'

/** Answers a request with its server's failure. */
export function failReply(server: usize, request: usize, error: i32): void {
  if (load<u32>(request, REQUEST_KIND) == KIND_PART) return partFailed(request, server, error)
  if (requestIsFirst(request)) {
    serverError(<usize>load<u32>(request, REQUEST_CLIENT) + abi.CHANNEL_QUEUE, server, error)
  } else if (load<u32>(request, REQUEST_CLIENT)) {
    serverError(request + REQUEST_QUEUE, server, error)
  }
  requestDone(request)
}
