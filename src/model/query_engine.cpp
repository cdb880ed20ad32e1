#include "model/query_engine.hpp"

namespace volta {

std::string too_many_points(std::size_t most) {
  std::string number = std::to_string(most);
  for (std::size_t place = number.size(); place > 3;) {
    place -= 3;
    number.insert(place, 1, ',');
  }
  return "exceeded maximum resolution of " + number +
         " points per timeseries. Try decreasing the query resolution (?step=XX)";
}

}  // namespace volta
