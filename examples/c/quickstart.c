/* The shortest program that streams a row to Sift and sees it confirmed. */

#include <siftstream/siftstream.h>
#include <stdio.h>

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s URI API_KEY\n", argv[0]);
    return 2;
  }
  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  siftstream_error *error = NULL;
  const siftstream_str name = SIFTSTREAM_STR("motor"), none = SIFTSTREAM_STR("");
  uint32_t speed = 0;

  /* Each call is made only if the one before it went well. `insecure` allows http://, for a local server. */
  const int ok = !siftstream_config_create(&config, &error) &&
                 !siftstream_config_set_uri(config, siftstream_str_of(argv[1]), &error) &&
                 !siftstream_config_set_api_key(config, siftstream_str_of(argv[2]), &error) &&
                 !siftstream_config_set_insecure(config, true, &error) &&
                 !siftstream_config_set_asset(config, SIFTSTREAM_STR("rig"), SIFTSTREAM_STR("rig-v1"), &error) &&
                 !siftstream_config_add_flow(config, name, &error) &&
                 !siftstream_config_add_channel(config, name, SIFTSTREAM_STR("speed"), SIFTSTREAM_DOUBLE,
                                                SIFTSTREAM_STR("rpm"), none, &speed, &error) &&
                 !siftstream_stream_create(config, 10000, &stream, &error) &&
                 !siftstream_stream_flow(stream, name, &flow, &error) &&
                 !siftstream_row_create(flow, &row, &error) &&
                 !siftstream_row_set_double(row, speed, 1200.0, &error) &&
                 !siftstream_stream_send(stream, row, 1000, &error) &&
                 !siftstream_stream_finish(stream, 10000, NULL, &error);
  if (!ok) {
    const siftstream_str message = siftstream_error_message(error);
    fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
  }
  siftstream_row_free(row);
  siftstream_flow_free(flow);
  siftstream_stream_free(stream);
  siftstream_config_free(config);
  siftstream_error_free(error);
  return ok ? 0 : 1;
}
