#include "store/time_column.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace volta {
namespace {

std::uint64_t unsigned_ms(std::int64_t ms) { return static_cast<std::uint64_t>(ms); }

// The median distance, wrapping around: any step is right, and this one makes small residuals.
std::uint64_t usual_step(std::span<const std::int64_t> times_ms) {
  if (times_ms.size() < 2) return 0;
  std::vector<std::uint64_t> steps;
  for (std::size_t i = 1; i < times_ms.size(); ++i)
    steps.push_back(unsigned_ms(times_ms[i]) - unsigned_ms(times_ms[i - 1]));
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

}  // namespace

bool rises(std::span<const std::int64_t> times_ms) {
  for (std::size_t i = 1; i < times_ms.size(); ++i)
    if (times_ms[i] <= times_ms[i - 1]) return false;
  return true;
}

void TimeColumnEncoder::encode(std::span<const std::int64_t> times_ms, Bytes& out) {
  VOLTA_ASSERT(rises(times_ms));
  put_varint(out, times_ms.size());
  if (times_ms.empty()) return;
  const std::uint64_t first = unsigned_ms(times_ms.front());
  const std::uint64_t step = usual_step(times_ms);
  put_varint(out, zigzag(times_ms.front()));
  put_varint(out, step);
  residuals_.resize(times_ms.size());
  for (std::size_t i = 0; i < times_ms.size(); ++i)
    residuals_[i] = unsigned_ms(times_ms[i]) - first - i * step;
  IntegerHint unknown;
  integers_.encode(residuals_, unknown, out);
}

bool TimeColumnDecoder::decode(std::span<const std::byte> bytes, std::size_t most,
                               std::vector<std::int64_t>& times_ms) {
  ByteReader in(bytes);
  const std::uint64_t count = in.varint();
  if (in.failed() || count > most) return false;
  if (count == 0) return in.left() == 0;
  const auto first = unsigned_ms(unzigzag(in.varint()));
  const auto step = in.varint();
  if (in.failed()) return false;
  residuals_.resize(static_cast<std::size_t>(count));
  if (!integers_.decode(in.take(in.left()), residuals_)) return false;
  const std::size_t before = times_ms.size();
  times_ms.resize(before + residuals_.size());
  for (std::size_t i = 0; i < residuals_.size(); ++i)
    times_ms[before + i] = static_cast<std::int64_t>(residuals_[i] + first + i * step);
  return rises(std::span(times_ms).subspan(before));
}

}  // namespace volta
