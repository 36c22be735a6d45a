// Numbers of the turn that only TypeScript shares: of endpoints whose connections the host hands to other threads.

export const SERVICE_BOSS = 7 // connections go up to the host as descriptors; the limit is how many it still takes
export const UP_ACCEPTED = 29 // at: a connected socket, the host's from now on
