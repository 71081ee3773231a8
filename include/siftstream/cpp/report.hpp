/* What became of each row of a stream. */

#ifndef SIFTSTREAM_CPP_REPORT_HPP
#define SIFTSTREAM_CPP_REPORT_HPP

#include <siftstream/cpp/event.hpp>

namespace siftstream {

/* accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected. All 0 if it is empty. */
class report : public detail::owner<::siftstream_report, ::siftstream_report_free> {
 public:
  using owner::owner;

  std::uint64_t accepted() const noexcept { return ::siftstream_report_accepted(get()); }
  std::uint64_t recovered() const noexcept { return ::siftstream_report_recovered(get()); }
  std::uint64_t confirmed() const noexcept { return ::siftstream_report_confirmed(get()); }
  std::uint64_t on_disk() const noexcept { return ::siftstream_report_on_disk(get()); }
  std::uint64_t in_memory() const noexcept { return ::siftstream_report_in_memory(get()); }
  std::uint64_t dropped() const noexcept { return ::siftstream_report_dropped(get()); }
  std::uint64_t rejected() const noexcept { return ::siftstream_report_rejected(get()); }

  /* How many ranges of message IDs are not confirmed, and each of them: not_found beyond the last one. */
  std::size_t unconfirmed_ranges() const noexcept { return ::siftstream_report_unconfirmed_ranges(get()); }
  result<id_range> unconfirmed_range(std::size_t at) const noexcept {
    const ::siftstream_report* it = get();
    id_range out{};
    result<void> done = detail::call(::siftstream_report_unconfirmed_range, it, at, &out.first, &out.end);
    if (!done) {
      return std::move(done).take_error();
    }
    return out;
  }

  /* The same of rows that were dropped, where their IDs are known. */
  std::size_t dropped_ranges() const noexcept { return ::siftstream_report_dropped_ranges(get()); }
  result<id_range> dropped_range(std::size_t at) const noexcept {
    const ::siftstream_report* it = get();
    id_range out{};
    result<void> done = detail::call(::siftstream_report_dropped_range, it, at, &out.first, &out.end);
    SIFTSTREAM_TRY(done);
    return out;
  }
};

}  // namespace siftstream

#endif
