#include "query/instant_functions.hpp"

#include <algorithm>
#include <chrono>
#include <numbers>
#include <set>

#include "base/assert.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

// Go's math.Max and math.Min: a NaN wins over all but the infinity that bounds them.
double larger(double a, double b) {
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  return std::max(a, b);
}
double smaller(double a, double b) {
  if (a == -kInfinity || b == -kInfinity) return -kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  return std::min(a, b);
}

template <typename Function>
void map_values(SeriesMatrix& matrix, const Function& f) {
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    for (double& value : matrix.row(r)) {
      if (!is_absent(value)) value = f(value);
    }
  }
}

template <typename Function>
void map_steps(SeriesMatrix& matrix, const Function& f) {
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    const auto row = matrix.row(r);
    for (std::size_t step = 0; step < row.size(); ++step) {
      if (!is_absent(row[step])) row[step] = f(row[step], step);
    }
  }
}

double sign(double value) { return value < 0 ? -1 : value > 0 ? 1 : value; }

double date_part(FunctionId function, double unix_seconds) {
  // Beyond these the calendar has no name for the year.
  if (!(std::abs(unix_seconds) < 1e11)) return kNaN;
  using std::chrono::days;
  using std::chrono::sys_days;
  const std::chrono::sys_seconds time{
      std::chrono::seconds(static_cast<std::int64_t>(unix_seconds))};
  const sys_days day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t minutes = (time - day).count() / 60;
  switch (function) {
    case FunctionId::minute:
      return static_cast<double>(minutes % 60);
    case FunctionId::hour:
      return std::floor(static_cast<double>(minutes) / 60);
    case FunctionId::day_of_month:
      return static_cast<unsigned>(date.day());
    case FunctionId::day_of_week:
      return std::chrono::weekday(day).c_encoding();
    case FunctionId::day_of_year:
      return static_cast<double>((day - sys_days(date.year() / 1 / 1)).count() + 1);
    case FunctionId::days_in_month:
      return static_cast<unsigned>(
          std::chrono::year_month_day_last(date.year() / date.month() / std::chrono::last).day());
    case FunctionId::month:
      return static_cast<unsigned>(date.month());
    default:
      return static_cast<int>(date.year());
  }
}

using RealFunction = double (*)(double);
RealFunction real_function(FunctionId function) {
  switch (function) {
    case FunctionId::abs:
      return [](double v) { return std::abs(v); };
    case FunctionId::ceil:
      return [](double v) { return std::ceil(v); };
    case FunctionId::floor:
      return [](double v) { return std::floor(v); };
    case FunctionId::sqrt:
      return [](double v) { return std::sqrt(v); };
    case FunctionId::exp:
      return [](double v) { return std::exp(v); };
    case FunctionId::ln:
      return [](double v) { return std::log(v); };
    case FunctionId::log2:
      return [](double v) { return std::log2(v); };
    case FunctionId::log10:
      return [](double v) { return std::log10(v); };
    case FunctionId::sgn:
      return sign;
    case FunctionId::deg:
      return [](double v) { return v * 180 / std::numbers::pi; };
    case FunctionId::rad:
      return [](double v) { return v * std::numbers::pi / 180; };
    case FunctionId::sin:
      return [](double v) { return std::sin(v); };
    case FunctionId::cos:
      return [](double v) { return std::cos(v); };
    case FunctionId::tan:
      return [](double v) { return std::tan(v); };
    case FunctionId::asin:
      return [](double v) { return std::asin(v); };
    case FunctionId::acos:
      return [](double v) { return std::acos(v); };
    case FunctionId::atan:
      return [](double v) { return std::atan(v); };
    case FunctionId::sinh:
      return [](double v) { return std::sinh(v); };
    case FunctionId::cosh:
      return [](double v) { return std::cosh(v); };
    case FunctionId::tanh:
      return [](double v) { return std::tanh(v); };
    case FunctionId::asinh:
      return [](double v) { return std::asinh(v); };
    case FunctionId::acosh:
      return [](double v) { return std::acosh(v); };
    case FunctionId::atanh:
      return [](double v) { return std::atanh(v); };
    default:
      return nullptr;
  }
}

void clamp(const ScalarColumn& low, const ScalarColumn& high, SeriesMatrix& matrix) {
  map_steps(matrix, [&](double value, std::size_t step) {
    if (high.at(step) < low.at(step)) return kAbsent;
    return larger(low.at(step), smaller(high.at(step), value));
  });
}

// floor(x / nearest + 0.5) * nearest, with the reciprocal that Prometheus takes.
void round_to(const ScalarColumn& nearest, SeriesMatrix& matrix) {
  map_steps(matrix, [&](double value, std::size_t step) {
    const double inverse = 1 / nearest.at(step);
    return std::floor(value * inverse + 0.5) / inverse;
  });
}

}  // namespace

void map_function(FunctionId function, std::span<const ScalarColumn> parameters,
                  SeriesMatrix& matrix) {
  if (const RealFunction f = real_function(function)) return map_values(matrix, f);
  static constexpr double kOne = 1;
  switch (function) {
    case FunctionId::clamp:
      return clamp(parameters[0], parameters[1], matrix);
    case FunctionId::clamp_min:
      return map_steps(matrix,
                       [&](double v, std::size_t s) { return larger(parameters[0].at(s), v); });
    case FunctionId::clamp_max:
      return map_steps(matrix,
                       [&](double v, std::size_t s) { return smaller(parameters[0].at(s), v); });
    case FunctionId::round:
      return round_to(parameters.empty() ? ScalarColumn{{&kOne, 1}} : parameters[0], matrix);
    case FunctionId::minute:
    case FunctionId::hour:
    case FunctionId::day_of_month:
    case FunctionId::day_of_week:
    case FunctionId::day_of_year:
    case FunctionId::days_in_month:
    case FunctionId::month:
    case FunctionId::year:
      return map_values(matrix, [&](double value) { return date_part(function, value); });
    default:
      VOLTA_ASSERT(false, "not a function of single values");
  }
}

SeriesMatrix scalar_of(const SeriesMatrix& matrix) {
  SeriesMatrix out(matrix.budget(), 1, matrix.columns());
  const auto values = out.row(0);
  std::vector<std::uint32_t> seen(matrix.columns());
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    const auto row = matrix.row(r);
    for (std::size_t step = 0; step < row.size(); ++step) {
      if (is_absent(row[step])) continue;
      ++seen[step];
      values[step] = row[step];
    }
  }
  for (std::size_t step = 0; step < values.size(); ++step) {
    if (seen[step] != 1) values[step] = kNaN;
  }
  return out;
}

SeriesMatrix absent_of(const SeriesMatrix& matrix, const LabelsPtr& labels) {
  SeriesMatrix out(matrix.budget(), 1, matrix.columns());
  out.labels(0).all = labels;
  out.set_one_name(true);
  const auto values = out.row(0);
  std::fill(values.begin(), values.end(), 1.0);
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    const auto row = matrix.row(r);
    for (std::size_t step = 0; step < row.size(); ++step) {
      if (!is_absent(row[step])) values[step] = kAbsent;
    }
  }
  out.drop_empty_rows();
  return out;
}

LabelsPtr absent_labels(std::span<const LabelMatcher> matchers) {
  auto labels = std::make_shared<Labels>();
  std::set<std::string_view> seen;
  std::set<std::string_view> unclear;
  for (const LabelMatcher& matcher : matchers) {
    if (matcher.name() == kNameLabel) continue;
    if (matcher.op() == MatchOp::equal && seen.insert(matcher.name()).second) {
      labels->emplace_back(matcher.name(), matcher.value());
    } else {
      unclear.insert(matcher.name());
    }
  }
  std::erase_if(*labels, [&](const auto& label) {
    return label.second.empty() || unclear.contains(label.first);
  });
  std::sort(labels->begin(), labels->end());
  return labels;
}

SeriesMatrix times_of(Budget& budget, const Grid& grid) {
  SeriesMatrix out(budget, 1, grid.steps);
  const auto values = out.row(0);
  for (std::size_t step = 0; step < values.size(); ++step) {
    values[step] = static_cast<double>(grid.time(step)) / 1000;
  }
  return out;
}

}  // namespace volta::promql
