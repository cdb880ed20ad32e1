#include "model/time_series.hpp"

namespace volta {

std::string_view to_text(Tier tier) {
  switch (tier) {
    case Tier::raw:
      return "raw";
    case Tier::minute:
      return "1m";
    case Tier::hour:
      break;
  }
  return "1h";
}

Labels without_name_and_host(const Labels& labels) {
  Labels rest;
  for (const auto& label : labels) {
    if (label.first != kNameLabel && label.first != kHostLabel) rest.push_back(label);
  }
  return rest;
}

}  // namespace volta
