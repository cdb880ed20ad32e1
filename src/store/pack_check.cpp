#include "store/pack_check.hpp"

#include <algorithm>

#include "store/tier_codec.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostListed = 5;
// Some 64 KiB each, 32 MiB at the very most; one is in memory at a time.
constexpr std::int64_t kPacksOfPortion = 16;

class Checker {
 public:
  Checker(const PackRow& row, const Pack& pack, std::span<const std::byte> bytes)
      : open_{row, pack, bytes} {}

  PackFindings run() {
    const auto entries = open_.pack.entries();
    for (std::size_t first = 0; first < entries.size();) {
      std::size_t end = first + 1;
      while (end < entries.size() && entries[end].series == entries[first].series) ++end;
      const std::string why = open_.row.tier == Tier::raw ? raw(entries.subspan(first, end - first))
                                                          : windows(entries[first].series);
      if (!why.empty()) {
        add("series " + std::to_string(static_cast<std::uint32_t>(entries[first].series)) + ": " +
            why);
      }
      first = end;
    }
    check_row();
    return std::move(found_);
  }

 private:
  void add(std::string problem) {
    if (found_.problems.size() < kMostListed) {
      found_.problems.push_back(std::move(problem));
    } else {
      ++found_.further;
    }
  }
  void note(std::span<const std::int64_t> times) {
    found_.samples += times.size();
    if (times.empty()) return;
    min_ms_ = std::min(min_ms_, times.front());
    max_ms_ = std::max(max_ms_, times.back());
  }
  std::string raw(std::span<const PackEntry> entries) {
    for (const PackEntry& entry : entries) {
      const auto samples = reader_.raw(open_.pack, entry, column_bytes(open_, entry));
      if (!samples) return samples.error().text;
      note(samples->times_ms);
    }
    return "";
  }
  std::string windows(SeriesId series) {
    const auto found = read_tier_columns(reader_, open_, series, tier_step_ms(open_.row.tier));
    if (!found) return found.error().text;
    if (found->size() == 0) return "it has no windows";
    note(found->end_ms);
    return "";
  }
  void check_row() {
    const PackRow& row = open_.row;
    const auto entries = open_.pack.entries();
    if (entries.empty()) return add("it has no columns");
    if (entries.front().series < row.first_series || entries.back().series > row.last_series) {
      add("it has series beyond those that its row says");
    }
    if (!found_.problems.empty()) return;  // what follows would only say it again
    if (found_.samples != static_cast<std::uint64_t>(row.samples)) {
      add("it has " + std::to_string(found_.samples) + " values, its row says " +
          std::to_string(row.samples));
    }
    const std::int64_t start =
        row.end_ms < INT64_MIN + row.span_ms ? INT64_MIN : row.end_ms - row.span_ms;
    const bool inside = start == INT64_MIN || min_ms_ > start;
    if (min_ms_ != row.min_ms || !inside || max_ms_ > row.end_ms) {
      add("its times are others than its row says");
    }
  }

  const OpenPack open_;
  PackReader reader_;
  PackFindings found_;
  std::int64_t min_ms_ = INT64_MAX;
  std::int64_t max_ms_ = INT64_MIN;
};

}  // namespace

PackFindings check_pack_row(const PackRow& row, std::span<const std::byte> bytes) {
  const auto pack = Pack::open(bytes, bytes.size());
  if (!pack) return {{pack.error().text}, 0, 0};
  return Checker(row, *pack, bytes).run();
}

void visit_all_packs(Connection& connection,
                     const std::function<void(const PackRow&, std::span<const std::byte>)>& visit) {
  const std::int64_t newest = connection.number("SELECT max(id) FROM pack");
  std::int64_t last = INT64_MIN;
  for (bool more = true; more;) {
    more = false;
    Query query = connection.query(
        "SELECT id, tier, host_id, end_ms, span_ms, accepted, first_series, last_series, samples,"
        " min_ms, data FROM pack WHERE id>? AND id<=? ORDER BY id LIMIT ?");
    query.with(last, newest, kPacksOfPortion);
    while (query.step()) {
      more = true;
      last = query.integer(0);
      visit(read_pack_row(query), query.blob(10));
    }
  }
}

}  // namespace volta
