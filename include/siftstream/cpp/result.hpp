/* Results and errors. */

#ifndef SIFTSTREAM_CPP_RESULT_HPP
#define SIFTSTREAM_CPP_RESULT_HPP

#include <siftstream/cpp/base.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <type_traits>

#ifndef SIFTSTREAM_NO_EXCEPTIONS
#include <exception>
#include <memory>
#include <string>
#endif

/* Returns the error of `call`, a call or a result that is kept, from a function that returns a result; if there is one. */
#define SIFTSTREAM_TRY(call)                                 \
  do {                                                       \
    if (auto&& siftstream_done = (call); !siftstream_done) { \
      return std::move(siftstream_done).take_error();        \
    }                                                        \
  } while (false)

namespace siftstream {

/* Why a call failed. */
class error {
 public:
  explicit error(status code, ::siftstream_error* handle = nullptr) noexcept : code_(code), handle_(handle) {}

  status code() const noexcept { return code_; }

  /* What happened, to which thing, and what to do; lives as long as the error. A full channel has only a name. */
  std::string_view message() const noexcept {
    return handle_ ? detail::view(::siftstream_error_message(handle_.get())) : status_name(code_);
  }

  /* Whether the same call can succeed later without a change by the caller. */
  bool is_retryable() const noexcept {
    return handle_ ? ::siftstream_error_is_retryable(handle_.get()) : code_ == status::full;
  }

  /* What became of the data that the failed call was about. */
  siftstream::data_status data_status() const noexcept {
    if (!handle_) {
      return code_ == status::full ? siftstream::data_status::not_accepted : siftstream::data_status::unknown;
    }
    return static_cast<siftstream::data_status>(::siftstream_error_data_status(handle_.get()));
  }

  /* The handle, which stays this object's; NULL if there is none. */
  ::siftstream_error* get() const noexcept { return handle_.get(); }

 private:
  status code_;
  detail::owner<::siftstream_error, ::siftstream_error_free> handle_;
};

#ifndef SIFTSTREAM_NO_EXCEPTIONS

/* What value() throws. */
class exception : public std::exception {
 public:
  explicit exception(siftstream::error why)
      : why_(std::make_shared<siftstream::error>(std::move(why))),
        what_(std::make_shared<std::string>(std::string(status_name(why_->code())) + ": " +
                                            std::string(why_->message()))) {}

  const char* what() const noexcept override { return what_->c_str(); }
  const siftstream::error& error() const noexcept { return *why_; }
  status code() const noexcept { return why_->code(); }

 private:
  std::shared_ptr<const siftstream::error> why_;
  std::shared_ptr<const std::string> what_;
};

#endif

namespace detail {

/* There is no value: throws, or ends the program where there are no exceptions. */
[[noreturn]] inline void no_value(error why) {
#ifdef SIFTSTREAM_NO_EXCEPTIONS
  const std::string_view name = status_name(why.code()), message = why.message();
  std::fprintf(stderr, "siftstream: %.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
               static_cast<int>(message.size()), message.data());
  std::abort();
#else
  throw exception(std::move(why));
#endif
}

}  // namespace detail

/* A T, or the error that kept it from being. */
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) noexcept : value_(std::move(value)), error_(status::ok) {}
  result(siftstream::error why) noexcept : error_(std::move(why)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  /* The value; there must be one. */
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

  /* The value; if there is none, throws siftstream::exception, or ends the program where there are no exceptions. */
  T& value() & {
    check();
    return *value_;
  }
  T&& value() && {
    check();
    return std::move(*value_);
  }

  /* The value, or another one. */
  T value_or(T otherwise) && noexcept { return has_value() ? std::move(*value_) : std::move(otherwise); }

  /* What the call came to; status::ok if there is a value. */
  status code() const noexcept { return error_.code(); }

  /* Why there is no value; says status::ok if there is one. */
  const siftstream::error& error() const noexcept { return error_; }
  siftstream::error take_error() && noexcept { return std::move(error_); }

 private:
  void check() {
    if (!has_value()) {
      detail::no_value(std::move(error_));
    }
  }

  std::optional<T> value_;
  siftstream::error error_;
};

/* That a call was done, or the error that kept it from being. */
template <>
class [[nodiscard]] result<void> {
 public:
  result() noexcept : error_(status::ok) {}
  result(siftstream::error why) noexcept : error_(std::move(why)) {}

  bool has_value() const noexcept { return error_.code() == status::ok; }
  explicit operator bool() const noexcept { return has_value(); }

  /* If the call failed, throws siftstream::exception, or ends the program where there are no exceptions. */
  void value() {
    if (!has_value()) {
      detail::no_value(std::move(error_));
    }
  }

  /* What the call came to. */
  status code() const noexcept { return error_.code(); }

  /* Why it failed; says status::ok if it did not. */
  const siftstream::error& error() const noexcept { return error_; }
  siftstream::error take_error() && noexcept { return std::move(error_); }

 private:
  siftstream::error error_;
};

namespace detail {

/* Calls a function of the C API with `arguments` and a place for its error. */
template <class Function, class... Arguments>
result<void> call(Function* function, Arguments... arguments) noexcept {
  ::siftstream_error* why = nullptr;
  const ::siftstream_status code = function(arguments..., &why);
  if (code == ::SIFTSTREAM_OK) {
    return {};
  }
  return error(static_cast<status>(code), why);
}

/* The same for one that writes a T to its last argument but one. */
template <class T, class Function, class... Arguments>
result<T> get(Function* function, Arguments... arguments) noexcept {
  T out{};
  result<void> done = call(function, arguments..., &out);
  if (!done) {
    return std::move(done).take_error();
  }
  return out;
}

/* The same for one that makes an object: a Class that owns the new handle. */
template <class Class, class Handle, class Function, class... Arguments>
result<Class> make(Function* function, Arguments... arguments) noexcept {
  Handle* out = nullptr;
  result<void> done = call(function, arguments..., &out);
  if (!done) {
    return std::move(done).take_error();
  }
  return Class(out);
}

}  // namespace detail
}  // namespace siftstream

#endif
