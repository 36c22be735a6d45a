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
export const CODEC_MAX_LINE = 16 // u32, resp: longest inline command; memcached: longest line; http1: longest field
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
export const ERROR_FILE_TRUNCATED = 10006 // fatal: bytes that were promised are not there any more
export const ERROR_WRITE_SHORT = 10007 // a file took less than was written
export const ERROR_NOT_A_FILE = 10008 // of the host: a folder, pipe, socket or device
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
// http1: what is wrong, in HTTP1_ERROR_* from ERROR_HTTP1 on.
export const HTTP1_ERROR_MALFORMED = 10300
export const HTTP1_ERROR_BAD_METHOD = 10301
export const HTTP1_ERROR_BAD_REQUEST_LINE = 10302
export const HTTP1_ERROR_BAD_TARGET = 10303
export const HTTP1_ERROR_BAD_TARGET_FORM = 10304
export const HTTP1_ERROR_BAD_VERSION = 10305
export const HTTP1_ERROR_VERSION = 10306
export const HTTP1_ERROR_BARE_LF = 10307
export const HTTP1_ERROR_BARE_CR = 10308
export const HTTP1_ERROR_FOLDED = 10309
export const HTTP1_ERROR_EMPTY_NAME = 10310
export const HTTP1_ERROR_BAD_NAME = 10311
export const HTTP1_ERROR_SPACE_IN_NAME = 10312
export const HTTP1_ERROR_NO_COLON = 10313
export const HTTP1_ERROR_BAD_VALUE = 10314
export const HTTP1_ERROR_NO_HOST = 10315
export const HTTP1_ERROR_TWO_HOSTS = 10316
export const HTTP1_ERROR_BAD_HOST = 10317
export const HTTP1_ERROR_BAD_LENGTH = 10318
export const HTTP1_ERROR_TWO_LENGTHS = 10319
export const HTTP1_ERROR_TWO_CODINGS = 10320
export const HTTP1_ERROR_CODING_IN_1_0 = 10321
export const HTTP1_ERROR_LENGTH_AND_CODING = 10322
export const HTTP1_ERROR_CODING = 10323
export const HTTP1_ERROR_CONNECT_BODY = 10324
export const HTTP1_ERROR_TARGET_TOO_LONG = 10325
export const HTTP1_ERROR_HEAD_TOO_LONG = 10326
export const HTTP1_ERROR_FIELD_TOO_LONG = 10327
export const HTTP1_ERROR_TOO_MANY_FIELDS = 10328
export const HTTP1_ERROR_BODY_TOO_LONG = 10329
export const HTTP1_ERROR_BAD_CHUNK_SIZE = 10330
export const HTTP1_ERROR_BAD_CHUNK_EXTENSION = 10331
export const HTTP1_ERROR_CHUNK_LINE_TOO_LONG = 10332
export const HTTP1_ERROR_BAD_CHUNK_END = 10333
export const HTTP1_ERROR_EMPTY_LINES = 10334
export const HTTP1_ERROR_BAD_STATUS_LINE = 10335
export const HTTP1_ERROR_BAD_REASON = 10336

// http1: kinds of parts. Of a request: method, target, version, length, then name and value of every field; of a
// response: version, status, reason, length, then the fields; of trailers: the fields alone.
export const HTTP1_PART_METHOD = 1 // extra: HTTP1_METHOD_*, 0 for others
export const HTTP1_PART_TARGET = 2 // extra: HTTP1_FORM_*
export const HTTP1_PART_VERSION = 3 // its two digits; extra: HTTP1_FLAG_*
export const HTTP1_PART_STATUS = 4 // extra: the number
export const HTTP1_PART_REASON = 5
export const HTTP1_PART_LENGTH = 6 // the value of Content-Length; no bytes at address 0 where there is none
export const HTTP1_PART_NAME = 7 // extra: HTTP1_FIELD_*, 0 for others
export const HTTP1_PART_VALUE = 8 // without the blanks around it
export const HTTP1_HEAD_PARTS = 4 // parts before the fields

export const HTTP1_FLAG_MINOR_1 = 1 // served as HTTP/1.1, else as HTTP/1.0
export const HTTP1_FLAG_CHUNKED = 2
export const HTTP1_FLAG_KEEP_ALIVE = 4
export const HTTP1_FLAG_UPGRADE = 8 // Upgrade and Connection: upgrade, or CONNECT
export const HTTP1_FLAG_EXPECT_CONTINUE = 16 // Expect: 100-continue
export const HTTP1_FLAG_UNTIL_CLOSE = 32 // the body ends with the connection

export const HTTP1_FORM_ORIGIN = 1
export const HTTP1_FORM_ABSOLUTE = 2
export const HTTP1_FORM_AUTHORITY = 3
export const HTTP1_FORM_ASTERISK = 4

export const HTTP1_METHOD_GET = 1
export const HTTP1_METHOD_HEAD = 2
export const HTTP1_METHOD_POST = 3
export const HTTP1_METHOD_PUT = 4
export const HTTP1_METHOD_DELETE = 5
export const HTTP1_METHOD_CONNECT = 6
export const HTTP1_METHOD_OPTIONS = 7
export const HTTP1_METHOD_TRACE = 8
export const HTTP1_METHOD_PATCH = 9

// http1: what `tell` says of the messages to come.
export const HTTP1_TELL_REQUEST = 1 // responses: the next request was sent, with any method but the two below
export const HTTP1_TELL_HEAD = 2
export const HTTP1_TELL_CONNECT = 3
export const HTTP1_TELL_UPGRADED = 4 // requests: what follows is no HTTP any more
export const HTTP1_EXPECTED_MAX = 15 // requests whose responses have not come

// http1: fields that are known by number; assembly/codec/http1-names.ts is generated from this list.
export const HTTP1_FIELD_HOST = 1
export const HTTP1_FIELD_CONNECTION = 2
export const HTTP1_FIELD_CONTENT_LENGTH = 3
export const HTTP1_FIELD_TRANSFER_ENCODING = 4
export const HTTP1_FIELD_EXPECT = 5
export const HTTP1_FIELD_UPGRADE = 6
export const HTTP1_FIELD_ACCEPT = 7
export const HTTP1_FIELD_ACCEPT_CHARSET = 8
export const HTTP1_FIELD_ACCEPT_ENCODING = 9
export const HTTP1_FIELD_ACCEPT_LANGUAGE = 10
export const HTTP1_FIELD_ACCEPT_RANGES = 11
export const HTTP1_FIELD_ACCESS_CONTROL_REQUEST_HEADERS = 12
export const HTTP1_FIELD_ACCESS_CONTROL_REQUEST_METHOD = 13
export const HTTP1_FIELD_AGE = 14
export const HTTP1_FIELD_ALLOW = 15
export const HTTP1_FIELD_AUTHORIZATION = 16
export const HTTP1_FIELD_CACHE_CONTROL = 17
export const HTTP1_FIELD_CONTENT_DISPOSITION = 18
export const HTTP1_FIELD_CONTENT_ENCODING = 19
export const HTTP1_FIELD_CONTENT_LANGUAGE = 20
export const HTTP1_FIELD_CONTENT_LOCATION = 21
export const HTTP1_FIELD_CONTENT_RANGE = 22
export const HTTP1_FIELD_CONTENT_TYPE = 23
export const HTTP1_FIELD_COOKIE = 24
export const HTTP1_FIELD_DATE = 25
export const HTTP1_FIELD_DNT = 26
export const HTTP1_FIELD_ETAG = 27
export const HTTP1_FIELD_EXPIRES = 28
export const HTTP1_FIELD_FORWARDED = 29
export const HTTP1_FIELD_FROM = 30
export const HTTP1_FIELD_IF_MATCH = 31
export const HTTP1_FIELD_IF_MODIFIED_SINCE = 32
export const HTTP1_FIELD_IF_NONE_MATCH = 33
export const HTTP1_FIELD_IF_RANGE = 34
export const HTTP1_FIELD_IF_UNMODIFIED_SINCE = 35
export const HTTP1_FIELD_KEEP_ALIVE = 36
export const HTTP1_FIELD_LAST_MODIFIED = 37
export const HTTP1_FIELD_LOCATION = 38
export const HTTP1_FIELD_MAX_FORWARDS = 39
export const HTTP1_FIELD_ORIGIN = 40
export const HTTP1_FIELD_PRAGMA = 41
export const HTTP1_FIELD_PRIORITY = 42
export const HTTP1_FIELD_PROXY_AUTHENTICATE = 43
export const HTTP1_FIELD_PROXY_AUTHORIZATION = 44
export const HTTP1_FIELD_PROXY_CONNECTION = 45
export const HTTP1_FIELD_RANGE = 46
export const HTTP1_FIELD_REFERER = 47
export const HTTP1_FIELD_RETRY_AFTER = 48
export const HTTP1_FIELD_SEC_CH_UA = 49
export const HTTP1_FIELD_SEC_CH_UA_MOBILE = 50
export const HTTP1_FIELD_SEC_CH_UA_PLATFORM = 51
export const HTTP1_FIELD_SEC_FETCH_DEST = 52
export const HTTP1_FIELD_SEC_FETCH_MODE = 53
export const HTTP1_FIELD_SEC_FETCH_SITE = 54
export const HTTP1_FIELD_SEC_FETCH_USER = 55
export const HTTP1_FIELD_SEC_WEBSOCKET_ACCEPT = 56
export const HTTP1_FIELD_SEC_WEBSOCKET_EXTENSIONS = 57
export const HTTP1_FIELD_SEC_WEBSOCKET_KEY = 58
export const HTTP1_FIELD_SEC_WEBSOCKET_PROTOCOL = 59
export const HTTP1_FIELD_SEC_WEBSOCKET_VERSION = 60
export const HTTP1_FIELD_SERVER = 61
export const HTTP1_FIELD_SET_COOKIE = 62
export const HTTP1_FIELD_STRICT_TRANSPORT_SECURITY = 63
export const HTTP1_FIELD_TE = 64
export const HTTP1_FIELD_TRAILER = 65
export const HTTP1_FIELD_UPGRADE_INSECURE_REQUESTS = 66
export const HTTP1_FIELD_USER_AGENT = 67
export const HTTP1_FIELD_VARY = 68
export const HTTP1_FIELD_VIA = 69
export const HTTP1_FIELD_WWW_AUTHENTICATE = 70
export const HTTP1_FIELD_X_FORWARDED_FOR = 71
export const HTTP1_FIELD_X_FORWARDED_HOST = 72
export const HTTP1_FIELD_X_FORWARDED_PROTO = 73
export const HTTP1_FIELD_X_REAL_IP = 74
export const HTTP1_FIELD_X_REQUEST_ID = 75
