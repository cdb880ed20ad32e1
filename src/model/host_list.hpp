// The hosts as a list outside of the store has them, for several servers that share it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/store.hpp"

namespace volta {

struct HostEntry {
  std::string name;
  std::string uid;
  Sha256 token_hash{};
  bool disabled = false;
};

// What came of a list.
struct HostChanges {
  std::vector<HostId> removed;
  std::vector<HostId> shut;  // disabled now, or of another token: their links must end
  std::size_t added = 0;
  bool waits = false;  // a host of the list is still on its way out: the list once more, later
};

// A directory of hosts that follows such a list. Implemented by store/; thread-safe.
class HostList {
 public:
  virtual ~HostList() = default;
  // Makes the directory what the list says, in one transaction: a host that the list does not have
  // goes, with its data. Requires that names, uids and tokens are unique in it. Refuses the whole
  // list where a host would have to change its name. Throws Failure where the disk fails.
  virtual Result<HostChanges> assume(std::span<const HostEntry> list) = 0;
};

}  // namespace volta
