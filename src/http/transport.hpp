// The one place that says what a connection's bytes go through: TCP and the unix socket now. TLS
// will be another transport here. All handlers of one connection run on its strand.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

namespace volta {

using Executor = boost::asio::strand<boost::asio::io_context::executor_type>;
using Transport = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

}  // namespace volta
