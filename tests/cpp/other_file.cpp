/* The second file of the C++ test: the header can be included by all files of a program, and twice by one. */

#include "check.hpp"

#include <siftstream/siftstream.hpp>

#include <atomic>
#include <new>

static std::atomic<std::uint64_t> made{0};

/* Counts what the C++ side of the program allocates. */
void* operator new(std::size_t size) {
  made.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

std::uint64_t allocations() { return made.load(); }

std::string_view version_seen_by_the_other_file() { return siftstream::version(); }

siftstream::result<void> row_of_the_other_file(siftstream::row& row, siftstream::channel<double> to) {
  SIFTSTREAM_TRY(row.clear());
  SIFTSTREAM_TRY(row.set(to, 2.5));
  return row.set_timestamp(std::chrono::system_clock::now());
}
