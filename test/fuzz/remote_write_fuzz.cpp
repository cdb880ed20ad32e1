// Any bytes as a remote write message of either version: what is accepted keeps the promises of
// LabeledSamples, and comes back the same when it is written and read again.
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "prom/label_rules.hpp"
#include "prom/remote_write.hpp"

namespace {

volta::WriteLimits small_limits() {
  volta::WriteLimits limits;
  limits.most_series = 1000;
  limits.most_samples = 10'000;
  limits.most_label_bytes = 1U << 20U;
  return limits;
}

void check_series(const volta::LabeledSamples& series) {
  std::vector<volta::LabelView> views;
  for (const auto& [name, value] : *series.labels) views.push_back({name, value});
  VOLTA_ASSERT(volta::labels_problem(views, {}).empty());
  VOLTA_ASSERT(!series.times_ms.empty() && series.times_ms.size() == series.values.size());
  for (std::size_t i = 1; i < series.times_ms.size(); ++i) {
    VOLTA_ASSERT(series.times_ms[i - 1] < series.times_ms[i]);
  }
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

// All that a key says lies in the key.
void check_keys(volta::WriteVersion version, std::string_view message) {
  const auto columns = volta::decode_write_columns(version, message, small_limits());
  VOLTA_ASSERT(columns.has_value());
  const volta::KeyedSamples& samples = columns->samples;
  VOLTA_ASSERT(samples.times_ms.size() == samples.values.size());
  std::size_t end = 0;
  for (const auto& series : samples.series) {
    VOLTA_ASSERT(series.first == end);
    end += series.count;
    const auto labels = samples.labels(series.key);
    const auto copied = samples.labels(std::string(series.key));
    VOLTA_ASSERT(labels.has_value() == copied.has_value());
    VOLTA_ASSERT(!labels.has_value() || *labels.value() == *copied.value());
  }
  VOLTA_ASSERT(end == samples.times_ms.size());
}

void check_version(volta::WriteVersion version, std::string_view message) {
  const auto request = volta::decode_write_request(version, message, small_limits());
  VOLTA_ASSERT(request.has_value() || !request.error().text.empty());
  if (!request) return;
  check_keys(version, message);
  VOLTA_ASSERT((request->refused_series == 0) == request->why.empty());
  std::size_t samples = 0;
  for (const auto& series : request->series) {
    check_series(series);
    samples += series.times_ms.size();
  }
  VOLTA_ASSERT(samples == request->samples);
  const auto written = volta::encode_write_requests(version, request->series, request->metadata,
                                                    {100'000, 64U << 20U});
  if (samples == 0) return;
  VOLTA_ASSERT(written.size() == 1 && written[0].samples == samples);
  const auto back = volta::decode_write_request(version, written[0].message, small_limits());
  VOLTA_ASSERT(back.has_value() && back->series.size() == request->series.size());
  for (std::size_t i = 0; i < back->series.size(); ++i) {
    VOLTA_ASSERT(*back->series[i].labels == *request->series[i].labels);
    VOLTA_ASSERT(back->series[i].times_ms == request->series[i].times_ms);
    VOLTA_ASSERT(same_bits(back->series[i].values, request->series[i].values));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  check_version(volta::WriteVersion::v1, message);
  check_version(volta::WriteVersion::v2, message);
  return 0;
}
