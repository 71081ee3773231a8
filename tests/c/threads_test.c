/* Many threads on one handle: use, free and finish at the same time. Argument: directory. */

#include "files.h"
#include <pthread.h>

enum { THREADS = 16 };

typedef struct shared {
  siftstream_stream *stream;
  siftstream_row *row;
  uint64_t sent;
  uint64_t busy;
} shared;

static void on_all_threads(void *(*work)(void *), shared *each, void (*meanwhile)(shared *)) {
  pthread_t threads[THREADS];
  for (int at = 0; at < THREADS; at++) {
    CHECK(pthread_create(&threads[at], NULL, work, &each[at]) == 0);
  }
  meanwhile(each);
  for (int at = 0; at < THREADS; at++) {
    CHECK(pthread_join(threads[at], NULL) == 0);
  }
}

static void nothing(shared *each) { (void)each; }

/* Changes and sends one row; who meets another thread is told so. */
static void *change_and_send(void *of) {
  shared *s = (shared *)of;
  for (uint64_t turn = 0; turn < 2000; turn++) {
    const siftstream_status set = siftstream_row_set_uint64(s->row, 0, turn, NULL);
    const siftstream_status sent = siftstream_stream_send(s->stream, s->row, 30000, NULL);
    CHECK(set == SIFTSTREAM_OK || set == SIFTSTREAM_BUSY);
    CHECK(sent == SIFTSTREAM_OK || sent == SIFTSTREAM_BUSY);
    s->sent += sent == SIFTSTREAM_OK;
    s->busy += set == SIFTSTREAM_BUSY || sent == SIFTSTREAM_BUSY;
  }
  return NULL;
}

/* Sends until the stream takes no more. */
static void *send_until_closed(void *of) {
  shared *s = (shared *)of;
  siftstream_status status;
  while ((status = siftstream_stream_send(s->stream, s->row, 30000, NULL)) == SIFTSTREAM_OK) {
    s->sent++;
  }
  CHECK(status == SIFTSTREAM_CLOSED);
  return NULL;
}

/* Sends, mostly without room, until the stream is freed. */
static void *send_until_freed(void *of) {
  shared *s = (shared *)of;
  siftstream_status status;
  do {
    status = siftstream_stream_send(s->stream, s->row, 50, NULL);
  } while (status == SIFTSTREAM_OK || status == SIFTSTREAM_TIMEOUT);
  CHECK(status == SIFTSTREAM_INVALID_ARGUMENT);
  return NULL;
}

/* Sees rows of other threads come and go. */
static void *make_and_free(void *of) {
  shared *s = (shared *)of;
  for (int turn = 0; turn < 500; turn++) {
    siftstream_row *row = row_of(s->stream, "numbers");
    OK(siftstream_row_set_uint64, (row, 0, 1, &error));
    OK(siftstream_row_free, (row));
    FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_row_set_uint64, (row, 0, 1, &error));
    FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_row_free, (row));
  }
  return NULL;
}

/* Waits until all have begun to send. */
static void wait_for_rows(const shared *each) {
  while (watermark(each->stream, SIFTSTREAM_LEVEL_ACCEPTED) == 0) {
  }
}

static void finish(shared *each) {
  siftstream_report *report = NULL;
  wait_for_rows(each);
  OK(siftstream_stream_finish, (each->stream, 30000, &report, &error));
  each->busy = siftstream_report_accepted(report);
  OK(siftstream_report_free, (report));
}

static void free_stream(shared *each) {
  wait_for_rows(each);
  OK(siftstream_stream_free, (each->stream));
}

static void fill(shared *each, siftstream_stream *stream, int one_row) {
  for (int at = 0; at < THREADS; at++) {
    each[at].stream = stream;
    each[at].row = at == 0 || !one_row ? row_of(stream, "numbers") : each[0].row;
    each[at].sent = each[at].busy = 0;
  }
}

static uint64_t sum_of_sent(const shared *each) {
  uint64_t sum = 0;
  for (int at = 0; at < THREADS; at++) {
    sum += each[at].sent;
  }
  return sum;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  shared each[THREADS];

  siftstream_stream *stream = open_stream(numbers_config(argv[1], "one-row"));
  fill(each, stream, 1);
  on_all_threads(change_and_send, each, nothing);
  on_all_threads(make_and_free, each, nothing);
  CHECK(sum_of_sent(each) > 0);
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_ACCEPTED) == sum_of_sent(each));
  OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_stream_free, (stream));
  OK(siftstream_row_free, (each[0].row));

  stream = open_stream(numbers_config(argv[1], "finished"));
  fill(each, stream, 0);
  on_all_threads(send_until_closed, each, finish);
  CHECK(each[0].busy == sum_of_sent(each));
  OK(siftstream_stream_free, (stream));

  siftstream_config *config = numbers_config(argv[1], "freed");
  OK(siftstream_config_set_max_bytes, (config, 64 * 1024, &error));
  OK(siftstream_config_set_max_backup_file_size, (config, 16 * 1024, &error));
  OK(siftstream_config_set_backup_data_channel_capacity, (config, 100, &error));
  stream = open_stream(config);
  fill(each, stream, 0);
  on_all_threads(send_until_freed, each, free_stream);
  return 0;
}
