// What a WebSocket client may say, read from its JSON. Outside bytes: anything may stand there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/http.hpp"

namespace volta {

struct Subscribe {
  std::string id;
  std::string host;                // id or name
  std::vector<std::string> names;  // globs; default: all
  std::int64_t interval_ms = 1000;
  bool rates = false;  // counters as rates per second
};
struct Unsubscribe {
  std::string id;
};
struct BadMessage {
  std::string id;  // as far as it could be read, else ""
  Problem problem;
};
using ClientMessage = std::variant<Subscribe, Unsubscribe, BadMessage>;

constexpr std::size_t kLongestMessage = 64U << 10U;
constexpr std::size_t kLongestSubscriptionId = 64;
constexpr std::size_t kMostNames = 64;
constexpr std::size_t kLongestName = 256;
constexpr std::int64_t kShortestIntervalMs = 100;
constexpr std::int64_t kLongestIntervalMs = 3'600'000;

ClientMessage parse_client_message(std::string_view text);

// "" if the globs are fit for a subscription, else what is wrong with them.
std::string names_problem(const std::vector<std::string>& names);

}  // namespace volta
