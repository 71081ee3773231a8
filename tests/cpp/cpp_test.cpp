/* Streams rows of all types with the C++ header and checks what comes back. Arguments: URI, API key. */

#include "check.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using siftstream::status;

enum class phase : std::uint32_t { idle = 0, burn = 1 };

/* The channels of the flow `all`, in its order. */
struct all_channels {
  siftstream::channel<double> measured;
  siftstream::channel<std::string_view> note;
  siftstream::channel<phase> state;
  siftstream::channel<siftstream::bit_field> flags;
  siftstream::channel<bool> armed;
  siftstream::channel<float> small;
  siftstream::channel<std::int32_t> int32;
  siftstream::channel<std::uint32_t> uint32;
  siftstream::channel<std::int64_t> int64;
  siftstream::channel<std::uint64_t> seq;
  siftstream::channel<siftstream::bytes_view> raw;
};

template <class T>
siftstream::channel<T> add(siftstream::config& config, std::string_view name) {
  return value_of(config.add_channel<T>("all", name));
}

all_channels describe(siftstream::config& config) {
  OK(config.add_flow("all"));
  all_channels all{add<double>(config, "measured"),          add<std::string_view>(config, "note"),
                   add<phase>(config, "state"),              add<siftstream::bit_field>(config, "flags"),
                   add<bool>(config, "armed"),               add<float>(config, "small"),
                   add<std::int32_t>(config, "int32"),       add<std::uint32_t>(config, "uint32"),
                   add<std::int64_t>(config, "int64"),       add<std::uint64_t>(config, "seq"),
                   add<siftstream::bytes_view>(config, "raw")};
  OK(config.add_enum_type("all", "state", "burn", 1));
  OK(config.add_bit_field_element("all", "flags", "low", 0, 4));
  return all;
}

siftstream::config config_for(const char* uri, const char* key) {
  siftstream::config config = value_of(siftstream::config::create());
  OK(config.set_uri(uri));
  OK(config.set_api_key(key));
  OK(config.set_insecure(true));
  OK(config.set_asset("cpp", "cpp-v1"));
  OK(config.set_linger(500us));
  OK(config.set_checkpoint_interval(60s));
  return config;
}

void errors_say_what_happened(siftstream::config& config) {
  siftstream::result<void> refused = config.add_flow("\xff");
  CHECK(!refused && refused.code() == status::invalid_argument);
  CHECK(refused.error().message().size() > 10 && !refused.error().is_retryable());
  CHECK(refused.error().data_status() == siftstream::data_status::not_accepted);
  siftstream::error taken = std::move(refused).take_error();
  CHECK(taken.code() == status::invalid_argument && taken.get() != nullptr);
  const siftstream::error full(status::full);
  CHECK(full.message() == "FULL" && full.is_retryable());
  CHECK(siftstream::result<int>(siftstream::error(status::busy)).value_or(7) == 7);
#ifndef SIFTSTREAM_NO_EXCEPTIONS
  bool thrown = false;
  try {
    config.add_channel<double>("no such flow", "x").value();
  } catch (const siftstream::exception& why) {
    const siftstream::exception copy = why;
    thrown = copy.code() == status::unknown_flow && std::strncmp(copy.what(), "UNKNOWN_FLOW: ", 14) == 0;
  }
  CHECK(thrown);
#endif
}

void objects_move_and_free(const char* uri, const char* key) {
  siftstream::config first = config_for(uri, key);
  siftstream_config* handle = first.get();
  siftstream::config second = std::move(first);
  CHECK(!first && second.get() == handle);  // NOLINT: what a moved-from object is, is promised.
  CHECK(first.set_uri(uri).code() == status::invalid_argument);
  first = std::move(second);
  CHECK(first.get() == handle && first.set_uri(uri));
  handle = first.release();
  CHECK(siftstream_config_free(handle) == SIFTSTREAM_OK);
  {
    siftstream::config freed = config_for(uri, key);
    handle = freed.get();
  }
  CHECK(siftstream_config_free(handle) == SIFTSTREAM_INVALID_ARGUMENT);
}

void set_all(siftstream::row& row, const all_channels& all, std::uint64_t seq) {
  const std::uint8_t bytes[3] = {0, 127, 255};
  OK(row.set_timestamp_ns(static_cast<std::int64_t>(seq)));
  OK(row.set(all.measured, 0.5));
  OK(row.set(all.note, "text"));
  OK(row.set(all.state, phase::burn));
  OK(row.set(all.flags, siftstream::bit_field{siftstream::bytes_view(bytes, 1)}));
  OK(row.set(all.armed, true));
  OK(row.set(all.small, 0.25f));
  OK(row.set(all.int32, -5));
  OK(row.set(all.uint32, 5u));
  OK(row.set(all.int64, -6));
  OK(row.set(all.seq, seq));
  OK(row.set(all.raw, siftstream::bytes_view(bytes, 3)));
}

void types_are_checked(const siftstream::flow& flow, siftstream::row& row) {
  CHECK(value_of(flow.channel_index("seq")) == 9);
  CHECK(value_of(flow.channel_type(9)) == siftstream::channel_type::uint64);
  CHECK(value_of(flow.channel<double>("measured")).index == 0);
  CHECK(flow.channel<float>("measured").code() == status::wrong_type);
  CHECK(flow.channel<float>("nothing").code() == status::unknown_channel);
  OK(row.set<double>(0, 1));
  OK(row.set(9, 5ULL));
  OK(row.set(8, -5LL));
  OK(row.set(1, std::string("text")));
  CHECK(row.set<float>(0, 1.0f).code() == status::wrong_type);
  CHECK(row.set(0, 1).code() == status::wrong_type);
  OK(row.set_empty(0));
}

void send_rows(const siftstream::stream& stream, siftstream::row& row, const all_channels& all) {
  const std::uint64_t before = allocations();
  for (std::uint64_t seq = 0; seq < 1000; seq++) {
    set_all(row, all, seq);
    siftstream::result<void> sent = stream.try_send(row);
    while (sent.code() == status::full) {
      sent = stream.try_send(row);
    }
    OK(sent);
  }
  CHECK(allocations() == before);
  OK(row_of_the_other_file(row, all.measured));
  OK(stream.send(row, 10s));
  using siftstream::empty;
  const siftstream::bit_field flags{siftstream::bytes_view("x", 1)};
  OK(stream.try_send_values(row, 7, 1.0, "text", phase::idle, flags, false, 1.0f, 1, 1u, -1LL, std::uint64_t{1001},
                            siftstream::bytes_view("raw", 3)));
  OK(stream.try_send_values(row, 8, empty, empty, empty, empty, empty, empty, empty, empty, empty, 1002ULL, empty));
  CHECK(stream.try_send_values(row, 8, 1.0).code() == status::invalid_argument);
  OK(row.set_values(9, empty, empty, empty, empty, empty, empty, empty, empty, empty, 1003ULL, empty));
  OK(stream.send(row, 10s));
}

void send_columns(const siftstream::stream& stream, const siftstream::flow& flow, const all_channels& all) {
  std::vector<std::int64_t> times;
  std::vector<double> measured;
  std::vector<std::uint64_t> seq;
  std::vector<siftstream_str> notes;
  for (std::uint64_t at = 0; at < 1000; at++) {
    times.push_back(static_cast<std::int64_t>(at));
    measured.push_back(static_cast<double>(at));
    seq.push_back(1004 + at);
    notes.push_back(SIFTSTREAM_STR("text"));
  }
  const std::vector<std::uint8_t> every_second(125, 0x55);
  const siftstream::column columns[] = {siftstream::column(all.measured, measured, every_second.data()),
                                        siftstream::column(all.seq, seq), siftstream::column(1, notes)};
  std::size_t next = 0;
  OK(stream.send_columns(flow, times, columns, next, 10s));
  CHECK(next == 1000);
  const std::array<siftstream::column, 1> short_one = {siftstream::column(all.measured, measured.data(), 3)};
  next = 0;
  CHECK(stream.try_send_columns(flow, times, short_one, next).code() == status::invalid_argument && next == 0);
#ifdef __cpp_lib_span
  const std::span<const double> span(measured);
  const siftstream::column from_span(all.measured, span);
  CHECK(from_span.get().count == 1000);
  const siftstream::bytes_view bytes = std::span<const std::uint8_t>(every_second);
  CHECK(bytes.size() == 125);
#endif
}

void the_stream_tells_of_itself(const siftstream::stream& stream) {
  OK(stream.flush(siftstream::level::confirmed, 10s));
  CHECK(stream.confirmed_watermark() == 2004);
  CHECK(value_of(stream.watermark(siftstream::level::accepted)) == 2004);
  CHECK(stream.watermark(siftstream::level::durable).code() == status::not_configured);
  const siftstream::metrics metrics = value_of(stream.metrics());
  CHECK(metrics.rows_accepted() == 2004 && metrics.rows_confirmed() == 2004 && !metrics.disk_degraded());
  siftstream::event event = value_of(stream.wait_event(10s));
  CHECK(event && event.view().kind() == siftstream::event_kind::connected && event.view().kind_name() == "connected");
  event = value_of(stream.wait_event(10s));
  CHECK(event && event.view().kind() == siftstream::event_kind::checkpoint);
  CHECK(value_of(event.view().range(0)).first == 0 && !event.view().error() && event.view().duration() > 0us);
  CHECK(event.view().file().code() == status::not_found);
  CHECK(!value_of(stream.poll_event()) && stream.events_dropped() == 0);
}

void metrics_are_served(const siftstream::stream& stream) {
  const siftstream::metrics_server server = value_of(siftstream::metrics_server::start("127.0.0.1:0"));
  CHECK(server.port() != 0);
  OK(server.watch("cpp", stream));
  CHECK(server.watch("cpp", siftstream::stream()).code() == status::invalid_argument);
  CHECK(siftstream::metrics_server::start("nowhere").code() == status::invalid_argument);
  CHECK(siftstream::metrics_server().port() == 0);
}

/* Counts what is logged until the callback is taken away, and then says so. */
struct log_counter {
  std::atomic<int>* records;
  explicit log_counter(std::atomic<int>* of) : records(of) {}
  log_counter(log_counter&& other) noexcept : records(std::exchange(other.records, nullptr)) {}
  log_counter(const log_counter&) = delete;
  log_counter& operator=(const log_counter&) = delete;
  ~log_counter() {
    if (records != nullptr) {
      records->fetch_add(1000000);
    }
  }
  void operator()(const siftstream::log_record& record) const {
    CHECK(record.level <= siftstream::log_level::debug && record.time_since_epoch > 0ns);
    CHECK(!record.target.empty() && !record.message.empty());
    records->fetch_add(1);
  }
};

/* What a callback keeps goes with it. */
void callbacks_end_with_their_stream(siftstream::stream stream, siftstream::config& config) {
  std::atomic<int> called{0};
  struct last {
    std::atomic<int>* ended;
    explicit last(std::atomic<int>* of) : ended(of) {}
    last(last&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
    last(const last&) = delete;
    last& operator=(const last&) = delete;
    ~last() {
      if (ended != nullptr) {
        ended->fetch_add(1000);
      }
    }
  };
  OK(stream.on_event([&called, last = last(&called)](const siftstream::event_view& event) {
    CHECK(!event.text().empty() && last.ended != nullptr);
    called.fetch_add(1);
  }));
  CHECK(stream.on_event([](const siftstream::event_view&) {}).code() == status::busy);
  OK(config.add_flow("late"));
  OK(config.add_channel("late", "x", siftstream::channel_type::bool_));
  OK(stream.add_new_flows(config, 10s));
  siftstream::report report;
  OK(stream.finish(10s, &report));
  CHECK(report.accepted() == 2004 && report.confirmed() == 2004 && report.unconfirmed_ranges() == 0);
  CHECK(report.unconfirmed_range(0).code() == status::not_found);
  stream = siftstream::stream();
  CHECK(called.load() > 1000);
}

}  // namespace

void messages_are_sent(const char* uri, const char* key) {
  siftstream::config config = value_of(siftstream::config::create());
  OK(config.set_uri(uri));
  OK(config.set_api_key(key));
  OK(config.set_insecure(true));
  OK(config.set_asset("cpp", "cpp-v1"));
  const siftstream::message_stream stream = value_of(siftstream::message_stream::create(config, "tests", 10s));
  const std::uint8_t note[] = {0x0a, 0x01, 'x'};
  const siftstream::bytes_view message(note, sizeof note);
  OK(stream.send("rig.v1.Note", "Note", 1, message, 10s));
  OK(stream.try_send("rig.v1.Note", "", 2, message));
  OK(stream.flush(siftstream::level::confirmed, 10s));
  CHECK(value_of(stream.metrics()).rows_confirmed() == 2);
  siftstream::report report;
  OK(stream.finish(10s, &report));
  CHECK(report.confirmed() == 2);
}

int main(int argc, char** argv) {
  CHECK(argc == 3);
  CHECK(version_seen_by_the_other_file() == siftstream::version());
  std::atomic<int> records{0};
  OK(siftstream::set_log_callback(siftstream::log_level::debug, log_counter(&records)));
  objects_move_and_free(argv[1], argv[2]);
  messages_are_sent(argv[1], argv[2]);
  siftstream::config config = config_for(argv[1], argv[2]);
  const all_channels all = describe(config);
  errors_say_what_happened(config);
  siftstream::stream stream = value_of(siftstream::stream::create(config, 10s));
  const siftstream::flow flow = value_of(stream.flow("all"));
  siftstream::row row = value_of(siftstream::row::create(flow));
  OK(stream.prefault(1 << 20));
  types_are_checked(flow, row);
  send_rows(stream, row, all);
  send_columns(stream, flow, all);
  the_stream_tells_of_itself(stream);
  metrics_are_served(stream);
  OK(siftstream::clear_log_callback());
  CHECK(records.load() > 1000000 && siftstream::log_dropped() == 0);
  callbacks_end_with_their_stream(std::move(stream), config);
  return 0;
}
