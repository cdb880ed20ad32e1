// What the column codec makes of recorded metrics: bytes a sample all in, and samples a second of
// one core, both ways. To look at, not a test: ninja store_codec && ./store_codec FILE.jsonl.zst
//
// The file holds a JSON object a line, {"metric":{...},"values":[...],"timestamps":[...]}, compact
// and in this order. Windows are aligned to the epoch.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <zstd.h>

#include "base/whole_file.hpp"
#include "store/pack.hpp"

namespace volta {
namespace {

struct Recorded {
  std::string labels;
  std::vector<std::int64_t> times_ms;
  std::vector<std::uint64_t> raw;
};

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "store_codec: %s\n", why);
  std::exit(2);
}

std::string inflate(const char* path) {
  auto read = read_whole_file(path, std::size_t{1} << 30U);
  if (!read) give_up(read.error().text.c_str());
  const std::string packed = std::move(*read);
  if (!std::string_view(path).ends_with(".zst")) return packed;
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size > (std::size_t{1} << 33U)) give_up("the file does not say how long it is");
  std::string text(static_cast<std::size_t>(size), '\0');
  if (ZSTD_isError(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size())) != 0)
    give_up("the file is no zstd frame");
  return text;
}

std::string_view array_of(std::string_view line, std::string_view key) {
  const auto from = line.find(key);
  if (from == std::string_view::npos) give_up("a line lacks an array");
  const auto begin = from + key.size();
  return line.substr(begin, line.find(']', begin) - begin);
}

template <typename Use>
void each_item(std::string_view list, Use use) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    use(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::uint64_t value_bits(std::string_view item) {
  double value = 0;
  if (item == "\"NaN\"") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (item == "\"+Inf\"" || item == "\"-Inf\"") {
    value = item[1] == '+' ? std::numeric_limits<double>::infinity()
                           : -std::numeric_limits<double>::infinity();
  } else if (std::from_chars(item.begin(), item.end(), value).ptr != item.end()) {
    give_up("a value is no number");
  }
  return std::bit_cast<std::uint64_t>(value);
}

std::vector<Recorded> read_recorded(const char* path) {
  const std::string text = inflate(path);
  std::vector<Recorded> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    Recorded one;
    one.labels = std::string(line.substr(0, line.find("\"values\":[")));
    each_item(array_of(line, "\"values\":["),
              [&](std::string_view item) { one.raw.push_back(value_bits(item)); });
    each_item(array_of(line, "\"timestamps\":["), [&](std::string_view item) {
      std::int64_t ms = 0;
      std::from_chars(item.begin(), item.end(), ms);
      one.times_ms.push_back(ms);
    });
    if (one.raw.size() != one.times_ms.size()) give_up("a line has more values than times");
    all.push_back(std::move(one));
  }
  return all;
}

struct Piece {
  std::size_t series = 0;
  std::span<const std::int64_t> times_ms;
  std::span<const std::uint64_t> raw;
};

// By window, all series of one after those of another: as they are sealed.
std::map<std::int64_t, std::vector<Piece>> cut(const std::vector<Recorded>& all,
                                               std::int64_t window_ms) {
  std::map<std::int64_t, std::vector<Piece>> windows;
  for (std::size_t series = 0; series < all.size(); ++series) {
    const auto& one = all[series];
    for (std::size_t from = 0; from < one.raw.size();) {
      const std::int64_t window = one.times_ms[from] / window_ms;
      std::size_t to = from;
      while (to < one.raw.size() && one.times_ms[to] / window_ms == window) ++to;
      windows[window].push_back({series, std::span(one.times_ms).subspan(from, to - from),
                                 std::span(one.raw).subspan(from, to - from)});
      from = to;
    }
  }
  return windows;
}

struct Encoded {
  std::vector<Bytes> packs;
  std::size_t bytes = 0;
};

Encoded encode(const std::map<std::int64_t, std::vector<Piece>>& windows, std::size_t series) {
  Encoded encoded;
  PackWriter writer;
  std::vector<ColumnHint> hints(series);
  const auto save = [&] {
    encoded.packs.push_back(writer.finish());
    encoded.bytes += encoded.packs.back().size();
  };
  for (const auto& [window, pieces] : windows) {
    for (const auto& piece : pieces) {
      writer.add({static_cast<SeriesId>(piece.series),
                  0,
                  ValueType::float64,
                  piece.times_ms,
                  piece.raw,
                  {}},
                 hints[piece.series]);
      if (writer.full()) save();
    }
    if (writer.columns() > 0) save();
  }
  return encoded;
}

void verify(const Encoded& encoded, const std::vector<Recorded>& all) {
  PackReader reader;
  std::vector<std::size_t> next(all.size());
  for (const auto& bytes : encoded.packs) {
    const auto pack = Pack::open(bytes, bytes.size());
    if (!pack) give_up(pack.error().text.c_str());
    for (const auto& entry : pack->entries()) {
      const auto got =
          reader.raw(*pack, entry, std::span(bytes).subspan(entry.offset, entry.length));
      if (!got) give_up(got.error().text.c_str());
      auto& at = next[static_cast<std::size_t>(entry.series)];
      const auto& want = all[static_cast<std::size_t>(entry.series)];
      const auto from = static_cast<std::ptrdiff_t>(at);
      if (at + got->values.size() > want.raw.size() ||
          !std::equal(got->values.begin(), got->values.end(), want.raw.begin() + from) ||
          !std::equal(got->times_ms.begin(), got->times_ms.end(), want.times_ms.begin() + from))
        give_up("a column came back as another");
      at += got->values.size();
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    if (next[i] != all[i].raw.size()) give_up("a column did not come back");
}

// Million items a second of this process' CPU time, the best of several rounds: the machine may be
// busy with other things.
template <typename Work>
double rate(std::size_t items, int rounds, Work work) {
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::clock_t start = std::clock();
    work();
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::max(best, static_cast<double>(items) / seconds / 1e6);
  }
  return best;
}

template <typename Read>
void read_all(const Encoded& encoded, Read read) {
  PackReader reader;
  for (const auto& bytes : encoded.packs) {
    const auto pack = Pack::open(bytes, bytes.size());
    if (!pack) give_up("a pack does not open");
    for (const auto& entry : pack->entries()) {
      if (!read(reader, *pack, entry, std::span(bytes).subspan(entry.offset, entry.length)))
        give_up("a column cannot be read");
    }
  }
}

void measure(const std::vector<Recorded>& all, std::int64_t window_s, std::size_t samples) {
  const auto windows = cut(all, window_s * 1000);
  const Encoded encoded = encode(windows, all.size());
  verify(encoded, all);
  const double in = rate(samples, 5, [&] { encode(windows, all.size()); });
  const double raw = rate(samples, 15, [&] {
    read_all(encoded, [](auto& reader, const auto& pack, const auto& entry, auto bytes) {
      return reader.raw(pack, entry, bytes).has_value();
    });
  });
  const double doubles = rate(samples, 15, [&] {
    read_all(encoded, [](auto& reader, const auto& pack, const auto& entry, auto bytes) {
      return reader.doubles(pack, entry, bytes, 0).has_value();
    });
  });
  std::printf(
      "window %5lld s: %zu packs, %zu bytes, %.4f bytes a sample; encode %.1f, decode %.0f, to "
      "doubles %.0f million samples/s\n",
      static_cast<long long>(window_s), encoded.packs.size(), encoded.bytes,
      static_cast<double>(encoded.bytes) / static_cast<double>(samples), in, raw, doubles);
}

// Where the bytes are: the largest columns of one window, `--columns`.
void show_columns(const std::vector<Recorded>& all, std::size_t most) {
  ColumnEncoder encoder;
  std::vector<std::pair<std::size_t, std::string>> lines;
  for (const auto& one : all) {
    ColumnHint hint;
    Bytes bytes;
    encoder.encode({ValueType::float64, one.raw, {}}, hint, bytes);
    std::string line = std::to_string(bytes.size()) + " mode " + std::to_string(hint.mode) + " e" +
                       std::to_string(hint.exponent) + " shape " + std::to_string(hint.shape) +
                       " stage " + std::to_string(hint.stage) + " " + one.labels;
    lines.emplace_back(bytes.size(), std::move(line));
  }
  std::sort(lines.rbegin(), lines.rend());
  for (std::size_t i = 0; i < std::min(most, lines.size()); ++i)
    std::printf("%s\n", lines[i].second.c_str());
}

}  // namespace
}  // namespace volta

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: store_codec FILE.jsonl[.zst] [--columns N]\n");
    return 2;
  }
  const auto all = volta::read_recorded(argv[1]);
  std::size_t samples = 0;
  for (const auto& one : all) samples += one.raw.size();
  std::printf("%zu series, %zu samples\n", all.size(), samples);
  if (argc > 3) {
    volta::show_columns(all, std::strtoul(argv[3], nullptr, 10));
    return 0;
  }
  for (const std::int64_t window_s : {600, 3600}) volta::measure(all, window_s, samples);
  return 0;
}
