/* Reaches a server of its own CA that asks for a certificate and has another name than its address.
 * Arguments: URI, API key, server name, and the PEM files of the CA, of the client's certificate and of its key. */

#include "check.h"

static uint8_t memory[3][16 * 1024];

static siftstream_bytes read_file(const char *path, uint8_t *into) {
  siftstream_bytes bytes = {into, 0};
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  bytes.len = fread(into, 1, sizeof memory[0], file);
  CHECK(bytes.len > 0 && fclose(file) == 0);
  return bytes;
}

int main(int argc, char **argv) {
  CHECK(argc == 7);
  const siftstream_bytes ca = read_file(argv[4], memory[0]), certificate = read_file(argv[5], memory[1]),
                         key = read_file(argv[6], memory[2]);
  siftstream_config *config = NULL;
  siftstream_stream *stream = NULL;
  siftstream_flow *flow = NULL;
  siftstream_row *row = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_set_uri, (config, text(argv[1]), &error));
  OK(siftstream_config_set_api_key, (config, text(argv[2]), &error));
  OK(siftstream_config_set_asset, (config, text("rig"), text("rig-v1"), &error));
  OK(siftstream_config_set_control_retry_policy, (config, 1, 50, 50, 1, &error));
  OK(siftstream_config_set_min_tls_version, (config, SIFTSTREAM_TLS_1_3, &error));
  OK(siftstream_config_add_flow, (config, text("numbers"), &error));
  OK(siftstream_config_add_channel,
     (config, text("numbers"), text("seq"), SIFTSTREAM_UINT64, text(""), text(""), NULL, &error));

  FAILS(SIFTSTREAM_TLS, siftstream_stream_create, (config, 20000, &stream, &error));
  OK(siftstream_config_set_extra_ca_pem, (config, ca, &error));
  FAILS(SIFTSTREAM_TLS, siftstream_stream_create, (config, 20000, &stream, &error));
  OK(siftstream_config_set_server_name, (config, text(argv[3]), &error));
  CHECK(siftstream_stream_create(config, 20000, &stream, NULL) != SIFTSTREAM_OK);
  OK(siftstream_config_set_client_identity, (config, certificate, key, &error));
  OK(siftstream_stream_create, (config, 20000, &stream, &error));

  OK(siftstream_stream_flow, (stream, text("numbers"), &flow, &error));
  OK(siftstream_row_create, (flow, &row, &error));
  OK(siftstream_stream_send, (stream, row, 10000, &error));
  OK(siftstream_stream_finish, (stream, 10000, NULL, &error));
  OK(siftstream_row_free, (row));
  OK(siftstream_flow_free, (flow));
  OK(siftstream_stream_free, (stream));
  OK(siftstream_config_free, (config));
  return 0;
}
