#include "query/function_table.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "query/ast.hpp"
#include "query/parser.hpp"

namespace volta::promql {
namespace {

TEST_CASE("each function is found by its name, and each id has one") {
  std::set<std::string_view> names;
  std::set<FunctionId> ids;
  for (const Function& function : functions()) {
    INFO(function.name);
    CHECK(names.insert(function.name).second);
    CHECK(find_function(function.name) == &function);
    ids.insert(function.id);
  }
  CHECK(ids.size() == static_cast<std::size_t>(FunctionId::pi) + 1);
  CHECK(names.size() == ids.size() + 1);  // with holt_winters
  CHECK(find_function("holt_winters")->id == FunctionId::double_exponential_smoothing);
  CHECK(find_function("Rate") == nullptr);
  CHECK(find_function("") == nullptr);
  CHECK(find_function("sum") == nullptr);
}

// A call with `count` arguments of the kinds that the table asks for.
std::string call_text(const Function& function, std::size_t count) {
  std::string out = std::string(function.name) + '(';
  for (std::size_t i = 0; i < count; ++i) {
    const ValueType type = function.arguments[std::min(i, function.arguments.size() - 1)];
    if (i > 0) out += ", ";
    if (type == ValueType::scalar) out += '1';
    if (type == ValueType::string) out += "\"s\"";
    if (type == ValueType::vector) out += 'v';
    if (type == ValueType::matrix) out += "v[5m]";
  }
  return out + ')';
}

TEST_CASE("the parser takes what the table says, and not one argument more or less") {
  for (const Function& function : functions()) {
    INFO(function.name);
    const std::size_t most = function.arguments.size();
    const std::size_t least = function.variadic == 0 ? most : most - 1;
    for (std::size_t count = least; count <= most; ++count) {
      const auto parsed = parse(call_text(function, count));
      REQUIRE(parsed);
      CHECK(kind_of(**parsed) == function.result);
    }
    if (least > 0) CHECK(!parse(call_text(function, least - 1)));
    if (most > 0)
      CHECK(parse(call_text(function, most + 1)).has_value() == (function.variadic < 0));
    if (most == 0) CHECK(!parse(std::string(function.name) + "(1)"));
  }
}

TEST_CASE("kinds are named as Prometheus does") {
  CHECK(to_text(ValueType::scalar) == "scalar");
  CHECK(to_text(ValueType::string) == "string");
  CHECK(to_text(ValueType::vector) == "instant vector");
  CHECK(to_text(ValueType::matrix) == "range vector");
}

}  // namespace
}  // namespace volta::promql
