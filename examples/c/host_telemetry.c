/*
 * Streams real telemetry of this machine to Sift, as five flows: cpu, memory, disk, network, system.
 *
 * It has the shape of a control loop: everything is set up before the loop, and each tick fills and sends rows that
 * exist already. Linux only, because it reads /proc.
 */

/* For clock_nanosleep and gethostname under -std=c11. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include <siftstream/siftstream.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CPUS = 64, NAME_SIZE = 64, LINE_SIZE = 512, SEND_TIMEOUT_MS = 5 };

typedef struct {
  const char *uri;
  const char *api_key;
  const char *asset;
  bool insecure;
  unsigned rate;
  unsigned seconds;
} options;

/* One flow: its row, which is used again for each tick, and the number of the next one. */
typedef struct {
  const char *name;
  siftstream_row *row;
  uint64_t seq;
} flow;

typedef struct {
  uint64_t busy;
  uint64_t total;
} cpu_time;

typedef struct {
  siftstream_stream *stream;
  flow cpu, memory, disk, network, system;
  unsigned cpus;
  cpu_time last[MAX_CPUS];
  char host[NAME_SIZE];
  uint64_t refused;
} rig;

/* Prints what went wrong, frees the error and says whether all was well. */
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

/* ---- the schema ---- */

static bool add_flow(siftstream_config *config, const char *name) {
  siftstream_error *error = NULL;
  const siftstream_str text = siftstream_str_of(name), none = SIFTSTREAM_STR("");
  return good(siftstream_config_add_flow(config, text, &error), &error) &&
         good(siftstream_config_add_channel(config, text, SIFTSTREAM_STR("seq"), SIFTSTREAM_UINT64, none,
                                            SIFTSTREAM_STR("number of the row"), NULL, &error),
              &error);
}

static bool add_channel(siftstream_config *config, const char *flow_name, const char *channel, int32_t type,
                        const char *unit) {
  siftstream_error *error = NULL;
  return good(siftstream_config_add_channel(config, siftstream_str_of(flow_name), siftstream_str_of(channel), type,
                                            siftstream_str_of(unit), SIFTSTREAM_STR(""), NULL, &error),
              &error);
}

static bool describe_cpu(siftstream_config *config, unsigned cpus) {
  if (!add_flow(config, "cpu")) {
    return false;
  }
  for (unsigned at = 0; at < cpus; at++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "load_%u", at);
    if (!add_channel(config, "cpu", name, SIFTSTREAM_DOUBLE, "%")) {
      return false;
    }
  }
  return true;
}

static bool describe_system(siftstream_config *config) {
  static const char *const LEVELS[] = {"low", "medium", "high"};
  const siftstream_str system = SIFTSTREAM_STR("system"), level = SIFTSTREAM_STR("load_level");
  siftstream_error *error = NULL;
  bool ok = add_flow(config, "system") && add_channel(config, "system", "load_1min", SIFTSTREAM_DOUBLE, "") &&
            add_channel(config, "system", "uptime", SIFTSTREAM_DOUBLE, "s") &&
            add_channel(config, "system", "processes", SIFTSTREAM_UINT64, "") &&
            add_channel(config, "system", "load_level", SIFTSTREAM_ENUM, "") &&
            add_channel(config, "system", "overloaded", SIFTSTREAM_BOOL, "") &&
            add_channel(config, "system", "host", SIFTSTREAM_STRING, "") &&
            add_channel(config, "system", "flags", SIFTSTREAM_BIT_FIELD, "");
  for (uint32_t key = 0; ok && key < 3; key++) {
    const siftstream_str name = siftstream_str_of(LEVELS[key]);
    ok = good(siftstream_config_add_enum_type(config, system, level, name, key, &error), &error);
  }
  const siftstream_str flags = SIFTSTREAM_STR("flags");
  return ok &&
         good(siftstream_config_add_bit_field_element(config, system, flags, SIFTSTREAM_STR("swapping"), 0, 1, &error),
              &error) &&
         good(siftstream_config_add_bit_field_element(config, system, flags, SIFTSTREAM_STR("level"), 1, 2, &error),
              &error);
}

static bool describe(siftstream_config *config, unsigned cpus) {
  return describe_cpu(config, cpus) && add_flow(config, "memory") &&
         add_channel(config, "memory", "total", SIFTSTREAM_UINT64, "kB") &&
         add_channel(config, "memory", "available", SIFTSTREAM_UINT64, "kB") &&
         add_channel(config, "memory", "swap_used", SIFTSTREAM_UINT64, "kB") && add_flow(config, "disk") &&
         add_channel(config, "disk", "sectors_read", SIFTSTREAM_UINT64, "512 B") &&
         add_channel(config, "disk", "sectors_written", SIFTSTREAM_UINT64, "512 B") && add_flow(config, "network") &&
         add_channel(config, "network", "bytes_received", SIFTSTREAM_UINT64, "B") &&
         add_channel(config, "network", "bytes_sent", SIFTSTREAM_UINT64, "B") && describe_system(config);
}

/* ---- sending ---- */

/* Sends the flow's row, waiting for room for a few milliseconds at most: the loop has that much time to spare. A loop
 * that has none calls siftstream_stream_try_send, which never waits. A row that finds no room is counted, and the loop
 * goes on. */
static bool send_row(rig *r, flow *f, int64_t now_ns) {
  siftstream_error *error = NULL;
  if (!good(siftstream_row_set_timestamp_ns(f->row, now_ns, &error), &error) ||
      !good(siftstream_row_set_uint64(f->row, 0, f->seq, &error), &error)) {
    return false;
  }
  const siftstream_status status = siftstream_stream_send(r->stream, f->row, SEND_TIMEOUT_MS, &error);
  if (status == SIFTSTREAM_TIMEOUT) {
    siftstream_error_free(error);
    r->refused++;
    return true;
  }
  f->seq++;
  return good(status, &error);
}

static bool put_uint64(flow *f, uint32_t channel, uint64_t value) {
  siftstream_error *error = NULL;
  return good(siftstream_row_set_uint64(f->row, channel, value, &error), &error);
}

static bool put_double(flow *f, uint32_t channel, double value) {
  siftstream_error *error = NULL;
  return good(siftstream_row_set_double(f->row, channel, value, &error), &error);
}

/* ---- what the machine says ---- */

static bool sample_cpu(rig *r, int64_t now_ns) {
  FILE *file = fopen("/proc/stat", "r");
  char line[LINE_SIZE];
  bool ok = true;
  while (file != NULL && ok && fgets(line, sizeof line, file) != NULL) {
    unsigned at = 0;
    unsigned long long user, nice, kernel, idle, wait, irq, soft;
    if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu", &at, &user, &nice, &kernel, &idle, &wait, &irq,
               &soft) != 8 ||
        at >= r->cpus) {
      continue;
    }
    const cpu_time now = {user + nice + kernel + irq + soft, user + nice + kernel + irq + soft + idle + wait};
    const uint64_t total = now.total - r->last[at].total;
    const double load = total == 0 ? 0.0 : 100.0 * (double)(now.busy - r->last[at].busy) / (double)total;
    r->last[at] = now;
    ok = put_double(&r->cpu, at + 1, load);
  }
  if (file != NULL) {
    fclose(file);
  }
  return ok && send_row(r, &r->cpu, now_ns);
}

static bool sample_memory(rig *r, int64_t now_ns, bool *swapping) {
  unsigned long long total = 0, available = 0, swap_total = 0, swap_free = 0;
  FILE *file = fopen("/proc/meminfo", "r");
  char line[LINE_SIZE];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "MemTotal: %llu", &total) == 1 || sscanf(line, "MemAvailable: %llu", &available) == 1 ||
        sscanf(line, "SwapTotal: %llu", &swap_total) == 1 || sscanf(line, "SwapFree: %llu", &swap_free) == 1) {
      continue;
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  *swapping = swap_total > swap_free;
  return put_uint64(&r->memory, 1, total) && put_uint64(&r->memory, 2, available) &&
         put_uint64(&r->memory, 3, swap_total - swap_free) && send_row(r, &r->memory, now_ns);
}

static bool sample_disk(rig *r, int64_t now_ns) {
  unsigned long long read_sum = 0, written_sum = 0;
  FILE *file = fopen("/proc/diskstats", "r");
  char line[LINE_SIZE];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    unsigned long long sectors_read, sectors_written;
    if (sscanf(line, "%*u %*u %*s %*u %*u %llu %*u %*u %*u %llu", &sectors_read, &sectors_written) == 2) {
      read_sum += sectors_read;
      written_sum += sectors_written;
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return put_uint64(&r->disk, 1, read_sum) && put_uint64(&r->disk, 2, written_sum) && send_row(r, &r->disk, now_ns);
}

static bool sample_network(rig *r, int64_t now_ns) {
  unsigned long long received_sum = 0, sent_sum = 0;
  FILE *file = fopen("/proc/net/dev", "r");
  char line[LINE_SIZE];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    const char *colon = strchr(line, ':');
    unsigned long long received, sent;
    if (colon != NULL && sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &received, &sent) == 2) {
      received_sum += received;
      sent_sum += sent;
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return put_uint64(&r->network, 1, received_sum) && put_uint64(&r->network, 2, sent_sum) &&
         send_row(r, &r->network, now_ns);
}

static uint64_t count_processes(void) {
  uint64_t count = 0;
  DIR *directory = opendir("/proc");
  for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
  }
  if (directory != NULL) {
    closedir(directory);
  }
  return count;
}

static double read_number(const char *path) {
  double number = 0.0;
  FILE *file = fopen(path, "r");
  if (file != NULL) {
    if (fscanf(file, "%lf", &number) != 1) {
      number = 0.0;
    }
    fclose(file);
  }
  return number;
}

static bool sample_system(rig *r, int64_t now_ns, bool swapping) {
  siftstream_error *error = NULL;
  siftstream_row *row = r->system.row;
  const double load = read_number("/proc/loadavg");
  const uint32_t level = load > r->cpus ? 2 : load > 0.5 * r->cpus ? 1 : 0;
  const uint8_t flags = (uint8_t)((swapping ? 1u : 0u) | level << 1);
  const siftstream_bytes bits = {&flags, 1};
  return put_double(&r->system, 1, load) && put_double(&r->system, 2, read_number("/proc/uptime")) &&
         put_uint64(&r->system, 3, count_processes()) &&
         good(siftstream_row_set_enum(row, 4, level, &error), &error) &&
         good(siftstream_row_set_bool(row, 5, level == 2, &error), &error) &&
         good(siftstream_row_set_string(row, 6, siftstream_str_of(r->host), &error), &error) &&
         good(siftstream_row_set_bit_field(row, 7, bits, &error), &error) && send_row(r, &r->system, now_ns);
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

static bool run(rig *r, const options *o) {
  const int64_t period = 1000000000 / o->rate, begin = now_ns(CLOCK_MONOTONIC);
  for (int64_t tick = 0; tick < (int64_t)o->rate * o->seconds; tick++) {
    const int64_t now = now_ns(CLOCK_REALTIME);
    bool swapping = false;
    if (!sample_cpu(r, now) || !sample_memory(r, now, &swapping) || !sample_disk(r, now) || !sample_network(r, now) ||
        !sample_system(r, now, swapping)) {
      return false;
    }
    sleep_until(begin + (tick + 1) * period);
  }
  return true;
}

/* Delivers what was accepted and prints what became of it. */
static bool finish(rig *r) {
  siftstream_error *error = NULL;
  siftstream_report *report = NULL;
  const bool ok = good(siftstream_stream_finish(r->stream, 10000, &report, &error), &error);
  printf("accepted %llu rows, confirmed %llu; refused by a full stream %llu\n",
         (unsigned long long)siftstream_report_accepted(report),
         (unsigned long long)siftstream_report_confirmed(report), (unsigned long long)r->refused);
  siftstream_report_free(report);
  return ok && r->refused == 0;
}

/* ---- set-up ---- */

static bool open_flow(rig *r, flow *f, const char *name) {
  siftstream_error *error = NULL;
  siftstream_flow *handle = NULL;
  f->name = name;
  const bool ok = good(siftstream_stream_flow(r->stream, siftstream_str_of(name), &handle, &error), &error) &&
                  good(siftstream_row_create(handle, &f->row, &error), &error);
  siftstream_flow_free(handle);
  return ok;
}

static bool open_rig(rig *r, const options *o) {
  siftstream_error *error = NULL;
  siftstream_config *config = NULL;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  r->cpus = cpus < 1 ? 1 : cpus > MAX_CPUS ? MAX_CPUS : (unsigned)cpus;
  if (gethostname(r->host, sizeof r->host - 1) != 0) {
    strcpy(r->host, "unknown");
  }
  char client_key[NAME_SIZE];
  snprintf(client_key, sizeof client_key, "host-telemetry-%u-cpus-v1", r->cpus);
  const bool ok = good(siftstream_config_create(&config, &error), &error) &&
                  good(siftstream_config_set_uri(config, siftstream_str_of(o->uri), &error), &error) &&
                  good(siftstream_config_set_api_key(config, siftstream_str_of(o->api_key), &error), &error) &&
                  good(siftstream_config_set_insecure(config, o->insecure, &error), &error) &&
                  good(siftstream_config_set_asset(config, siftstream_str_of(o->asset), siftstream_str_of(client_key),
                                                   &error),
                       &error) &&
                  describe(config, r->cpus) &&
                  good(siftstream_stream_create(config, 10000, &r->stream, &error), &error) &&
                  open_flow(r, &r->cpu, "cpu") && open_flow(r, &r->memory, "memory") &&
                  open_flow(r, &r->disk, "disk") && open_flow(r, &r->network, "network") &&
                  open_flow(r, &r->system, "system");
  siftstream_config_free(config);
  return ok;
}

static void close_rig(rig *r) {
  siftstream_row_free(r->cpu.row);
  siftstream_row_free(r->memory.row);
  siftstream_row_free(r->disk.row);
  siftstream_row_free(r->network.row);
  siftstream_row_free(r->system.row);
  siftstream_stream_free(r->stream);
}

static bool parse(int argc, char **argv, options *o) {
  for (int at = 1; at < argc; at++) {
    const char *name = argv[at], *value = at + 1 < argc ? argv[at + 1] : NULL;
    if (strcmp(name, "--insecure") == 0) {
      o->insecure = true;
      continue;
    }
    if (value == NULL) {
      return false;
    }
    at++;
    if (strcmp(name, "--uri") == 0) {
      o->uri = value;
    } else if (strcmp(name, "--api-key") == 0) {
      o->api_key = value;
    } else if (strcmp(name, "--asset") == 0) {
      o->asset = value;
    } else if (strcmp(name, "--rate") == 0) {
      o->rate = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
      o->seconds = (unsigned)strtoul(value, NULL, 10);
    } else {
      return false;
    }
  }
  return o->uri != NULL && o->rate > 0 && o->rate <= 10000;
}

int main(int argc, char **argv) {
  options o = {NULL, "no-key", "host", false, 10, 10};
  if (!parse(argc, argv, &o)) {
    fprintf(stderr,
            "usage: %s --uri URI [--api-key KEY] [--insecure] [--rate HZ (1-10000)] [--seconds S] [--asset NAME]\n",
            argv[0]);
    return 2;
  }
  rig r;
  memset(&r, 0, sizeof r);
  bool ok = open_rig(&r, &o);
  if (ok) {
    const bool sampled = run(&r, &o);
    ok = finish(&r) && sampled;
  }
  close_rig(&r);
  return ok ? 0 : 1;
}
