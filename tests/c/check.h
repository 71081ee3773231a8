/* Checks that end the program and say where and why. */

#ifndef SIFTSTREAM_TESTS_CHECK_H
#define SIFTSTREAM_TESTS_CHECK_H

#include <siftstream/siftstream.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

/* The call answers with the status; the error, where there is one, says the same. */
#define FAILS(expected, call, arguments)                                            \
  do {                                                                              \
    siftstream_error *error = NULL;                                                 \
    const siftstream_status status = call arguments;                                \
    if (status != (expected)) {                                                     \
      const siftstream_str why = siftstream_error_message(error);                   \
      fprintf(stderr, "%s:%d: %s instead of %s: %.*s\n", __FILE__, __LINE__,        \
              siftstream_status_name(status), siftstream_status_name(expected),     \
              (int)why.len, why.ptr);                                               \
      exit(1);                                                                      \
    }                                                                               \
    if (error != NULL) {                                                            \
      CHECK(siftstream_error_code(error) == (expected));                            \
      CHECK(siftstream_error_message(error).len > 0);                               \
      siftstream_error_free(error);                                                 \
    }                                                                               \
  } while (0)

#define OK(call, arguments) FAILS(SIFTSTREAM_OK, call, arguments)

static inline siftstream_str text(const char *of) { return siftstream_str_of(of); }

#endif
