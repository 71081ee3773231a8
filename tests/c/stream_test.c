/* Streams rows of all types and checks what finish reports. Arguments: URI, API key, number of rows. */

#include "check.h"
#include <string.h>

static void ok(siftstream_status status, siftstream_error *error) {
  if (status != SIFTSTREAM_OK) {
    const siftstream_str message = siftstream_error_message(error);
    fprintf(stderr, "%s: %.*s\n", siftstream_status_name(status), (int)message.len, message.ptr);
    exit(1);
  }
}

enum { CHANNELS = 12 };

static const struct {
  const char *name;
  int32_t type;
} SCHEMA[CHANNELS] = {
    {"seq", SIFTSTREAM_UINT64},  {"double", SIFTSTREAM_DOUBLE}, {"string", SIFTSTREAM_STRING},
    {"enum", SIFTSTREAM_ENUM},   {"bits", SIFTSTREAM_BIT_FIELD}, {"bool", SIFTSTREAM_BOOL},
    {"float", SIFTSTREAM_FLOAT}, {"int32", SIFTSTREAM_INT32},   {"uint32", SIFTSTREAM_UINT32},
    {"int64", SIFTSTREAM_INT64}, {"bytes", SIFTSTREAM_BYTES},   {"empty", SIFTSTREAM_DOUBLE},
};

static siftstream_stream *open_stream(const char *uri, const char *key) {
  siftstream_error *error = NULL;
  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  const siftstream_str flow = SIFTSTREAM_STR("all"), none = SIFTSTREAM_STR("");
  ok(siftstream_config_create(&config, &error), error);
  ok(siftstream_config_set_uri(config, siftstream_str_of(uri), &error), error);
  ok(siftstream_config_set_api_key(config, siftstream_str_of(key), &error), error);
  ok(siftstream_config_set_insecure(config, true, &error), error);
  ok(siftstream_config_set_asset(config, SIFTSTREAM_STR("c"), SIFTSTREAM_STR("c-v1"), &error), error);
  ok(siftstream_config_add_flow(config, flow, &error), error);
  for (int at = 0; at < CHANNELS; at++) {
    ok(siftstream_config_add_channel(config, flow, siftstream_str_of(SCHEMA[at].name), SCHEMA[at].type, none, none,
                                     NULL, &error),
       error);
  }
  ok(siftstream_config_add_enum_type(config, flow, SIFTSTREAM_STR("enum"), SIFTSTREAM_STR("on"), 1, &error), error);
  ok(siftstream_stream_create(config, 10000, &stream, &error), error);
  siftstream_config_free(config);
  return stream;
}

static void fill(siftstream_row *row, uint64_t seq) {
  static const uint8_t BYTES[3] = {0, 127, 255};
  const siftstream_bytes bytes = {BYTES, 3}, bits = {BYTES, 1};
  ok(siftstream_row_set_timestamp_ns(row, (int64_t)seq * 1000, NULL), NULL);
  ok(siftstream_row_set_uint64(row, 0, seq, NULL), NULL);
  ok(siftstream_row_set_double(row, 1, (double)seq / 3.0, NULL), NULL);
  ok(siftstream_row_set_string(row, 2, SIFTSTREAM_STR("text"), NULL), NULL);
  ok(siftstream_row_set_enum(row, 3, 1, NULL), NULL);
  ok(siftstream_row_set_bit_field(row, 4, bits, NULL), NULL);
  ok(siftstream_row_set_bool(row, 5, seq % 2 == 0, NULL), NULL);
  ok(siftstream_row_set_float(row, 6, 0.5f, NULL), NULL);
  ok(siftstream_row_set_int32(row, 7, INT32_MIN, NULL), NULL);
  ok(siftstream_row_set_uint32(row, 8, UINT32_MAX, NULL), NULL);
  ok(siftstream_row_set_int64(row, 9, INT64_MIN, NULL), NULL);
  ok(siftstream_row_set_bytes(row, 10, bytes, NULL), NULL);
}

/* Every second row goes through the one-call path. */
static void send_values(siftstream_stream *stream, siftstream_row *row, uint64_t seq) {
  static const uint8_t BYTES[3] = {0, 127, 255};
  siftstream_value values[CHANNELS];
  memset(values, 0, sizeof values);
  for (int at = 0; at < CHANNELS - 1; at++) {
    values[at].channel_type = SCHEMA[at].type;
  }
  values[0].content.uint64_value = seq;
  values[1].content.double_value = (double)seq / 3.0;
  values[2].content.string_value = SIFTSTREAM_STR("text");
  values[3].content.enum_value = 1;
  values[4].content.bytes_value.ptr = BYTES;
  values[4].content.bytes_value.len = 1;
  values[5].content.bool_value = 1;
  values[6].content.float_value = 0.5f;
  values[7].content.int32_value = INT32_MIN;
  values[8].content.uint32_value = UINT32_MAX;
  values[9].content.int64_value = INT64_MIN;
  values[10].content.bytes_value.ptr = BYTES;
  values[10].content.bytes_value.len = 3;
  siftstream_status status;
  do {
    status = siftstream_stream_try_send_values(stream, row, (int64_t)seq * 1000, values, CHANNELS, NULL);
  } while (status == SIFTSTREAM_FULL);
  ok(status, NULL);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const uint64_t rows = strtoull(argv[3], NULL, 10);
  siftstream_error *error = NULL;
  siftstream_stream *stream = open_stream(argv[1], argv[2]);
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  ok(siftstream_stream_flow(stream, SIFTSTREAM_STR("all"), &flow, &error), error);
  ok(siftstream_row_create(flow, &row, &error), error);
  for (uint64_t seq = 0; seq < rows; seq++) {
    if (seq % 2 == 0) {
      fill(row, seq);
      ok(siftstream_stream_send(stream, row, 10000, &error), error);
    } else {
      send_values(stream, row, seq);
    }
  }
  ok(siftstream_stream_flush_confirmed(stream, 10000, &error), error);
  CHECK(siftstream_stream_confirmed_watermark(stream) == rows);
  siftstream_report *report = NULL;
  ok(siftstream_stream_finish(stream, 10000, &report, &error), error);
  CHECK(siftstream_report_accepted(report) == rows);
  CHECK(siftstream_report_confirmed(report) == rows);
  siftstream_report_free(report);
  siftstream_row_free(row);
  siftstream_flow_free(flow);
  siftstream_stream_free(stream);
  return 0;
}
