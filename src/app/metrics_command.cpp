// volta metrics: the catalogue as a table or JSON.
#include <algorithm>
#include <array>
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
  std::size_t longest = 0;
  for (const Metric& entry : catalogue()) longest = std::max(longest, entry.name.size());
  // All but the last, which is the help.
  const std::array<std::size_t, 6> widths = {longest, 7, 16, 5, 9, 28};
  const auto row = [&](const std::array<std::string_view, 7>& cells) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string_view text = cells.at(i).empty() ? "-" : cells.at(i);
      std::cout << "  " << text
                << std::string(widths.at(i) - std::min(widths.at(i), text.size()), ' ');
    }
    std::cout << "  " << cells.back() << '\n';
  };
  row({"NAME", "KIND", "UNIT", "SCALE", "QUALITY", "LABELS", "HELP"});
  for (const MetricGroup& group : metric_groups()) {
    std::cout << '\n' << group.name << ": " << group.help;
    if (group.period.count() > 0)
      std::cout << " (every " << static_cast<double>(group.period.count()) / 1000 << " s)";
    std::cout << '\n';
    for (const Metric& entry : catalogue()) {
      if (entry.group != group.name) continue;
      std::string labels;
      for (const std::string_view label : entry.labels)
        labels.append(labels.empty() ? "" : ",").append(label);
      row({entry.name, to_text(entry.kind), entry.unit, std::to_string(entry.scale),
           to_text(entry.quality), labels, entry.help});
    }
  }
  return 0;
}

}  // namespace volta
