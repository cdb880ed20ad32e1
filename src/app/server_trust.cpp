#include "app/server_trust.hpp"

#include "app/process.hpp"

namespace volta {

TlsContext server_trust(const Settings& settings) {
  TlsTrust trust;
  if (const std::string& text = settings.text("agent.pin"); !text.empty()) {
    const auto pin = parse_pin(text);
    if (!pin) throw StartFailure(Exit::configuration, "agent.pin: " + pin.error().text);
    trust.pin = *pin;
  }
  trust.ca_file = settings.text("agent.ca_file");
  auto context = tls_client_context(trust);
  if (!context) throw StartFailure(Exit::configuration, context.error().text);
  return *std::move(context);
}

}  // namespace volta
