// The list of hosts that several servers share, as a file of JSON:
//   {"hosts":[
//   {"name":"web-1","id":"0123456789abcdef","token_sha256":"<64 hex digits>"},
//   {"name":"web-2","id":"123456789abcdef0","token_sha256":"<64 hex digits>","disabled":true}
//   ]}
// It holds the tokens' hashes, so whoever may read it cannot come in by it. A file that was cut off
// is no JSON any more: half a list is never taken for a whole one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/host_list.hpp"

namespace volta {

constexpr std::size_t kLongestHostsFile = 32U << 20U;  // bytes: some 200,000 hosts

// In the file's order. Names, ids and tokens are unique and well formed; anything that is not known
// is refused, since a mistyped "disabled" must not let anybody in.
Result<std::vector<HostEntry>> parse_hosts_file(std::string_view text);

// A line a host, by name: what parse_hosts_file() reads.
std::string hosts_file_text(std::vector<HostEntry> hosts);

}  // namespace volta
