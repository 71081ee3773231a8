/* The stream of a configuration file, completed by the environment: one row, confirmed. Usage: config_file_test FILE */
#include <stdio.h>

#include "siftstream/siftstream.h"

static int failed(siftstream_error *error) {
  siftstream_str message = siftstream_error_message(error);
  fprintf(stderr, "config_file_test: %.*s\n", (int)message.len, message.ptr);
  siftstream_error_free(error);
  return 1;
}

int main(int argc, char **argv) {
  siftstream_error *error = NULL;
  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  if (argc != 2) {
    return 2;
  }
  if (siftstream_config_create(&config, &error) || siftstream_config_load_env(config, &error) ||
      siftstream_config_load_file(config, siftstream_str_of(argv[1]), &error) ||
      siftstream_stream_create(config, 30000, &stream, &error)) {
    return failed(error);
  }
  siftstream_config_free(config);
  if (siftstream_stream_flow(stream, SIFTSTREAM_STR("engine"), &flow, &error) ||
      siftstream_row_create(flow, &row, &error) || siftstream_row_set_timestamp_ns(row, 1, &error) ||
      siftstream_row_set_uint64(row, 0, 0, &error) ||
      siftstream_stream_send(stream, row, 30000, &error) ||
      siftstream_stream_finish(stream, 60000, NULL, &error)) {
    return failed(error);
  }
  siftstream_row_free(row);
  siftstream_flow_free(flow);
  siftstream_stream_free(stream);
  return 0;
}
