// The process in the middle of a double fork: leader of the new session, it starts the service and is gone. A service
// that leads no session can never get a terminal by opening one (setsid(2), daemon(7)).
import { spawn } from 'node:child_process'

const TELL_FD = 3

const child = spawn(process.execPath, process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit', TELL_FD] })
child.once('spawn', () => process.exit(0))
child.once('error', (error) => {
  process.stderr.write(`millrace: ${error.message}\n`)
  process.exit(1)
})
