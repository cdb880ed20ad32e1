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
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/store.hpp"
#include "model/time_series.hpp"

namespace volta {

// The owner of foreign series. No row of the table of hosts has this id.
constexpr HostId kNoHost{0};

// The hosts that are there now; what belongs to others is not shown.
using HostNames = std::map<HostId, std::string>;

// Thread-safe. Ids are added in rising order. Knows nothing of samples.
class LabelIndex {
 public:
  using Record = std::shared_ptr<const SeriesRecord>;

  // For the table of series. Where a series has variants, only the newest is shown; `hidden` is the
  // one that was shown until now, SeriesId{} if there is none.
  void add(const Record& record, SeriesId hidden);
  // `shown`: the newest variants that remain of what is removed.
  void remove(std::span<const Record> records, std::span<const SeriesId> shown);

  // Series that fit all matchers, ordered by labels. No two have the same labels: of a host's
  // series and a foreign one that was sent with just these, the host's is shown. An Error: more
  // than `most`.
  [[nodiscard]] Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers,
                                                        const HostNames& hosts,
                                                        std::size_t most) const;
  // Sorted, of all series.
  [[nodiscard]] std::vector<std::string> label_names(const HostNames& hosts) const;
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      const HostNames& hosts) const;
  [[nodiscard]] bool has_name(std::string_view metric) const;

 private:
  using Ids = std::vector<std::uint32_t>;  // rising
  using Values = std::map<std::string, Ids, std::less<>>;
  struct Entry {
    Record record;
    // With name and host; made when first asked for, since most series of a large store never are.
    std::shared_ptr<const Labels> labels;
    bool shown = true;
  };

  [[nodiscard]] Ids having(const LabelMatcher& matcher, bool wanted, const HostNames& hosts) const;
  void add_values(std::string_view label, const std::function<bool(std::string_view)>& wanted,
                  std::vector<const Ids*>& found) const;
  [[nodiscard]] Ids candidates(std::span<const LabelMatcher> matchers,
                               const HostNames& hosts) const;
  [[nodiscard]] static bool current(const Entry& entry, const HostNames& hosts);
  // The labels of those that lack them, or whose host has another name now.
  void make_labels(const Ids& ids, const HostNames& hosts) const;

  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::uint32_t, Entry> entries_;  // by series id; labels are a cache
  std::map<std::string, Values, std::less<>> labels_;         // `__name__` among them
  std::map<HostId, Ids> by_host_;
};

}  // namespace volta
