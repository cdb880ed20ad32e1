// http/'s own numbers. Safe from any thread; shared by the server and the streams, which may be
// held by others for longer than the server lives.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "model/exposition.hpp"

namespace volta {

enum class ClientKind : std::uint8_t { http, admin, web_socket, event_stream };

class HttpCounters final : public SelfMetrics {
 public:
  void count_request(int status);
  void count_dropped() { ++dropped_; }
  void add_client(ClientKind kind, int change) { clients_.at(index(kind)) += change; }
  [[nodiscard]] std::int64_t clients(ClientKind kind) const { return clients_.at(index(kind)); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  static std::size_t index(ClientKind kind) { return static_cast<std::size_t>(kind); }

  std::array<std::atomic<std::uint64_t>, 500> by_status_{};  // 100..599
  std::array<std::atomic<std::int64_t>, 4> clients_{};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace volta
