// One connection: reads requests one after the other, has each judged and answered, and hands the
// connection on when a request becomes a stream. Runs on its transport's strand.
#pragma once

#include <memory>

#include "http/connection_limits.hpp"
#include "http/listen_socket.hpp"
#include "http/server_state.hpp"
#include "http/transport.hpp"

namespace volta {

// Keeps itself alive until the connection is gone; `state` must outlive it.
void start_connection(ServerState& state, Transport transport, Ends ends,
                      std::unique_ptr<ConnectionSlot> slot);

}  // namespace volta
