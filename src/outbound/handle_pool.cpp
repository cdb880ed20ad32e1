#include "outbound/handle_pool.hpp"

#include <curl/curl.h>

#include "base/error.hpp"

namespace volta {

void CurlCloser::operator()(void* handle) const { curl_easy_cleanup(handle); }

CurlHandle HandlePool::take(const std::string& server) {
  CurlHandle handle;
  {
    const std::lock_guard lock(mutex_);
    const auto found = idle_.find(server);
    if (found != idle_.end()) {
      handle = std::move(found->second.back());
      found->second.pop_back();
      if (found->second.empty()) idle_.erase(found);
      --count_;
    }
  }
  if (handle) {
    curl_easy_reset(handle.get());
  } else {
    handle.reset(curl_easy_init());
  }
  if (!handle) throw Failure("libcurl gave no handle");
  return handle;
}

void HandlePool::give_back(const std::string& server, CurlHandle handle) {
  CurlHandle surplus;  // destroyed after the lock is gone, for it may say goodbye to its server
  const std::lock_guard lock(mutex_);
  const auto known = idle_.find(server);
  if (known != idle_.end() && known->second.size() >= kMostIdlePerServer) {
    surplus = std::move(handle);
    return;
  }
  if (count_ >= kMostIdle) {
    const auto other = idle_.begin();
    surplus = std::move(other->second.back());
    other->second.pop_back();
    if (other->second.empty()) idle_.erase(other);
    --count_;
  }
  idle_[server].push_back(std::move(handle));
  ++count_;
}

std::size_t HandlePool::idle() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace volta
