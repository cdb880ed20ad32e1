#include "store/tier_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

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
std::uint64_t likely_sum(bool counter, std::uint64_t count, double first, double last, double min,
                         double max) {
  if (counter) return count * word(first) + half((count - 1) * (word(last) - word(first)));
  return half(count * (word(min) + word(max)));
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
    return word(w.sum[i]) -
           likely_sum(counter, w.count[i], w.first[i], w.last[i], w.min[i], w.max[i]);
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

// The words of one part of a series, and their times.
struct TierWords {
  bool there = false;
  ValueType type = ValueType::int64;
  std::vector<std::int64_t> times_ms;
  Words words;
};

Result<TierWords> read_part(PackReader& reader, const OpenPack& open, SeriesId series,
                            TierPart part) {
  TierWords out;
  const PackEntry* entry = open.pack.find(series, part);
  if (entry == nullptr) return out;
  const auto samples = reader.raw(open.pack, *entry, column_bytes(open, *entry));
  if (!samples) return samples.error();
  out.there = true;
  out.type = entry->type;
  out.times_ms.assign(samples->times_ms.begin(), samples->times_ms.end());
  out.words.assign(samples->values.begin(), samples->values.end());
  return out;
}

// The parts of one series while its windows are put together.
struct TierParts {
  TierWords first, count, last, min, max, increase, sum, stale;
};

double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }

void read_whole(WindowColumn& w, const TierParts& parts, bool counter) {
  const auto at = [](const TierWords& part, std::size_t i) {
    return part.there ? part.words[i] : 0;
  };
  for (std::size_t i = 0; i < parts.first.words.size(); ++i) {
    const double first = from_word(parts.first.words[i] + (i == 0 ? 0 : word(w.last.back())));
    const double last = from_word(word(first) + at(parts.last, i));
    w.first.push_back(first);
    w.last.push_back(last);
    w.min.push_back(from_word(word(std::min(first, last)) - at(parts.min, i)));
    w.max.push_back(from_word(word(std::max(first, last)) + at(parts.max, i)));
    w.increase.push_back(counter ? from_word(word(last) - word(first) + at(parts.increase, i))
                                 : std::nan(""));
    if (parts.sum.there && parts.sum.type == ValueType::float64) {
      w.sum.push_back(from_bits(parts.sum.words[i]));
    } else {
      const std::uint64_t likely =
          likely_sum(counter, parts.count.words[i], first, last, w.min.back(), w.max.back());
      w.sum.push_back(from_word(likely + at(parts.sum, i)));
    }
  }
}

void read_doubles(WindowColumn& w, const TierParts& parts, bool counter) {
  const auto at = [](const TierWords& part, std::size_t i, double guess) {
    return part.there ? from_bits(part.words[i]) : guess;
  };
  for (std::size_t i = 0; i < parts.first.words.size(); ++i) {
    const double first = from_bits(parts.first.words[i]);
    const double last = at(parts.last, i, first);
    w.first.push_back(first);
    w.last.push_back(last);
    w.min.push_back(at(parts.min, i, lesser(first, last)));
    w.max.push_back(at(parts.max, i, greater(first, last)));
    w.increase.push_back(counter ? at(parts.increase, i, last - first) : std::nan(""));
    w.sum.push_back(at(parts.sum, i, first * static_cast<double>(parts.count.words[i])));
  }
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
    auto read = read_part(reader, open, series, part);
    if (!read) return read.error();
    *words = std::move(*read);
    if (words->there && words->words.size() != parts.first.words.size()) {
      return Error{"the parts of a tier's series are of different lengths"};
    }
  }
  if (!parts.count.there) return Error{"a series of a tier has no counts"};
  const bool counter = parts.count.type == ValueType::uint64;
  if (parts.first.type == ValueType::float64) {
    read_doubles(out, parts, counter);
  } else {
    read_whole(out, parts, counter);
  }
  out.first_ms = std::move(parts.first.times_ms);
  out.last_ms = std::move(parts.count.times_ms);
  for (std::size_t i = 0; i < out.last_ms.size(); ++i) {
    out.end_ms.push_back(window_end_ms(out.last_ms[i], step_ms));
    out.count.push_back(static_cast<std::uint32_t>(parts.count.words[i]));
    out.ends_stale.push_back(parts.stale.there && parts.stale.words[i] != 0 ? 1 : 0);
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
