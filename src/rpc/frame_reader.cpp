#include "rpc/frame_reader.hpp"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace volta::rpc {
namespace {

constexpr std::size_t kCapnpWord = sizeof(capnp::word);

constexpr std::size_t table_bytes(std::size_t segments) { return (4 + 4 * segments + 7) / 8 * 8; }
static_assert(table_bytes(kMostSegments) == 4 + 4 * kMostSegments);

}  // namespace

// Little-endian u32.
std::uint32_t FrameReader::table_entry(std::size_t index) const {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    value |= std::to_integer<std::uint32_t>(table_[4 * index + i]) << 8U * i;
  }
  return value;
}

std::size_t FrameReader::room_end() const {
  switch (stage_) {
    case Stage::first_word:
      return kCapnpWord;
    case Stage::table:
      return table_bytes(segments_);
    default:
      return body_.size() * kCapnpWord;
  }
}

std::span<std::byte> FrameReader::room() {
  if (stage_ == Stage::body) {
    auto bytes = body_.asPtr().asBytes();
    return std::as_writable_bytes(std::span(bytes.begin(), bytes.size())).subspan(filled_);
  }
  return std::span(table_).first(room_end()).subspan(filled_);
}

Result<std::size_t> FrameReader::feed(std::span<const std::byte> in) {
  std::size_t consumed = 0;
  while (!complete()) {
    const auto out = room();
    const auto progress = unpacker_.unpack(in.subspan(consumed), out);
    consumed += progress.consumed;
    filled_ += progress.produced;
    if (progress.produced < out.size() || unpacker_.owes_count()) break;  // all of `in` is used
    if (const auto checked = advance(); !checked) return checked.error();
  }
  return consumed;
}

// The current stage has all its bytes: checks them and begins the next.
Result<void> FrameReader::advance() {
  if (stage_ == Stage::first_word) {
    const std::uint32_t count_minus_one = table_entry(0);
    if (count_minus_one >= kMostSegments) return Error{"a message has 64 segments or more"};
    segments_ = count_minus_one + 1;
    stage_ = Stage::table;
    return {};
  }
  if (stage_ == Stage::table) {
    std::uint64_t words = 0;
    for (std::size_t i = 0; i < segments_; ++i) words += table_entry(1 + i);
    if (words > largest_bytes_ / kCapnpWord) {
      return Error{fmt::format("a message of {} bytes is larger than {}", words * kCapnpWord,
                               largest_bytes_)};
    }
    body_ = kj::heapArray<capnp::word>(words);
    filled_ = 0;
    stage_ = Stage::body;
    return {};
  }
  if (!unpacker_.at_boundary()) return Error{"packed bytes go on beyond the end of their message"};
  stage_ = Stage::complete;
  return {};
}

kj::Own<capnp::MessageReader> FrameReader::take(capnp::ReaderOptions options) {
  VOLTA_ASSERT(complete());
  auto segments = kj::heapArrayBuilder<kj::ArrayPtr<const capnp::word>>(segments_);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < segments_; ++i) {
    const std::size_t end = begin + table_entry(1 + i);
    segments.add(body_.slice(begin, end).asConst());
    begin = end;
  }
  auto list = segments.finish();
  auto reader = kj::heap<capnp::SegmentArrayMessageReader>(list.asPtr(), options);
  stage_ = Stage::first_word;
  filled_ = 0;
  return reader.attach(kj::mv(list), kj::mv(body_));
}

}  // namespace volta::rpc
