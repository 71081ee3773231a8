/* Makes one good object of each type, and a freed one, and runs the generated table of misuse. Arguments: URI, API key. */

#include "misuse.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { ERRNO = 77 };

const siftstream_str not_utf8 = {"\xff\xfe", 2}, no_text = {NULL, 3}, endless_text = {"x", SIZE_MAX};
const siftstream_bytes some_bytes = {(const uint8_t *)"bytes", 5}, no_bytes = {NULL, 3},
                       endless_bytes = {(const uint8_t *)"x", SIZE_MAX};
const int64_t times[1] = {1};
const uint32_t numbers[1] = {0};
static const double doubles[1] = {1.0};
const siftstream_column column = {doubles, 1, NULL, 0, SIFTSTREAM_DOUBLE};
const siftstream_value values[11];
const siftstream_channel_value channel_value = {{"type_1", 6}, {0}};
int here;

uint64_t out_uint64_t;
int64_t out_int64_t;
uint32_t out_uint32_t;
int32_t out_int32_t;
size_t out_size_t;
int out_int;
double out_double;
siftstream_str out_siftstream_str;
siftstream_bytes out_siftstream_bytes;

extern siftstream_config *good_siftstream_config, *freed_siftstream_config;
extern siftstream_stream *good_siftstream_stream, *freed_siftstream_stream;
extern siftstream_flow *good_siftstream_flow, *freed_siftstream_flow;
extern siftstream_row *good_siftstream_row, *freed_siftstream_row;
extern siftstream_event *good_siftstream_event, *freed_siftstream_event;
extern siftstream_error *good_siftstream_error, *freed_siftstream_error;
extern siftstream_metrics *good_siftstream_metrics, *freed_siftstream_metrics;
extern siftstream_report *good_siftstream_report, *freed_siftstream_report;
extern siftstream_mark *good_siftstream_mark, *freed_siftstream_mark;
extern siftstream_recovery *good_siftstream_recovery, *freed_siftstream_recovery;
extern siftstream_metrics_server *good_siftstream_metrics_server, *freed_siftstream_metrics_server;
extern siftstream_message_stream *good_siftstream_message_stream, *freed_siftstream_message_stream;

void on_event(void *user_data, const siftstream_event *event) {
  (void)user_data;
  (void)event;
}

void on_log(void *user_data, siftstream_log_level level, int64_t time_ns, siftstream_str target, siftstream_str message) {
  CHECK(user_data == NULL && level > 0 && time_ns > 0 && target.len > 0 && message.len > 0);
}

static sigset_t mask;

void begin_call(void) { errno = ERRNO; }

void end_call(const char *call) {
  const int now = errno;
  sigset_t mask_now;
  pthread_sigmask(SIG_SETMASK, NULL, &mask_now);
  for (int signal = 1; signal < 32; signal++) {
    if (sigismember(&mask_now, signal) != sigismember(&mask, signal)) {
      fprintf(stderr, "%s changed the mask of signal %d\n", call, signal);
      exit(1);
    }
  }
  if (now != ERRNO) {
    fprintf(stderr, "%s set errno to %d\n", call, now);
    exit(1);
  }
}

static int failures;

void expect_refusal(const char *call, siftstream_status status, siftstream_error *error) {
  const bool told = error == NULL || siftstream_error_code(error) == status;
  if (status != SIFTSTREAM_INVALID_ARGUMENT || !told) {
    const siftstream_str why = siftstream_error_message(error);
    fprintf(stderr, "%s: %s: %.*s\n", call, siftstream_status_name(status), (int)why.len, why.ptr);
    failures++;
  }
  if (siftstream_error_free(error) != SIFTSTREAM_OK) {
    failures++;
  }
}

void expect_nothing(const char *call, bool nothing) {
  if (!nothing) {
    fprintf(stderr, "not true: %s\n", call);
    failures++;
  }
}

static siftstream_config *config_for(const char *uri, const char *key) {
  siftstream_config *config = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_set_uri, (config, text(uri), &error));
  OK(siftstream_config_set_api_key, (config, text(key), &error));
  OK(siftstream_config_set_insecure, (config, true, &error));
  OK(siftstream_config_set_asset, (config, text("misuse"), text("misuse-v1"), &error));
  OK(siftstream_config_attach_run, (config, text("misuse"), text("misuse-run"), &error));
  OK(siftstream_config_add_flow, (config, text("all"), &error));
  for (int32_t type = SIFTSTREAM_DOUBLE; type <= SIFTSTREAM_BYTES; type++) {
    char name[16];
    snprintf(name, sizeof name, "type_%d", (int)type);
    OK(siftstream_config_add_channel, (config, text("all"), text(name), type, text(""), text(""), NULL, &error));
  }
  return config;
}

static siftstream_message_stream *message_stream(const char *uri, const char *key) {
  siftstream_config *config = NULL;
  siftstream_message_stream *stream = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_set_uri, (config, text(uri), &error));
  OK(siftstream_config_set_api_key, (config, text(key), &error));
  OK(siftstream_config_set_insecure, (config, true, &error));
  OK(siftstream_config_set_asset, (config, text("misuse"), text("misuse-v1"), &error));
  OK(siftstream_message_stream_create, (config, text("misuse"), 60000, &stream, &error));
  OK(siftstream_config_free, (config));
  return stream;
}

static siftstream_mark *full_mark(void) {
  siftstream_mark *mark = NULL;
  OK(siftstream_mark_create, (&mark, &error));
  OK(siftstream_mark_set_offset, (mark, text("a text"), 1, &error));
  OK(siftstream_mark_set_state, (mark, text("a text"), some_bytes, &error));
  OK(siftstream_mark_set_metadata, (mark, text("a text"), text("a text"), &error));
  OK(siftstream_mark_set_event_time, (mark, 1, &error));
  return mark;
}

static siftstream_event *event_with_rows(const siftstream_stream *stream) {
  siftstream_event *event = NULL;
  do {
    siftstream_event_free(event);
    OK(siftstream_stream_wait_event, (stream, 10000, &event, &error));
    CHECK(event != NULL);
  } while (siftstream_event_kind_of(event) != SIFTSTREAM_EVENT_CHECKPOINT);
  return event;
}

/* Objects on a stream that has sent a row, marked it, and seen it confirmed. */
static void make_objects(siftstream_config *config) {
  good_siftstream_config = config;
  OK(siftstream_stream_create, (config, 60000, &good_siftstream_stream, &error));
  OK(siftstream_stream_flow, (good_siftstream_stream, text("all"), &good_siftstream_flow, &error));
  OK(siftstream_row_create, (good_siftstream_flow, &good_siftstream_row, &error));
  OK(siftstream_stream_send, (good_siftstream_stream, good_siftstream_row, 10000, &error));
  good_siftstream_mark = full_mark();
  OK(siftstream_stream_mark, (good_siftstream_stream, good_siftstream_mark, &error));
  OK(siftstream_stream_flush_confirmed, (good_siftstream_stream, 60000, &error));
  good_siftstream_event = event_with_rows(good_siftstream_stream);
  OK(siftstream_stream_recover, (good_siftstream_stream, &good_siftstream_recovery, &error));
  OK(siftstream_stream_metrics, (good_siftstream_stream, &good_siftstream_metrics, &error));
  OK(siftstream_metrics_server_start, (text("127.0.0.1:0"), &good_siftstream_metrics_server, &error));
  CHECK(siftstream_config_create(NULL, &good_siftstream_error) == SIFTSTREAM_INVALID_ARGUMENT);
}

/* The same again, to be freed. */
static void make_freed(siftstream_config *config) {
  siftstream_stream *stream = NULL;
  OK(siftstream_stream_create, (config, 60000, &stream, &error));
  OK(siftstream_stream_flow, (stream, text("all"), &freed_siftstream_flow, &error));
  OK(siftstream_row_create, (freed_siftstream_flow, &freed_siftstream_row, &error));
  OK(siftstream_stream_send, (stream, freed_siftstream_row, 10000, &error));
  OK(siftstream_stream_flush_confirmed, (stream, 60000, &error));
  freed_siftstream_event = event_with_rows(stream);
  freed_siftstream_mark = full_mark();
  OK(siftstream_stream_recover, (stream, &freed_siftstream_recovery, &error));
  OK(siftstream_stream_metrics, (stream, &freed_siftstream_metrics, &error));
  CHECK(siftstream_config_create(NULL, &freed_siftstream_error) == SIFTSTREAM_INVALID_ARGUMENT);
  OK(siftstream_stream_finish, (stream, 60000, &good_siftstream_report, &error));
  OK(siftstream_stream_finish, (stream, 60000, &freed_siftstream_report, &error));
  OK(siftstream_metrics_server_start, (text("127.0.0.1:0"), &freed_siftstream_metrics_server, &error));
  OK(siftstream_metrics_server_free, (freed_siftstream_metrics_server));
  OK(siftstream_event_free, (freed_siftstream_event));
  OK(siftstream_mark_free, (freed_siftstream_mark));
  OK(siftstream_recovery_free, (freed_siftstream_recovery));
  OK(siftstream_metrics_free, (freed_siftstream_metrics));
  OK(siftstream_error_free, (freed_siftstream_error));
  OK(siftstream_report_free, (freed_siftstream_report));
  OK(siftstream_row_free, (freed_siftstream_row));
  OK(siftstream_flow_free, (freed_siftstream_flow));
  OK(siftstream_stream_free, (stream));
  OK(siftstream_config_free, (config));
  freed_siftstream_stream = stream;
  freed_siftstream_config = config;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  OK(siftstream_set_log_callback, (on_log, NULL, NULL, SIFTSTREAM_LOG_TRACE, &error));
  make_freed(config_for(argv[1], argv[2]));
  make_objects(config_for(argv[1], argv[2]));
  freed_siftstream_message_stream = message_stream(argv[1], argv[2]);
  OK(siftstream_message_stream_free, (freed_siftstream_message_stream));
  good_siftstream_message_stream = message_stream(argv[1], argv[2]);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  misuse_everything();
  CHECK(strcmp(setlocale(LC_ALL, NULL), "C") == 0);
  OK(siftstream_stream_finish, (good_siftstream_stream, 60000, NULL, &error));
  OK(siftstream_message_stream_finish, (good_siftstream_message_stream, 60000, NULL, &error));
  OK(siftstream_message_stream_free, (good_siftstream_message_stream));
  OK(siftstream_metrics_server_free, (good_siftstream_metrics_server));
  OK(siftstream_event_free, (good_siftstream_event));
  OK(siftstream_mark_free, (good_siftstream_mark));
  OK(siftstream_recovery_free, (good_siftstream_recovery));
  OK(siftstream_metrics_free, (good_siftstream_metrics));
  OK(siftstream_error_free, (good_siftstream_error));
  OK(siftstream_report_free, (good_siftstream_report));
  OK(siftstream_row_free, (good_siftstream_row));
  OK(siftstream_flow_free, (good_siftstream_flow));
  OK(siftstream_stream_free, (good_siftstream_stream));
  OK(siftstream_config_free, (good_siftstream_config));
  OK(siftstream_set_log_callback, (NULL, NULL, NULL, 0, &error));
  return failures == 0 ? 0 : 1;
}
