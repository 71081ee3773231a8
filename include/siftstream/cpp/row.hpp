/* Flows and their rows. */

#ifndef SIFTSTREAM_CPP_ROW_HPP
#define SIFTSTREAM_CPP_ROW_HPP

#include <siftstream/cpp/channel.hpp>

namespace siftstream {

/* A registered flow of one stream; comes from stream::flow. */
class flow : public detail::owner<::siftstream_flow, ::siftstream_flow_free> {
 public:
  using owner::owner;

  /* The place of the channel with this name. */
  result<std::uint32_t> channel_index(std::string_view name) const noexcept {
    const ::siftstream_flow* it = get();
    return detail::get<std::uint32_t>(::siftstream_flow_channel_index, it, detail::str(name));
  }

  /* The type of the channel at `index`. */
  result<siftstream::channel_type> channel_type(std::uint32_t index) const noexcept {
    const ::siftstream_flow* it = get();
    result<std::int32_t> type = detail::get<std::int32_t>(::siftstream_flow_channel_type, it, index);
    if (!type) {
      return std::move(type).take_error();
    }
    return static_cast<siftstream::channel_type>(*type);
  }

  /* The channel with this name, which has to be of T's type: row::set then needs no more checks by the caller. */
  template <class T>
  result<siftstream::channel<T>> channel(std::string_view name) const noexcept {
    result<std::uint32_t> index = channel_index(name);
    if (!index) {
      return std::move(index).take_error();
    }
    result<siftstream::channel_type> type = channel_type(*index);
    if (!type) {
      return std::move(type).take_error();
    }
    if (*type != detail::channel_type_of<T>()) {
      return error(status::wrong_type);
    }
    return siftstream::channel<T>(*index);
  }
};

/* A row of one flow, which is filled and sent again and again. */
class row : public detail::owner<::siftstream_row, ::siftstream_row_free> {
 public:
  using owner::owner;

  static result<row> create(const flow& of) noexcept {
    const ::siftstream_flow* it = of.get();
    return detail::make<row, ::siftstream_row>(::siftstream_row_create, it);
  }

  /* Empties all channels and forgets the timestamp; keeps the memory. */
  result<void> clear() noexcept { return detail::call(::siftstream_row_clear, get()); }

  /* Nanoseconds since 1970. A row that was given no time is sent with the time of the send. */
  result<void> set_timestamp_ns(std::int64_t timestamp_ns) noexcept {
    return detail::call(::siftstream_row_set_timestamp_ns, get(), timestamp_ns);
  }

  result<void> set_timestamp(std::chrono::system_clock::time_point at) noexcept {
    return set_timestamp_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
  }

  /* "No news". */
  result<void> set_empty(std::uint32_t index) noexcept { return detail::call(::siftstream_row_set_empty, get(), index); }

  /* Sets a channel whose type the compiler knows. */
  template <class T>
  result<void> set(channel<T> to, const detail::same_t<T>& value) noexcept {
    return set<T>(to.index, value);
  }

  /* Sets the channel at `index`, whose type has to be that of T: wrong_type if it is not. `set<double>(0, 1)` sets a
   * double; a T that no channel is made of does not compile. */
  template <class T>
  result<void> set(std::uint32_t index, const T& value) noexcept {
    constexpr siftstream::channel_type type = detail::channel_type_of<T>();
    ::siftstream_row* it = get();
    if constexpr (type == channel_type::double_) {
      return detail::call(::siftstream_row_set_double, it, index, value);
    } else if constexpr (type == channel_type::float_) {
      return detail::call(::siftstream_row_set_float, it, index, value);
    } else if constexpr (type == channel_type::bool_) {
      return detail::call(::siftstream_row_set_bool, it, index, value);
    } else if constexpr (type == channel_type::int32) {
      return detail::call(::siftstream_row_set_int32, it, index, value);
    } else if constexpr (type == channel_type::uint32) {
      return detail::call(::siftstream_row_set_uint32, it, index, value);
    } else if constexpr (type == channel_type::int64) {
      return detail::call(::siftstream_row_set_int64, it, index, value);
    } else if constexpr (type == channel_type::uint64) {
      return detail::call(::siftstream_row_set_uint64, it, index, value);
    } else if constexpr (type == channel_type::enum_) {
      return detail::call(::siftstream_row_set_enum, it, index, detail::entry(value));
    } else if constexpr (type == channel_type::bit_field) {
      return detail::call(::siftstream_row_set_bit_field, it, index, detail::bytes(value.bits));
    } else if constexpr (type == channel_type::bytes) {
      return detail::call(::siftstream_row_set_bytes, it, index, detail::bytes(value));
    } else {
      return detail::call(::siftstream_row_set_string, it, index, detail::str(value));
    }
  }

  /* Sets the time and all channels at once: a value, or siftstream::empty, for each channel in the order of the flow. */
  template <class... T>
  result<void> set_values(std::int64_t timestamp_ns, const T&... values) noexcept {
    const ::siftstream_value all[] = {detail::tagged(values)...};
    const ::siftstream_value* first = all;
    return detail::call(::siftstream_row_set_values, get(), timestamp_ns, first, sizeof...(values));
  }
};

}  // namespace siftstream

#endif
