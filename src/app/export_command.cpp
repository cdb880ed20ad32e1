// volta export metrics: the samples of a store as text, through remote read, so that a running
// volta, a directory that is served and one that is not give the same by the same rules. What is
// held at once depends on neither the length of time nor the number of series' samples.
#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include <boost/json.hpp>

#include "app/commands.hpp"
#include "app/door_choice.hpp"
#include "app/export_output.hpp"
#include "app/export_walk.hpp"
#include "app/process.hpp"
#include "app/time_argument.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"
#include "prom/prometheus_json.hpp"
#include "prom/read_client.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

constexpr std::size_t kSamplesOfAnswer = 2'000'000;
constexpr std::size_t kSeriesOfRead = 64;  // as many queries as a read may have
constexpr std::size_t kTextOfRead = 256U << 10U;
constexpr std::size_t kMostMatchers = 64;
constexpr std::size_t kMostAnswerBytes = 512U << 20U;
constexpr std::size_t kMostPlainBytes = std::size_t{2} << 30U;
constexpr int kExportPatienceMs = 150'000;
constexpr std::int64_t kDayMs = 86'400'000;

using LabelsPtr = std::shared_ptr<const Labels>;

std::string seconds_of(std::int64_t time_ms) {
  std::string out;
  append_prometheus_time(out, time_ms);
  return out;
}

std::string_view name_of(const LabelsPtr& labels) { return label_value(*labels, kNameLabel); }

// By name, since formats want the samples of a name in one piece.
bool by_name(const LabelsPtr& a, const LabelsPtr& b) {
  if (name_of(a) != name_of(b)) return name_of(a) < name_of(b);
  return *a < *b;
}

LabelsPtr export_labels_of(const boost::json::value& item) {
  if (!item.is_object()) throw StartFailure(Exit::failed, "a series of the answer has no labels");
  Labels labels;
  for (const auto& [key, value] : item.as_object()) {
    if (!value.is_string()) throw StartFailure(Exit::failed, "a label of the answer is no text");
    labels.emplace_back(key, value.as_string());
  }
  std::sort(labels.begin(), labels.end());
  return std::make_shared<const Labels>(std::move(labels));
}

std::vector<LabelsPtr> find_series(const Door& door, const std::vector<std::string>& match,
                                   TimeSpan span) {
  DoorRequest request;
  request.method = "POST";
  request.path = "/prometheus/api/v1/series";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = "start=" + seconds_of(span.start_ms) + "&end=" + seconds_of(span.end_ms);
  for (const std::string& selector : match) request.body += "&match[]=" + percent_encode(selector);
  request.timeout_ms = kExportPatienceMs;
  request.most_bytes = kMostAnswerBytes;
  const DoorAnswer answer = door(request);
  if (answer.status != 200) throw_refusal(answer);
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer.body, error);
  const auto* data = !error && body.is_object() ? body.as_object().if_contains("data") : nullptr;
  if (data == nullptr || !data->is_array())
    throw StartFailure(Exit::failed, "what answers there is no volta");
  std::vector<LabelsPtr> series;
  for (const auto& item : data->as_array()) series.push_back(export_labels_of(item));
  std::sort(series.begin(), series.end(), by_name);
  return series;
}

// Asks for series by exactly their labels.
class SeriesAsker {
 public:
  SeriesAsker(Door door, std::span<const LabelsPtr> all) : door_(std::move(door)) {
    for (const LabelsPtr& labels : all) {
      std::set<std::string>& keys = keys_of_name_[std::string(name_of(labels))];
      for (const auto& label : *labels) keys.insert(label.first);
    }
  }

  std::optional<std::vector<LabeledSamples>> operator()(std::span<const LabelsPtr> series,
                                                        TimeSpan span) const {
    std::vector<ReadQuery> queries;
    for (const LabelsPtr& labels : series) queries.push_back({span, matchers_of(*labels)});
    DoorRequest request;
    request.method = "POST";
    request.path = "/prometheus/api/v1/read";
    request.content_type = "application/x-protobuf";
    request.content_encoding = "snappy";
    request.body = snappy_compress(encode_read_request(queries));
    request.as_sent = true;  // snappy, which no HTTP library undoes
    request.timeout_ms = kExportPatienceMs;
    request.most_bytes = kMostAnswerBytes;
    const DoorAnswer answer = door_(request);
    // By volta (400), or by another engine behind it (422).
    if ((answer.status == 400 || answer.status == 422) &&
        refusal_text(answer).find("ask for a shorter time") != std::string::npos)
      return std::nullopt;
    if (answer.status != 200) throw_refusal(answer);
    return samples_of(answer, series);
  }

 private:
  // Those that the series lacks and others of its name have are "", or these would come too.
  [[nodiscard]] Matchers matchers_of(const Labels& labels) const {
    Matchers matchers;
    for (const auto& [key, value] : labels) {
      if (matchers.size() < kMostMatchers) matchers.push_back(LabelMatcher::equal(key, value));
    }
    const auto keys = keys_of_name_.find(std::string(label_value(labels, kNameLabel)));
    if (keys == keys_of_name_.end()) return matchers;
    for (const std::string& key : keys->second) {
      if (matchers.size() < kMostMatchers && label_value(labels, key).empty())
        matchers.push_back(LabelMatcher::equal(key, ""));
    }
    return matchers;
  }

  static std::vector<LabeledSamples> samples_of(const DoorAnswer& answer,
                                                std::span<const LabelsPtr> series) {
    const auto plain = snappy_uncompress(answer.body, kMostPlainBytes);
    if (!plain) throw StartFailure(Exit::failed, "the answer is broken: " + plain.error().text);
    auto results = decode_read_response(*plain, series.size());
    if (!results) throw StartFailure(Exit::failed, "the answer is broken: " + results.error().text);
    std::vector<LabeledSamples> out;
    for (std::size_t i = 0; i < series.size(); ++i) {
      for (LabeledSamples& found : (*results)[i]) {
        if (*found.labels == *series[i]) out.push_back(std::move(found));
      }
    }
    return out;
  }

  Door door_;
  std::map<std::string, std::set<std::string>> keys_of_name_;
};

// How many of the series from here on go into one read.
std::size_t portion(std::span<const LabelsPtr> series, std::size_t most) {
  std::size_t text = 0;
  std::size_t count = 0;
  while (count < std::min(most, series.size())) {
    for (const auto& [key, value] : *series[count]) text += key.size() + value.size();
    if (count > 0 && text > kTextOfRead) break;
    ++count;
  }
  return count;
}

void put(const std::string& text) {
  std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!std::cout) throw StartFailure(Exit::failed, "standard output takes no more");
}

void export_all(ExportWalk& walk, std::span<const LabelsPtr> series, TimeSpan span,
                const std::string& format) {
  const auto output = export_output(format, series);
  std::string text;
  output->begin(text);
  // In OpenMetrics the samples of a series must not be interrupted.
  const std::size_t most = format == "openmetrics" ? 1 : kSeriesOfRead;
  while (!series.empty()) {
    const std::size_t count = portion(series, most);
    walk.run(series.first(count), span, [&](const LabeledSamples& one) {
      output->add(text, one);
      put(text);
      text.clear();
    });
    series = series.subspan(count);
  }
  output->end(text);
  put(text);
  std::cout.flush();
  if (!std::cout) throw StartFailure(Exit::failed, "standard output takes no more");
  if (output->left_out() > 0)
    std::cerr << output->left_out()
              << " stale markers are left out, which only JSON lines can say\n";
}

}  // namespace

int run_export(const ExportOptions& options) {
  const std::int64_t now = system_clock().wall_ms();
  const TimeSpan span{
      options.start.empty() ? -kFarthestTimeMs : time_argument(options.start, "--start", now),
      options.end.empty() ? now + 2 * kDayMs : time_argument(options.end, "--end", now)};
  if (span.end_ms < span.start_ms) throw StartFailure(Exit::usage, "--end lies before --start");
  const Door door = open_door(options.door);
  const std::vector<std::string> match =
      options.match.empty() ? std::vector<std::string>{R"({__name__=~".+"})"} : options.match;
  const std::vector<LabelsPtr> series = find_series(door, match, span);
  if (series.empty()) {
    std::cerr << "volta: there is no sample from " << rfc3339(span.start_ms) << " to "
              << rfc3339(span.end_ms) << (options.match.empty() ? "" : " of what --match asks for")
              << "\n";
  }
  ExportWalk walk(SeriesAsker(door, series), now, kSamplesOfAnswer);
  export_all(walk, series, span, options.format);
  return code(Exit::done);
}

}  // namespace volta
