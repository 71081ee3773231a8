/* Types of channels, and which C++ types they are made of. */

#ifndef SIFTSTREAM_CPP_CHANNEL_HPP
#define SIFTSTREAM_CPP_CHANNEL_HPP

#include <siftstream/cpp/result.hpp>

#include <string>

namespace siftstream {

/* The number of an entry of an enum channel. Types of C++ that are enums serve as well. */
struct enum_value {
  std::uint32_t number;
};

/* The bits of a bit-field channel. */
struct bit_field {
  bytes_view bits;
};

/* "No news" for a channel of any type. */
struct empty_value {};
inline constexpr empty_value empty{};

/* A channel of a flow, of which the compiler knows the type. */
template <class T>
struct channel {
  explicit constexpr channel(std::uint32_t at) noexcept : index(at) {}

  /* Its place in the flow. */
  std::uint32_t index;
};

namespace detail {

template <class T>
struct same {
  using type = T;
};

/* Keeps an argument from deciding what T is. */
template <class T>
using same_t = typename same<T>::type;

template <class T>
constexpr bool is_character_v = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t> ||
                                std::is_same_v<T, char32_t>;

template <class T>
constexpr bool is_number_v = std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_character_v<T>;

template <class T>
constexpr bool is_text_v = std::is_convertible_v<const T&, std::string_view>;

/* The type of the channels that are set with a T. */
template <class T>
constexpr channel_type channel_type_of() noexcept {
  if constexpr (std::is_same_v<T, double>) {
    return channel_type::double_;
  } else if constexpr (std::is_same_v<T, float>) {
    return channel_type::float_;
  } else if constexpr (std::is_same_v<T, bool>) {
    return channel_type::bool_;
  } else if constexpr (is_number_v<T> && sizeof(T) == 4) {
    return std::is_signed_v<T> ? channel_type::int32 : channel_type::uint32;
  } else if constexpr (is_number_v<T> && sizeof(T) == 8) {
    return std::is_signed_v<T> ? channel_type::int64 : channel_type::uint64;
  } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, enum_value>) {
    return channel_type::enum_;
  } else if constexpr (std::is_same_v<T, siftstream::bit_field>) {
    return channel_type::bit_field;
  } else if constexpr (std::is_same_v<T, bytes_view>) {
    return channel_type::bytes;
  } else {
    static_assert(is_text_v<T>,
                  "no channel is set with this type: use double, float, bool, an integer of 32 or 64 bits, text, an "
                  "enum, siftstream::bit_field or siftstream::bytes_view");
    return channel_type::string;
  }
}

/* The number of an enum's entry. */
template <class T>
constexpr std::uint32_t entry(const T& value) noexcept {
  if constexpr (std::is_enum_v<T>) {
    return static_cast<std::uint32_t>(value);
  } else {
    return value.number;
  }
}

/* A value as the C API takes it. */
template <class T>
::siftstream_value tagged(const T& value) noexcept {
  ::siftstream_value out{};
  if constexpr (!std::is_same_v<T, empty_value>) {
    constexpr channel_type type = channel_type_of<T>();
    out.channel_type = static_cast<std::int32_t>(type);
    if constexpr (type == channel_type::double_) {
      out.content.double_value = value;
    } else if constexpr (type == channel_type::float_) {
      out.content.float_value = value;
    } else if constexpr (type == channel_type::bool_) {
      out.content.bool_value = value ? 1 : 0;
    } else if constexpr (type == channel_type::int32) {
      out.content.int32_value = value;
    } else if constexpr (type == channel_type::uint32) {
      out.content.uint32_value = value;
    } else if constexpr (type == channel_type::int64) {
      out.content.int64_value = value;
    } else if constexpr (type == channel_type::uint64) {
      out.content.uint64_value = value;
    } else if constexpr (type == channel_type::enum_) {
      out.content.enum_value = entry(value);
    } else if constexpr (type == channel_type::bit_field) {
      out.content.bytes_value = bytes(value.bits);
    } else if constexpr (type == channel_type::bytes) {
      out.content.bytes_value = bytes(value);
    } else {
      out.content.string_value = str(value);
    }
  }
  return out;
}

}  // namespace detail
}  // namespace siftstream

#endif
