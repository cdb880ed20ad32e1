#include "prom/sender_state.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::string_view kStateHead = "volta-sender 1";
constexpr std::size_t kMostShards = 1'000;

std::string position_text(ForwardPosition position) {
  return std::to_string(position.commit) + "." + std::to_string(position.row);
}

std::optional<ForwardPosition> parse_position(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto commit = parse_integer<std::uint64_t>(text.substr(0, dot));
  const auto row = parse_integer<std::uint32_t>(text.substr(dot + 1));
  if (!commit || !row) return std::nullopt;
  return ForwardPosition{*commit, *row};
}

// False: the line is not understood.
bool take_state_line(std::string_view line, SenderState& state) {
  const std::string_view word = next_field(line);
  if (word == "url") {
    state.url = trim(line);
    return true;
  }
  const std::string_view first = next_field(line);
  if (word == "version") {
    state.version = first == "1" ? WriteVersion::v1 : WriteVersion::v2;
    return first == "1" || first == "2";
  }
  const auto done = parse_position(first);
  const auto until = parse_position(next_field(line));
  if (word != "shard" || !done || !until) return false;
  state.shards.push_back({*done, *until});
  return state.shards.size() <= kMostShards;
}

}  // namespace

std::string to_text(const SenderState& state) {
  std::string out(kStateHead);
  out.append("\nurl ").append(state.url).append("\nversion ");
  out.append(state.version == WriteVersion::v1 ? "1" : "2").append("\n");
  for (const ShardCursor& shard : state.shards) {
    out.append("shard ").append(position_text(shard.done)).append(" ");
    out.append(position_text(shard.until)).append("\n");
  }
  return out;
}

std::optional<SenderState> parse_sender_state(std::string_view text) {
  if (next_line(text) != kStateHead) return std::nullopt;
  SenderState state;
  while (const auto line = next_line(text)) {
    if (!take_state_line(*line, state)) return std::nullopt;
  }
  if (state.shards.empty()) return std::nullopt;
  return state;
}

SenderState fit_sender_state(SenderState state, const std::string& url, std::size_t shards) {
  if (state.url != url) {
    state.url = url;
    state.version = WriteVersion::v2;
  }
  if (state.shards.size() != shards) {
    const auto last = std::min_element(
        state.shards.begin(), state.shards.end(),
        [](const ShardCursor& a, const ShardCursor& b) { return a.done < b.done; });
    const ForwardPosition done = last == state.shards.end() ? ForwardPosition{} : last->done;
    state.shards.assign(shards, {done, {}});
  }
  return state;
}

}  // namespace volta
