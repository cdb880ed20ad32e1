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

}  // namespace volta
