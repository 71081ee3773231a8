/* The choices of a stream and its schema. */

#ifndef SIFTSTREAM_CPP_CONFIG_HPP
#define SIFTSTREAM_CPP_CONFIG_HPP

#include <siftstream/cpp/channel.hpp>

namespace siftstream {

/* What the keys mean, and their defaults, is said in siftstream.h at siftstream_config_ and the name of the key. */
class config : public detail::owner<::siftstream_config, ::siftstream_config_free> {
 public:
  using owner::owner;

  static result<config> create() noexcept {
    return detail::make<config, ::siftstream_config>(::siftstream_config_create);
  }

  /* ---- all keys by name, a TOML file, the environment ---- */

  result<void> set(std::string_view key, std::string_view value) noexcept {
    return detail::call(::siftstream_config_set, get(), detail::str(key), detail::str(value));
  }
  result<void> load_file(std::string_view path) noexcept {
    return detail::call(::siftstream_config_load_file, get(), detail::str(path));
  }
  result<void> load_env() noexcept { return detail::call(::siftstream_config_load_env, get()); }

  /* ---- where rows go ---- */

  result<void> set_mode(siftstream::mode mode) noexcept {
    return detail::call(::siftstream_config_set_mode, get(), static_cast<std::int32_t>(mode));
  }

  /* ---- where Sift is, and who asks ---- */

  result<void> set_uri(std::string_view uri) noexcept {
    return detail::call(::siftstream_config_set_uri, get(), detail::str(uri));
  }
  result<void> set_api_key(std::string_view api_key) noexcept {
    return detail::call(::siftstream_config_set_api_key, get(), detail::str(api_key));
  }
  result<void> set_profile(std::string_view profile) noexcept {
    return detail::call(::siftstream_config_set_profile, get(), detail::str(profile));
  }
  result<void> set_insecure(bool insecure) noexcept {
    return detail::call(::siftstream_config_set_insecure, get(), insecure);
  }
  result<void> set_extra_ca_pem(bytes_view pem) noexcept {
    return detail::call(::siftstream_config_set_extra_ca_pem, get(), detail::bytes(pem));
  }
  result<void> set_client_identity(bytes_view certificate_pem, bytes_view key_pem) noexcept {
    return detail::call(::siftstream_config_set_client_identity, get(), detail::bytes(certificate_pem),
                        detail::bytes(key_pem));
  }
  result<void> set_server_name(std::string_view server_name) noexcept {
    return detail::call(::siftstream_config_set_server_name, get(), detail::str(server_name));
  }
  result<void> set_min_tls_version(tls_version version) noexcept {
    return detail::call(::siftstream_config_set_min_tls_version, get(), static_cast<std::int32_t>(version));
  }

  /* ---- connections and calls other than sending ---- */

  result<void> set_connect_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_connect_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_handshake_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_handshake_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_tcp_keepalive(std::chrono::milliseconds idle, std::chrono::milliseconds interval,
                                 std::uint32_t retries) noexcept {
    return detail::call(::siftstream_config_set_tcp_keepalive, get(), detail::count<std::uint64_t>(idle),
                        detail::count<std::uint64_t>(interval), retries);
  }
  result<void> set_request_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_request_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_overall_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_overall_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_control_retry_policy(std::uint32_t max_attempts, std::chrono::milliseconds initial_backoff,
                                        std::chrono::milliseconds max_backoff,
                                        std::uint32_t backoff_multiplier) noexcept {
    return detail::call(::siftstream_config_set_control_retry_policy, get(), max_attempts,
                        detail::count<std::uint64_t>(initial_backoff), detail::count<std::uint64_t>(max_backoff),
                        backoff_multiplier);
  }
  result<void> set_max_decoding_message_size(std::size_t bytes) noexcept {
    return detail::call(::siftstream_config_set_max_decoding_message_size, get(), bytes);
  }
  result<void> set_worker_threads(std::size_t threads) noexcept {
    return detail::call(::siftstream_config_set_worker_threads, get(), threads);
  }

  /* ---- threads ---- */

  result<void> set_thread_name(std::string_view name) noexcept {
    return detail::call(::siftstream_config_set_thread_name, get(), detail::str(name));
  }
  result<void> set_thread_cpus(const std::uint32_t* cpus, std::size_t count) noexcept {
    return detail::call(::siftstream_config_set_thread_cpus, get(), cpus, count);
  }
  result<void> set_thread_nice(std::int32_t nice) noexcept {
    return detail::call(::siftstream_config_set_thread_nice, get(), nice);
  }
  result<void> set_thread_fifo_priority(std::uint32_t priority) noexcept {
    return detail::call(::siftstream_config_set_thread_fifo_priority, get(), priority);
  }

  /* ---- schema ---- */

  result<void> set_asset(std::string_view asset_name, std::string_view client_key) noexcept {
    return detail::call(::siftstream_config_set_asset, get(), detail::str(asset_name), detail::str(client_key));
  }
  result<void> set_ingestion_config_id(std::string_view id) noexcept {
    return detail::call(::siftstream_config_set_ingestion_config_id, get(), detail::str(id));
  }
  result<void> set_end_stream_on_validation_error(bool end) noexcept {
    return detail::call(::siftstream_config_set_end_stream_on_validation_error, get(), end);
  }
  result<void> add_flow(std::string_view flow) noexcept {
    return detail::call(::siftstream_config_add_flow, get(), detail::str(flow));
  }

  /* Adds a channel of T's type at the end of a flow: channel<double>, channel<std::string_view>, channel<enum_value>, … */
  template <class T>
  result<channel<T>> add_channel(std::string_view flow, std::string_view name, std::string_view unit = {},
                                 std::string_view description = {}) noexcept {
    result<std::uint32_t> index = add_channel(flow, name, detail::channel_type_of<T>(), unit, description);
    if (!index) {
      return std::move(index).take_error();
    }
    return channel<T>(*index);
  }

  /* The same for a type that is known at run time; gives the channel's place in the flow. */
  result<std::uint32_t> add_channel(std::string_view flow, std::string_view name, channel_type type,
                                    std::string_view unit = {}, std::string_view description = {}) noexcept {
    return detail::get<std::uint32_t>(::siftstream_config_add_channel, get(), detail::str(flow), detail::str(name),
                                      static_cast<std::int32_t>(type), detail::str(unit), detail::str(description));
  }

  result<void> add_enum_type(std::string_view flow, std::string_view channel, std::string_view name,
                             std::uint32_t key) noexcept {
    return detail::call(::siftstream_config_add_enum_type, get(), detail::str(flow), detail::str(channel),
                        detail::str(name), key);
  }
  result<void> add_bit_field_element(std::string_view flow, std::string_view channel, std::string_view name,
                                     std::int32_t index, std::uint32_t bit_count) noexcept {
    return detail::call(::siftstream_config_add_bit_field_element, get(), detail::str(flow), detail::str(channel),
                        detail::str(name), index, bit_count);
  }

  /* ---- labels of asset and run ---- */

  result<void> add_asset_tag(std::string_view tag) noexcept {
    return detail::call(::siftstream_config_add_asset_tag, get(), detail::str(tag));
  }
  result<void> add_asset_metadata(std::string_view key, std::string_view value) noexcept {
    return detail::call(::siftstream_config_add_asset_metadata, get(), detail::str(key), detail::str(value));
  }
  result<void> add_asset_metadata_number(std::string_view key, double value) noexcept {
    return detail::call(::siftstream_config_add_asset_metadata_number, get(), detail::str(key), value);
  }
  result<void> add_asset_metadata_bool(std::string_view key, bool value) noexcept {
    return detail::call(::siftstream_config_add_asset_metadata_bool, get(), detail::str(key), value);
  }
  result<void> attach_run(std::string_view name, std::string_view client_key) noexcept {
    return detail::call(::siftstream_config_attach_run, get(), detail::str(name), detail::str(client_key));
  }
  result<void> attach_run_id(std::string_view run_id) noexcept {
    return detail::call(::siftstream_config_attach_run_id, get(), detail::str(run_id));
  }
  result<void> set_run_description(std::string_view description) noexcept {
    return detail::call(::siftstream_config_set_run_description, get(), detail::str(description));
  }
  result<void> add_run_tag(std::string_view tag) noexcept {
    return detail::call(::siftstream_config_add_run_tag, get(), detail::str(tag));
  }
  result<void> add_run_metadata(std::string_view key, std::string_view value) noexcept {
    return detail::call(::siftstream_config_add_run_metadata, get(), detail::str(key), detail::str(value));
  }
  result<void> add_run_metadata_number(std::string_view key, double value) noexcept {
    return detail::call(::siftstream_config_add_run_metadata_number, get(), detail::str(key), value);
  }
  result<void> add_run_metadata_bool(std::string_view key, bool value) noexcept {
    return detail::call(::siftstream_config_add_run_metadata_bool, get(), detail::str(key), value);
  }

  /* ---- sending ---- */

  result<void> set_max_row_size(std::size_t bytes) noexcept {
    return detail::call(::siftstream_config_set_max_row_size, get(), bytes);
  }
  result<void> set_linger(std::chrono::microseconds time) noexcept {
    return detail::call(::siftstream_config_set_linger_us, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_checkpoint_interval(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_checkpoint_interval_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_checkpoint_rows(std::uint64_t rows) noexcept {
    return detail::call(::siftstream_config_set_checkpoint_rows, get(), rows);
  }
  result<void> set_checkpoint_bytes(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_checkpoint_bytes, get(), bytes);
  }
  result<void> set_replay_window_bytes(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_replay_window_bytes, get(), bytes);
  }
  result<void> set_ingestion_data_channel_capacity(std::uint64_t rows) noexcept {
    return detail::call(::siftstream_config_set_ingestion_data_channel_capacity, get(), rows);
  }
  result<void> set_ingestion_data_channel_bytes(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_ingestion_data_channel_bytes, get(), bytes);
  }
  result<void> set_retry_policy(std::uint32_t max_attempts, std::chrono::milliseconds initial_backoff,
                                std::chrono::milliseconds max_backoff, std::uint32_t backoff_multiplier) noexcept {
    return detail::call(::siftstream_config_set_retry_policy, get(), max_attempts,
                        detail::count<std::uint64_t>(initial_backoff), detail::count<std::uint64_t>(max_backoff),
                        backoff_multiplier);
  }
  result<void> set_no_retry() noexcept { return detail::call(::siftstream_config_set_no_retry, get()); }
  result<void> set_idle_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_idle_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_response_timeout(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_response_timeout_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_overflow_policy(siftstream::overflow_policy policy) noexcept {
    return detail::call(::siftstream_config_set_overflow_policy, get(), static_cast<std::int32_t>(policy));
  }
  result<void> set_failure_policy(siftstream::failure_policy policy) noexcept {
    return detail::call(::siftstream_config_set_failure_policy, get(), static_cast<std::int32_t>(policy));
  }
  result<void> set_flow_failure_policy(std::string_view flow, siftstream::failure_policy policy) noexcept {
    return detail::call(::siftstream_config_set_flow_failure_policy, get(), detail::str(flow),
                        static_cast<std::int32_t>(policy));
  }
  result<void> set_quarantine_dir(std::string_view path) noexcept {
    return detail::call(::siftstream_config_set_quarantine_dir, get(), detail::str(path));
  }

  /* ---- files ---- */

  result<void> set_backups_dir(std::string_view directory) noexcept {
    return detail::call(::siftstream_config_set_backups_dir, get(), detail::str(directory));
  }
  result<void> set_stream_name(std::string_view name) noexcept {
    return detail::call(::siftstream_config_set_stream_name, get(), detail::str(name));
  }
  result<void> set_checkpoint_file(std::string_view path) noexcept {
    return detail::call(::siftstream_config_set_checkpoint_file, get(), detail::str(path));
  }
  result<void> set_offline_after(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_offline_after_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_backup_data_channel_capacity(std::uint64_t rows) noexcept {
    return detail::call(::siftstream_config_set_backup_data_channel_capacity, get(), rows);
  }
  result<void> set_backup_data_channel_bytes(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_backup_data_channel_bytes, get(), bytes);
  }
  result<void> set_batch_size(std::uint32_t rows) noexcept {
    return detail::call(::siftstream_config_set_batch_size, get(), rows);
  }
  result<void> set_flush_interval(std::chrono::milliseconds time) noexcept {
    return detail::call(::siftstream_config_set_flush_interval_ms, get(), detail::count<std::uint64_t>(time));
  }
  result<void> set_max_backup_file_size(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_max_backup_file_size, get(), bytes);
  }
  result<void> set_max_file_count(std::uint64_t files) noexcept {
    return detail::call(::siftstream_config_set_max_file_count, get(), files);
  }
  result<void> set_retain_backups(bool retain) noexcept {
    return detail::call(::siftstream_config_set_retain_backups, get(), retain);
  }
  result<void> set_max_bytes(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_max_bytes, get(), bytes);
  }
  result<void> set_min_free(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_min_free, get(), bytes);
  }
  result<void> set_when_full(siftstream::when_full when_full) noexcept {
    return detail::call(::siftstream_config_set_when_full, get(), static_cast<std::int32_t>(when_full));
  }
  result<void> set_fsync(siftstream::fsync fsync, std::chrono::milliseconds interval) noexcept {
    return detail::call(::siftstream_config_set_fsync, get(), static_cast<std::int32_t>(fsync),
                        detail::count<std::uint64_t>(interval));
  }
  result<void> set_recover_on_start(bool recover) noexcept {
    return detail::call(::siftstream_config_set_recover_on_start, get(), recover);
  }
  result<void> set_reingestion_bytes_per_second(std::uint64_t bytes) noexcept {
    return detail::call(::siftstream_config_set_reingestion_bytes_per_second, get(), bytes);
  }
};

}  // namespace siftstream

#endif
