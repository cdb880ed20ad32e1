// The page: files of the web build, embedded with their compressed form, or read from a folder
// while developing. Embedded ones come from a table, so no request ever names a file on disk.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/http.hpp"

namespace volta {

struct Asset {
  std::string_view path;  // "/index.html", "/assets/main-1a2b3c.js"
  std::string_view content_type;
  std::string_view etag;  // 16 hexadecimal digits of the content's SHA-256
  std::string_view bytes;
  std::string_view gzip;  // empty: not worth it
};

// The build's page; empty if it was built without one.
std::span<const Asset> embedded_assets();

class Assets {
 public:
  // `table` must outlive this; sorted by path.
  explicit Assets(std::span<const Asset> table) : table_(table) {}
  // Reads from `root` at each request, nothing cached.
  explicit Assets(std::filesystem::path root) : root_(std::move(root)) {}

  // Empty if the path belongs to the handler: /api, /prometheus, /metrics, /healthz, /readyz, or a
  // method that is not GET or HEAD. Everything else is answered: a file of the page, 404 under
  // /assets, and index.html for the page's own addresses.
  [[nodiscard]] std::optional<HttpResponse> answer(const HttpRequest& request) const;

 private:
  [[nodiscard]] std::optional<HttpResponse> file(const HttpRequest& request,
                                                 std::string_view path) const;
  [[nodiscard]] std::optional<HttpResponse> from_disk(std::string_view path) const;

  std::span<const Asset> table_;
  std::filesystem::path root_;
};

// True if an If-None-Match header names this tag (weak comparison; "*" names all).
bool etag_listed(std::string_view if_none_match, std::string_view quoted_etag);

}  // namespace volta
