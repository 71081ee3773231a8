/* Calls every exported function with good and with bad arguments and checks each answer. Arguments: URI, API key. */

#include "check.h"
#include <string.h>

#define BAD SIFTSTREAM_INVALID_ARGUMENT

static siftstream_str not_utf8(void) { return SIFTSTREAM_STR("\xff\xfe"); }

static siftstream_str null_with_length(void) { return siftstream_str_of_bytes(NULL, 3); }

static siftstream_str absurd_length(void) { return siftstream_str_of_bytes("x", SIZE_MAX); }

/* Calls each config setter on `config`; each must answer `expected`. */
static void each_config_setter(siftstream_config *config, siftstream_status expected) {
  FAILS(expected, siftstream_config_set_uri, (config, text("http://127.0.0.1:1"), &error));
  FAILS(expected, siftstream_config_set_api_key, (config, text("key"), &error));
  FAILS(expected, siftstream_config_set_insecure, (config, true, &error));
  FAILS(expected, siftstream_config_set_asset, (config, text("abi"), text("abi-v1"), &error));
  FAILS(expected, siftstream_config_add_asset_tag, (config, text("tag"), &error));
  FAILS(expected, siftstream_config_add_asset_metadata, (config, text("key"), text("value"), &error));
  FAILS(expected, siftstream_config_attach_run_id, (config, text("00000000-0000-0000-0000-000000000001"), &error));
  FAILS(expected, siftstream_config_add_asset_metadata_number, (config, text("mass"), 1.5, &error));
  FAILS(expected, siftstream_config_add_asset_metadata_bool, (config, text("crewed"), false, &error));
  FAILS(expected, siftstream_config_attach_run, (config, text("run"), text("run-1"), &error));
  FAILS(expected, siftstream_config_set_run_description, (config, text("a test"), &error));
  FAILS(expected, siftstream_config_add_run_tag, (config, text("tag"), &error));
  FAILS(expected, siftstream_config_add_run_metadata, (config, text("key"), text("value"), &error));
  FAILS(expected, siftstream_config_add_run_metadata_number, (config, text("number"), 2.0, &error));
  FAILS(expected, siftstream_config_add_run_metadata_bool, (config, text("bool"), true, &error));
  FAILS(expected, siftstream_config_set_mode, (config, SIFTSTREAM_MODE_LIVE_ONLY, &error));
  FAILS(expected, siftstream_config_set_end_stream_on_validation_error, (config, false, &error));
  FAILS(expected, siftstream_config_set_auto_register_flows, (config, false, &error));
  FAILS(expected, siftstream_config_set_max_row_size, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_worker_threads, (config, 1, &error));
  FAILS(expected, siftstream_config_set_thread_name, (config, text("rig"), &error));
  FAILS(expected, siftstream_config_set_thread_cpus, (config, NULL, 0, &error));
  FAILS(expected, siftstream_config_set_thread_fifo_priority, (config, 1, &error));
  FAILS(expected, siftstream_config_set_thread_nice, (config, 19, &error));
  FAILS(expected, siftstream_config_set_linger_us, (config, 500, &error));
  FAILS(expected, siftstream_config_set_checkpoint_interval_ms, (config, 1000, &error));
  FAILS(expected, siftstream_config_set_checkpoint_rows, (config, 1000, &error));
  FAILS(expected, siftstream_config_set_failure_policy, (config, SIFTSTREAM_FAILURE_STOP, &error));
  FAILS(expected, siftstream_config_set_flow_failure_policy, (config, text("all"), SIFTSTREAM_FAILURE_SKIP, &error));
  FAILS(expected, siftstream_config_set_quarantine_dir, (config, text("/nowhere/quarantine"), &error));
  FAILS(expected, siftstream_config_set_overflow_policy, (config, SIFTSTREAM_OVERFLOW_BLOCK, &error));
  FAILS(expected, siftstream_config_set_checkpoint_bytes, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_recover_on_start, (config, false, &error));
  FAILS(expected, siftstream_config_set_reingestion_bytes_per_second, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_replay_window_bytes, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_ingestion_data_channel_capacity, (config, 1000, &error));
  FAILS(expected, siftstream_config_set_ingestion_data_channel_bytes, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_no_retry, (config, &error));
  FAILS(expected, siftstream_config_set_retry_policy, (config, 5, 50, 5000, 5, &error));
  FAILS(expected, siftstream_config_set_max_retry_after_ms, (config, 60000, &error));
  FAILS(expected, siftstream_config_set_idle_timeout_ms, (config, UINT64_MAX, &error));
  FAILS(expected, siftstream_config_set_response_timeout_ms, (config, 30000, &error));
  FAILS(expected, siftstream_config_set_server_name, (config, text("localhost"), &error));
  FAILS(expected, siftstream_config_set_min_tls_version, (config, SIFTSTREAM_TLS_1_3, &error));
  FAILS(expected, siftstream_config_set_connect_timeout_ms, (config, 10000, &error));
  FAILS(expected, siftstream_config_set_handshake_timeout_ms, (config, 10000, &error));
  FAILS(expected, siftstream_config_set_tcp_keepalive, (config, 20000, 5000, 4, &error));
  FAILS(expected, siftstream_config_set_request_timeout_ms, (config, 30000, &error));
  FAILS(expected, siftstream_config_set_overall_timeout_ms, (config, 120000, &error));
  FAILS(expected, siftstream_config_set_control_retry_policy, (config, 5, 50, 5000, 5, &error));
  FAILS(expected, siftstream_config_set_max_decoding_message_size, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_backups_dir, (config, text("/nowhere"), &error));
  FAILS(expected, siftstream_config_set_stream_name, (config, text("default"), &error));
  FAILS(expected, siftstream_config_set_ingestion_config_id, (config, text("an ID"), &error));
  FAILS(expected, siftstream_config_set_offline_after_ms, (config, 3000, &error));
  FAILS(expected, siftstream_config_set_backup_data_channel_capacity, (config, 1000, &error));
  FAILS(expected, siftstream_config_set_backup_data_channel_bytes, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_batch_size, (config, 100, &error));
  FAILS(expected, siftstream_config_set_flush_interval_ms, (config, 50, &error));
  FAILS(expected, siftstream_config_set_max_backup_file_size, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_max_file_count, (config, 10, &error));
  FAILS(expected, siftstream_config_set_retain_backups, (config, true, &error));
  FAILS(expected, siftstream_config_set_max_bytes, (config, 1024 * 1024, &error));
  FAILS(expected, siftstream_config_set_min_free, (config, 0, &error));
  FAILS(expected, siftstream_config_set_when_full, (config, SIFTSTREAM_WHEN_FULL_DROP_OLDEST, &error));
  FAILS(expected, siftstream_config_set_fsync, (config, SIFTSTREAM_FSYNC_INTERVAL, 500, &error));
  FAILS(expected, siftstream_config_set, (config, text("linger"), text("2ms"), &error));
  FAILS(expected, siftstream_config_load_env, (config, &error));
}

/* What would keep the stream of this test from starting, on a config of its own. */
static void credentials_can_come_from_elsewhere(siftstream_config *config, siftstream_status expected) {
  const siftstream_bytes pem = {(const uint8_t *)"PEM", 3};
  FAILS(expected, siftstream_config_set_checkpoint_file, (config, text("/nowhere/checkpoints"), &error));
  FAILS(expected, siftstream_config_set_profile, (config, text("no such profile"), &error));
  FAILS(expected, siftstream_config_set_extra_ca_pem, (config, pem, &error));
  FAILS(expected, siftstream_config_set_client_identity, (config, pem, pem, &error));
}

static void numbers_that_stand_for_nothing_are_refused(siftstream_config *config) {
  const int32_t unknown[] = {-1, 4, INT32_MIN, INT32_MAX};
  for (int at = 0; at < 4; at++) {
    FAILS(BAD, siftstream_config_set_mode, (config, unknown[at], &error));
    FAILS(BAD, siftstream_config_set_when_full, (config, unknown[at], &error));
    FAILS(BAD, siftstream_config_set_failure_policy, (config, unknown[at], &error));
    FAILS(BAD, siftstream_config_set_flow_failure_policy, (config, text("all"), unknown[at], &error));
    FAILS(BAD, siftstream_config_set_overflow_policy, (config, unknown[at], &error));
    FAILS(BAD, siftstream_config_set_fsync, (config, unknown[at], 0, &error));
    FAILS(BAD, siftstream_config_set_min_tls_version, (config, unknown[at], &error));
  }
}

/* Describes one flow with a channel of each type. */
static void describe(siftstream_config *config) {
  const siftstream_str flow = text("all"), none = text("");
  OK(siftstream_config_add_flow, (config, flow, &error));
  for (int32_t type = SIFTSTREAM_DOUBLE; type <= SIFTSTREAM_BYTES; type++) {
    char name[16];
    uint32_t index = UINT32_MAX;
    snprintf(name, sizeof name, "type_%d", (int)type);
    OK(siftstream_config_add_channel, (config, flow, text(name), type, none, none, &index, &error));
    CHECK(index == (uint32_t)type - 1);
  }
  OK(siftstream_config_add_enum_type, (config, flow, text("type_3"), text("on"), 1, &error));
  OK(siftstream_config_add_bit_field_element, (config, flow, text("type_4"), text("low"), 0, 4, &error));
}

static void the_schema_refuses_what_cannot_be(siftstream_config *config) {
  const siftstream_str flow = text("all"), none = text("");
  FAILS(BAD, siftstream_config_add_flow, (config, flow, &error));
  FAILS(BAD, siftstream_config_add_flow, (config, not_utf8(), &error));
  FAILS(BAD, siftstream_config_add_channel, (config, flow, text("x"), 0, none, none, NULL, &error));
  FAILS(BAD, siftstream_config_add_channel, (config, flow, text("x"), 12, none, none, NULL, &error));
  FAILS(BAD, siftstream_config_add_channel, (config, flow, text("x"), INT32_MIN, none, none, NULL, &error));
  FAILS(BAD, siftstream_config_add_channel, (config, flow, text("x"), 1, null_with_length(), none, NULL, &error));
  FAILS(SIFTSTREAM_UNKNOWN_FLOW, siftstream_config_add_channel, (config, text("no"), text("x"), 1, none, none, NULL, &error));
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_config_add_enum_type, (config, flow, text("no"), text("x"), 1, &error));
  FAILS(SIFTSTREAM_UNKNOWN_FLOW, siftstream_config_add_bit_field_element,
        (config, text("no"), text("x"), text("x"), 0, 1, &error));
  FAILS(BAD, siftstream_config_set_uri, (config, not_utf8(), &error));
  FAILS(BAD, siftstream_config_set_uri, (config, null_with_length(), &error));
  FAILS(BAD, siftstream_config_set_uri, (config, absurd_length(), &error));
}

static void keys_by_name_refuse_what_cannot_be(siftstream_config *config) {
  FAILS(BAD, siftstream_config_set, (config, text("lingr"), text("2ms"), &error));
  FAILS(BAD, siftstream_config_set, (config, text("linger"), text("soon"), &error));
  FAILS(BAD, siftstream_config_set, (config, not_utf8(), text("2ms"), &error));
  FAILS(BAD, siftstream_config_set, (config, text("linger"), null_with_length(), &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_config_load_file, (config, text("/nowhere/at-all.toml"), &error));
  FAILS(BAD, siftstream_config_load_file, (config, not_utf8(), &error));
  FAILS(BAD, siftstream_config_load_file, (NULL, text("/nowhere/at-all.toml"), &error));
}

static void null_and_foreign_configs_are_refused(void) {
  siftstream_config *freed = NULL;
  OK(siftstream_config_create, (&freed, &error));
  credentials_can_come_from_elsewhere(freed, SIFTSTREAM_OK);
  numbers_that_stand_for_nothing_are_refused(freed);
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_config_set_run_description, (freed, text("of what?"), &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_config_add_run_tag, (freed, text("of what?"), &error));
  siftstream_stream *never = NULL;
  OK(siftstream_config_set_asset, (freed, text("abi"), text("abi-v1"), &error));
  describe(freed);
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_stream_create, (freed, 1000, &never, &error));
  CHECK(siftstream_config_free(freed) == SIFTSTREAM_OK);
  CHECK(siftstream_config_free(freed) == BAD);
  CHECK(siftstream_config_free(NULL) == SIFTSTREAM_OK);
  siftstream_config *const dead[] = {NULL, freed};
  for (int at = 0; at < 2; at++) {
    each_config_setter(dead[at], BAD);
    credentials_can_come_from_elsewhere(dead[at], BAD);
    FAILS(BAD, siftstream_config_add_flow, (dead[at], text("x"), &error));
    FAILS(BAD, siftstream_config_add_channel, (dead[at], text("x"), text("x"), 1, text(""), text(""), NULL, &error));
    FAILS(BAD, siftstream_config_add_enum_type, (dead[at], text("x"), text("x"), text("x"), 1, &error));
    FAILS(BAD, siftstream_config_add_bit_field_element, (dead[at], text("x"), text("x"), text("x"), 0, 1, &error));
    siftstream_stream *stream = NULL;
    FAILS(BAD, siftstream_stream_create, (dead[at], 100, &stream, &error));
    CHECK(stream == NULL);
  }
  FAILS(BAD, siftstream_config_create, (NULL, &error));
}

/* Counts in an `int` of the caller. */
static void count_event(void *count, const siftstream_event *event) {
  CHECK(siftstream_event_text(event).len > 0);
  ++*(int *)count;
}

static void count_free(void *count) { *(int *)count += 1000; }

/* The user data is freed whatever the answer is. */
static void callbacks_are_refused(siftstream_stream *stream, siftstream_status expected) {
  int count = 0;
  FAILS(expected, siftstream_stream_on_event, (stream, count_event, &count, count_free, &error));
  CHECK(count == 1000);
  FAILS(expected, siftstream_stream_on_event, (stream, count_event, NULL, NULL, &error));
  FAILS(BAD, siftstream_stream_on_event, (stream, NULL, &count, count_free, &error));
  CHECK(count == 2000);
}

/* Calls each function that takes a stream on one that is not alive. */
static void dead_streams_are_refused(siftstream_stream *stream, siftstream_row *row, siftstream_config *config) {
  siftstream_flow *flow = NULL;
  siftstream_metrics *metrics = NULL;
  siftstream_report *report = NULL;
  siftstream_recovery *found = NULL;
  siftstream_value value;
  siftstream_event *event = NULL;
  uint64_t rows = 7;
  size_t next = 0;
  int fd = 7;
  memset(&value, 0, sizeof value);
  FAILS(BAD, siftstream_stream_flow, (stream, text("all"), &flow, &error));
  FAILS(BAD, siftstream_stream_send, (stream, row, 0, &error));
  FAILS(BAD, siftstream_stream_try_send, (stream, row, &error));
  FAILS(BAD, siftstream_stream_try_send_values, (stream, row, 0, &value, 1, &error));
  FAILS(BAD, siftstream_stream_send_columns, (stream, flow, NULL, 0, NULL, 0, &next, 0, &error));
  FAILS(BAD, siftstream_stream_try_send_columns, (stream, flow, NULL, 0, NULL, 0, &next, &error));
  FAILS(BAD, siftstream_stream_flush_confirmed, (stream, 0, &error));
  FAILS(BAD, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_CONFIRMED, 0, &error));
  FAILS(BAD, siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_CONFIRMED, &rows, &error));
  FAILS(BAD, siftstream_stream_finish, (stream, 0, &report, &error));
  FAILS(BAD, siftstream_stream_cancel, (stream, text("why"), &error));
  FAILS(BAD, siftstream_stream_metrics, (stream, &metrics, &error));
  FAILS(BAD, siftstream_stream_add_new_flows, (stream, config, 0, &error));
  FAILS(BAD, siftstream_stream_stage_flows, (stream, config, &error));
  FAILS(BAD, siftstream_stream_send_by_name, (stream, text("all"), 0, NULL, 0, 0, &error));
  FAILS(BAD, siftstream_stream_try_send_by_name, (stream, text("all"), 0, NULL, 0, &error));
  FAILS(BAD, siftstream_stream_attach_run, (stream, text("run"), text("run-1"), 0, &error));
  FAILS(BAD, siftstream_stream_attach_run_id, (stream, text("id"), 0, &error));
  FAILS(BAD, siftstream_stream_detach_run, (stream, &error));
  FAILS(BAD, siftstream_stream_set_api_key, (stream, text("key"), &error));
  FAILS(BAD, siftstream_stream_mark_offset, (stream, text("serial"), 1, &error));
  FAILS(BAD, siftstream_stream_recover, (stream, &found, &error));
  FAILS(BAD, siftstream_stream_checkpoint, (stream, &error));
  FAILS(BAD, siftstream_stream_prefault, (stream, 0, &error));
  FAILS(BAD, siftstream_stream_event_fd, (stream, &fd, &error));
  FAILS(BAD, siftstream_stream_poll_event, (stream, &event, &error));
  FAILS(BAD, siftstream_stream_wait_event, (stream, 1000, &event, &error));
  callbacks_are_refused(stream, BAD);
  CHECK(siftstream_stream_events_dropped(stream) == 0);
  CHECK(siftstream_stream_confirmed_watermark(stream) == 0);
  CHECK(flow == NULL && metrics == NULL && report == NULL && event == NULL && found == NULL);
  CHECK(rows == 7 && fd == 7);
}

/* Calls each setter of a row that is not alive. */
static void dead_rows_are_refused(siftstream_row *row) {
  const siftstream_bytes bytes = {(const uint8_t *)"x", 1};
  siftstream_value value;
  memset(&value, 0, sizeof value);
  FAILS(BAD, siftstream_row_clear, (row, &error));
  FAILS(BAD, siftstream_row_set_timestamp_ns, (row, 0, &error));
  FAILS(BAD, siftstream_row_set_empty, (row, 0, &error));
  FAILS(BAD, siftstream_row_set_double, (row, 0, 1.0, &error));
  FAILS(BAD, siftstream_row_set_float, (row, 0, 1.0f, &error));
  FAILS(BAD, siftstream_row_set_bool, (row, 0, true, &error));
  FAILS(BAD, siftstream_row_set_int32, (row, 0, 1, &error));
  FAILS(BAD, siftstream_row_set_uint32, (row, 0, 1, &error));
  FAILS(BAD, siftstream_row_set_int64, (row, 0, 1, &error));
  FAILS(BAD, siftstream_row_set_uint64, (row, 0, 1, &error));
  FAILS(BAD, siftstream_row_set_enum, (row, 0, 1, &error));
  FAILS(BAD, siftstream_row_set_string, (row, 0, text("x"), &error));
  FAILS(BAD, siftstream_row_set_bit_field, (row, 0, bytes, &error));
  FAILS(BAD, siftstream_row_set_bytes, (row, 0, bytes, &error));
  FAILS(BAD, siftstream_row_set_values, (row, 0, &value, 1, &error));
}

static void wrong_values_are_refused(siftstream_stream *stream, siftstream_row *row) {
  const siftstream_bytes null_bytes = {NULL, 3};
  siftstream_value values[11];
  memset(values, 0, sizeof values);
  FAILS(SIFTSTREAM_WRONG_TYPE, siftstream_row_set_double, (row, 1, 1.0, &error));
  FAILS(SIFTSTREAM_WRONG_TYPE, siftstream_row_set_string, (row, 0, text("x"), &error));
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_row_set_double, (row, 11, 1.0, &error));
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_row_set_empty, (row, UINT32_MAX, &error));
  FAILS(BAD, siftstream_row_set_string, (row, 1, not_utf8(), &error));
  FAILS(BAD, siftstream_row_set_string, (row, 1, null_with_length(), &error));
  FAILS(BAD, siftstream_row_set_bytes, (row, 10, null_bytes, &error));
  FAILS(BAD, siftstream_row_set_values, (row, 0, values, 10, &error));
  FAILS(BAD, siftstream_row_set_values, (row, 0, NULL, 11, &error));
  FAILS(BAD, siftstream_stream_try_send_values, (stream, row, 0, values, SIZE_MAX, &error));
  siftstream_channel_value named[2];
  memset(named, 0, sizeof named);
  named[0].channel = named[1].channel = text("type_1");
  FAILS(BAD, siftstream_stream_send_by_name, (stream, text("all"), 0, NULL, 1, 0, &error));
  FAILS(BAD, siftstream_stream_send_by_name, (stream, text("all"), 0, named, SIZE_MAX, 0, &error));
  FAILS(BAD, siftstream_stream_try_send_by_name, (stream, not_utf8(), 0, named, 1, &error));
  FAILS(SIFTSTREAM_UNKNOWN_FLOW, siftstream_stream_try_send_by_name, (stream, text("no"), 0, named, 1, &error));
  named[1].channel = text("no");
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_stream_send_by_name, (stream, text("all"), 0, named, 2, 0, &error));
  named[0].value.channel_type = SIFTSTREAM_BOOL;
  FAILS(SIFTSTREAM_WRONG_TYPE, siftstream_stream_try_send_by_name, (stream, text("all"), 0, named, 1, &error));
  named[0].value.channel_type = 12;
  FAILS(BAD, siftstream_stream_try_send_by_name, (stream, text("all"), 0, named, 1, &error));
  values[0].channel_type = 12;
  FAILS(BAD, siftstream_stream_try_send_values, (stream, row, 0, values, 11, &error));
  values[0].channel_type = SIFTSTREAM_BOOL;
  FAILS(SIFTSTREAM_WRONG_TYPE, siftstream_row_set_values, (row, 0, values, 11, &error));
  OK(siftstream_row_clear, (row, &error));
}

static void dead_events_are_refused(siftstream_event *event) {
  uint64_t first = 7, end = 7, file = 7;
  CHECK(siftstream_event_kind_of(event) == SIFTSTREAM_EVENT_UNKNOWN);
  CHECK(siftstream_event_kind_name(event).len == 0 && siftstream_event_text(event).len == 0);
  CHECK(siftstream_event_subject(event).len == 0 && siftstream_event_error(event) == NULL);
  CHECK(siftstream_event_number(event) == 0 && siftstream_event_time_ns(event) == 0);
  CHECK(siftstream_event_rows(event) == 0 && siftstream_event_ranges(event) == 0);
  CHECK(siftstream_event_bytes(event) == 0 && siftstream_event_duration_us(event) == 0);
  CHECK(siftstream_event_retry_in_us(event) == 0);
  CHECK(siftstream_event_retry_asked_us(event) == 0);
  FAILS(BAD, siftstream_event_range, (event, 0, &first, &end, &error));
  FAILS(BAD, siftstream_event_file, (event, &file, &error));
  siftstream_str flow = {NULL, 0};
  CHECK(siftstream_event_flows(event) == 0);
  FAILS(BAD, siftstream_event_flow, (event, 0, &flow, &first, &error));
  CHECK(first == 7 && end == 7 && file == 7);
}

static siftstream_event *next_event(const siftstream_stream *stream) {
  siftstream_event *event = NULL;
  OK(siftstream_stream_wait_event, (stream, 10000, &event, &error));
  CHECK(event != NULL);
  return event;
}

static int is_kind(const siftstream_event *event, siftstream_event_kind kind, const char *name) {
  const siftstream_str is = siftstream_event_kind_name(event);
  return siftstream_event_kind_of(event) == kind && is.len == strlen(name) && memcmp(is.ptr, name, is.len) == 0;
}

static void events_tell_what_happened(siftstream_stream *stream) {
  siftstream_event *event = next_event(stream);
  uint64_t first = 7, end = 7;
  CHECK(is_kind(event, SIFTSTREAM_EVENT_CONNECTED, "connected"));
  CHECK(siftstream_event_number(event) == 0 && siftstream_event_time_ns(event) > 0);
  CHECK(siftstream_event_rows(event) == 0 && siftstream_event_ranges(event) == 0);
  CHECK(siftstream_event_error(event) == NULL && siftstream_event_subject(event).len == 0);
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_event_range, (event, 0, &first, &end, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_event_file, (event, &first, &error));
  OK(siftstream_event_free, (event));
  event = next_event(stream);
  CHECK(is_kind(event, SIFTSTREAM_EVENT_CHECKPOINT, "checkpoint"));
  CHECK(siftstream_event_number(event) == 1 && siftstream_event_rows(event) > 0);
  CHECK(siftstream_event_duration_us(event) > 0 && siftstream_event_retry_in_us(event) == 0);
  CHECK(siftstream_event_ranges(event) == 1 && siftstream_event_bytes(event) == 0);
  FAILS(BAD, siftstream_event_range, (event, 0, NULL, &end, &error));
  FAILS(BAD, siftstream_event_range, (event, 0, &first, NULL, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_event_range, (event, SIZE_MAX, &first, &end, &error));
  CHECK(first == 7 && end == 7);
  OK(siftstream_event_range, (event, 0, &first, &end, &error));
  CHECK(first == 0 && end == siftstream_event_rows(event)); /* The timer may have come between the rows. */
  siftstream_str flow = {NULL, 0};
  CHECK(siftstream_event_flows(event) == 1);
  FAILS(BAD, siftstream_event_flow, (event, 0, NULL, &first, &error));
  FAILS(BAD, siftstream_event_flow, (event, 0, &flow, NULL, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_event_flow, (event, 1, &flow, &first, &error));
  CHECK(flow.len == 0 && first == 0);
  OK(siftstream_event_flow, (event, 0, &flow, &first, &error));
  CHECK(flow.len == 3 && memcmp(flow.ptr, "all", 3) == 0 && first == end);
  CHECK(siftstream_event_free(event) == SIFTSTREAM_OK);
  dead_events_are_refused(event);
  dead_events_are_refused(NULL);
  dead_events_are_refused((siftstream_event *)(void *)stream);
  CHECK(siftstream_event_free(event) == BAD);
  CHECK(siftstream_event_free(NULL) == SIFTSTREAM_OK);
  CHECK(siftstream_stream_events_dropped(stream) == 0);
  FAILS(BAD, siftstream_stream_poll_event, (stream, NULL, &error));
  FAILS(BAD, siftstream_stream_wait_event, (stream, 0, NULL, &error));
  do {
    event = (siftstream_event *)(void *)stream;
    OK(siftstream_stream_poll_event, (stream, &event, &error));
    OK(siftstream_event_free, (event));
  } while (event != NULL);
}

/* A task of the library may hold the lock for a moment: then there is no room, and one tries again. */
#define GETS_ROOM(call, arguments)                                                      \
  do {                                                                                  \
    siftstream_error *error = NULL;                                                     \
    siftstream_status status = SIFTSTREAM_FULL;                                         \
    while (status == SIFTSTREAM_FULL) {                                                 \
      status = call arguments;                                                          \
    }                                                                                   \
    CHECK(status == SIFTSTREAM_OK && error == NULL);                                    \
  } while (0)

static void rows_of_all_types_are_sent(siftstream_stream *stream, siftstream_row *row) {
  const siftstream_bytes bytes = {(const uint8_t *)"xyz", 3}, no_bytes = {NULL, 0};
  OK(siftstream_row_set_timestamp_ns, (row, -1, &error));
  OK(siftstream_row_set_double, (row, 0, 0.5, &error));
  OK(siftstream_row_set_string, (row, 1, text(""), &error));
  OK(siftstream_row_set_enum, (row, 2, UINT32_MAX, &error));
  OK(siftstream_row_set_bit_field, (row, 3, no_bytes, &error));
  OK(siftstream_row_set_bool, (row, 4, true, &error));
  OK(siftstream_row_set_float, (row, 5, 0.5f, &error));
  OK(siftstream_row_set_int32, (row, 6, INT32_MIN, &error));
  OK(siftstream_row_set_uint32, (row, 7, UINT32_MAX, &error));
  OK(siftstream_row_set_int64, (row, 8, INT64_MIN, &error));
  OK(siftstream_row_set_uint64, (row, 9, UINT64_MAX, &error));
  OK(siftstream_row_set_bytes, (row, 10, bytes, &error));
  OK(siftstream_stream_send, (stream, row, 1000, &error));
  OK(siftstream_row_set_empty, (row, 0, &error));
  GETS_ROOM(siftstream_stream_try_send, (stream, row, &error));
  siftstream_value values[11];
  memset(values, 0, sizeof values);
  GETS_ROOM(siftstream_stream_try_send_values, (stream, row, 0, values, 11, &error));
  OK(siftstream_stream_flush_confirmed, (stream, 10000, &error));
  CHECK(siftstream_stream_confirmed_watermark(stream) == 3);
}

static void thousands_of_rows_live_at_once(const siftstream_flow *flow) {
  enum { ROWS = 3000 };
  static siftstream_row *rows[ROWS];
  for (size_t at = 0; at < ROWS; at++) {
    OK(siftstream_row_create, (flow, &rows[at], &error));
  }
  for (size_t at = 0; at < ROWS; at++) {
    OK(siftstream_row_set_double, (rows[at], 0, 0.5, &error));
    OK(siftstream_row_set_timestamp_ns, (rows[at], 1, &error));
    FAILS(SIFTSTREAM_WRONG_TYPE, siftstream_row_set_bool, (rows[at], 0, true, &error));
  }
  for (size_t at = 0; at < ROWS; at += 2) {
    OK(siftstream_row_free, (rows[at]));
  }
  for (size_t at = 0; at < ROWS; at += 2) {
    FAILS(BAD, siftstream_row_set_double, (rows[at], 0, 0.5, &error));
    OK(siftstream_row_set_double, (rows[at + 1], 0, 1.5, &error));
    OK(siftstream_row_free, (rows[at + 1]));
  }
}

static void levels_that_the_mode_does_not_have_are_refused(const siftstream_stream *stream) {
  uint64_t rows = 7;
  OK(siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_CONFIRMED, 10000, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_WRITTEN, 0, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 0, &error));
  FAILS(BAD, siftstream_stream_flush, (stream, SIFTSTREAM_LEVEL_ACCEPTED, 0, &error));
  FAILS(BAD, siftstream_stream_flush, (stream, 4, 0, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_DURABLE, &rows, &error));
  FAILS(BAD, siftstream_stream_watermark, (stream, -1, &rows, &error));
  FAILS(BAD, siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_ACCEPTED, NULL, &error));
  CHECK(rows == 7);
  OK(siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_ACCEPTED, &rows, &error));
  CHECK(rows == 3);
  OK(siftstream_stream_watermark, (stream, SIFTSTREAM_LEVEL_CONFIRMED, &rows, &error));
  CHECK(rows == 3);
}

static void metrics_are_read_by_name(const siftstream_metrics *metrics, const siftstream_stream *stream) {
  const siftstream_str json = siftstream_metrics_json(metrics);
  CHECK(json.len > 2 && json.ptr[0] == '{' && json.ptr[json.len - 1] == '}');
  CHECK(siftstream_metrics_json(metrics).ptr == json.ptr);
  CHECK(siftstream_metrics_json(NULL).len == 0);
  CHECK(siftstream_metrics_json((const siftstream_metrics *)(const void *)stream).len == 0);
  CHECK(siftstream_metrics_count() > 20);
  CHECK(siftstream_metrics_name(siftstream_metrics_count()).len == 0);
  CHECK(siftstream_metrics_name(SIZE_MAX).len == 0);
  double value = -1;
  size_t found = 0;
  for (size_t i = 0; i < siftstream_metrics_count(); i++) {
    const siftstream_str name = siftstream_metrics_name(i);
    OK(siftstream_metrics_value, (metrics, i, &value, &error));
    if (name.len == strlen("rows_confirmed") && memcmp(name.ptr, "rows_confirmed", name.len) == 0) {
      CHECK(value == 3.0);
      found++;
    }
  }
  CHECK(found == 1);
  FAILS(BAD, siftstream_metrics_value, (metrics, siftstream_metrics_count(), &value, &error));
  FAILS(BAD, siftstream_metrics_value, (metrics, 0, NULL, &error));
  FAILS(BAD, siftstream_metrics_value, (NULL, 0, &value, &error));
}

static void messages_need_a_type_and_no_flows(const char *uri, const char *key) {
  siftstream_config *config = NULL;
  siftstream_message_stream *stream = NULL;
  siftstream_metrics *metrics = NULL;
  siftstream_report *report = NULL;
  const siftstream_bytes message = {(const uint8_t *)"\x0a\x01x", 3}, nowhere = {NULL, 3};
  const siftstream_str type = text("rig.v1.Note"), none = text("");
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_set_uri, (config, text(uri), &error));
  OK(siftstream_config_set_api_key, (config, text(key), &error));
  OK(siftstream_config_set_insecure, (config, true, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_message_stream_create, (config, none, 10000, &stream, &error));
  OK(siftstream_config_set_asset, (config, text("abi"), text("abi-v1"), &error));
  FAILS(BAD, siftstream_message_stream_create, (config, not_utf8(), 10000, &stream, &error));
  FAILS(BAD, siftstream_message_stream_create, (config, none, 10000, NULL, &error));
  OK(siftstream_message_stream_create, (config, none, 10000, &stream, &error));
  FAILS(BAD, siftstream_message_stream_send, (stream, none, none, 1, message, 10000, &error));
  FAILS(BAD, siftstream_message_stream_send, (stream, type, not_utf8(), 1, message, 10000, &error));
  FAILS(BAD, siftstream_message_stream_try_send, (stream, type, none, 1, nowhere, &error));
  OK(siftstream_message_stream_send, (stream, type, text("Note"), 1, message, 10000, &error));
  OK(siftstream_message_stream_try_send, (stream, type, none, 2, message, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_message_stream_flush, (stream, SIFTSTREAM_LEVEL_DURABLE, 10000, &error));
  OK(siftstream_message_stream_flush, (stream, SIFTSTREAM_LEVEL_CONFIRMED, 10000, &error));
  OK(siftstream_message_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_confirmed(metrics) == 2);
  OK(siftstream_metrics_free, (metrics));
  OK(siftstream_message_stream_finish, (stream, 10000, &report, &error));
  CHECK(siftstream_report_confirmed(report) == 2);
  OK(siftstream_report_free, (report));
  OK(siftstream_message_stream_free, (stream));
  CHECK(siftstream_message_stream_free(stream) == BAD);
  OK(siftstream_config_free, (config));
}

static void ignore_log(void *user_data, siftstream_log_level level, int64_t time_ns, siftstream_str target,
                       siftstream_str message) {
  (void)user_data;
  CHECK(level != 0 && time_ns != 0 && target.len > 0 && message.len > 0);
}

static void a_log_callback_is_set_and_taken_away(void) {
  int freed = 0;
  FAILS(BAD, siftstream_set_log_callback, (ignore_log, &freed, count_free, 0, &error));
  CHECK(freed == 1000); /* What is refused is not kept. */
  FAILS(BAD, siftstream_set_log_callback, (ignore_log, &freed, count_free, 6, &error));
  CHECK(freed == 2000);
  OK(siftstream_set_log_callback, (ignore_log, &freed, count_free, SIFTSTREAM_LOG_TRACE, &error));
  CHECK(freed == 2000);
  OK(siftstream_set_log_callback, (ignore_log, NULL, NULL, SIFTSTREAM_LOG_TRACE, &error));
  CHECK(freed == 3000);
  OK(siftstream_set_log_callback, (NULL, &freed, count_free, 99, &error));
  CHECK(freed == 4000);
  CHECK(siftstream_log_dropped() == 0);
}

static void metrics_are_served(const siftstream_stream *stream) {
  siftstream_metrics_server *server = NULL;
  FAILS(BAD, siftstream_metrics_server_start, (text("not an address"), &server, &error));
  FAILS(BAD, siftstream_metrics_server_start, (not_utf8(), &server, &error));
  FAILS(BAD, siftstream_metrics_server_start, (null_with_length(), &server, &error));
  FAILS(BAD, siftstream_metrics_server_start, (text("127.0.0.1:0"), NULL, &error));
  CHECK(server == NULL);
  OK(siftstream_metrics_server_start, (text("127.0.0.1:0"), &server, &error));
  CHECK(siftstream_metrics_server_port(server) != 0);
  CHECK(siftstream_metrics_server_port(NULL) == 0);
  OK(siftstream_metrics_server_watch, (server, text("abi"), stream, &error));
  FAILS(BAD, siftstream_metrics_server_watch, (server, not_utf8(), stream, &error));
  FAILS(BAD, siftstream_metrics_server_watch, (server, text("abi"), NULL, &error));
  FAILS(BAD, siftstream_metrics_server_watch, (NULL, text("abi"), stream, &error));
  CHECK(siftstream_metrics_server_free((siftstream_metrics_server *)(uintptr_t)stream) == BAD);
  CHECK(siftstream_metrics_server_free(server) == SIFTSTREAM_OK);
  CHECK(siftstream_metrics_server_free(server) == BAD);
  CHECK(siftstream_metrics_server_free(NULL) == SIFTSTREAM_OK);
}

static void metrics_are_read(const siftstream_stream *stream) {
  siftstream_metrics *metrics = NULL;
  OK(siftstream_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_accepted(metrics) == 3);
  CHECK(siftstream_metrics_rows_sent(metrics) == 3);
  CHECK(siftstream_metrics_rows_confirmed(metrics) == 3);
  CHECK(siftstream_metrics_bytes_accepted(metrics) == siftstream_metrics_bytes_sent(metrics));
  CHECK(siftstream_metrics_rows_dropped(metrics) == 0);
  CHECK(siftstream_metrics_ingestion_channel_rows(metrics) == 0);
  CHECK(siftstream_metrics_ingestion_channel_bytes(metrics) == 0);
  CHECK(siftstream_metrics_streams_opened(metrics) >= 1);
  CHECK(siftstream_metrics_checkpoints(metrics) >= 1);
  CHECK(siftstream_metrics_checkpoints_failed(metrics) == 0);
  CHECK(siftstream_metrics_early_oks(metrics) == 0);
  CHECK(siftstream_metrics_retries(metrics) == 0);
  CHECK(siftstream_metrics_current_backoff_us(metrics) == 0);
  CHECK(siftstream_metrics_grpc_status(metrics, 0) >= 1 && siftstream_metrics_grpc_status(metrics, 14) == 0);
  metrics_are_read_by_name(metrics, stream);
  CHECK(siftstream_metrics_grpc_status(metrics, -1) == 0 && siftstream_metrics_grpc_status(metrics, 17) == 0);
  CHECK(siftstream_metrics_rows_written(metrics) == 0 && siftstream_metrics_rows_durable(metrics) == 0);
  CHECK(siftstream_metrics_backup_files(metrics) == 0 && siftstream_metrics_backup_bytes(metrics) == 0);
  CHECK(siftstream_metrics_disk_errors(metrics) == 0 && !siftstream_metrics_disk_degraded(metrics));
  CHECK(siftstream_metrics_rows_recovered(metrics) == 0 && siftstream_metrics_recovered_rows_confirmed(metrics) == 0);
  CHECK(siftstream_metrics_replay_window_bytes(metrics) <= 64 * 1024 * 1024);
  CHECK(siftstream_metrics_rows_reingested(metrics) == 0 && siftstream_metrics_rows_owed(metrics) == 0);
  CHECK(siftstream_metrics_backup_channel_rows(metrics) == 0 && siftstream_metrics_backup_channel_bytes(metrics) == 0);
  CHECK(siftstream_metrics_free(metrics) == SIFTSTREAM_OK);
  CHECK(siftstream_metrics_free(metrics) == BAD);
  CHECK(siftstream_metrics_free(NULL) == SIFTSTREAM_OK);
  CHECK(siftstream_metrics_rows_accepted(metrics) == 0);
  FAILS(BAD, siftstream_stream_metrics, (stream, NULL, &error));
}

static void the_stream_changes_while_it_runs(siftstream_stream *stream, const char *key) {
  siftstream_config *more = NULL;
  OK(siftstream_config_create, (&more, &error));
  OK(siftstream_config_add_flow, (more, text("late"), &error));
  OK(siftstream_config_add_channel, (more, text("late"), text("x"), SIFTSTREAM_BOOL, text(""), text(""), NULL, &error));
  OK(siftstream_stream_add_new_flows, (stream, more, 10000, &error));
  FAILS(SIFTSTREAM_NOT_CONFIGURED, siftstream_stream_stage_flows, (stream, more, &error));
  siftstream_config_free(more);
  OK(siftstream_stream_attach_run, (stream, text("second"), text("run-2"), 10000, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_stream_attach_run_id,
        (stream, text("00000000-0000-0000-0000-000000000009"), 10000, &error));
  OK(siftstream_stream_detach_run, (stream, &error));
  OK(siftstream_stream_set_api_key, (stream, text(key), &error));
  FAILS(BAD, siftstream_stream_set_api_key, (stream, text("line\nbreak"), &error));
  FAILS(BAD, siftstream_stream_set_api_key, (stream, text(""), &error));
}

static void inputs_are_marked_and_found(siftstream_stream *stream) {
  const siftstream_bytes state = {(const uint8_t *)"\x01\x02", 2};
  siftstream_bytes found_state = {NULL, 0};
  siftstream_str value = {NULL, 0};
  siftstream_mark *mark = NULL;
  siftstream_recovery *found = NULL;
  uint64_t rows = 7;
  int64_t latest = 7;
  FAILS(BAD, siftstream_mark_create, (NULL, &error));
  OK(siftstream_mark_create, (&mark, &error));
  OK(siftstream_mark_set_offset, (mark, text("serial"), 4711, &error));
  OK(siftstream_mark_set_state, (mark, text("filter"), state, &error));
  OK(siftstream_mark_set_metadata, (mark, text("unit"), text("rig 7"), &error));
  OK(siftstream_mark_set_event_time, (mark, INT64_MAX, &error));
  FAILS(BAD, siftstream_mark_set_offset, (mark, not_utf8(), 1, &error));
  FAILS(BAD, siftstream_mark_set_state, (mark, null_with_length(), state, &error));
  FAILS(BAD, siftstream_mark_set_metadata, (mark, text("unit"), absurd_length(), &error));
  OK(siftstream_stream_mark, (stream, mark, &error));
  OK(siftstream_stream_mark_offset, (stream, text("udp"), 9, &error));
  FAILS(BAD, siftstream_stream_mark_offset, (stream, not_utf8(), 9, &error));
  CHECK(siftstream_mark_free(mark) == SIFTSTREAM_OK && siftstream_mark_free(mark) == BAD);
  CHECK(siftstream_mark_free(NULL) == SIFTSTREAM_OK);
  FAILS(BAD, siftstream_stream_mark, (stream, mark, &error));
  FAILS(BAD, siftstream_mark_set_event_time, (mark, 1, &error));
  OK(siftstream_stream_flush_confirmed, (stream, 10000, &error));

  FAILS(BAD, siftstream_stream_recover, (stream, NULL, &error));
  OK(siftstream_stream_recover, (stream, &found, &error));
  CHECK(siftstream_recovery_offset(found, text("serial")) == 4711);
  CHECK(siftstream_recovery_offset(found, text("udp")) == 9);
  CHECK(siftstream_recovery_offset(found, text("unheard of")) == 0);
  CHECK(siftstream_recovery_offset(found, not_utf8()) == 0);
  OK(siftstream_recovery_rows, (found, SIFTSTREAM_LEVEL_CONFIRMED, &rows, &error));
  OK(siftstream_recovery_event_time, (found, SIFTSTREAM_LEVEL_CONFIRMED, &latest, &error));
  OK(siftstream_recovery_state, (found, SIFTSTREAM_LEVEL_CONFIRMED, text("filter"), &found_state, &error));
  OK(siftstream_recovery_metadata, (found, SIFTSTREAM_LEVEL_CONFIRMED, text("unit"), &value, &error));
  CHECK(rows == 3 && latest == INT64_MAX && found_state.len == 2 && memcmp(found_state.ptr, state.ptr, 2) == 0);
  CHECK(value.len == 5 && memcmp(value.ptr, "rig 7", 5) == 0);
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_recovery_rows, (found, SIFTSTREAM_LEVEL_DURABLE, &rows, &error));
  FAILS(BAD, siftstream_recovery_rows, (found, SIFTSTREAM_LEVEL_ACCEPTED, &rows, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_recovery_state,
        (found, SIFTSTREAM_LEVEL_CONFIRMED, text("other"), &found_state, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_recovery_metadata,
        (found, SIFTSTREAM_LEVEL_CONFIRMED, text("other"), &value, &error));
  FAILS(BAD, siftstream_recovery_event_time, (found, SIFTSTREAM_LEVEL_CONFIRMED, NULL, &error));
  CHECK(siftstream_recovery_free(found) == SIFTSTREAM_OK && siftstream_recovery_free(found) == BAD);
  CHECK(siftstream_recovery_free(NULL) == SIFTSTREAM_OK);
  CHECK(siftstream_recovery_offset(found, text("serial")) == 0);
}

static void the_stream_is_finished_once_and_for_all(siftstream_stream *stream, siftstream_row *row) {
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 10000, NULL, &error));
  OK(siftstream_stream_finish, (stream, 10000, &report, &error));
  CHECK(siftstream_report_accepted(report) == 3 && siftstream_report_confirmed(report) == 3);
  CHECK(siftstream_report_recovered(report) == 0 && siftstream_report_on_disk(report) == 0);
  CHECK(siftstream_report_in_memory(report) == 0 && siftstream_report_dropped(report) == 0);
  CHECK(siftstream_report_rejected(report) == 0);
  uint64_t first = 7, end = 7;
  CHECK(siftstream_report_unconfirmed_ranges(report) == 0);
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_report_unconfirmed_range, (report, 0, &first, &end, &error));
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_report_unconfirmed_range, (report, SIZE_MAX, &first, &end, &error));
  CHECK(siftstream_report_dropped_ranges(report) == 0);
  FAILS(SIFTSTREAM_NOT_FOUND, siftstream_report_dropped_range, (report, 0, &first, &end, &error));
  CHECK(siftstream_report_free(report) == SIFTSTREAM_OK);
  CHECK(siftstream_report_free(report) == BAD);
  FAILS(BAD, siftstream_report_dropped_range, (report, 0, &first, &end, &error));
  CHECK(siftstream_report_dropped_ranges(report) == 0);
  CHECK(siftstream_report_free(NULL) == SIFTSTREAM_OK);
  FAILS(BAD, siftstream_report_unconfirmed_range, (report, 0, &first, &end, &error));
  CHECK(first == 7 && end == 7 && siftstream_report_unconfirmed_ranges(report) == 0);
  CHECK(siftstream_report_accepted(report) == 0);
  FAILS(SIFTSTREAM_CLOSED, siftstream_stream_try_send, (stream, row, &error));
  FAILS(SIFTSTREAM_CLOSED, siftstream_stream_send, (stream, row, 1000, &error));
  OK(siftstream_stream_cancel, (stream, text("over"), &error));
}

static void errors_tell_what_happened(void) {
  siftstream_error *error = NULL;
  CHECK(siftstream_config_create(NULL, &error) == BAD);
  CHECK(siftstream_error_code(error) == BAD);
  CHECK(!siftstream_error_is_retryable(error));
  CHECK(siftstream_error_data_status(error) == SIFTSTREAM_DATA_NOT_ACCEPTED);
  CHECK(siftstream_error_free(error) == SIFTSTREAM_OK);
  CHECK(siftstream_error_free(error) == BAD);
  CHECK(siftstream_error_free(NULL) == SIFTSTREAM_OK);
  siftstream_error *const dead[] = {NULL, error};
  for (int at = 0; at < 2; at++) {
    CHECK(siftstream_error_code(dead[at]) == BAD);
    CHECK(siftstream_error_message(dead[at]).len == 0);
    CHECK(!siftstream_error_is_retryable(dead[at]));
    CHECK(siftstream_error_data_status(dead[at]) == SIFTSTREAM_DATA_UNKNOWN);
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", SIFTSTREAM_VERSION_MAJOR, SIFTSTREAM_VERSION_MINOR,
           SIFTSTREAM_VERSION_PATCH);
  CHECK(strcmp(siftstream_version(), version) == 0);
  CHECK(strcmp(siftstream_status_name(SIFTSTREAM_INTERNAL), "INTERNAL") == 0);
  CHECK(strcmp(siftstream_status_name(-1), "UNKNOWN") == 0 && strcmp(siftstream_status_name(27), "UNKNOWN") == 0);
  errors_tell_what_happened();
  null_and_foreign_configs_are_refused();
  messages_need_a_type_and_no_flows(argv[1], argv[2]);

  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  siftstream_flow *flow = NULL, *late = NULL;
  siftstream_row *row = NULL;
  uint32_t index = 0;
  OK(siftstream_config_create, (&config, &error));
  each_config_setter(config, SIFTSTREAM_OK);
  describe(config);
  the_schema_refuses_what_cannot_be(config);
  keys_by_name_refuse_what_cannot_be(config);
  FAILS(BAD, siftstream_stream_create, (config, 10000, NULL, &error));
  OK(siftstream_config_set_uri, (config, text(argv[1]), &error));
  OK(siftstream_config_set_api_key, (config, text("wrong"), &error));
  FAILS(SIFTSTREAM_AUTH, siftstream_stream_create, (config, 10000, &stream, &error));
  OK(siftstream_config_set_api_key, (config, text(argv[2]), &error));
  OK(siftstream_stream_create, (config, 10000, &stream, &error));
  OK(siftstream_stream_flow, (stream, text("all"), &flow, &error));
  FAILS(SIFTSTREAM_UNKNOWN_FLOW, siftstream_stream_flow, (stream, text("late"), &late, &error));
  FAILS(BAD, siftstream_stream_flow, (stream, text("all"), NULL, &error));
  OK(siftstream_flow_channel_index, (flow, text("type_11"), &index, &error));
  CHECK(index == 10);
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_flow_channel_index, (flow, text("no"), &index, &error));
  int32_t type = 0;
  OK(siftstream_flow_channel_type, (flow, index, &type, &error));
  CHECK(type == SIFTSTREAM_BYTES);
  FAILS(SIFTSTREAM_UNKNOWN_CHANNEL, siftstream_flow_channel_type, (flow, 11, &type, &error));
  FAILS(BAD, siftstream_flow_channel_type, (flow, 0, NULL, &error));
  FAILS(BAD, siftstream_flow_channel_type, (NULL, 0, &type, &error));
  FAILS(BAD, siftstream_flow_channel_index, (flow, text("type_1"), NULL, &error));
  FAILS(BAD, siftstream_flow_channel_index, (NULL, text("type_1"), &index, &error));
  OK(siftstream_row_create, (flow, &row, &error));
  FAILS(BAD, siftstream_row_create, (flow, NULL, &error));
  FAILS(BAD, siftstream_row_create, (NULL, &row, &error));
  FAILS(BAD, siftstream_row_create, ((const siftstream_flow *)(const void *)stream, &row, &error));
  FAILS(BAD, siftstream_stream_try_send, ((const siftstream_stream *)(const void *)row, row, &error));
  FAILS(BAD, siftstream_stream_try_send, (stream, NULL, &error));

  wrong_values_are_refused(stream, row);
  rows_of_all_types_are_sent(stream, row);
  thousands_of_rows_live_at_once(flow);
  levels_that_the_mode_does_not_have_are_refused(stream);
  metrics_are_read(stream);
  metrics_are_served(stream);
  a_log_callback_is_set_and_taken_away();
  events_tell_what_happened(stream);
  OK(siftstream_stream_checkpoint, (stream, &error));
  the_stream_changes_while_it_runs(stream, argv[2]);
  OK(siftstream_stream_flow, (stream, text("late"), &late, &error));
  inputs_are_marked_and_found(stream);
  the_stream_is_finished_once_and_for_all(stream, row);

  dead_streams_are_refused(NULL, row, config);
  int here = 0;
  dead_streams_are_refused((siftstream_stream *)(void *)&here, row, config);
  dead_streams_are_refused((siftstream_stream *)(uintptr_t)UINTPTR_MAX, row, config);
  CHECK(siftstream_stream_free((siftstream_stream *)(void *)row) == BAD);
  CHECK(siftstream_stream_free((siftstream_stream *)(void *)&here) == BAD);
  int events = 0;
  OK(siftstream_stream_on_event, (stream, count_event, &events, count_free, &error));
  callbacks_are_refused(stream, SIFTSTREAM_BUSY);
  CHECK(siftstream_stream_free(stream) == SIFTSTREAM_OK);
  CHECK(events > 1000); /* At least the new flow. */
  dead_streams_are_refused(stream, row, config);
  CHECK(siftstream_stream_free(stream) == BAD);
  CHECK(siftstream_stream_free(NULL) == SIFTSTREAM_OK);
  CHECK(siftstream_row_free(row) == SIFTSTREAM_OK);
  dead_rows_are_refused(row);
  dead_rows_are_refused(NULL);
  dead_rows_are_refused((siftstream_row *)(void *)&here);
  CHECK(siftstream_row_free(row) == BAD);
  CHECK(siftstream_row_free(NULL) == SIFTSTREAM_OK);
  CHECK(siftstream_flow_free(flow) == SIFTSTREAM_OK);
  CHECK(siftstream_flow_free(flow) == BAD);
  CHECK(siftstream_flow_free(late) == SIFTSTREAM_OK);
  CHECK(siftstream_flow_free(NULL) == SIFTSTREAM_OK);
  FAILS(BAD, siftstream_flow_channel_index, (flow, text("type_1"), &index, &error));
  siftstream_config_free(config);
  return 0;
}
