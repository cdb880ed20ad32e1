// The 8 bytes that each side sends before any Cap'n Proto byte, with TLS inside it. They tell a
// wrong peer from a broken one, and keep bytes of strangers away from the RPC library.
//
//   agent:   "VOLTA" | version u16 little-endian | 0
//   server:  "VOLTA" | version u16 little-endian | status
//
// The server reads all 8 bytes before it answers, and speaks no RPC unless its status is ok.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/link.hpp"

namespace volta::rpc {

constexpr std::size_t kPrefaceBytes = 8;
using Preface = std::array<std::byte, kPrefaceBytes>;

enum class PrefaceStatus : std::uint8_t { ok, wrong_version, tls_required, too_busy };

// Why no more bytes came than there are.
enum class PrefaceEnd : std::uint8_t { complete, closed, silent };

Preface agent_preface(std::uint16_t version = kProtocolVersion);
Preface server_preface(PrefaceStatus status, std::uint16_t version = kProtocolVersion);

// The version that an agent speaks, or what the peer is instead. `received`: at most 8 bytes.
Result<std::uint16_t> read_agent_preface(std::span<const std::byte> received, PrefaceEnd end);

// Empty if the server at `server` ("host:port", for the text) welcomes RPC, else the refusal.
std::optional<Refusal> read_server_preface(std::span<const std::byte> received, PrefaceEnd end,
                                           const std::string& server);

// Whether these are the first bytes of TLS: a handshake or an alert of SSL 3.0 to TLS 1.3.
bool looks_like_tls(std::span<const std::byte> received);

// What a browser on the wrong port gets to see, or "" if the bytes are no HTTP request.
std::string answer_for_stranger(std::span<const std::byte> received);

}  // namespace volta::rpc
