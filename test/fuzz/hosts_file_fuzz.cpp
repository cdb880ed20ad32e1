// Any bytes as a file of hosts: what is accepted is written and read back as the same, and no two
// hosts share a name, an id or a token.
#include <cstdint>
#include <set>
#include <string_view>

#include "base/assert.hpp"
#include "fleet/hosts_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto hosts = volta::parse_hosts_file(text);
  if (!hosts) {
    VOLTA_ASSERT(!hosts.error().text.empty());
    return 0;
  }
  std::set<std::string> names;
  std::set<std::string> uids;
  std::set<volta::Sha256> tokens;
  for (const volta::HostEntry& host : *hosts) {
    VOLTA_ASSERT(names.insert(host.name).second && uids.insert(host.uid).second);
    VOLTA_ASSERT(tokens.insert(host.token_hash).second);
    VOLTA_ASSERT(host.uid.size() == 16 && !host.name.empty() && host.name.size() <= 253);
  }
  const std::string written = volta::hosts_file_text(*hosts);
  const auto again = volta::parse_hosts_file(written);
  VOLTA_ASSERT(again && again->size() == hosts->size());
  VOLTA_ASSERT(volta::hosts_file_text(*again) == written);
  return 0;
}
