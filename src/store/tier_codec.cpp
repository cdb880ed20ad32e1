#include "store/tier_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "store/window_builder.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

enum TierPart : std::uint8_t {
  part_first = 1,
  part_count,
  part_last,
  part_min,
  part_max,
  part_increase,
  part_sum,
  part_stale
};

using Words = std::vector<std::uint64_t>;

bool is_whole(double value) {
  constexpr double kMost = 9007199254740992.0;  // 2^53
  return std::abs(value) <= kMost && std::trunc(value) == value &&
         !(value == 0 && std::signbit(value));
}

bool all_whole(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), is_whole);
}

std::uint64_t word(double whole) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(whole));
}
double from_word(std::uint64_t word) {
  return static_cast<double>(static_cast<std::int64_t>(word));
}
std::uint64_t half(std::uint64_t word) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(word) >> 1);
}

// What a window's values would add up to if they lay on a line, resp. around the middle.
std::uint64_t likely_sum_of_counter(std::uint64_t count, std::uint64_t first, std::uint64_t last) {
  return count * first + half((count - 1) * (last - first));
}
std::uint64_t likely_sum_of_gauge(std::uint64_t count, std::uint64_t min, std::uint64_t max) {
  return half(count * (min + max));
}

// Of doubles, as std::min and std::max, but the same whichever comes first.
double lesser(double a, double b) { return b < a || std::isnan(a) ? b : a; }
double greater(double a, double b) { return b > a || std::isnan(a) ? b : a; }

class Adder {
 public:
  Adder(PackWriter& writer, TierHints& hints, SeriesId series, const WindowColumn& windows)
      : writer_(writer), hints_(hints), series_(series), windows_(windows) {}

  void put(TierPart part, ValueType type, const Words& words) {
    const auto& times = part == part_first ? windows_.first_ms : windows_.last_ms;
    writer_.add({series_, static_cast<std::uint8_t>(part), type, times, words, {}}, hints_[part]);
  }
  template <typename Make>
  void put_unless_zero(TierPart part, const Make& make) {
    std::size_t zeros = 0;
    while (zeros < windows_.size() && make(zeros) == 0) ++zeros;
    if (zeros == windows_.size()) return;
    Words words(windows_.size());
    for (std::size_t i = zeros; i < words.size(); ++i) words[i] = make(i);
    put(part, ValueType::int64, words);
  }
  // Values as they are, left out where they are what a reader would guess.
  template <typename Guess>
  void put_doubles(TierPart part, const std::vector<double>& values, const Guess& guess) {
    std::size_t right = 0;
    while (right < values.size() && std::bit_cast<std::uint64_t>(values[right]) ==
                                        std::bit_cast<std::uint64_t>(guess(right))) {
      ++right;
    }
    if (right == values.size()) return;
    Words words(values.size());
    std::transform(values.begin(), values.end(), words.begin(),
                   [](double value) { return std::bit_cast<std::uint64_t>(value); });
    put(part, ValueType::float64, words);
  }

 private:
  PackWriter& writer_;
  TierHints& hints_;
  SeriesId series_;
  const WindowColumn& windows_;
};

void add_whole(Adder& add, const WindowColumn& w, bool counter) {
  Words first(w.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = word(w.first[i]) - (i == 0 ? 0 : word(w.last[i - 1]));
  }
  add.put(part_first, ValueType::int64, first);
  add.put_unless_zero(part_last, [&](std::size_t i) { return word(w.last[i]) - word(w.first[i]); });
  add.put_unless_zero(part_min, [&](std::size_t i) {
    return word(std::min(w.first[i], w.last[i])) - word(w.min[i]);
  });
  add.put_unless_zero(part_max, [&](std::size_t i) {
    return word(w.max[i]) - word(std::max(w.first[i], w.last[i]));
  });
  if (counter) {
    add.put_unless_zero(part_increase, [&](std::size_t i) {
      return word(w.increase[i]) - (word(w.last[i]) - word(w.first[i]));
    });
  }
  if (!all_whole(w.sum)) {
    // Always, as a reader takes sums that are not there for those of a line.
    Words sum(w.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = std::bit_cast<std::uint64_t>(w.sum[i]);
    add.put(part_sum, ValueType::float64, sum);
    return;
  }
  add.put_unless_zero(part_sum, [&](std::size_t i) {
    const std::uint64_t likely =
        counter ? likely_sum_of_counter(w.count[i], word(w.first[i]), word(w.last[i]))
                : likely_sum_of_gauge(w.count[i], word(w.min[i]), word(w.max[i]));
    return word(w.sum[i]) - likely;
  });
}

void add_doubles(Adder& add, const WindowColumn& w, bool counter) {
  Words first(w.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = std::bit_cast<std::uint64_t>(w.first[i]);
  }
  add.put(part_first, ValueType::float64, first);
  add.put_doubles(part_last, w.last, [&](std::size_t i) { return w.first[i]; });
  add.put_doubles(part_min, w.min, [&](std::size_t i) { return lesser(w.first[i], w.last[i]); });
  add.put_doubles(part_max, w.max, [&](std::size_t i) { return greater(w.first[i], w.last[i]); });
  if (counter) {
    add.put_doubles(part_increase, w.increase,
                    [&](std::size_t i) { return w.last[i] - w.first[i]; });
  }
  add.put_doubles(part_sum, w.sum, [&](std::size_t i) { return w.first[i] * w.count[i]; });
}

// The windows' ends from the times of their last samples; false: they do not rise.
bool put_ends(WindowColumn& w, std::int64_t step_ms) {
  w.end_ms.resize(w.last_ms.size());
  for (std::size_t i = 0; i < w.end_ms.size(); ++i) {
    const std::int64_t last = w.last_ms[i];
    if (i > 0 && last <= w.end_ms[i - 1]) return false;
    // Most follow the one before; a division for each is what takes the time.
    const std::int64_t next =
        i > 0 && w.end_ms[i - 1] < INT64_MAX - step_ms ? w.end_ms[i - 1] + step_ms : INT64_MIN;
    w.end_ms[i] = last <= next ? next : window_end_ms(last, step_ms);
  }
  return true;
}

double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }
std::int64_t as_signed(std::uint64_t word) { return static_cast<std::int64_t>(word); }

// What a part of a series holds; `there` is false where it was left out. Lives until the next read.
struct PartWords {
  bool there = false;
  ValueType type = ValueType::int64;
  std::span<const std::int64_t> times_ms;
  std::span<const std::uint64_t> words;
};

}  // namespace

// Puts the windows of one series together, part by part in the order in which they need each other.
// Loops run over one column each, several windows at a time.
class TierColumnsReader::Parts {
 public:
  Parts(PackReader& reader, std::int64_t step_ms, const WindowFields& fields)
      : reader_(reader), step_ms_(step_ms), fields_(fields) {
    // Windows that are joined need them for what a counter grew in between.
    fields_.first_and_last = fields.first_and_last || fields.increase;
  }

  // False: problem() says what is wrong.
  bool read(const OpenPack& open, SeriesId series);
  [[nodiscard]] Error problem() const { return *problem_; }
  [[nodiscard]] WindowColumn& windows() { return w_; }

 private:
  bool fail(const char* why) {
    problem_ = Error{why};
    return false;
  }
  // False: it is damaged.
  bool next(TierPart part, PartWords& out);
  bool read_head();
  bool read_whole();
  bool read_doubles();
  bool read_extremes_of_whole();
  bool read_sum_of_whole();
  bool read_increase_of_whole();
  template <typename Guess>
  bool read_double(TierPart part, std::vector<double>& out, const Guess& guess);

  PackReader& reader_;
  const std::int64_t step_ms_;
  WindowFields fields_;
  std::optional<Error> problem_;
  // Of the series that is read; the vectors keep their memory for the next one.
  const OpenPack* open_ = nullptr;
  SeriesId series_{};
  std::size_t size_ = 0;
  bool counter_ = false;
  ValueType type_ = ValueType::int64;
  Words first_;
  Words last_;
  Words min_;
  Words max_;
  Words sum_;
  WindowColumn w_;
};

bool TierColumnsReader::Parts::next(TierPart part, PartWords& out) {
  out = {};
  const PackEntry* entry = open_->pack.find(series_, part);
  if (entry == nullptr) return true;
  const auto samples = reader_.raw(open_->pack, *entry, column_bytes(*open_, *entry));
  if (!samples) {
    problem_ = samples.error();
    return false;
  }
  if (part != part_first && samples->values.size() != size_) {
    return fail("the parts of a tier's series are of different lengths");
  }
  out = {true, entry->type, samples->times_ms, samples->values};
  return true;
}

bool TierColumnsReader::Parts::read_head() {
  PartWords part;
  if (!next(part_first, part)) return false;
  size_ = part.words.size();
  type_ = part.type;
  first_.assign(part.words.begin(), part.words.end());
  w_.first_ms.assign(part.times_ms.begin(), part.times_ms.end());
  if (!next(part_count, part)) return false;
  if (!part.there) return fail("a series of a tier has no counts");
  counter_ = part.type == ValueType::uint64;
  w_.count.resize(size_);
  std::transform(part.words.begin(), part.words.end(), w_.count.begin(),
                 [](std::uint64_t word) { return static_cast<std::uint32_t>(word); });
  w_.last_ms.assign(part.times_ms.begin(), part.times_ms.end());
  for (auto* column : {&w_.first, &w_.last, &w_.min, &w_.max, &w_.sum, &w_.increase}) {
    column->assign(size_, 0);
  }
  return put_ends(w_, step_ms_) || fail("the windows of a tier's series do not rise");
}

bool TierColumnsReader::Parts::read(const OpenPack& open, SeriesId series) {
  open_ = &open;
  series_ = series;
  problem_.reset();
  clear_windows(w_);  // of the series before, or half of it, where that was damaged
  if (open.pack.find(series, part_first) == nullptr) return true;
  if (!read_head()) return false;
  if (!(type_ == ValueType::float64 ? read_doubles() : read_whole())) return false;
  PartWords stale;
  if (!next(part_stale, stale)) return false;
  w_.ends_stale.assign(size_, 0);
  std::transform(stale.words.begin(), stale.words.end(), w_.ends_stale.begin(),
                 [](std::uint64_t word) { return static_cast<std::uint8_t>(word != 0); });
  return true;
}

namespace {

void add_words(Words& sum, const PartWords& part) {
  for (std::size_t i = 0; i < part.words.size(); ++i) sum[i] += part.words[i];
}

void put_words(std::vector<double>& out, const Words& words) {
  std::transform(words.begin(), words.end(), out.begin(), from_word);
}

}  // namespace

bool TierColumnsReader::Parts::read_whole() {
  PartWords part;
  if (!next(part_last, part)) return false;
  last_.resize(size_);
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    first_[i] += before;
    last_[i] = before = first_[i] + (part.there ? part.words[i] : 0);
  }
  if (fields_.first_and_last) {
    put_words(w_.first, first_);
    put_words(w_.last, last_);
  }
  return read_extremes_of_whole() && read_sum_of_whole() && read_increase_of_whole();
}

bool TierColumnsReader::Parts::read_extremes_of_whole() {
  // Sums of gauges are told by them.
  if (!fields_.min_and_max && (!fields_.sum || counter_)) return true;
  PartWords part;
  min_.resize(size_);
  max_.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const bool rises = as_signed(first_[i]) < as_signed(last_[i]);
    min_[i] = rises ? first_[i] : last_[i];
    max_[i] = rises ? last_[i] : first_[i];
  }
  if (!next(part_min, part)) return false;
  for (std::size_t i = 0; i < part.words.size(); ++i) min_[i] -= part.words[i];
  if (!next(part_max, part)) return false;
  add_words(max_, part);
  if (!fields_.min_and_max) return true;
  put_words(w_.min, min_);
  put_words(w_.max, max_);
  return true;
}

bool TierColumnsReader::Parts::read_sum_of_whole() {
  if (!fields_.sum) return true;
  PartWords part;
  if (!next(part_sum, part)) return false;
  if (part.type == ValueType::float64) {
    std::transform(part.words.begin(), part.words.end(), w_.sum.begin(), from_bits);
    return true;
  }
  sum_.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    sum_[i] = counter_ ? likely_sum_of_counter(w_.count[i], first_[i], last_[i])
                       : likely_sum_of_gauge(w_.count[i], min_[i], max_[i]);
  }
  add_words(sum_, part);
  put_words(w_.sum, sum_);
  return true;
}

bool TierColumnsReader::Parts::read_increase_of_whole() {
  if (!fields_.increase) return true;
  if (!counter_) {
    w_.increase.assign(size_, std::nan(""));
    return true;
  }
  PartWords part;
  if (!next(part_increase, part)) return false;
  for (std::size_t i = 0; i < size_; ++i) last_[i] -= first_[i];
  add_words(last_, part);
  put_words(w_.increase, last_);
  return true;
}

template <typename Guess>
bool TierColumnsReader::Parts::read_double(TierPart part, std::vector<double>& out,
                                           const Guess& guess) {
  PartWords values;
  if (!next(part, values)) return false;
  for (std::size_t i = 0; i < size_; ++i) {
    out[i] = values.there ? from_bits(values.words[i]) : guess(i);
  }
  return true;
}

bool TierColumnsReader::Parts::read_doubles() {
  std::transform(first_.begin(), first_.end(), w_.first.begin(), from_bits);
  const auto& first = w_.first;
  const auto& last = w_.last;
  const auto low = [&](std::size_t i) { return lesser(first[i], last[i]); };
  const auto high = [&](std::size_t i) { return greater(first[i], last[i]); };
  if (!read_double(part_last, w_.last, [&](std::size_t i) { return first[i]; })) return false;
  if (fields_.min_and_max &&
      (!read_double(part_min, w_.min, low) || !read_double(part_max, w_.max, high))) {
    return false;
  }
  if (fields_.sum &&
      !read_double(part_sum, w_.sum, [&](std::size_t i) { return first[i] * w_.count[i]; })) {
    return false;
  }
  if (!fields_.increase) return true;
  if (counter_) {
    return read_double(part_increase, w_.increase,
                       [&](std::size_t i) { return last[i] - first[i]; });
  }
  w_.increase.assign(size_, std::nan(""));
  return true;
}

void add_tier_columns(PackWriter& writer, TierHints& hints, SeriesId series, Kind kind,
                      const WindowColumn& windows) {
  Adder add(writer, hints, series, windows);
  const bool counter = kind == Kind::counter;
  const bool whole = all_whole(windows.first) && all_whole(windows.last) &&
                     all_whole(windows.min) && all_whole(windows.max) &&
                     (!counter || all_whole(windows.increase));
  // Whether it is a counter is in the type: of the count's part, which is never negative.
  Words count(windows.count.begin(), windows.count.end());
  add.put(part_count, counter ? ValueType::uint64 : ValueType::int64, count);
  if (whole) {
    add_whole(add, windows, counter);
  } else {
    add_doubles(add, windows, counter);
  }
  add.put_unless_zero(part_stale,
                      [&](std::size_t i) { return std::uint64_t{windows.ends_stale[i]}; });
}

Result<WindowColumn> read_tier_columns(PackReader& reader, const OpenPack& open, SeriesId series,
                                       std::int64_t step_ms, const WindowFields& fields) {
  TierColumnsReader of_series(reader, step_ms, fields);
  if (!of_series.read(open, series)) return of_series.problem();
  return of_series.take();
}

TierColumnsReader::TierColumnsReader(PackReader& reader, std::int64_t step_ms,
                                     const WindowFields& fields)
    : parts_(std::make_unique<Parts>(reader, step_ms, fields)) {}
TierColumnsReader::~TierColumnsReader() = default;
bool TierColumnsReader::read(const OpenPack& open, SeriesId series) {
  return parts_->read(open, series);
}
const WindowColumn& TierColumnsReader::windows() const { return parts_->windows(); }
WindowColumn TierColumnsReader::take() { return std::exchange(parts_->windows(), {}); }
Error TierColumnsReader::problem() const { return parts_->problem(); }

Kind kind_of_tier_columns(const Pack& pack, SeriesId series) {
  const PackEntry* count = pack.find(series, part_count);
  return count != nullptr && count->type == ValueType::uint64 ? Kind::counter : Kind::gauge;
}

void scale_windows(WindowColumn& windows, ValueType type, std::int8_t scale,
                   const WindowFields& fields) {
  if (type == ValueType::float64 || scale == 0) return;
  // As to_double does it, so that a window's first value is the sample's to the bit.
  const double power = to_double(ValueType::int64, static_cast<std::int8_t>(-std::abs(scale)), 1);
  const auto scaled = [&](bool wanted, std::vector<double>& column) {
    if (!wanted) return;
    for (double& value : column) value = scale < 0 ? value * power : value / power;
  };
  scaled(fields.first_and_last || fields.increase, windows.first);
  scaled(fields.first_and_last || fields.increase, windows.last);
  scaled(fields.min_and_max, windows.min);
  scaled(fields.min_and_max, windows.max);
  scaled(fields.sum, windows.sum);
  scaled(fields.increase, windows.increase);
}

}  // namespace volta
