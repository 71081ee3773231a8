/*
 * A control loop of 1 kHz that streams a row a tick and never waits for it. Rows go to Sift and, until Sift has confirmed
 * them, to files: the network may come and go meanwhile.
 *
 * It measures itself: how long each siftstream_stream_try_send took, how late each tick began, and what its thread
 * allocated. It becomes a real-time thread and locks its memory if it may.
 */

/* For clock_nanosleep and mlockall under -std=c11. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include <siftstream/siftstream.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PERIOD_NS = 1000000, CHANNELS = 4, BUCKETS = 100000, BUCKET_NS = 50 };

/* ---- allocations of this thread: all that is asked of the C library, by the program or by the library ---- */

static _Thread_local uint64_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  allocations++;
  return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  allocations++;
  *memory = __libc_memalign(alignment, size);
  return *memory == NULL ? ENOMEM : 0;
}

/* ---- durations ---- */

typedef struct {
  uint32_t counts[BUCKETS];
  uint64_t longest;
} durations;

static durations sends, lateness;

static void note(durations *of, int64_t ns) {
  const uint64_t took = ns < 0 ? 0 : (uint64_t)ns;
  const uint64_t bucket = took / BUCKET_NS;
  of->counts[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  of->longest = took > of->longest ? took : of->longest;
}

/* The time in microseconds that `share` of all durations did not exceed. */
static double quantile(const durations *of, uint64_t all, double share) {
  uint64_t seen = 0;
  for (size_t at = 0; at < BUCKETS - 1; at++) {
    seen += of->counts[at];
    if ((double)seen >= share * (double)all) {
      return (double)((at + 1) * BUCKET_NS) / 1e3;
    }
  }
  return (double)of->longest / 1e3;
}

static void print(const char *name, const durations *of, uint64_t all) {
  printf("%s: p50 %.2f us, p99 %.2f us, p99.9 %.2f us, p99.99 %.2f us, longest %.1f us\n", name,
         quantile(of, all, 0.5), quantile(of, all, 0.99), quantile(of, all, 0.999), quantile(of, all, 0.9999),
         (double)of->longest / 1e3);
}

/* ---- the stream ---- */

static bool good(siftstream_status status, siftstream_error **error) {
  if (status == SIFTSTREAM_OK) {
    return true;
  }
  const siftstream_str message = siftstream_error_message(*error);
  fprintf(stderr, "%s: %.*s\n", siftstream_status_name(status), (int)message.len, message.ptr);
  siftstream_error_free(*error);
  *error = NULL;
  return false;
}

static bool describe(siftstream_config *config) {
  static const struct {
    const char *name, *unit;
    int32_t type;
  } SCHEMA[CHANNELS] = {{"seq", "", SIFTSTREAM_UINT64},
                        {"angle", "rad", SIFTSTREAM_DOUBLE},
                        {"rate", "rad/s", SIFTSTREAM_DOUBLE},
                        {"late", "ns", SIFTSTREAM_INT64}};
  const siftstream_str flow = SIFTSTREAM_STR("attitude");
  siftstream_error *error = NULL;
  bool ok = good(siftstream_config_add_flow(config, flow, &error), &error);
  for (int at = 0; ok && at < CHANNELS; at++) {
    ok = good(siftstream_config_add_channel(config, flow, siftstream_str_of(SCHEMA[at].name), SCHEMA[at].type,
                                            siftstream_str_of(SCHEMA[at].unit), SIFTSTREAM_STR(""), NULL, &error),
              &error);
  }
  return ok;
}

static bool open_stream(char **argv, siftstream_stream **stream, siftstream_row **row) {
  siftstream_error *error = NULL;
  siftstream_config *config = NULL;
  siftstream_flow *flow = NULL;
  const bool ok =
      good(siftstream_config_create(&config, &error), &error) &&
      good(siftstream_config_set_mode(config, SIFTSTREAM_MODE_LIVE_WITH_BACKUPS, &error), &error) &&
      good(siftstream_config_set_uri(config, siftstream_str_of(argv[1]), &error), &error) &&
      good(siftstream_config_set_api_key(config, siftstream_str_of(argv[2]), &error), &error) &&
      good(siftstream_config_set_insecure(config, true, &error), &error) &&
      good(siftstream_config_set_backups_dir(config, siftstream_str_of(argv[3]), &error), &error) &&
      good(siftstream_config_set_asset(config, SIFTSTREAM_STR("vehicle"), SIFTSTREAM_STR("flight-v1"), &error),
           &error) &&
      describe(config) && good(siftstream_stream_create(config, 10000, stream, &error), &error) &&
      good(siftstream_stream_flow(*stream, SIFTSTREAM_STR("attitude"), &flow, &error), &error) &&
      good(siftstream_row_create(flow, row, &error), &error) &&
      good(siftstream_stream_prefault(*stream, 16u << 20, &error), &error);
  siftstream_flow_free(flow);
  siftstream_config_free(config);
  return ok;
}

/* ---- the loop ---- */

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t at_ns) {
  const struct timespec at = {at_ns / 1000000000, at_ns % 1000000000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* What the loop found out. */
typedef struct {
  uint64_t sent, refused, allocated;
  siftstream_status failed;
} outcome;

/* A row that finds no room is gone: the next tick has a newer one. */
static outcome fly(siftstream_stream *stream, siftstream_row *row, uint64_t ticks) {
  outcome o = {0, 0, 0, SIFTSTREAM_OK};
  siftstream_value values[CHANNELS] = {{SIFTSTREAM_UINT64, {0}},
                                       {SIFTSTREAM_DOUBLE, {0}},
                                       {SIFTSTREAM_DOUBLE, {0}},
                                       {SIFTSTREAM_INT64, {0}}};
  const int64_t begin = now_ns(CLOCK_MONOTONIC) + PERIOD_NS;
  const uint64_t before = allocations;
  for (uint64_t tick = 0; tick < ticks && o.failed == SIFTSTREAM_OK; tick++) {
    const int64_t due = begin + (int64_t)tick * PERIOD_NS;
    sleep_until(due);
    const int64_t woke = now_ns(CLOCK_MONOTONIC);
    values[0].content.uint64_value = o.sent;
    values[1].content.double_value = sin((double)tick / 1000.0);
    values[2].content.double_value = cos((double)tick / 1000.0);
    values[3].content.int64_value = woke - due;
    const int64_t start = now_ns(CLOCK_MONOTONIC);
    const siftstream_status status =
        siftstream_stream_try_send_values(stream, row, now_ns(CLOCK_REALTIME), values, CHANNELS, NULL);
    note(&sends, now_ns(CLOCK_MONOTONIC) - start);
    note(&lateness, woke - due);
    if (status == SIFTSTREAM_OK) {
      o.sent++;
    } else if (status == SIFTSTREAM_FULL) {
      o.refused++;
    } else {
      o.failed = status;
    }
  }
  o.allocated = allocations - before;
  return o;
}

static void become_urgent(void) {
  const struct sched_param priority = {.sched_priority = 50};
  const bool fifo = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  const bool locked = mlockall(MCL_CURRENT) == 0;
  printf("%s thread, memory %s\n", fifo ? "SCHED_FIFO" : "ordinary", locked ? "locked" : "not locked");
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s URI API_KEY BACKUPS_DIR SECONDS\n", argv[0]);
    return 2;
  }
  siftstream_stream *stream = NULL;
  siftstream_row *row = NULL;
  siftstream_report *report = NULL;
  siftstream_error *error = NULL;
  if (!open_stream(argv, &stream, &row)) {
    return 1;
  }
  const uint64_t ticks = strtoull(argv[4], NULL, 10) * 1000;
  become_urgent();
  const outcome o = fly(stream, row, ticks);
  bool ok = o.failed == SIFTSTREAM_OK && o.allocated == 0;
  ok = good(siftstream_stream_finish(stream, 60000, &report, &error), &error) && ok;
  const uint64_t safe = siftstream_report_confirmed(report) + siftstream_report_on_disk(report);
  printf("%llu rows sent, %llu refused, %llu safe, %llu allocations\n", (unsigned long long)o.sent,
         (unsigned long long)o.refused, (unsigned long long)safe, (unsigned long long)o.allocated);
  print("try_send", &sends, ticks);
  print("tick", &lateness, ticks);
  ok = ok && safe >= o.sent;
  siftstream_report_free(report);
  siftstream_row_free(row);
  siftstream_stream_free(stream);
  return ok ? 0 : 1;
}
