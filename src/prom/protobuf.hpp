// Protocol Buffers' wire format by hand: the few messages of remote write and remote read need no
// library. The reader never passes its end, takes no memory, and fails once and for all at the
// first broken byte. Layout of a field: varint key = number * 8 + wire type, then a varint (0),
// 8 bytes (1), a varint length and as many bytes (2), or 4 bytes (5).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/assert.hpp"

namespace volta {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Cuts a varint off the front; false where it does not end or has more than 64 bits.
bool cut_long_varint(std::string_view& rest, std::uint64_t& value);
// Nearly all are one byte.
inline bool cut_varint(std::string_view& rest, std::uint64_t& value) {
  if (rest.empty() || static_cast<unsigned char>(rest.front()) >= 0x80) {
    return cut_long_varint(rest, value);
  }
  value = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  return true;
}

// Over a message that outlives it. In the header, since a receiver spends its time here.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // Goes to the next field; what was not read of the one before is skipped, so unknown fields of
  // whatever wire type need no thought. False at the end and once failed.
  bool next() {
    if (unread_) skip();
    if (failed_ || rest_.empty()) return false;
    const std::uint64_t key = take_varint();
    const std::uint64_t type = key & 7U;
    // Groups (3, 4) went out of use before these messages were thought of.
    constexpr unsigned kKnownTypes = 1U << 0U | 1U << 1U | 1U << 2U | 1U << 5U;
    const bool known = ((kKnownTypes >> type) & 1U) != 0;
    if (failed_ || !known || key >> 3U == 0 || key >> 3U > kMostFieldNumber) {
      fail();
      return false;
    }
    field_ = static_cast<std::uint32_t>(key >> 3U);
    type_ = static_cast<WireType>(type);
    unread_ = true;
    return true;
  }
  [[nodiscard]] std::uint32_t field() const { return field_; }
  [[nodiscard]] WireType type() const { return type_; }

  // The field's content, each to be read once per next(). Another wire type than expected is a
  // failure; 0 and "" once failed.
  std::uint64_t varint() { return expect(WireType::varint) ? take_varint() : 0; }
  std::int64_t int64() { return static_cast<std::int64_t>(varint()); }
  double real() {  // fixed64, bit for bit
    if (!expect(WireType::fixed64)) return 0;
    const std::string_view content = take(8);
    if (failed_) return 0;
    static_assert(std::endian::native == std::endian::little);
    double value = 0;
    std::memcpy(&value, content.data(), sizeof value);
    return value;
  }
  std::string_view bytes() {
    return expect(WireType::bytes) ? take(take_varint()) : std::string_view();
  }
  void skip();  // whatever it is

  [[nodiscard]] bool failed() const { return failed_; }
  // What lies behind the field that was read last; of a failed reader "".
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  static constexpr std::uint64_t kMostFieldNumber = (1U << 29U) - 1;

  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    if (cut_varint(rest_, value)) return value;
    fail();
    return 0;
  }
  std::string_view take(std::uint64_t count) {
    if (failed_ || count > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view content = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return content;
  }
  bool expect(WireType type) {
    VOLTA_ASSERT(failed_ || unread_);
    if (!failed_ && type_ != type) fail();
    unread_ = false;
    return !failed_;
  }
  void fail() {
    failed_ = true;
    unread_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  std::uint32_t field_ = 0;
  WireType type_ = WireType::varint;
  bool unread_ = false;
  bool failed_ = false;
};

// The varints of a packed field, one after the other.
class PackedVarints {
 public:
  explicit PackedVarints(std::string_view content) : rest_(content) {}
  // False at the end and once failed.
  bool next(std::uint64_t& value);
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// Appending. Nothing is left out: a caller that wants proto3's short form leaves out zeros itself.
void put_proto_varint(std::string& out, std::uint64_t value);
void put_proto_uint(std::string& out, std::uint32_t field, std::uint64_t value);
void put_proto_double(std::string& out, std::uint32_t field, double value);
void put_proto_bytes(std::string& out, std::uint32_t field, std::string_view content);
// The key and length of a field whose `size` bytes of content the caller appends next.
void put_proto_head(std::string& out, std::uint32_t field, std::size_t size);

// What they will take.
std::size_t proto_varint_size(std::uint64_t value);
std::size_t proto_uint_size(std::uint32_t field, std::uint64_t value);
std::size_t proto_bytes_size(std::uint32_t field, std::size_t content);

}  // namespace volta
