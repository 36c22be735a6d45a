// The handler of the tests of threads: echoes, says which thread it is, and fails when it is told to.
let thread = -1

export async function setup(context) {
  await Promise.resolve()
  thread = context.thread
}

export const handler = {
  frame(channel, frame) {
    const text = frame.toString()
    if (text === 'who') channel.write(`thread ${thread}`)
    else if (text === 'throw') throw Object.assign(new Error('a fault of the handler'), { code: 'MINE' })
    else if (text === 'exit') process.exit(3)
    else if (text === 'bye') {
      channel.write('bye')
      channel.end()
    } else channel.write(frame)
  },
}
