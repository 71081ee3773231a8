/* Records rows of all types in files, without a network. Arguments: directory, number of rows. */

#include "files.h"
#include <string.h>

enum { CHANNELS = 11 };

/* Channel `type_N` has the type N, and stands at N - 1. */
static siftstream_config *all_types(const char *directory, const char *stream_name) {
  siftstream_config *config = files_config(directory, stream_name);
  const siftstream_str flow = text("all"), none = text("");
  OK(siftstream_config_add_flow, (config, flow, &error));
  for (int32_t type = SIFTSTREAM_DOUBLE; type <= SIFTSTREAM_BYTES; type++) {
    char name[16];
    snprintf(name, sizeof name, "type_%d", (int)type);
    OK(siftstream_config_add_channel, (config, flow, text(name), type, none, none, NULL, &error));
  }
  OK(siftstream_config_add_enum_type, (config, flow, text("type_3"), text("on"), 1, &error));
  OK(siftstream_config_add_bit_field_element, (config, flow, text("type_4"), text("low"), 0, 4, &error));
  return config;
}

static void send_row(const siftstream_stream *stream, siftstream_row *row, uint64_t seq) {
  static const uint8_t BYTES[3] = {0, 127, 255};
  siftstream_value values[CHANNELS];
  memset(values, 0, sizeof values);
  for (int at = 0; at < CHANNELS; at++) {
    values[at].channel_type = at + 1;
  }
  values[0].content.double_value = (double)seq / 3.0;
  values[1].content.string_value = text("text");
  values[2].content.enum_value = 1;
  values[3].content.bytes_value.ptr = BYTES;
  values[3].content.bytes_value.len = 1;
  values[4].content.bool_value = seq % 2 == 0;
  values[5].content.float_value = 0.5f;
  values[6].content.int32_value = INT32_MIN;
  values[7].content.uint32_value = UINT32_MAX;
  values[8].content.int64_value = INT64_MIN;
  values[9].content.uint64_value = seq;
  values[10].content.bytes_value.ptr = BYTES;
  values[10].content.bytes_value.len = 3;
  OK(siftstream_row_set_values, (row, (int64_t)seq * 1000, values, CHANNELS, &error));
  OK(siftstream_stream_send, (stream, row, 10000, &error));
}

static void rows_are_as_safe_as_a_flush_says(const char *directory, uint64_t rows) {
  siftstream_config *config = all_types(directory, "recorded");
  OK(siftstream_config_set_max_backup_file_size, (config, 64 * 1024, &error));
  OK(siftstream_config_set_max_file_count, (config, 1, &error)); /* Of no use to this mode, so it is not looked at. */
  OK(siftstream_config_set_retain_backups, (config, true, &error));
  OK(siftstream_config_set_max_bytes, (config, 1 << 30, &error));
  OK(siftstream_config_set_when_full, (config, SIFTSTREAM_WHEN_FULL_BLOCK, &error));
  OK(siftstream_config_set_fsync, (config, SIFTSTREAM_FSYNC_NEVER, 0, &error));
  OK(siftstream_config_set_backup_data_channel_capacity, (config, 5000, &error));
  OK(siftstream_config_set_backup_data_channel_bytes, (config, 1 << 20, &error));
  OK(siftstream_config_set_batch_size, (config, 100, &error));
  OK(siftstream_config_set_flush_interval_ms, (config, 10, &error));
  siftstream_stream *stream = open_stream(config);
  siftstream_row *row = row_of(stream, "all");
  for (uint64_t seq = 0; seq < rows / 2; seq++) {
    send_row(stream, row, seq);
  }
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_WRITTEN, 10000, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_WRITTEN) >= rows / 2);
  for (uint64_t seq = rows / 2; seq < rows; seq++) {
    send_row(stream, row, seq);
  }
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 10000, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_ACCEPTED) == rows);
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_WRITTEN) == rows);
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_DURABLE) == rows);
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_CONFIRMED, 0, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_flush_confirmed, (stream, 0, &error));
  CHECK(siftstream_stream_confirmed_watermark(stream) == 0);

  siftstream_metrics *metrics = NULL;
  OK(siftstream_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_accepted(metrics) == rows);
  CHECK(siftstream_metrics_rows_written(metrics) == rows && siftstream_metrics_rows_durable(metrics) == rows);
  CHECK(siftstream_metrics_backup_files(metrics) > 1 && siftstream_metrics_backup_bytes(metrics) > rows);
  CHECK(siftstream_metrics_disk_errors(metrics) == 0 && !siftstream_metrics_disk_degraded(metrics));
  OK(siftstream_metrics_free, (metrics));

  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 10000, &report, &error));
  CHECK(siftstream_report_accepted(report) == rows && siftstream_report_on_disk(report) == rows);
  CHECK(siftstream_report_confirmed(report) == 0 && siftstream_report_in_memory(report) == 0);
  CHECK(siftstream_report_dropped(report) == 0 && siftstream_report_rejected(report) == 0);
  OK(siftstream_report_free, (report));
  FAILS(SIFTSTREAM_CLOSED, siftstream_stream_send, (stream, row, 0, &error));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
}

static void rows_that_a_budget_drops_are_counted(const char *directory, uint64_t rows) {
  siftstream_config *config = all_types(directory, "budget");
  OK(siftstream_config_set_max_bytes, (config, 64 * 1024, &error));
  OK(siftstream_config_set_max_backup_file_size, (config, 16 * 1024, &error));
  OK(siftstream_config_set_when_full, (config, SIFTSTREAM_WHEN_FULL_DROP_NEWEST, &error));
  siftstream_stream *stream = open_stream(config);
  siftstream_row *row = row_of(stream, "all");
  for (uint64_t seq = 0; seq < rows; seq++) {
    send_row(stream, row, seq);
  }
  siftstream_report *report = NULL;
  FAILS(SIFTSTREAM_DROPPED, siftstream_stream_finish, (stream, 10000, &report, &error));
  const uint64_t dropped = siftstream_report_dropped(report), kept = siftstream_report_on_disk(report);
  CHECK(dropped > 0 && kept > 0 && dropped + kept == rows && siftstream_report_accepted(report) == rows);
  OK(siftstream_report_free, (report));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
}

/* Nothing but the size of files is chosen now: the budget of the start before stays in force. */
static void what_was_chosen_once_stays_in_force(const char *directory, uint64_t rows) {
  siftstream_config *config = all_types(directory, "budget");
  OK(siftstream_config_set_max_backup_file_size, (config, 8 * 1024, &error));
  siftstream_stream *stream = open_stream(config);
  siftstream_row *row = row_of(stream, "all");
  for (uint64_t seq = 0; seq < rows; seq++) {
    send_row(stream, row, seq);
  }
  siftstream_report *report = NULL;
  FAILS(SIFTSTREAM_DROPPED, siftstream_stream_finish, (stream, 10000, &report, &error));
  CHECK(siftstream_report_dropped(report) > 0);
  OK(siftstream_report_free, (report));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
}

static void what_makes_no_sense_is_refused_at_the_start(const char *directory) {
  siftstream_stream *stream = NULL;
  siftstream_config *config = all_types(directory, "refused");
  OK(siftstream_config_set_batch_size, (config, 0, &error));
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 1000, &stream, &error));
  OK(siftstream_config_set_batch_size, (config, 1, &error));
  OK(siftstream_config_set_ingestion_config_id, (config, text("no ID"), &error));
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_stream_create, (config, 1000, &stream, &error));
  CHECK(stream == NULL);
  OK(siftstream_config_free, (config));
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  const uint64_t rows = strtoull(argv[2], NULL, 10);
  rows_are_as_safe_as_a_flush_says(argv[1], rows);
  rows_that_a_budget_drops_are_counted(argv[1], rows);
  what_was_chosen_once_stays_in_force(argv[1], rows);
  what_makes_no_sense_is_refused_at_the_start(argv[1]);
  return 0;
}
