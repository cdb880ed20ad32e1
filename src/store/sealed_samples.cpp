#include "store/sealed_samples.hpp"

namespace volta {
namespace {

constexpr std::int64_t kPacksOfSlice = 64;  // some megabytes

}  // namespace

std::vector<std::int64_t> sealed_window_ends(Connection& connection, std::int64_t last_end_ms) {
  std::vector<std::int64_t> ends;
  Query query = connection.query(
      "SELECT DISTINCT end_ms FROM pack WHERE tier=0 AND end_ms<=? ORDER BY end_ms");
  query.with(last_end_ms);
  while (query.step()) ends.push_back(query.integer(0));
  return ends;
}

bool drop_sealed_window(Connection& connection, std::int64_t end_ms) {
  connection
      .query("DELETE FROM pack WHERE id IN (SELECT id FROM pack WHERE tier=0 AND end_ms=? LIMIT ?)")
      .with(end_ms, kPacksOfSlice)
      .run();
  Query left = connection.query("SELECT 1 FROM pack WHERE tier=0 AND end_ms=? LIMIT 1");
  left.with(end_ms);
  return !left.step();
}

}  // namespace volta
