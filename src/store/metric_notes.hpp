// What senders say of their metrics: type, help and unit. In memory, and written by the writer now
// and then.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/time_series.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Thread-safe. Holds at most kMostNotes; what comes beyond that, or is no metric's name or no
// UTF-8, is left out. Texts are cut at 4 KiB.
class MetricNotes {
 public:
  static constexpr std::size_t kMostNotes = 50'000;

  void load(Connection& connection);
  void add(std::span<const MetricMetadata> metrics);
  [[nodiscard]] std::vector<MetricMetadata> find(std::string_view name) const;  // "": all

  // For the writer: what is to be written, and that it was.
  [[nodiscard]] std::vector<MetricMetadata> unwritten() const;
  static void write(Connection& connection, const std::vector<MetricMetadata>& notes);
  void clear(const std::vector<MetricMetadata>& written);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, MetricMetadata, std::less<>> notes_;
  std::set<std::string, std::less<>> unwritten_;
};

}  // namespace volta
