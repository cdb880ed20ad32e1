#include "app/admin_door.hpp"

#include "app/commands.hpp"
#include "app/hub.hpp"
#include "app/process.hpp"
#include "base/error.hpp"
#include "http/request_rules.hpp"
#include "outbound/curl_client.hpp"

namespace volta {

AdminDoor::AdminDoor(const std::string& role, std::filesystem::path data) : data_(std::move(data)) {
  if (lock_holder(data_)) return;
  HubOptions options;
  options.role = role;
  options.store = unattended_store(data_);
  options.passing = true;
  hub_ = std::make_unique<Hub>(options, system_clock());
  hub_->open_api({});
}

AdminDoor::~AdminDoor() = default;

DoorAnswer AdminDoor::ask(const DoorRequest& asked) {
  if (hub_) {
    HttpRequest request;
    request.method = asked.method;
    request.path = asked.path;
    request.query = asked.query;
    request.body = asked.body;
    if (!asked.body.empty()) request.headers = {{"content-type", asked.content_type}};
    if (!asked.content_encoding.empty())
      request.headers.emplace_back("content-encoding", asked.content_encoding);
    request.peer.address = "unix";
    request.peer.unix_socket = true;
    HttpResponse response = hub_->administer(request);
    for (auto& [name, value] : response.headers) name = to_lower(name);
    return {response.status, std::move(response.body), std::move(response.headers)};
  }
  CurlClient client(std::string("volta/") + kVersion);
  OutboundRequest request;
  request.method = asked.method;
  request.url = "http://localhost" + asked.path + (asked.query.empty() ? "" : "?" + asked.query);
  request.unix_socket = data_ / "volta.sock";
  request.body = asked.body;
  request.timeout_ms = asked.timeout_ms;
  request.most_bytes = asked.most_bytes;
  request.as_sent = asked.as_sent;
  if (!asked.body.empty()) request.headers = {{"Content-Type", asked.content_type}};
  if (!asked.content_encoding.empty())
    request.headers.emplace_back("Content-Encoding", asked.content_encoding);
  try {
    OutboundResponse response = client.perform(request);
    return {response.status, std::move(response.body), std::move(response.headers)};
  } catch (const Failure& failure) {
    throw StartFailure(Exit::unreachable, "the role that owns " + data_.string() +
                                              " does not answer: " + failure.what());
  }
}

}  // namespace volta
