// Samples of any range: the head's blocks and, for what is older, the journal.
#pragma once

#include <chrono>

#include "store/head.hpp"
#include "store/reader_pool.hpp"
#include "store/series_table.hpp"

namespace volta {

// Thread-safe. Throws SqliteFailure where the disk fails.
class StoreReader final : public RangeReader {
 public:
  StoreReader(const SeriesTable& series, const Head& head, ReaderPool& readers)
      : series_(series), head_(head), readers_(readers) {}

  [[nodiscard]] std::vector<SampleColumn> read(HostId host, std::span<const SeriesId> series,
                                               std::int64_t start_ms,
                                               std::int64_t end_ms) const override;
  [[nodiscard]] std::vector<LatestSample> latest(HostId host) const override;
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(HostId host) const override;
  // About how many samples all series of the host have there: at least as many as it has.
  [[nodiscard]] std::uint64_t samples_at_most(HostId host, TimeSpan span) const;
  // Of all hosts.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms() const;

 private:
  const SeriesTable& series_;
  const Head& head_;
  ReaderPool& readers_;
};

// Fills the head from the newest groups of the journal, as far as its budget and the time allow.
void rebuild_head(Connection& connection, Head& head, std::int64_t oldest_ms,
                  std::chrono::milliseconds patience);

}  // namespace volta
