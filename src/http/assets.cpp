#include "http/assets.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "http/answer.hpp"

namespace volta {
namespace {

constexpr std::string_view kIndex = "/index.html";
constexpr std::string_view kHashed = "/assets/";

// The leading empty entry keeps the table legal C++ when the build has no page.
constexpr Asset kEmbedded[] = {
    {},
#include "http/web_assets.inc"
};

bool is_below(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool belongs_to_handler(std::string_view path) {
  static constexpr std::array<std::string_view, 5> kPrefixes = {"/api", "/prometheus", "/metrics",
                                                                "/healthz", "/readyz"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return is_below(path, prefix); });
}

std::string_view content_type_of(const std::filesystem::path& path) {
  struct Type {
    std::string_view extension;
    std::string_view type;
  };
  static constexpr std::array kTypes = {Type{".html", "text/html; charset=utf-8"},
                                        Type{".js", "text/javascript; charset=utf-8"},
                                        Type{".css", "text/css; charset=utf-8"},
                                        Type{".svg", "image/svg+xml"},
                                        Type{".png", "image/png"},
                                        Type{".ico", "image/x-icon"},
                                        Type{".json", "application/json"},
                                        Type{".webmanifest", "application/manifest+json"},
                                        Type{".woff2", "font/woff2"}};
  const std::string extension = path.extension().string();
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const Type& type) { return type.extension == extension; });
  return found == kTypes.end() ? "application/octet-stream" : found->type;
}

HttpResponse not_found(const HttpRequest& request, std::string_view detail) {
  Problem problem;
  problem.status = 404;
  problem.code = "not_found";
  problem.title = reason_phrase(404);
  problem.detail = detail;
  return problem_response(problem, request.request_id);
}

HttpResponse serve(const Asset& asset, const HttpRequest& request) {
  const bool packed = !asset.gzip.empty() && accepts_gzip(request.header("accept-encoding"));
  const std::string etag = '"' + std::string(asset.etag) + (packed ? "-gz\"" : "\"");
  const bool immutable = asset.path.starts_with(kHashed);
  HttpResponse response;
  response.compressible = false;
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  response.headers.emplace_back("Cache-Control",
                                immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (etag_listed(request.header("if-none-match"), etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = std::string(asset.content_type);
  response.body = std::string(packed ? asset.gzip : asset.bytes);
  if (packed) response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

}  // namespace

std::span<const Asset> embedded_assets() { return std::span(kEmbedded).subspan(1); }

std::optional<HttpResponse> Assets::answer(const HttpRequest& request) const {
  if (belongs_to_handler(request.path)) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  if (auto found = file(request, request.path)) return found;
  if (is_below(request.path, "/assets")) return not_found(request, "the page has no such file");
  if (auto index = file(request, kIndex)) return index;
  return not_found(request, "this volta was built without its page; the API is under /api/v1");
}

std::optional<HttpResponse> Assets::file(const HttpRequest& request, std::string_view path) const {
  if (!root_.empty()) return from_disk(path);
  const auto found = std::lower_bound(
      table_.begin(), table_.end(), path,
      [](const Asset& asset, std::string_view wanted) { return asset.path < wanted; });
  if (found == table_.end() || found->path != path) return std::nullopt;
  return serve(*found, request);
}

std::optional<HttpResponse> Assets::from_disk(std::string_view path) const {
  // The path is clean: request_rules has refused dot segments, backslashes and control characters.
  const std::filesystem::path name = root_ / path.substr(1);
  std::error_code error;
  if (!std::filesystem::is_regular_file(name, error)) return std::nullopt;
  std::ifstream in(name, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in) return std::nullopt;
  HttpResponse response;
  response.content_type = std::string(content_type_of(name));
  response.body = std::move(content).str();
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

bool etag_listed(std::string_view if_none_match, std::string_view quoted_etag) {
  while (!if_none_match.empty()) {
    std::string_view item = if_none_match.substr(0, if_none_match.find(','));
    if_none_match.remove_prefix(std::min(if_none_match.size(), item.size() + 1));
    item = trim(item);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == "*" || item == quoted_etag) return true;
  }
  return false;
}

}  // namespace volta
