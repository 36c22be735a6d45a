// A chat in lines: whoever connects says a name, and then hears and is heard. A member who does not read misses what is
// said in the meantime, and is told how much, instead of holding the room up or filling memory. Usage: node
// examples/chat.mjs [PORT], then: nc 127.0.0.1 7000
import { line, listen } from 'millrace'

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u
const members = new Map() // by name

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  codec: line({ maxLength: 1000 }),
  highWaterMark: 262_144,
  handler: {
    open(channel) {
      channel.write('who are you?')
    },
    frame(channel, frame) {
      const text = frame.toString()
      if (channel.data === undefined) enter(channel, text)
      else say(`${channel.data.name}: ${text}`, channel)
    },
    writable(channel) {
      const member = channel.data
      if (member === undefined) return
      const { missed } = member
      member.full = false
      member.missed = 0
      if (missed > 0) tell(member, `(${missed} lines were said that you did not read in time)`)
    },
    error(channel, { code }) {
      if (code === 'MILLRACE_ERR_FRAME_TOO_LONG') channel.write('that was too long')
    },
    close(channel) {
      if (channel.data === undefined) return
      members.delete(channel.data.name)
      say(`${channel.data.name} has left`)
    },
  },
})

function enter(channel, name) {
  if (!NAME.test(name) || members.has(name)) {
    channel.write(`${members.has(name) ? 'that is somebody else' : 'no name'}; who are you?`)
    return
  }
  const member = { name, channel, full: false, missed: 0 }
  channel.data = member
  say(`${name} has come`)
  members.set(name, member)
  channel.write(`here: ${[...members.keys()].join(', ')}`)
}

function say(text, except) {
  for (const member of members.values()) {
    if (member.channel === except) continue
    if (member.full) member.missed++
    else tell(member, text)
  }
}

/** The line that fills the queue is still sent; those behind it are counted, until the member has read. */
function tell(member, text) {
  if (!member.channel.write(text)) member.full = true
}

console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close())
