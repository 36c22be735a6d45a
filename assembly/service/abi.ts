// Numbers of channels that a host handles which the shim does not know: how they are decoded frame by frame. Plain
// constants.

/** An upcall as UP_FRAMES, of one frame, behind which the channel waits for channelGoOn or channelMove. */
export const UP_FRAME = 24
/** In a codec's CODEC_FLAGS, of a loop: frames are told by UP_FRAME. */
export const CODEC_SINGLE = 128
