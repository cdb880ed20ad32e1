// PromQL's functions: names, argument types, results. The one list; the parser checks calls against
// it, the evaluator switches on the id.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace volta::promql {

enum class ValueType : std::uint8_t { scalar, string, vector, matrix };
std::string_view to_text(ValueType type);  // "scalar", "string", "instant vector", "range vector"

enum class FunctionId : std::uint8_t {
  // of one range vector
  rate,
  irate,
  increase,
  delta,
  idelta,
  deriv,
  predict_linear,
  double_exponential_smoothing,
  resets,
  changes,
  avg_over_time,
  min_over_time,
  max_over_time,
  sum_over_time,
  count_over_time,
  last_over_time,
  first_over_time,
  present_over_time,
  stddev_over_time,
  stdvar_over_time,
  quantile_over_time,
  mad_over_time,
  absent_over_time,
  // of instant vectors, sample by sample
  abs,
  ceil,
  floor,
  round,
  sqrt,
  exp,
  ln,
  log2,
  log10,
  sgn,
  clamp,
  clamp_min,
  clamp_max,
  deg,
  rad,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  timestamp,
  minute,
  hour,
  day_of_month,
  day_of_week,
  day_of_year,
  days_in_month,
  month,
  year,
  // of labels, of whole vectors, of nothing
  label_replace,
  label_join,
  absent,
  sort,
  sort_desc,
  sort_by_label,
  sort_by_label_desc,
  histogram_quantile,
  scalar,
  vector,
  time,
  pi
};

struct Function {
  std::string_view name;
  FunctionId id{};
  std::span<const ValueType>
      arguments;  // of all that may be written; the last repeats if variadic < 0
  // How many at the end may be left out; -1: the last may be left out and repeated without end.
  int variadic = 0;
  ValueType result = ValueType::vector;
};

std::span<const Function> functions();
// Null: there is none. Knows holt_winters as double_exponential_smoothing.
const Function* find_function(std::string_view name);

}  // namespace volta::promql
