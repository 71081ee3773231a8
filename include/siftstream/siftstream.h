/*
 * siftstream: streams telemetry to Sift and never loses a row.
 *
 * Objects. Every object is an opaque handle with a _free function; _free(NULL) does nothing. A handle is a number, not
 * an address: one that was freed, is of another type or was made up is SIFTSTREAM_INVALID_ARGUMENT, whatever it is.
 *
 * Errors. Functions return a status; outputs are written only on SIFTSTREAM_OK. A last `siftstream_error **` is
 * optional: where it is given and the call fails, it receives an error object that the caller frees.
 *
 * Threads. `const` before a handle means that many threads may make the call at once. A call on an object that another
 * thread is changing, or a change of one that another thread is using, is SIFTSTREAM_BUSY; nothing was done then. An
 * object that is freed in the middle of another thread's call lives until that call returns.
 *
 * Blocking. What can block takes a timeout, and returns within it plus 250 ms; siftstream_stream_free takes a second at
 * most. Everything else never waits for the network or the disk. No function sets errno, installs signal handlers,
 * raises SIGPIPE or lets a panic out.
 *
 * Callbacks. They run on a thread of the library that holds no lock, one at a time for each stream and for the log, and may
 * call every function of it. Neither an exception nor longjmp may leave them.
 *
 * Memory. Filling and sending a row allocates nothing once it is warm, also if there is no room for the row. Calls that
 * fail otherwise may allocate, and so may all other calls.
 *
 * Forks. A stream does not come along into a forked child: each call on it is SIFTSTREAM_FORKED there, or tells of no
 * rows if it has no status, and siftstream_stream_free only frees the handle. The parent's stream goes on. A child can
 * create streams of its own. Other objects can be used in the child, unless the fork came in the middle of another
 * thread's change of them: then they stay SIFTSTREAM_BUSY. Children made by bare clone or vfork are not noticed.
 */

#ifndef SIFTSTREAM_H
#define SIFTSTREAM_H

/* Generated from ffi/src by cbindgen; do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define SIFTSTREAM_VERSION_MAJOR 0
#define SIFTSTREAM_VERSION_MINOR 1
#define SIFTSTREAM_VERSION_PATCH 0

// What a call came to. The numbers never change; new ones are added at the end.
enum siftstream_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  SIFTSTREAM_OK = 0,
  // A channel between the caller and a task is full; try again later.
  SIFTSTREAM_FULL = 1,
  // A deadline passed before the call was done.
  SIFTSTREAM_TIMEOUT = 2,
  // The stream is finished or shut down.
  SIFTSTREAM_CLOSED = 3,
  // Something the call needs was not configured.
  SIFTSTREAM_NOT_CONFIGURED = 4,
  // A task or thread of the library died.
  SIFTSTREAM_WORKER_DIED = 5,
  // The operation was cancelled by the caller.
  SIFTSTREAM_CANCELLED = 6,
  // The process forked; a stream cannot be used in the child.
  SIFTSTREAM_FORKED = 7,
  // A row is larger than max_row_size.
  SIFTSTREAM_ROW_TOO_LARGE = 8,
  // The disk, or the budget for it, is full.
  SIFTSTREAM_DISK_FULL = 9,
  // The endpoint refused the API key.
  SIFTSTREAM_AUTH = 10,
  // The endpoint refused rows.
  SIFTSTREAM_REJECTED = 11,
  // An argument is malformed or out of range, or a handle was freed or is of another type.
  SIFTSTREAM_INVALID_ARGUMENT = 12,
  // A flow is not part of the ingestion config.
  SIFTSTREAM_UNKNOWN_FLOW = 13,
  // A channel is not part of its flow.
  SIFTSTREAM_UNKNOWN_CHANNEL = 14,
  // A value has another type than its channel.
  SIFTSTREAM_WRONG_TYPE = 15,
  // A flow differs from the one that Sift has under the same name.
  SIFTSTREAM_SCHEMA_MISMATCH = 16,
  // The endpoint cannot be reached.
  SIFTSTREAM_UNAVAILABLE = 17,
  // The endpoint does not offer a call that is needed.
  SIFTSTREAM_UNIMPLEMENTED = 18,
  // Reading or writing a file failed.
  SIFTSTREAM_IO = 19,
  // Stored data is damaged.
  SIFTSTREAM_CORRUPT = 20,
  // TLS could not be set up or verified.
  SIFTSTREAM_TLS = 21,
  // The thing asked for does not exist.
  SIFTSTREAM_NOT_FOUND = 22,
  // Another owner holds the thing.
  SIFTSTREAM_BUSY = 23,
  // Rows were not confirmed by the end of the stream.
  SIFTSTREAM_UNCONFIRMED = 24,
  // Rows were dropped by a policy that the user chose.
  SIFTSTREAM_DROPPED = 25,
  // A defect of this library; nothing the caller did.
  SIFTSTREAM_INTERNAL = 26,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_status siftstream_status;
#else
typedef int32_t siftstream_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What became of the data that a failed call was about.
enum siftstream_data_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The call accepted nothing; the caller still has the data.
  SIFTSTREAM_DATA_NOT_ACCEPTED = 0,
  // Accepted and kept in memory.
  SIFTSTREAM_DATA_IN_MEMORY = 1,
  // Accepted and kept on disk.
  SIFTSTREAM_DATA_ON_DISK = 2,
  // Sent, without proof that it arrived.
  SIFTSTREAM_DATA_UNKNOWN = 3,
  // Confirmed by Sift.
  SIFTSTREAM_DATA_CONFIRMED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_data_status siftstream_data_status;
#else
typedef int32_t siftstream_data_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened. New numbers are added at the end.
enum siftstream_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Something that this version of the header has no name for.
  SIFTSTREAM_EVENT_UNKNOWN = 0,
  // A connection to the endpoint is open.
  SIFTSTREAM_EVENT_CONNECTED = 1,
  // The connection is gone, or a gRPC stream on it failed. Has an error and a wait before the next attempt, and the wait
  // that Sift asked for, if it did.
  SIFTSTREAM_EVENT_DISCONNECTED = 2,
  // Sift confirmed all that one gRPC stream carried. Has rows, ranges, flows and the duration.
  SIFTSTREAM_EVENT_CHECKPOINT = 3,
  // A gRPC stream confirmed nothing of what it carried; the rows are sent again. Has rows, ranges and an error.
  SIFTSTREAM_EVENT_CHECKPOINT_FAILED = 4,
  // The disk fails; rows wait in memory. Has an error.
  SIFTSTREAM_EVENT_DISK_DEGRADED = 5,
  // The disk works again.
  SIFTSTREAM_EVENT_DISK_RECOVERED = 6,
  // Part of a file was damaged, and its bytes were put aside. Has the file and the number of bytes.
  SIFTSTREAM_EVENT_QUARANTINED = 7,
  // Sift refused rows for what is in them. Has an error.
  SIFTSTREAM_EVENT_REJECTED = 8,
  // Nothing more is tried: of the stream, or of one file, which stays where it is. Has an error, and maybe a file.
  SIFTSTREAM_EVENT_GAVE_UP = 9,
  // A flow was registered with Sift. Its name is the subject.
  SIFTSTREAM_EVENT_FLOW_REGISTERED = 10,
  // Unconfirmed rows of an earlier start were found; they are sent in the background. Has rows.
  SIFTSTREAM_EVENT_RECOVERED = 11,
  // Everything that was owed from the disk is confirmed.
  SIFTSTREAM_EVENT_CAUGHT_UP = 12,
  // Rows were given up, by a policy that the user chose or because a disk lost them. Has rows, ranges and flows where
  // these are known, and the cause as the subject.
  SIFTSTREAM_EVENT_DROPPED = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_event_kind siftstream_event_kind;
#else
typedef int32_t siftstream_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How much a record of a log matters.
enum siftstream_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Data or a stream is lost, or a person is needed.
  SIFTSTREAM_LOG_ERROR = 1,
  // Something is wrong and the library copes.
  SIFTSTREAM_LOG_WARN = 2,
  // Rare news.
  SIFTSTREAM_LOG_INFO = 3,
  // What happened, step by step.
  SIFTSTREAM_LOG_DEBUG = 4,
  // Everything.
  SIFTSTREAM_LOG_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_log_level siftstream_log_level;
#else
typedef int32_t siftstream_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The type of a channel; the numbers are Sift's.
enum siftstream_channel_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // 64-bit floating point.
  SIFTSTREAM_DOUBLE = 1,
  // UTF-8 text.
  SIFTSTREAM_STRING = 2,
  // One of the entries that the channel names.
  SIFTSTREAM_ENUM = 3,
  // Bytes whose bits the channel names.
  SIFTSTREAM_BIT_FIELD = 4,
  // True or false.
  SIFTSTREAM_BOOL = 5,
  // 32-bit floating point.
  SIFTSTREAM_FLOAT = 6,
  // 32-bit signed integer.
  SIFTSTREAM_INT32 = 7,
  // 32-bit unsigned integer.
  SIFTSTREAM_UINT32 = 8,
  // 64-bit signed integer.
  SIFTSTREAM_INT64 = 9,
  // 64-bit unsigned integer.
  SIFTSTREAM_UINT64 = 10,
  // Bytes.
  SIFTSTREAM_BYTES = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_channel_type siftstream_channel_type;
#else
typedef int32_t siftstream_channel_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happens once a row was found that Sift rejects for what is in it.
enum siftstream_failure_policy
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The stream ends with an error that names flow, message ID and reason; all data is kept.
  SIFTSTREAM_FAILURE_STOP = 0,
  // The row is kept in quarantine with the reason, counted as rejected, and the stream goes on.
  SIFTSTREAM_FAILURE_SKIP = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_failure_policy siftstream_failure_policy;
#else
typedef int32_t siftstream_failure_policy;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// When written rows are made to survive a power failure. Finished files are always synced.
enum siftstream_fsync
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Only when asked for, and when a file is finished.
  SIFTSTREAM_FSYNC_NEVER = 0,
  // At most so long after they were written.
  SIFTSTREAM_FSYNC_INTERVAL = 1,
  // With every chunk.
  SIFTSTREAM_FSYNC_EVERY_CHUNK = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_fsync siftstream_fsync;
#else
typedef int32_t siftstream_fsync;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How far a row has come; each level counts as the ones before it, too.
enum siftstream_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A call to send was told OK. Nothing to wait for: siftstream_stream_flush does not take it.
  SIFTSTREAM_LEVEL_ACCEPTED = 0,
  // The row survives a crash of the process.
  SIFTSTREAM_LEVEL_WRITTEN = 1,
  // The row survives a power failure.
  SIFTSTREAM_LEVEL_DURABLE = 2,
  // Sift has the row.
  SIFTSTREAM_LEVEL_CONFIRMED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_level siftstream_level;
#else
typedef int32_t siftstream_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where rows go.
enum siftstream_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // To Sift; rows that are not confirmed stay in memory.
  SIFTSTREAM_MODE_LIVE_ONLY = 1,
  // To Sift; rows that are not confirmed stay on disk, and are sent by the next start if need be.
  SIFTSTREAM_MODE_LIVE_WITH_BACKUPS = 2,
  // To files only, to be sent or read later. Needs no network.
  SIFTSTREAM_MODE_FILE_BACKUP = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_mode siftstream_mode;
#else
typedef int32_t siftstream_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happens to rows when the channel that senders wait for is full.
enum siftstream_overflow_policy
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Senders wait, as long as they chose to; a call that does not wait answers FULL.
  SIFTSTREAM_OVERFLOW_BLOCK = 0,
  // The row that finds no room is dropped.
  SIFTSTREAM_OVERFLOW_DROP_NEWEST = 1,
  // The oldest rows that wait make room, about 16 KiB of them at a time; never rows that are being sent or written.
  SIFTSTREAM_OVERFLOW_DROP_OLDEST = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_overflow_policy siftstream_overflow_policy;
#else
typedef int32_t siftstream_overflow_policy;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A version of TLS.
enum siftstream_tls_version
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // TLS 1.2.
  SIFTSTREAM_TLS_1_2 = 12,
  // TLS 1.3.
  SIFTSTREAM_TLS_1_3 = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_tls_version siftstream_tls_version;
#else
typedef int32_t siftstream_tls_version;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happens when the disk, or the budget for it, is full.
enum siftstream_when_full
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Senders wait until there is room.
  SIFTSTREAM_WHEN_FULL_BLOCK = 0,
  // Sending fails.
  SIFTSTREAM_WHEN_FULL_ERROR = 1,
  // The oldest finished file makes room; its unconfirmed rows are dropped, counted and reported.
  SIFTSTREAM_WHEN_FULL_DROP_OLDEST = 2,
  // The newest rows are dropped, counted and reported.
  SIFTSTREAM_WHEN_FULL_DROP_NEWEST = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum siftstream_when_full siftstream_when_full;
#else
typedef int32_t siftstream_when_full;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The choices of a stream and its schema.
typedef struct siftstream_config siftstream_config;

// Why a call failed.
typedef struct siftstream_error siftstream_error;

// Something that happened to a stream.
typedef struct siftstream_event siftstream_event;

// A registered flow of one stream.
typedef struct siftstream_flow siftstream_flow;

// Where the inputs of a stream stand. All parts of one mark come into force together.
typedef struct siftstream_mark siftstream_mark;

// A stream of protobuf messages of the caller's own types.
typedef struct siftstream_message_stream siftstream_message_stream;

// The counters of a stream at one moment.
typedef struct siftstream_metrics siftstream_metrics;

// A server of metrics over HTTP.
typedef struct siftstream_metrics_server siftstream_metrics_server;

// The newest stored checkpoints of a stream.
typedef struct siftstream_recovery siftstream_recovery;

// What became of each row of a stream:
// accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected.
typedef struct siftstream_report siftstream_report;

// A row of one flow, preallocated.
typedef struct siftstream_row siftstream_row;

// A stream to Sift.
typedef struct siftstream_stream siftstream_stream;

// Text of the caller or of the library: `len` bytes of UTF-8 at `ptr`, not ended by NUL. `ptr` may be NULL if `len`
// is 0.
typedef struct siftstream_str {
  // The first byte.
  const char *ptr;
  // How many bytes.
  size_t len;
} siftstream_str;

// Bytes of the caller or of the library: `len` of them at `ptr`, which may be NULL if `len` is 0.
typedef struct siftstream_bytes {
  // The first byte.
  const uint8_t *ptr;
  // How many bytes.
  size_t len;
} siftstream_bytes;

// The content of a value; the member that its type names is set.
typedef union siftstream_value_content {
  // For SIFTSTREAM_DOUBLE.
  double double_value;
  // For SIFTSTREAM_FLOAT.
  float float_value;
  // For SIFTSTREAM_BOOL: 0 is false.
  uint8_t bool_value;
  // For SIFTSTREAM_INT32.
  int32_t int32_value;
  // For SIFTSTREAM_UINT32.
  uint32_t uint32_value;
  // For SIFTSTREAM_INT64.
  int64_t int64_value;
  // For SIFTSTREAM_UINT64.
  uint64_t uint64_value;
  // For SIFTSTREAM_ENUM: the number of the entry.
  uint32_t enum_value;
  // For SIFTSTREAM_STRING.
  struct siftstream_str string_value;
  // For SIFTSTREAM_BIT_FIELD and SIFTSTREAM_BYTES.
  struct siftstream_bytes bytes_value;
} siftstream_value_content;

// A value of one channel.
typedef struct siftstream_value {
  // A siftstream_channel_type; 0 means "no news" for a channel of any type.
  int32_t channel_type;
  // The content that the type asks for.
  union siftstream_value_content content;
} siftstream_value;

// A value and the name of its channel.
typedef struct siftstream_channel_value {
  // The channel's name.
  struct siftstream_str channel;
  // Its value.
  struct siftstream_value value;
} siftstream_channel_value;

// The values of one channel in many rows: a view of the caller's memory, which must not change during the call.
typedef struct siftstream_column {
  // `count` values of the type's C type: double, float, int32_t, uint32_t, int64_t, uint64_t; uint8_t for
  // SIFTSTREAM_BOOL, 0 is false; uint32_t for SIFTSTREAM_ENUM; siftstream_str for SIFTSTREAM_STRING; siftstream_bytes
  // for SIFTSTREAM_BIT_FIELD and SIFTSTREAM_BYTES. Aligned as that type asks. May be NULL if `count` is 0.
  const void *values;
  // How many values: one for each timestamp.
  size_t count;
  // NULL, or a bit for each value, the lowest bit of a byte first. A value whose bit is 0 is "no news", and is not
  // looked at.
  const uint8_t *validity;
  // The index of the channel within the flow.
  uint32_t channel;
  // A siftstream_channel_type: that of the channel.
  int32_t channel_type;
} siftstream_column;

// Is called with each event of a stream, on a thread of the library. The event is the library's: it is freed when the
// call returns. The call must return: neither an exception nor longjmp may leave it.
typedef void (*siftstream_event_callback)(void *user_data, const struct siftstream_event *event);

// Is called once, when `user_data` is not needed any more. Neither an exception nor longjmp may leave it.
typedef void (*siftstream_free_callback)(void *user_data);

// Is called with each record of the log, on a thread of the library: how much it matters, when it was logged in
// nanoseconds since 1970, which part of the library says it, and what. The texts are lent for the call. The call must
// return: neither an exception nor longjmp may leave it.
typedef void (*siftstream_log_callback)(void *user_data,
                                        siftstream_log_level level,
                                        int64_t time_ns,
                                        struct siftstream_str target,
                                        struct siftstream_str message);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Sends a row of the flow with `count` values in any order; channels that are not named are sent as "no news". Names and
// texts are copied. With siftstream_config_set_auto_register_flows the flow may be unknown: it is registered first, and
// the call waits for that. Slower than a siftstream_row, and allocates.
//
// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, UNKNOWN_CHANNEL, WRONG_TYPE, INVALID_ARGUMENT, SCHEMA_MISMATCH
// with the difference and others; then nothing was accepted. Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_send_by_name(const struct siftstream_stream *stream,
                                                 struct siftstream_str flow,
                                                 int64_t timestamp_ns,
                                                 const struct siftstream_channel_value *values,
                                                 size_t count,
                                                 uint32_t timeout_ms,
                                                 struct siftstream_error **error);

// The same without ever waiting. FULL means that there is no room now, or that the flow is being registered. FULL makes
// no error object.
//
// Errors: FULL, and those of siftstream_stream_send_by_name but TIMEOUT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_try_send_by_name(const struct siftstream_stream *stream,
                                                     struct siftstream_str flow,
                                                     int64_t timestamp_ns,
                                                     const struct siftstream_channel_value *values,
                                                     size_t count,
                                                     struct siftstream_error **error);

// Keeps the flows of `config` for their first rows: each is registered with its config, units and names of enum values
// included, when its first row is sent by name. Nothing else of the config is looked at; it is only read.
//
// Errors: NOT_CONFIGURED without siftstream_config_set_auto_register_flows, INVALID_ARGUMENT; then flows before the one
// that is refused are kept. Thread-safety: any thread; nobody may change the config meanwhile. Blocking: never.
siftstream_status siftstream_stream_stage_flows(const struct siftstream_stream *stream,
                                                const struct siftstream_config *config,
                                                struct siftstream_error **error);

// Sets the file that keeps the checkpoints of the inputs, so that they survive the process; kept in memory only by
// default. It is created with the first one. The text is copied. For SIFTSTREAM_MODE_LIVE_ONLY; modes that write files
// keep them with these.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_checkpoint_file(struct siftstream_config *config,
                                                        struct siftstream_str path,
                                                        struct siftstream_error **error);

// Makes a mark that notes nothing yet in *out. The caller frees it.
//
// Errors: INVALID_ARGUMENT if `out` is NULL. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_mark_create(struct siftstream_mark **out, struct siftstream_error **error);

// Notes the next offset to read from `source`. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_mark_set_offset(struct siftstream_mark *mark,
                                             struct siftstream_str source,
                                             uint64_t offset,
                                             struct siftstream_error **error);

// Notes state of the caller's own under a name; an earlier one of the name is replaced. Text and bytes are copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_mark_set_state(struct siftstream_mark *mark,
                                            struct siftstream_str name,
                                            struct siftstream_bytes state,
                                            struct siftstream_error **error);

// Notes anything else under a key. The texts are copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_mark_set_metadata(struct siftstream_mark *mark,
                                               struct siftstream_str key,
                                               struct siftstream_str value,
                                               struct siftstream_error **error);

// Notes the latest event time, in nanoseconds since 1970, if it is later than the timestamps of the rows say.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_mark_set_event_time(struct siftstream_mark *mark,
                                                 int64_t nanoseconds,
                                                 struct siftstream_error **error);

// Frees a mark. NULL is fine.
//
// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_mark_free(struct siftstream_mark *mark);

// Notes what the mark says about the rows sent so far. It is stored as a checkpoint when they are durable, and as
// another one when they are confirmed, as far as the mode has these levels; a flush to a level waits for that, too. The
// mark stays the caller's and can be used again.
//
// Errors: INVALID_ARGUMENT if the stream's marks have more than 1,024 sources, states or entries of metadata, or 1 MiB;
// then nothing was noted. Thread-safety: any thread; nobody may change the mark meanwhile. Blocking: never.
siftstream_status siftstream_stream_mark(const struct siftstream_stream *stream,
                                         const struct siftstream_mark *mark,
                                         struct siftstream_error **error);

// Notes that everything sent so far covers `source` up to `offset`, the next one to read: siftstream_stream_mark in one
// call. The text is copied.
//
// Errors: as siftstream_stream_mark. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_mark_offset(const struct siftstream_stream *stream,
                                                struct siftstream_str source,
                                                uint64_t offset,
                                                struct siftstream_error **error);

// Gives the newest stored checkpoints in *out, which the caller frees: before the first mark those that earlier streams
// of this name left, from which inputs resume.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_recover(const struct siftstream_stream *stream,
                                            struct siftstream_recovery **out,
                                            struct siftstream_error **error);

// The next offset to read from `source` so that no row is lost: that of the durable checkpoint, or without a disk of the
// confirmed one. 0 if nothing is known of it, or if `recovery` is no living recovery.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_recovery_offset(const struct siftstream_recovery *recovery,
                                    struct siftstream_str source);

// Gives in *rows_out how many rows had been sent at the checkpoint of a level, SIFTSTREAM_LEVEL_DURABLE or
// SIFTSTREAM_LEVEL_CONFIRMED, by all streams of the name together.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_recovery_rows(const struct siftstream_recovery *recovery,
                                           int32_t level,
                                           uint64_t *rows_out,
                                           struct siftstream_error **error);

// Gives in *nanoseconds_out the latest event time at the checkpoint of a level, in nanoseconds since 1970.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_recovery_event_time(const struct siftstream_recovery *recovery,
                                                 int32_t level,
                                                 int64_t *nanoseconds_out,
                                                 struct siftstream_error **error);

// Gives in *state_out the caller's own state at the checkpoint of a level. The bytes belong to `recovery`.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_recovery_state(const struct siftstream_recovery *recovery,
                                            int32_t level,
                                            struct siftstream_str name,
                                            struct siftstream_bytes *state_out,
                                            struct siftstream_error **error);

// Gives in *value_out what was noted under a key at the checkpoint of a level. The text belongs to `recovery`.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND if there is none. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_recovery_metadata(const struct siftstream_recovery *recovery,
                                               int32_t level,
                                               struct siftstream_str key,
                                               struct siftstream_str *value_out,
                                               struct siftstream_error **error);

// Frees a recovery. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_recovery_free(struct siftstream_recovery *recovery);

// Sends `rows` rows of the flow, waiting for room for at most `timeout_ms` altogether: row n has the time
// `timestamps_ns[n]`, in nanoseconds since 1970, and the nth value of each of the `column_count` columns. Channels
// without a column are sent as "no news". All arrays stay the caller's; they are only read, and free again when the
// call returns.
//
// `*next_row` says which row to begin with, and receives the first row that was not accepted: also after an error, so
// that the same call can be made again. Columns that are not of the flow, whose lengths differ, or that have a row
// that is too large are refused as a whole, and then `*next_row` stays.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL, WRONG_TYPE, ROW_TOO_LARGE; then nothing was accepted. TIMEOUT,
// CLOSED and what else ended the stream; then *next_row says what was accepted. Thread-safety: any thread.
// Blocking: up to `timeout_ms`. Allocates a few times a call, whatever the number of rows; more memory for texts.
siftstream_status siftstream_stream_send_columns(const struct siftstream_stream *stream,
                                                 const struct siftstream_flow *flow,
                                                 const int64_t *timestamps_ns,
                                                 size_t rows,
                                                 const struct siftstream_column *columns,
                                                 size_t column_count,
                                                 size_t *next_row,
                                                 uint32_t timeout_ms,
                                                 struct siftstream_error **error);

// Sends as many rows as there is room for, from `*next_row` on, without ever waiting. Everything else is as for
// siftstream_stream_send_columns.
//
// FULL means that there was no room for all rows; *next_row says where to go on. FULL makes no error object.
// Errors: FULL, and those of siftstream_stream_send_columns but TIMEOUT. Thread-safety: any thread. Blocking: never.
// Allocates a few times a call, whatever the number of rows; more memory for texts.
siftstream_status siftstream_stream_try_send_columns(const struct siftstream_stream *stream,
                                                     const struct siftstream_flow *flow,
                                                     const int64_t *timestamps_ns,
                                                     size_t rows,
                                                     const struct siftstream_column *columns,
                                                     size_t column_count,
                                                     size_t *next_row,
                                                     struct siftstream_error **error);

// Makes an empty config in *out. The caller frees it, before or after the streams that it created.
//
// Errors: INVALID_ARGUMENT if `out` is NULL. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_config_create(struct siftstream_config **out, struct siftstream_error **error);

// Frees a config. NULL is fine.
//
// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_config_free(struct siftstream_config *config);

// Sets the address of Sift's gRPC endpoint, such as "https://grpc-api.siftstack.com". The text is copied.
//
// Errors: INVALID_ARGUMENT. Whether the address makes sense is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_uri(struct siftstream_config *config,
                                            struct siftstream_str uri,
                                            struct siftstream_error **error);

// Sets the API key. The text is copied; it never appears in an error or a log.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_api_key(struct siftstream_config *config,
                                                struct siftstream_str api_key,
                                                struct siftstream_error **error);

// Takes address and API key from the table `profile` of the user's sift.toml, or from its top level if the name is
// empty, instead of those that are set here. The text is copied; the file is read when a stream is created.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_profile(struct siftstream_config *config,
                                                struct siftstream_str profile,
                                                struct siftstream_error **error);

// Allows http:// addresses: the API key and all data then travel unencrypted. Off by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_insecure(struct siftstream_config *config,
                                                 bool insecure,
                                                 struct siftstream_error **error);

// Trusts certificates besides those of the operating system and of Mozilla: the content of a PEM file. It is
// copied.
//
// Errors: INVALID_ARGUMENT. What it holds is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_extra_ca_pem(struct siftstream_config *config,
                                                     struct siftstream_bytes pem,
                                                     struct siftstream_error **error);

// Identifies this client by a certificate (mutual TLS): the contents of two PEM files. They are copied.
//
// Errors: INVALID_ARGUMENT. What they hold is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_client_identity(struct siftstream_config *config,
                                                        struct siftstream_bytes certificate_pem,
                                                        struct siftstream_bytes key_pem,
                                                        struct siftstream_error **error);

// Sets the name that the endpoint's certificate must hold, if it is not the host of the address. The text is
// copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_server_name(struct siftstream_config *config,
                                                    struct siftstream_str server_name,
                                                    struct siftstream_error **error);

// Sets the oldest version of TLS that is spoken, a siftstream_tls_version; 1.2 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_min_tls_version(struct siftstream_config *config,
                                                        int32_t version,
                                                        struct siftstream_error **error);

// Sets the time for finding and reaching the host, in milliseconds; 10,000 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_connect_timeout_ms(struct siftstream_config *config,
                                                           uint64_t milliseconds,
                                                           struct siftstream_error **error);

// Sets the time for the TLS handshake, in milliseconds; 10,000 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_handshake_timeout_ms(struct siftstream_config *config,
                                                             uint64_t milliseconds,
                                                             struct siftstream_error **error);

// Sets after how many milliseconds of silence TCP asks whether the endpoint still lives (20,000 by default), how
// often it asks (5,000) and after how many questions without an answer the connection is given up (4). 0 `retries`
// turn it off.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_tcp_keepalive(struct siftstream_config *config,
                                                      uint64_t idle_ms,
                                                      uint64_t interval_ms,
                                                      uint32_t retries,
                                                      struct siftstream_error **error);

// Sets the time for one attempt of a call other than sending, in milliseconds; 30,000 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_request_timeout_ms(struct siftstream_config *config,
                                                           uint64_t milliseconds,
                                                           struct siftstream_error **error);

// Sets the time for all attempts of such a call together, in milliseconds; 120,000 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_overall_timeout_ms(struct siftstream_config *config,
                                                           uint64_t milliseconds,
                                                           struct siftstream_error **error);

// Sets how calls other than sending are tried again: `max_attempts` times (5 by default), with waits of at most
// `initial_backoff_ms` (50), growing by `backoff_multiplier` (5) to at most `max_backoff_ms` (5,000).
//
// Errors: INVALID_ARGUMENT. Whether the policy makes sense is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_control_retry_policy(struct siftstream_config *config,
                                                             uint32_t max_attempts,
                                                             uint64_t initial_backoff_ms,
                                                             uint64_t max_backoff_ms,
                                                             uint32_t backoff_multiplier,
                                                             struct siftstream_error **error);

// Sets the largest answer that is taken, in bytes; 50 MiB by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_decoding_message_size(struct siftstream_config *config,
                                                                  size_t bytes,
                                                                  struct siftstream_error **error);

// Sets the number of threads that a stream runs on; 1 by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_worker_threads(struct siftstream_config *config,
                                                       size_t threads,
                                                       struct siftstream_error **error);

// Sets where rows go, a siftstream_mode; SIFTSTREAM_MODE_LIVE_ONLY by default. Keys that the mode has no use for
// are not looked at.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_mode(struct siftstream_config *config,
                                             int32_t mode,
                                             struct siftstream_error **error);

// Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside. Off by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_end_stream_on_validation_error(struct siftstream_config *config,
                                                                       bool end,
                                                                       struct siftstream_error **error);

// Sets the largest encoded row in bytes; 4 MiB by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_row_size(struct siftstream_config *config,
                                                     size_t bytes,
                                                     struct siftstream_error **error);

// Sets how long rows may wait for more rows before they are sent, in microseconds; 1,000 by default, 0 sends at
// once. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_linger_us(struct siftstream_config *config,
                                                  uint64_t microseconds,
                                                  struct siftstream_error **error);

// Sets how often what was sent is confirmed, in milliseconds; 60,000 by default. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_checkpoint_interval_ms(struct siftstream_config *config,
                                                               uint64_t milliseconds,
                                                               struct siftstream_error **error);

// Sets after how many sent rows a checkpoint is made early; UINT64_MAX, which is the default, for none. For modes that
// send to Sift.
//
// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_checkpoint_rows(struct siftstream_config *config,
                                                        uint64_t rows,
                                                        struct siftstream_error **error);

// Sets after how many sent bytes a checkpoint is made early; UINT64_MAX, which is the default, for none. For
// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
//
// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_checkpoint_bytes(struct siftstream_config *config,
                                                         uint64_t bytes,
                                                         struct siftstream_error **error);

// Sets how much memory unconfirmed rows may take; 64 MiB by default, 0 keeps none. For SIFTSTREAM_MODE_LIVE_ONLY.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_replay_window_bytes(struct siftstream_config *config,
                                                            uint64_t bytes,
                                                            struct siftstream_error **error);

// Sets how many rows may wait to be sent; 102,400 by default. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_ingestion_data_channel_capacity(struct siftstream_config *config,
                                                                        uint64_t rows,
                                                                        struct siftstream_error **error);

// Sets how much memory rows that wait to be sent may take; 64 MiB by default. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_ingestion_data_channel_bytes(struct siftstream_config *config,
                                                                     uint64_t bytes,
                                                                     struct siftstream_error **error);

// Sets how failures of sending are retried, as siftstream_config_set_control_retry_policy does for other calls.
// While rows are kept, there is no last attempt. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Whether the policy makes sense is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_retry_policy(struct siftstream_config *config,
                                                     uint32_t max_attempts,
                                                     uint64_t initial_backoff_ms,
                                                     uint64_t max_backoff_ms,
                                                     uint32_t backoff_multiplier,
                                                     struct siftstream_error **error);

// Sets the longest wait that Sift can ask for (google.rpc.RetryInfo), in milliseconds; 60,000 by default. If it asks for
// more, it is asked again after this, and an event tells both. Holds for sending and for other calls.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_retry_after_ms(struct siftstream_config *config,
                                                           uint64_t milliseconds,
                                                           struct siftstream_error **error);

// Ends a stream at the first failure of sending. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_no_retry(struct siftstream_config *config,
                                                 struct siftstream_error **error);

// Sets after how long without progress a gRPC stream that has something to do is given up, in milliseconds; 60,000
// by default. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_idle_timeout_ms(struct siftstream_config *config,
                                                        uint64_t milliseconds,
                                                        struct siftstream_error **error);

// Sets how long the answer to a half-closed gRPC stream may take while nothing moves, in milliseconds; 30,000 by
// default. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_response_timeout_ms(struct siftstream_config *config,
                                                            uint64_t milliseconds,
                                                            struct siftstream_error **error);

// Sets the directory that holds the files of all streams; by default `siftstream` in the user's data directory. It
// is created if it is missing. The text is copied. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_backups_dir(struct siftstream_config *config,
                                                    struct siftstream_str directory,
                                                    struct siftstream_error **error);

// Sets the name that tells streams of one schema apart on disk; `default` by default. The text is copied. For
// modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_stream_name(struct siftstream_config *config,
                                                    struct siftstream_str name,
                                                    struct siftstream_error **error);

// Sets the ID under which Sift knows the schema, if the caller has it: then Sift is not asked. The text is copied.
// For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_ingestion_config_id(struct siftstream_config *config,
                                                            struct siftstream_str id,
                                                            struct siftstream_error **error);

// Sets how long a start waits for Sift, if it has to ask for an ID, before it goes on without, in milliseconds;
// 3,000 by default. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_offline_after_ms(struct siftstream_config *config,
                                                         uint64_t milliseconds,
                                                         struct siftstream_error **error);

// Sets how many rows may wait to be written; 102,400 by default. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_backup_data_channel_capacity(struct siftstream_config *config,
                                                                     uint64_t rows,
                                                                     struct siftstream_error **error);

// Sets how much memory rows that wait to be written may take; 64 MiB by default. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_backup_data_channel_bytes(struct siftstream_config *config,
                                                                  uint64_t bytes,
                                                                  struct siftstream_error **error);

// Sets how many rows share a chunk of a file at most; 1,024 by default. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_batch_size(struct siftstream_config *config,
                                                   uint32_t rows,
                                                   struct siftstream_error **error);

// Sets how long a row waits at most for others before it is written, in milliseconds; 50 by default. For modes
// that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_flush_interval_ms(struct siftstream_config *config,
                                                          uint64_t milliseconds,
                                                          struct siftstream_error **error);

// Sets at how many bytes a file is finished and the next one begins; 500 MiB by default. For modes that write
// files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_backup_file_size(struct siftstream_config *config,
                                                             uint64_t bytes,
                                                             struct siftstream_error **error);

// Sets at how many files a checkpoint is made early; UINT64_MAX, which is the default, for no limit. For
// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_file_count(struct siftstream_config *config,
                                                       uint64_t files,
                                                       struct siftstream_error **error);

// Keeps files after everything in them was confirmed. Off by default. For SIFTSTREAM_MODE_LIVE_WITH_BACKUPS; the
// files of SIFTSTREAM_MODE_FILE_BACKUP always stay.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_retain_backups(struct siftstream_config *config,
                                                       bool retain,
                                                       struct siftstream_error **error);

// Sets how many bytes all files of the stream may take together, those of earlier starts included; UINT64_MAX, which
// is the default, for no limit. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_max_bytes(struct siftstream_config *config,
                                                  uint64_t bytes,
                                                  struct siftstream_error **error);

// Sets how many bytes to leave free on the disk; 256 MiB by default. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_min_free(struct siftstream_config *config,
                                                 uint64_t bytes,
                                                 struct siftstream_error **error);

// Sets what to do when there is no room, a siftstream_when_full; SIFTSTREAM_WHEN_FULL_BLOCK by default. For modes
// that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_when_full(struct siftstream_config *config,
                                                  int32_t when_full,
                                                  struct siftstream_error **error);

// Sets when written rows are made to survive a power failure, a siftstream_fsync; at most 500 ms after they were
// written by default. `interval_ms` is looked at for SIFTSTREAM_FSYNC_INTERVAL only. For modes that write files.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_fsync(struct siftstream_config *config,
                                              int32_t fsync,
                                              uint64_t interval_ms,
                                              struct siftstream_error **error);

// Sets what happens to rows that Sift rejects, a siftstream_failure_policy; SIFTSTREAM_FAILURE_STOP by default. Sift
// tells of such rows only with siftstream_config_set_end_stream_on_validation_error. For modes that send to Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_failure_policy(struct siftstream_config *config,
                                                       int32_t policy,
                                                       struct siftstream_error **error);

// Sets the same for the rows of one flow, whatever holds for the others. The text is copied. For modes that send to
// Sift.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_flow_failure_policy(struct siftstream_config *config,
                                                            struct siftstream_str flow,
                                                            int32_t policy,
                                                            struct siftstream_error **error);

// Sets the directory for rows that are skipped: a PBFS file each, and a text with the reason beside it. A stream of
// SIFTSTREAM_MODE_LIVE_ONLY that skips rows must have it; modes that write files keep such rows with these. The text is
// copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_quarantine_dir(struct siftstream_config *config,
                                                       struct siftstream_str path,
                                                       struct siftstream_error **error);

// Sets what happens to rows when the channel that senders wait for is full, a siftstream_overflow_policy;
// SIFTSTREAM_OVERFLOW_BLOCK by default. It is the channel to the network for SIFTSTREAM_MODE_LIVE_ONLY, that to the disk
// for the others. A row that is dropped was sent as far as the call is concerned, which answers OK: it has a message ID,
// is counted, and is named in an event and in the report.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_overflow_policy(struct siftstream_config *config,
                                                        int32_t policy,
                                                        struct siftstream_error **error);

// Sets the key of this name; docs/configuration.md lists them. `value` is what would stand in an environment variable:
// a number, a text such as "250ms" or "64MiB", "true", "none", a list separated by commas. The texts are copied.
//
// Errors: INVALID_ARGUMENT; for an unknown key its message names the nearest known one.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set(struct siftstream_config *config,
                                        struct siftstream_str key,
                                        struct siftstream_str value,
                                        struct siftstream_error **error);

// Adds what a TOML file says: keys, flows with their channels, the run, metadata. What was set by a call or by the
// environment stays, and so do flows of the same name. After an error nothing has changed.
//
// Errors: INVALID_ARGUMENT with the line, NOT_FOUND, IO.
// Thread-safety: one thread at a time. Blocking: while the file is read.
siftstream_status siftstream_config_load_file(struct siftstream_config *config,
                                              struct siftstream_str path,
                                              struct siftstream_error **error);

// Adds what environment variables say: SIFTSTREAM_ and the name of a key in capitals, dots as underscores. They win
// over a file; what was set by a call stays. After an error nothing has changed.
//
// Errors: INVALID_ARGUMENT, also for a variable whose name is nearly that of a key.
// Thread-safety: one thread at a time, and none may change the environment meanwhile. Blocking: never.
siftstream_status siftstream_config_load_env(struct siftstream_config *config,
                                             struct siftstream_error **error);

// Adds a tag to the asset; those it has stay. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_asset_tag(struct siftstream_config *config,
                                                  struct siftstream_str tag,
                                                  struct siftstream_error **error);

// Adds metadata to the asset; a key that it has gets the new value. The texts are copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_asset_metadata(struct siftstream_config *config,
                                                       struct siftstream_str key,
                                                       struct siftstream_str value,
                                                       struct siftstream_error **error);

// Adds metadata to the asset; a key that it has gets the new value. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_asset_metadata_number(struct siftstream_config *config,
                                                              struct siftstream_str key,
                                                              double value,
                                                              struct siftstream_error **error);

// Adds metadata to the asset; a key that it has gets the new value. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_asset_metadata_bool(struct siftstream_config *config,
                                                            struct siftstream_str key,
                                                            bool value,
                                                            struct siftstream_error **error);

// Attaches all rows to the run with this client key, which is created or updated. The texts are copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_attach_run(struct siftstream_config *config,
                                               struct siftstream_str name,
                                               struct siftstream_str client_key,
                                               struct siftstream_error **error);

// Attaches all rows to an existing run. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_attach_run_id(struct siftstream_config *config,
                                                  struct siftstream_str run_id,
                                                  struct siftstream_error **error);

// Says what the run is about. The run must have been attached by its client key. The text is copied.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
// never.
siftstream_status siftstream_config_set_run_description(struct siftstream_config *config,
                                                        struct siftstream_str description,
                                                        struct siftstream_error **error);

// Adds a tag to the run; those it has stay. The run must have been attached by its client key. The text is copied.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
// never.
siftstream_status siftstream_config_add_run_tag(struct siftstream_config *config,
                                                struct siftstream_str tag,
                                                struct siftstream_error **error);

// Adds metadata to the run; a key that it has gets the new value. The texts are copied. The run must have been
// attached by its client key.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
// never.
siftstream_status siftstream_config_add_run_metadata(struct siftstream_config *config,
                                                     struct siftstream_str key,
                                                     struct siftstream_str value,
                                                     struct siftstream_error **error);

// Adds metadata to the run; a key that it has gets the new value. The text is copied. The run must have been
// attached by its client key.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
// never.
siftstream_status siftstream_config_add_run_metadata_number(struct siftstream_config *config,
                                                            struct siftstream_str key,
                                                            double value,
                                                            struct siftstream_error **error);

// Adds metadata to the run; a key that it has gets the new value. The text is copied. The run must have been
// attached by its client key.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
// never.
siftstream_status siftstream_config_add_run_metadata_bool(struct siftstream_config *config,
                                                          struct siftstream_str key,
                                                          bool value,
                                                          struct siftstream_error **error);

// Sets whether rows that earlier streams of this name left on disk are sent, in the background; true by default. For
// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_recover_on_start(struct siftstream_config *config,
                                                         bool recover,
                                                         struct siftstream_error **error);

// Sets how many bytes of files are sent again in a second at most; UINT64_MAX, which is the default, for no limit.
// For SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
//
// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_reingestion_bytes_per_second(struct siftstream_config *config,
                                                                     uint64_t bytes,
                                                                     struct siftstream_error **error);

// Sets the name of the vehicle or rig and the key under which its schema is registered. The texts are copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_asset(struct siftstream_config *config,
                                              struct siftstream_str asset_name,
                                              struct siftstream_str client_key,
                                              struct siftstream_error **error);

// Adds a flow: a named group of channels that share one timestamp. The text is copied.
//
// Errors: INVALID_ARGUMENT, also if the config has the flow. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_flow(struct siftstream_config *config,
                                             struct siftstream_str flow,
                                             struct siftstream_error **error);

// Adds a channel at the end of a flow. `channel_type` is a siftstream_channel_type; `unit` and `description` may be
// empty. The texts are copied. Where `index_out` is given, it receives the channel's index in its flow.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_channel(struct siftstream_config *config,
                                                struct siftstream_str flow,
                                                struct siftstream_str channel,
                                                int32_t channel_type,
                                                struct siftstream_str unit,
                                                struct siftstream_str description,
                                                uint32_t *index_out,
                                                struct siftstream_error **error);

// Names an entry of an enum channel. The texts are copied.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_enum_type(struct siftstream_config *config,
                                                  struct siftstream_str flow,
                                                  struct siftstream_str channel,
                                                  struct siftstream_str name,
                                                  uint32_t key,
                                                  struct siftstream_error **error);

// Names bits of a bit-field channel: `bit_count` of them from bit `index` on. The texts are copied.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_add_bit_field_element(struct siftstream_config *config,
                                                          struct siftstream_str flow,
                                                          struct siftstream_str channel,
                                                          struct siftstream_str name,
                                                          int32_t index,
                                                          uint32_t bit_count,
                                                          struct siftstream_error **error);

// Registers a flow that the config does not have when its first row is sent by name, with what
// siftstream_stream_stage_flows kept for it, else with the names and types of that row. Off by default.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_auto_register_flows(struct siftstream_config *config,
                                                            bool auto_register,
                                                            struct siftstream_error **error);

// Sets what the names of the stream's threads begin with, instead of `siftstream`: 1 to 8 visible ASCII characters. The
// text is copied.
//
// Errors: INVALID_ARGUMENT. Whether the name can be used is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_thread_name(struct siftstream_config *config,
                                                    struct siftstream_str name,
                                                    struct siftstream_error **error);

// Sets the CPUs that the stream's threads run on: `count` numbers from 0 to 1,023, which are copied. By default, and
// with a `count` of 0, they run on those of the thread that creates the stream.
//
// Errors: INVALID_ARGUMENT. Whether the machine has the CPUs is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_thread_cpus(struct siftstream_config *config,
                                                    const uint32_t *cpus,
                                                    size_t count,
                                                    struct siftstream_error **error);

// Sets the nice value of the stream's threads, -20 (urgent) to 19; by default that of the thread that creates the
// stream. Forgets a priority that was set.
//
// Errors: INVALID_ARGUMENT. Whether the system allows it is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_thread_nice(struct siftstream_config *config,
                                                    int32_t nice,
                                                    struct siftstream_error **error);

// Makes the stream's threads real-time threads (SCHED_FIFO) of a priority from 1 to 99. By default they are ordinary
// threads, also if a real-time thread creates the stream. Forgets a nice value that was set.
//
// Errors: INVALID_ARGUMENT. Whether the system allows it is checked when a stream is created.
// Thread-safety: one thread at a time. Blocking: never.
siftstream_status siftstream_config_set_thread_fifo_priority(struct siftstream_config *config,
                                                             uint32_t priority,
                                                             struct siftstream_error **error);

// The status code of an error; SIFTSTREAM_INVALID_ARGUMENT if `error` is no living error.
//
// Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_error_code(const struct siftstream_error *error);

// What happened, to which thing, and what to do. The text belongs to the error and lives as long as it; it is empty
// if `error` is no living error.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_error_message(const struct siftstream_error *error);

// Whether the same call can succeed later without a change by the caller.
//
// Thread-safety: any thread. Blocking: never.
bool siftstream_error_is_retryable(const struct siftstream_error *error);

// What became of the data that the failed call was about.
//
// Thread-safety: any thread. Blocking: never.
siftstream_data_status siftstream_error_data_status(const struct siftstream_error *error);

// Frees an error and its message. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_error_free(struct siftstream_error *error);

// What happened; SIFTSTREAM_EVENT_UNKNOWN if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
siftstream_event_kind siftstream_event_kind_of(const struct siftstream_event *event);

// The name of what happened, such as "checkpoint"; the same in all languages. Empty if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_event_kind_name(const struct siftstream_event *event);

// What happened, in words. The text belongs to the event; it is empty if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_event_text(const struct siftstream_event *event);

// Its place among all events of the stream, from 0; a gap means that events were dropped from the queue, or that
// somebody else read them. 0 if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_number(const struct siftstream_event *event);

// When it happened, in nanoseconds since 1970 by the clock of the machine; 0 if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
int64_t siftstream_event_time_ns(const struct siftstream_event *event);

// How many rows it is about; 0 if it is not about rows, or `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_rows(const struct siftstream_event *event);

// How many ranges of message IDs it is about; 0 if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
size_t siftstream_event_ranges(const struct siftstream_event *event);

// Gives a range of message IDs: from *first_out to before *end_out. Ranges are in order; the first is `at` 0.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_event_range(const struct siftstream_event *event,
                                         size_t at,
                                         uint64_t *first_out,
                                         uint64_t *end_out,
                                         struct siftstream_error **error);

// How many flows the rows it is about belong to, where that is known; 0 if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
size_t siftstream_event_flows(const struct siftstream_event *event);

// Gives the name of a flow in *name_out, and in *rows_out how many of the rows belong to it; the first is `at` 0. The
// text belongs to the event.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last flow. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_event_flow(const struct siftstream_event *event,
                                        size_t at,
                                        struct siftstream_str *name_out,
                                        uint64_t *rows_out,
                                        struct siftstream_error **error);

// Gives in *file_out the number of the file it is about.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND if it is not about a file. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_event_file(const struct siftstream_event *event,
                                        uint64_t *file_out,
                                        struct siftstream_error **error);

// How many bytes of a file were put aside; 0 if it is not about that, or `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_bytes(const struct siftstream_event *event);

// From opening the gRPC stream to its confirmation, in microseconds; 0 if it is not about a checkpoint, or `event` is
// no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_duration_us(const struct siftstream_event *event);

// The wait before the next attempt, in microseconds; 0 if there is none, or `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_retry_in_us(const struct siftstream_event *event);

// The wait that Sift asked for, in microseconds; more than the wait before the next attempt where
// siftstream_config_set_max_retry_after_ms allows less. 0 if it asked for none, or `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_event_retry_asked_us(const struct siftstream_event *event);

// What it is about in a word: the name of the flow that was registered, or the cause of a drop. The text belongs to the
// event; it is empty for other kinds, or if `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_event_subject(const struct siftstream_event *event);

// The error behind the event, which the caller frees; NULL if there is none, or `event` is no living event.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_error *siftstream_event_error(const struct siftstream_event *event);

// Frees an event and its texts. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_event_free(struct siftstream_event *event);

// Gives the oldest event that nobody has read in *out, or NULL if there is none now. The caller frees it; it may
// outlive the stream. A stream keeps the newest 1,024 events.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread; each event goes to one reader. Blocking: never.
siftstream_status siftstream_stream_poll_event(const struct siftstream_stream *stream,
                                               struct siftstream_event **out,
                                               struct siftstream_error **error);

// As siftstream_stream_poll_event, but waits for an event for at most `timeout_ms`. A stream that is freed meanwhile
// ends the wait at once.
//
// Errors: CLOSED if the stream was freed meanwhile and all its events were read, INVALID_ARGUMENT.
// Thread-safety: any thread; each event goes to one reader. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_wait_event(const struct siftstream_stream *stream,
                                               uint32_t timeout_ms,
                                               struct siftstream_event **out,
                                               struct siftstream_error **error);

// How many events were dropped because nobody read them in time; 0 if `stream` is no living stream.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_stream_events_dropped(const struct siftstream_stream *stream);

// Calls `callback` with each event from now on, and those that nobody has read yet, one at a time, on a thread that
// belongs to the stream. `callback` may call every function of the library, also on its stream, and free it. Meanwhile
// other events wait, and the oldest are dropped if it takes too long; nothing else waits for it.
//
// siftstream_stream_free has `callback` called with the events that still wait, and returns when that is done, or after
// a second, or at once if `callback` calls it. After that no call begins; one that runs then goes on.
//
// `free_user_data`, which may be NULL, is called exactly once, when no call will come any more: on the thread of the
// callback, or, if this function fails, before it returns.
//
// Errors: INVALID_ARGUMENT, BUSY if the stream has a callback. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_on_event(const struct siftstream_stream *stream,
                                             siftstream_event_callback callback,
                                             void *user_data,
                                             siftstream_free_callback free_user_data,
                                             struct siftstream_error **error);

// Finds a flow of the stream and gives a handle for it in *out, which the caller frees; it may outlive the stream.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_FLOW. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_flow(const struct siftstream_stream *stream,
                                         struct siftstream_str flow,
                                         struct siftstream_flow **out,
                                         struct siftstream_error **error);

// Finds a channel of the flow and gives its index in *index_out.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_flow_channel_index(const struct siftstream_flow *flow,
                                                struct siftstream_str channel,
                                                uint32_t *index_out,
                                                struct siftstream_error **error);

// Gives in *type_out the type of the channel at `index`, a siftstream_channel_type.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_flow_channel_type(const struct siftstream_flow *flow,
                                               uint32_t index,
                                               int32_t *type_out,
                                               struct siftstream_error **error);

// Frees the handle; the flow itself stays. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_flow_free(struct siftstream_flow *flow);

// Has `callback` called with what streams log, from `level` (a siftstream_log_level) on and graver. There is one for the
// process; without it nothing is logged. Streams that were created before the first call of this function log nothing:
// call it first. A later call replaces the callback, and its level, for all; NULL for `callback` ends logging, and then
// `level` is not looked at.
//
// `callback` is called on one thread of the library, one record at a time, in order, under no lock; it may call every
// function of the library. If it is slow, records are dropped and counted (siftstream_log_dropped) when 1,024 wait;
// nothing else waits for it, no sender either. Of records from one place in the code at most 10 a second come, and the
// next one tells how many did not. The API key is in none of them. The parts of the library that `target` names are
// listed in docs/observability.md.
//
// A callback that is replaced gets the records that wait, and is not called again after this function returned; it
// waits for both for a second at most. A call that takes longer than that runs on. Called by the callback itself, it
// does not wait: that call is the last one. A forked child logs nothing until it calls this function.
//
// `free_user_data`, which may be NULL, is called exactly once, when no call will come any more: before this function
// returns, if it fails or has nothing to call, or on either thread when the callback was replaced.
//
// Errors: INVALID_ARGUMENT, IO if there can be no thread; then all is as it was. Thread-safety: any thread. Blocking: up
// to a second, for the callback before.
siftstream_status siftstream_set_log_callback(siftstream_log_callback callback,
                                              void *user_data,
                                              siftstream_free_callback free_user_data,
                                              int32_t level,
                                              struct siftstream_error **error);

// How many records the callback of this process was too slow for.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_log_dropped(void);

// Starts a stream of protobuf messages in the mode of the config, within `timeout_ms`. They belong to the config's
// asset and, if it names one, to a run by its ID; the config has no flows. `name_space` is the namespace that Sift keeps
// them in, and may be empty. Their files are in a directory of their own. The stream is given in *out; the caller frees
// it. The config is only read, and the text is copied.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED, AUTH, UNAVAILABLE, TIMEOUT, TLS, IO and others; then nothing is left running.
// Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
siftstream_status siftstream_message_stream_create(const struct siftstream_config *config,
                                                   struct siftstream_str name_space,
                                                   uint32_t timeout_ms,
                                                   struct siftstream_message_stream **out,
                                                   struct siftstream_error **error);

// Ends the stream without waiting for the network, and frees it, as siftstream_stream_free. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: up to a second, for the disk.
siftstream_status siftstream_message_stream_free(struct siftstream_message_stream *stream);

// Sends an encoded message of the type whose full name is `message_type`, such as `rig.v1.Telemetry`, waiting for room
// for at most `timeout_ms`. Sift shows the type as `display_name`, unless that is empty. All is copied; the bytes of the
// message are not looked at.
//
// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, INVALID_ARGUMENT; then nothing was accepted. Thread-safety: any thread.
// Blocking: up to `timeout_ms`.
siftstream_status siftstream_message_stream_send(const struct siftstream_message_stream *stream,
                                                 struct siftstream_str message_type,
                                                 struct siftstream_str display_name,
                                                 int64_t timestamp_ns,
                                                 struct siftstream_bytes message,
                                                 uint32_t timeout_ms,
                                                 struct siftstream_error **error);

// The same without ever waiting. FULL means that there is no room now, and makes no error object.
//
// Errors: FULL, CLOSED, ROW_TOO_LARGE, INVALID_ARGUMENT; then nothing was accepted. Thread-safety: any thread.
// Blocking: never. Allocates nothing when warm, for rows of at most 16 KiB.
siftstream_status siftstream_message_stream_try_send(const struct siftstream_message_stream *stream,
                                                     struct siftstream_str message_type,
                                                     struct siftstream_str display_name,
                                                     int64_t timestamp_ns,
                                                     struct siftstream_bytes message,
                                                     struct siftstream_error **error);

// Brings everything accepted so far to a level, a siftstream_level, and waits for that, as siftstream_stream_flush.
//
// Errors: TIMEOUT, NOT_CONFIGURED for a level that the mode never reaches, and what ended the stream.
// Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_message_stream_flush(const struct siftstream_message_stream *stream,
                                                  int32_t level,
                                                  uint32_t timeout_ms,
                                                  struct siftstream_error **error);

// Ends the stream: delivers what was accepted, and says in *report_out what became of each message, as
// siftstream_stream_finish.
//
// Errors: whatever kept messages from being delivered. Thread-safety: any thread. Blocking: up to `timeout_ms` + 250 ms,
// whatever the server does.
siftstream_status siftstream_message_stream_finish(const struct siftstream_message_stream *stream,
                                                   uint32_t timeout_ms,
                                                   struct siftstream_report **report_out,
                                                   struct siftstream_error **error);

// Takes a snapshot of the counters, in which rows are messages. It is given in *out; the caller frees it.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_message_stream_metrics(const struct siftstream_message_stream *stream,
                                                    struct siftstream_metrics **out,
                                                    struct siftstream_error **error);

// Takes a snapshot of the stream's counters into *out. The caller frees it; it may outlive the stream.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_metrics(const struct siftstream_stream *stream,
                                            struct siftstream_metrics **out,
                                            struct siftstream_error **error);

// Frees a snapshot. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_metrics_free(struct siftstream_metrics *metrics);

// Rows accepted from callers; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_accepted(const struct siftstream_metrics *metrics);

// Bytes of the accepted rows as they are sent; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_bytes_accepted(const struct siftstream_metrics *metrics);

// Rows given to gRPC streams; a row that is sent again counts again; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_sent(const struct siftstream_metrics *metrics);

// Bytes given to gRPC streams; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_bytes_sent(const struct siftstream_metrics *metrics);

// Rows that Sift has confirmed; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_confirmed(const struct siftstream_metrics *metrics);

// Rows given up by a choice of the user; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_dropped(const struct siftstream_metrics *metrics);

// Rows that survive a crash of the process, from the first without a gap; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_written(const struct siftstream_metrics *metrics);

// Rows that survive a power failure, from the first without a gap; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_durable(const struct siftstream_metrics *metrics);

// Backup files created by this stream; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_backup_files(const struct siftstream_metrics *metrics);

// Bytes of all backup files, those of earlier starts included; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_backup_bytes(const struct siftstream_metrics *metrics);

// How often the disk failed; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_disk_errors(const struct siftstream_metrics *metrics);

// Whether the disk fails now: rows wait in memory; false if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
bool siftstream_metrics_disk_degraded(const struct siftstream_metrics *metrics);

// Unconfirmed rows of earlier starts that were found on disk; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_recovered(const struct siftstream_metrics *metrics);

// Those of the recovered rows that Sift has confirmed since; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_recovered_rows_confirmed(const struct siftstream_metrics *metrics);

// Rows of this stream that were confirmed after they were read back from disk; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_reingested(const struct siftstream_metrics *metrics);

// Rows that are yet to be read back from disk and sent, at this moment; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_rows_owed(const struct siftstream_metrics *metrics);

// Rows that wait to be sent; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_ingestion_channel_rows(const struct siftstream_metrics *metrics);

// Memory held by the rows that wait to be sent; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_ingestion_channel_bytes(const struct siftstream_metrics *metrics);

// Rows that wait to be written; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_backup_channel_rows(const struct siftstream_metrics *metrics);

// Memory held by the rows that wait to be written, or are being written; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_backup_channel_bytes(const struct siftstream_metrics *metrics);

// gRPC streams opened; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_streams_opened(const struct siftstream_metrics *metrics);

// gRPC streams that ended with a confirmation; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_checkpoints(const struct siftstream_metrics *metrics);

// gRPC streams that ended without one; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_checkpoints_failed(const struct siftstream_metrics *metrics);

// Answers OK that came too early to be a confirmation; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_early_oks(const struct siftstream_metrics *metrics);

// Waits before another attempt; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_retries(const struct siftstream_metrics *metrics);

// The wait that goes on now, in microseconds; 0 if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_current_backoff_us(const struct siftstream_metrics *metrics);

// Memory held by rows that were taken to be sent and are not confirmed: what the replay window bounds. 0 in modes with
// files, or if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_replay_window_bytes(const struct siftstream_metrics *metrics);

// How often a gRPC stream ended with the status `code`; 0 if `code` is none, or `metrics` no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_metrics_grpc_status(const struct siftstream_metrics *metrics, int32_t code);

// All metrics as a JSON object: each by its name, durations in seconds, and `statuses` as an object with the count of
// each status code that occurred. The text belongs to the snapshot; it is empty if `metrics` is no living snapshot.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_metrics_json(const struct siftstream_metrics *metrics);

// How many metrics have a name: those that siftstream_metrics_name and siftstream_metrics_value know. All of
// docs/observability.md but the status codes.
//
// Thread-safety: any thread. Blocking: never.
size_t siftstream_metrics_count(void);

// The name of the metric with this number, from 0; empty if there is none. The text lives for ever.
//
// Thread-safety: any thread. Blocking: never.
struct siftstream_str siftstream_metrics_name(size_t number);

// Writes the value of the metric with this number into *value: counts as they are (exact below 2^53), durations in
// seconds, flags as 0 or 1.
//
// Errors: INVALID_ARGUMENT if there is no such metric, or `metrics` is no living snapshot. Thread-safety: any thread.
// Blocking: never.
siftstream_status siftstream_metrics_value(const struct siftstream_metrics *metrics,
                                           size_t number,
                                           double *value,
                                           struct siftstream_error **error);

// Begins to serve metrics on `address` (`127.0.0.1:9464`; port 0 lets the system choose) into *out: `/metrics` for
// Prometheus, `/metrics.json`, `/healthz`. There is no authentication: use the loopback interface. The caller frees it,
// which ends it; it needs no stream, and keeps none alive.
//
// Errors: INVALID_ARGUMENT, also if the address cannot be had. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_metrics_server_start(struct siftstream_str address,
                                                  struct siftstream_metrics_server **out,
                                                  struct siftstream_error **error);

// The port that it listens on; 0 if `server` is no living server.
//
// Thread-safety: any thread. Blocking: never.
uint16_t siftstream_metrics_server_port(const struct siftstream_metrics_server *server);

// Shows the metrics of `stream` under the label `name` for as long as it lives. A second stream of the same name takes
// the place of the first.
//
// Errors: INVALID_ARGUMENT, FORKED. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_metrics_server_watch(const struct siftstream_metrics_server *server,
                                                  struct siftstream_str name,
                                                  const struct siftstream_stream *stream,
                                                  struct siftstream_error **error);

// Ends a server and frees it. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_metrics_server_free(struct siftstream_metrics_server *server);

// Makes memory for `bytes` of encoded rows ready, at most 1 GiB, so that the first rows neither allocate nor meet page
// faults. Beside this, a process that cannot have page faults locks its memory with mlockall.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never, but it touches all of that memory.
siftstream_status siftstream_stream_prefault(const struct siftstream_stream *stream,
                                             uint64_t bytes,
                                             struct siftstream_error **error);

// Gives in *fd_out a file descriptor that poll, epoll and select find readable while events of the stream wait to be
// read with siftstream_stream_poll_event. Nothing else is to be done with it. It belongs to the stream and is closed
// with it; each call gives the same one. With a callback for events it tells nothing. Linux only.
//
// Errors: INVALID_ARGUMENT, IO if there are no descriptors left. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_event_fd(const struct siftstream_stream *stream,
                                             int *fd_out,
                                             struct siftstream_error **error);

// Rows that calls to send were told OK for; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_accepted(const struct siftstream_report *report);

// Rows taken over from earlier openings; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_recovered(const struct siftstream_report *report);

// Rows that Sift has confirmed; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_confirmed(const struct siftstream_report *report);

// Rows kept on disk, to be sent later; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_on_disk(const struct siftstream_report *report);

// Rows that were only in memory and are not confirmed; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_in_memory(const struct siftstream_report *report);

// Rows given up by a choice of the user; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_dropped(const struct siftstream_report *report);

// Rows that Sift refused; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_report_rejected(const struct siftstream_report *report);

// How many ranges of message IDs are not confirmed; 0 if `report` is no living report.
//
// Thread-safety: any thread. Blocking: never.
size_t siftstream_report_unconfirmed_ranges(const struct siftstream_report *report);

// Gives a range of message IDs that are not confirmed: from *first_out to before *end_out. Ranges are in order; the
// first is `at` 0.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_report_unconfirmed_range(const struct siftstream_report *report,
                                                      size_t at,
                                                      uint64_t *first_out,
                                                      uint64_t *end_out,
                                                      struct siftstream_error **error);

// How many ranges of message IDs belong to rows that were dropped, where these are known; 0 if `report` is no living
// report.
//
// Thread-safety: any thread. Blocking: never.
size_t siftstream_report_dropped_ranges(const struct siftstream_report *report);

// Gives a range of message IDs of rows that were dropped: from *first_out to before *end_out. Ranges are in order; the
// first is `at` 0.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND beyond the last range. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_report_dropped_range(const struct siftstream_report *report,
                                                  size_t at,
                                                  uint64_t *first_out,
                                                  uint64_t *end_out,
                                                  struct siftstream_error **error);

// Frees a report. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_report_free(struct siftstream_report *report);

// Makes an empty row of the flow in *out. The caller frees it; it may outlive the flow's handle.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_row_create(const struct siftstream_flow *flow,
                                        struct siftstream_row **out,
                                        struct siftstream_error **error);

// Frees a row. NULL is fine.
//
// Errors: INVALID_ARGUMENT, BUSY while another thread changes it. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_row_free(struct siftstream_row *row);

// Empties all channels and forgets the timestamp; keeps the memory.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_clear(struct siftstream_row *row, struct siftstream_error **error);

// Sets the row's time in nanoseconds since 1970, negative before it. A row that was given none is sent with the time
// of the send.
//
// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_timestamp_ns(struct siftstream_row *row,
                                                  int64_t timestamp_ns,
                                                  struct siftstream_error **error);

// Sets "no news" for the channel at `index`, whatever its type.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL. Thread-safety: one thread at a time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_empty(struct siftstream_row *row,
                                           uint32_t index,
                                           struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_DOUBLE.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_double(struct siftstream_row *row,
                                            uint32_t index,
                                            double value,
                                            struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_FLOAT.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_float(struct siftstream_row *row,
                                           uint32_t index,
                                           float value,
                                           struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_BOOL.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_bool(struct siftstream_row *row,
                                          uint32_t index,
                                          bool value,
                                          struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_INT32.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_int32(struct siftstream_row *row,
                                           uint32_t index,
                                           int32_t value,
                                           struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_UINT32.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_uint32(struct siftstream_row *row,
                                            uint32_t index,
                                            uint32_t value,
                                            struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_INT64.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_int64(struct siftstream_row *row,
                                           uint32_t index,
                                           int64_t value,
                                           struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_UINT64.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_uint64(struct siftstream_row *row,
                                            uint32_t index,
                                            uint64_t value,
                                            struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_ENUM to the entry with this number.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates nothing.
siftstream_status siftstream_row_set_enum(struct siftstream_row *row,
                                          uint32_t index,
                                          uint32_t value,
                                          struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_STRING. The content is copied.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates only for content longer than the channel has had before.
siftstream_status siftstream_row_set_string(struct siftstream_row *row,
                                            uint32_t index,
                                            struct siftstream_str value,
                                            struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_BIT_FIELD. The content is copied.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates only for content longer than the channel has had before.
siftstream_status siftstream_row_set_bit_field(struct siftstream_row *row,
                                               uint32_t index,
                                               struct siftstream_bytes value,
                                               struct siftstream_error **error);

// Sets the channel at `index`, a SIFTSTREAM_BYTES. The content is copied.
//
// Errors: INVALID_ARGUMENT, UNKNOWN_CHANNEL, WRONG_TYPE; then the row is unchanged. Thread-safety: one thread at a
// time. Blocking: never. Allocates only for content longer than the channel has had before.
siftstream_status siftstream_row_set_bytes(struct siftstream_row *row,
                                           uint32_t index,
                                           struct siftstream_bytes value,
                                           struct siftstream_error **error);

// Sets the time and all channels of the row at once: `count` values, one a channel, in the order of the flow.
//
// Errors: INVALID_ARGUMENT, WRONG_TYPE; then some channels may be set. Thread-safety: one thread at a time.
// Blocking: never. Allocates only for texts longer than their channel has had before.
siftstream_status siftstream_row_set_values(struct siftstream_row *row,
                                            int64_t timestamp_ns,
                                            const struct siftstream_value *values,
                                            size_t count,
                                            struct siftstream_error **error);

// The name of a status code, such as "FULL"; "UNKNOWN" for a number that is none. The text is static.
//
// Thread-safety: any thread. Blocking: never.
const char *siftstream_status_name(int32_t status);

// Starts a stream in the mode of the config, within `timeout_ms`: registers the schema with Sift, or takes a place on
// disk, for which Sift is asked only if an ID is not known. The stream is given in *out; the caller frees it. The
// config is only read, and can be freed at once.
//
// Errors: INVALID_ARGUMENT, AUTH, SCHEMA_MISMATCH, UNAVAILABLE, TIMEOUT, TLS, IO and others; then nothing is left
// running. Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_create(const struct siftstream_config *config,
                                           uint32_t timeout_ms,
                                           struct siftstream_stream **out,
                                           struct siftstream_error **error);

// Ends the stream without waiting for the network, and frees it; unconfirmed rows of a live-only stream are lost, those
// of other modes are on disk. Call siftstream_stream_finish first. Calls of other threads keep it running until they
// return, but waits for events end at once. In a forked child only the handle is freed, at once. NULL is fine.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: up to a second, for the disk and a callback that runs.
siftstream_status siftstream_stream_free(struct siftstream_stream *stream);

// Sends a row, waiting for room for at most `timeout_ms`. The row stays the caller's and can be used again at once.
//
// Errors: TIMEOUT, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_send(const struct siftstream_stream *stream,
                                         const struct siftstream_row *row,
                                         uint32_t timeout_ms,
                                         struct siftstream_error **error);

// Sends a row without ever waiting. The row stays the caller's and can be used again at once.
//
// FULL means that there is no room now. To keep this path free of allocations, FULL makes no error object.
// Errors: FULL, CLOSED, ROW_TOO_LARGE, UNKNOWN_FLOW, INVALID_ARGUMENT; then nothing was accepted.
// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: never.
// Allocates nothing when warm, for rows of at most 16 KiB.
siftstream_status siftstream_stream_try_send(const struct siftstream_stream *stream,
                                             const struct siftstream_row *row,
                                             struct siftstream_error **error);

// Sends a row of `count` values, one a channel, without ever waiting: one call a row, written from where the values lie.
// `row` says of which flow. After FULL it holds the time and the values, for siftstream_stream_send or another
// siftstream_stream_try_send; after OK and after an error it holds what it held before.
//
// Errors: as siftstream_row_set_values and siftstream_stream_try_send; then nothing was accepted.
// Thread-safety: any thread; nobody may change the row meanwhile. Blocking: never.
// Allocates nothing when warm, for rows of at most 16 KiB; FULL does for texts longer than the row has held before.
siftstream_status siftstream_stream_try_send_values(const struct siftstream_stream *stream,
                                                    struct siftstream_row *row,
                                                    int64_t timestamp_ns,
                                                    const struct siftstream_value *values,
                                                    size_t count,
                                                    struct siftstream_error **error);

// Brings everything accepted so far to a level, a siftstream_level, and waits for that. It makes it happen: a
// checkpoint for CONFIRMED, an fsync for DURABLE.
//
// Errors: TIMEOUT, NOT_CONFIGURED for a level that rows of the mode never reach, and what ended the stream.
// Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_flush(const struct siftstream_stream *stream,
                                          int32_t level,
                                          uint32_t timeout_ms,
                                          struct siftstream_error **error);

// Makes everything accepted so far confirmed by Sift, and waits for that.
//
// Errors: TIMEOUT, and what ended the stream. Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_flush_confirmed(const struct siftstream_stream *stream,
                                                    uint32_t timeout_ms,
                                                    struct siftstream_error **error);

// Asks Sift to confirm what was accepted so far, and waits for nothing: events and watermarks tell when it did.
//
// Errors: NOT_CONFIGURED for a mode that does not send to Sift. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_checkpoint(const struct siftstream_stream *stream,
                                               struct siftstream_error **error);

// Ends the stream: delivers what was accepted, and says in *report_out what became of each row. The report is given
// also when not all rows were delivered, and is the caller's to free; `report_out` may be NULL. Calling it again is
// harmless. The stream still has to be freed.
//
// Errors: whatever kept rows from being delivered. Thread-safety: any thread. Blocking: up to `timeout_ms` + 250 ms,
// whatever the server does.
siftstream_status siftstream_stream_finish(const struct siftstream_stream *stream,
                                           uint32_t timeout_ms,
                                           struct siftstream_report **report_out,
                                           struct siftstream_error **error);

// Ends the stream now; calls that wait get the reason. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_cancel(const struct siftstream_stream *stream,
                                           struct siftstream_str reason,
                                           struct siftstream_error **error);

// Gives in *rows_out how many rows, from the first one on, are at a level, a siftstream_level, or beyond it without a
// gap. Rows that a policy dropped count as passed.
//
// Errors: INVALID_ARGUMENT, NOT_CONFIGURED for a level that rows of the mode never reach. Thread-safety: any thread.
// Blocking: never.
siftstream_status siftstream_stream_watermark(const struct siftstream_stream *stream,
                                              int32_t level,
                                              uint64_t *rows_out,
                                              struct siftstream_error **error);

// How many rows, from the first one on, are confirmed without a gap; 0 if `stream` is no living stream.
//
// Thread-safety: any thread. Blocking: never.
uint64_t siftstream_stream_confirmed_watermark(const struct siftstream_stream *stream);

// Registers the flows of `config` that the stream does not have, so that their rows can be sent. Nothing else of the
// config is looked at.
//
// Errors: SCHEMA_MISMATCH with the difference, UNAVAILABLE and others; then none was added.
// Thread-safety: any thread; nobody may change the config meanwhile. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_add_new_flows(const struct siftstream_stream *stream,
                                                  const struct siftstream_config *config,
                                                  uint32_t timeout_ms,
                                                  struct siftstream_error **error);

// Attaches rows sent from now on to the run with this client key, which is created or updated. The texts are copied.
//
// Errors: INVALID_ARGUMENT, UNAVAILABLE and others; then nothing changed.
// Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_attach_run(const struct siftstream_stream *stream,
                                               struct siftstream_str name,
                                               struct siftstream_str client_key,
                                               uint32_t timeout_ms,
                                               struct siftstream_error **error);

// Attaches rows sent from now on to an existing run. The text is copied.
//
// Errors: INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE and others; then nothing changed.
// Thread-safety: any thread. Blocking: up to `timeout_ms`.
siftstream_status siftstream_stream_attach_run_id(const struct siftstream_stream *stream,
                                                  struct siftstream_str run_id,
                                                  uint32_t timeout_ms,
                                                  struct siftstream_error **error);

// Rows sent from now on belong to no run.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_detach_run(const struct siftstream_stream *stream,
                                               struct siftstream_error **error);

// Replaces the API key; requests that begin later carry the new one. The text is copied.
//
// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
siftstream_status siftstream_stream_set_api_key(const struct siftstream_stream *stream,
                                                struct siftstream_str api_key,
                                                struct siftstream_error **error);

// The version of the library that is loaded, such as "0.1.0"; compare it with SIFTSTREAM_VERSION_MAJOR and so on of
// the header that the program was built with. The text is static.
//
// Thread-safety: any thread. Blocking: never.
const char *siftstream_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SIFTSTREAM_H */

#ifndef SIFTSTREAM_STR

/* A view of a string literal. */
#define SIFTSTREAM_STR(literal) siftstream_str_of_bytes((literal), sizeof(literal) - 1)

/* A view of `len` bytes at `ptr`. */
static inline struct siftstream_str siftstream_str_of_bytes(const char *ptr, size_t len) {
  struct siftstream_str text;
  text.ptr = ptr;
  text.len = len;
  return text;
}

/* A view of a string that ends with NUL; of nothing, if it is NULL. */
static inline struct siftstream_str siftstream_str_of(const char *text) {
  size_t len = 0;
  if (text != NULL) {
    while (text[len] != 0) {
      len++;
    }
  }
  return siftstream_str_of_bytes(text, len);
}

#endif
