// One live stream: takes from its channel and sends, hands what the client says to api/, notices a
// client that is gone, silent, too loud or too slow. Runs on its transport's strand.
#pragma once

#include <memory>

#include "http/connection_limits.hpp"
#include "http/server_state.hpp"
#include "http/stream_wire.hpp"

namespace volta {

struct StreamStart {
  StreamKind kind = StreamKind::web_socket;
  std::unique_ptr<StreamWire> wire;
  std::shared_ptr<StreamChannel> channel;
  std::unique_ptr<StreamReceiver> receiver;
  std::unique_ptr<ConnectionSlot> slot;
};

// Keeps itself alive until the connection is gone; `state` must outlive it.
void start_stream(ServerState& state, StreamStart start);

}  // namespace volta
