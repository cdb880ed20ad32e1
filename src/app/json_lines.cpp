#include "app/json_lines.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <boost/json/basic_parser_impl.hpp>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "model/sample_order.hpp"

namespace volta {
namespace {

namespace json = boost::json;

constexpr std::string_view kNan = "NaN";
constexpr std::uint64_t kPlainNanBits = 0x7ff8'0000'0000'0000;

// "NaN" with the bits of a NaN behind a colon.
std::optional<double> exact_nan(std::string_view text) {
  text.remove_prefix(kNan.size());
  if (!text.starts_with(':')) return std::nullopt;
  text.remove_prefix(1);
  const auto bits = parse_integer<std::uint64_t>(text, 16);
  if (!bits || text.size() != 16) return std::nullopt;
  const double value = std::bit_cast<double>(*bits);
  if (!std::isnan(value)) return std::nullopt;
  return value;
}

void append_nan(std::string& out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  out += '"';
  out += kNan;
  if (bits != kPlainNanBits) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bits, 16).ptr;
    out += ':';
    out.append(static_cast<std::size_t>(digits.data() + digits.size() - end), '0');
    out.append(digits.data(), end);
  }
  out += '"';
}

std::optional<double> double_of(std::string_view text) {
  if (text == kNan) return std::bit_cast<double>(kPlainNanBits);
  if (text.starts_with(kNan)) return exact_nan(text);
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Boost.JSON finds the tokens; numbers are read from their text, since its own conversion may be
// off by the last bit.
class LineHandler {
 public:
  // The names are Boost.JSON's. NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_array_size = std::size_t{1} << 30U;
  static constexpr std::size_t max_object_size = 1024;
  static constexpr std::size_t max_string_size = std::size_t{1} << 20U;
  static constexpr std::size_t max_key_size = std::size_t{1} << 16U;
  // NOLINTEND(readability-identifier-naming)
  using Code = boost::system::error_code;

  struct Found {
    Labels labels;
    std::vector<std::int64_t> times;
    std::vector<double> values;
    std::string problem;
  };
  [[nodiscard]] Found& found() { return found_; }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code& error) {
    ++depth_;
    if (depth_ == 1 || (depth_ == 2 && key_ == "metric")) return true;
    return refuse("an object stands where none may", error);
  }
  bool on_object_end(std::size_t, Code&) {
    --depth_;
    return true;
  }
  bool on_array_begin(Code& error) {
    ++depth_;
    if (depth_ == 2 && (key_ == "values" || key_ == "timestamps")) return true;
    return refuse("an array stands where none may", error);
  }
  bool on_array_end(std::size_t, Code&) {
    --depth_;
    return true;
  }
  bool on_key_part(json::string_view text, std::size_t, Code&) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool on_key(json::string_view text, std::size_t, Code&) {
    text_.append(text.data(), text.size());
    (depth_ == 1 ? key_ : label_) = std::move(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(json::string_view text, std::size_t, Code&) { return keep(text); }
  bool on_string(json::string_view text, std::size_t, Code& error) {
    text_.append(text.data(), text.size());
    const std::string whole = std::move(text_);
    text_.clear();
    if (depth_ == 2 && key_ == "metric") {
      found_.labels.emplace_back(label_, whole);
      return true;
    }
    if (depth_ == 2 && key_ == "values" && (whole.starts_with(kNan) || whole.ends_with("Inf")))
      return add_number(whole, error);
    return depth_ == 1 || refuse("a text stands where none may: " + whole, error);
  }
  bool on_number_part(json::string_view text, Code&) { return keep(text); }
  bool on_int64(std::int64_t, json::string_view text, Code& error) { return number(text, error); }
  bool on_uint64(std::uint64_t, json::string_view text, Code& error) { return number(text, error); }
  bool on_double(double, json::string_view text, Code& error) { return number(text, error); }
  bool on_bool(bool, Code& error) {
    return depth_ == 1 || refuse("a boolean stands where none may", error);
  }
  bool on_null(Code& error) { return depth_ == 1 || refuse("a null stands where none may", error); }
  bool on_comment_part(json::string_view, Code&) { return true; }
  bool on_comment(json::string_view, Code&) { return true; }

 private:
  bool keep(json::string_view text) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool number(json::string_view text, Code& error) {
    text_.append(text.data(), text.size());
    const std::string whole = std::move(text_);
    text_.clear();
    return depth_ == 1 || add_number(whole, error);
  }
  bool add_number(const std::string& text, Code& error) {
    if (key_ == "timestamps") {
      const auto time = parse_integer<std::int64_t>(text);
      if (!time) return refuse(text + " is no unix time in milliseconds", error);
      found_.times.push_back(*time);
      return true;
    }
    const auto value = double_of(text);
    if (key_ != "values" || !value) return refuse(text + " is no value", error);
    found_.values.push_back(*value);
    return true;
  }
  bool refuse(std::string text, Code& error) {
    found_.problem = std::move(text);
    error = json::error::syntax;
    return false;
  }

  Found found_;
  int depth_ = 0;
  std::string key_, label_, text_;
};

}  // namespace

Result<LabeledSamples> parse_json_line(std::string_view line) {
  json::basic_parser<LineHandler> parser{json::parse_options{}};
  boost::system::error_code error;
  const std::size_t used = parser.write_some(false, line.data(), line.size(), error);
  LineHandler::Found& found = parser.handler().found();
  if (error) return Error{found.problem.empty() ? "no JSON: " + error.message() : found.problem};
  if (used != line.size()) return Error{"something stands behind the object"};
  if (found.values.size() != found.times.size()) {
    return Error{std::to_string(found.values.size()) + " values stand with " +
                 std::to_string(found.times.size()) + " timestamps"};
  }
  if (found.labels.empty()) return Error{"\"metric\" with the labels is missing"};
  std::sort(found.labels.begin(), found.labels.end());
  std::erase_if(found.labels, [](const auto& label) { return label.second.empty(); });
  for (std::size_t i = 1; i < found.labels.size(); ++i) {
    if (found.labels[i].first == found.labels[i - 1].first)
      return Error{"the label " + found.labels[i].first + " comes twice"};
  }
  LabeledSamples out;
  out.labels = std::make_shared<const Labels>(std::move(found.labels));
  out.times_ms = std::move(found.times);
  out.values = std::move(found.values);
  put_in_order(out);
  return out;
}

void append_json_line(std::string& out, const LabeledSamples& series) {
  out += R"({"metric":{)";
  for (const auto& [key, value] : *series.labels) {
    if (out.back() != '{') out += ',';
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
  }
  out += R"(},"values":[)";
  for (const double value : series.values) {
    if (out.back() != '[') out += ',';
    if (std::isnan(value)) {
      append_nan(out, value);
    } else if (std::isinf(value)) {
      out += value > 0 ? R"("+Inf")" : R"("-Inf")";
    } else {
      append_json_number(out, value);
    }
  }
  out += R"(],"timestamps":[)";
  for (const std::int64_t time : series.times_ms) {
    if (out.back() != '[') out += ',';
    out += std::to_string(time);
  }
  out += "]}\n";
}

}  // namespace volta
