// The store as queries see it: all series by their labels, whoever they came from.
#pragma once

#include <map>
#include <vector>

#include "store/foreign_reader.hpp"
#include "store/host_table.hpp"
#include "store/metric_notes.hpp"
#include "store/range_reader.hpp"
#include "store/series_table.hpp"

namespace volta {

// Thread-safe. A series of a host has its labels and `host`, the name that the host has now; of its
// variants there is one. A foreign series has exactly the labels it came with; if a host's has just
// these, as after an archive's return, it fills what that lacks. The ref of a series is its id, and
// the id of what stands beside it (LabelIndex::select).
class StoreSeriesSource final : public SeriesSource {
 public:
  struct Parts {
    const HostTable& hosts;
    const SeriesTable& series;
    const MetricNotes& notes;
    const StoreReader& reader;
    const ForeignReader& foreign;
  };
  explicit StoreSeriesSource(const Parts& parts)
      : hosts_(parts.hosts),
        series_(parts.series),
        notes_(parts.notes),
        reader_(parts.reader),
        foreign_(parts.foreign) {}

  [[nodiscard]] Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers,
                                                        TimeSpan span,
                                                        std::size_t most) const override;
  // Host by host; of each host as many series at a time as have about two million samples, so that
  // what is held at once does not depend on how much is asked for.
  void read(std::span<const QuerySeries> series, TimeSpan span,
            const VisitSamples& visit) const override;
  void visit_windows(std::span<const QuerySeries> series, const WindowsAsked& asked,
                     const VisitWindows& visit) const override;
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(Tier tier) const override;
  [[nodiscard]] std::vector<std::string> label_names(std::span<const Matchers> any_of,
                                                     TimeSpan span) const override;
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      std::span<const Matchers> any_of,
                                                      TimeSpan span) const override;
  [[nodiscard]] std::vector<MetricMetadata> metadata(std::string_view name) const override;

 private:
  // Indexes into what was asked for.
  using Places = std::vector<std::size_t>;
  struct ByHost {
    std::map<HostId, Places> plain;
    std::map<HostId, Places> filled;  // with what stands beside their series
    Places gone;                      // forgotten since they were selected
  };
  [[nodiscard]] ByHost by_host(std::span<const QuerySeries> series) const;
  [[nodiscard]] std::size_t series_at_once(HostId host, std::size_t asked, TimeSpan span) const;
  [[nodiscard]] bool read_host(HostId host, std::span<const QuerySeries> series,
                               const Places& places, TimeSpan span,
                               const VisitSamples& visit) const;

  [[nodiscard]] bool read_windows_of_host(HostId host, std::span<const QuerySeries> series,
                                          const Places& places, const WindowsAsked& asked,
                                          const VisitWindows& visit) const;

  // Of a host's series that have others beside them: those fill the gaps.
  [[nodiscard]] bool read_filled(HostId host, std::span<const QuerySeries> series,
                                 const Places& places, TimeSpan span,
                                 const VisitSamples& visit) const;
  [[nodiscard]] bool read_filled_windows(HostId host, std::span<const QuerySeries> series,
                                         const Places& places, const WindowsAsked& asked,
                                         const VisitWindows& visit) const;

  const HostTable& hosts_;
  const SeriesTable& series_;
  const MetricNotes& notes_;
  const StoreReader& reader_;
  const ForeignReader& foreign_;
};

}  // namespace volta
