/* Forks while streams run and another thread sends. Arguments: URI, API key, directory, number of rows. */

#include "files.h"
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct sender {
  const siftstream_stream *stream;
  siftstream_row *row;
  uint64_t rows;
} sender;

static void *send_all(void *of) {
  const sender *s = (const sender *)of;
  for (uint64_t seq = 0; seq < s->rows; seq++) {
    OK(siftstream_row_set_uint64, (s->row, 0, seq, &error));
    OK(siftstream_stream_send, (s->stream, s->row, 30000, &error));
  }
  return NULL;
}

static void never_called(void *user_data, const siftstream_event *event) {
  (void)user_data;
  CHECK(event == NULL);
}

/* Calls each function that takes a stream. */
static void the_child_cannot_use_the_parents_stream(siftstream_stream *stream) {
  siftstream_config *const config = numbers_config("/nowhere", "unused");
  siftstream_flow *flow = NULL;
  siftstream_metrics *metrics = NULL;
  siftstream_report *report = NULL;
  siftstream_event *event = NULL;
  uint64_t rows = 7;
  const siftstream_status forked = SIFTSTREAM_FORKED;
  FAILS(forked, siftstream_stream_flow, (stream, text("numbers"), &flow, &error));
  FAILS(forked, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 30000, &error));
  FAILS(forked, siftstream_stream_flush_confirmed, (stream, 30000, &error));
  FAILS(forked, siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_ACCEPTED, &rows, &error));
  FAILS(forked, siftstream_stream_finish, (stream, 30000, NULL, &error));
  FAILS(forked, siftstream_stream_finish, (stream, 30000, &report, &error));
  CHECK(siftstream_report_accepted(report) == 0);
  FAILS(forked, siftstream_stream_checkpoint, (stream, &error));
  FAILS(forked, siftstream_stream_poll_event, (stream, &event, &error));
  FAILS(forked, siftstream_stream_wait_event, (stream, 30000, &event, &error));
  FAILS(forked, siftstream_stream_on_event, (stream, never_called, NULL, NULL, &error));
  CHECK(siftstream_stream_events_dropped(stream) == 0);
  FAILS(forked, siftstream_stream_cancel, (stream, text("why"), &error));
  FAILS(forked, siftstream_stream_metrics, (stream, &metrics, &error));
  FAILS(forked, siftstream_stream_add_new_flows, (stream, config, 30000, &error));
  FAILS(forked, siftstream_stream_attach_run, (stream, text("run"), text("run-1"), 30000, &error));
  FAILS(forked, siftstream_stream_attach_run_id, (stream, text(CONFIG_ID), 30000, &error));
  FAILS(forked, siftstream_stream_detach_run, (stream, &error));
  FAILS(forked, siftstream_stream_set_api_key, (stream, text("key"), &error));
  CHECK(siftstream_stream_confirmed_watermark(stream) == 0);
  CHECK(flow == NULL && metrics == NULL && event == NULL && rows == 7);
  OK(siftstream_report_free, (report));
  OK(siftstream_config_free, (config));
}

static void the_child_cannot_send(siftstream_stream *stream, siftstream_row *row) {
  siftstream_value value;
  memset(&value, 0, sizeof value);
  OK(siftstream_row_set_uint64, (row, 0, 7, &error));
  FAILS(SIFTSTREAM_FORKED, siftstream_stream_send, (stream, row, 30000, &error));
  FAILS(SIFTSTREAM_FORKED, siftstream_stream_try_send, (stream, row, &error));
  FAILS(SIFTSTREAM_FORKED, siftstream_stream_try_send_values, (stream, row, 0, &value, 1, &error));
  OK(siftstream_row_free, (row));
}

static void the_child_records_on_its_own(const char *directory) {
  siftstream_stream *stream = open_stream(numbers_config(directory, "forked"));
  siftstream_row *row = row_of(stream, "numbers");
  sender five = {stream, row, 5};
  send_all(&five);
  OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
}

static siftstream_stream *open_live(const char *uri, const char *key) {
  siftstream_config *config = numbers_config("/nowhere", "unused");
  OK(siftstream_config_set_mode, (config, SIFTSTREAM_MODE_LIVE_ONLY, &error));
  OK(siftstream_config_set_uri, (config, text(uri), &error));
  OK(siftstream_config_set_api_key, (config, text(key), &error));
  return open_stream(config);
}

static void wait_for(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 5);
  const uint64_t rows = strtoull(argv[4], NULL, 10);
  siftstream_stream *live = open_live(argv[1], argv[2]);
  siftstream_stream *files = open_stream(numbers_config(argv[3], "forked"));
  siftstream_row *idle_live = row_of(live, "numbers"), *idle_files = row_of(files, "numbers");
  sender senders[2] = {{live, row_of(live, "numbers"), rows}, {files, row_of(files, "numbers"), rows}};
  pthread_t threads[2];
  for (int at = 0; at < 2; at++) {
    CHECK(pthread_create(&threads[at], NULL, send_all, &senders[at]) == 0);
  }

  /* The first child tries everything; the others come at other moments. */
  for (int number = 0; number < 20; number++) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(60); /* A child that hangs fails. */
      the_child_cannot_send(live, idle_live);
      the_child_cannot_send(files, idle_files);
      the_child_cannot_use_the_parents_stream(live);
      the_child_cannot_use_the_parents_stream(files);
      OK(siftstream_stream_free, (live));
      OK(siftstream_stream_free, (files));
      FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_free, (live));
      if (number == 0) {
        the_child_records_on_its_own(argv[3]);
      }
      _exit(0);
    }
    wait_for(child);
  }

  /* This one lives while the parent gives up its place on disk and takes it again. */
  int until[2];
  CHECK(pipe(until) == 0);
  const pid_t witness = fork();
  CHECK(witness >= 0);
  if (witness == 0) {
    char end;
    close(until[1]);
    _exit(read(until[0], &end, 1) == 0 ? 0 : 1);
  }
  for (int at = 0; at < 2; at++) {
    CHECK(pthread_join(threads[at], NULL) == 0);
    OK(siftstream_row_free, (senders[at].row));
  }
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (live, 30000, &report, &error));
  CHECK(siftstream_report_confirmed(report) == rows);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_finish, (files, 30000, &report, &error));
  CHECK(siftstream_report_on_disk(report) == rows);
  OK(siftstream_report_free, (report));
  OK(siftstream_row_free, (idle_live));
  OK(siftstream_row_free, (idle_files));
  OK(siftstream_stream_free, (live));
  OK(siftstream_stream_free, (files));
  files = open_stream(numbers_config(argv[3], "forked"));
  idle_files = row_of(files, "numbers");
  sender ten = {files, idle_files, 10};
  send_all(&ten);
  OK(siftstream_stream_finish, (files, 30000, NULL, &error));
  OK(siftstream_row_free, (idle_files));
  OK(siftstream_stream_free, (files));
  close(until[1]);
  wait_for(witness);
  return 0;
}
