// volta metrics: the catalogue as a table or JSON.
#include <algorithm>
#include <iostream>

#include "api/catalogue_json.hpp"
#include "app/commands.hpp"
#include "model/metric.hpp"

namespace volta {

int run_metrics(bool json) {
  if (json) {
    std::cout << catalogue_json() << '\n';
    return 0;
  }
  std::size_t width = 0;
  for (const Metric& entry : catalogue()) width = std::max(width, entry.name.size());
  const auto cell = [](std::string_view text, std::size_t columns) {
    std::cout << text << std::string(text.size() < columns ? columns - text.size() : 0, ' ')
              << "  ";
  };
  for (const MetricGroup& group : metric_groups()) {
    std::cout << group.name << ": " << group.help;
    if (group.period.count() > 0)
      std::cout << " (every " << static_cast<double>(group.period.count()) / 1000 << " s)";
    std::cout << '\n';
    for (const Metric& entry : catalogue()) {
      if (entry.group != group.name) continue;
      std::string labels;
      for (const std::string_view label : entry.labels)
        labels.append(labels.empty() ? "" : ",").append(label);
      std::cout << "  ";
      cell(entry.name, width);
      cell(to_text(entry.kind), 7);
      cell(entry.unit.empty() ? "-" : entry.unit, 16);
      cell(labels.empty() ? "-" : labels, 28);
      std::cout << entry.help << '\n';
    }
    std::cout << '\n';
  }
  return 0;
}

}  // namespace volta
