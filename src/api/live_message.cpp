#include "api/live_message.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <boost/json.hpp>

#include "api/reply.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 6> kSubscribeKeys = {"op",    "id",          "host",
                                                            "names", "interval_ms", "rates"};
constexpr std::array<std::string_view, 2> kUnsubscribeKeys = {"op", "id"};

// Takes members out of a message and keeps the first thing that was wrong with them.
class MessageReader {
 public:
  explicit MessageReader(const json::object& message) : message_(&message) {}

  std::string text(std::string_view key, std::size_t longest) {
    const json::value* found = message_->if_contains(key);
    if (found == nullptr || !found->is_string()) {
      wrong(key, "must be a text");
      return "";
    }
    const json::string& given = found->get_string();
    if (given.empty() || given.size() > longest) {
      wrong(key, "must have 1 to " + std::to_string(longest) + " bytes");
      return "";
    }
    return std::string(given.data(), given.size());
  }

  std::vector<std::string> names() {
    const json::value* found = message_->if_contains("names");
    if (found == nullptr) return {"*"};
    if (!found->is_array()) {
      wrong("names", "must be a list of texts");
      return {};
    }
    std::vector<std::string> out;
    for (const json::value& entry : found->get_array()) {
      if (!entry.is_string()) {
        wrong("names", "must be a list of texts");
        return {};
      }
      out.emplace_back(entry.get_string().data(), entry.get_string().size());
    }
    if (std::string problem = names_problem(out); !problem.empty()) {
      wrong("names", std::move(problem));
    }
    return out;
  }

  std::int64_t interval_ms() {
    const json::value* found = message_->if_contains("interval_ms");
    if (found == nullptr) return 1000;
    const auto number = found->is_int64() ? found->get_int64() : -1;
    if (number >= kShortestIntervalMs && number <= kLongestIntervalMs) return number;
    wrong("interval_ms", "must be a whole number from 100 to 3600000");
    return 1000;
  }

  bool flag(std::string_view key) {
    const json::value* found = message_->if_contains(key);
    if (found == nullptr) return false;
    if (!found->is_bool()) wrong(key, "must be true or false");
    return found->is_bool() && found->get_bool();
  }

  void only(std::span<const std::string_view> known) {
    for (const auto& member : *message_) {
      const std::string_view key(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const auto meant = nearest(key.substr(0, kLongestName), known);
      wrong(key.substr(0, kLongestName),
            meant ? "is not known; did you mean '" + std::string(*meant) + "'?" : "is not known");
    }
  }

  void wrong(std::string_view key, std::string detail) {
    if (problem_) return;
    problem_ = decline(400, "bad_message", std::string(key) + ": " + detail).problem;
    problem_->errors.emplace_back("/" + std::string(key), std::move(detail));
  }
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  const json::object* message_;
  std::optional<Problem> problem_;
};

// The id, if there is a proper one, so that even a refusal of the rest can name it.
std::string readable_id(const json::object& message) {
  const json::value* found = message.if_contains("id");
  if (found == nullptr || !found->is_string()) return "";
  const json::string& given = found->get_string();
  return given.size() > kLongestSubscriptionId ? "" : std::string(given.data(), given.size());
}

ClientMessage read_message(const json::object& message) {
  MessageReader reader(message);
  const std::string op = reader.text("op", kLongestSubscriptionId);
  ClientMessage out = Unsubscribe{};
  if (op == "subscribe") {
    Subscribe subscribe;
    subscribe.id = reader.text("id", kLongestSubscriptionId);
    subscribe.host = reader.text("host", kLongestName);
    subscribe.names = reader.names();
    subscribe.interval_ms = reader.interval_ms();
    subscribe.rates = reader.flag("rates");
    reader.only(kSubscribeKeys);
    out = std::move(subscribe);
  } else if (op == "unsubscribe") {
    out = Unsubscribe{reader.text("id", kLongestSubscriptionId)};
    reader.only(kUnsubscribeKeys);
  } else {
    reader.wrong("op", "must be subscribe or unsubscribe");
  }
  if (reader.problem()) return BadMessage{readable_id(message), *reader.problem()};
  return out;
}

}  // namespace

std::string names_problem(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > kMostNames) {
    return "must have 1 to " + std::to_string(kMostNames) + " entries";
  }
  const bool fit = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return !name.empty() && name.size() <= kLongestName;
  });
  return fit ? "" : "each name must have 1 to " + std::to_string(kLongestName) + " bytes";
}

ClientMessage parse_client_message(std::string_view text) {
  if (text.size() > kLongestMessage) {
    return BadMessage{"", decline(400, "bad_message", "the message is longer than 64 KiB").problem};
  }
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code failed;
  const json::value value = json::parse({text.data(), text.size()}, failed, {}, options);
  if (failed) {
    return BadMessage{
        "", decline(400, "bad_message", "the message is not JSON: " + failed.message()).problem};
  }
  if (!value.is_object()) {
    return BadMessage{"", decline(400, "bad_message", "the message is not an object").problem};
  }
  return read_message(value.get_object());
}

}  // namespace volta
