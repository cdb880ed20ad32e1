#include "store/tier_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "store/window_builder.hpp"

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
    Words words(windows_.size());
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = make(i);
    if (std::any_of(words.begin(), words.end(), [](std::uint64_t word) { return word != 0; })) {
      put(part, ValueType::int64, words);
    }
  }
  // Values as they are, left out where they are what a reader would guess.
  template <typename Guess>
  void put_doubles(TierPart part, const std::vector<double>& values, const Guess& guess) {
    Words words(values.size());
    bool as_guessed = true;
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] = std::bit_cast<std::uint64_t>(values[i]);
      as_guessed = as_guessed && words[i] == std::bit_cast<std::uint64_t>(guess(i));
    }
    if (!as_guessed) put(part, ValueType::float64, words);
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

// The words of one part of a series.
struct TierWords {
  bool there = false;
  ValueType type = ValueType::int64;
  Words words;
};

// `times_ms`: where the part's times are wanted too.
Result<TierWords> read_part(PackReader& reader, const OpenPack& open, SeriesId series,
                            TierPart part, std::vector<std::int64_t>* times_ms) {
  TierWords out;
  const PackEntry* entry = open.pack.find(series, part);
  if (entry == nullptr) return out;
  const auto samples = reader.raw(open.pack, *entry, column_bytes(open, *entry));
  if (!samples) return samples.error();
  out.there = true;
  out.type = entry->type;
  out.words.assign(samples->values.begin(), samples->values.end());
  if (times_ms != nullptr) times_ms->assign(samples->times_ms.begin(), samples->times_ms.end());
  return out;
}

// The parts of one series while its windows are put together.
struct TierParts {
  TierWords first, count, last, min, max, increase, sum, stale;
};

double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }

std::int64_t as_signed(std::uint64_t word) { return static_cast<std::int64_t>(word); }

void add_words(Words& sum, const TierWords& part) {
  if (!part.there) return;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part.words[i];
}

void put_words(std::vector<double>& out, const Words& words) {
  out.resize(words.size());
  std::transform(words.begin(), words.end(), out.begin(), from_word);
}

// Parts one after the other, in loops that a processor runs several windows of at a time.
void read_whole(WindowColumn& w, TierParts& parts, bool counter) {
  const std::size_t size = parts.first.words.size();
  Words& first = parts.first.words;
  Words last(size);
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < size; ++i) {
    first[i] += before;
    last[i] = before = first[i] + (parts.last.there ? parts.last.words[i] : 0);
  }
  Words min(size);
  Words max(size);
  Words sum(size);
  for (std::size_t i = 0; i < size; ++i) {
    const bool rises = as_signed(first[i]) < as_signed(last[i]);
    min[i] = rises ? first[i] : last[i];
    max[i] = rises ? last[i] : first[i];
  }
  if (parts.min.there) {
    for (std::size_t i = 0; i < size; ++i) min[i] -= parts.min.words[i];
  }
  add_words(max, parts.max);
  const Words& count = parts.count.words;
  for (std::size_t i = 0; i < size; ++i) {
    sum[i] = counter ? likely_sum_of_counter(count[i], first[i], last[i])
                     : likely_sum_of_gauge(count[i], min[i], max[i]);
  }
  put_words(w.first, first);
  put_words(w.last, last);
  put_words(w.min, min);
  put_words(w.max, max);
  if (counter) {
    for (std::size_t i = 0; i < size; ++i) last[i] -= first[i];
    add_words(last, parts.increase);
    put_words(w.increase, last);
  } else {
    w.increase.assign(size, std::nan(""));
  }
  if (parts.sum.there && parts.sum.type == ValueType::float64) {
    w.sum.resize(size);
    std::transform(parts.sum.words.begin(), parts.sum.words.end(), w.sum.begin(), from_bits);
  } else {
    add_words(sum, parts.sum);
    put_words(w.sum, sum);
  }
}

void read_doubles(WindowColumn& w, const TierParts& parts, bool counter) {
  const std::size_t size = parts.first.words.size();
  const auto fill = [&](std::vector<double>& out, const TierWords& part, const auto& guess) {
    out.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      out[i] = part.there ? from_bits(part.words[i]) : guess(i);
    }
  };
  fill(w.first, parts.first, [](std::size_t) { return 0.0; });
  fill(w.last, parts.last, [&](std::size_t i) { return w.first[i]; });
  fill(w.min, parts.min, [&](std::size_t i) { return lesser(w.first[i], w.last[i]); });
  fill(w.max, parts.max, [&](std::size_t i) { return greater(w.first[i], w.last[i]); });
  if (counter) {
    fill(w.increase, parts.increase, [&](std::size_t i) { return w.last[i] - w.first[i]; });
  } else {
    w.increase.assign(size, std::nan(""));
  }
  fill(w.sum, parts.sum,
       [&](std::size_t i) { return w.first[i] * static_cast<double>(parts.count.words[i]); });
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

}  // namespace

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
                                       std::int64_t step_ms) {
  WindowColumn out;
  if (open.pack.find(series, part_first) == nullptr) return out;
  TierParts parts;
  const std::array<std::pair<TierPart, TierWords*>, 8> all{{{part_first, &parts.first},
                                                            {part_count, &parts.count},
                                                            {part_last, &parts.last},
                                                            {part_min, &parts.min},
                                                            {part_max, &parts.max},
                                                            {part_increase, &parts.increase},
                                                            {part_sum, &parts.sum},
                                                            {part_stale, &parts.stale}}};
  for (const auto& [part, words] : all) {
    auto* times_ms = part == part_first   ? &out.first_ms
                     : part == part_count ? &out.last_ms
                                          : nullptr;
    auto read = read_part(reader, open, series, part, times_ms);
    if (!read) return read.error();
    *words = std::move(*read);
    if (words->there && words->words.size() != parts.first.words.size()) {
      return Error{"the parts of a tier's series are of different lengths"};
    }
  }
  if (!parts.count.there) return Error{"a series of a tier has no counts"};
  if (!put_ends(out, step_ms)) return Error{"the windows of a tier's series do not rise"};
  const bool counter = parts.count.type == ValueType::uint64;
  if (parts.first.type == ValueType::float64) {
    read_doubles(out, parts, counter);
  } else {
    read_whole(out, parts, counter);
  }
  out.count.assign(parts.count.words.size(), 0);
  std::transform(parts.count.words.begin(), parts.count.words.end(), out.count.begin(),
                 [](std::uint64_t word) { return static_cast<std::uint32_t>(word); });
  out.ends_stale.assign(out.count.size(), 0);
  if (parts.stale.there) {
    std::transform(parts.stale.words.begin(), parts.stale.words.end(), out.ends_stale.begin(),
                   [](std::uint64_t word) { return static_cast<std::uint8_t>(word != 0); });
  }
  return out;
}

Kind kind_of_tier_columns(const Pack& pack, SeriesId series) {
  const PackEntry* count = pack.find(series, part_count);
  return count != nullptr && count->type == ValueType::uint64 ? Kind::counter : Kind::gauge;
}

void scale_windows(WindowColumn& windows, ValueType type, std::int8_t scale) {
  if (type == ValueType::float64 || scale == 0) return;
  // As to_double does it, so that a window's first value is the sample's to the bit.
  const double power = to_double(ValueType::int64, static_cast<std::int8_t>(-std::abs(scale)), 1);
  for (auto* column : {&windows.first, &windows.last, &windows.min, &windows.max, &windows.sum,
                       &windows.increase}) {
    for (double& value : *column) value = scale < 0 ? value * power : value / power;
  }
}

}  // namespace volta
