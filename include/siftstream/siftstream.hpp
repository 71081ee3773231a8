/*
 * siftstream for C++17 and later: the C API of siftstream.h as objects that free themselves. Header-only.
 *
 * Names. They are C's without the prefix: siftstream_stream_try_send is stream::try_send. Where the type says the unit,
 * the name does not: set_linger_us takes std::chrono::microseconds and is set_linger. What a call does, when it fails,
 * whether it blocks and which threads may make it is said in siftstream.h and holds here too.
 *
 * Results. What can fail returns a result<T>: a T or an error. Nothing throws, except value() of a result that holds an
 * error: it throws siftstream::exception. Without exceptions, or with SIFTSTREAM_NO_EXCEPTIONS defined, it ends the
 * program instead. SIFTSTREAM_TRY(call); returns the error of a failed call from a function that returns a result.
 *
 * Objects. They are move-only and free what they own. get() gives the handle for calls of the C API. An object that was
 * moved from is empty; its calls answer invalid_argument.
 *
 * Memory. Setting channels of a row and sending it allocates nothing once it is warm; neither do their results. Errors
 * other than full allocate.
 *
 *   siftstream::config config = siftstream::config::create().value();
 *   config.set_uri("https://grpc-api.siftstack.com").value();
 *   ...
 *   siftstream::channel<double> speed = config.add_channel<double>("motor", "speed", "rpm").value();
 *   siftstream::stream stream = siftstream::stream::create(config, std::chrono::seconds(10)).value();
 *   siftstream::row row = siftstream::row::create(stream.flow("motor").value()).value();
 *   row.set(speed, 1200.0).value();
 *   stream.send(row, std::chrono::seconds(1)).value();
 *   stream.finish(std::chrono::seconds(10)).value();
 */

#ifndef SIFTSTREAM_HPP
#define SIFTSTREAM_HPP

#include <siftstream/cpp/channel.hpp>
#include <siftstream/cpp/checkpoint.hpp>
#include <siftstream/cpp/columns.hpp>
#include <siftstream/cpp/config.hpp>
#include <siftstream/cpp/event.hpp>
#include <siftstream/cpp/log.hpp>
#include <siftstream/cpp/messages.hpp>
#include <siftstream/cpp/metrics.hpp>
#include <siftstream/cpp/metrics_server.hpp>
#include <siftstream/cpp/report.hpp>
#include <siftstream/cpp/result.hpp>
#include <siftstream/cpp/row.hpp>
#include <siftstream/cpp/stream.hpp>

#endif
