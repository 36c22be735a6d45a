// Numbers of decoders that cross to the host: codec records, decoder state, what decoders find, and their errors. The
// shim knows none of them. Plain constants; offsets and sizes are in bytes, little-endian.

// The core as a host meets it.
export const CORE_ABI = 1 // coreAbi; raised when a host written against docs/core-abi.md must change
export const CORE_FEATURE_SIMD = 1 // coreFeatures: this build uses SIMD

// A codec: the parameters of a decoder and its encoder, CODEC_BYTES and what follows them.
export const CODEC_BYTES = 64
export const CODEC_KIND = 0 // u32, CODEC_*
export const CODEC_FLAGS = 4 // u32, CODEC_FLAG_*
export const CODEC_MAX_FRAME = 8 // u64, longest frame in bytes; what it counts is the codec's to say
export const CODEC_FIELD_OFFSET = 16 // u32, length field
export const CODEC_FIELD_LENGTH = 20 // u32, length field
export const CODEC_ADJUSTMENT = 24 // i64, length field
export const CODEC_STRIP = 32 // u32, length field: bytes dropped at the front
export const CODEC_DELIMITERS = 16 // u32, how many
export const CODEC_DELIMITER_FIRST = 20 // u32, where in the record the one stands that the encoder appends
export const CODEC_DELIMITER_WORK = 24 // u32, where in the record the zeroes stand that the core makes its tables of
export const CODEC_DELIMITER_READY = 28 // u32, 0; the core has made them
export const CODEC_DELIMITER_TABLE = 64 // {length u32, bytes padded to a multiple of 4} each, the longest first
// … and the room at CODEC_DELIMITER_WORK: DELIMITER_WORK_BYTES, and for the empty prefix and each byte of a delimiter
// DELIMITER_NODE_BYTES + 2 × (how many different bytes there are + 1), rounded up to a multiple of DELIMITER_UNIT_BYTES
export const DELIMITER_WORK_BYTES = 352
export const DELIMITER_NODE_BYTES = 8
export const DELIMITER_UNIT_BYTES = 32
export const DELIMITERS_MAX = 16
export const DELIMITER_BYTES_MAX = 64
export const CODEC_MAX_LINE = 16 // u32, resp: longest inline command; memcached: longest line
export const CODEC_MAX_ELEMENTS = 20 // u32, resp: most elements of an aggregate; http1: most header fields
export const CODEC_MAX_DEPTH = 24 // u32, resp: deepest nesting
export const CODEC_MAX_KEY = 28 // u32, memcached: longest key
export const CODEC_MAX_TARGET = 24 // u32, http1: longest request target
export const CODEC_MAX_CHUNK_LINE = 28 // u32, http1: longest chunk-size line, extensions included
export const CODEC_MAX_BODY = 32 // u64, http1

export const CODEC_RAW = 0
export const CODEC_LENGTH_FIELD = 1
export const CODEC_LINE = 2
export const CODEC_DELIMITER = 3
export const CODEC_FIXED = 4
export const CODEC_VARINT32 = 5
export const CODEC_RESP = 6
export const CODEC_MEMCACHED = 7
export const CODEC_HTTP1 = 8

export const CODEC_FLAG_LITTLE_ENDIAN = 1
export const CODEC_FLAG_FAIL_FAST = 2
export const CODEC_FLAG_LENGTH_INCLUDED = 4 // the encoder counts the field itself
export const CODEC_FLAG_STRIP = 8 // a frame comes without its delimiter
export const CODEC_FLAG_REPLIES = 16 // resp, http1: what a server says, not what a client asks
export const CODEC_FLAG_RESP3 = 32
export const CODEC_FLAG_CRLF = 64 // line: the encoder ends lines with a carriage return too

// A decoder's state, of one stream: all zero at its beginning. The first 20 bytes are the codec's own.
export const DECODER_BYTES = 24
export const DECODER_OWN_BYTES = 20
export const DECODER_FLAGS = 20 // u32
export const DECODER_DEAD = 1 // an error was met behind which nothing can be told apart

// What a decoder has found, 16 bytes each, in the order of the stream.
export const RECORD_BYTES = 16
export const RECORD_AT = 0 // u32, where the bytes lie; in an error: its number, ERROR_*
export const RECORD_LENGTH = 4 // u32, how many; in an error: the lower half of the frame's length
export const RECORD_KIND = 8 // u32, RECORD_*, or the kind of a part
export const RECORD_EXTRA = 12 // u32, how many records behind this one are its parts; in an error: the upper half

export const RECORD_FRAME = 0
export const RECORD_ERROR = 1
export const RECORD_HEAD = 2 // http1: a head; its parts follow
export const RECORD_DATA = 3 // http1: a piece of a body, cut where it was received
export const RECORD_TRAILERS = 4 // http1: fields behind a chunked body
export const RECORD_END = 5 // http1: the message is whole

// Errors of decoders, as records and UP_ERROR carry them (a plain errno otherwise). Their codes and texts:
// src/core/errors.ts.
export const ERROR_FRAME_TOO_LONG = 10001
export const ERROR_FRAME_CORRUPTED = 10002
export const ERROR_FRAME_INCOMPLETE = 10003
export const ERROR_NO_MEMORY = 10004
export const ERROR_PREFIX_CORRUPTED = 10005 // fatal: nothing tells where the next frame begins
export const ERROR_RESP = 10100 // … 10199, resp; assembly/codec/resp-limits.ts counts on from here
export const ERROR_RESP_MULTIBULK = 10100
export const ERROR_RESP_BULK = 10101
export const ERROR_RESP_EXPECTED_BULK = 10102 // the upper half of the length is the byte that came
export const ERROR_RESP_UNBALANCED = 10103
export const ERROR_RESP_INLINE = 10104
export const ERROR_RESP_MULTIBULK_LINE = 10105
export const ERROR_RESP_BULK_LINE = 10106
export const ERROR_RESP_BULK_END = 10107
export const ERROR_RESP_CROSS_PROTOCOL = 10111
export const ERROR_RESP_REPLY_TYPE = 10112 // the upper half of the length is the byte that came
export const ERROR_RESP_REPLY_LINE = 10113
export const ERROR_RESP_REPLY_LINE_END = 10114
export const ERROR_RESP_REPLY_VALUE = 10115
export const ERROR_RESP_REPLY_DEPTH = 10116
export const ERROR_RESP_REPLY_PUSH = 10117
export const ERROR_MEMCACHED = 10200 // … 10299, memcached; an upper half of 1 of the length: nobody wants an answer
export const ERROR_MEMCACHED_COMMAND = 10200
export const ERROR_MEMCACHED_FORMAT = 10201
export const ERROR_MEMCACHED_DELETE = 10202
export const ERROR_MEMCACHED_DELTA = 10203
export const ERROR_MEMCACHED_EXPTIME = 10204
export const ERROR_MEMCACHED_TOO_LARGE = 10205
export const ERROR_MEMCACHED_DATA = 10206
export const ERROR_MEMCACHED_LENGTH = 10207 // how long the data is cannot be read
export const ERROR_MEMCACHED_LINE = 10208
export const ERROR_MEMCACHED_BINARY = 10209
export const ERROR_MEMCACHED_HTTP = 10210
export const ERROR_HTTP1 = 10300 // … 10399, http1

// Parts of a memcached command.
export const MEMCACHED_WORD = 0
export const MEMCACHED_DATA = 1
