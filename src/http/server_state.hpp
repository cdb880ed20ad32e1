// What all connections of one server share. Outlives them.
#pragma once

#include <atomic>
#include <memory>

#include "http/answer_room.hpp"
#include "http/assets.hpp"
#include "http/connection_limits.hpp"
#include "http/http_counters.hpp"
#include "http/options.hpp"
#include "http/session.hpp"
#include "http/worker_pool.hpp"
#include "model/http.hpp"

namespace volta {

struct ServerState {
  ServerState(HttpOptions chosen, HttpHandler& answering)
      : options(std::move(chosen)),
        handler(answering),
        assets(options.web_root.empty() ? Assets(embedded_assets()) : Assets(options.web_root)),
        limits(options.most_connections, options.most_per_address, counters),
        answer_room(options.answers),
        workers(options.worker_threads, options.most_queued_requests) {}

  const HttpOptions options;
  HttpHandler& handler;
  const Assets assets;
  const std::shared_ptr<HttpCounters> counters = std::make_shared<HttpCounters>();
  ConnectionLimits limits;
  SessionRegistry sessions;
  std::atomic<std::size_t> body_bytes{0};  // of requests whose bodies are being held
  AnswerRoom answer_room;
  WorkerPool workers;
};

}  // namespace volta
