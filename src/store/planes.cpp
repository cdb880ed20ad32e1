#include "store/planes.hpp"

#include <algorithm>

namespace volta {
namespace {

constexpr unsigned kPlanes = 8;
constexpr std::byte kZeroPlane{0};
constexpr std::byte kPlainPlane{1};
constexpr std::byte kZstdPlane{2};

}  // namespace

void PlaneEncoder::encode(std::span<const std::uint64_t> raw, Bytes& out) {
  plane_.resize(raw.size());
  for (unsigned plane = 0; plane < kPlanes; ++plane) {
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      plane_[i] = static_cast<std::byte>((raw[i] ^ before) >> (8 * plane));
      before = raw[i];
    }
    if (std::all_of(plane_.begin(), plane_.end(), [](std::byte b) { return b == std::byte{0}; })) {
      out.push_back(kZeroPlane);
      continue;
    }
    zstd_.compress(plane_, ZstdEffort::matches, frame_);
    if (frame_.size() + 3 >= plane_.size()) {
      out.push_back(kPlainPlane);
      out.insert(out.end(), plane_.begin(), plane_.end());
    } else {
      out.push_back(kZstdPlane);
      put_varint(out, frame_.size());
      out.insert(out.end(), frame_.begin(), frame_.end());
    }
  }
}

bool PlaneDecoder::decode(std::span<const std::byte> bytes, std::span<std::uint64_t> raw) {
  ByteReader in(bytes);
  std::fill(raw.begin(), raw.end(), std::uint64_t{0});
  for (unsigned plane = 0; plane < kPlanes; ++plane) {
    const auto form = in.take(1);
    if (form.empty()) return false;
    if (form[0] == kZeroPlane) continue;
    std::span<const std::byte> content;
    if (form[0] == kPlainPlane) {
      content = in.take(raw.size());
    } else if (form[0] == kZstdPlane) {
      const auto length = in.varint();
      if (length > in.left()) return false;
      if (plane_.size() < raw.size()) plane_.resize(raw.size());
      const auto room = std::span(plane_).first(raw.size());
      const auto made = zstd_.decompress(in.take(static_cast<std::size_t>(length)), room);
      if (made == raw.size()) content = room;
    }
    if (content.size() != raw.size()) return false;
    for (std::size_t i = 0; i < raw.size(); ++i)
      raw[i] |= static_cast<std::uint64_t>(content[i]) << (8 * plane);
  }
  std::uint64_t before = 0;
  for (auto& value : raw) before = value ^= before;
  return in.left() == 0;
}

}  // namespace volta
