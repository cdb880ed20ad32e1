// A few read-only connections, each with a decoder for packs, lent to one reader at a time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/pack.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Thread-safe. Whoever asks while all are lent waits.
class ReaderPool {
 public:
  ReaderPool(std::string path, std::size_t most, int cache_kib)
      : path_(std::move(path)), cache_kib_(cache_kib), left_to_open_(most) {}

  struct Reader {
    Reader(const std::string& path, int cache_kib)
        : connection(path, Connection::Mode::reader, cache_kib) {}
    Connection connection;
    PackReader packs;  // its zstd context is dear to make, for a hundred hosts a query
  };

  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<Reader> reader)
        : pool_(&pool), reader_(std::move(reader)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (reader_ != nullptr) pool_->give_back(std::move(reader_));
    }
    Connection& operator*() { return reader_->connection; }
    PackReader& packs() { return reader_->packs; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Reader> reader_;
  };

  // Throws SqliteFailure if a new connection is needed and cannot be opened.
  Lease take();

 private:
  void give_back(std::unique_ptr<Reader> reader);

  const std::string path_;
  const int cache_kib_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t left_to_open_;
  std::vector<std::unique_ptr<Reader>> free_;
};

}  // namespace volta
