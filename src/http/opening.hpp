// What becomes of an accepted socket: looks whether the client speaks TLS, shakes hands with it,
// and hands the connection on. Runs on its socket's strand.
#pragma once

#include <memory>

#include "http/connection_limits.hpp"
#include "http/listen_socket.hpp"
#include "http/server_state.hpp"
#include "http/transport.hpp"

namespace volta {

// Keeps itself alive until the connection is begun or gone; `state` must outlive it.
void open_connection(ServerState& state, StreamSocket socket, Ends ends,
                     std::unique_ptr<ConnectionSlot> slot);

}  // namespace volta
