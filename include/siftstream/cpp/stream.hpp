/* The stream. */

#ifndef SIFTSTREAM_CPP_STREAM_HPP
#define SIFTSTREAM_CPP_STREAM_HPP

#include <siftstream/cpp/checkpoint.hpp>
#include <siftstream/cpp/columns.hpp>
#include <siftstream/cpp/config.hpp>
#include <siftstream/cpp/event.hpp>
#include <siftstream/cpp/metrics.hpp>
#include <siftstream/cpp/report.hpp>
#include <siftstream/cpp/row.hpp>

namespace siftstream {

/* A stream to Sift. Many threads may make its const calls at once. Its end does not wait for the network: call finish
 * first. It can take a second. */
class stream : public detail::owner<::siftstream_stream, ::siftstream_stream_free> {
 public:
  using owner::owner;
  using milliseconds = std::chrono::milliseconds;

  static result<stream> create(const config& of, milliseconds timeout) noexcept {
    const ::siftstream_config* it = of.get();
    return detail::make<stream, ::siftstream_stream>(::siftstream_stream_create, it, detail::timeout_ms(timeout));
  }

  /* The flow with this name. */
  result<siftstream::flow> flow(std::string_view name) const noexcept {
    return detail::make<siftstream::flow, ::siftstream_flow>(::siftstream_stream_flow, it(), detail::str(name));
  }

  /* ---- rows ---- */

  /* Waits for room for at most `timeout`. */
  result<void> send(const row& what, milliseconds timeout) const noexcept {
    const ::siftstream_row* of = what.get();
    return detail::call(::siftstream_stream_send, it(), of, detail::timeout_ms(timeout));
  }

  /* Never waits: full means that there is no room now. */
  result<void> try_send(const row& what) const noexcept {
    const ::siftstream_row* of = what.get();
    return detail::call(::siftstream_stream_try_send, it(), of);
  }

  /* Sends a row of the flow of `of`: a value or siftstream::empty for each channel, in the order of the flow. Never waits. After
   * full `of` holds them, to be sent later; else it is left as it is. */
  template <class... T>
  result<void> try_send_values(row& of, std::int64_t timestamp_ns, const T&... values) const noexcept {
    const ::siftstream_value all[] = {detail::tagged(values)...};
    const ::siftstream_value* first = all;
    return detail::call(::siftstream_stream_try_send_values, it(), of.get(), timestamp_ns, first, sizeof...(values));
  }

  /* ---- columns ---- */

  /* Sends a row for each of the timestamps (nanoseconds since 1970), waiting for at most `timeout` altogether. Both are
   * arrays, vectors or spans. `next_row` says where to begin, and then how far the call came, also after an error. */
  template <class Timestamps, class Columns>
  result<void> send_columns(const siftstream::flow& flow, const Timestamps& timestamps_ns, const Columns& columns,
                            std::size_t& next_row, milliseconds timeout) const noexcept {
    const columns_view view(timestamps_ns, columns);
    const ::siftstream_flow* of = flow.get();
    return detail::call(::siftstream_stream_send_columns, it(), of, view.timestamps_ns, view.rows, view.columns,
                        view.column_count, &next_row, detail::timeout_ms(timeout));
  }

  /* The same without ever waiting: full means that there was no room for all of them. */
  template <class Timestamps, class Columns>
  result<void> try_send_columns(const siftstream::flow& flow, const Timestamps& timestamps_ns, const Columns& columns,
                                std::size_t& next_row) const noexcept {
    const columns_view view(timestamps_ns, columns);
    const ::siftstream_flow* of = flow.get();
    return detail::call(::siftstream_stream_try_send_columns, it(), of, view.timestamps_ns, view.rows, view.columns,
                        view.column_count, &next_row);
  }

  /* ---- delivery ---- */

  /* Brings everything accepted so far to a level, and waits for that. */
  result<void> flush(level to, milliseconds timeout) const noexcept {
    return detail::call(::siftstream_stream_flush, it(), static_cast<std::int32_t>(to), detail::timeout_ms(timeout));
  }
  result<void> flush_confirmed(milliseconds timeout) const noexcept {
    return detail::call(::siftstream_stream_flush_confirmed, it(), detail::timeout_ms(timeout));
  }

  /* Asks Sift to confirm what was accepted so far, and waits for nothing. */
  result<void> checkpoint() const noexcept { return detail::call(::siftstream_stream_checkpoint, it()); }

  /* How many rows, from the first one on, are at a level or beyond it without a gap. */
  result<std::uint64_t> watermark(level at) const noexcept {
    return detail::get<std::uint64_t>(::siftstream_stream_watermark, it(), static_cast<std::int32_t>(at));
  }
  std::uint64_t confirmed_watermark() const noexcept { return ::siftstream_stream_confirmed_watermark(it()); }

  /* Delivers what was accepted and ends the stream. `out` receives what became of each row, also if the call fails. */
  result<void> finish(milliseconds timeout, report* out = nullptr) const noexcept {
    ::siftstream_report* made = nullptr;
    ::siftstream_report** place = out == nullptr ? nullptr : &made;
    result<void> done = detail::call(::siftstream_stream_finish, it(), detail::timeout_ms(timeout), place);
    if (out != nullptr) {
      *out = report(made);
    }
    return done;
  }

  /* Ends the stream now; calls that wait get the reason. */
  result<void> cancel(std::string_view reason) const noexcept {
    return detail::call(::siftstream_stream_cancel, it(), detail::str(reason));
  }

  /* ---- where inputs stand ---- */

  /* Notes what the mark says about the rows sent so far: stored as a checkpoint when they are durable and confirmed. */
  result<void> mark(const siftstream::mark& what) const noexcept {
    const ::siftstream_mark* noted = what.get();
    return detail::call(::siftstream_stream_mark, it(), noted);
  }
  result<void> mark_offset(std::string_view source, std::uint64_t offset) const noexcept {
    return detail::call(::siftstream_stream_mark_offset, it(), detail::str(source), offset);
  }

  /* The newest stored checkpoints, from which inputs resume. */
  result<recovery> recover() const noexcept {
    return detail::make<recovery, ::siftstream_recovery>(::siftstream_stream_recover, it());
  }

  /* ---- events and counters ---- */

  /* The oldest event that nobody has read; empty if there is none. */
  result<event> poll_event() const noexcept {
    return detail::make<event, ::siftstream_event>(::siftstream_stream_poll_event, it());
  }
  result<event> wait_event(milliseconds timeout) const noexcept {
    return detail::make<event, ::siftstream_event>(::siftstream_stream_wait_event, it(), detail::timeout_ms(timeout));
  }
  std::uint64_t events_dropped() const noexcept { return ::siftstream_stream_events_dropped(it()); }

  /* Calls `callback` with each event_view on a thread of the library, where it is also destroyed. It must not throw. */
  template <class Callback>
  result<void> on_event(Callback callback) const {
    using listener = detail::listener<Callback>;
    void* kept = new Callback(std::move(callback));
    return detail::call(::siftstream_stream_on_event, it(), &listener::call, kept, &listener::free);
  }

  result<siftstream::metrics> metrics() const noexcept {
    return detail::make<siftstream::metrics, ::siftstream_metrics>(::siftstream_stream_metrics, it());
  }

  /* ---- loops with deadlines ---- */

  /* Makes memory for `bytes` of encoded rows ready, so that the first rows neither allocate nor meet page faults. */
  result<void> prefault(std::uint64_t bytes) const noexcept {
    return detail::call(::siftstream_stream_prefault, it(), bytes);
  }

  /* A descriptor that poll finds readable while events wait to be read; it belongs to the stream. */
  result<int> event_fd() const noexcept { return detail::get<int>(::siftstream_stream_event_fd, it()); }

  /* ---- changes while it runs ---- */

  /* Registers the flows of `of` that the stream does not have. */
  result<void> add_new_flows(const config& of, milliseconds timeout) const noexcept {
    const ::siftstream_config* flows = of.get();
    return detail::call(::siftstream_stream_add_new_flows, it(), flows, detail::timeout_ms(timeout));
  }

  /* Attaches rows sent from now on to a run, or to none. */
  result<void> attach_run(std::string_view name, std::string_view client_key, milliseconds timeout) const noexcept {
    return detail::call(::siftstream_stream_attach_run, it(), detail::str(name), detail::str(client_key),
                        detail::timeout_ms(timeout));
  }
  result<void> attach_run_id(std::string_view run_id, milliseconds timeout) const noexcept {
    return detail::call(::siftstream_stream_attach_run_id, it(), detail::str(run_id), detail::timeout_ms(timeout));
  }
  result<void> detach_run() const noexcept { return detail::call(::siftstream_stream_detach_run, it()); }

  /* Replaces the API key. */
  result<void> set_api_key(std::string_view api_key) const noexcept {
    return detail::call(::siftstream_stream_set_api_key, it(), detail::str(api_key));
  }

 private:
  const ::siftstream_stream* it() const noexcept { return get(); }

  /* Timestamps and columns as the C API takes them. */
  struct columns_view {
    template <class Timestamps, class Columns>
    columns_view(const Timestamps& timestamps, const Columns& all) noexcept
        : timestamps_ns(std::data(timestamps)),
          rows(std::size(timestamps)),
          columns(reinterpret_cast<const ::siftstream_column*>(static_cast<const column*>(std::data(all)))),
          column_count(std::size(all)) {}

    const std::int64_t* timestamps_ns;
    std::size_t rows;
    const ::siftstream_column* columns;
    std::size_t column_count;
  };
};

}  // namespace siftstream

#endif
