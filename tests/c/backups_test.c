/* Live with backups: no row is lost while the server is away, nor when the program is killed.
   Arguments: URI, API key, directory, part. The server does what a line of the output says, then a line comes back. */

#include "files.h"
#include <signal.h>
#include <string.h>

enum { FIRST = 5000, WHILE_AWAY = 10000, ALL = FIRST + WHILE_AWAY, LEFT_BEHIND = 3000 };

static void server_must(const char *act) {
  char line[16];
  printf("%s\n", act);
  fflush(stdout);
  CHECK(fgets(line, sizeof line, stdin) != NULL);
}

static void send_rows(const siftstream_stream *stream, uint64_t first, uint64_t end) {
  siftstream_row *row = row_of(stream, "numbers");
  for (uint64_t seq = first; seq < end; seq++) {
    OK(siftstream_row_set_timestamp_ns, (row, (int64_t)seq * 1000, &error));
    OK(siftstream_row_set_uint64, (row, 0, seq, &error));
    OK(siftstream_stream_send, (stream, row, 30000, &error));
  }
  OK(siftstream_row_free, (row));
}

static siftstream_config *with_every_option(siftstream_config *config) {
  OK(siftstream_config_set_linger_us, (config, 500, &error));
  OK(siftstream_config_set_checkpoint_interval_ms, (config, 30000, &error));
  OK(siftstream_config_set_checkpoint_rows, (config, 2000, &error));
  OK(siftstream_config_set_checkpoint_bytes, (config, UINT64_MAX, &error));
  OK(siftstream_config_set_retry_policy, (config, 5, 10, 100, 5, &error));
  OK(siftstream_config_set_idle_timeout_ms, (config, 20000, &error));
  OK(siftstream_config_set_response_timeout_ms, (config, 20000, &error));
  /* So few rows may wait to be sent that those of an outage come back from disk. */
  OK(siftstream_config_set_ingestion_data_channel_capacity, (config, 1000, &error));
  OK(siftstream_config_set_ingestion_data_channel_bytes, (config, 1 << 20, &error));
  OK(siftstream_config_set_backup_data_channel_capacity, (config, 5000, &error));
  OK(siftstream_config_set_backup_data_channel_bytes, (config, 4 << 20, &error));
  OK(siftstream_config_set_offline_after_ms, (config, 5000, &error));
  OK(siftstream_config_set_batch_size, (config, 100, &error));
  OK(siftstream_config_set_flush_interval_ms, (config, 10, &error));
  OK(siftstream_config_set_max_backup_file_size, (config, 64 * 1024, &error));
  OK(siftstream_config_set_max_file_count, (config, 100, &error));
  OK(siftstream_config_set_retain_backups, (config, false, &error));
  OK(siftstream_config_set_max_bytes, (config, 1 << 30, &error));
  OK(siftstream_config_set_when_full, (config, SIFTSTREAM_WHEN_FULL_BLOCK, &error));
  OK(siftstream_config_set_fsync, (config, SIFTSTREAM_FSYNC_EVERY_CHUNK, 0, &error));
  OK(siftstream_config_set_recover_on_start, (config, true, &error));
  OK(siftstream_config_set_reingestion_bytes_per_second, (config, 1 << 30, &error));
  return config;
}

static siftstream_event *next_event(const siftstream_stream *stream) {
  siftstream_event *event = NULL;
  OK(siftstream_stream_wait_event, (stream, 30000, &event, &error));
  CHECK(event != NULL);
  return event;
}

/* Reads events until one of this kind; each comes after the one before. */
static siftstream_event *next_of(const siftstream_stream *stream, siftstream_event_kind kind, uint64_t *number) {
  for (;;) {
    siftstream_event *event = next_event(stream);
    CHECK(siftstream_event_number(event) == *number);
    ++*number;
    if (siftstream_event_kind_of(event) == kind) {
      return event;
    }
    OK(siftstream_event_free, (event));
  }
}

static void the_outage_was_told(const siftstream_stream *stream) {
  uint64_t number = 0, first = 7, end = 7;
  siftstream_event *event = next_of(stream, SIFTSTREAM_EVENT_CONNECTED, &number);
  CHECK(number == 1);
  OK(siftstream_event_free, (event));
  event = next_of(stream, SIFTSTREAM_EVENT_CHECKPOINT, &number);
  OK(siftstream_event_range, (event, 0, &first, &end, &error));
  CHECK(end <= FIRST && first < end && siftstream_event_rows(event) >= end - first);
  OK(siftstream_event_free, (event));
  event = next_of(stream, SIFTSTREAM_EVENT_DISCONNECTED, &number);
  siftstream_error *why = siftstream_event_error(event);
  CHECK(siftstream_error_code(why) != SIFTSTREAM_OK && siftstream_error_message(why).len > 0);
  OK(siftstream_event_free, (event));
  CHECK(siftstream_error_message(why).len > 0);
  OK(siftstream_error_free, (why));
  /* Rows come back from disk on a connection of their own, which may be the first one. */
  for (int connected = 0, caught_up = 0; !connected || !caught_up;) {
    event = next_event(stream);
    connected |= siftstream_event_kind_of(event) == SIFTSTREAM_EVENT_CONNECTED;
    caught_up |= siftstream_event_kind_of(event) == SIFTSTREAM_EVENT_CAUGHT_UP;
    OK(siftstream_event_free, (event));
  }
  CHECK(siftstream_stream_events_dropped(stream) == 0);
}

static void no_row_is_lost_while_the_server_is_away(const target *to) {
  siftstream_stream *stream = open_stream(with_every_option(backups_config(to, "outage")));
  send_rows(stream, 0, FIRST);
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_WRITTEN, 30000, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_WRITTEN) == FIRST);
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 30000, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_DURABLE) == FIRST);
  OK(siftstream_stream_checkpoint, (stream, &error));
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_CONFIRMED, 30000, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_CONFIRMED) == FIRST);

  server_must("stop");
  send_rows(stream, FIRST, ALL);
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 30000, &error));
  FAILS(SIFTSTREAM_TIMEOUT, siftstream_stream_flush_confirmed, (stream, 100, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_ACCEPTED) == ALL && watermark(stream, SIFTSTREAM_LEVEL_DURABLE) == ALL);
  CHECK(siftstream_stream_confirmed_watermark(stream) == FIRST);
  siftstream_metrics *metrics = NULL;
  OK(siftstream_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_backup_channel_rows(metrics) == 0 && siftstream_metrics_backup_channel_bytes(metrics) == 0);
  CHECK(siftstream_metrics_ingestion_channel_rows(metrics) <= 1000);
  OK(siftstream_metrics_free, (metrics));

  server_must("start");
  OK(siftstream_stream_flush_confirmed, (stream, 30000, &error));
  CHECK(siftstream_stream_confirmed_watermark(stream) == ALL);
  the_outage_was_told(stream);
  OK(siftstream_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_reingested(metrics) > 0 && siftstream_metrics_rows_owed(metrics) == 0);
  CHECK(siftstream_metrics_rows_recovered(metrics) == 0 && siftstream_metrics_rows_dropped(metrics) == 0);
  OK(siftstream_metrics_free, (metrics));
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 30000, &report, &error));
  CHECK(siftstream_report_accepted(report) == ALL && siftstream_report_confirmed(report) == ALL);
  CHECK(siftstream_report_on_disk(report) == 0 && siftstream_report_unconfirmed_ranges(report) == 0);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
}

static void the_program_is_killed_while_the_server_is_away(const target *to) {
  siftstream_stream *stream = open_stream(backups_config(to, "killed"));
  server_must("stop");
  send_rows(stream, ALL, ALL + LEFT_BEHIND);
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_WRITTEN, 30000, &error));
  raise(SIGKILL);
}

static void what_is_left_is_counted_and_named(const target *to) {
  siftstream_config *config = backups_config(to, "killed");
  OK(siftstream_config_set_recover_on_start, (config, false, &error));
  siftstream_stream *stream = open_stream(config);
  server_must("stop");
  send_rows(stream, ALL + LEFT_BEHIND, ALL + 2 * LEFT_BEHIND);
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 30000, &error));
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 500, &report, &error));
  CHECK(siftstream_report_accepted(report) == LEFT_BEHIND && siftstream_report_confirmed(report) == 0);
  CHECK(siftstream_report_on_disk(report) >= LEFT_BEHIND && siftstream_report_in_memory(report) == 0);
  CHECK(siftstream_report_accepted(report) + siftstream_report_recovered(report) ==
        siftstream_report_confirmed(report) + siftstream_report_on_disk(report));
  uint64_t first = 7, end = 7;
  CHECK(siftstream_report_unconfirmed_ranges(report) == 1);
  OK(siftstream_report_unconfirmed_range, (report, 0, &first, &end, &error));
  CHECK(first == 0 && end == LEFT_BEHIND);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
  server_must("start");
}

static void the_next_start_sends_what_was_left(const target *to) {
  siftstream_config *config = backups_config(to, "killed");
  OK(siftstream_config_set_recover_on_start, (config, true, &error));
  siftstream_stream *stream = open_stream(config);
  uint64_t found = 0;
  for (siftstream_event_kind kind = SIFTSTREAM_EVENT_UNKNOWN; kind != SIFTSTREAM_EVENT_CAUGHT_UP;) {
    siftstream_event *event = next_event(stream);
    kind = siftstream_event_kind_of(event);
    found += kind == SIFTSTREAM_EVENT_RECOVERED ? siftstream_event_rows(event) : 0;
    OK(siftstream_event_free, (event));
  }
  CHECK(found == 2 * LEFT_BEHIND);
  siftstream_metrics *metrics = NULL;
  OK(siftstream_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_recovered(metrics) == 2 * LEFT_BEHIND);
  CHECK(siftstream_metrics_recovered_rows_confirmed(metrics) == 2 * LEFT_BEHIND);
  OK(siftstream_metrics_free, (metrics));
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 30000, &report, &error));
  CHECK(siftstream_report_accepted(report) == 0 && siftstream_report_recovered(report) == 2 * LEFT_BEHIND);
  CHECK(siftstream_report_confirmed(report) == 2 * LEFT_BEHIND && siftstream_report_on_disk(report) == 0);
  OK(siftstream_report_free, (report));
  OK(siftstream_stream_free, (stream));
}

static void what_makes_no_sense_is_refused_at_the_start(const target *to) {
  siftstream_stream *stream = NULL;
  siftstream_config *config = backups_config(to, "refused");
  OK(siftstream_config_set_checkpoint_rows, (config, 0, &error));
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 1000, &stream, &error));
  OK(siftstream_config_set_checkpoint_rows, (config, 1, &error));
  OK(siftstream_config_set_checkpoint_bytes, (config, 0, &error));
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 1000, &stream, &error));
  OK(siftstream_config_set_checkpoint_bytes, (config, 1, &error));
  OK(siftstream_config_set_reingestion_bytes_per_second, (config, 0, &error));
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 1000, &stream, &error));
  CHECK(stream == NULL);
  OK(siftstream_config_free, (config));
}

int main(int argc, char **argv) {
  CHECK(argc == 5);
  const target to = {argv[1], argv[2], argv[3]};
  if (strcmp(argv[4], "outage") == 0) {
    no_row_is_lost_while_the_server_is_away(&to);
    what_makes_no_sense_is_refused_at_the_start(&to);
  } else if (strcmp(argv[4], "killed") == 0) {
    the_program_is_killed_while_the_server_is_away(&to);
  } else if (strcmp(argv[4], "left") == 0) {
    what_is_left_is_counted_and_named(&to);
  } else {
    the_next_start_sends_what_was_left(&to);
  }
  return 0;
}
