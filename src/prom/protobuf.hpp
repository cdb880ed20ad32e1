// Protocol Buffers' wire format by hand: the few messages of remote write and remote read need no
// library. The reader never passes its end, takes no memory, and fails once and for all at the
// first broken byte. Layout of a field: varint key = number * 8 + wire type, then a varint (0),
// 8 bytes (1), a varint length and as many bytes (2), or 4 bytes (5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volta {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Over a message that outlives it.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // Goes to the next field; what was not read of the one before is skipped, so unknown fields of
  // whatever wire type need no thought. False at the end and once failed.
  bool next();
  [[nodiscard]] std::uint32_t field() const { return field_; }
  [[nodiscard]] WireType type() const { return type_; }

  // The field's content, each to be read once per next(). Another wire type than expected is a
  // failure; 0 and "" once failed.
  std::uint64_t varint();
  std::int64_t int64() { return static_cast<std::int64_t>(varint()); }
  double real();  // fixed64, bit for bit
  std::string_view bytes();
  void skip();  // whatever it is

  [[nodiscard]] bool failed() const { return failed_; }
  // What lies behind the field that was read last; of a failed reader "".
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::uint64_t take_varint();
  std::string_view take(std::uint64_t count);
  bool expect(WireType type);
  void fail();

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
