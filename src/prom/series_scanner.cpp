#include "prom/series_scanner.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "model/time_series.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostExactDigits = 15;  // any integer of so many is a double

bool same_letters(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<double> special_number(std::string_view text, bool negative) {
  if (same_letters(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (!same_letters(text, "inf") && !same_letters(text, "infinity")) return std::nullopt;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return negative ? -kInfinity : kInfinity;
}

}  // namespace

std::optional<double> exposition_number(std::string_view text) {
  if (!text.empty() && text.size() <= kMostExactDigits) {
    std::int64_t integer = 0;
    std::size_t i = 0;
    for (; i < text.size() && is_digit(text[i]); ++i) integer = integer * 10 + (text[i] - '0');
    if (i == text.size()) return static_cast<double>(integer);
  }
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  if (!is_digit(text.front()) && text.front() != '.') return special_number(text, negative);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    value = std::strtod(std::string(text).c_str(), nullptr);  // tells too small from too large
  }
  if (std::isinf(value)) return std::nullopt;
  return negative ? -value : value;
}

std::size_t name_length(std::string_view text) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == ':';
  };
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), part) - text.begin());
}

Error line_error(std::size_t line, std::string_view problem) {
  return Error{"line " + std::to_string(line) + ": " + std::string(problem)};
}

std::optional<std::string> help_text(std::string_view escaped, bool quotes_too) {
  if (!is_utf8(escaped)) return std::nullopt;
  std::string out;
  out.reserve(escaped.size());
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const char next = escaped[i] == '\\' && i + 1 < escaped.size() ? escaped[i + 1] : '\0';
    if (next == '\\' || next == 'n' || (next == '"' && quotes_too)) {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += escaped[i];
    }
  }
  return out;
}

const SeriesTexts::Entry* SeriesScanner::cut_series(std::string_view& line) {
  if (const auto* entry = texts_->expected(line)) {
    line.remove_prefix(entry->text.size());
    return entry;
  }
  std::string_view rest = line;
  const std::string_view name = rest.substr(0, name_length(rest));
  if (!is_metric_name(name)) {
    problem_ = "a metric name is expected";
    return nullptr;
  }
  rest.remove_prefix(name.size());
  std::string_view behind = rest;
  skip_blanks(behind);
  labels_.clear();
  if (behind.starts_with('{')) {
    rest = behind;
    if (!cut_labels(rest)) return nullptr;
  }
  const std::string_view text = line.substr(0, line.size() - rest.size());
  line = rest;
  if (const auto* entry = texts_->find(text)) return entry;
  // A label without a value is the same as none.
  std::erase_if(labels_, [](const LabelView& label) { return label.value.empty(); });
  labels_.push_back({kNameLabel, name});
  std::sort(labels_.begin(), labels_.end(),
            [](const LabelView& a, const LabelView& b) { return a.name < b.name; });
  problem_ = labels_problem(labels_, label_limits_);
  if (!problem_.empty()) return nullptr;
  const auto* entry =
      texts_->add(text, name.size(), to_labels(labels_), limits_->most_series_bytes);
  if (entry == nullptr) problem_ = "the series are more than are kept in memory for one target";
  return entry;
}

bool SeriesScanner::cut_labels(std::string_view& line) {
  std::string_view rest = line.substr(1);  // the brace
  labels_.clear();
  unescaped_.clear();
  unescaped_.reserve(line.size());
  skip_blanks(rest);
  while (!rest.starts_with('}')) {
    if (labels_.size() == limits_->most_labels) {
      return fail("more than " + std::to_string(limits_->most_labels) + " labels");
    }
    if (!cut_label(rest)) return false;
    skip_blanks(rest);
    if (rest.starts_with('}')) break;
    if (!rest.starts_with(',')) return fail("a comma or a closing brace is expected");
    rest.remove_prefix(1);
    skip_blanks(rest);
    if (blanks_ == Blanks::nowhere && rest.starts_with('}')) {
      return fail("a label is expected behind the comma");
    }
  }
  line = rest.substr(1);
  return true;
}

bool SeriesScanner::cut_label(std::string_view& rest) {
  LabelView label;
  label.name = rest.substr(0, name_length(rest));
  if (!is_label_name(label.name)) return fail("a label name is expected");
  rest.remove_prefix(label.name.size());
  skip_blanks(rest);
  if (!rest.starts_with('=')) return fail("an equals sign is expected behind the label name");
  rest.remove_prefix(1);
  skip_blanks(rest);
  if (!rest.starts_with('"')) return fail("a label value in double quotes is expected");
  rest.remove_prefix(1);
  if (!cut_value(rest, label.value)) return false;
  labels_.push_back(label);
  return true;
}

// Up to and with the closing quote. A backslash before any other letter stands for itself.
bool SeriesScanner::cut_value(std::string_view& rest, std::string_view& value) {
  const std::size_t plain = std::min(rest.find_first_of("\"\\"), rest.size());
  if (plain < rest.size() && rest[plain] == '"') {
    value = rest.substr(0, plain);
    rest.remove_prefix(plain + 1);
    return true;
  }
  const std::size_t begin = unescaped_.size();
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      value = std::string_view(unescaped_).substr(begin);
      rest.remove_prefix(i + 1);
      return true;
    }
    const char next = rest[i] == '\\' && i + 1 < rest.size() ? rest[i + 1] : '\0';
    if (next == '\\' || next == '"' || next == 'n') {
      unescaped_ += next == 'n' ? '\n' : next;
      ++i;
    } else {
      unescaped_ += rest[i];
    }
  }
  return fail("a label value is not closed");
}

void SeriesScanner::skip_blanks(std::string_view& rest) const {
  if (blanks_ == Blanks::nowhere) return;
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
}

bool SeriesScanner::fail(std::string problem) {
  problem_ = std::move(problem);
  return false;
}

}  // namespace volta
