#include "app/served_certificate.hpp"

#include <chrono>
#include <utility>

#include <sys/stat.h>

#include "app/process.hpp"
#include "base/log.hpp"
#include "base/whole_file.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::size_t kLargestPem = 1U << 20U;

}  // namespace

ServedCertificate::ServedCertificate(const Settings& settings, TlsContext own, const Clock& clock)
    : certificate_(settings.text("http.certificate")),
      key_(settings.text("http.key")),
      clock_(clock) {
  if (certificate_.empty() != key_.empty())
    throw StartFailure(Exit::configuration,
                       "http.certificate and http.key belong together: set both or neither");
  State first{std::move(own), stamp(), clock.monotonic(), ""};
  if (!is_own()) {
    auto loaded = load();
    if (!loaded) throw StartFailure(Exit::configuration, loaded.error().text);
    first.served = *std::move(loaded);
  }
  state_.with([&](State& state) { state = std::move(first); });
}

TlsContext ServedCertificate::newest() {
  return state_.with([&](State& state) {
    const auto now = clock_.monotonic();
    if (is_own() || now - state.looked_at < kBetweenLooks) return state.served;
    state.looked_at = now;
    Stamp there = stamp();
    if (there == state.read) return state.served;
    auto loaded = load();
    if (!loaded) {
      if (loaded.error().text != state.complaint)
        log::warning("a renewed certificate cannot be used; the one before is served on",
                     {{"reason", loaded.error().text}});
      state.complaint = loaded.error().text;
      return state.served;
    }
    state.served = *std::move(loaded);
    state.read = std::move(there);
    state.complaint.clear();
    log::info("a renewed certificate is served", {{"file", certificate_.string()}});
    return state.served;
  });
}

ServedCertificate::Stamp ServedCertificate::stamp() const {
  Stamp stamp;
  for (const auto& path : {certificate_, key_}) {
    struct stat info {};
    if (path.empty() || ::stat(path.c_str(), &info) != 0) continue;
    for (const auto part : {static_cast<std::int64_t>(info.st_ino), std::int64_t{info.st_size},
                            std::int64_t{info.st_mtim.tv_sec}, std::int64_t{info.st_mtim.tv_nsec}})
      stamp.text += std::to_string(part) + ' ';
  }
  return stamp;
}

Result<TlsContext> ServedCertificate::load() const {
  const auto chain = read_whole_file(certificate_, kLargestPem);
  if (!chain) return chain.error();
  const auto key = read_whole_file(key_, kLargestPem);
  if (!key) return key.error();
  struct stat info {};
  if (::stat(key_.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
    return Error{"everybody may read the key " + key_.string() + "; mend it with: chmod o-rwx " +
                 key_.string()};
  auto context = tls_server_context({split_pem(*key).key_pem, split_pem(*chain).chain_pem});
  if (!context) return Error{certificate_.string() + ": " + context.error().text};
  return context;
}

}  // namespace volta
