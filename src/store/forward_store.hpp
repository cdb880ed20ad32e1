// The store's log of commits: both journals as one, in the order in which their rows were accepted.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "store/forward_rows.hpp"
#include "store/row_hold.hpp"
#include "store/writer.hpp"

namespace volta {

// Thread-safe; one reader reads at a time, on a connection that the log has for itself. The commit
// of a position is journal.accepted or foreign_row.id.
class StoreForwardLog final : public ForwardLog {
 public:
  struct Parts {
    const HostTable& hosts;
    const SeriesTable& series;
    const Clock& clock;
    RowHold& hold;
    Writer& writer;
  };
  StoreForwardLog(const Parts& parts, std::string database, int cache_kib)
      : parts_(parts),
        database_(std::move(database)),
        cache_kib_(cache_kib),
        rows_(parts.hosts, parts.series) {}

  [[nodiscard]] std::vector<ForwardRow> read_after(ForwardPosition after,
                                                   std::size_t most_samples) const override;
  [[nodiscard]] ForwardPosition newest() const override;
  [[nodiscard]] ForwardPosition forgotten() const override;
  [[nodiscard]] std::string load(std::string_view reader) const override;
  // A transaction of its own.
  void save(std::string_view reader, std::string_view state, ForwardPosition done) override;

  // Rows are found by their commit with an index that costs a page of each commit: it is there as
  // long as somebody reads. A disk that is full leaves it as it is.
  static void set_index(Connection& writer, bool wanted);

 private:
  struct Reading;
  // Under mutex_.
  Connection& connection() const;
  bool read_some(Reading& reading) const;
  template <typename Decode>
  void take(Reading& reading, std::int64_t commit, Decode decode) const;

  const Parts parts_;
  const std::string database_;
  const int cache_kib_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Connection> connection_;  // opened when it is needed
  mutable ForwardRows rows_;
  // The commit that was read last, for who goes on in the middle of it.
  mutable std::int64_t last_commit_ = -1;
  mutable std::vector<ForwardRow> last_rows_;
};

}  // namespace volta
