/* What streams log. */

#ifndef SIFTSTREAM_CPP_LOG_HPP
#define SIFTSTREAM_CPP_LOG_HPP

#include <siftstream/cpp/result.hpp>

namespace siftstream {

/* How much a record of a log matters. */
enum class log_level : std::int32_t {
  error = ::SIFTSTREAM_LOG_ERROR,
  warn = ::SIFTSTREAM_LOG_WARN,
  info = ::SIFTSTREAM_LOG_INFO,
  debug = ::SIFTSTREAM_LOG_DEBUG,
  trace = ::SIFTSTREAM_LOG_TRACE,
};

/* A record of a log; its texts are lent for the call. */
struct log_record {
  log_level level;
  std::chrono::nanoseconds time_since_epoch;
  /* Which part of the library says it. */
  std::string_view target;
  std::string_view message;
};

namespace detail {

/* As detail::listener, for the log. */
template <class Callback>
struct log_listener {
  static void call(void* callback, ::siftstream_log_level level, std::int64_t time_ns, ::siftstream_str target,
                   ::siftstream_str message) noexcept {
    (*static_cast<Callback*>(callback))(log_record{static_cast<log_level>(level), std::chrono::nanoseconds(time_ns),
                                                   view(target), view(message)});
  }
  static void free(void* callback) noexcept { delete static_cast<Callback*>(callback); }
};

}  // namespace detail

/* Calls `callback` with each log_record of `level` or a graver one, on a thread of the library, where it can also be
 * destroyed. It must not throw. It takes the place of the one before. Streams that are created later log to it. */
template <class Callback>
result<void> set_log_callback(log_level level, Callback callback) {
  using listener = detail::log_listener<Callback>;
  void* kept = new Callback(std::move(callback));
  return detail::call(::siftstream_set_log_callback, &listener::call, kept, &listener::free,
                      static_cast<std::int32_t>(level));
}

/* Ends logging. */
inline result<void> clear_log_callback() noexcept {
  const ::siftstream_log_callback none = nullptr;
  const ::siftstream_free_callback nothing = nullptr;
  void* const no_data = nullptr;
  return detail::call(::siftstream_set_log_callback, none, no_data, nothing, std::int32_t{0});
}

/* How many records the callback was too slow for. */
inline std::uint64_t log_dropped() noexcept { return ::siftstream_log_dropped(); }

}  // namespace siftstream

#endif
