/* Where the inputs of a stream stand, and where they resume after a crash. */

#ifndef SIFTSTREAM_CPP_CHECKPOINT_HPP
#define SIFTSTREAM_CPP_CHECKPOINT_HPP

#include <siftstream/cpp/result.hpp>

namespace siftstream {

/* What is noted together about the rows sent so far; see stream::mark. */
class mark : public detail::owner<::siftstream_mark, ::siftstream_mark_free> {
 public:
  using owner::owner;

  static result<mark> create() noexcept { return detail::make<mark, ::siftstream_mark>(::siftstream_mark_create); }

  /* The next offset to read from `source`. */
  result<void> set_offset(std::string_view source, std::uint64_t offset) noexcept {
    return detail::call(::siftstream_mark_set_offset, get(), detail::str(source), offset);
  }

  /* State of the caller's own under a name. */
  result<void> set_state(std::string_view name, bytes_view state) noexcept {
    return detail::call(::siftstream_mark_set_state, get(), detail::str(name), detail::bytes(state));
  }

  /* Anything else under a key. */
  result<void> set_metadata(std::string_view key, std::string_view value) noexcept {
    return detail::call(::siftstream_mark_set_metadata, get(), detail::str(key), detail::str(value));
  }

  /* The latest event time, if it is later than the timestamps of the rows say. */
  result<void> set_event_time(std::chrono::nanoseconds since_1970) noexcept {
    return detail::call(::siftstream_mark_set_event_time, get(), static_cast<std::int64_t>(since_1970.count()));
  }
};

/* The newest stored checkpoints. `at` is level::durable or level::confirmed: not_found if there is none of it. */
class recovery : public detail::owner<::siftstream_recovery, ::siftstream_recovery_free> {
 public:
  using owner::owner;

  /* The next offset to read from `source` so that no row is lost; 0 if nothing is known of it. */
  std::uint64_t offset(std::string_view source) const noexcept {
    return ::siftstream_recovery_offset(get(), detail::str(source));
  }

  /* How many rows had been sent. */
  result<std::uint64_t> rows(level at) const noexcept {
    const ::siftstream_recovery* it = get();
    return detail::get<std::uint64_t>(::siftstream_recovery_rows, it, static_cast<std::int32_t>(at));
  }

  /* The latest event time, since 1970. */
  result<std::chrono::nanoseconds> event_time(level at) const noexcept {
    const ::siftstream_recovery* it = get();
    result<std::int64_t> time =
        detail::get<std::int64_t>(::siftstream_recovery_event_time, it, static_cast<std::int32_t>(at));
    SIFTSTREAM_TRY(time);
    return std::chrono::nanoseconds(*time);
  }

  /* The caller's own state; lives as long as this object. */
  result<bytes_view> state(level at, std::string_view name) const noexcept {
    const ::siftstream_recovery* it = get();
    result<::siftstream_bytes> found = detail::get<::siftstream_bytes>(
        ::siftstream_recovery_state, it, static_cast<std::int32_t>(at), detail::str(name));
    SIFTSTREAM_TRY(found);
    return bytes_view(found->ptr, found->len);
  }

  /* What was noted under a key; lives as long as this object. */
  result<std::string_view> metadata(level at, std::string_view key) const noexcept {
    const ::siftstream_recovery* it = get();
    result<::siftstream_str> found = detail::get<::siftstream_str>(
        ::siftstream_recovery_metadata, it, static_cast<std::int32_t>(at), detail::str(key));
    SIFTSTREAM_TRY(found);
    return detail::view(*found);
  }
};

}  // namespace siftstream

#endif
