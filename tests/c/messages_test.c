/* Protobuf messages of the program's own type, in each mode. Arguments: URI, API key, directory. */

#include "files.h"

enum { MESSAGES = 300 };

static siftstream_message_stream *open_messages(siftstream_config *config) {
  siftstream_message_stream *stream = NULL;
  OK(siftstream_message_stream_create, (config, text("tests"), 60000, &stream, &error));
  OK(siftstream_config_free, (config));
  return stream;
}

/* `note: "a"` for even numbers, `note: "b"` for odd ones, as protobuf. */
static void send_messages(const siftstream_message_stream *stream) {
  for (int64_t seq = 0; seq < MESSAGES; seq++) {
    const uint8_t bytes[] = {0x0a, 0x01, seq % 2 == 0 ? 'a' : 'b'};
    const siftstream_bytes message = {bytes, sizeof bytes};
    const siftstream_str type = text("rig.v1.Note"), name = text(seq % 2 == 0 ? "Note" : "");
    if (seq % 3 == 0) {
      OK(siftstream_message_stream_send, (stream, type, name, seq, message, 30000, &error));
      continue;
    }
    siftstream_status status = SIFTSTREAM_FULL;
    while (status == SIFTSTREAM_FULL) {
      status = siftstream_message_stream_try_send(stream, type, name, seq, message, NULL);
    }
    CHECK(status == SIFTSTREAM_OK);
  }
}

static void expect_counted(const siftstream_message_stream *stream) {
  siftstream_metrics *metrics = NULL;
  OK(siftstream_message_stream_metrics, (stream, &metrics, &error));
  CHECK(siftstream_metrics_rows_accepted(metrics) == MESSAGES);
  OK(siftstream_metrics_free, (metrics));
}

static void deliver(const target *to, siftstream_mode mode, const char *name) {
  siftstream_message_stream *stream = open_messages(config_for(mode, to, name));
  const bool to_files = mode == SIFTSTREAM_MODE_FILE_BACKUP;
  send_messages(stream);
  OK(siftstream_message_stream_flush,
     (stream, to_files ? SIFTSTREAM_LEVEL_DURABLE : SIFTSTREAM_LEVEL_CONFIRMED, 30000, &error));
  expect_counted(stream);
  siftstream_report *report = NULL;
  OK(siftstream_message_stream_finish, (stream, 30000, &report, &error));
  CHECK(siftstream_report_confirmed(report) == (to_files ? 0 : MESSAGES));
  CHECK(siftstream_report_on_disk(report) == (to_files ? MESSAGES : 0));
  OK(siftstream_report_free, (report));
  const siftstream_bytes nothing = {NULL, 0};
  FAILS(SIFTSTREAM_CLOSED, siftstream_message_stream_send,
        (stream, text("rig.v1.Note"), text(""), 0, nothing, 0, &error));
  OK(siftstream_message_stream_free, (stream));
}

static void refuse(siftstream_config *config, siftstream_status expected) {
  siftstream_message_stream *stream = NULL;
  FAILS(expected, siftstream_message_stream_create, (config, text(""), 60000, &stream, &error));
  CHECK(stream == NULL);
  OK(siftstream_config_free, (config));
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const target to = {argv[1], argv[2], argv[3]};
  deliver(&to, SIFTSTREAM_MODE_LIVE_ONLY, "live");
  deliver(&to, SIFTSTREAM_MODE_LIVE_WITH_BACKUPS, "backed-up");
  deliver(&to, SIFTSTREAM_MODE_FILE_BACKUP, "recorded");

  /* A type is asked for, flows are not, and a run must exist. */
  siftstream_message_stream *stream = open_messages(config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "typeless"));
  const siftstream_bytes nothing = {NULL, 0};
  FAILS(SIFTSTREAM_INVALID_ARGUMENT, siftstream_message_stream_send,
        (stream, text(""), text(""), 0, nothing, 0, &error));
  OK(siftstream_message_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_message_stream_free, (stream));
  refuse(with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "flows")), SIFTSTREAM_INVALID_ARGUMENT);
  siftstream_config *config = config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "run");
  OK(siftstream_config_attach_run, (config, text("run"), text("run"), &error));
  refuse(config, SIFTSTREAM_INVALID_ARGUMENT);
  config = config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "asset");
  OK(siftstream_config_set_asset, (config, text(""), text(""), &error));
  refuse(config, SIFTSTREAM_NOT_CONFIGURED);
  return 0;
}
