// volta import --data DIR FILE: samples with their times from a file into a store, served or not.
// They go the way of remote write, so there is one set of rules for what may come in.
#include <chrono>
#include <iostream>

#include <boost/json.hpp>

#include "app/admin_door.hpp"
#include "app/commands.hpp"
#include "app/counted.hpp"
#include "app/engine_mark.hpp"
#include "app/import_totals.hpp"
#include "app/json_lines.hpp"
#include "app/line_file.hpp"
#include "app/process.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "prom/openmetrics_parser.hpp"
#include "prom/remote_write.hpp"
#include "prom/snappy_block.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

constexpr std::size_t kBatchSamples = 100'000;
constexpr std::size_t kMostTextBytes = std::size_t{1} << 30U;
constexpr std::size_t kMostRefusalsShown = 10;
constexpr std::chrono::seconds kPatience{60};  // with a store that is busy

// Gathers series and hands them on in requests of a useful size.
class Importer {
 public:
  explicit Importer(AdminDoor& door) : door_(door) {}

  void add(LabeledSamples series) {
    gathered_ += series.values.size();
    series_.push_back(std::move(series));
    if (gathered_ >= kBatchSamples) flush();
  }
  void describe(const MetricMetadata& metric) { metadata_.push_back(metric); }
  // A line that is none.
  void refuse(const std::string& why) {
    ++totals_.refused;
    show(why);
  }
  void flush() {
    WriteBatchLimits limits;
    limits.most_samples = kBatchSamples;
    limits.most_bytes = 16U << 20U;
    for (const EncodedWrite& write :
         encode_write_requests(WriteVersion::v1, series_, metadata_, limits))
      send(write);
    series_.clear();
    metadata_.clear();
    gathered_ = 0;
  }
  [[nodiscard]] const ImportTotals& totals() const { return totals_; }

 private:
  void send(const EncodedWrite& write) {
    DoorRequest request;
    request.method = "POST";
    request.path = "/prometheus/api/v1/write";
    request.body = snappy_compress(write.message);
    request.content_type = write_content_type(WriteVersion::v1);
    request.content_encoding = "snappy";
    request.timeout_ms = 60'000;
    const auto begun = std::chrono::steady_clock::now();
    for (;;) {
      const DoorAnswer answer = door_.ask(request);
      const bool busy = answer.status == 429 || answer.status == 503;
      if (busy && std::chrono::steady_clock::now() - begun < kPatience) {
        if (stop_asked_within(std::chrono::seconds(1)))
          throw StartFailure(Exit::failed, "interrupted; what was imported until now stays");
        continue;
      }
      const bool taken = answer.status / 100 == 2;
      if (!taken && answer.status != 400)
        throw StartFailure(Exit::failed, "the store does not take it: " + reason_of(answer));
      totals_.count(answer, write.samples);
      if (!taken) show(reason_of(answer));
      return;
    }
  }

  void show(const std::string& why) const {
    if (totals_.refused <= kMostRefusalsShown) std::cerr << printable(why) << '\n';
  }

  static std::string reason_of(const DoorAnswer& answer) {
    boost::system::error_code error;
    const boost::json::value body = boost::json::parse(answer.body, error);
    if (!error && body.is_object()) {
      for (const char* key : {"error", "detail"}) {
        const auto* text = body.as_object().if_contains(key);
        if (text != nullptr && text->is_string()) return std::string(text->as_string());
      }
    }
    return answer.body.empty() ? "status " + std::to_string(answer.status)
                               : std::string(trim(answer.body));
  }

  AdminDoor& door_;
  std::vector<LabeledSamples> series_;
  std::vector<MetricMetadata> metadata_;
  std::size_t gathered_ = 0;
  ImportTotals totals_;
};

// OpenMetrics samples one by one, neighbours of one series joined.
class OpenMetricsImport final : public ScrapeSink {
 public:
  OpenMetricsImport(Importer& importer, std::int64_t now_ms)
      : importer_(importer), now_ms_(now_ms) {}

  void sample(const ScrapedSample& sample) override {
    const std::int64_t time = sample.time_ms.value_or(now_ms_);
    const bool same = open_.labels == *sample.labels && !open_.times_ms.empty() &&
                      open_.times_ms.back() < time && open_.times_ms.size() < kBatchSamples;
    if (!same) finish();
    open_.labels = *sample.labels;
    open_.times_ms.push_back(time);
    open_.values.push_back(sample.value);
  }
  void metadata(const MetricMetadata& metric) override { importer_.describe(metric); }
  void finish() {
    if (open_.labels) importer_.add(std::move(open_));
    open_ = {};
  }

 private:
  Importer& importer_;
  std::int64_t now_ms_;
  LabeledSamples open_;
};

void import_json_lines(LineFile& file, Importer& importer) {
  while (const auto line = file.next()) {
    if (trim(*line).empty()) continue;
    auto series = parse_json_line(*line);
    if (series) {
      importer.add(std::move(*series));
    } else {
      importer.refuse("line " + std::to_string(file.number()) + ": " + series.error().text);
    }
  }
}

void import_openmetrics(LineFile& file, Importer& importer) {
  std::string text;
  while (const auto line = file.next()) {
    text.append(*line) += '\n';
    if (text.size() > kMostTextBytes)
      throw StartFailure(Exit::failed,
                         "OpenMetrics text is read as a whole, and this is more than 1 GiB; split "
                         "it, or import JSON lines");
  }
  ScrapeLimits limits;
  limits.most_samples = SIZE_MAX;
  limits.most_series_bytes = SIZE_MAX;
  SeriesTexts texts;
  OpenMetricsImport sink(importer, system_clock().wall_ms());
  const auto parsed = parse_openmetrics(text, limits, texts, sink);
  sink.finish();
  if (!parsed) importer.refuse(parsed.error().text);
}

}  // namespace

int run_import(const ImportOptions& options) {
  LineFile file(options.file);
  if (!lock_holder(options.data) && another_engine_keeps(options.data)) {
    throw StartFailure(Exit::failed,
                       options.data +
                           " is the directory of a volta whose samples another engine keeps, and "
                           "only a volta that runs reaches it: start it and import then");
  }
  AdminDoor door("local", options.data);
  Importer importer(door);
  if (trim(file.peek()).starts_with('{')) {
    import_json_lines(file, importer);
  } else {
    import_openmetrics(file, importer);
  }
  importer.flush();
  const ImportTotals& totals = importer.totals();
  if (options.json) {
    std::cout << R"({"samples":)" << totals.samples << R"(,"refused":)" << totals.refused << "}\n";
  } else {
    std::cout << counted(totals.samples, "sample") << " imported";
    if (totals.refused > 0)
      std::cout << "; " << counted(totals.refused, "part") << " refused, in whole or in part";
    std::cout << '\n';
  }
  return code(totals.refused == 0 ? Exit::done : Exit::failed);
}

}  // namespace volta
