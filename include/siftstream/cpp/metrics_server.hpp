/* Metrics over HTTP. */

#ifndef SIFTSTREAM_CPP_METRICS_SERVER_HPP
#define SIFTSTREAM_CPP_METRICS_SERVER_HPP

#include <siftstream/cpp/stream.hpp>

namespace siftstream {

/* Serves metrics until it is destroyed. It keeps no stream alive. */
class metrics_server : public detail::owner<::siftstream_metrics_server, ::siftstream_metrics_server_free> {
 public:
  using owner::owner;

  /* On an address such as "127.0.0.1:9464"; port 0 lets the system choose. There is no authentication: use the loopback
   * interface. */
  static result<metrics_server> start(std::string_view address) noexcept {
    return detail::make<metrics_server, ::siftstream_metrics_server>(::siftstream_metrics_server_start,
                                                                     detail::str(address));
  }

  /* The port that it listens on; 0 if it is empty. */
  std::uint16_t port() const noexcept { return ::siftstream_metrics_server_port(get()); }

  /* Shows the metrics of a stream under the label `name` for as long as the stream lives. */
  result<void> watch(std::string_view name, const stream& of) const noexcept {
    const ::siftstream_metrics_server* it = get();
    const ::siftstream_stream* watched = of.get();
    return detail::call(::siftstream_metrics_server_watch, it, detail::str(name), watched);
  }
};

}  // namespace siftstream

#endif
