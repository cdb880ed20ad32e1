// The way of small commands to a store's API: through the admin socket of the role that owns the
// data directory, else on the store itself, opened for as long as the command runs. Both ways make
// the same requests, so there is one set of rules.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace volta {

class Hub;

struct DoorAnswer {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case

  // "" if absent.
  [[nodiscard]] std::string_view header(std::string_view lower_name) const {
    for (const auto& [name, value] : headers) {
      if (name == lower_name) return value;
    }
    return {};
  }
};

struct DoorRequest {
  std::string method = "GET";
  std::string path;        // without a query
  std::string query = {};  // percent-encoded, without '?'
  std::string body = {};
  std::string content_type = {};  // of the body
  std::string content_encoding = {};
  int timeout_ms = 10'000;
  std::size_t most_bytes = 4U << 20U;  // of the answer
  bool as_sent = false;                // the answer's body is not to be uncompressed
};

class AdminDoor {
 public:
  // Throws StartFailure where nobody owns the directory and its store does not open.
  AdminDoor(const std::string& role, std::filesystem::path data);
  ~AdminDoor();
  AdminDoor(const AdminDoor&) = delete;
  AdminDoor& operator=(const AdminDoor&) = delete;

  // Throws StartFailure when the owner does not answer.
  DoorAnswer ask(const DoorRequest& request);

 private:
  std::filesystem::path data_;
  std::unique_ptr<Hub> hub_;  // null: somebody serves
};

}  // namespace volta
