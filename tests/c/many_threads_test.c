/* Sixteen threads send rows of their own on one stream, as fast as they can. Arguments: URI, API key, rows a thread. */

#include "files.h"
#include <pthread.h>

enum { THREADS = 16 };

typedef struct {
  siftstream_stream *stream;
  uint64_t first, rows;
} share;

/* Every other row is filled by setters and waits for room; the others are sent in one call that never waits. */
static void *send_share(void *of) {
  const share *s = (const share *)of;
  siftstream_row *row = row_of(s->stream, "numbers");
  siftstream_value value = {SIFTSTREAM_UINT64, {0}};
  for (uint64_t at = 0; at < s->rows; at++) {
    siftstream_status status;
    if (at % 2 == 0) {
      OK(siftstream_row_set_uint64, (row, 0, s->first + at, &error));
      OK(siftstream_stream_send, (s->stream, row, 60000, &error));
      continue;
    }
    value.content.uint64_value = s->first + at;
    do {
      status = siftstream_stream_try_send_values(s->stream, row, (int64_t)at, &value, 1, NULL);
      if (status == SIFTSTREAM_FULL) {
        sched_yield();
      }
    } while (status == SIFTSTREAM_FULL);
    CHECK(status == SIFTSTREAM_OK);
  }
  OK(siftstream_row_free, (row));
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const uint64_t rows = strtoull(argv[3], NULL, 10);
  const target to = {argv[1], argv[2], "/nowhere"};
  siftstream_stream *stream = open_stream(with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "many")));
  pthread_t threads[THREADS];
  share shares[THREADS];
  for (uint64_t at = 0; at < THREADS; at++) {
    shares[at] = (share){stream, at * rows, rows};
    CHECK(pthread_create(&threads[at], NULL, send_share, &shares[at]) == 0);
  }
  for (int at = 0; at < THREADS; at++) {
    CHECK(pthread_join(threads[at], NULL) == 0);
  }
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 120000, &report, &error));
  CHECK(siftstream_report_accepted(report) == THREADS * rows && siftstream_report_confirmed(report) == THREADS * rows);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
  return 0;
}
