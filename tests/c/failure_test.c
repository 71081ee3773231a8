/* Rows that Sift rejects, and rows that find no room. Arguments: URI, API key, directory. The server rejects row 777, and
 * goes when it is told to. */

#include "files.h"
#include <string.h>

#define ROWS 2000
#define POISON 777

/* The message contains each part. */
static void names(siftstream_str message, const char *const *parts, int count) {
  char copy[2048];
  CHECK(message.len > 0 && message.len < sizeof copy);
  memcpy(copy, message.ptr, message.len);
  copy[message.len] = 0;
  for (int at = 0; at < count; at++) {
    if (strstr(copy, parts[at]) == NULL) {
      fprintf(stderr, "'%s' is not in: %s\n", parts[at], copy);
      exit(1);
    }
  }
}

static void send_rows(siftstream_stream *stream, uint64_t from, uint64_t to) {
  siftstream_row *row = row_of(stream, "numbers");
  for (uint64_t seq = from; seq < to; seq++) {
    OK(siftstream_row_set_uint64, (row, 0, seq, &error));
    OK(siftstream_stream_send, (stream, row, 10000, &error));
  }
  OK(siftstream_row_free, (row));
}

/* Ends a stream that cannot deliver all; the report is the caller's. */
static siftstream_report *finish(siftstream_stream *stream, siftstream_status expected) {
  siftstream_report *report = NULL;
  FAILS(expected, siftstream_stream_finish, (stream, 30000, &report, &error));
  CHECK(report != NULL);
  CHECK(siftstream_report_accepted(report) + siftstream_report_recovered(report) ==
        siftstream_report_confirmed(report) + siftstream_report_on_disk(report) + siftstream_report_in_memory(report) +
            siftstream_report_dropped(report) + siftstream_report_rejected(report));
  return report;
}

static siftstream_config *picky(siftstream_mode mode, const target *to, const char *stream_name) {
  siftstream_config *config = with_numbers(config_for(mode, to, stream_name));
  OK(siftstream_config_set_end_stream_on_validation_error, (config, true, &error));
  return config;
}

static void a_row_that_is_skipped_is_in_quarantine(siftstream_mode mode, const target *to, const char *quarantine) {
  siftstream_config *config = picky(mode, to, "skip");
  OK(siftstream_config_set_flow_failure_policy, (config, text("numbers"), SIFTSTREAM_FAILURE_SKIP, &error));
  if (mode == SIFTSTREAM_MODE_LIVE_ONLY) {
    siftstream_stream *homeless = NULL;
    FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_create, (config, 10000, &homeless, &error));
    OK(siftstream_config_set_quarantine_dir, (config, text(quarantine), &error));
  }
  siftstream_stream *stream = open_stream(config);
  send_rows(stream, 0, ROWS);
  FAILS(SIFTSTREAM_REJECTED, siftstream_stream_flush_confirmed, (stream, 30000, &error));
  CHECK(siftstream_stream_confirmed_watermark(stream) == ROWS);
  siftstream_report *report = finish(stream, SIFTSTREAM_REJECTED);
  CHECK(siftstream_report_confirmed(report) == ROWS - 1 && siftstream_report_rejected(report) == 1);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
}

static void a_stream_that_stops_names_flow_row_and_reason(siftstream_mode mode, const target *to) {
  const char *const parts[] = {"numbers", "777", "poison"};
  siftstream_stream *stream = open_stream(picky(mode, to, "stop"));
  send_rows(stream, 0, ROWS);
  siftstream_error *error = NULL;
  CHECK(siftstream_stream_flush_confirmed(stream, 30000, &error) == SIFTSTREAM_REJECTED);
  CHECK(siftstream_error_code(error) == SIFTSTREAM_REJECTED && !siftstream_error_is_retryable(error));
  names(siftstream_error_message(error), parts, 3);
  OK(siftstream_error_free, (error));
  siftstream_report *report = finish(stream, SIFTSTREAM_REJECTED);
  CHECK(siftstream_report_rejected(report) == 0 && siftstream_report_dropped(report) == 0);
  CHECK(siftstream_report_unconfirmed_ranges(report) > 0);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
}

/* Tells the test what to do with the server, and waits until it is done. */
static void ask(const char *what) {
  char answer[16];
  printf("%s\n", what);
  fflush(stdout);
  CHECK(fgets(answer, sizeof answer, stdin) != NULL);
}

/* What the events say was dropped, all of the one flow. */
static uint64_t told_dropped(siftstream_stream *stream) {
  uint64_t told = 0;
  for (;;) {
    siftstream_event *event = NULL;
    siftstream_str flow = {NULL, 0};
    uint64_t rows = 0, in_ranges = 0;
    OK(siftstream_stream_poll_event, (stream, &event, &error));
    if (event == NULL) {
      return told;
    }
    if (siftstream_event_kind_of(event) == SIFTSTREAM_EVENT_DROPPED) {
      CHECK(siftstream_event_flows(event) == 1);
      OK(siftstream_event_flow, (event, 0, &flow, &rows, &error));
      CHECK(flow.len == 7 && memcmp(flow.ptr, "numbers", 7) == 0 && rows == siftstream_event_rows(event));
      for (size_t at = 0; at < siftstream_event_ranges(event); at++) {
        uint64_t first = 0, end = 0;
        OK(siftstream_event_range, (event, at, &first, &end, &error));
        in_ranges += end - first;
      }
      CHECK(in_ranges == rows);
      told += rows;
    }
    OK(siftstream_event_free, (event));
  }
}

static void rows_without_room_are_dropped(const target *to, siftstream_overflow_policy policy) {
  const uint64_t rows = 20000;
  siftstream_config *config = with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, to, "overflow"));
  OK(siftstream_config_set_ingestion_data_channel_capacity, (config, 500, &error));
  OK(siftstream_config_set_replay_window_bytes, (config, 64 * 1024, &error));
  OK(siftstream_config_set_overflow_policy, (config, policy, &error));
  siftstream_stream *stream = open_stream(config);
  siftstream_row *row = row_of(stream, "numbers");
  ask("stop");
  for (uint64_t seq = 0; seq < rows; seq++) {
    siftstream_status status;
    OK(siftstream_row_set_uint64, (row, 0, 10000 + seq, &error));
    do { /* FULL only says that the lock is held just now. */
      status = siftstream_stream_try_send(stream, row, NULL);
    } while (status == SIFTSTREAM_FULL);
    CHECK(status == SIFTSTREAM_OK);
  }
  ask("start");
  FAILS(SIFTSTREAM_DROPPED, siftstream_stream_flush_confirmed, (stream, 30000, &error));
  siftstream_report *report = finish(stream, SIFTSTREAM_DROPPED);
  const uint64_t dropped = siftstream_report_dropped(report);
  uint64_t named = 0, first = 0, end = 0;
  CHECK(siftstream_report_accepted(report) == rows && siftstream_report_in_memory(report) == 0);
  CHECK(dropped > rows / 2 && siftstream_report_confirmed(report) == rows - dropped);
  for (size_t at = 0; at < siftstream_report_dropped_ranges(report); at++) {
    OK(siftstream_report_dropped_range, (report, at, &first, &end, &error));
    named += end - first;
  }
  CHECK(named == dropped);
  CHECK((end == rows) == (policy == SIFTSTREAM_OVERFLOW_DROP_NEWEST));
  CHECK(told_dropped(stream) == dropped);
  OK(siftstream_report_free, (report));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  char quarantine[1024], backups[1024];
  snprintf(quarantine, sizeof quarantine, "%s/quarantine", argv[3]);
  snprintf(backups, sizeof backups, "%s/backups", argv[3]);
  const target to = {argv[1], argv[2], backups};
  a_row_that_is_skipped_is_in_quarantine(SIFTSTREAM_MODE_LIVE_ONLY, &to, quarantine);
  a_row_that_is_skipped_is_in_quarantine(SIFTSTREAM_MODE_LIVE_WITH_BACKUPS, &to, quarantine);
  a_stream_that_stops_names_flow_row_and_reason(SIFTSTREAM_MODE_LIVE_ONLY, &to);
  a_stream_that_stops_names_flow_row_and_reason(SIFTSTREAM_MODE_LIVE_WITH_BACKUPS, &to);
  rows_without_room_are_dropped(&to, SIFTSTREAM_OVERFLOW_DROP_NEWEST);
  rows_without_room_are_dropped(&to, SIFTSTREAM_OVERFLOW_DROP_OLDEST);
  return 0;
}
