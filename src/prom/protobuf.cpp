#include "prom/protobuf.hpp"

#include <bit>
#include <cstring>

namespace volta {
namespace {

constexpr std::uint64_t proto_key(std::uint32_t field, WireType type) {
  return static_cast<std::uint64_t>(field) << 3U | static_cast<std::uint64_t>(type);
}

}  // namespace

bool cut_long_varint(std::string_view& rest, std::uint64_t& value) {
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
