/* Records rows of all types as columns in files, without a network. Arguments: directory, number of rows. */

#include "files.h"
#include <string.h>

enum { CHANNELS = 11 };

/* Channel `type_N` has the type N, and stands at N - 1. */
static siftstream_stream *all_types(const char *directory, const char *stream_name, uint64_t capacity) {
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
  OK(siftstream_config_set_backup_data_channel_capacity, (config, capacity, &error));
  return open_stream(config);
}

static siftstream_flow *flow_of(const siftstream_stream *stream) {
  siftstream_flow *flow = NULL;
  OK(siftstream_stream_flow, (stream, text("all"), &flow, &error));
  return flow;
}

/* One array a channel; `times` and `columns` are what the calls take. */
struct arrays {
  size_t rows;
  int64_t *times;
  double *doubles;
  siftstream_str *strings;
  uint32_t *enums;
  siftstream_bytes *bit_fields;
  uint8_t *bools;
  float *floats;
  int32_t *int32s;
  uint32_t *uint32s;
  int64_t *int64s;
  uint64_t *uint64s;
  siftstream_bytes *bytes;
  siftstream_column columns[CHANNELS];
};

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count, size);
  CHECK(memory != NULL);
  return memory;
}

static void fill(struct arrays *arrays, size_t rows) {
  static const uint8_t BYTES[3] = {0, 127, 255};
  memset(arrays, 0, sizeof *arrays);
  arrays->rows = rows;
  arrays->times = (int64_t *)zeroed(rows, sizeof *arrays->times);
  arrays->doubles = (double *)zeroed(rows, sizeof *arrays->doubles);
  arrays->strings = (siftstream_str *)zeroed(rows, sizeof *arrays->strings);
  arrays->enums = (uint32_t *)zeroed(rows, sizeof *arrays->enums);
  arrays->bit_fields = (siftstream_bytes *)zeroed(rows, sizeof *arrays->bit_fields);
  arrays->bools = (uint8_t *)zeroed(rows, sizeof *arrays->bools);
  arrays->floats = (float *)zeroed(rows, sizeof *arrays->floats);
  arrays->int32s = (int32_t *)zeroed(rows, sizeof *arrays->int32s);
  arrays->uint32s = (uint32_t *)zeroed(rows, sizeof *arrays->uint32s);
  arrays->int64s = (int64_t *)zeroed(rows, sizeof *arrays->int64s);
  arrays->uint64s = (uint64_t *)zeroed(rows, sizeof *arrays->uint64s);
  arrays->bytes = (siftstream_bytes *)zeroed(rows, sizeof *arrays->bytes);
  for (size_t seq = 0; seq < rows; seq++) {
    arrays->times[seq] = (int64_t)seq * 1000;
    arrays->doubles[seq] = (double)seq / 3.0;
    arrays->strings[seq] = text("text");
    arrays->enums[seq] = 1;
    arrays->bit_fields[seq].ptr = BYTES;
    arrays->bit_fields[seq].len = 1;
    arrays->bools[seq] = seq % 2 == 0 ? 2 : 0;
    arrays->floats[seq] = 0.5f;
    arrays->int32s[seq] = INT32_MIN;
    arrays->uint32s[seq] = UINT32_MAX;
    arrays->int64s[seq] = INT64_MIN;
    arrays->uint64s[seq] = seq;
    arrays->bytes[seq].ptr = BYTES;
    arrays->bytes[seq].len = 3;
  }
  const void *values[CHANNELS] = {arrays->doubles, arrays->strings, arrays->enums,  arrays->bit_fields,
                                  arrays->bools,   arrays->floats,  arrays->int32s, arrays->uint32s,
                                  arrays->int64s,  arrays->uint64s, arrays->bytes};
  for (int at = 0; at < CHANNELS; at++) {
    arrays->columns[at].values = values[at];
    arrays->columns[at].count = rows;
    arrays->columns[at].channel = (uint32_t)at;
    arrays->columns[at].channel_type = at + 1;
  }
}

static void release(struct arrays *arrays) {
  for (int at = 0; at < CHANNELS; at++) {
    free((void *)(uintptr_t)arrays->columns[at].values);
  }
  free(arrays->times);
}

static void close_with(siftstream_stream *stream, siftstream_flow *flow, uint64_t rows) {
  siftstream_report *report = NULL;
  OK(siftstream_stream_finish, (stream, 10000, &report, &error));
  CHECK(siftstream_report_accepted(report) == rows && siftstream_report_on_disk(report) == rows);
  OK(siftstream_report_free, (report));
  OK(siftstream_flow_free, (flow));
  OK(siftstream_stream_free, (stream));
}

static void columns_of_all_types_are_recorded(const char *directory, struct arrays *arrays) {
  siftstream_stream *stream = all_types(directory, "columns", 100000);
  siftstream_flow *flow = flow_of(stream);
  size_t next = 0;
  OK(siftstream_stream_send_columns,
     (stream, flow, arrays->times, arrays->rows, arrays->columns, CHANNELS, &next, 10000, &error));
  CHECK(next == arrays->rows);
  close_with(stream, flow, arrays->rows);
}

static void a_full_stream_says_where_to_go_on(const char *directory, struct arrays *arrays) {
  siftstream_stream *stream = all_types(directory, "piecewise", 50);
  siftstream_flow *flow = flow_of(stream);
  size_t next = 0, full = 0;
  while (next < arrays->rows) {
    const size_t before = next;
    siftstream_error *error = NULL;
    const siftstream_status status = siftstream_stream_try_send_columns(
        stream, flow, arrays->times, arrays->rows, arrays->columns, CHANNELS, &next, &error);
    CHECK(error == NULL && next >= before && next <= arrays->rows);
    CHECK(status == (next == arrays->rows ? SIFTSTREAM_OK : SIFTSTREAM_FULL));
    full += status == SIFTSTREAM_FULL;
  }
  CHECK(full > 0);
  close_with(stream, flow, arrays->rows);
}

/* Rows with an even number have a value of channel 0; what stands in the place of the others is not looked at. */
static void what_is_not_valid_is_no_news(const char *directory, struct arrays *arrays) {
  siftstream_stream *stream = all_types(directory, "sparse", 100000);
  siftstream_flow *flow = flow_of(stream);
  uint8_t *bits = (uint8_t *)zeroed((arrays->rows + 7) / 8, 1);
  memset(bits, 0x55, (arrays->rows + 7) / 8);
  siftstream_column columns[2] = {arrays->columns[1], arrays->columns[9]};
  columns[0].validity = bits;
  for (size_t seq = 1; seq < arrays->rows; seq += 2) {
    arrays->strings[seq] = siftstream_str_of_bytes(NULL, 5);
  }
  size_t next = 0;
  OK(siftstream_stream_send_columns, (stream, flow, arrays->times, arrays->rows, columns, 2, &next, 10000, &error));
  free(bits);
  close_with(stream, flow, arrays->rows);
}

static void refused(const siftstream_stream *stream, const siftstream_flow *flow, const struct arrays *arrays,
                    const siftstream_column *columns, size_t count, siftstream_status expected) {
  size_t next = 3;
  FAILS(expected, siftstream_stream_send_columns,
        (stream, flow, arrays->times, arrays->rows, columns, count, &next, 1000, &error));
  FAILS(expected, siftstream_stream_try_send_columns,
        (stream, flow, arrays->times, arrays->rows, columns, count, &next, &error));
  CHECK(next == 3);
}

static void bad_columns_are_refused_as_a_whole(const char *directory, const struct arrays *arrays) {
  const siftstream_status bad = SIFTSTREAM_INVALID_ARGUMENT;
  siftstream_stream *stream = all_types(directory, "refused", 100000);
  siftstream_flow *flow = flow_of(stream);
  siftstream_column column = arrays->columns[0];
  column.count--;
  refused(stream, flow, arrays, &column, 1, bad);
  column = arrays->columns[0];
  column.channel_type = SIFTSTREAM_INT64;
  refused(stream, flow, arrays, &column, 1, SIFTSTREAM_WRONG_TYPE);
  column.channel_type = 0;
  refused(stream, flow, arrays, &column, 1, bad);
  column = arrays->columns[0];
  column.channel = CHANNELS;
  refused(stream, flow, arrays, &column, 1, SIFTSTREAM_UNKNOWN_CHANNEL);
  column = arrays->columns[0];
  column.values = NULL;
  refused(stream, flow, arrays, &column, 1, bad);
  column.values = (const char *)arrays->doubles + 1;
  refused(stream, flow, arrays, &column, 1, bad);
  column.values = arrays->doubles;
  column.count = SIZE_MAX;
  refused(stream, flow, arrays, &column, 1, bad);
  const siftstream_column twice[2] = {arrays->columns[0], arrays->columns[0]};
  refused(stream, flow, arrays, twice, 2, bad);
  refused(stream, flow, arrays, NULL, 1, bad);
  refused(stream, flow, arrays, twice, SIZE_MAX, bad);
  arrays->strings[arrays->rows - 1] = SIFTSTREAM_STR("\xff");
  refused(stream, flow, arrays, &arrays->columns[1], 1, bad);
  arrays->strings[arrays->rows - 1] = text("text");

  size_t next = arrays->rows + 1;
  FAILS(bad, siftstream_stream_send_columns,
        (stream, flow, arrays->times, arrays->rows, arrays->columns, CHANNELS, &next, 0, &error));
  FAILS(bad, siftstream_stream_send_columns,
        (stream, flow, arrays->times, arrays->rows, arrays->columns, CHANNELS, NULL, 0, &error));
  next = 0;
  FAILS(bad, siftstream_stream_send_columns,
        (stream, flow, NULL, arrays->rows, arrays->columns, CHANNELS, &next, 0, &error));
  CHECK(watermark(stream, SIFTSTREAM_LEVEL_ACCEPTED) == 0);
  OK(siftstream_stream_send_columns, (stream, flow, NULL, 0, NULL, 0, &next, 0, &error));
  CHECK(next == 0);
  close_with(stream, flow, 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  struct arrays arrays;
  fill(&arrays, (size_t)strtoull(argv[2], NULL, 10));
  columns_of_all_types_are_recorded(argv[1], &arrays);
  a_full_stream_says_where_to_go_on(argv[1], &arrays);
  bad_columns_are_refused_as_a_whole(argv[1], &arrays);
  what_is_not_valid_is_no_news(argv[1], &arrays);
  release(&arrays);
  return 0;
}
