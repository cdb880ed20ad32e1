// volta host add|list|disable|enable|remove|rotate: through the server's admin socket while it
// runs, else on its store. Both ways make the same API requests, so there is one set of rules.
#include <algorithm>
#include <iostream>

#include <boost/json.hpp>

#include "app/admin_door.hpp"
#include "app/commands.hpp"
#include "app/group.hpp"
#include "app/process.hpp"
#include "app/secret_file.hpp"
#include "base/json_writer.hpp"
#include "fleet/hosts_file.hpp"
#include "store/inspect.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

[[noreturn]] void fail_with(const DoorAnswer& answer) {
  boost::system::error_code error;
  const boost::json::value problem = boost::json::parse(answer.body, error);
  std::string text = "the request was refused with status " + std::to_string(answer.status);
  if (!error && problem.is_object()) {
    const auto* detail = problem.as_object().if_contains("detail");
    if (detail != nullptr && detail->is_string()) text = std::string(detail->as_string());
  }
  const bool not_allowed = answer.status == 401 || answer.status == 403;
  throw StartFailure(not_allowed ? Exit::refused : Exit::failed, text);
}

std::string text_of(const boost::json::value& item, std::string_view key) {
  const auto* member = item.as_object().if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->as_string())
                                                  : std::string("-");
}

void print_table(const boost::json::array& items) {
  static constexpr std::string_view kKeys[] = {"name", "state", "last_seen", "agent_version", "id"};
  std::cout << "NAME                      STATE     LAST SEEN                 AGENT       ID\n";
  static constexpr std::size_t kWidths[] = {24, 8, 24, 10, 16};
  for (const auto& item : items) {
    for (std::size_t i = 0; i < std::size(kKeys); ++i) {
      std::string cell = text_of(item, kKeys[i]);
      cell.resize(std::max(cell.size(), kWidths[i]), ' ');
      std::cout << cell << "  ";
    }
    std::cout << '\n';
  }
}

// The body as an object, or the end: nobody but volta should answer there.
boost::json::object object_of(const DoorAnswer& answer) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(answer.body, error);
  if (error || !value.is_object())
    throw StartFailure(Exit::failed, "what owns the data directory does not answer like volta");
  return std::move(value.as_object());
}

boost::json::array all_hosts(AdminDoor& door) {
  boost::json::array hosts;
  std::string cursor;
  do {
    const DoorAnswer answer =
        door.ask({"GET", "/api/v1/hosts", cursor.empty() ? "" : "cursor=" + cursor});
    if (answer.status != 200) fail_with(answer);
    const boost::json::object page = object_of(answer);
    const auto* items = page.if_contains("items");
    if (items != nullptr && items->is_array()) {
      for (const auto& item : items->as_array()) {
        if (item.is_object()) hosts.push_back(item);
      }
    }
    const auto* next = page.if_contains("next_cursor");
    cursor = next != nullptr && next->is_string() ? std::string(next->as_string()) : "";
  } while (!cursor.empty());
  return hosts;
}

int list(AdminDoor& door, const HostOptions& options) {
  const boost::json::array items = all_hosts(door);
  if (options.json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"items", items}, {"next_cursor", nullptr}})
              << '\n';
  } else if (items.empty()) {
    std::cout << "no hosts yet; make one with: volta host add NAME\n";
  } else {
    print_table(items);
  }
  return code(Exit::done);
}

int show_token(const DoorAnswer& answer, const HostOptions& options, const std::string& pin) {
  if (answer.status != 200 && answer.status != 201) fail_with(answer);
  if (options.json) {
    std::cout << answer.body << '\n';
    return code(Exit::done);
  }
  const std::string token = text_of(object_of(answer), "token");
  if (options.token) {
    std::cout << token << '\n';
    return code(Exit::done);
  }
  std::cout << "The token of host " << options.name << ", shown this once:\n\n  " << token
            << "\n\nOn that machine put it into a file of mode 0600 and start:\n\n"
            << "  volta agent --server SERVER:8421 --pin " << pin << " --token-file FILE\n";
  return code(Exit::done);
}

// The API knows hosts by id; people by name.
std::string id_of(AdminDoor& door, const std::string& name) {
  for (const auto& item : all_hosts(door)) {
    if (text_of(item, "name") == name || text_of(item, "id") == name) return text_of(item, "id");
  }
  throw StartFailure(Exit::failed, "there is no host called " + name);
}

}  // namespace

int run_host(const HostOptions& options) {
  if (!options.hosts_file.empty()) return run_hosts_file(options);
  const std::filesystem::path data =
      options.data ? std::filesystem::path(*options.data) : default_data_dir("server");
  if (options.action != "add" && !holds_store(data))
    throw StartFailure(Exit::failed, "there is no store in " + data.string() +
                                         "; name the server's with --data, or begin one with: "
                                         "volta host add NAME");
  if (options.action == "export") {
    std::cout << hosts_file_text(hosts_of_served(data));
    return code(Exit::done);
  }
  // A server that runs says so itself.
  const auto followed = lock_holder(data) ? std::nullopt : followed_hosts_file(data);
  if (followed && options.action != "list")
    throw StartFailure(Exit::failed, "the hosts of " + data.string() +
                                         " stand in a file that several servers share; change "
                                         "them there, with --hosts-file " +
                                         *followed);
  AdminDoor door("server", data);
  if (options.action == "list") return list(door, options);
  const std::string pin = tls_pin_of(data);  // before a token is made that is shown only once
  if (options.action == "add") {
    std::string body;
    JsonWriter(body).begin_object().member("name", options.name).end_object();
    return show_token(door.ask({"POST", "/api/v1/hosts", "", body, "application/json"}), options,
                      pin);
  }
  const std::string path = "/api/v1/hosts/" + id_of(door, options.name);
  if (options.action == "rotate")
    return show_token(door.ask({"POST", path + "/rotate"}), options, pin);
  const DoorAnswer answer = options.action == "remove"
                                ? door.ask({"DELETE", path})
                                : door.ask({"POST", path + "/" + options.action});
  if (answer.status >= 300) fail_with(answer);
  if (options.json && !answer.body.empty()) std::cout << answer.body << '\n';
  return code(Exit::done);
}

}  // namespace volta
