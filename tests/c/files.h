/* Streams with files: recordings, which need no network, and live streams with backups. */

#ifndef SIFTSTREAM_TESTS_FILES_H
#define SIFTSTREAM_TESTS_FILES_H

#include "check.h"

#define CONFIG_ID "0f5c61a7-6c9b-4a3e-9d0e-2b7f3c1d4e5f"

/* Where rows go. */
typedef struct target {
  const char *uri, *key, *directory;
} target;

static inline siftstream_config *config_for(siftstream_mode mode, const target *to, const char *stream_name) {
  siftstream_config *config = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_set_mode, (config, mode, &error));
  OK(siftstream_config_set_uri, (config, text(to->uri), &error));
  OK(siftstream_config_set_insecure, (config, true, &error));
  OK(siftstream_config_set_api_key, (config, text(to->key), &error));
  OK(siftstream_config_set_asset, (config, text("rig"), text("rig-v1"), &error));
  OK(siftstream_config_set_backups_dir, (config, text(to->directory), &error));
  OK(siftstream_config_set_stream_name, (config, text(stream_name), &error));
  OK(siftstream_config_set_min_free, (config, 0, &error));
  return config;
}

/* Address, key and the ID of the schema are given: nobody is asked. */
static inline siftstream_config *files_config(const char *directory, const char *stream_name) {
  const target nobody = {"http://127.0.0.1:1", "a-key-for-nobody", directory};
  siftstream_config *config = config_for(SIFTSTREAM_MODE_FILE_BACKUP, &nobody, stream_name);
  OK(siftstream_config_set_ingestion_config_id, (config, text(CONFIG_ID), &error));
  return config;
}

/* One flow `numbers` with one channel `seq`. */
static inline siftstream_config *with_numbers(siftstream_config *config) {
  const siftstream_str flow = text("numbers"), none = text("");
  OK(siftstream_config_add_flow, (config, flow, &error));
  OK(siftstream_config_add_channel, (config, flow, text("seq"), SIFTSTREAM_UINT64, none, none, NULL, &error));
  return config;
}

static inline siftstream_config *numbers_config(const char *directory, const char *stream_name) {
  return with_numbers(files_config(directory, stream_name));
}

static inline siftstream_config *backups_config(const target *to, const char *stream_name) {
  return with_numbers(config_for(SIFTSTREAM_MODE_LIVE_WITH_BACKUPS, to, stream_name));
}

static inline siftstream_stream *open_stream(siftstream_config *config) {
  siftstream_stream *stream = NULL;
  OK(siftstream_stream_create, (config, 60000, &stream, &error));
  OK(siftstream_config_free, (config));
  return stream;
}

static inline siftstream_row *row_of(const siftstream_stream *stream, const char *flow_name) {
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  OK(siftstream_stream_flow, (stream, text(flow_name), &flow, &error));
  OK(siftstream_row_create, (flow, &row, &error));
  OK(siftstream_flow_free, (flow));
  return row;
}

static inline uint64_t watermark(const siftstream_stream *stream, siftstream_level level) {
  uint64_t rows = 0;
  OK(siftstream_stream_watermark, (stream, level, &rows, &error));
  return rows;
}

#endif
