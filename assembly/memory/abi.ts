// What the memory tells the host: sites that allocate skbs, and the record of a leak. Plain constants.

// Sites: who asked for an skb. src/loop/leaks.ts has their names.
export const SITE_UNKNOWN = 1
export const SITE_INBOUND = 2 // a frame that straddles receive buffers
export const SITE_HELD = 3 // kept until the host has read its upcalls
export const SITE_ECHO = 4
export const SITE_HOST = 5 // frames for a handler
export const SITE_WRITE = 6 // what the host writes
export const SITE_ANSWER = 7 // what the host answers to a command
export const SITE_COMMAND = 8 // a command that goes up to the host
export const SITE_KV = 9
export const SITE_PROXY_CLIENT = 10
export const SITE_PROXY_SERVER = 11
export const SITE_TICK = 12 // timers of the services
export const SITES_END = 13

// A leak record, one a site: sampled skbs that are still alive.
export const LEAK_BYTES = 16
export const LEAK_SITE = 0 // u32
export const LEAK_COUNT = 4 // u32
export const LEAK_HELD = 8 // u32, bytes of their blocks
export const LEAK_AGE_MS = 12 // u32, of the oldest
