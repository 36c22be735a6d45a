// A handler's module that cannot be set up in one of its threads.
export function setup({ thread }) {
  if (thread === 1) throw Object.assign(new Error('no setup'), { code: 'MINE' })
}

export const handler = { frame() {} }
