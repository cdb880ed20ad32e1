// The HTTP server: listens, guards, and lets an HttpHandler answer. See options.hpp for its limits
// and request_rules.hpp for what is refused before the handler sees it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/listen_socket.hpp"
#include "http/options.hpp"
#include "model/exposition.hpp"
#include "model/http.hpp"

namespace volta {

class HttpServer {
 public:
  // Binds, but answers nobody before start(). `handler` must outlive this. Throws ListenFailure.
  HttpServer(HttpOptions options, HttpHandler& handler);
  // Stops.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The TCP addresses as bound, in the order of the options: "127.0.0.1:8420".
  [[nodiscard]] const std::vector<std::string>& addresses() const;

  // Starts the threads: io_threads for the network, worker_threads for the handler.
  void start();
  // Accepts no more, finishes what is being answered, closes streams with 1001, joins its threads;
  // takes at most stop_grace and what the handler takes. Again: nothing. Not from a handler.
  void stop();

  // Requests, clients and dropped live messages. Outlives the server.
  [[nodiscard]] std::shared_ptr<const SelfMetrics> self_metrics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volta
