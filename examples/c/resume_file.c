/* Streams the numbers in a file, one a line, and goes on after a crash where it has to: no line is lost.
   Kill it at any moment and start it again with the same arguments. */

#include <siftstream/siftstream.h>
#include <stdio.h>
#include <stdlib.h>

/* After how many lines the stream is told how far it has come. */
#define LINES_PER_MARK 100

static siftstream_str source(void) { return SIFTSTREAM_STR("lines"); }

static int fail(siftstream_error *error) {
  const siftstream_str message = siftstream_error_message(error);
  fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
  siftstream_error_free(error);
  return 0;
}

static int open_stream(char **argv, siftstream_stream **stream, siftstream_row **row) {
  siftstream_config *config = NULL;
  siftstream_flow *flow = NULL;
  siftstream_error *error = NULL;
  const siftstream_str lines = SIFTSTREAM_STR("lines"), none = SIFTSTREAM_STR("");
  /* `insecure` allows http://, for a local server. Rows are confirmed, and the checkpoint stored, four times a second. */
  const int ok = !siftstream_config_create(&config, &error) &&
                 !siftstream_config_set_uri(config, siftstream_str_of(argv[1]), &error) &&
                 !siftstream_config_set_api_key(config, siftstream_str_of(argv[2]), &error) &&
                 !siftstream_config_set_insecure(config, true, &error) &&
                 !siftstream_config_set_asset(config, SIFTSTREAM_STR("rig"), SIFTSTREAM_STR("rig-lines"), &error) &&
                 !siftstream_config_set_checkpoint_file(config, siftstream_str_of(argv[4]), &error) &&
                 !siftstream_config_set_checkpoint_interval_ms(config, 250, &error) &&
                 !siftstream_config_add_flow(config, lines, &error) &&
                 !siftstream_config_add_channel(config, lines, SIFTSTREAM_STR("number"), SIFTSTREAM_UINT64, none, none,
                                                NULL, &error) &&
                 !siftstream_stream_create(config, 10000, stream, &error) &&
                 !siftstream_stream_flow(*stream, lines, &flow, &error) && !siftstream_row_create(flow, row, &error);
  siftstream_flow_free(flow);
  siftstream_config_free(config);
  return ok || fail(error);
}

/* The offset is the position in the file: the first byte that no sent row covers. */
static int seek_to_where_it_stopped(siftstream_stream *stream, FILE *file) {
  siftstream_error *error = NULL;
  siftstream_recovery *found = NULL;
  if (siftstream_stream_recover(stream, &found, &error)) {
    return fail(error);
  }
  const uint64_t offset = siftstream_recovery_offset(found, source());
  siftstream_recovery_free(found);
  printf("resumed at byte %llu\n", (unsigned long long)offset);
  fflush(stdout);
  return fseek(file, (long)offset, SEEK_SET) == 0;
}

static int stream_lines(siftstream_stream *stream, siftstream_row *row, FILE *file) {
  siftstream_error *error = NULL;
  char line[64];
  int ok = 1;
  for (unsigned long sent = 1; ok && fgets(line, sizeof line, file) != NULL; sent++) {
    ok = !siftstream_row_set_uint64(row, 0, strtoull(line, NULL, 10), &error) &&
         !siftstream_stream_send(stream, row, 10000, &error);
    if (ok && sent % LINES_PER_MARK == 0) {
      ok = !siftstream_stream_mark_offset(stream, source(), (uint64_t)ftell(file), &error);
    }
  }
  ok = ok && !siftstream_stream_mark_offset(stream, source(), (uint64_t)ftell(file), &error) &&
       !siftstream_stream_finish(stream, 10000, NULL, &error);
  return ok || fail(error);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s URI API_KEY FILE CHECKPOINT_FILE\n", argv[0]);
    return 2;
  }
  FILE *file = fopen(argv[3], "rb");
  if (file == NULL) {
    perror(argv[3]);
    return 1;
  }
  siftstream_stream *stream = NULL;
  siftstream_row *row = NULL;
  const int ok = open_stream(argv, &stream, &row) && seek_to_where_it_stopped(stream, file) &&
                 stream_lines(stream, row, file);
  siftstream_row_free(row);
  siftstream_stream_free(stream);
  fclose(file);
  return ok ? 0 : 1;
}
