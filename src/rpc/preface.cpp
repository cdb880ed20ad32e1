#include "rpc/preface.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace volta::rpc {
namespace {

constexpr std::string_view kMagic = "VOLTA";

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Preface make_preface(std::uint16_t version, std::uint8_t last) {
  Preface preface{};
  std::transform(kMagic.begin(), kMagic.end(), preface.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  preface[5] = static_cast<std::byte>(version & 0xffU);
  preface[6] = static_cast<std::byte>(version >> 8U);
  preface[7] = static_cast<std::byte>(last);
  return preface;
}

bool has_magic(std::span<const std::byte> received) {
  return received.size() == kPrefaceBytes && as_text(received).starts_with(kMagic);
}

std::uint16_t version_of(std::span<const std::byte> preface) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(preface[5]) |
                                    std::to_integer<unsigned>(preface[6]) << 8U);
}

bool looks_like_http_request(std::string_view text) {
  constexpr std::array<std::string_view, 9> kBeginnings = {
      "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "PRI * "};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](std::string_view beginning) {
    return text.size() >= 4 && text.substr(0, beginning.size()) == beginning.substr(0, text.size());
  });
}

Refusal unreachable(std::string text) { return {RefusalReason::unreachable, std::move(text), {}}; }

Refusal not_volta(std::span<const std::byte> received, PrefaceEnd end, const std::string& server) {
  const std::string_view text = as_text(received);
  if (text.starts_with("HTTP")) {
    return unreachable(
        fmt::format("{} is a web server, not volta's port for agents (8421 by "
                    "default; 8420 is the dashboard's)",
                    server));
  }
  if (looks_like_tls(received)) {
    return unreachable(
        fmt::format("{} speaks TLS, this agent was told to speak plaintext", server));
  }
  if (received.empty() && end == PrefaceEnd::silent) {
    return unreachable(
        fmt::format("{} accepts connections but says nothing: is it volta's port for "
                    "agents (8421 by default)?",
                    server));
  }
  if (received.empty() && end == PrefaceEnd::closed) {
    return unreachable(fmt::format("{} closed the connection without a word", server));
  }
  return unreachable(fmt::format("{} is not a volta server: it does not answer as one", server));
}

}  // namespace

// Handshake (22) or alert (21) record, then the version's first byte.
bool looks_like_tls(std::span<const std::byte> received) {
  return received.size() >= 2 &&
         (received[0] == std::byte{0x16} || received[0] == std::byte{0x15}) &&
         received[1] == std::byte{0x03};
}

Preface agent_preface(std::uint16_t version) { return make_preface(version, 0); }

Preface server_preface(PrefaceStatus status, std::uint16_t version) {
  return make_preface(version, static_cast<std::uint8_t>(status));
}

Result<std::uint16_t> read_agent_preface(std::span<const std::byte> received, PrefaceEnd end) {
  if (has_magic(received)) return version_of(received);
  if (looks_like_http_request(as_text(received))) {
    return Error{"an HTTP request came to the port for agents; the dashboard has another port"};
  }
  if (looks_like_tls(received)) return Error{"the peer speaks TLS, this port does not"};
  if (received.empty() && end == PrefaceEnd::silent) return Error{"the peer said nothing"};
  if (received.empty() && end == PrefaceEnd::closed) {
    return Error{"the peer closed the connection without a word"};
  }
  return Error{"the peer is not a volta agent: it does not begin as one"};
}

std::optional<Refusal> read_server_preface(std::span<const std::byte> received, PrefaceEnd end,
                                           const std::string& server) {
  if (!has_magic(received)) return not_volta(received, end, server);
  const std::uint16_t version = version_of(received);
  const auto status = std::to_integer<std::uint8_t>(received[7]);
  if (version != kProtocolVersion || status == static_cast<int>(PrefaceStatus::wrong_version)) {
    const char* older = version < kProtocolVersion ? "server" : "agent";
    return Refusal{RefusalReason::wrong_version,
                   fmt::format("{} speaks version {} of volta's protocol, this agent version {}: "
                               "update the {}",
                               server, version, kProtocolVersion, older),
                   {}};
  }
  switch (static_cast<PrefaceStatus>(status)) {
    case PrefaceStatus::ok:
      return std::nullopt;
    case PrefaceStatus::tls_required:
      return Refusal{
          RefusalReason::plaintext,
          fmt::format("{} takes agents of other machines over TLS only; on a network you "
                      "trust both ends can be started with --insecure-plaintext",
                      server),
          {}};
    case PrefaceStatus::too_busy:
      return Refusal{RefusalReason::too_busy,
                     fmt::format("{} has as many connections as it may have", server),
                     {}};
    default:
      return unreachable(fmt::format("{} answers with a status that is unknown here", server));
  }
}

std::string answer_for_stranger(std::span<const std::byte> received) {
  if (!looks_like_http_request(as_text(received))) return "";
  constexpr std::string_view kBody =
      "This is volta's port for agents. The dashboard has another one, 8420 by default.\n";
  return fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      kBody.size(), kBody);
}

}  // namespace volta::rpc
