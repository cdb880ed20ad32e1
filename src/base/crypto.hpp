// Randomness, hashes and comparisons for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace volta {

using Sha256 = std::array<std::uint8_t, 32>;

// From the kernel's generator. Throws SystemFailure only where the kernel has none.
void random_bytes(std::span<std::uint8_t> out);
// Uniform in [0, 1), in steps of 2^-32; the same source.
double random_fraction();

Sha256 sha256(std::span<const std::byte> data);
Sha256 sha256(std::string_view text);

// Takes the same time whether or not they are equal (their lengths may be learned).
bool equal_constant_time(std::string_view a, std::string_view b);

std::string hex(std::span<const std::uint8_t> bytes);
std::optional<std::string> unhex(std::string_view text);  // lower or upper case; raw bytes

// RFC 4648 section 5, without padding.
std::string base64url(std::span<const std::uint8_t> bytes);
// Raw bytes; empty if it is not what base64url() writes.
std::optional<std::string> unbase64url(std::string_view text);

}  // namespace volta
