// sendFile on the epoll kernel.
import { waitBy } from './library.ts'
import { bytesSuite } from './send-file-bytes.ts'
import { changesSuite } from './send-file-changes.ts'

process.env.MILLRACE_KERNEL = 'epoll'
waitBy('prepare')
bytesSuite()
changesSuite()
