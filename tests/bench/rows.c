/* The rows of `siftstream bench` from C, for `siftstream-bench --compare c`: a uint64 and doubles, each row with the time
 * of now, until all are confirmed. Prints a line of JSON. Arguments: URI, values or setters, double channels, rows. */

#define _DEFAULT_SOURCE

#include <siftstream/siftstream.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_CHANNELS = 256, PATIENCE_MS = 600000 };

static void ok(siftstream_status status, siftstream_error *error) {
  if (status != SIFTSTREAM_OK) {
    const siftstream_str message = siftstream_error_message(error);
    fprintf(stderr, "%s: %.*s\n", siftstream_status_name(status), (int)message.len, message.ptr);
    exit(1);
  }
}

static siftstream_stream *open_stream(const char *uri, uint32_t channels) {
  siftstream_error *error = NULL;
  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  const siftstream_str flow = SIFTSTREAM_STR("bench"), none = SIFTSTREAM_STR("");
  char name[32];
  snprintf(name, sizeof name, "bench-%u", channels);
  ok(siftstream_config_create(&config, &error), error);
  ok(siftstream_config_set_uri(config, siftstream_str_of(uri), &error), error);
  ok(siftstream_config_set_api_key(config, SIFTSTREAM_STR("local"), &error), error);
  ok(siftstream_config_set_insecure(config, true, &error), error);
  ok(siftstream_config_set_asset(config, flow, siftstream_str_of(name), &error), error);
  ok(siftstream_config_add_flow(config, flow, &error), error);
  ok(siftstream_config_add_channel(config, flow, SIFTSTREAM_STR("seq"), SIFTSTREAM_UINT64, none, none, NULL, &error),
     error);
  for (uint32_t at = 0; at < channels; at++) {
    snprintf(name, sizeof name, "c%u", at);
    ok(siftstream_config_add_channel(config, flow, siftstream_str_of(name), SIFTSTREAM_DOUBLE, none, none, NULL, &error),
       error);
  }
  ok(siftstream_stream_create(config, 60000, &stream, &error), error);
  siftstream_config_free(config);
  return stream;
}

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One call a row. A row that found no room is filled, and waits for it. */
static void send_values(siftstream_stream *stream, siftstream_row *row, uint32_t channels, uint64_t rows) {
  siftstream_value values[MOST_CHANNELS + 1];
  memset(values, 0, sizeof values);
  values[0].channel_type = SIFTSTREAM_UINT64;
  for (uint64_t seq = 0; seq < rows; seq++) {
    values[0].content.uint64_value = seq;
    for (uint32_t at = 1; at <= channels; at++) {
      values[at].channel_type = SIFTSTREAM_DOUBLE;
      values[at].content.double_value = (double)seq + (double)(at - 1);
    }
    siftstream_status status =
        siftstream_stream_try_send_values(stream, row, now_ns(CLOCK_REALTIME), values, channels + 1, NULL);
    if (status == SIFTSTREAM_FULL) {
      status = siftstream_stream_send(stream, row, PATIENCE_MS, NULL);
    }
    ok(status, NULL);
  }
}

/* A call a value. */
static void send_set(siftstream_stream *stream, siftstream_row *row, uint32_t channels, uint64_t rows) {
  for (uint64_t seq = 0; seq < rows; seq++) {
    ok(siftstream_row_set_timestamp_ns(row, now_ns(CLOCK_REALTIME), NULL), NULL);
    ok(siftstream_row_set_uint64(row, 0, seq, NULL), NULL);
    for (uint32_t at = 1; at <= channels; at++) {
      ok(siftstream_row_set_double(row, at, (double)seq + (double)(at - 1), NULL), NULL);
    }
    ok(siftstream_stream_send(stream, row, PATIENCE_MS, NULL), NULL);
  }
}

static double cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s URI values|setters CHANNELS ROWS\n", argv[0]);
    return 2;
  }
  const unsigned long channels = strtoul(argv[3], NULL, 10);
  const uint64_t rows = strtoull(argv[4], NULL, 10);
  if (channels > MOST_CHANNELS) {
    fprintf(stderr, "at most %d channels\n", MOST_CHANNELS);
    return 2;
  }
  siftstream_error *error = NULL;
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  siftstream_report *report = NULL;
  siftstream_stream *stream = open_stream(argv[1], (uint32_t)channels);
  ok(siftstream_stream_flow(stream, SIFTSTREAM_STR("bench"), &flow, &error), error);
  ok(siftstream_row_create(flow, &row, &error), error);
  const double cpu_before = cpu_us();
  const int64_t began = now_ns(CLOCK_MONOTONIC);
  if (strcmp(argv[2], "values") == 0) {
    send_values(stream, row, (uint32_t)channels, rows);
  } else {
    send_set(stream, row, (uint32_t)channels, rows);
  }
  ok(siftstream_stream_finish(stream, PATIENCE_MS, &report, &error), error);
  const double seconds = (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e9;
  printf("{\"rows_per_s\":%f,\"cpu_us_per_row\":%f}\n", (double)siftstream_report_confirmed(report) / seconds,
         (cpu_us() - cpu_before) / (double)rows);
  siftstream_report_free(report);
  siftstream_row_free(row);
  siftstream_flow_free(flow);
  siftstream_stream_free(stream);
  return 0;
}
