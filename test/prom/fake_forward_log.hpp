// A ForwardLog in memory.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "model/forward_log.hpp"

namespace volta::test {

class FakeForwardLog final : public ForwardLog {
 public:
  // One commit.
  void commit(std::vector<LabeledSamples> rows) {
    const std::lock_guard lock(mutex_);
    commit_ += 3;
    std::uint32_t row = 0;
    for (LabeledSamples& samples : rows) rows_.push_back({{commit_, row++}, std::move(samples)});
  }
  // Retention takes all but the last `keep` rows.
  void forget_all_but(std::size_t keep) {
    const std::lock_guard lock(mutex_);
    while (rows_.size() > keep) {
      forgotten_ = rows_.front().position;
      rows_.erase(rows_.begin());
    }
  }
  // Retention takes one row.
  void forget(std::size_t place) {
    const std::lock_guard lock(mutex_);
    forgotten_ = std::max(forgotten_, rows_.at(place).position);
    rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(place));
  }

  [[nodiscard]] std::vector<ForwardRow> read_after(ForwardPosition after,
                                                   std::size_t most_samples) const override {
    const std::lock_guard lock(mutex_);
    if (broken) throw Failure("disk I/O error");
    std::vector<ForwardRow> out;
    std::size_t samples = 0;
    for (const ForwardRow& row : rows_) {
      if (row.position <= after) continue;
      samples += row.samples.times_ms.size();
      if (!out.empty() && samples > most_samples) break;
      out.push_back(row);
    }
    return out;
  }
  [[nodiscard]] ForwardPosition newest() const override {
    const std::lock_guard lock(mutex_);
    return rows_.empty() ? forgotten_ : rows_.back().position;
  }
  [[nodiscard]] ForwardPosition forgotten() const override {
    const std::lock_guard lock(mutex_);
    return forgotten_;
  }
  [[nodiscard]] std::string load(std::string_view reader) const override {
    const std::lock_guard lock(mutex_);
    const auto found = states.find(std::string(reader));
    return found == states.end() ? "" : found->second;
  }
  void save(std::string_view reader, std::string_view state, ForwardPosition done) override {
    const std::lock_guard lock(mutex_);
    if (broken || read_only) throw Failure("disk I/O error");
    states[std::string(reader)] = std::string(state);
    kept_from[std::string(reader)] = done;
    ++saves;
  }

  std::map<std::string, std::string> states;
  std::map<std::string, ForwardPosition> kept_from;
  int saves = 0;
  bool broken = false;
  bool read_only = false;

 private:
  mutable std::mutex mutex_;
  std::vector<ForwardRow> rows_;
  std::uint64_t commit_ = 100;
  ForwardPosition forgotten_;
};

inline LabeledSamples one_sample(Labels labels, std::int64_t time_ms, double value) {
  std::sort(labels.begin(), labels.end());
  return {std::make_shared<const Labels>(std::move(labels)), {time_ms}, {value}};
}

}  // namespace volta::test
