#include "query/function_table.hpp"

#include <algorithm>
#include <array>

namespace volta::promql {
namespace {

using enum ValueType;

constexpr std::array kMatrix{matrix};
constexpr std::array kMatrixScalar{matrix, ValueType::scalar};
constexpr std::array kMatrixScalars{matrix, ValueType::scalar, ValueType::scalar};
constexpr std::array kScalarMatrix{ValueType::scalar, matrix};
constexpr std::array kVector{ValueType::vector};
constexpr std::array kVectorScalar{ValueType::vector, ValueType::scalar};
constexpr std::array kVectorScalars{ValueType::vector, ValueType::scalar, ValueType::scalar};
constexpr std::array kScalarVector{ValueType::scalar, ValueType::vector};
constexpr std::array kScalar{ValueType::scalar};
constexpr std::array kVectorString{ValueType::vector, string};
constexpr std::array kLabelJoin{ValueType::vector, string, string, string};
constexpr std::array kLabelReplace{ValueType::vector, string, string, string, string};

constexpr Function row(std::string_view name, FunctionId id,
                       std::span<const ValueType> arguments = {}, int variadic = 0,
                       ValueType result = ValueType::vector) {
  return {.name = name, .id = id, .arguments = arguments, .variadic = variadic, .result = result};
}

using Id = FunctionId;
constexpr std::array kFunctions{
    row("rate", Id::rate, kMatrix),
    row("irate", Id::irate, kMatrix),
    row("increase", Id::increase, kMatrix),
    row("delta", Id::delta, kMatrix),
    row("idelta", Id::idelta, kMatrix),
    row("deriv", Id::deriv, kMatrix),
    row("predict_linear", Id::predict_linear, kMatrixScalar),
    row("double_exponential_smoothing", Id::double_exponential_smoothing, kMatrixScalars),
    // The name it had before Prometheus 3; later rows of an id are other names for it.
    row("holt_winters", Id::double_exponential_smoothing, kMatrixScalars),
    row("resets", Id::resets, kMatrix),
    row("changes", Id::changes, kMatrix),
    row("avg_over_time", Id::avg_over_time, kMatrix),
    row("min_over_time", Id::min_over_time, kMatrix),
    row("max_over_time", Id::max_over_time, kMatrix),
    row("sum_over_time", Id::sum_over_time, kMatrix),
    row("count_over_time", Id::count_over_time, kMatrix),
    row("last_over_time", Id::last_over_time, kMatrix),
    row("first_over_time", Id::first_over_time, kMatrix),
    row("present_over_time", Id::present_over_time, kMatrix),
    row("stddev_over_time", Id::stddev_over_time, kMatrix),
    row("stdvar_over_time", Id::stdvar_over_time, kMatrix),
    row("quantile_over_time", Id::quantile_over_time, kScalarMatrix),
    row("mad_over_time", Id::mad_over_time, kMatrix),
    row("absent_over_time", Id::absent_over_time, kMatrix),

    row("abs", Id::abs, kVector),
    row("ceil", Id::ceil, kVector),
    row("floor", Id::floor, kVector),
    row("round", Id::round, kVectorScalar, 1),
    row("sqrt", Id::sqrt, kVector),
    row("exp", Id::exp, kVector),
    row("ln", Id::ln, kVector),
    row("log2", Id::log2, kVector),
    row("log10", Id::log10, kVector),
    row("sgn", Id::sgn, kVector),
    row("clamp", Id::clamp, kVectorScalars),
    row("clamp_min", Id::clamp_min, kVectorScalar),
    row("clamp_max", Id::clamp_max, kVectorScalar),
    row("deg", Id::deg, kVector),
    row("rad", Id::rad, kVector),
    row("sin", Id::sin, kVector),
    row("cos", Id::cos, kVector),
    row("tan", Id::tan, kVector),
    row("asin", Id::asin, kVector),
    row("acos", Id::acos, kVector),
    row("atan", Id::atan, kVector),
    row("sinh", Id::sinh, kVector),
    row("cosh", Id::cosh, kVector),
    row("tanh", Id::tanh, kVector),
    row("asinh", Id::asinh, kVector),
    row("acosh", Id::acosh, kVector),
    row("atanh", Id::atanh, kVector),
    row("timestamp", Id::timestamp, kVector),
    row("minute", Id::minute, kVector, 1),
    row("hour", Id::hour, kVector, 1),
    row("day_of_month", Id::day_of_month, kVector, 1),
    row("day_of_week", Id::day_of_week, kVector, 1),
    row("day_of_year", Id::day_of_year, kVector, 1),
    row("days_in_month", Id::days_in_month, kVector, 1),
    row("month", Id::month, kVector, 1),
    row("year", Id::year, kVector, 1),

    row("label_replace", Id::label_replace, kLabelReplace),
    row("label_join", Id::label_join, kLabelJoin, -1),
    row("absent", Id::absent, kVector),
    row("sort", Id::sort, kVector),
    row("sort_desc", Id::sort_desc, kVector),
    row("sort_by_label", Id::sort_by_label, kVectorString, -1),
    row("sort_by_label_desc", Id::sort_by_label_desc, kVectorString, -1),
    row("histogram_quantile", Id::histogram_quantile, kScalarVector),
    row("scalar", Id::scalar, kVector, 0, ValueType::scalar),
    row("vector", Id::vector, kScalar),
    row("time", Id::time, {}, 0, ValueType::scalar),
    row("pi", Id::pi, {}, 0, ValueType::scalar),
};

}  // namespace

std::string_view to_text(ValueType type) {
  switch (type) {
    case ValueType::scalar:
      return "scalar";
    case ValueType::string:
      return "string";
    case ValueType::vector:
      return "instant vector";
    case ValueType::matrix:
      break;
  }
  return "range vector";
}

std::span<const Function> functions() { return kFunctions; }

const Function* find_function(std::string_view name) {
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const Function& function) { return function.name == name; });
  return found == kFunctions.end() ? nullptr : &*found;
}

}  // namespace volta::promql
