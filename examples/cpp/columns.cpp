/* Sends a recording of a test stand in a few calls: arrays of timestamps and values, as they came off a disk or a DAQ.
 * Works without exceptions: SIFTSTREAM_TRY asks each result whether all
 * is well, and returns its error if not. */

#include <siftstream/siftstream.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t SAMPLES = 100'000;

/* A pressure and a temperature a sample; the thermometer is ten times slower, so nine of ten have no news of it. */
struct recording {
  std::vector<std::int64_t> times_ns = std::vector<std::int64_t>(SAMPLES);
  std::vector<double> pressure = std::vector<double>(SAMPLES);
  std::vector<float> temperature = std::vector<float>(SAMPLES);
  std::vector<std::uint8_t> has_temperature = std::vector<std::uint8_t>((SAMPLES + 7) / 8);
};

recording record() {
  recording made;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto begin = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  for (std::size_t at = 0; at < SAMPLES; at++) {
    made.times_ns[at] = begin + static_cast<std::int64_t>(at) * 10'000;
    made.pressure[at] = 101.325 + std::sin(static_cast<double>(at) / 500.0);
    if (at % 10 == 0) {
      made.temperature[at] = 20.0f + static_cast<float>(at) / 10'000.0f;
      made.has_temperature[at / 8] = static_cast<std::uint8_t>(made.has_temperature[at / 8] | 1u << (at % 8));
    }
  }
  return made;
}

siftstream::result<void> stream_it(const char* uri, const char* api_key, const recording& what) {
  auto config = siftstream::config::create();
  SIFTSTREAM_TRY(config);
  SIFTSTREAM_TRY(config->set_uri(uri));
  SIFTSTREAM_TRY(config->set_api_key(api_key));
  SIFTSTREAM_TRY(config->set_insecure(true)); /* Allows http://, for a local server. */
  SIFTSTREAM_TRY(config->set_asset("stand", "stand-v1"));
  SIFTSTREAM_TRY(config->add_flow("tank"));
  auto pressure = config->add_channel<double>("tank", "pressure", "kPa");
  SIFTSTREAM_TRY(pressure);
  SIFTSTREAM_TRY(config->add_channel<float>("tank", "temperature", "degC"));

  auto stream = siftstream::stream::create(*config, 10s);
  SIFTSTREAM_TRY(stream);
  auto tank = stream->flow("tank");
  SIFTSTREAM_TRY(tank);
  /* The compiler checks the first column, whose channel it knows; the library checks the second. */
  const siftstream::column columns[] = {
      siftstream::column(*pressure, what.pressure),
      siftstream::column(1, what.temperature, what.has_temperature.data()),
  };
  std::size_t next_row = 0;
  SIFTSTREAM_TRY(stream->send_columns(*tank, what.times_ns, columns, next_row, 10s));
  siftstream::report report;
  SIFTSTREAM_TRY(stream->finish(30s, &report));
  std::printf("%llu rows confirmed\n", static_cast<unsigned long long>(report.confirmed()));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s URI API_KEY\n", argv[0]);
    return 2;
  }
  const siftstream::result<void> done = stream_it(argv[1], argv[2], record());
  if (!done) {
    const std::string_view why = done.error().message();
    std::fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
    return 1;
  }
  return 0;
}
