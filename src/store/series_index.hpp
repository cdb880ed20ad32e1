// Which series have which labels: for each label name its values, for each value the ids of its
// series in rising order. So a matcher that names its values costs as much as it finds, and others
// cost a look at the distinct values of their label, never at every series.
//
// The host of a series is not among its stored labels: it is kept by id and matched by the name
// that the host has now. Series of no host (kNoHost) may have a label `host` of their own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/store.hpp"
#include "model/time_series.hpp"
#include "store/id_table.hpp"

namespace volta {

// The owner of foreign series. No row of the table of hosts has this id.
constexpr HostId kNoHost{0};

// The hosts that are there now; what belongs to others is not shown.
using HostNames = std::map<HostId, std::string>;

// Thread-safe. Ids are added in rising order. Knows nothing of samples.
//
// add() and remove() never wait for readers, some of which look at a million values: what cannot be
// done at once is noted, and done by the next who reads.
class LabelIndex {
 public:
  // For the table of series, which calls these one at a time. Where a series has variants, only the
  // newest is shown; `hidden` is the one that was shown until now, SeriesId{} if there is none.
  void add(const SeriesRecord& record, SeriesId hidden);
  // `shown`: the newest variants that remain of what is removed.
  void remove(std::vector<SeriesRecord> records, std::vector<SeriesId> shown);

  // Series that fit all matchers, ordered by labels. No two have the same labels: a foreign one
  // that was sent with just those of a host's series stands beside that, with its id in the upper
  // half of the ref. An Error: more than `most`.
  static constexpr int kBesideBits = 32;
  [[nodiscard]] Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers,
                                                        const HostNames& hosts,
                                                        std::size_t most) const;
  // Sorted, of all series.
  [[nodiscard]] std::vector<std::string> label_names(const HostNames& hosts) const;
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      const HostNames& hosts) const;
  [[nodiscard]] bool has_name(std::string_view metric) const;
  // Each value of a stored label, in order. Under the index's lock: `visit` must not ask the index.
  void visit_values(std::string_view label,
                    const std::function<void(std::string_view)>& visit) const;

 private:
  using Ids = std::vector<std::uint32_t>;  // rising
  using Values = std::map<std::string, Ids, std::less<>>;
  struct Entry {
    SeriesRecord::Def def;
    // With name and host; made when first asked for, since most series of a large store never are.
    std::shared_ptr<const Labels> labels;
    HostId host{};
    bool shown = true;
  };

  // What add() (one record) and remove() left to be done.
  struct Change {
    std::vector<SeriesRecord> records;
    std::vector<SeriesId> shown;  // of add(): the one that is hidden
    bool adds = false;
  };
  void note(Change change);
  void settle() const;       // before anything is read
  void apply_noted() const;  // under mutex_
  void apply_add(const SeriesRecord& record, SeriesId hidden) const;
  void apply_remove(std::span<const SeriesRecord> records, std::span<const SeriesId> shown) const;

  [[nodiscard]] Ids having(const LabelMatcher& matcher, bool wanted, const HostNames& hosts) const;
  void add_values(std::string_view label, const std::function<bool(std::string_view)>& wanted,
                  std::vector<const Ids*>& found) const;
  [[nodiscard]] Ids candidates(std::span<const LabelMatcher> matchers,
                               const HostNames& hosts) const;
  [[nodiscard]] static bool current(const Entry& entry, const HostNames& hosts);
  // The labels of those that lack them, or whose host has another name now.
  void make_labels(const Ids& ids, const HostNames& hosts) const;

  // Readers bring the index up to date, so all of it may change under them.
  mutable std::shared_mutex mutex_;
  mutable IdTable<Entry> entries_;
  mutable std::map<std::string, Values, std::less<>> labels_;  // `__name__` among them
  mutable std::map<HostId, Ids> by_host_;
  mutable std::mutex noted_mutex_;  // taken last
  mutable std::vector<Change> noted_;
};

}  // namespace volta
