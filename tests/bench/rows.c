/* The rows of `siftstream bench` from C, for `siftstream-bench --compare c`: a uint64 and doubles, each row with the time
 * of now, until all are confirmed. In bursts, as many rows lie in arrays and are sent, then all are confirmed before the
 * next ones, and send_seconds is the time of the sends alone. Prints a line of JSON.
 * Arguments: URI, values or setters, double channels, rows, and the rows of a burst if they go in bursts. */

#define _DEFAULT_SOURCE

#include <siftstream/siftstream.h>

#include <stdbool.h>
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
static void send_at_once(siftstream_stream *stream, siftstream_row *row, int64_t time, const siftstream_value *values,
                         uint32_t channels) {
  siftstream_status status = siftstream_stream_try_send_values(stream, row, time, values, channels + 1, NULL);
  if (status == SIFTSTREAM_FULL) {
    status = siftstream_stream_send(stream, row, PATIENCE_MS, NULL);
  }
  ok(status, NULL);
}

static void send_values(siftstream_stream *stream, siftstream_row *row, uint32_t channels, uint64_t rows) {
  siftstream_value values[MOST_CHANNELS + 1];
  memset(values, 0, sizeof values);
  values[0].channel_type = SIFTSTREAM_UINT64;
  for (uint32_t at = 1; at <= channels; at++) {
    values[at].channel_type = SIFTSTREAM_DOUBLE;
  }
  for (uint64_t seq = 0; seq < rows; seq++) {
    values[0].content.uint64_value = seq;
    for (uint32_t at = 1; at <= channels; at++) {
      values[at].content.double_value = (double)seq + (double)(at - 1);
    }
    send_at_once(stream, row, now_ns(CLOCK_REALTIME), values, channels);
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

/* Rows that lie in arrays: `rows` of each channel, one channel after the other. */
typedef struct arrays {
  int64_t *times;
  uint64_t *seqs;
  double *doubles;
  uint64_t rows;
} arrays;

static void *array(uint64_t count, size_t size) {
  void *made = calloc(count, size);
  if (made == NULL) {
    fprintf(stderr, "no memory for a burst\n");
    exit(1);
  }
  return made;
}

static void fill(arrays *burst, uint32_t channels, uint64_t first) {
  const int64_t now = now_ns(CLOCK_REALTIME);
  for (uint64_t at = 0; at < burst->rows; at++) {
    burst->times[at] = now + (int64_t)at;
    burst->seqs[at] = first + at;
    for (uint32_t channel = 0; channel < channels; channel++) {
      burst->doubles[channel * burst->rows + at] = (double)(first + at) + (double)channel;
    }
  }
}

static void send_burst_of_values(siftstream_stream *stream, siftstream_row *row, uint32_t channels,
                                 const arrays *burst) {
  siftstream_value values[MOST_CHANNELS + 1];
  memset(values, 0, sizeof values);
  values[0].channel_type = SIFTSTREAM_UINT64;
  for (uint32_t channel = 0; channel < channels; channel++) {
    values[channel + 1].channel_type = SIFTSTREAM_DOUBLE;
  }
  for (uint64_t at = 0; at < burst->rows; at++) {
    values[0].content.uint64_value = burst->seqs[at];
    for (uint32_t channel = 0; channel < channels; channel++) {
      values[channel + 1].content.double_value = burst->doubles[channel * burst->rows + at];
    }
    send_at_once(stream, row, burst->times[at], values, channels);
  }
}

static void send_burst_set(siftstream_stream *stream, siftstream_row *row, uint32_t channels, const arrays *burst) {
  for (uint64_t at = 0; at < burst->rows; at++) {
    ok(siftstream_row_set_timestamp_ns(row, burst->times[at], NULL), NULL);
    ok(siftstream_row_set_uint64(row, 0, burst->seqs[at], NULL), NULL);
    for (uint32_t channel = 0; channel < channels; channel++) {
      ok(siftstream_row_set_double(row, channel + 1, burst->doubles[channel * burst->rows + at], NULL), NULL);
    }
    ok(siftstream_stream_send(stream, row, PATIENCE_MS, NULL), NULL);
  }
}

/* Returns the nanoseconds of the sends. */
static int64_t send_bursts(siftstream_stream *stream, siftstream_row *row, uint32_t channels, uint64_t rows,
                           uint64_t rows_a_burst, bool at_once) {
  arrays burst = {array(rows_a_burst, sizeof(int64_t)), array(rows_a_burst, sizeof(uint64_t)),
                  array(rows_a_burst * channels, sizeof(double)), rows_a_burst};
  int64_t sending = 0;
  for (uint64_t first = 0; first < rows; first += rows_a_burst) {
    burst.rows = rows - first < rows_a_burst ? rows - first : rows_a_burst;
    fill(&burst, channels, first);
    const int64_t began = now_ns(CLOCK_MONOTONIC);
    if (at_once) {
      send_burst_of_values(stream, row, channels, &burst);
    } else {
      send_burst_set(stream, row, channels, &burst);
    }
    sending += now_ns(CLOCK_MONOTONIC) - began;
    ok(siftstream_stream_flush_confirmed(stream, PATIENCE_MS, NULL), NULL);
  }
  free(burst.times);
  free(burst.seqs);
  free(burst.doubles);
  return sending;
}

static double cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  if (argc != 5 && argc != 6) {
    fprintf(stderr, "usage: %s URI values|setters CHANNELS ROWS [ROWS_A_BURST]\n", argv[0]);
    return 2;
  }
  const unsigned long channels = strtoul(argv[3], NULL, 10);
  const uint64_t rows = strtoull(argv[4], NULL, 10);
  const uint64_t rows_a_burst = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
  const bool at_once = strcmp(argv[2], "values") == 0;
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
  int64_t sending = 0;
  if (rows_a_burst > 0) {
    sending = send_bursts(stream, row, (uint32_t)channels, rows, rows_a_burst, at_once);
  } else if (at_once) {
    send_values(stream, row, (uint32_t)channels, rows);
  } else {
    send_set(stream, row, (uint32_t)channels, rows);
  }
  ok(siftstream_stream_finish(stream, PATIENCE_MS, &report, &error), error);
  const double seconds = (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e9;
  printf("{\"rows_per_s\":%f,\"cpu_us_per_row\":%f", (double)siftstream_report_confirmed(report) / seconds,
         (cpu_us() - cpu_before) / (double)rows);
  if (rows_a_burst > 0) {
    printf(",\"messages\":%f,\"send_seconds\":%f", (double)rows, (double)sending / 1e9);
  }
  printf("}\n");
  siftstream_report_free(report);
  siftstream_row_free(row);
  siftstream_flow_free(flow);
  siftstream_stream_free(stream);
  return 0;
}
