// A SampleSink that keeps what was written.
#pragma once

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/sample_sink.hpp"

namespace volta::test {

class FakeSink final : public SampleSink {
 public:
  WriteOutcome write(std::span<const LabeledSamples> series) override {
    const std::lock_guard lock(mutex_);
    WriteOutcome outcome;
    if (state != WriteState::committed) return {state, 0, 0, "full"};
    for (const LabeledSamples& one : series) {
      for (std::size_t i = 0; i < one.times_ms.size(); ++i) {
        values_[label_text(*one.labels)][one.times_ms[i]] = one.values[i];
        ++outcome.written;
      }
    }
    return outcome;
  }
  void describe(std::span<const MetricMetadata> metrics) override {
    const std::lock_guard lock(mutex_);
    ++descriptions;
    for (const MetricMetadata& metric : metrics) described[metric.name] = metric.type;
  }

  // Of the series with these labels, in the form {a="1",b="2"}; empty: there is none.
  [[nodiscard]] std::optional<double> at(const std::string& labels, std::int64_t time_ms) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(labels);
    if (found == values_.end()) return std::nullopt;
    const auto value = found->second.find(time_ms);
    return value == found->second.end() ? std::nullopt : std::optional(value->second);
  }
  [[nodiscard]] bool stale_at(const std::string& labels, std::int64_t time_ms) const {
    const auto value = at(labels, time_ms);
    return value && std::bit_cast<std::uint64_t>(*value) == kStaleBits;
  }
  [[nodiscard]] std::size_t samples_of(const std::string& labels) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(labels);
    return found == values_.end() ? 0 : found->second.size();
  }
  [[nodiscard]] std::size_t stale_markers_of(const std::string& labels) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(labels);
    if (found == values_.end()) return 0;
    return static_cast<std::size_t>(
        std::count_if(found->second.begin(), found->second.end(), [](const auto& sample) {
          return std::bit_cast<std::uint64_t>(sample.second) == kStaleBits;
        }));
  }
  // All series, in order, but the five that tell about the scrape.
  [[nodiscard]] std::vector<std::string> series() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [labels, samples] : values_) {
      if (labels.find("__name__=\"scrape_") == std::string::npos &&
          labels.find("__name__=\"up\"") == std::string::npos) {
        all.push_back(labels);
      }
    }
    return all;
  }

  WriteState state = WriteState::committed;
  int descriptions = 0;
  std::map<std::string, std::string> described;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::int64_t, double>> values_;
};

}  // namespace volta::test
