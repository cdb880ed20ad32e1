#include "store/integers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace volta {
namespace {

constexpr unsigned kZigzagBit = 4;
constexpr unsigned kDivisorBit = 8;
constexpr unsigned kStageShift = 4;
constexpr std::size_t kMiddleSample = 63;

std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }
void put_zigzag(Bytes& out, std::uint64_t value) { put_varint(out, zigzag(as_signed(value))); }

// The greatest divisor of all distances from `base`; 0 where there are none. With signs a distance
// is the shorter way there, without them the way up.
std::uint64_t common_divisor(std::span<const std::uint64_t> values, std::uint64_t base,
                             bool with_signs) {
  std::uint64_t divisor = 0;
  for (const auto value : values) {
    const std::uint64_t up = value - base;
    const std::uint64_t distance = with_signs ? std::min(up, 0 - up) : up;
    if (distance == 0) continue;
    if (divisor == 0) {
      divisor = distance;
    } else if (std::has_single_bit(divisor) ? (distance & (divisor - 1)) != 0
                                            : distance % divisor != 0) {
      divisor = std::gcd(divisor, distance);
    }
    if (divisor == 1) return 1;
  }
  return divisor;
}

// value / divisor for many values of one divisor: a shift and, where it is odd, a division.
class Divider {
 public:
  explicit Divider(std::uint64_t divisor)
      : shift_(static_cast<unsigned>(std::countr_zero(divisor))), odd_(divisor >> shift_) {}
  [[nodiscard]] std::uint64_t of(std::uint64_t value) const {
    return odd_ == 1 ? value >> shift_ : (value >> shift_) / odd_;
  }

 private:
  unsigned shift_;
  std::uint64_t odd_;
};

}  // namespace

// differences_[i] for i in [0, n - order): what the next integer is away from where it would be.
void IntegerEncoder::differentiate(std::span<const std::uint64_t> integers, unsigned order) {
  differences_.resize(integers.size() - order);
  const auto make = [&](const auto& difference) {
    for (std::size_t i = 0; i < differences_.size(); ++i) {
      differences_[i] = difference(&integers[i]);
    }
  };
  using At = const std::uint64_t*;
  if (order == 0) {
    std::copy(integers.begin(), integers.end(), differences_.begin());
  } else if (order == 1) {
    make([](At at) { return at[1] - at[0]; });
  } else {
    make([](At at) { return at[2] - at[1] - (at[1] - at[0]); });
  }
}

// Turns differences_ into numbers_. Around the middle: distances from a usual value, with a sign.
// Else: distances from the least.
IntegerEncoder::Reduced IntegerEncoder::reduce(bool around_middle) {
  Reduced reduced;
  if (around_middle) {
    sample_.clear();
    const std::size_t stride = differences_.size() / kMiddleSample + 1;
    for (std::size_t i = stride / 2; i < differences_.size(); i += stride)
      sample_.push_back(differences_[i]);
    const auto middle = sample_.begin() + static_cast<std::ptrdiff_t>(sample_.size() / 2);
    std::nth_element(sample_.begin(), middle, sample_.end(),
                     [](std::uint64_t a, std::uint64_t b) { return as_signed(a) < as_signed(b); });
    reduced.base = *middle;
  } else {
    std::int64_t least = as_signed(differences_.front());
    for (const auto difference : differences_) least = std::min(least, as_signed(difference));
    reduced.base = as_unsigned(least);
  }
  const std::uint64_t base = reduced.base;
  reduced.divisor = std::max<std::uint64_t>(common_divisor(differences_, base, around_middle), 1);
  numbers_.resize(differences_.size());
  const auto make = [&](const auto& number) {
    std::transform(differences_.begin(), differences_.end(), numbers_.begin(),
                   [&](std::uint64_t difference) { return number(difference - base); });
  };
  const Divider divider(reduced.divisor);
  if (reduced.divisor == 1 && around_middle) {
    make([](std::uint64_t there) { return zigzag(as_signed(there)); });
  } else if (reduced.divisor == 1) {
    make([](std::uint64_t there) { return there; });
  } else if (around_middle) {
    make([&](std::uint64_t there) {
      const bool below = as_signed(there) < 0;
      const std::uint64_t steps = divider.of(below ? 0 - there : there);
      return zigzag(as_signed(below ? 0 - steps : steps));
    });
  } else {
    make([&](std::uint64_t there) { return divider.of(there); });
  }
  return reduced;
}

IntegerEncoder::Shape IntegerEncoder::best_shape(std::span<const std::uint64_t> integers) {
  static constexpr std::array<Shape, 5> kShapes = {
      {{1, true}, {1, false}, {0, false}, {2, true}, {0, true}}};
  Shape best;
  double least = -1;
  for (const auto shape : kShapes) {
    if (integers.size() <= shape.order) continue;
    differentiate(integers, shape.order);
    reduce(shape.zigzag);
    const double bits = estimate_bits(numbers_);
    if (least < 0 || bits < least) {
      least = bits;
      best = shape;
    }
  }
  return best;
}

void IntegerEncoder::put(std::span<const std::uint64_t> integers, Shape shape,
                         const Reduced& reduced, IntegerHint& hint, Bytes& out) {
  const auto encoded = entropy_.encode(numbers_, hint.stage);
  hint.stage = encoded.choice;
  hint.shape = static_cast<std::uint8_t>(1 + shape.order + (shape.zigzag ? 3 : 0));
  const bool divided = reduced.divisor > 1;
  out.push_back(static_cast<std::byte>(shape.order | (shape.zigzag ? kZigzagBit : 0U) |
                                       (divided ? kDivisorBit : 0U) |
                                       (static_cast<unsigned>(encoded.stage) << kStageShift)));
  if (divided) put_varint(out, reduced.divisor);
  if (shape.order > 0) put_zigzag(out, integers[0]);
  if (shape.order > 1) put_zigzag(out, integers[1] - integers[0]);
  put_zigzag(out, reduced.base);
  out.insert(out.end(), encoded.bytes.begin(), encoded.bytes.end());
}

// A constant or a steady slope. False, and nothing written, if it is neither.
bool IntegerEncoder::put_line(std::span<const std::uint64_t> integers, Bytes& out) {
  const std::uint64_t slope = integers.size() > 1 ? integers[1] - integers[0] : 0;
  for (std::size_t i = 1; i < integers.size(); ++i)
    if (integers[i] - integers[i - 1] != slope) return false;
  out.push_back(static_cast<std::byte>(slope == 0 ? 0U : 1U));
  put_zigzag(out, integers[0]);
  if (slope != 0) put_zigzag(out, slope);
  return true;
}

void IntegerEncoder::encode(std::span<const std::uint64_t> integers, IntegerHint& hint,
                            Bytes& out) {
  if (integers.empty() || put_line(integers, out)) return;
  Shape shape{(hint.shape - 1U) % 3, hint.shape > 3};
  if (hint.shape == 0 || hint.shape > 6 || integers.size() <= shape.order) {
    shape = best_shape(integers);
    hint.stage = StageChoice::any;
  }
  differentiate(integers, shape.order);
  const Reduced reduced = reduce(shape.zigzag);
  put(integers, shape, reduced, hint, out);
}

namespace {

// d = base + divisor * u, in place.
void widen(std::span<std::uint64_t> numbers, bool signs, std::uint64_t base,
           std::uint64_t divisor) {
  if (signs) {
    for (auto& number : numbers) number = as_unsigned(unzigzag(number));
  }
  if (divisor != 1) {
    for (auto& number : numbers) number *= divisor;
  }
  if (base != 0) {
    for (auto& number : numbers) number += base;
  }
}

// Differences of order 1 as they are stored, from integers[1] on, become integers; the first is
// there.
void sum_up(std::span<std::uint64_t> integers, bool signs, std::uint64_t base,
            std::uint64_t divisor) {
  const auto all = [&](const auto& difference) {
    std::uint64_t sum = integers[0];
    for (auto& integer : integers.subspan(1)) integer = sum += base + difference(integer);
  };
  const auto signed_number = [](std::uint64_t number) { return as_unsigned(unzigzag(number)); };
  if (signs && divisor == 1) {
    all(signed_number);
  } else if (signs) {
    all([&](std::uint64_t number) { return divisor * signed_number(number); });
  } else if (divisor == 1) {
    all([](std::uint64_t number) { return number; });
  } else {
    all([&](std::uint64_t number) { return divisor * number; });
  }
}

// Differences of order 2, from integers[2] on, become integers; the first two are there.
void sum_up_twice(std::span<std::uint64_t> integers) {
  std::uint64_t sum = integers[1];
  std::uint64_t slope = integers[1] - integers[0];
  for (auto& integer : integers.subspan(2)) {
    slope += integer;
    integer = sum += slope;
  }
}

void fill_line(std::span<std::uint64_t> integers, std::uint64_t first, std::uint64_t slope) {
  if (slope == 0) {
    std::fill(integers.begin(), integers.end(), first);
    return;
  }
  for (std::size_t i = 0; i < integers.size(); ++i) integers[i] = first + i * slope;
}

}  // namespace

bool IntegerDecoder::decode(std::span<const std::byte> bytes, std::span<std::uint64_t> integers) {
  if (integers.empty()) return bytes.empty();
  ByteReader in(bytes);
  const auto head_byte = in.take(1);
  if (head_byte.empty()) return false;
  const auto head = static_cast<unsigned>(head_byte[0]);
  const unsigned order = head & 3U;
  const unsigned stage = head >> kStageShift;
  if (order > 2 || stage > 3 || integers.size() <= order) return false;
  const std::uint64_t divisor = (head & kDivisorBit) != 0 ? in.varint() : 1;
  const auto first = order > 0 ? as_unsigned(unzigzag(in.varint())) : 0;
  const auto slope = order > 1 ? as_unsigned(unzigzag(in.varint())) : 0;
  const auto base = as_unsigned(unzigzag(in.varint()));
  if (in.failed()) return false;
  const auto numbers = integers.subspan(order);
  if (stage == 0 && order < 2) {
    fill_line(integers, order == 0 ? base : first, order == 0 ? 0 : base);
    return in.left() == 0;
  }
  if (!entropy_.decode(stage, in.take(in.left()), numbers)) return false;
  const bool signs = (head & kZigzagBit) != 0;
  if (order > 0) integers[0] = first;
  if (order == 1) {
    sum_up(integers, signs, base, divisor);
    return true;
  }
  widen(numbers, signs, base, divisor);
  if (order == 2) {
    integers[1] = first + slope;
    sum_up_twice(integers);
  }
  return true;
}

}  // namespace volta
