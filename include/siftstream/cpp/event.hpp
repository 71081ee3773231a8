/* Events of a stream. */

#ifndef SIFTSTREAM_CPP_EVENT_HPP
#define SIFTSTREAM_CPP_EVENT_HPP

#include <siftstream/cpp/result.hpp>

namespace siftstream {

/* Message IDs from `first` to before `end`. */
struct id_range {
  std::uint64_t first;
  std::uint64_t end;
};

/* An event that belongs to somebody else, as a callback gets it. */
class event_view {
 public:
  explicit event_view(const ::siftstream_event* it) noexcept : it_(it) {}

  event_kind kind() const noexcept { return static_cast<event_kind>(::siftstream_event_kind_of(it_)); }
  std::string_view kind_name() const noexcept { return detail::view(::siftstream_event_kind_name(it_)); }

  /* What happened, in words; lives as long as the event. */
  std::string_view text() const noexcept { return detail::view(::siftstream_event_text(it_)); }

  /* Its place among all events of the stream, from 0. */
  std::uint64_t number() const noexcept { return ::siftstream_event_number(it_); }

  std::chrono::nanoseconds time_since_epoch() const noexcept {
    return std::chrono::nanoseconds(::siftstream_event_time_ns(it_));
  }

  /* How many rows it is about. */
  std::uint64_t rows() const noexcept { return ::siftstream_event_rows(it_); }

  /* How many ranges of message IDs it is about, and each of them: not_found beyond the last one. */
  std::size_t ranges() const noexcept { return ::siftstream_event_ranges(it_); }
  result<id_range> range(std::size_t at) const noexcept {
    id_range out{};
    result<void> done = detail::call(::siftstream_event_range, it_, at, &out.first, &out.end);
    if (!done) {
      return std::move(done).take_error();
    }
    return out;
  }

  /* The number of the file it is about: not_found if there is none. */
  result<std::uint64_t> file() const noexcept { return detail::get<std::uint64_t>(::siftstream_event_file, it_); }

  /* How many bytes of a file were put aside. */
  std::uint64_t bytes() const noexcept { return ::siftstream_event_bytes(it_); }

  /* From opening the gRPC stream to its confirmation. */
  std::chrono::microseconds duration() const noexcept {
    return std::chrono::microseconds(static_cast<std::int64_t>(::siftstream_event_duration_us(it_)));
  }

  /* The wait before the next attempt. */
  std::chrono::microseconds retry_in() const noexcept {
    return std::chrono::microseconds(static_cast<std::int64_t>(::siftstream_event_retry_in_us(it_)));
  }

  /* The flow that was registered, or the cause of a drop. */
  std::string_view subject() const noexcept { return detail::view(::siftstream_event_subject(it_)); }

  /* The error behind it, if there is one. */
  std::optional<siftstream::error> error() const noexcept {
    ::siftstream_error* why = ::siftstream_event_error(it_);
    if (why == nullptr) {
      return std::nullopt;
    }
    return siftstream::error(static_cast<status>(::siftstream_error_code(why)), why);
  }

 private:
  const ::siftstream_event* it_;
};

/* An event of the caller; none, if it is empty. */
class event : public detail::owner<::siftstream_event, ::siftstream_event_free> {
 public:
  using owner::owner;

  event_view view() const noexcept { return event_view(get()); }
};

namespace detail {

/* A callable of the caller behind the function pointers of the C API. An exception that leaves it ends the program. */
template <class Callback>
struct listener {
  static void call(void* callback, const ::siftstream_event* event) noexcept {
    (*static_cast<Callback*>(callback))(event_view(event));
  }
  static void free(void* callback) noexcept { delete static_cast<Callback*>(callback); }
};

}  // namespace detail
}  // namespace siftstream

#endif
