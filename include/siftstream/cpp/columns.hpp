/* Columns: the values of one channel in many rows. */

#ifndef SIFTSTREAM_CPP_COLUMNS_HPP
#define SIFTSTREAM_CPP_COLUMNS_HPP

#include <siftstream/cpp/channel.hpp>

#include <iterator>

namespace siftstream {

/* A view of an array of the caller, which must not change while it is sent. */
class column {
 public:
  /* `count` values of a channel. `validity` is NULL or has a bit for each value, the lowest bit of a byte first: a value
   * whose bit is 0 is "no news". T is double, float, bool, an integer of 32 or 64 bits, enum_value, an enum of 32 bits,
   * siftstream_str for texts; siftstream_bytes needs the constructor below, because bytes and bit fields share it. */
  template <class T>
  column(std::uint32_t channel, const T* values, std::size_t count, const std::uint8_t* validity = nullptr) noexcept
      : column(channel, type_of<T>(), values, count, validity) {}

  /* The same for an array, vector or span. */
  template <class Values, class = decltype(std::data(std::declval<const Values&>()))>
  column(std::uint32_t channel, const Values& values, const std::uint8_t* validity = nullptr) noexcept
      : column(channel, std::data(values), std::size(values), validity) {}

  /* The same for a channel of which the compiler knows the type. */
  template <class T, class Values>
  column(siftstream::channel<T> channel, const Values& values, const std::uint8_t* validity = nullptr) noexcept
      : column(channel.index, values, validity) {
    using element = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(values))>>;
    static_assert(type_of<element>() == detail::channel_type_of<T>(), "the values are not of the channel's type");
  }

  template <class T>
  column(siftstream::channel<T> channel, const T* values, std::size_t count,
         const std::uint8_t* validity = nullptr) noexcept
      : column(channel.index, values, count, validity) {}

  /* Values of the C type that the type of the channel asks for. */
  column(std::uint32_t channel, channel_type type, const void* values, std::size_t count,
         const std::uint8_t* validity = nullptr) noexcept {
    it_.values = values;
    it_.count = count;
    it_.validity = validity;
    it_.channel = channel;
    it_.channel_type = static_cast<std::int32_t>(type);
  }

  const ::siftstream_column& get() const noexcept { return it_; }

 private:
  template <class T>
  static constexpr channel_type type_of() noexcept {
    if constexpr (std::is_same_v<T, ::siftstream_str>) {
      return channel_type::string;
    } else {
      constexpr channel_type type = detail::channel_type_of<T>();
      static_assert(type != channel_type::string, "a column of texts is made of siftstream_str");
      static_assert(type != channel_type::bytes && type != channel_type::bit_field,
                    "a column of bytes or bit fields is made of siftstream_bytes, and its type is given");
      static_assert(type != channel_type::enum_ || sizeof(T) == 4, "a column of an enum has 32 bits a value");
      static_assert(type != channel_type::bool_ || sizeof(T) == 1, "a column of bools has a byte a value");
      return type;
    }
  }

  ::siftstream_column it_;
};

/* A column is laid out as the C API's, so that an array of them is one of those. */
static_assert(sizeof(column) == sizeof(::siftstream_column) && std::is_standard_layout_v<column>);

}  // namespace siftstream

#endif
