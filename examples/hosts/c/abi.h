// The core's numbers, for C. Generated from assembly/ by docs/generate.mjs: run `make abi-doc`.
// clang-format off
#ifndef MILLRACE_CORE_ABI_H
#define MILLRACE_CORE_ABI_H

// The core as a host meets it.
#define MR_CORE_ABI 1 // coreAbi; raised when a host written against docs/core-abi.md must change
#define MR_CORE_FEATURE_SIMD 1 // coreFeatures: this build uses SIMD

// A codec: the parameters of a decoder and its encoder, CODEC_BYTES and what follows them.
#define MR_CODEC_BYTES 64
#define MR_CODEC_KIND 0 // u32, CODEC_*
#define MR_CODEC_FLAGS 4 // u32, CODEC_FLAG_*
#define MR_CODEC_MAX_FRAME 8 // u64, longest frame in bytes; what it counts is the codec's to say
#define MR_CODEC_FIELD_OFFSET 16 // u32, length field
#define MR_CODEC_FIELD_LENGTH 20 // u32, length field
#define MR_CODEC_ADJUSTMENT 24 // i64, length field
#define MR_CODEC_STRIP 32 // u32, length field: bytes dropped at the front
#define MR_CODEC_DELIMITERS 16 // u32, how many
#define MR_CODEC_DELIMITER_FIRST 20 // u32, where in the record the one stands that the encoder appends
#define MR_CODEC_DELIMITER_WORK 24 // u32, where in the record the zeroes stand that the core makes its tables of
#define MR_CODEC_DELIMITER_READY 28 // u32, 0; the core has made them
#define MR_CODEC_DELIMITER_TABLE 64 // {length u32, bytes padded to a multiple of 4} each, the longest first

// … and the room at CODEC_DELIMITER_WORK: DELIMITER_WORK_BYTES, and for the empty prefix and each byte of a delimiter
// DELIMITER_NODE_BYTES + 2 × (how many different bytes there are + 1), rounded up to a multiple of DELIMITER_UNIT_BYTES
#define MR_DELIMITER_WORK_BYTES 352
#define MR_DELIMITER_NODE_BYTES 8
#define MR_DELIMITER_UNIT_BYTES 32
#define MR_DELIMITERS_MAX 16
#define MR_DELIMITER_BYTES_MAX 64
#define MR_CODEC_MAX_LINE 16 // u32, resp: longest inline command; memcached: longest line; http1: longest field
#define MR_CODEC_MAX_ELEMENTS 20 // u32, resp: most elements of an aggregate; http1: most header fields
#define MR_CODEC_MAX_DEPTH 24 // u32, resp: deepest nesting
#define MR_CODEC_MAX_KEY 28 // u32, memcached: longest key
#define MR_CODEC_MAX_TARGET 24 // u32, http1: longest request target
#define MR_CODEC_MAX_CHUNK_LINE 28 // u32, http1: longest chunk-size line, extensions included
#define MR_CODEC_MAX_BODY 32 // u64, http1

#define MR_CODEC_RAW 0
#define MR_CODEC_LENGTH_FIELD 1
#define MR_CODEC_LINE 2
#define MR_CODEC_DELIMITER 3
#define MR_CODEC_FIXED 4
#define MR_CODEC_VARINT32 5
#define MR_CODEC_RESP 6
#define MR_CODEC_MEMCACHED 7
#define MR_CODEC_HTTP1 8

#define MR_CODEC_FLAG_LITTLE_ENDIAN 1
#define MR_CODEC_FLAG_FAIL_FAST 2
#define MR_CODEC_FLAG_LENGTH_INCLUDED 4 // the encoder counts the field itself
#define MR_CODEC_FLAG_STRIP 8 // a frame comes without its delimiter
#define MR_CODEC_FLAG_REPLIES 16 // resp, http1: what a server says, not what a client asks
#define MR_CODEC_FLAG_RESP3 32
#define MR_CODEC_FLAG_CRLF 64 // line: the encoder ends lines with a carriage return too

// A decoder's state, of one stream: all zero at its beginning. The first 20 bytes are the codec's own.
#define MR_DECODER_BYTES 24
#define MR_DECODER_OWN_BYTES 20
#define MR_DECODER_FLAGS 20 // u32
#define MR_DECODER_DEAD 1 // an error was met behind which nothing can be told apart

// What a decoder has found, 16 bytes each, in the order of the stream.
#define MR_RECORD_BYTES 16
#define MR_RECORD_AT 0 // u32, where the bytes lie; in an error: its number, ERROR_*
#define MR_RECORD_LENGTH 4 // u32, how many; in an error: the lower half of the frame's length
#define MR_RECORD_KIND 8 // u32, RECORD_*, or the kind of a part
#define MR_RECORD_EXTRA 12 // u32, how many records behind this one are its parts; in an error: the upper half

#define MR_RECORD_FRAME 0
#define MR_RECORD_ERROR 1
#define MR_RECORD_HEAD 2 // http1: a head; its parts follow
#define MR_RECORD_DATA 3 // http1: a piece of a body, cut where it was received
#define MR_RECORD_TRAILERS 4 // http1: fields behind a chunked body
#define MR_RECORD_END 5 // http1: the message is whole

// Errors of decoders, as records and UP_ERROR carry them (a plain errno otherwise). Their codes and texts:
// src/core/errors.ts.
#define MR_ERROR_FRAME_TOO_LONG 10001
#define MR_ERROR_FRAME_CORRUPTED 10002
#define MR_ERROR_FRAME_INCOMPLETE 10003
#define MR_ERROR_NO_MEMORY 10004
#define MR_ERROR_PREFIX_CORRUPTED 10005 // fatal: nothing tells where the next frame begins
#define MR_ERROR_FILE_TRUNCATED 10006 // fatal: bytes that were promised are not there any more
#define MR_ERROR_WRITE_SHORT 10007 // a file took less than was written
#define MR_ERROR_NOT_A_FILE 10008 // of the host: a folder, pipe, socket or device
#define MR_ERROR_RESP 10100 // … 10199, resp; assembly/codec/resp-limits.ts counts on from here
#define MR_ERROR_RESP_MULTIBULK 10100
#define MR_ERROR_RESP_BULK 10101
#define MR_ERROR_RESP_EXPECTED_BULK 10102 // the upper half of the length is the byte that came
#define MR_ERROR_RESP_UNBALANCED 10103
#define MR_ERROR_RESP_INLINE 10104
#define MR_ERROR_RESP_MULTIBULK_LINE 10105
#define MR_ERROR_RESP_BULK_LINE 10106
#define MR_ERROR_RESP_BULK_END 10107
#define MR_ERROR_RESP_CROSS_PROTOCOL 10111
#define MR_ERROR_RESP_REPLY_TYPE 10112 // the upper half of the length is the byte that came
#define MR_ERROR_RESP_REPLY_LINE 10113
#define MR_ERROR_RESP_REPLY_LINE_END 10114
#define MR_ERROR_RESP_REPLY_VALUE 10115
#define MR_ERROR_RESP_REPLY_DEPTH 10116
#define MR_ERROR_RESP_REPLY_PUSH 10117
#define MR_ERROR_MEMCACHED 10200 // … 10299, memcached; an upper half of 1 of the length: nobody wants an answer
#define MR_ERROR_MEMCACHED_COMMAND 10200
#define MR_ERROR_MEMCACHED_FORMAT 10201
#define MR_ERROR_MEMCACHED_DELETE 10202
#define MR_ERROR_MEMCACHED_DELTA 10203
#define MR_ERROR_MEMCACHED_EXPTIME 10204
#define MR_ERROR_MEMCACHED_TOO_LARGE 10205
#define MR_ERROR_MEMCACHED_DATA 10206
#define MR_ERROR_MEMCACHED_LENGTH 10207 // how long the data is cannot be read
#define MR_ERROR_MEMCACHED_LINE 10208
#define MR_ERROR_MEMCACHED_BINARY 10209
#define MR_ERROR_MEMCACHED_HTTP 10210
#define MR_ERROR_HTTP1 10300 // … 10399, http1

// Parts of a memcached command.
#define MR_MEMCACHED_WORD 0
#define MR_MEMCACHED_DATA 1

// http1: what is wrong, in HTTP1_ERROR_* from ERROR_HTTP1 on.
#define MR_HTTP1_ERROR_MALFORMED 10300
#define MR_HTTP1_ERROR_BAD_METHOD 10301
#define MR_HTTP1_ERROR_BAD_REQUEST_LINE 10302
#define MR_HTTP1_ERROR_BAD_TARGET 10303
#define MR_HTTP1_ERROR_BAD_TARGET_FORM 10304
#define MR_HTTP1_ERROR_BAD_VERSION 10305
#define MR_HTTP1_ERROR_VERSION 10306
#define MR_HTTP1_ERROR_BARE_LF 10307
#define MR_HTTP1_ERROR_BARE_CR 10308
#define MR_HTTP1_ERROR_FOLDED 10309
#define MR_HTTP1_ERROR_EMPTY_NAME 10310
#define MR_HTTP1_ERROR_BAD_NAME 10311
#define MR_HTTP1_ERROR_SPACE_IN_NAME 10312
#define MR_HTTP1_ERROR_NO_COLON 10313
#define MR_HTTP1_ERROR_BAD_VALUE 10314
#define MR_HTTP1_ERROR_NO_HOST 10315
#define MR_HTTP1_ERROR_TWO_HOSTS 10316
#define MR_HTTP1_ERROR_BAD_HOST 10317
#define MR_HTTP1_ERROR_BAD_LENGTH 10318
#define MR_HTTP1_ERROR_TWO_LENGTHS 10319
#define MR_HTTP1_ERROR_TWO_CODINGS 10320
#define MR_HTTP1_ERROR_CODING_IN_1_0 10321
#define MR_HTTP1_ERROR_LENGTH_AND_CODING 10322
#define MR_HTTP1_ERROR_CODING 10323
#define MR_HTTP1_ERROR_CONNECT_BODY 10324
#define MR_HTTP1_ERROR_TARGET_TOO_LONG 10325
#define MR_HTTP1_ERROR_HEAD_TOO_LONG 10326
#define MR_HTTP1_ERROR_FIELD_TOO_LONG 10327
#define MR_HTTP1_ERROR_TOO_MANY_FIELDS 10328
#define MR_HTTP1_ERROR_BODY_TOO_LONG 10329
#define MR_HTTP1_ERROR_BAD_CHUNK_SIZE 10330
#define MR_HTTP1_ERROR_BAD_CHUNK_EXTENSION 10331
#define MR_HTTP1_ERROR_CHUNK_LINE_TOO_LONG 10332
#define MR_HTTP1_ERROR_BAD_CHUNK_END 10333
#define MR_HTTP1_ERROR_EMPTY_LINES 10334
#define MR_HTTP1_ERROR_BAD_STATUS_LINE 10335
#define MR_HTTP1_ERROR_BAD_REASON 10336

// http1: kinds of parts. Of a request: method, target, version, length, then name and value of every field; of a
// response: version, status, reason, length, then the fields; of trailers: the fields alone.
#define MR_HTTP1_PART_METHOD 1 // extra: HTTP1_METHOD_*, 0 for others
#define MR_HTTP1_PART_TARGET 2 // extra: HTTP1_FORM_*
#define MR_HTTP1_PART_VERSION 3 // its two digits; extra: HTTP1_FLAG_*
#define MR_HTTP1_PART_STATUS 4 // extra: the number
#define MR_HTTP1_PART_REASON 5
#define MR_HTTP1_PART_LENGTH 6 // the value of Content-Length; no bytes at address 0 where there is none
#define MR_HTTP1_PART_NAME 7 // extra: HTTP1_FIELD_*, 0 for others
#define MR_HTTP1_PART_VALUE 8 // without the blanks around it
#define MR_HTTP1_HEAD_PARTS 4 // parts before the fields

#define MR_HTTP1_FLAG_MINOR_1 1 // served as HTTP/1.1, else as HTTP/1.0
#define MR_HTTP1_FLAG_CHUNKED 2
#define MR_HTTP1_FLAG_KEEP_ALIVE 4
#define MR_HTTP1_FLAG_UPGRADE 8 // Upgrade and Connection: upgrade, or CONNECT
#define MR_HTTP1_FLAG_EXPECT_CONTINUE 16 // Expect: 100-continue
#define MR_HTTP1_FLAG_UNTIL_CLOSE 32 // the body ends with the connection

#define MR_HTTP1_FORM_ORIGIN 1
#define MR_HTTP1_FORM_ABSOLUTE 2
#define MR_HTTP1_FORM_AUTHORITY 3
#define MR_HTTP1_FORM_ASTERISK 4

#define MR_HTTP1_METHOD_GET 1
#define MR_HTTP1_METHOD_HEAD 2
#define MR_HTTP1_METHOD_POST 3
#define MR_HTTP1_METHOD_PUT 4
#define MR_HTTP1_METHOD_DELETE 5
#define MR_HTTP1_METHOD_CONNECT 6
#define MR_HTTP1_METHOD_OPTIONS 7
#define MR_HTTP1_METHOD_TRACE 8
#define MR_HTTP1_METHOD_PATCH 9

// http1: what `tell` says of the messages to come.
#define MR_HTTP1_TELL_REQUEST 1 // responses: the next request was sent, with any method but the two below
#define MR_HTTP1_TELL_HEAD 2
#define MR_HTTP1_TELL_CONNECT 3
#define MR_HTTP1_TELL_UPGRADED 4 // requests: what follows is no HTTP any more
#define MR_HTTP1_EXPECTED_MAX 15 // requests whose responses have not come

// http1: fields that are known by number; assembly/codec/http1-names.ts is generated from this list.
#define MR_HTTP1_FIELD_HOST 1
#define MR_HTTP1_FIELD_CONNECTION 2
#define MR_HTTP1_FIELD_CONTENT_LENGTH 3
#define MR_HTTP1_FIELD_TRANSFER_ENCODING 4
#define MR_HTTP1_FIELD_EXPECT 5
#define MR_HTTP1_FIELD_UPGRADE 6
#define MR_HTTP1_FIELD_ACCEPT 7
#define MR_HTTP1_FIELD_ACCEPT_CHARSET 8
#define MR_HTTP1_FIELD_ACCEPT_ENCODING 9
#define MR_HTTP1_FIELD_ACCEPT_LANGUAGE 10
#define MR_HTTP1_FIELD_ACCEPT_RANGES 11
#define MR_HTTP1_FIELD_ACCESS_CONTROL_REQUEST_HEADERS 12
#define MR_HTTP1_FIELD_ACCESS_CONTROL_REQUEST_METHOD 13
#define MR_HTTP1_FIELD_AGE 14
#define MR_HTTP1_FIELD_ALLOW 15
#define MR_HTTP1_FIELD_AUTHORIZATION 16
#define MR_HTTP1_FIELD_CACHE_CONTROL 17
#define MR_HTTP1_FIELD_CONTENT_DISPOSITION 18
#define MR_HTTP1_FIELD_CONTENT_ENCODING 19
#define MR_HTTP1_FIELD_CONTENT_LANGUAGE 20
#define MR_HTTP1_FIELD_CONTENT_LOCATION 21
#define MR_HTTP1_FIELD_CONTENT_RANGE 22
#define MR_HTTP1_FIELD_CONTENT_TYPE 23
#define MR_HTTP1_FIELD_COOKIE 24
#define MR_HTTP1_FIELD_DATE 25
#define MR_HTTP1_FIELD_DNT 26
#define MR_HTTP1_FIELD_ETAG 27
#define MR_HTTP1_FIELD_EXPIRES 28
#define MR_HTTP1_FIELD_FORWARDED 29
#define MR_HTTP1_FIELD_FROM 30
#define MR_HTTP1_FIELD_IF_MATCH 31
#define MR_HTTP1_FIELD_IF_MODIFIED_SINCE 32
#define MR_HTTP1_FIELD_IF_NONE_MATCH 33
#define MR_HTTP1_FIELD_IF_RANGE 34
#define MR_HTTP1_FIELD_IF_UNMODIFIED_SINCE 35
#define MR_HTTP1_FIELD_KEEP_ALIVE 36
#define MR_HTTP1_FIELD_LAST_MODIFIED 37
#define MR_HTTP1_FIELD_LOCATION 38
#define MR_HTTP1_FIELD_MAX_FORWARDS 39
#define MR_HTTP1_FIELD_ORIGIN 40
#define MR_HTTP1_FIELD_PRAGMA 41
#define MR_HTTP1_FIELD_PRIORITY 42
#define MR_HTTP1_FIELD_PROXY_AUTHENTICATE 43
#define MR_HTTP1_FIELD_PROXY_AUTHORIZATION 44
#define MR_HTTP1_FIELD_PROXY_CONNECTION 45
#define MR_HTTP1_FIELD_RANGE 46
#define MR_HTTP1_FIELD_REFERER 47
#define MR_HTTP1_FIELD_RETRY_AFTER 48
#define MR_HTTP1_FIELD_SEC_CH_UA 49
#define MR_HTTP1_FIELD_SEC_CH_UA_MOBILE 50
#define MR_HTTP1_FIELD_SEC_CH_UA_PLATFORM 51
#define MR_HTTP1_FIELD_SEC_FETCH_DEST 52
#define MR_HTTP1_FIELD_SEC_FETCH_MODE 53
#define MR_HTTP1_FIELD_SEC_FETCH_SITE 54
#define MR_HTTP1_FIELD_SEC_FETCH_USER 55
#define MR_HTTP1_FIELD_SEC_WEBSOCKET_ACCEPT 56
#define MR_HTTP1_FIELD_SEC_WEBSOCKET_EXTENSIONS 57
#define MR_HTTP1_FIELD_SEC_WEBSOCKET_KEY 58
#define MR_HTTP1_FIELD_SEC_WEBSOCKET_PROTOCOL 59
#define MR_HTTP1_FIELD_SEC_WEBSOCKET_VERSION 60
#define MR_HTTP1_FIELD_SERVER 61
#define MR_HTTP1_FIELD_SET_COOKIE 62
#define MR_HTTP1_FIELD_STRICT_TRANSPORT_SECURITY 63
#define MR_HTTP1_FIELD_TE 64
#define MR_HTTP1_FIELD_TRAILER 65
#define MR_HTTP1_FIELD_UPGRADE_INSECURE_REQUESTS 66
#define MR_HTTP1_FIELD_USER_AGENT 67
#define MR_HTTP1_FIELD_VARY 68
#define MR_HTTP1_FIELD_VIA 69
#define MR_HTTP1_FIELD_WWW_AUTHENTICATE 70
#define MR_HTTP1_FIELD_X_FORWARDED_FOR 71
#define MR_HTTP1_FIELD_X_FORWARDED_HOST 72
#define MR_HTTP1_FIELD_X_FORWARDED_PROTO 73
#define MR_HTTP1_FIELD_X_REAL_IP 74
#define MR_HTTP1_FIELD_X_REQUEST_ID 75

// How points are placed and keys are hashed.
#define MR_RING_KETAMA 1 // libketama: MD5 points at `host:port-k`, MD5 keys
#define MR_RING_TWEMPROXY 2 // nutcracker: MD5 points at `name-k`, a choice of key hashes
#define MR_RING_NATIVE 3 // xxh64 points and keys
#define MR_RING_LIBMEMCACHED 4 // weighted libmemcached, spymemcached: as nutcracker's, with MD5 keys
#define MR_RING_LIBMEMCACHED_PLAIN 5 // libmemcached without weights: 100 points by the key hash
#define MR_RING_HASHRING 6 // node-hashring and hash_ring: MD5 points, counted in doubles
#define MR_RING_NGINX 7 // nginx `hash … consistent`: chained CRC-32 points
#define MR_RING_ENVOY 8 // Envoy's ring: 64-bit points at `name_i`
#define MR_RING_HAPROXY 9 // HAProxy `hash-type consistent`: the nearest point, not the next
#define MR_RING_MAGLEV 10 // Envoy's Maglev table
#define MR_RING_MODULA 11 // the key hash modulo the weight: nutcracker's modula, nginx without `consistent`
#define MR_RING_HAPROXY_MAP 12 // HAProxy `hash-type map-based`
#define MR_RING_SLOTS 13 // Redis Cluster's hash slots
#define MR_RING_JUMP 14 // Lamping and Veach's jump hash
#define MR_RING_RANDOM 15 // any server, as nutcracker's random

// Key hashes, in nutcracker's order and with its names.
#define MR_HASH_ONE_AT_A_TIME 1
#define MR_HASH_MD5 2
#define MR_HASH_CRC16 3
#define MR_HASH_CRC32 4
#define MR_HASH_CRC32A 5
#define MR_HASH_FNV1_64 6
#define MR_HASH_FNV1A_64 7
#define MR_HASH_FNV1_32 8
#define MR_HASH_FNV1A_32 9
#define MR_HASH_HSIEH 10
#define MR_HASH_MURMUR 11
#define MR_HASH_JENKINS 12
#define MR_HASH_XXH64 13

// … and those of the other programs
#define MR_HASH_MURMUR2_64 14 // MurmurHash64A with Envoy's seed
#define MR_HASH_SDBM 15 // HAProxy's
#define MR_HASH_DJB2 16
#define MR_HASH_WT6 17
#define MR_HASH_DECIMAL 18 // the key is a decimal number, and that its hash

// A hash tag in one u32: 0 for none, else the opening byte, and the closing byte above it.
#define MR_RING_TAG_CLOSE_SHIFT 8

// One server, as ringBuild reads it. Among equal points the earlier record wins.
#define MR_RING_SERVER_BYTES 24
#define MR_RING_SERVER_NAME 0 // u32, address of the text that is hashed
#define MR_RING_SERVER_NAME_BYTES 4 // u32
#define MR_RING_SERVER_WEIGHT 8 // u32; 0 keeps the server's place and gives it no keys
#define MR_RING_SERVER_INDEX 12 // u32, what ringLookup answers; the records hold each of 0 … count − 1 once
#define MR_RING_SERVER_POINTS 16 // u32, node-hashring: its own number of vnodes, or 0; ringBuild counts here

// What ringBuild is asked for.
#define MR_RING_PLAN_BYTES 48
#define MR_RING_PLAN_MODE 0 // u32, RING_*
#define MR_RING_PLAN_HASH 4 // u32, HASH_* of keys
#define MR_RING_PLAN_TAG 8 // u32
#define MR_RING_PLAN_POINTS 12 // u32, native: for each weight; node-hashring: vnodes; Envoy: fewest; Maglev: slots
#define MR_RING_PLAN_POINTS_MAX 16 // u32, Envoy: most
#define MR_RING_PLAN_POINT_HASH 20 // u32, HASH_* of points where there is a choice
#define MR_RING_PLAN_WORDS 24 // u32, node-hashring: points of one digest
#define MR_RING_PLAN_AVALANCHE 28 // u32, HAProxy: 1 mixes the key hash once more
#define MR_RING_PLAN_EMPTY_IS_ZERO 32 // u32, 1: the empty key hashes to 0 (nutcracker)
#define MR_RING_PLAN_SLOTS 36 // u32, Redis Cluster: address of the u16 owner of each slot
#define MR_RING_PLAN_SERVERS 40 // u32, address of the records
#define MR_RING_PLAN_SERVER_COUNT 44 // u32

// The head of a ring, followed in the same block by what it points to.
#define MR_RING_HEAD_BYTES 64
#define MR_RING_HASH 0 // u32
#define MR_RING_TAG 4 // u32
#define MR_RING_BITS 8 // u32, width of a position, or of the hash that a table takes: 32, 48 or 64
#define MR_RING_EMPTY_IS_ZERO 12 // u32
#define MR_RING_SERVER_COUNT 16 // u32
#define MR_RING_POINT_COUNT 20 // u32, points of a circle, slots of a table
#define MR_RING_COUNTS 24 // u32, address of u32 points[server]
#define MR_RING_ENTRIES 28 // u32, address of u64 entries[points + 1], ascending: position << 16 | server
#define MR_RING_INDEX 32 // u32, address of u32 first[1 << n]: the first entry of each n-bit prefix, as an address
#define MR_RING_KIND 36 // u32, RING_KIND_*
#define MR_RING_INDEX_SHIFT 40 // u64, 64 − n
#define MR_RING_AVALANCHE 48 // u32
#define MR_RING_MODE 52 // u32
#define MR_RING_WEIGHTS 56 // u32, address of u32 weights[server]
#define MR_RING_OWNERS 60 // u32, address of u16 server[point or slot], where entries do not hold it

#define MR_RING_KIND_CIRCLE 1 // entries with their servers, positions of 32 or 48 bits
#define MR_RING_KIND_WIDE 2 // entries are positions of 64 bits, their servers stand in RING_OWNERS
#define MR_RING_KIND_TABLE 3 // RING_OWNERS by the hash modulo the slots
#define MR_RING_KIND_JUMP 4 // RING_OWNERS by jump hash
#define MR_RING_KIND_RANDOM 5 // RING_OWNERS by chance

#define MR_RING_ENTRY_BYTES 8
#define MR_RING_SERVER_BITS 16
#define MR_RING_SLOTS_REDIS 16384

// What is owed on a ring with bounded load: how many requests each server has that are not released.
#define MR_RING_LOADS_HEAD_BYTES 16
#define MR_RING_LOADS_FACTOR 0 // u32, percent of the fair share that a server may have
#define MR_RING_LOADS_TOTAL 4 // u32
#define MR_RING_LOADS_WEIGHT 8 // u64, of all servers
#define MR_RING_LOADS_SERVERS 16 // u32 load[server], then room for ringReplicas to write them all

// ringBuild answers the address of a ring, or one of these.
#define MR_RING_ERROR_MEMORY 1
#define MR_RING_ERROR_MODE 2 // no such mode, or a hash that does not go with it
#define MR_RING_ERROR_SERVERS 3 // no servers, too many, or their numbers are not 0 … count − 1
#define MR_RING_ERROR_NAME 4 // empty, too long, or used twice
#define MR_RING_ERROR_WEIGHT 5 // the weights add up to nothing
#define MR_RING_ERROR_POINTS 6 // more than RING_POINTS_MAX, or RING_TABLE_MAX slots of a Maglev table
#define MR_RING_ERROR_SLOTS 7 // a slot has no owner
#define MR_RING_ERRORS_END 16

// Limits.
#define MR_RING_SERVERS_MAX 65536
#define MR_RING_NAME_BYTES_MAX 255
#define MR_RING_POINTS_MAX 1048576
#define MR_RING_TABLE_MAX 5000011 // slots of a Maglev table, Envoy's limit
#define MR_RING_MAP_STEPS_MAX 268435456 // slots × servers of HAProxy's map, which looks at all for each slot
#define MR_RING_LOADS_FACTOR_MIN 100
#define MR_RING_LOADS_FACTOR_MAX 100000
#define MR_RING_WEIGHT_MAX 2147483647
#define MR_RING_POINTS_PER_WEIGHT 1024 // native, unless the caller wants fewer

#endif
