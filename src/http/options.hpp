// What an HttpServer may be told. The defaults are the promises; tests shorten the deadlines.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/tls.hpp"
#include "http/answer_room.hpp"
#include "http/request_rules.hpp"

namespace volta {

struct HttpOptions {
  // "127.0.0.1:8420", "[::1]:8420", "0.0.0.0:0"; "localhost" stands for 127.0.0.1. Port 0: any.
  std::vector<std::string> listen;
  // The admin socket, mode 0600; empty: none. A stale one is replaced.
  std::filesystem::path unix_socket;
  // Beside root the only user who may connect to it; empty: the user of this process.
  std::optional<uid_t> unix_owner;
  // TLS on the TCP addresses, asked for at each connection from any thread, since certificates are
  // renewed; the first byte tells who speaks it. Empty: nobody does.
  std::function<TlsContext()> tls;
  // Who speaks plaintext all the same: with `tls` clients of this machine unless require_tls, and
  // everybody with insecure. Others are sent to https.
  bool require_tls = false;
  bool insecure = false;
  RequestRules rules;
  // Serve the page from here instead of the binary; empty: the embedded page.
  std::filesystem::path web_root;

  unsigned io_threads = 1;
  unsigned worker_threads = 2;
  std::size_t most_queued_requests = 256;  // more are answered with 503
  std::size_t most_connections = 1024;     // without the admin socket's, which may have 64
  std::size_t most_per_address = 64;       // loopback: no such limit
  std::size_t most_head_bytes = 8192;
  std::size_t most_body_bytes = 1U << 20U;
  // Other limits for the bodies of some paths. What is larger than most_body_bytes may together
  // take three quarters of the next: small requests get in while large ones arrive.
  std::vector<std::pair<std::string, std::size_t>> body_limits;
  std::size_t most_bodies_bytes = 64U << 20U;  // of all requests being read together
  // For all answers being sent together, without those of up to 64 KiB. What does not fit, though
  // slow ones give way, is answered with 503; the only one is always sent.
  AnswerRoom::Limits answers;
  unsigned most_pipelined = 64;

  std::chrono::milliseconds head_deadline{10'000};
  std::chrono::milliseconds body_deadline{30'000};
  std::chrono::milliseconds idle_deadline{60'000};
  std::chrono::milliseconds write_deadline{30'000};    // for each 256 KiB of an answer
  std::chrono::milliseconds answer_deadline{300'000};  // for the whole of it
  std::chrono::milliseconds linger{2'000};  // reading on after a refusal, so that it arrives
  std::chrono::milliseconds stop_grace{2'000};

  std::chrono::milliseconds ping_period{20'000};
  std::chrono::milliseconds heartbeat_period{15'000};  // server-sent events
  std::chrono::milliseconds blocked_limit{5'000};
  std::chrono::milliseconds close_grace{3'000};
  std::size_t most_stream_bytes = 1U << 20U;    // queued for one client
  std::size_t most_message_bytes = 64U << 10U;  // from one client
  unsigned most_messages_per_second = 50;       // from one client
};

}  // namespace volta
