#include "outbound/curl_client.hpp"

#include <cstdlib>
#include <memory>

#include <curl/curl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace volta {
namespace {

struct HandleCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Sink {
  std::string* body;
  std::size_t most;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto* sink = static_cast<Sink*>(target);
  if (sink->body->size() + size * count > sink->most) return 0;  // curl then ends the transfer
  sink->body->append(data, size * count);
  return size * count;
}

}  // namespace

std::string find_ca_file() {
  const char* chosen =
      std::getenv("SSL_CERT_FILE");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  if (chosen != nullptr && chosen[0] != '\0') return chosen;
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  return "";
}

CurlClient::CurlClient(std::string user_agent)
    : user_agent_(std::move(user_agent)), ca_file_(find_ca_file()) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw Failure("libcurl could not be initialised");
}

OutboundResponse CurlClient::perform(const OutboundRequest& request) {
  const std::unique_ptr<CURL, HandleCloser> handle(curl_easy_init());
  if (!handle) throw Failure("libcurl gave no handle");
  CURL* curl = handle.get();
  OutboundResponse response;
  Sink sink{&response.body, request.most_bytes};
  std::unique_ptr<curl_slist, ListCloser> headers;
  for (const auto& [name, value] : request.headers) {
    std::string line = name;
    line.append(": ").append(value);
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  }
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (!request.body.empty() || request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  }
  if (!request.unix_socket.empty())
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (!ca_file_.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent_.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_WRITE_ERROR) {
    throw Failure(request.url + ": the answer is longer than " +
                  std::to_string(request.most_bytes) + " bytes");
  }
  if (code != CURLE_OK) throw Failure(request.url + ": " + curl_easy_strerror(code));
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  response.status = static_cast<int>(status);
  if (type != nullptr) response.content_type = type;
  return response;
}

}  // namespace volta
