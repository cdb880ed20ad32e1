#include "fleet/hosts_file.hpp"

#include <algorithm>
#include <set>

#include <boost/json.hpp>

#include "base/json_writer.hpp"

namespace volta {
namespace {

namespace json = boost::json;

constexpr std::size_t kUidDigits = 16;
constexpr std::size_t kLongestHostName = 253;

bool all_of_kind(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestHostName && text != "." && text != ".." &&
         all_of_kind(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
}

bool is_uid(std::string_view text) {
  return text.size() == kUidDigits && all_of_kind(text, "0123456789abcdef");
}

bool read_hash(std::string_view text, Sha256& hash) {
  const auto bytes = unhex(text);
  if (!bytes || bytes->size() != hash.size()) return false;
  std::transform(bytes->begin(), bytes->end(), hash.begin(),
                 [](char byte) { return static_cast<std::uint8_t>(byte); });
  return true;
}

// What is wrong with the member, if anything.
std::string read_member(std::string_view key, const json::value& content, HostEntry& host) {
  if (key == "disabled") {
    if (!content.is_bool()) return "'disabled' is neither true nor false";
    host.disabled = content.get_bool();
    return "";
  }
  if (key != "name" && key != "id" && key != "token_sha256")
    return "'" + std::string(key) + "' is not one of name, id, token_sha256 and disabled";
  if (!content.is_string()) return "'" + std::string(key) + "' is not a text";
  const std::string_view text(content.get_string().data(), content.get_string().size());
  if (key == "name") {
    host.name = text;
    if (!is_host_name(text)) return "'name' has 1 to 253 characters out of A-Z a-z 0-9 . _ -";
  } else if (key == "id") {
    host.uid = text;
    if (!is_uid(text)) return "'id' is not 16 hex digits in lower case";
  } else if (!read_hash(text, host.token_hash)) {
    return "'token_sha256' is not 64 hex digits";
  }
  return "";
}

Result<HostEntry> read_host(const json::value& element) {
  if (!element.is_object()) return Error{"it is not an object"};
  HostEntry host;
  bool has_token = false;
  for (const auto& member : element.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    if (const std::string problem = read_member(key, member.value(), host); !problem.empty())
      return Error{problem};
    has_token = has_token || key == "token_sha256";
  }
  if (host.name.empty() || host.uid.empty() || !has_token)
    return Error{"it needs 'name', 'id' and 'token_sha256'"};
  return host;
}

}  // namespace

Result<std::vector<HostEntry>> parse_hosts_file(std::string_view text) {
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code failed;
  const json::value value = json::parse({text.data(), text.size()}, failed, {}, options);
  const json::value* list = nullptr;
  if (!failed && value.is_object() && value.get_object().size() == 1)
    list = value.get_object().if_contains("hosts");
  if (list == nullptr || !list->is_array())
    return Error{"it is not a JSON object with the one member \"hosts\", a list"};
  std::vector<HostEntry> hosts;
  std::set<std::string> names;
  std::set<std::string> uids;
  std::set<Sha256> tokens;
  for (const json::value& element : list->get_array()) {
    auto host = read_host(element);
    const std::string where = "hosts[" + std::to_string(hosts.size()) + "]: ";
    if (!host) return Error{where + host.error().text};
    if (!names.insert(host->name).second)
      return Error{where + "there is another host called " + host->name};
    if (!uids.insert(host->uid).second) return Error{where + "another host has the same id"};
    if (!tokens.insert(host->token_hash).second)
      return Error{where + "another host has the same token"};
    hosts.push_back(*std::move(host));
  }
  return hosts;
}

std::string hosts_file_text(std::vector<HostEntry> hosts) {
  std::sort(hosts.begin(), hosts.end(),
            [](const HostEntry& a, const HostEntry& b) { return a.name < b.name; });
  std::string out = "{\"hosts\":[";
  for (const HostEntry& host : hosts) {
    out += &host == hosts.data() ? "\n" : ",\n";
    JsonWriter json(out);
    json.begin_object()
        .member("name", host.name)
        .member("id", host.uid)
        .member("token_sha256", hex(host.token_hash));
    if (host.disabled) json.member("disabled", true);
    json.end_object();
  }
  return out + "\n]}\n";
}

}  // namespace volta
