// sendFile on the epoll kernel.
import { sendFileSuite } from './send-file-suite.ts'

sendFileSuite('epoll')
