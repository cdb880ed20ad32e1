#include "app/query_output.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace volta;

namespace {

std::string table(std::string_view data) {
  const auto text = query_table(boost::json::parse(data));
  return text ? *text : "refused: " + text.error().text;
}

std::string csv(std::string_view data) {
  const auto text = query_csv(boost::json::parse(data));
  return text ? *text : "refused: " + text.error().text;
}

constexpr std::string_view kVector =
    R"({"resultType":"vector","result":[
      {"metric":{"__name__":"up","job":"a,b"},"value":[1795227181.224,"1"]},
      {"metric":{"mode":"=cmd",
                           "job" : "longer"
}
, "value" : [ 1795227181, "NaN" ]
}]
})";
constexpr std::string_view kMatrix =
    R"({"resultType":"matrix","result":[
      {"metric":{},"values":[[1795227180,"1"],[1795227195,"2.5"]]}]})";

}  // namespace

TEST_CASE("a query's answer as a table") {
  CHECK(table(kVector) ==
        "up{job=\"a,b\"}               1\n"
        "{job=\"longer\",mode=\"=cmd\"}  NaN\n");
  CHECK(table(kMatrix) == "{}\n  2026-11-21T02:13:00.000Z  1\n  2026-11-21T02:13:15.000Z  2.5\n");
  CHECK(table(R"({"resultType":"scalar","result":[1795227181,"2"]})") == "2\n");
  CHECK(table(R"({"resultType":"vector","result":[]})") == "no data\n");
}

TEST_CASE("a query's answer as CSV") {
  CHECK(csv(kVector) ==
        "timestamp,__name__,job,mode,value\n"
        "2026-11-21T02:13:01.224Z,up,\"a,b\",,1\n"
        "2026-11-21T02:13:01.000Z,,longer,'=cmd,NaN\n");
  CHECK(csv(kMatrix) ==
        "timestamp,value\n2026-11-21T02:13:00.000Z,1\n2026-11-21T02:13:15.000Z,2.5\n");
}

TEST_CASE("what is no answer of Prometheus' API is refused") {
  for (const std::string_view data :
       {"[]", "{}", R"({"resultType":"vector"})", R"({"resultType":1,"result":[]})",
        R"({"resultType":"vector","result":[{"metric":{}}]})",
        R"({"resultType":"vector","result":[{"metric":{},"values":[]}]})",
        R"({"resultType":"vector","result":[{"metric":{},"values":[[1,"2"]]}]})",
        R"({"resultType":"matrix","result":[{"metric":{},"value":[1,"2"]}]})",
        R"({"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"2"]}]})",
        R"({"resultType":"vector","result":[{"metric":{},"value":[1,2]}]})",
        R"({"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"2"]]}]})"}) {
    CAPTURE(data);
    CHECK(table(data).starts_with("refused: "));
    CHECK(csv(data).starts_with("refused: "));
  }
}
