// Reads all samples of some series through a door that refuses too large answers: time slice by
// time slice, whose length follows what came back, so that neither end holds more than some
// megabytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/sample_sink.hpp"

namespace volta {

class ExportWalk {
 public:
  using Series = std::span<const std::shared_ptr<const Labels>>;
  // The samples of the series in the span, of each series with samples an element. Empty: there are
  // too many for one answer.
  using Read = std::function<std::optional<std::vector<LabeledSamples>>(Series, TimeSpan)>;
  using Visit = std::function<void(LabeledSamples)>;

  // An answer is to have about `aim` samples.
  ExportWalk(Read read, std::int64_t now_ms, std::size_t aim)
      : read_(std::move(read)), now_ms_(now_ms), aim_(aim) {}

  // Visits what each series has in the span, in rising time. Throws Failure where even a
  // millisecond is too much.
  void run(Series series, TimeSpan span, const Visit& visit);

 private:
  [[nodiscard]] std::int64_t end_of_slice(std::int64_t from, std::int64_t last) const;
  void learn(std::int64_t length, std::size_t samples);

  Read read_;
  std::int64_t now_ms_;
  std::size_t aim_;
  std::int64_t slice_ms_ = INT64_MAX;  // what an answer can hold, as far as is known
};

}  // namespace volta
