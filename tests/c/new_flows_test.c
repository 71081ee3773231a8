/* Flows that are registered when their first row is sent: as the row tells, as staged, and refused.
   Arguments: URI, API key, directory. */

#include "files.h"
#include <string.h>

static siftstream_channel_value seq_of(uint64_t seq) {
  siftstream_channel_value value;
  memset(&value, 0, sizeof value);
  value.channel = text("seq");
  value.value.channel_type = SIFTSTREAM_UINT64;
  value.value.content.uint64_value = seq;
  return value;
}

static siftstream_channel_value flag_of(bool flag) {
  siftstream_channel_value value;
  memset(&value, 0, sizeof value);
  value.channel = text("flag");
  value.value.channel_type = SIFTSTREAM_BOOL;
  value.value.content.bool_value = flag;
  return value;
}

static void send_rows(const siftstream_stream *stream, const char *flow, uint64_t rows) {
  for (uint64_t seq = 0; seq < rows; seq++) {
    const siftstream_channel_value values[] = {seq_of(seq), flag_of(seq % 2 == 0)};
    OK(siftstream_stream_send_by_name, (stream, text(flow), (int64_t)seq, values, 2, 30000, &error));
  }
}

/* `seq` and `flag`, and an enum that rows do not tell. */
static void stage(const siftstream_stream *stream, const char *flow) {
  siftstream_config *config = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_add_flow, (config, text(flow), &error));
  OK(siftstream_config_add_channel,
     (config, text(flow), text("seq"), SIFTSTREAM_UINT64, text("rows"), text(""), NULL, &error));
  OK(siftstream_config_add_channel, (config, text(flow), text("flag"), SIFTSTREAM_BOOL, text(""), text(""), NULL, &error));
  OK(siftstream_config_add_channel, (config, text(flow), text("gear"), SIFTSTREAM_ENUM, text(""), text(""), NULL, &error));
  OK(siftstream_config_add_enum_type, (config, text(flow), text("gear"), text("up"), 3, &error));
  OK(siftstream_stream_stage_flows, (stream, config, &error));
  OK(siftstream_config_free, (config));
}

static void try_until_sent(const siftstream_stream *stream, const char *flow) {
  const siftstream_channel_value values[] = {seq_of(0), flag_of(false)};
  siftstream_status status = siftstream_stream_try_send_by_name(stream, text(flow), 0, values, 2, NULL);
  CHECK(status == SIFTSTREAM_FULL);
  while (status == SIFTSTREAM_FULL) {
    status = siftstream_stream_try_send_by_name(stream, text(flow), 0, values, 2, NULL);
  }
  CHECK(status == SIFTSTREAM_OK);
}

/* Another client registers the flow with one channel, of another type. */
static void rival_registers(const target *to, const char *flow) {
  siftstream_stream *rival = open_stream(with_numbers(config_for(SIFTSTREAM_MODE_LIVE_ONLY, to, "rival")));
  siftstream_config *config = NULL;
  OK(siftstream_config_create, (&config, &error));
  OK(siftstream_config_add_flow, (config, text(flow), &error));
  OK(siftstream_config_add_channel, (config, text(flow), text("flag"), SIFTSTREAM_DOUBLE, text(""), text(""), NULL, &error));
  OK(siftstream_stream_add_new_flows, (rival, config, 30000, &error));
  OK(siftstream_config_free, (config));
  OK(siftstream_stream_free, (rival));
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const target to = {argv[1], argv[2], argv[3]};
  const siftstream_mode modes[] = {SIFTSTREAM_MODE_LIVE_ONLY, SIFTSTREAM_MODE_LIVE_WITH_BACKUPS};
  const char *const derived[] = {"derived-live", "derived-backed"}, *const staged[] = {"staged-live", "staged-backed"};
  for (int at = 0; at < 2; at++) {
    siftstream_config *config = with_numbers(config_for(modes[at], &to, "new-flows"));
    OK(siftstream_config_set_auto_register_flows, (config, true, &error));
    siftstream_stream *stream = open_stream(config);
    send_rows(stream, derived[at], 100);
    stage(stream, staged[at]);
    send_rows(stream, staged[at], 100);
    try_until_sent(stream, at == 0 ? "tried-live" : "tried-backed");
    const char *const clash = at == 0 ? "clash-live" : "clash-backed";
    const siftstream_channel_value values[] = {flag_of(true), seq_of(0)};
    rival_registers(&to, clash);
    FAILS(SIFTSTREAM_SCHEMA_MISMATCH, siftstream_stream_send_by_name,
          (stream, text(clash), 0, values, 2, 30000, &error));
    OK(siftstream_stream_finish, (stream, 30000, NULL, &error));
    OK(siftstream_stream_free, (stream));
  }
  return 0;
}
