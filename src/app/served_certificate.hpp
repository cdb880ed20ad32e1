// The certificate that the page is served with: that of [http] certificate and key, as they are
// renewed, or volta's own.
#pragma once

#include <filesystem>
#include <string>

#include "app/settings.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/tls.hpp"

namespace volta {

// Thread-safe.
class ServedCertificate {
 public:
  // `own`: served where the settings name no files. Throws StartFailure with what is wrong with
  // them.
  ServedCertificate(const Settings& settings, TlsContext own, const Clock& clock);

  // Looks at the files once a second at most. While they cannot be used, as between the one being
  // replaced and the other, the certificate before is served, and the log says why.
  TlsContext newest();
  [[nodiscard]] bool is_own() const { return certificate_.empty(); }

 private:
  // What tells a renewed file from the one that was read.
  struct Stamp {
    std::string text;
    bool operator==(const Stamp&) const = default;
  };
  struct State {
    TlsContext served;
    Stamp read;
    std::chrono::nanoseconds looked_at{};
    std::string complaint;
  };
  [[nodiscard]] Stamp stamp() const;
  [[nodiscard]] Result<TlsContext> load() const;

  const std::filesystem::path certificate_;
  const std::filesystem::path key_;
  const Clock& clock_;
  Guarded<State> state_;
};

}  // namespace volta
