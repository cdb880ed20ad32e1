// curl's handles, kept while nobody uses them: each holds the connections that it opened, so that
// the next request to the same server needs no handshake.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace volta {

struct CurlCloser {
  void operator()(void* handle) const;  // CURL is void
};
using CurlHandle = std::unique_ptr<void, CurlCloser>;

// Thread-safe.
class HandlePool {
 public:
  static constexpr std::size_t kMostIdlePerServer = 8;
  static constexpr std::size_t kMostIdle = 128;

  // One that spoke to this server last, with all its options reset, else a new one. `server` is
  // the URL up to its path. Throws Failure where curl gives none.
  CurlHandle take(const std::string& server);
  // When there are too many, one is closed: of this server's this one, else one of another's.
  void give_back(const std::string& server, CurlHandle handle);
  [[nodiscard]] std::size_t idle() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<CurlHandle>> idle_;
  std::size_t count_ = 0;
};

}  // namespace volta
