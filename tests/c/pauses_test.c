/* Sift asks for a wait of ten minutes: the config says how long it is, and the event tells both.
   Arguments: URI, API key, directory. */

#include "files.h"

static siftstream_event *failure_of(const siftstream_stream *stream) {
  for (;;) {
    siftstream_event *event = NULL;
    OK(siftstream_stream_wait_event, (stream, 60000, &event, &error));
    CHECK(event != NULL);
    if (siftstream_event_kind_of(event) == SIFTSTREAM_EVENT_DISCONNECTED) {
      return event;
    }
    OK(siftstream_event_free, (event));
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const target to = {argv[1], argv[2], argv[3]};
  siftstream_config *config = with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, &to, "pauses"));
  OK(siftstream_config_set_max_retry_after_ms, (config, 300, &error));
  siftstream_stream *stream = open_stream(config);
  siftstream_row *row = row_of(stream, "numbers");
  OK(siftstream_row_set_uint64, (row, 0, 1, &error));
  OK(siftstream_stream_send, (stream, row, 10000, &error));
  OK(siftstream_stream_flush_confirmed, (stream, 60000, &error));
  siftstream_event *event = failure_of(stream);
  CHECK(siftstream_event_retry_asked_us(event) == 600000000);
  CHECK(siftstream_event_retry_in_us(event) >= 300000 && siftstream_event_retry_in_us(event) <= 360000);
  OK(siftstream_event_free, (event));
  OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
  OK(siftstream_row_free, (row));
  OK(siftstream_stream_free, (stream));
  return 0;
}
