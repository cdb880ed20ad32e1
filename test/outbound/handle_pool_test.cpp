#include "outbound/handle_pool.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

CurlHandle fresh_handle() { return HandlePool().take("http://new"); }

TEST_CASE("a handle comes back to who asks for the same server") {
  HandlePool pool;
  CurlHandle one = fresh_handle();
  const void* address = one.get();
  pool.give_back("http://a", std::move(one));
  CHECK(pool.idle() == 1);
  const CurlHandle other = pool.take("http://b");
  CHECK(other.get() != address);
  CHECK(pool.idle() == 1);
  const CurlHandle same = pool.take("http://a");
  CHECK(same.get() == address);
  CHECK(pool.idle() == 0);
  const CurlHandle another = pool.take("http://a");
  CHECK(another.get() != address);
}

TEST_CASE("idle handles are bounded for each server and in all") {
  HandlePool pool;
  for (std::size_t i = 0; i < HandlePool::kMostIdlePerServer + 3; ++i) {
    pool.give_back("http://a", fresh_handle());
  }
  CHECK(pool.idle() == HandlePool::kMostIdlePerServer);
  for (std::size_t i = 0; i < HandlePool::kMostIdle + 20; ++i) {
    pool.give_back("http://b" + std::to_string(i), fresh_handle());
  }
  CHECK(pool.idle() == HandlePool::kMostIdle);
  // The newest is among them.
  const std::string newest = "http://b" + std::to_string(HandlePool::kMostIdle + 19);
  const CurlHandle kept = pool.take(newest);
  CHECK(pool.idle() == HandlePool::kMostIdle - 1);
}

}  // namespace
}  // namespace volta
