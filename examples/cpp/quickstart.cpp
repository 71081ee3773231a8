/* The shortest program that streams a row to Sift and sees it confirmed. */

#include <siftstream/siftstream.hpp>

#include <cstdio>

using namespace std::chrono_literals;

static void stream_a_row(const char* uri, const char* api_key) {
  siftstream::config config = siftstream::config::create().value();
  config.set_uri(uri).value();
  config.set_api_key(api_key).value();
  config.set_insecure(true).value(); /* Allows http://, for a local server. */
  config.set_asset("rig", "rig-v1").value();
  config.add_flow("motor").value();
  const auto speed = config.add_channel<double>("motor", "speed", "rpm").value();

  const siftstream::stream stream = siftstream::stream::create(config, 10s).value();
  siftstream::row row = siftstream::row::create(stream.flow("motor").value()).value();
  row.set(speed, 1200.0).value();
  stream.send(row, 1s).value();
  stream.finish(10s).value();
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s URI API_KEY\n", argv[0]);
    return 2;
  }
  try {
    stream_a_row(argv[1], argv[2]);
  } catch (const siftstream::exception& why) {
    std::fprintf(stderr, "%s\n", why.what());
    return 1;
  }
  return 0;
}
