/* The counters of a stream. */

#ifndef SIFTSTREAM_CPP_METRICS_HPP
#define SIFTSTREAM_CPP_METRICS_HPP

#include <siftstream/cpp/result.hpp>

namespace siftstream {

/* A snapshot; all 0 if it is empty. */
class metrics : public detail::owner<::siftstream_metrics, ::siftstream_metrics_free> {
 public:
  using owner::owner;

  /* All counters as JSON; lives as long as the snapshot. */
  std::string_view json() const noexcept { return detail::view(::siftstream_metrics_json(get())); }

  /* Memory held by rows that were taken to be sent and are not confirmed. */
  std::uint64_t replay_window_bytes() const noexcept { return ::siftstream_metrics_replay_window_bytes(get()); }

  /* Rows accepted from callers. */
  std::uint64_t rows_accepted() const noexcept { return ::siftstream_metrics_rows_accepted(get()); }

  /* Bytes of the accepted rows as they are sent. */
  std::uint64_t bytes_accepted() const noexcept { return ::siftstream_metrics_bytes_accepted(get()); }

  /* Rows given to gRPC streams; a row that is sent again counts again. */
  std::uint64_t rows_sent() const noexcept { return ::siftstream_metrics_rows_sent(get()); }

  /* Bytes given to gRPC streams. */
  std::uint64_t bytes_sent() const noexcept { return ::siftstream_metrics_bytes_sent(get()); }

  /* Rows that Sift has confirmed. */
  std::uint64_t rows_confirmed() const noexcept { return ::siftstream_metrics_rows_confirmed(get()); }

  /* Rows given up by a choice of the user. */
  std::uint64_t rows_dropped() const noexcept { return ::siftstream_metrics_rows_dropped(get()); }

  /* Rows that survive a crash of the process, from the first without a gap. */
  std::uint64_t rows_written() const noexcept { return ::siftstream_metrics_rows_written(get()); }

  /* Rows that survive a power failure, from the first without a gap. */
  std::uint64_t rows_durable() const noexcept { return ::siftstream_metrics_rows_durable(get()); }

  /* Backup files created by this stream. */
  std::uint64_t backup_files() const noexcept { return ::siftstream_metrics_backup_files(get()); }

  /* Bytes of all backup files, those of earlier starts included. */
  std::uint64_t backup_bytes() const noexcept { return ::siftstream_metrics_backup_bytes(get()); }

  /* How often the disk failed. */
  std::uint64_t disk_errors() const noexcept { return ::siftstream_metrics_disk_errors(get()); }

  /* Whether the disk fails now: rows wait in memory. */
  bool disk_degraded() const noexcept { return ::siftstream_metrics_disk_degraded(get()); }

  /* Unconfirmed rows of earlier starts that were found on disk. */
  std::uint64_t rows_recovered() const noexcept { return ::siftstream_metrics_rows_recovered(get()); }

  /* Those of the recovered rows that Sift has confirmed since. */
  std::uint64_t recovered_rows_confirmed() const noexcept {
    return ::siftstream_metrics_recovered_rows_confirmed(get());
  }

  /* Rows of this stream that were confirmed after they were read back from disk. */
  std::uint64_t rows_reingested() const noexcept { return ::siftstream_metrics_rows_reingested(get()); }

  /* Rows that are yet to be read back from disk and sent, at this moment. */
  std::uint64_t rows_owed() const noexcept { return ::siftstream_metrics_rows_owed(get()); }

  /* Rows that wait to be sent. */
  std::uint64_t ingestion_channel_rows() const noexcept { return ::siftstream_metrics_ingestion_channel_rows(get()); }

  /* Memory held by the rows that wait to be sent. */
  std::uint64_t ingestion_channel_bytes() const noexcept { return ::siftstream_metrics_ingestion_channel_bytes(get()); }

  /* Rows that wait to be written. */
  std::uint64_t backup_channel_rows() const noexcept { return ::siftstream_metrics_backup_channel_rows(get()); }

  /* Memory held by the rows that wait to be written, or are being written. */
  std::uint64_t backup_channel_bytes() const noexcept { return ::siftstream_metrics_backup_channel_bytes(get()); }

  /* gRPC streams opened. */
  std::uint64_t streams_opened() const noexcept { return ::siftstream_metrics_streams_opened(get()); }

  /* gRPC streams that ended with a confirmation. */
  std::uint64_t checkpoints() const noexcept { return ::siftstream_metrics_checkpoints(get()); }

  /* gRPC streams that ended without one. */
  std::uint64_t checkpoints_failed() const noexcept { return ::siftstream_metrics_checkpoints_failed(get()); }

  /* Answers OK that came too early to be a confirmation. */
  std::uint64_t early_oks() const noexcept { return ::siftstream_metrics_early_oks(get()); }

  /* Waits before another attempt. */
  std::uint64_t retries() const noexcept { return ::siftstream_metrics_retries(get()); }

  /* The wait that goes on now. */
  std::chrono::microseconds current_backoff() const noexcept {
    return std::chrono::microseconds(static_cast<std::int64_t>(::siftstream_metrics_current_backoff_us(get())));
  }

  /* How often a gRPC stream ended with the status `code`; 0 if that is no code. */
  std::uint64_t grpc_status(std::int32_t code) const noexcept { return ::siftstream_metrics_grpc_status(get(), code); }
};

}  // namespace siftstream

#endif
