#include "store/column_codec.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "base/assert.hpp"
#include "store/float_modes.hpp"
#include "store/integers.hpp"
#include "store/planes.hpp"
#include "store/presence.hpp"

namespace volta {
namespace {

enum class ColumnForm : std::uint8_t { empty = 0, constant = 1, integers = 2, planes = 3 };
constexpr unsigned kFormMask = 7;
constexpr unsigned kGapsBit = 8;
constexpr unsigned kExceptionsBit = 16;
constexpr std::size_t kRawBytes = 8;
// Columns of a series between two trials of everything: machines change what they do by the hour.
constexpr std::uint8_t kHintColumns = 16;

void put_raw(Bytes& out, std::uint64_t raw) {
  for (unsigned byte = 0; byte < kRawBytes; ++byte)
    out.push_back(static_cast<std::byte>(raw >> (8 * byte)));
}

std::uint64_t raw_of(std::span<const std::byte> bytes) {
  std::uint64_t raw = 0;
  for (std::size_t byte = 0; byte < kRawBytes; ++byte)
    raw |= static_cast<std::uint64_t>(bytes[byte]) << (8 * byte);
  return raw;
}

std::byte form_byte(ColumnForm form, bool gaps, bool exceptions = false) {
  return static_cast<std::byte>(static_cast<unsigned>(form) | (gaps ? kGapsBit : 0U) |
                                (exceptions ? kExceptionsBit : 0U));
}

std::byte mode_byte(FloatMode mode) {
  return static_cast<std::byte>(mode.mode | static_cast<unsigned>(mode.exponent) << 4U);
}

void put_exceptions(std::span<const FloatException> exceptions, Bytes& out) {
  put_varint(out, exceptions.size());
  std::uint32_t next = 0;
  for (const auto& exception : exceptions) {
    put_varint(out, exception.position - next);
    put_raw(out, exception.bits);
    next = exception.position + 1;
  }
}

bool read_exceptions(ByteReader& in, std::size_t values, std::vector<FloatException>& exceptions) {
  exceptions.clear();
  const auto count = in.varint();
  if (in.failed() || count == 0 || count > values || count > in.left() / (1 + kRawBytes))
    return false;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto distance = in.varint();
    const auto raw = in.take(kRawBytes);
    if (in.failed() || distance >= values - next) return false;
    exceptions.push_back({static_cast<std::uint32_t>(next + distance), raw_of(raw)});
    next += distance + 1;
  }
  return true;
}

}  // namespace

// Encoding. The bytes of a column are first byte, gaps, content.
struct ColumnEncoder::Work {
  IntegerEncoder integers;
  PlaneEncoder planes;
  FloatModeEncoder modes;
  std::vector<std::uint64_t> values;  // without the gaps
  Bytes gaps;
  Bytes attempt;

  std::span<const std::uint64_t> without_gaps(const ColumnView& column);
  void put_head(ColumnForm form, bool exceptions, Bytes& out) const;
  void put_integers(std::span<const std::uint64_t> raw, ColumnHint& hint, Bytes& out);
  void put_doubles(std::span<const std::uint64_t> raw, ColumnHint& hint, Bytes& out);
  void put_mode(std::span<const std::uint64_t> raw, FloatMode mode, ColumnHint& hint, Bytes& out);
};

std::span<const std::uint64_t> ColumnEncoder::Work::without_gaps(const ColumnView& column) {
  gaps.clear();
  if (std::find(column.present.begin(), column.present.end(), 0) == column.present.end())
    return column.raw;
  put_presence(column.present, gaps);
  values.clear();
  for (std::size_t i = 0; i < column.raw.size(); ++i)
    if (column.present[i] != 0) values.push_back(column.raw[i]);
  return values;
}

void ColumnEncoder::Work::put_head(ColumnForm form, bool exceptions, Bytes& out) const {
  out.push_back(form_byte(form, !gaps.empty(), exceptions));
  out.insert(out.end(), gaps.begin(), gaps.end());
}

void ColumnEncoder::Work::put_integers(std::span<const std::uint64_t> raw, ColumnHint& hint,
                                       Bytes& out) {
  IntegerHint known{hint.shape, static_cast<StageChoice>(hint.stage % kStageChoices)};
  integers.encode(raw, known, out);
  hint.shape = known.shape;
  hint.stage = static_cast<std::uint8_t>(known.stage);
}

// The values as integers of the mode that is applied in `modes`.
void ColumnEncoder::Work::put_mode(std::span<const std::uint64_t> raw, FloatMode mode,
                                   ColumnHint& hint, Bytes& out) {
  const auto exceptions = modes.exceptions();
  put_head(ColumnForm::integers, !exceptions.empty(), out);
  if (!exceptions.empty()) put_exceptions(exceptions, out);
  out.push_back(mode_byte(mode));
  put_integers(mode.mode == 0 ? raw : modes.integers(), hint, out);
  hint.mode = mode.mode;
  hint.exponent = mode.exponent;
}

void ColumnEncoder::Work::put_doubles(std::span<const std::uint64_t> raw, ColumnHint& hint,
                                      Bytes& out) {
  FloatMode mode{hint.mode, hint.exponent};
  const bool known = hint.age > 0 && mode.mode != 0 && is_float_mode(mode);
  if (known && modes.apply(raw, mode)) {
    put_mode(raw, mode, hint, out);
    return;
  }
  if (modes.find(raw, mode)) {
    if (!(mode == FloatMode{hint.mode, hint.exponent})) hint.shape = 0;
    put_mode(raw, mode, hint, out);
    return;
  }
  // True doubles: either the bits make integers of small differences, or the planes are smaller.
  const std::size_t start = out.size();
  modes.apply({}, FloatMode{});
  put_mode(raw, FloatMode{}, hint, out);
  attempt.clear();
  planes.encode(raw, attempt);
  if (attempt.size() + 1 + gaps.size() >= out.size() - start) return;
  out.resize(start);
  put_head(ColumnForm::planes, false, out);
  out.insert(out.end(), attempt.begin(), attempt.end());
}

ColumnEncoder::ColumnEncoder() : work_(std::make_unique<Work>()) {}
ColumnEncoder::~ColumnEncoder() = default;
ColumnEncoder::ColumnEncoder(ColumnEncoder&&) noexcept = default;
ColumnEncoder& ColumnEncoder::operator=(ColumnEncoder&&) noexcept = default;

void ColumnEncoder::encode(const ColumnView& column, ColumnHint& hint, Bytes& out) {
  VOLTA_ASSERT(column.raw.size() <= kMostColumnTicks);
  VOLTA_ASSERT(column.present.empty() || column.present.size() == column.raw.size());
  const std::size_t start = out.size();
  const auto raw = work_->without_gaps(column);
  const auto length = static_cast<std::uint8_t>(std::bit_width(raw.size()));
  // What a few samples liked says little about many.
  if (length > hint.length) hint.age = 0;
  if (hint.age == 0) hint.shape = hint.stage = 0;
  if (raw.empty()) {
    work_->put_head(ColumnForm::empty, false, out);
    return;
  }
  const bool constant = std::all_of(raw.begin() + 1, raw.end(),
                                    [&](std::uint64_t value) { return value == raw.front(); });
  if (constant) {
    // It says nothing about the columns to come. One integer is written as many equal ones are.
    ColumnHint unused;
    if (column.type == ValueType::float64) {
      FloatMode mode;
      if (!work_->modes.find(raw.first(1), mode)) work_->modes.apply(raw.first(1), mode);
      work_->put_mode(raw.first(1), mode, unused, out);
    } else {
      work_->put_head(ColumnForm::integers, false, out);
      work_->put_integers(raw.first(1), unused, out);
    }
    const std::size_t plain = 1 + work_->gaps.size() + kRawBytes;
    if (out.size() - start <= plain) return;
    out.resize(start);
    work_->put_head(ColumnForm::constant, false, out);
    put_raw(out, raw.front());
    return;
  }
  if (column.type == ValueType::float64) {
    work_->put_doubles(raw, hint, out);
  } else {
    work_->put_head(ColumnForm::integers, false, out);
    work_->put_integers(raw, hint, out);
  }
  if (hint.age == 0) hint.length = length;
  hint.age = hint.age == 0 ? kHintColumns : static_cast<std::uint8_t>(hint.age - 1);
}

// Decoding.
struct ColumnDecoder::Work {
  IntegerDecoder integers;
  PlaneDecoder planes;
  std::vector<std::uint64_t> values;
  std::vector<double> doubles;
  std::vector<std::uint32_t> ticks;
  std::vector<FloatException> exceptions;
  // Of the column that was read last.
  std::size_t count = 0;
  bool gaps = false;
  FloatMode mode;  // `values` are its integers

  const char* read(std::span<const std::byte> bytes, ValueType type, std::size_t all_ticks);
  const char* read_content(ByteReader& in, unsigned first, ValueType type);
  // The values of the column that was read; `out` has room for just them.
  KnownValues to_doubles(ValueType type, std::int8_t scale, std::span<double> out);
  [[nodiscard]] std::span<const std::uint32_t> value_ticks() const {
    return gaps ? std::span<const std::uint32_t>(ticks) : std::span<const std::uint32_t>();
  }
};

// Fills `values`, `mode`, `exceptions`, `ticks`. Null or what is wrong.
const char* ColumnDecoder::Work::read(std::span<const std::byte> bytes, ValueType type,
                                      std::size_t all_ticks) {
  mode = {};
  exceptions.clear();
  if (all_ticks > kMostColumnTicks || bytes.size() > kMostColumnBytes) return "it is too large";
  ByteReader in(bytes);
  const auto first_byte = in.take(1);
  if (first_byte.empty()) return "it has no bytes";
  const auto first = static_cast<unsigned>(first_byte[0]);
  if (first >= 2 * kExceptionsBit) return "its kind is unknown";
  gaps = (first & kGapsBit) != 0;
  count = all_ticks;
  if (gaps) {
    if (!read_presence(in, all_ticks, ticks)) return "its gaps do not fit its ticks";
    count = ticks.size();
  }
  // Grows to the largest column and stays.
  if (values.size() < count) values.resize(count);
  return read_content(in, first, type);
}

const char* ColumnDecoder::Work::read_content(ByteReader& in, unsigned first, ValueType type) {
  const auto kind = first & kFormMask;
  const auto out = std::span(values).first(count);
  const bool with_exceptions = (first & kExceptionsBit) != 0;
  if (with_exceptions && (kind != static_cast<unsigned>(ColumnForm::integers) ||
                          !read_exceptions(in, count, exceptions)))
    return "its exceptions are broken";
  switch (kind) {
    case static_cast<unsigned>(ColumnForm::empty):
      return count == 0 && in.left() == 0 ? nullptr : "it lacks values";
    case static_cast<unsigned>(ColumnForm::constant): {
      if (in.left() != kRawBytes) return "its constant is broken";
      std::fill(out.begin(), out.end(), raw_of(in.take(kRawBytes)));
      return nullptr;
    }
    case static_cast<unsigned>(ColumnForm::integers): {
      if (type == ValueType::float64) {
        const auto byte = in.take(1);
        if (byte.empty()) return "its mode is missing";
        mode = {static_cast<std::uint8_t>(static_cast<unsigned>(byte[0]) & 15U),
                static_cast<std::uint8_t>(static_cast<unsigned>(byte[0]) >> 4U)};
        if (!is_float_mode(mode)) return "its mode is unknown";
      }
      return integers.decode(in.take(in.left()), out) ? nullptr : "its integers are broken";
    }
    case static_cast<unsigned>(ColumnForm::planes):
      return planes.decode(in.take(in.left()), out) ? nullptr : "its planes are broken";
    default:
      return "its kind is unknown";
  }
}

namespace {

Error broken_column(const char* why) {
  return Error{std::string("a column of the store is broken: ") + why};
}

// Integers of less than 51 bits become doubles by one addition and one subtraction, which
// processors do for several at once: 1.5 * 2^52 has its units in its lowest bit.
constexpr double kUnitsInLowestBit = 0x1.8p52;
constexpr std::uint64_t kSmallRange = std::uint64_t{1} << 51U;

[[gnu::always_inline]] inline bool are_small(ValueType type, std::span<const std::uint64_t> raw) {
  std::uint64_t high = 0;
  if (type == ValueType::uint64) {
    for (const std::uint64_t bits : raw) high |= bits;
    return high < kSmallRange;
  }
  for (const std::uint64_t bits : raw) high |= bits + kSmallRange;
  return high < 2 * kSmallRange;
}

// Of small integers: a difference has a sign of its own.
[[gnu::always_inline]] inline bool never_fall(std::span<const std::uint64_t> raw) {
  std::uint64_t falls = 0;
  for (std::size_t i = 1; i < raw.size(); ++i) falls |= raw[i] - raw[i - 1];
  return (falls >> 63U) == 0;
}

// integer / factor as the division rounds it, for |integer| < 2^51 and a factor of 10^k, k <= 18,
// on processors that multiply and add in one step, which takes them a fifth of a division's time.
// The first quotient is off by two units in its last place at most. Hence `rest` is exact: it is a
// multiple of 2^k times that unit, and less than 2^53 of them. So what is rounded at the end
// differs from the quotient by less than 2^-51 units, while a quotient that is not halfway between
// two doubles is 1 / (2 * 5^k) > 2^-43 units or more away from there; and none is halfway, for then
// the integer would have 54 bits.
[[gnu::always_inline]] inline double divided(double integer, double factor, double reciprocal) {
  const double quotient = integer * reciprocal;
  const double rest = __builtin_fma(-quotient, factor, integer);
  return __builtin_fma(rest, reciprocal, quotient);
}

template <typename AsDouble>
[[gnu::always_inline]] inline void integers_to_doubles(std::span<const std::uint64_t> raw,
                                                       double factor, bool multiply,
                                                       std::span<double> out,
                                                       const AsDouble& as_double) {
  if (factor == 1) {
    for (std::size_t i = 0; i < raw.size(); ++i) out[i] = as_double(raw[i]);
  } else if (multiply) {
    for (std::size_t i = 0; i < raw.size(); ++i) out[i] = as_double(raw[i]) * factor;
  } else {
    for (std::size_t i = 0; i < raw.size(); ++i) out[i] = as_double(raw[i]) / factor;
  }
}

// As to_double(type, scale, raw) of model/metric.hpp, for many. Whether they fall is looked at
// where it is cheap, while they are integers: scaling keeps the order.
template <bool kFused>
[[gnu::always_inline]] inline KnownValues scaled_doubles_inline(ValueType type, std::int8_t scale,
                                                                std::span<const std::uint64_t> raw,
                                                                std::span<double> out) {
  // What one unit of the raw value is to_double's own power of ten.
  const double factor =
      to_double(ValueType::int64, static_cast<std::int8_t>(scale < 0 ? scale : -scale), 1);
  const bool multiply = scale < 0;
  const bool small = are_small(type, raw);
  const auto small_as_double = [](std::uint64_t bits) {
    constexpr auto kMiddle = std::bit_cast<std::uint64_t>(kUnitsInLowestBit);
    return std::bit_cast<double>(bits + kMiddle) - kUnitsInLowestBit;
  };
  if (small && kFused && !multiply && factor != 1) {
    const double reciprocal = 1 / factor;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      out[i] = divided(small_as_double(raw[i]), factor, reciprocal);
    }
  } else if (small) {
    integers_to_doubles(raw, factor, multiply, out, small_as_double);
  } else if (type == ValueType::uint64) {
    integers_to_doubles(raw, factor, multiply, out,
                        [](std::uint64_t bits) { return static_cast<double>(bits); });
  } else {
    integers_to_doubles(raw, factor, multiply, out, [](std::uint64_t bits) {
      return static_cast<double>(static_cast<std::int64_t>(bits));
    });
  }
  return {true, small && never_fall(raw)};
}

#if defined(__x86_64__)
// Registers of twice the width, and no division: results are the same.
[[gnu::target("avx2,fma")]] KnownValues scaled_doubles_by_fours(ValueType type, std::int8_t scale,
                                                                std::span<const std::uint64_t> raw,
                                                                std::span<double> out) {
  return scaled_doubles_inline<true>(type, scale, raw, out);
}
bool has_fours() {
  static const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return has;
}
#else
KnownValues scaled_doubles_by_fours(ValueType type, std::int8_t scale,
                                    std::span<const std::uint64_t> raw, std::span<double> out) {
  return scaled_doubles_inline<false>(type, scale, raw, out);
}
bool has_fours() { return false; }
#endif

KnownValues scaled_doubles(ValueType type, std::int8_t scale, std::span<const std::uint64_t> raw,
                           std::span<double> out) {
  if (has_fours()) return scaled_doubles_by_fours(type, scale, raw, out);
  return scaled_doubles_inline<false>(type, scale, raw, out);
}

}  // namespace

KnownValues ColumnDecoder::Work::to_doubles(ValueType type, std::int8_t scale,
                                            std::span<double> out) {
  const auto raw = std::span(values).first(count);
  if (type == ValueType::float64) {
    float_values(mode, raw, out);
    for (const auto& exception : exceptions)
      out[exception.position] = std::bit_cast<double>(exception.bits);
    return {};
  }
  for (const auto& exception : exceptions) raw[exception.position] = exception.bits;
  return scaled_doubles(type, scale, raw, out);
}

ColumnDecoder::ColumnDecoder() : work_(std::make_unique<Work>()) {}
ColumnDecoder::~ColumnDecoder() = default;
ColumnDecoder::ColumnDecoder(ColumnDecoder&&) noexcept = default;
ColumnDecoder& ColumnDecoder::operator=(ColumnDecoder&&) noexcept = default;

Result<DecodedColumn> ColumnDecoder::decode(std::span<const std::byte> bytes, ValueType type,
                                            std::size_t ticks) {
  Work& work = *work_;
  if (const char* why = work.read(bytes, type, ticks)) return broken_column(why);
  const auto values = std::span(work.values).first(work.count);
  float_values(work.mode, values, values);
  for (const auto& exception : work.exceptions) values[exception.position] = exception.bits;
  return DecodedColumn{values, work.value_ticks()};
}

Result<DecodedDoubles> ColumnDecoder::decode_doubles(std::span<const std::byte> bytes,
                                                     ValueType type, std::int8_t scale,
                                                     std::size_t ticks) {
  Work& work = *work_;
  if (const char* why = work.read(bytes, type, ticks)) return broken_column(why);
  if (work.doubles.size() < work.count) work.doubles.resize(work.count);
  const auto doubles = std::span(work.doubles).first(work.count);
  work.to_doubles(type, scale, doubles);
  return DecodedDoubles{doubles, work.value_ticks()};
}

Result<AppendedDoubles> ColumnDecoder::append_doubles(std::span<const std::byte> bytes,
                                                      ValueType type, std::int8_t scale,
                                                      std::size_t ticks, UnfilledDoubles& out) {
  Work& work = *work_;
  if (const char* why = work.read(bytes, type, ticks)) return broken_column(why);
  const std::size_t before = out.size();
  out.resize(before + work.count);
  const KnownValues known = work.to_doubles(type, scale, std::span(out).subspan(before));
  return AppendedDoubles{work.value_ticks(), known};
}

}  // namespace volta
