/* Records rows in files, without a network, and says what is safe. The rows are read with `siftstream backups`. */

#include <siftstream/siftstream.h>
#include <stdio.h>

/* The ID under which Sift knows the schema. Without it, rows wait in `pending/` until a start that can ask Sift. */
#define CONFIG_ID "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f"

static int fail(siftstream_error *error) {
  const siftstream_str message = siftstream_error_message(error);
  fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
  siftstream_error_free(error);
  return 0;
}

static int open_stream(const char *directory, siftstream_stream **stream, siftstream_row **row) {
  siftstream_config *config = NULL;
  siftstream_flow *flow = NULL;
  siftstream_error *error = NULL;
  const siftstream_str motor = SIFTSTREAM_STR("motor"), none = SIFTSTREAM_STR("");
  const int ok =
      !siftstream_config_create(&config, &error) &&
      !siftstream_config_set_mode(config, SIFTSTREAM_MODE_FILE_BACKUP, &error) &&
      !siftstream_config_set_uri(config, SIFTSTREAM_STR("https://grpc-api.siftstack.com"), &error) &&
      !siftstream_config_set_api_key(config, SIFTSTREAM_STR("none"), &error) &&
      !siftstream_config_set_asset(config, SIFTSTREAM_STR("rig"), SIFTSTREAM_STR("rig-v1"), &error) &&
      !siftstream_config_set_ingestion_config_id(config, SIFTSTREAM_STR(CONFIG_ID), &error) &&
      !siftstream_config_set_backups_dir(config, siftstream_str_of(directory), &error) &&
      !siftstream_config_set_max_bytes(config, (uint64_t)1 << 30, &error) &&
      !siftstream_config_set_when_full(config, SIFTSTREAM_WHEN_FULL_DROP_OLDEST, &error) &&
      !siftstream_config_add_flow(config, motor, &error) &&
      !siftstream_config_add_channel(config, motor, SIFTSTREAM_STR("speed"), SIFTSTREAM_DOUBLE, SIFTSTREAM_STR("rpm"),
                                     none, NULL, &error) &&
      !siftstream_stream_create(config, 10000, stream, &error) &&
      !siftstream_stream_flow(*stream, motor, &flow, &error) && !siftstream_row_create(flow, row, &error);
  siftstream_flow_free(flow);
  siftstream_config_free(config);
  return ok || fail(error);
}

static int record(siftstream_stream *stream, siftstream_row *row) {
  siftstream_error *error = NULL;
  int ok = 1;
  for (int at = 0; ok && at < 1000; at++) {
    ok = !siftstream_row_set_double(row, 0, 1200.0 + at, &error) &&
         !siftstream_stream_send(stream, row, 1000, &error);
  }
  uint64_t safe = 0;
  ok = ok && !siftstream_stream_flush(stream, SIFTSTREAM_LEVEL_DURABLE, 10000, &error) &&
       !siftstream_stream_watermark(stream, SIFTSTREAM_LEVEL_DURABLE, &safe, &error);
  printf("%llu rows survive a power failure\n", (unsigned long long)safe);
  return ok || fail(error);
}

static int finish(siftstream_stream *stream) {
  siftstream_error *error = NULL;
  siftstream_report *report = NULL;
  const int ok = !siftstream_stream_finish(stream, 10000, &report, &error);
  printf("on disk %llu, dropped %llu, only in memory %llu\n", (unsigned long long)siftstream_report_on_disk(report),
         (unsigned long long)siftstream_report_dropped(report), (unsigned long long)siftstream_report_in_memory(report));
  siftstream_report_free(report);
  return ok || fail(error);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  siftstream_stream *stream = NULL;
  siftstream_row *row = NULL;
  const int ok = open_stream(argv[1], &stream, &row) && record(stream, row) && finish(stream);
  siftstream_row_free(row);
  siftstream_stream_free(stream);
  return ok ? 0 : 1;
}
