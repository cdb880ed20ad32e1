// A few read-only connections, lent to one reader at a time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/sqlite.hpp"

namespace volta {

// Thread-safe. Whoever asks while all are lent waits.
class ReaderPool {
 public:
  ReaderPool(std::string path, std::size_t most, int cache_kib)
      : path_(std::move(path)), cache_kib_(cache_kib), left_to_open_(most) {}

  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) pool_->give_back(std::move(connection_));
    }
    Connection& operator*() { return *connection_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // Throws SqliteFailure if a new connection is needed and cannot be opened.
  Lease take();

 private:
  void give_back(std::unique_ptr<Connection> connection);

  const std::string path_;
  const int cache_kib_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t left_to_open_;
  std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace volta
