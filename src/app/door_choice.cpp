#include "app/door_choice.hpp"

#include <iostream>

#include <boost/json.hpp>

#include "app/commands.hpp"
#include "app/engine_mark.hpp"
#include "app/process.hpp"
#include "app/secret_file.hpp"
#include "base/error.hpp"
#include "outbound/curl_client.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

// Where Grafana is sent to, URL/prometheus, is a part of it.
std::string root_of(std::string_view url) {
  const auto without_slashes = [](std::string_view text) {
    return text.substr(0, text.find_last_not_of('/') + 1);
  };
  url = without_slashes(url);
  constexpr std::string_view kPrometheus = "/prometheus";
  if (url.ends_with(kPrometheus)) url.remove_suffix(kPrometheus.size());
  return std::string(without_slashes(url));
}

class ServerDoor {
 public:
  // Throws StartFailure: the pin is none, the key file cannot be read.
  explicit ServerDoor(const DoorChoice& choice)
      : url_(root_of(choice.server)),
        key_(choice.key_file.empty() ? "" : read_key_file(choice.key_file)),
        ca_file_(choice.ca_file),
        pin_(pin_in(choice)),
        client_(std::make_shared<CurlClient>(std::string("volta/") + kVersion)) {}

  DoorAnswer operator()(const DoorRequest& asked) const {
    OutboundRequest request;
    request.method = asked.method;
    request.url = url_ + asked.path + (asked.query.empty() ? "" : "?" + asked.query);
    request.body = asked.body;
    request.timeout_ms = asked.timeout_ms;
    request.most_bytes = asked.most_bytes;
    request.as_sent = asked.as_sent;
    request.ca_file = ca_file_;
    request.pin = pin_;
    if (!asked.body.empty()) request.headers.emplace_back("Content-Type", asked.content_type);
    if (!asked.content_encoding.empty())
      request.headers.emplace_back("Content-Encoding", asked.content_encoding);
    if (!key_.empty()) request.headers.emplace_back("Authorization", "Bearer " + key_);
    try {
      const OutboundResponse response = client_->perform(request);
      return {response.status, response.body};
    } catch (const Failure& failure) {
      throw StartFailure(Exit::unreachable, failure.what());
    }
  }

 private:
  static std::optional<KeyPin> pin_in(const DoorChoice& choice) {
    if (choice.pin.empty()) return std::nullopt;
    const auto pin = parse_pin(choice.pin);
    if (!pin) throw StartFailure(Exit::usage, "--pin: " + pin.error().text);
    // Sent in the clear the key would be anybody's, whatever is pinned.
    if (!choice.server.starts_with("https://"))
      throw StartFailure(Exit::usage, "--pin is for a server that is asked by https://");
    return *pin;
  }

  std::string url_;
  std::string key_;
  std::string ca_file_;
  std::optional<KeyPin> pin_;
  std::shared_ptr<CurlClient> client_;
};

}  // namespace

Door open_door(const DoorChoice& choice) {
  if (choice.data.empty()) return ServerDoor(choice);
  if (!holds_store(choice.data))
    throw StartFailure(Exit::failed, "there is no store in " + choice.data);
  if (!lock_holder(choice.data) && another_engine_keeps(choice.data)) {
    std::cerr << "volta: another engine keeps the samples of " << choice.data
              << "; nobody serves it now, so here is their last hour only\n";
  }
  const auto door = std::make_shared<AdminDoor>("local", choice.data);
  return [door](const DoorRequest& request) { return door->ask(request); };
}

std::string refusal_text(const DoorAnswer& answer) {
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer.body, error);
  if (!error && body.is_object()) {
    for (const char* key : {"error", "detail"}) {
      const auto* text = body.as_object().if_contains(key);
      if (text != nullptr && text->is_string() && !text->get_string().empty())
        return std::string(text->get_string());
    }
  }
  return "the server answered with status " + std::to_string(answer.status);
}

void throw_refusal(const DoorAnswer& answer) {
  const bool not_allowed = answer.status == 401 || answer.status == 403;
  std::string text = refusal_text(answer);
  // What the API says of keys is for those who send headers.
  if (answer.status == 401 && text.starts_with("give the access key"))
    text = "the server wants its access key: name the file that holds it with --key-file";
  throw StartFailure(not_allowed ? Exit::refused : Exit::failed, text);
}

}  // namespace volta
