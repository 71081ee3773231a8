/* Streams of protobuf messages of the program's own types. */

#ifndef SIFTSTREAM_CPP_MESSAGES_HPP
#define SIFTSTREAM_CPP_MESSAGES_HPP

#include <siftstream/cpp/config.hpp>
#include <siftstream/cpp/metrics.hpp>
#include <siftstream/cpp/report.hpp>

namespace siftstream {

/* Messages belong to the config's asset, and to a run by its ID; the config has no flows. Many threads may make the const
 * calls at once. Its end does not wait for the network: call finish first. */
class message_stream : public detail::owner<::siftstream_message_stream, ::siftstream_message_stream_free> {
 public:
  using owner::owner;
  using milliseconds = std::chrono::milliseconds;

  /* `name_space` is the namespace that Sift keeps the messages in, and may be empty. */
  static result<message_stream> create(const config& of, std::string_view name_space, milliseconds timeout) noexcept {
    const ::siftstream_config* it = of.get();
    return detail::make<message_stream, ::siftstream_message_stream>(
        ::siftstream_message_stream_create, it, detail::str(name_space), detail::timeout_ms(timeout));
  }

  /* Sends an encoded message of the type whose full name is `type`, waiting for room for at most `timeout`. Sift shows the
   * type as `name`, unless that is empty. */
  result<void> send(std::string_view type, std::string_view name, std::int64_t timestamp_ns, bytes_view message,
                    milliseconds timeout) const noexcept {
    return detail::call(::siftstream_message_stream_send, it(), detail::str(type), detail::str(name), timestamp_ns,
                        detail::bytes(message), detail::timeout_ms(timeout));
  }

  /* The same without ever waiting. */
  result<void> try_send(std::string_view type, std::string_view name, std::int64_t timestamp_ns,
                        bytes_view message) const noexcept {
    return detail::call(::siftstream_message_stream_try_send, it(), detail::str(type), detail::str(name), timestamp_ns,
                        detail::bytes(message));
  }

  /* Brings everything accepted so far to a level, and waits for that. */
  result<void> flush(level to, milliseconds timeout) const noexcept {
    return detail::call(::siftstream_message_stream_flush, it(), static_cast<std::int32_t>(to),
                        detail::timeout_ms(timeout));
  }

  /* Delivers what was accepted and ends the stream. `out` receives what became of each message, also if the call fails. */
  result<void> finish(milliseconds timeout, report* out = nullptr) const noexcept {
    ::siftstream_report* made = nullptr;
    ::siftstream_report** place = out == nullptr ? nullptr : &made;
    result<void> done = detail::call(::siftstream_message_stream_finish, it(), detail::timeout_ms(timeout), place);
    if (out != nullptr) {
      *out = report(made);
    }
    return done;
  }

  /* The counters, in which rows are messages. */
  result<siftstream::metrics> metrics() const noexcept {
    return detail::make<siftstream::metrics, ::siftstream_metrics>(::siftstream_message_stream_metrics, it());
  }

 private:
  const ::siftstream_message_stream* it() const noexcept { return get(); }
};

}  // namespace siftstream

#endif
