#include "prom/prometheus_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>

#include "base/json_writer.hpp"
#include "base/number_text.hpp"

namespace volta {
namespace {

// A time and a value with all that stands around them: 24 + 3 + 27 at most.
constexpr std::size_t kMostPointBytes = 64;
constexpr double kMostExactInteger = 9007199254740992.0;  // 2^53
constexpr double kLeastFixed = 1e-6, kLeastLarge = 1e21;  // where Go's exponents begin
// Numbers of at most 15 digits are told apart by every double, so one that reads back is shortest.
constexpr std::int64_t kMostShortDigits = 1'000'000'000'000'000;
constexpr std::int64_t kMillionths = 1'000'000;

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// "00", "01" and so on to "99".
constexpr std::array<char, 200> make_digit_pairs() {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr auto kDigitPairs = make_digit_pairs();

// Two digits, of a number below 100.
char* put_pair(char* out, std::uint64_t number) {
  std::memcpy(out, &kDigitPairs[2 * number], 2);
  return out + 2;
}

char* put_integer(char* out, std::int64_t value) {
  if (value < 0 || value >= 10'000) return std::to_chars(out, out + 24, value).ptr;
  const auto number = static_cast<std::uint64_t>(value);
  if (number < 10) {
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  if (number < 100) return put_pair(out, number);
  if (number >= 1000) return put_pair(put_pair(out, number / 100), number % 100);
  *out = static_cast<char>('0' + number / 100);
  return put_pair(out + 1, number % 100);
}

// What is left of a second: nothing where that is nothing, else three decimals.
char* put_milliseconds(char* out, std::uint64_t ms) {
  if (ms == 0) return out;
  *out++ = '.';
  *out++ = static_cast<char>('0' + ms / 100);
  return put_pair(out, ms % 100);
}

char* put_time(char* out, std::int64_t time_ms) {
  // By unsigned arithmetic, in which the smallest number has a negative too.
  const bool negative = time_ms < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(time_ms) : static_cast<std::uint64_t>(time_ms);
  if (negative) *out++ = '-';
  out = put_integer(out, static_cast<std::int64_t>(size / 1000));
  return put_milliseconds(out, size % 1000);
}

// The times of points in a row begin alike: only the last two digits of their seconds are made
// anew.
class TimeTexts {
 public:
  char* put(char* out, std::int64_t time_ms) {
    const auto ms = static_cast<std::uint64_t>(time_ms);
    const std::uint64_t hundreds = ms / kHundredSeconds;
    if (time_ms < kHundredSeconds) return put_time(out, time_ms);
    if (hundreds != hundreds_) {
      hundreds_ = hundreds;
      length_ = put_integer(text_.data(), static_cast<std::int64_t>(hundreds)) - text_.data();
    }
    std::memcpy(out, text_.data(), text_.size());  // all of it: faster than just what is needed
    const std::uint64_t rest = ms % kHundredSeconds;
    return put_milliseconds(put_pair(out + length_, rest / 1000), rest % 1000);
  }

 private:
  static constexpr std::int64_t kHundredSeconds = 100'000;
  std::uint64_t hundreds_ = 0;
  std::array<char, 24> text_{};
  std::ptrdiff_t length_ = 0;
};

// With at most six decimals, as readings of sensors are; null where it has more.
char* put_short_decimal(char* out, double value) {
  const double scaled = std::abs(value) * static_cast<double>(kMillionths);
  if (scaled >= static_cast<double>(kMostShortDigits)) return nullptr;
  // Where llround is a call; what this rounds otherwise is refused below.
  constexpr double kHalf = 0.5;
  const auto millionths = static_cast<std::int64_t>(scaled + kHalf);
  // Both are exact, so their quotient is the double nearest to that decimal number.
  if (static_cast<double>(millionths) / static_cast<double>(kMillionths) != std::abs(value)) {
    return nullptr;
  }
  if (value < 0) *out++ = '-';
  out = put_integer(out, millionths / kMillionths);
  *out++ = '.';
  const auto fraction = static_cast<std::uint64_t>(millionths % kMillionths);
  out = put_pair(out, fraction / 10'000);
  out = put_pair(out, fraction / 100 % 100);
  out = put_pair(out, fraction % 100);
  while (out[-1] == '0') --out;
  return out;
}

char* put_value(char* out, double value) {
  if (std::isnan(value)) return put(out, "NaN");
  if (std::isinf(value)) return put(out, value > 0 ? "+Inf" : "-Inf");
  const double size = std::abs(value);
  if (size < kMostExactInteger) {
    const auto whole = static_cast<std::int64_t>(value);
    if (value == 0 && std::signbit(value)) return put(out, "-0");
    if (static_cast<double>(whole) == value) return put_integer(out, whole);
  }
  if (size < kLeastFixed || size >= kLeastLarge) {
    return std::to_chars(out, out + 32, value, std::chars_format::scientific).ptr;
  }
  if (size >= kMostExactInteger) {
    std::string plain;
    append_plain_number(plain, value);
    return put(out, plain);
  }
  if (char* const end = put_short_decimal(out, value)) return end;
  return std::to_chars(out, out + 32, value, std::chars_format::fixed).ptr;
}

// [1795227181.224,"2"]
char* put_point(char* out, TimeTexts& times, std::int64_t time_ms, double value) {
  *out++ = '[';
  out = times.put(out, time_ms);
  out = put(out, ",\"");
  out = put_value(out, value);
  return put(out, "\"]");
}

void append_point(std::string& out, std::int64_t time_ms, double value) {
  char buffer[kMostPointBytes];
  TimeTexts times;
  out.append(buffer, static_cast<std::size_t>(put_point(buffer, times, time_ms, value) - buffer));
}

// With commas between them; many at a time go to `out`.
void append_points(std::string& out, std::span<const std::int64_t> times_ms,
                   std::span<const double> values) {
  std::array<char, 32 * kMostPointBytes> buffer;
  TimeTexts times;
  char* end = buffer.data();
  const auto flush = [&] {
    out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    end = buffer.data();
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (buffer.data() + buffer.size() - end <= std::ptrdiff_t{kMostPointBytes}) flush();
    if (i > 0) *end++ = ',';
    end = put_point(end, times, times_ms[i], values[i]);
  }
  flush();
}

void append_labels(std::string& out, const Labels& labels) {
  out += '{';
  bool comma = false;
  for (const auto& [name, value] : labels) {
    if (comma) out += ',';
    comma = true;
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
}

template <typename Items, typename Append>
void append_array(std::string& out, const Items& items, Append append) {
  out += '[';
  bool comma = false;
  for (const auto& item : items) {
    if (comma) out += ',';
    comma = true;
    append(item);
  }
  out += ']';
}

// Scalars and strings go through another encoder in Prometheus: without zeros behind the decimals
// of the time, and never with an exponent.
void append_trimmed_time(std::string& out, std::int64_t time_ms) {
  append_prometheus_time(out, time_ms);
  if (time_ms % 1000 == 0) return;
  while (out.back() == '0') out.pop_back();
}

void append_scalar_value(std::string& out, double value) {
  const double size = std::abs(value);
  const bool exponent = (size < kLeastFixed && size > 0) || size >= kLeastLarge;
  if (exponent && std::isfinite(value)) {
    append_plain_number(out, value);
  } else {
    append_prometheus_value(out, value);
  }
}

struct ResultWriter {
  std::string* out;

  void operator()(const ScalarValue& scalar) const {
    *out += R"("scalar","result":[)";
    append_trimmed_time(*out, scalar.time_ms);
    *out += ",\"";
    append_scalar_value(*out, scalar.value);
    *out += "\"]";
  }
  void operator()(const StringValue& text) const {
    *out += R"("string","result":[)";
    append_trimmed_time(*out, text.time_ms);
    *out += ',';
    append_json_string(*out, text.value);
    *out += ']';
  }
  void operator()(const VectorValue& vector) const {
    *out += R"("vector","result":)";
    append_array(*out, vector.elements, [&](const VectorValue::Element& element) {
      *out += R"({"metric":)";
      append_labels(*out, *element.labels);
      *out += R"(,"value":)";
      append_point(*out, element.time_ms, element.value);
      *out += '}';
    });
  }
  void operator()(const MatrixValue& matrix) const {
    *out += R"("matrix","result":)";
    append_array(*out, matrix.rows, [&](const MatrixValue::Row& row) {
      *out += R"({"metric":)";
      append_labels(*out, *row.labels);
      *out += R"(,"values":[)";
      append_points(*out, row.times_ms, row.values);
      *out += "]}";
    });
  }
};

// What the answer needs at most: the buffer never moves, and of what is not used the pages are
// never touched.
std::size_t most_bytes(const Labels& labels) {
  constexpr std::size_t kAround = 64;  // {"metric":{...},"values":[...]},
  std::size_t bytes = kAround;
  for (const auto& [name, value] : labels) {
    bytes += json_string_bytes(name) + json_string_bytes(value) + 2;
  }
  return bytes;
}
std::size_t most_bytes(const QueryValue& value) {
  constexpr std::size_t kHead = 128, kPoint = 48;
  std::size_t bytes = kHead;
  if (const auto* vector = std::get_if<VectorValue>(&value)) {
    for (const auto& element : vector->elements) bytes += most_bytes(*element.labels) + kPoint;
  } else if (const auto* matrix = std::get_if<MatrixValue>(&value)) {
    for (const auto& row : matrix->rows) {
      bytes += most_bytes(*row.labels) + row.values.size() * kPoint;
    }
  }
  return bytes;
}

}  // namespace

void append_prometheus_time(std::string& out, std::int64_t time_ms) {
  char buffer[kMostPointBytes];
  out.append(buffer, static_cast<std::size_t>(put_time(buffer, time_ms) - buffer));
}

void append_prometheus_value(std::string& out, double value) {
  char buffer[kMostPointBytes];
  out.append(buffer, static_cast<std::size_t>(put_value(buffer, value) - buffer));
}

std::string query_answer_json(const QueryAnswer& answer) {
  std::string out;
  out.reserve(most_bytes(answer.value));
  out += R"({"status":"success","data":{"resultType":)";
  std::visit(ResultWriter{&out}, answer.value);
  out += '}';
  if (!answer.warnings.empty()) {
    out += R"(,"warnings":)";
    append_array(out, answer.warnings,
                 [&](const std::string& text) { append_json_string(out, text); });
  }
  out += '}';
  return out;
}

std::string federation_text(const VectorValue& values) {
  struct Line {
    std::string_view name;
    const VectorValue::Element* element;
  };
  std::vector<Line> lines;
  for (const auto& element : values.elements) {
    const std::string_view name = label_value(*element.labels, kNameLabel);
    if (!name.empty() && !is_stale_marker(element.value)) lines.push_back({name, &element});
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.name < b.name; });
  std::string out;
  std::string_view before;
  for (const auto& [name, element] : lines) {
    if (name != before) out.append("# TYPE ").append(name).append(" untyped\n");
    before = name;
    Labels labels = *element->labels;
    std::erase_if(labels, [](const auto& label) { return label.first == kNameLabel; });
    // Said to be empty, so that who scrapes with honor_labels does not put in its own.
    if (label_value(labels, "instance").empty()) {
      labels.emplace(
          std::upper_bound(labels.begin(), labels.end(), Labels::value_type("instance", "")),
          "instance", "");
    }
    out.append(name).append(label_text(labels)) += ' ';
    append_prometheus_value(out, element->value);
    out.append(" ").append(std::to_string(element->time_ms)) += '\n';
  }
  return out;
}

}  // namespace volta
