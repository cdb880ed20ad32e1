#include "app/import_totals.hpp"

#include "base/text.hpp"

namespace volta {

void ImportTotals::count(const DoorAnswer& answer, std::size_t sent) {
  if (answer.status / 100 == 2) {
    samples += sent;
    return;
  }
  ++refused;
  samples += parse_integer<std::size_t>(answer.header("x-prometheus-remote-write-samples-written"))
                 .value_or(0);
}

}  // namespace volta
