// Samples as text files: JSON lines and OpenMetrics, which `volta import` reads, and CSV for
// spreadsheets.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/sample_sink.hpp"

namespace volta {

// Appends to a string that the caller empties.
class ExportOutput {
 public:
  virtual ~ExportOutput() = default;
  virtual void begin(std::string& out) = 0;
  // A series may come several times, each time later than before; in OpenMetrics nothing may come
  // in between, and names stand together.
  virtual void add(std::string& out, const LabeledSamples& series) = 0;
  virtual void end(std::string& out) = 0;
  // Samples that the format cannot say and that were left out: stale markers, but in JSON lines.
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 protected:
  void leave_out() { ++left_out_; }

 private:
  std::size_t left_out_ = 0;
};

// `format`: jsonlines (bit for bit), openmetrics (bit for bit but for what NaNs carry), csv.
// `series`: all that will come; CSV has a column per label of any.
std::unique_ptr<ExportOutput> export_output(std::string_view format,
                                            std::span<const std::shared_ptr<const Labels>> series);

}  // namespace volta
