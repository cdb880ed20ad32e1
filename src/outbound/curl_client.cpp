#include "outbound/curl_client.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <curl/curl.h>
#include <sys/socket.h>

#include "base/ca_file.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCloser>;

// What curl's callbacks of one request write to.
struct Exchange {
  const OutboundRequest* request;
  const NetworkRules* rules;
  OutboundResponse response;
  std::size_t header_bytes = 0;
  bool body_too_long = false;
  bool headers_too_long = false;
  std::string forbidden;  // the last address that the rules refused
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto* exchange = static_cast<Exchange*>(target);
  std::string& body = exchange->response.body;
  const std::size_t room = exchange->request->most_bytes - body.size();
  if (size * count > room) {
    exchange->body_too_long = true;
    if (exchange->request->cut_body) body.append(data, room);
    return 0;  // curl then ends the transfer
  }
  body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* target) {
  auto* exchange = static_cast<Exchange*>(target);
  const std::string_view line(data, size * count);
  exchange->header_bytes += line.size();
  if (exchange->header_bytes > CurlClient::kMostHeaderBytes) {
    exchange->headers_too_long = true;
    return 0;
  }
  auto& headers = exchange->response.headers;
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    headers.clear();  // those before belonged to an interim answer
  } else if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
  }
  return line.size();
}

// Called for each address that curl is about to try, after the look-up: this is where a name that
// resolves to a forbidden address ends.
curl_socket_t open_socket(void* target, curlsocktype, curl_sockaddr* address) {
  auto* exchange = static_cast<Exchange*>(target);
  const bool allowed = address->family == AF_UNIX ? !exchange->request->unix_socket.empty()
                                                  : exchange->rules->allows(address->addr);
  if (!allowed) {
    exchange->forbidden = address_text(address->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int look_for_cancel(void* target, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* cancel = static_cast<Exchange*>(target)->request->cancel;
  return cancel != nullptr && cancel->load() ? 1 : 0;
}

// What may stand in a log: neither a query nor a user and a password.
std::string shown_url(const std::string& url) {
  std::string shown = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = shown.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t user_end = shown.substr(0, shown.find('/', host)).rfind('@');
  if (user_end != std::string::npos) shown.erase(host, user_end + 1 - host);
  return shown;
}

// Scheme, host and port: what a connection belongs to.
std::string server_of(const OutboundRequest& request) {
  if (!request.unix_socket.empty()) return request.unix_socket;
  const std::size_t scheme = request.url.find("://");
  if (scheme == std::string::npos) return request.url;
  return request.url.substr(0, request.url.find_first_of("/?#", scheme + 3));
}

bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

HeaderList header_list(const OutboundRequest& request) {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    if (!one_line(line)) throw Failure(shown_url(request.url) + ": a header has a line break");
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw Failure("libcurl has no memory for a header");
    (void)list.release();
    list.reset(longer);
  };
  for (const auto& [name, value] : request.headers) {
    std::string line = name;
    // An empty header has this form in curl; "name:" alone would take the header out.
    add(value.empty() ? line.append(";") : line.append(": ").append(value));
  }
  if (!request.bearer_token.empty()) add("Authorization: Bearer " + request.bearer_token);
  add("Expect:");  // no pause of a second before a large body
  return list;
}

void set_request(CURL* curl, const OutboundRequest& request) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (!request.body.empty() || request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  if (!request.unix_socket.empty())
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (!request.basic_user.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, request.basic_user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, request.basic_password.c_str());
  }
  if (request.as_sent) {
    curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  } else {
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::min(request.connect_timeout_ms, request.timeout_ms)));
}

// What no request may change, but for the one who asks not to look at certificates.
void set_rules(CURL* curl, Exchange& exchange) {
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // A pinned key is known without an authority and a name.
  const auto& pin = exchange.request->pin;
  curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, pin ? pin_for_curl(*pin).c_str() : nullptr);
  const bool verify = !pin && !exchange.request->insecure_skip_verify;
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 2L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_cancel);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
}

std::string reason(CURLcode code, const Exchange& exchange, const char* detail) {
  if (exchange.body_too_long) {
    return "the answer is longer than " + std::to_string(exchange.request->most_bytes) + " bytes";
  }
  if (exchange.headers_too_long) return "the answer's headers are longer than 64 KiB";
  if (code == CURLE_COULDNT_CONNECT && !exchange.forbidden.empty()) {
    return "the address " + exchange.forbidden + " is not in the networks that may be asked";
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) return "the request was cancelled";
  if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) return "its key is not the one that is pinned";
  return detail[0] != '\0' ? detail : curl_easy_strerror(code);
}

}  // namespace

CurlClient::CurlClient(std::string user_agent, NetworkRules rules)
    : user_agent_(std::move(user_agent)), ca_file_(find_ca_file()), rules_(std::move(rules)) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw Failure("libcurl could not be initialised");
}

OutboundResponse CurlClient::perform(const OutboundRequest& request) {
  const HeaderList headers = header_list(request);
  const std::string server = server_of(request);
  CurlHandle handle = pool_.take(server);
  CURL* curl = handle.get();
  Exchange exchange{&request, &rules_, {}, 0, false, false, {}};
  std::array<char, CURL_ERROR_SIZE> detail{};
  set_rules(curl, exchange);
  set_request(curl, request);
  const std::string& ca_file = request.ca_file.empty() ? ca_file_ : request.ca_file;
  if (!ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent_.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail.data());
  const CURLcode code = curl_easy_perform(curl);
  const bool cut = exchange.body_too_long && request.cut_body;
  if (code != CURLE_OK && !cut) {
    // The handle is closed, and with it whatever it was connected to.
    throw Failure(shown_url(request.url) + ": " + reason(code, exchange, detail.data()));
  }
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  exchange.response.status = static_cast<int>(status);
  if (type != nullptr) exchange.response.content_type = type;
  if (cut) return std::move(exchange.response);  // the connection is of no more use
  curl_easy_reset(curl);                         // it keeps no pointer to what ends here
  pool_.give_back(server, std::move(handle));
  return std::move(exchange.response);
}

}  // namespace volta
