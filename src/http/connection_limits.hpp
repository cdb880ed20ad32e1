// How many connections may be open, in all and from one address.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/guarded.hpp"
#include "http/http_counters.hpp"

namespace volta {

class ConnectionLimits;

// One admitted connection; gives its place back when destroyed.
class ConnectionSlot {
 public:
  ConnectionSlot(ConnectionLimits& limits, std::string address, ClientKind kind);
  ConnectionSlot(const ConnectionSlot&) = delete;
  ConnectionSlot& operator=(const ConnectionSlot&) = delete;
  ~ConnectionSlot();
  // A plain connection became a stream. One thread.
  void become(ClientKind kind);

 private:
  ConnectionLimits* limits_;
  std::string address_;
  bool admin_;
  ClientKind kind_;
};

// Safe from any thread; must outlive its slots.
class ConnectionLimits {
 public:
  ConnectionLimits(std::size_t most, std::size_t most_per_address,
                   std::shared_ptr<HttpCounters> counters)
      : most_(most), most_per_address_(most_per_address), counters_(std::move(counters)) {}

  // Null when full. `address` without port; "": loopback, no limit of its own. Admin connections
  // have 64 places apart, so that the owner gets in when the rest is full.
  std::unique_ptr<ConnectionSlot> admit(const std::string& address, bool admin);
  [[nodiscard]] std::size_t open() const;

 private:
  friend class ConnectionSlot;
  struct Open {
    std::size_t total = 0;
    std::size_t admin = 0;
    std::map<std::string, std::size_t> by_address;
  };
  void release(const std::string& address, bool admin);

  const std::size_t most_;
  const std::size_t most_per_address_;
  std::shared_ptr<HttpCounters> counters_;
  Guarded<Open> open_;
};

}  // namespace volta
