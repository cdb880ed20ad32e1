// Series and samples of another engine, for what needs more than PromQL's answers: match[] with
// its labels, federation, remote reads, and the page's own questions.
#pragma once

#include "model/time_series.hpp"
#include "prom/engine_client.hpp"

namespace volta {

// Thread-safe. Everything throws QueryFailed where the engine gives no answer. What such an engine
// cannot say: stale markers (it leaves them out), kinds (a name that ends in _total, _bucket, _sum
// or _count is taken for a counter), and tiers, of which it has none: oldest_ms() of them is empty.
class EngineSource final : public SeriesSource {
 public:
  // Series and time that one request for samples asks for: a week of many series is many requests.
  // Of more than a day those days are asked for that hold anything.
  static constexpr std::size_t kSeriesAtOnce = 32;
  static constexpr std::int64_t kSpanAtOnceMs = 7'200'000;
  // What of that is too much for the engine, or an answer too large for volta, is asked for in
  // halves, so often at most.
  static constexpr std::size_t kMostSplits = 128;
  // Of the series of one request over the whole time: they are in memory before they are passed on.
  static constexpr std::size_t kMostSamplesAtOnce = 10'000'000;

  explicit EngineSource(const EngineClient& client) : client_(client) {}  // must live longer
  EngineSource(const EngineClient& client, std::chrono::milliseconds timeout,
               const std::atomic<bool>* cancel);

  [[nodiscard]] Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers,
                                                        TimeSpan span,
                                                        std::size_t most) const override;
  void read(std::span<const QuerySeries> series, TimeSpan span,
            const VisitSamples& visit) const override;
  // Of no window: there are no tiers.
  void visit_windows(std::span<const QuerySeries> series, const WindowsAsked& asked,
                     const VisitWindows& visit) const override;
  // raw: since 1970, whatever the engine still has of it.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(Tier tier) const override;
  [[nodiscard]] std::vector<std::string> label_names(std::span<const Matchers> any_of,
                                                     TimeSpan span) const override;
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      std::span<const Matchers> any_of,
                                                      TimeSpan span) const override;
  [[nodiscard]] std::vector<MetricMetadata> metadata(std::string_view name) const override;
  [[nodiscard]] std::unique_ptr<SeriesSource> bounded(
      std::chrono::milliseconds timeout, const std::atomic<bool>* cancel) const override {
    return std::make_unique<EngineSource>(client_, timeout, cancel);
  }

 private:
  struct Column {
    std::vector<std::int64_t> times_ms;
    std::vector<double> values;
  };
  [[nodiscard]] std::vector<std::string> words(const std::string& path,
                                               std::span<const Matchers> any_of,
                                               TimeSpan span) const;
  [[nodiscard]] std::vector<std::string> values_of_series(std::string_view name,
                                                          std::span<const Matchers> any_of,
                                                          TimeSpan span) const;
  [[nodiscard]] std::vector<TimeSpan> spans_with_samples(std::span<const QuerySeries* const> series,
                                                         TimeSpan span) const;
  void read_part(std::span<const QuerySeries* const> series, TimeSpan span,
                 std::span<Column> columns, std::size_t& splits) const;
  void ask_part(std::span<const QuerySeries* const> series, TimeSpan span,
                std::span<Column> columns) const;

  [[nodiscard]] EngineAnswer demand(std::string_view path, const EngineClient::Form& form,
                                    bool post) const;

  const EngineClient& client_;
  std::optional<std::chrono::nanoseconds> until_;  // of the monotonic clock; empty: each its time
  const std::atomic<bool>* cancel_ = nullptr;
};

// A selector that matches each of the series, and as few others as their labels allow. Not empty.
std::string selector_of(std::span<const QuerySeries* const> series);

}  // namespace volta
