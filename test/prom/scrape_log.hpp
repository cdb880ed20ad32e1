// A sink that keeps what a parser says, as text.
#pragma once

#include <array>
#include <charconv>
#include <string>

#include "prom/scrape_text.hpp"

namespace volta {

class ScrapeLog final : public ScrapeSink {
 public:
  void sample(const ScrapedSample& sample) override {
    text += label_text(**sample.labels) + ' ';
    std::array<char, 32> number{};
    text.append(number.data(),
                std::to_chars(number.data(), number.data() + number.size(), sample.value).ptr);
    if (sample.time_ms) text += " @" + std::to_string(*sample.time_ms);
    text += '\n';
    labels.push_back(*sample.labels);
  }
  void metadata(const MetricMetadata& metric) override {
    text += metric.name + '|' + metric.type + '|' + metric.help + '|' + metric.unit + '\n';
  }

  std::string text;
  std::vector<std::shared_ptr<const Labels>> labels;
};

}  // namespace volta
