/* What the generated table of misuse stands on; ffi/tests/misuse.rs makes the table. */

#ifndef SIFTSTREAM_TESTS_MISUSE_H
#define SIFTSTREAM_TESTS_MISUSE_H

#include "check.h"

/* Arguments that are good, and some that are not. */
extern const siftstream_str not_utf8, no_text, endless_text;
extern const siftstream_bytes some_bytes, no_bytes, endless_bytes;
extern const int64_t times[1];
extern const uint32_t numbers[1];
extern const siftstream_column column;
extern const siftstream_channel_value channel_value;
extern const siftstream_value values[11];
extern int here;

/* Places for outputs. */
extern uint64_t out_uint64_t;
extern int64_t out_int64_t;
extern uint32_t out_uint32_t;
extern int32_t out_int32_t;
extern size_t out_size_t;
extern int out_int;
extern double out_double;
extern siftstream_str out_siftstream_str;
extern siftstream_bytes out_siftstream_bytes;

void on_event(void *user_data, const siftstream_event *event);
void on_log(void *user_data, siftstream_log_level level, int64_t time_ns, siftstream_str target, siftstream_str message);

/* Before and after each call: it changes neither errno nor the signal mask, whatever it answers. */
void begin_call(void);
void end_call(const char *call);

void expect_refusal(const char *call, siftstream_status status, siftstream_error *error);
void expect_nothing(const char *call, bool nothing);

#define REFUSED(name, call)                  \
  do {                                       \
    siftstream_error *error = NULL;          \
    begin_call();                            \
    const siftstream_status status = call;   \
    end_call(name);                          \
    expect_refusal(name, status, error);     \
  } while (0)

#define NOTHING(name, is_nothing)            \
  do {                                       \
    begin_call();                            \
    const bool nothing = is_nothing;         \
    end_call(name);                          \
    expect_nothing(name, nothing);           \
  } while (0)

#define READY(handle) expect_nothing("misuse.c makes a " #handle, good_##handle != NULL && freed_##handle != NULL)
#define UNTOUCHED(handle) expect_nothing("the output for a " #handle " is written on success only", new_##handle == NULL)

/* The generated table. */
void misuse_everything(void);

#endif
