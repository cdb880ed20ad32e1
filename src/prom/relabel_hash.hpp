// The hash that relabelling's hashmod takes: the last eight bytes of the MD5 (RFC 1321), big end
// first, so that series fall into the same shards as Prometheus puts them. Nothing is secret here.
#pragma once

#include <cstdint>
#include <string_view>

namespace volta {

std::uint64_t relabel_hash(std::string_view text);

}  // namespace volta
