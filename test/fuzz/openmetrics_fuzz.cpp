// Any bytes as OpenMetrics text: what is accepted is series as they may be, and is read the same a
// second time, when the parser expects it.
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "prom/label_rules.hpp"
#include "prom/openmetrics_parser.hpp"

namespace {

class Samples final : public volta::ScrapeSink {
 public:
  void sample(const volta::ScrapedSample& sample) override {
    std::vector<volta::LabelView> views;
    for (const auto& [name, value] : **sample.labels) views.push_back({name, value});
    VOLTA_ASSERT(volta::labels_problem(views, {}).empty());
    seen.emplace_back(**sample.labels, std::bit_cast<std::uint64_t>(sample.value));
  }
  void metadata(const volta::MetricMetadata& metric) override {
    VOLTA_ASSERT(volta::is_metric_name(metric.name) && volta::is_utf8(metric.help));
    VOLTA_ASSERT(!metric.type.empty());
  }
  std::vector<std::pair<volta::Labels, std::uint64_t>> seen;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  volta::SeriesTexts texts;
  // Something that the parser expects, and that does not come.
  Samples other;
  (void)volta::parse_openmetrics("a{b=\"c\"} 1\nup 1\n# EOF\n", {}, texts, other);
  Samples first, second;
  const auto totals = volta::parse_openmetrics(body, {}, texts, first);
  const auto again = volta::parse_openmetrics(body, {}, texts, second);
  VOLTA_ASSERT(totals.has_value() == again.has_value() && first.seen == second.seen);
  if (totals) {
    VOLTA_ASSERT(totals->samples == first.seen.size() && texts.size() <= totals->samples);
  } else {
    VOLTA_ASSERT(totals.error().text == again.error().text);
  }
  return 0;
}
