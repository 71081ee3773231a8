/* Checks that end the program and say where and why. */

#ifndef SIFTSTREAM_TESTS_CHECK_HPP
#define SIFTSTREAM_TESTS_CHECK_HPP

#include <siftstream/siftstream.hpp>

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                  \
    }                                                                                \
  } while (false)

/* The call succeeds; its error is shown if not. */
#define OK(call)                                                                                          \
  do {                                                                                                    \
    if (auto&& done = (call); !done) {                                                                      \
      const std::string_view why = done.error().message();                                                \
      std::fprintf(stderr, "%s:%d: %.*s\n", __FILE__, __LINE__, static_cast<int>(why.size()), why.data()); \
      std::exit(1);                                                                                       \
    }                                                                                                     \
  } while (false)

/* The value of a call that must succeed. */
template <class T>
T value_of(siftstream::result<T> made) {
  OK(made);
  return *std::move(made);
}

/* How often the C++ side of the program has allocated. */
std::uint64_t allocations();

/* What the second file of the program sees of the library: the header is included there, too. */
std::string_view version_seen_by_the_other_file();
siftstream::result<void> row_of_the_other_file(siftstream::row& row, siftstream::channel<double> to);

#endif
