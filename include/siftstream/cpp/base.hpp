/* What everything in siftstream.hpp stands on: enums, views, and objects that own a handle. */

#ifndef SIFTSTREAM_CPP_BASE_HPP
#define SIFTSTREAM_CPP_BASE_HPP

#include <siftstream/siftstream.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#endif

/* Whether value() throws. */
#if !defined(SIFTSTREAM_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
#define SIFTSTREAM_NO_EXCEPTIONS
#endif

namespace siftstream {

/* What a call came to. */
enum class status : std::int32_t {
  ok = ::SIFTSTREAM_OK,
  full = ::SIFTSTREAM_FULL,
  timeout = ::SIFTSTREAM_TIMEOUT,
  closed = ::SIFTSTREAM_CLOSED,
  not_configured = ::SIFTSTREAM_NOT_CONFIGURED,
  worker_died = ::SIFTSTREAM_WORKER_DIED,
  cancelled = ::SIFTSTREAM_CANCELLED,
  forked = ::SIFTSTREAM_FORKED,
  row_too_large = ::SIFTSTREAM_ROW_TOO_LARGE,
  disk_full = ::SIFTSTREAM_DISK_FULL,
  auth = ::SIFTSTREAM_AUTH,
  rejected = ::SIFTSTREAM_REJECTED,
  invalid_argument = ::SIFTSTREAM_INVALID_ARGUMENT,
  unknown_flow = ::SIFTSTREAM_UNKNOWN_FLOW,
  unknown_channel = ::SIFTSTREAM_UNKNOWN_CHANNEL,
  wrong_type = ::SIFTSTREAM_WRONG_TYPE,
  schema_mismatch = ::SIFTSTREAM_SCHEMA_MISMATCH,
  unavailable = ::SIFTSTREAM_UNAVAILABLE,
  unimplemented = ::SIFTSTREAM_UNIMPLEMENTED,
  io = ::SIFTSTREAM_IO,
  corrupt = ::SIFTSTREAM_CORRUPT,
  tls = ::SIFTSTREAM_TLS,
  not_found = ::SIFTSTREAM_NOT_FOUND,
  busy = ::SIFTSTREAM_BUSY,
  unconfirmed = ::SIFTSTREAM_UNCONFIRMED,
  dropped = ::SIFTSTREAM_DROPPED,
  internal = ::SIFTSTREAM_INTERNAL,
};

/* What became of the data that a failed call was about. */
enum class data_status : std::int32_t {
  not_accepted = ::SIFTSTREAM_DATA_NOT_ACCEPTED,
  in_memory = ::SIFTSTREAM_DATA_IN_MEMORY,
  on_disk = ::SIFTSTREAM_DATA_ON_DISK,
  unknown = ::SIFTSTREAM_DATA_UNKNOWN,
  confirmed = ::SIFTSTREAM_DATA_CONFIRMED,
};

/* What happened to a stream. */
enum class event_kind : std::int32_t {
  unknown = ::SIFTSTREAM_EVENT_UNKNOWN,
  connected = ::SIFTSTREAM_EVENT_CONNECTED,
  disconnected = ::SIFTSTREAM_EVENT_DISCONNECTED,
  checkpoint = ::SIFTSTREAM_EVENT_CHECKPOINT,
  checkpoint_failed = ::SIFTSTREAM_EVENT_CHECKPOINT_FAILED,
  disk_degraded = ::SIFTSTREAM_EVENT_DISK_DEGRADED,
  disk_recovered = ::SIFTSTREAM_EVENT_DISK_RECOVERED,
  quarantined = ::SIFTSTREAM_EVENT_QUARANTINED,
  rejected = ::SIFTSTREAM_EVENT_REJECTED,
  gave_up = ::SIFTSTREAM_EVENT_GAVE_UP,
  flow_registered = ::SIFTSTREAM_EVENT_FLOW_REGISTERED,
  recovered = ::SIFTSTREAM_EVENT_RECOVERED,
  caught_up = ::SIFTSTREAM_EVENT_CAUGHT_UP,
  dropped = ::SIFTSTREAM_EVENT_DROPPED,
};

/* The type of a channel. */
enum class channel_type : std::int32_t {
  double_ = ::SIFTSTREAM_DOUBLE,
  string = ::SIFTSTREAM_STRING,
  enum_ = ::SIFTSTREAM_ENUM,
  bit_field = ::SIFTSTREAM_BIT_FIELD,
  bool_ = ::SIFTSTREAM_BOOL,
  float_ = ::SIFTSTREAM_FLOAT,
  int32 = ::SIFTSTREAM_INT32,
  uint32 = ::SIFTSTREAM_UINT32,
  int64 = ::SIFTSTREAM_INT64,
  uint64 = ::SIFTSTREAM_UINT64,
  bytes = ::SIFTSTREAM_BYTES,
};

/* When written rows are made to survive a power failure. */
enum class fsync : std::int32_t {
  never = ::SIFTSTREAM_FSYNC_NEVER,
  interval = ::SIFTSTREAM_FSYNC_INTERVAL,
  every_chunk = ::SIFTSTREAM_FSYNC_EVERY_CHUNK,
};

/* How far a row has come. */
enum class level : std::int32_t {
  accepted = ::SIFTSTREAM_LEVEL_ACCEPTED,
  written = ::SIFTSTREAM_LEVEL_WRITTEN,
  durable = ::SIFTSTREAM_LEVEL_DURABLE,
  confirmed = ::SIFTSTREAM_LEVEL_CONFIRMED,
};

/* Where rows go. */
enum class mode : std::int32_t {
  live_only = ::SIFTSTREAM_MODE_LIVE_ONLY,
  live_with_backups = ::SIFTSTREAM_MODE_LIVE_WITH_BACKUPS,
  file_backup = ::SIFTSTREAM_MODE_FILE_BACKUP,
};

/* A version of TLS. */
enum class tls_version : std::int32_t {
  tls_1_2 = ::SIFTSTREAM_TLS_1_2,
  tls_1_3 = ::SIFTSTREAM_TLS_1_3,
};

/* What happens to rows that Sift rejects. */
enum class failure_policy : std::int32_t {
  stop = ::SIFTSTREAM_FAILURE_STOP,
  skip = ::SIFTSTREAM_FAILURE_SKIP,
};

/* What happens to rows when the channel that senders wait for is full. */
enum class overflow_policy : std::int32_t {
  block = ::SIFTSTREAM_OVERFLOW_BLOCK,
  drop_newest = ::SIFTSTREAM_OVERFLOW_DROP_NEWEST,
  drop_oldest = ::SIFTSTREAM_OVERFLOW_DROP_OLDEST,
};

/* What happens when the disk, or the budget for it, is full. */
enum class when_full : std::int32_t {
  block = ::SIFTSTREAM_WHEN_FULL_BLOCK,
  error = ::SIFTSTREAM_WHEN_FULL_ERROR,
  drop_oldest = ::SIFTSTREAM_WHEN_FULL_DROP_OLDEST,
  drop_newest = ::SIFTSTREAM_WHEN_FULL_DROP_NEWEST,
};

/* The name of a status, such as "FULL". */
inline std::string_view status_name(status code) noexcept {
  return ::siftstream_status_name(static_cast<std::int32_t>(code));
}

/* The version of the library that is loaded. */
inline std::string_view version() noexcept { return ::siftstream_version(); }

/* Bytes of the caller, which are only looked at. */
class bytes_view {
 public:
  constexpr bytes_view() noexcept = default;
  bytes_view(const void* data, std::size_t size) noexcept : data_(static_cast<const std::uint8_t*>(data)), size_(size) {}
#ifdef __cpp_lib_span
  bytes_view(std::span<const std::byte> bytes) noexcept : bytes_view(bytes.data(), bytes.size()) {}
  bytes_view(std::span<const std::uint8_t> bytes) noexcept : bytes_view(bytes.data(), bytes.size()) {}
#endif

  const std::uint8_t* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

inline ::siftstream_str str(std::string_view text) noexcept {
  return ::siftstream_str_of_bytes(text.data(), text.size());
}

inline ::siftstream_bytes bytes(bytes_view of) noexcept {
  ::siftstream_bytes view;
  view.ptr = of.data();
  view.len = of.size();
  return view;
}

inline std::string_view view(::siftstream_str text) noexcept {
  return text.len == 0 ? std::string_view() : std::string_view(text.ptr, text.len);
}

/* A count of time units as the C API takes it: nothing below 0, and no more than it can say. */
template <class To, class Duration>
To count(Duration time) noexcept {
  if (time <= Duration::zero()) {
    return 0;
  }
  const auto units = static_cast<std::uint64_t>(time.count());
  const std::uint64_t most = static_cast<To>(-1);
  return static_cast<To>(units < most ? units : most);
}

inline std::uint32_t timeout_ms(std::chrono::milliseconds timeout) noexcept { return count<std::uint32_t>(timeout); }

/* Owns a handle. */
template <class Handle, ::siftstream_status (*Free)(Handle*)>
class owner {
 public:
  owner() noexcept = default;
  explicit owner(Handle* handle) noexcept : handle_(handle) {}
  owner(owner&& other) noexcept : handle_(other.release()) {}
  owner& operator=(owner&& other) noexcept {
    if (this != &other) {
      Free(std::exchange(handle_, other.release()));
    }
    return *this;
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() { Free(handle_); }

  /* The handle, which stays this object's; NULL if it is empty. */
  Handle* get() const noexcept { return handle_; }

  /* The handle, which is the caller's from now on. */
  Handle* release() noexcept { return std::exchange(handle_, nullptr); }

  explicit operator bool() const noexcept { return handle_ != nullptr; }

 private:
  Handle* handle_ = nullptr;
};

}  // namespace detail
}  // namespace siftstream

#endif
