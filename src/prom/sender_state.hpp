// What a remote write sender keeps in the store to go on after a restart. As text, a line each:
//   volta-sender 1
//   url https://...
//   version 2
//   shard DONE UNTIL          one per shard, positions as COMMIT.ROW
// All rows up to DONE are through. UNTIL ends the one request that may be on its way: after a
// restart the first request holds exactly the rows behind DONE up to UNTIL, so that it is the same
// bytes again. 0.0: there is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/forward_log.hpp"
#include "prom/remote_write.hpp"

namespace volta {

struct ShardCursor {
  ForwardPosition done;
  ForwardPosition until;
};

struct SenderState {
  std::string url;
  WriteVersion version = WriteVersion::v2;
  std::vector<ShardCursor> shards;
};

std::string to_text(const SenderState& state);
// Empty: not what to_text() makes.
std::optional<SenderState> parse_sender_state(std::string_view text);

// The state for so many shards at this URL. Another URL may understand 2.0. With another number of
// shards all begin where the last of them stood: nothing is lost, but what the others had sent
// since comes again.
SenderState fit_sender_state(SenderState state, const std::string& url, std::size_t shards);

}  // namespace volta
