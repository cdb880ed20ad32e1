#include "prom/protobuf.hpp"

#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace volta {
namespace {

constexpr std::uint64_t kMostFieldNumber = (1U << 29U) - 1;

// Cuts a varint off the front; false where it does not end or has more than 64 bits.
bool cut_varint(std::string_view& rest, std::uint64_t& value) {
  value = 0;
  for (unsigned i = 0; i < 10; ++i) {
    if (i == rest.size()) return false;
    const auto byte = static_cast<std::uint64_t>(static_cast<unsigned char>(rest[i]));
    if (i == 9 && byte > 1) return false;
    value |= (byte & 0x7fU) << (7 * i);
    if (byte < 0x80) {
      rest.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

constexpr std::uint64_t proto_key(std::uint32_t field, WireType type) {
  return static_cast<std::uint64_t>(field) << 3U | static_cast<std::uint64_t>(type);
}

}  // namespace

bool ProtoReader::next() {
  if (unread_) skip();
  if (failed_ || rest_.empty()) return false;
  const std::uint64_t key = take_varint();
  const std::uint64_t type = key & 7U;
  // Groups (3, 4) went out of use before these messages were thought of.
  const bool known = type == 0 || type == 1 || type == 2 || type == 5;
  if (failed_ || !known || key >> 3U == 0 || key >> 3U > kMostFieldNumber) {
    fail();
    return false;
  }
  field_ = static_cast<std::uint32_t>(key >> 3U);
  type_ = static_cast<WireType>(type);
  unread_ = true;
  return true;
}

std::uint64_t ProtoReader::varint() { return expect(WireType::varint) ? take_varint() : 0; }

double ProtoReader::real() {
  if (!expect(WireType::fixed64)) return 0;
  const std::string_view content = take(8);
  if (failed_) return 0;
  static_assert(std::endian::native == std::endian::little);
  double value = 0;
  std::memcpy(&value, content.data(), sizeof value);
  return value;
}

std::string_view ProtoReader::bytes() {
  return expect(WireType::bytes) ? take(take_varint()) : std::string_view();
}

std::uint64_t ProtoReader::take_varint() {
  std::uint64_t value = 0;
  if (!cut_varint(rest_, value)) {
    fail();
    return 0;
  }
  return value;
}

std::string_view ProtoReader::take(std::uint64_t count) {
  if (failed_ || count > rest_.size()) {
    fail();
    return {};
  }
  const std::string_view content = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return content;
}

bool ProtoReader::expect(WireType type) {
  VOLTA_ASSERT(failed_ || unread_);
  if (!failed_ && type_ != type) fail();
  unread_ = false;
  return !failed_;
}

void ProtoReader::skip() {
  unread_ = false;
  switch (type_) {
    case WireType::varint:
      take_varint();
      break;
    case WireType::fixed64:
      take(8);
      break;
    case WireType::bytes:
      take(take_varint());
      break;
    case WireType::fixed32:
      take(4);
      break;
  }
}

void ProtoReader::fail() {
  failed_ = true;
  unread_ = false;
  rest_ = {};
}

bool PackedVarints::next(std::uint64_t& value) {
  if (failed_ || rest_.empty()) return false;
  failed_ = !cut_varint(rest_, value);
  return !failed_;
}

void put_proto_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80U);
    value >>= 7U;
  }
  out += static_cast<char>(value);
}

void put_proto_uint(std::string& out, std::uint32_t field, std::uint64_t value) {
  put_proto_varint(out, proto_key(field, WireType::varint));
  put_proto_varint(out, value);
}

void put_proto_double(std::string& out, std::uint32_t field, double value) {
  put_proto_varint(out, proto_key(field, WireType::fixed64));
  char content[sizeof value];
  std::memcpy(content, &value, sizeof value);
  out.append(content, sizeof value);
}

void put_proto_bytes(std::string& out, std::uint32_t field, std::string_view content) {
  put_proto_head(out, field, content.size());
  out += content;
}

void put_proto_head(std::string& out, std::uint32_t field, std::size_t size) {
  put_proto_varint(out, proto_key(field, WireType::bytes));
  put_proto_varint(out, size);
}

std::size_t proto_varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

std::size_t proto_uint_size(std::uint32_t field, std::uint64_t value) {
  return proto_varint_size(proto_key(field, WireType::varint)) + proto_varint_size(value);
}

std::size_t proto_bytes_size(std::uint32_t field, std::size_t content) {
  return proto_varint_size(proto_key(field, WireType::bytes)) + proto_varint_size(content) +
         content;
}

}  // namespace volta
