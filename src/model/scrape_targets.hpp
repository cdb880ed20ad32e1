// Whom a scraper asks, and how it went, as GET /prometheus/api/v1/targets shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/series.hpp"

namespace volta {

struct ScrapeTarget {
  enum class Health : std::uint8_t { unknown, up, down };
  Labels discovered;  // before relabelling
  Labels labels;
  std::string pool;  // the job it is of
  std::string url;   // without credentials
  Health health = Health::unknown;
  std::string last_error;           // "" if there was none
  std::int64_t last_scrape_ms = 0;  // 0: never
  double last_duration_s = 0;
  std::int64_t interval_ms = 0;
  std::int64_t timeout_ms = 0;
};

// Thread-safe.
class ScrapeTargets {
 public:
  virtual ~ScrapeTargets() = default;
  [[nodiscard]] virtual std::vector<ScrapeTarget> targets() const = 0;  // by pool, then url
};

}  // namespace volta
