#include "model/fleet_view.hpp"

namespace volta {

std::string_view to_text(HostState state) {
  switch (state) {
    case HostState::live:
      return "live";
    case HostState::late:
      return "late";
    case HostState::offline:
      return "offline";
    case HostState::disabled:
      return "disabled";
  }
  return "";
}

}  // namespace volta
